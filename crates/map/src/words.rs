//! Small matters of English in messages.

/// The word with its indefinite article: `a text`, `an option set`.
pub(crate) fn a(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {word}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_option_set_is_not_a_option_set() {
        assert_eq!(super::a("option set"), "an option set");
        assert_eq!(
            super::a("text of at most 5 characters"),
            "a text of at most 5 characters"
        );
    }
}
