//! Cuts text at separators that stand outside of quotes and parentheses.

/// The pieces of `text` between `separator`s at the top level, each with its offset.
pub(super) fn split(text: &str, separator: char) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut state = State::default();
    for (at, c) in text.char_indices() {
        if state.is_top() && c == separator {
            pieces.push((start, text.get(start..at).unwrap_or_default()));
            start = at + c.len_utf8();
        }
        state.take(c);
    }
    pieces.push((start, text.get(start..).unwrap_or_default()));
    pieces
}

/// The byte after the `)` that closes the `(` at the start of `text`.
pub(super) fn closing(text: &str) -> Option<usize> {
    let mut state = State::default();
    for (at, c) in text.char_indices() {
        state.take(c);
        if state.is_top() {
            return Some(at + c.len_utf8());
        }
    }
    None
}

#[derive(Default)]
struct State {
    open: usize,
    quote: Option<char>,
    escaped: bool,
}

impl State {
    fn is_top(&self) -> bool {
        self.open == 0 && self.quote.is_none()
    }

    fn take(&mut self, c: char) {
        match self.quote {
            // A doubled single quote closes and opens again, which comes to the same.
            Some('"') if self.escaped => self.escaped = false,
            Some('"') if c == '\\' => self.escaped = true,
            Some(quote) if quote == c => self.quote = None,
            Some(_) => {}
            None => match c {
                '\'' | '"' => self.quote = Some(c),
                '(' | '[' | '{' => self.open += 1,
                ')' | ']' | '}' => self.open = self.open.saturating_sub(1),
                _ => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_inside_quotes_and_parentheses_do_not_count() {
        let pieces: Vec<&str> = split("a('x,y'),b(c,d),'it''s,e'", ',')
            .into_iter()
            .map(|(_, piece)| piece)
            .collect();
        assert_eq!(pieces, ["a('x,y')", "b(c,d)", "'it''s,e'"]);
        assert_eq!(closing("(a(')')) rest"), Some(8));
        assert_eq!(closing("(a"), None);
    }
}
