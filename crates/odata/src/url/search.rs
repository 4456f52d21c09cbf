//! `$search`: words and phrases with `AND`, `OR` and `NOT`.

use std::fmt::{self, Display, Formatter};

use crate::ParseError;
use crate::scan::Scanner;

/// A search; `NOT` binds tighter than `AND`, `AND` tighter than `OR`.
///
/// ```
/// use duet_odata::url::Search;
///
/// let search = Search::parse(r#"mountain bike OR NOT "city light""#)?;
/// assert_eq!(search.to_string(), r#"mountain AND bike OR NOT "city light""#);
/// assert!(search.matches(&["Mountain Bike 200"]));
/// assert!(!search.matches(&["City Light"]));
/// # Ok::<(), duet_odata::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// A word.
    Word(String),
    /// Words that stand together.
    Phrase(String),
    /// What must not be found.
    Not(Box<Search>),
    /// What must all be found; two or more.
    And(Vec<Search>),
    /// What must be found at least once; two or more.
    Or(Vec<Search>),
}

/// Parentheses inside parentheses, so deep.
const MAX_DEPTH: usize = 64;

impl Search {
    /// Reads a search that fills the whole text, already percent-decoded.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut scanner = Scanner::new(text);
        let search = any(&mut scanner, 0)?;
        scanner.expect_end()?;
        Ok(search)
    }

    /// Whether the search finds a row in its texts; letter case does not matter.
    pub fn matches(&self, texts: &[&str]) -> bool {
        match self {
            Self::Word(wanted) | Self::Phrase(wanted) => {
                let wanted = wanted.to_lowercase();
                texts
                    .iter()
                    .any(|text| text.to_lowercase().contains(&wanted))
            }
            Self::Not(inner) => !inner.matches(texts),
            Self::And(all) => all.iter().all(|inner| inner.matches(texts)),
            Self::Or(any) => any.iter().any(|inner| inner.matches(texts)),
        }
    }

    fn precedence(&self) -> u8 {
        match self {
            Self::Or(_) => 1,
            Self::And(_) => 2,
            Self::Not(_) => 3,
            Self::Word(_) | Self::Phrase(_) => 4,
        }
    }
}

fn any(scanner: &mut Scanner<'_>, depth: usize) -> Result<Search, ParseError> {
    let mut found = vec![all(scanner, depth)?];
    while operator(scanner, "OR") {
        found.push(all(scanner, depth)?);
    }
    Ok(if found.len() == 1 {
        found.remove(0)
    } else {
        Search::Or(found)
    })
}

fn all(scanner: &mut Scanner<'_>, depth: usize) -> Result<Search, ParseError> {
    let mut found = vec![one(scanner, depth)?];
    loop {
        scanner.skip_blanks();
        let goes_on = operator(scanner, "AND") || !(at_end(scanner) || at_word(scanner, "OR"));
        if !goes_on {
            break;
        }
        found.push(one(scanner, depth)?);
    }
    Ok(if found.len() == 1 {
        found.remove(0)
    } else {
        Search::And(found)
    })
}

fn at_end(scanner: &Scanner<'_>) -> bool {
    matches!(scanner.peek(), None | Some(')'))
}

/// Whether this word stands here with more of the search after it; else it is a word to find.
fn at_word(scanner: &Scanner<'_>, word: &str) -> bool {
    let Some(rest) = scanner.rest().strip_prefix(word) else {
        return false;
    };
    let after = rest.trim_start_matches([' ', '\t']);
    after.len() < rest.len() && !after.is_empty() && !after.starts_with(')')
}

fn operator(scanner: &mut Scanner<'_>, word: &str) -> bool {
    scanner.skip_blanks();
    let found = at_word(scanner, word);
    if found {
        scanner.eat_str(word);
        scanner.skip_blanks();
    }
    found
}

fn one(scanner: &mut Scanner<'_>, depth: usize) -> Result<Search, ParseError> {
    scanner.skip_blanks();
    if depth > MAX_DEPTH {
        return Err(scanner.error("this search is nested too deep"));
    }
    if operator(scanner, "NOT") {
        return Ok(Search::Not(Box::new(one(scanner, depth + 1)?)));
    }
    let start = scanner.pos();
    if scanner.eat('(') {
        let inner = any(scanner, depth + 1)?;
        scanner.skip_blanks();
        scanner.expect(')')?;
        return Ok(inner);
    }
    if scanner.eat('"') {
        let text = scanner.take_while(|c| c != '"').to_owned();
        if !scanner.eat('"') {
            return Err(ParseError::new(start, "this phrase has no closing quote"));
        }
        if text.is_empty() {
            return Err(ParseError::new(
                start,
                "expected a phrase between the quotes",
            ));
        }
        return Ok(Search::Phrase(text));
    }
    let word = scanner.take_while(|c| !matches!(c, ' ' | '\t' | '(' | ')' | '"' | ';'));
    if word.is_empty() {
        return Err(scanner.error("expected a word, a phrase or `(`"));
    }
    Ok(Search::Word(word.to_owned()))
}

impl Display for Search {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let operand = |f: &mut Formatter<'_>, inner: &Self, least: u8| {
            if inner.precedence() < least {
                write!(f, "({inner})")
            } else {
                write!(f, "{inner}")
            }
        };
        let chain = |f: &mut Formatter<'_>, items: &[Self], word: &str, own: u8| {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                operand(f, item, own + 1)?;
            }
            Ok(())
        };
        match self {
            // A word that reads as an operator is safe between quotes only.
            Self::Word(word) if matches!(word.as_str(), "AND" | "OR" | "NOT") => {
                write!(f, "\"{word}\"")
            }
            Self::Word(word) => f.write_str(word),
            Self::Phrase(text) => write!(f, "\"{text}\""),
            Self::Not(inner) => {
                f.write_str("NOT ")?;
                operand(f, inner, 3)
            }
            Self::And(items) => chain(f, items, "AND", 2),
            Self::Or(items) => chain(f, items, "OR", 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_bind_as_they_should() {
        for (text, printed) in [
            ("a", "a"),
            ("a b", "a AND b"),
            ("a OR b c", "a OR b AND c"),
            ("(a OR b) c", "(a OR b) AND c"),
            ("NOT a b", "NOT a AND b"),
            ("NOT (a b)", "NOT (a AND b)"),
            ("\"a b\" AND NOT NOT c", "\"a b\" AND NOT NOT c"),
            ("a AND", "a AND \"AND\""),
            ("or", "or"),
            ("a AND \u{b}", "a AND \u{b}"),
        ] {
            let search = Search::parse(text).unwrap();
            assert_eq!(search.to_string(), printed, "{text}");
            assert_eq!(
                Search::parse(printed).unwrap().to_string(),
                printed,
                "{text}"
            );
        }
    }

    #[test]
    fn errors_say_where() {
        for (text, offset) in [
            ("", 0),
            ("(a", 2),
            ("\"a", 0),
            ("a )", 2),
            ("\"\"", 0),
            ("a ;", 2),
        ] {
            assert_eq!(Search::parse(text).unwrap_err().offset, offset, "{text}");
        }
        assert!(Search::parse(&"(".repeat(100_000)).is_err());
        assert!(Search::parse(&"NOT ".repeat(100_000)).is_err());
    }
}
