//! Text patterns: what `like "A*"`, `startswith`, `contains` and their kin look for.

use odata::Literal;
use odata::expr::{BinaryOp, Expr, Function};

/// A pattern as pieces between wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// This text.
    Text(String),
    /// Any one character.
    One,
    /// Any number of characters.
    Many,
}

impl Pattern {
    /// Reads X++ wildcards: `*` is any text, `?` any one character.
    pub(crate) fn from_wildcards(text: &str) -> Self {
        let mut pieces = Vec::new();
        for letter in text.chars() {
            match letter {
                '*' => {
                    if pieces.last() != Some(&Piece::Many) {
                        pieces.push(Piece::Many);
                    }
                }
                '?' => pieces.push(Piece::One),
                letter => push(&mut pieces, letter),
            }
        }
        Self(pieces)
    }

    /// The same pattern in X++ wildcards, unless its text holds a wildcard sign itself.
    pub(crate) fn to_wildcards(&self) -> Option<String> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) if text.contains(['*', '?']) => return None,
                Piece::Text(text) => out.push_str(text),
                Piece::One => out.push('?'),
                Piece::Many => out.push('*'),
            }
        }
        Some(out)
    }

    /// The condition on a column, by the plainest function that says it.
    pub(crate) fn into_expr(self, column: &str) -> Expr {
        let (function, text) = match self.0.as_slice() {
            [] => return equal(column, ""),
            [Piece::Text(text)] => return equal(column, text),
            [Piece::Text(text), Piece::Many] => (Function::StartsWith, text.clone()),
            [Piece::Many, Piece::Text(text)] => (Function::EndsWith, text.clone()),
            [Piece::Many, Piece::Text(text), Piece::Many] => (Function::Contains, text.clone()),
            pieces => (Function::MatchesPattern, expression(pieces)),
        };
        Expr::Call {
            function,
            args: vec![Expr::property(column), Expr::Literal(Literal::String(text))],
        }
    }

    /// The pattern that a function's argument stands for; `None` for a regular expression beyond
    /// wildcards.
    pub(crate) fn of_call(function: Function, text: &str) -> Option<Self> {
        let literal = || Piece::Text(text.to_owned());
        match function {
            Function::StartsWith => Some(Self(vec![literal(), Piece::Many])),
            Function::EndsWith => Some(Self(vec![Piece::Many, literal()])),
            Function::Contains => Some(Self(vec![Piece::Many, literal(), Piece::Many])),
            Function::MatchesPattern => pieces_of(text).map(Self),
            _ => None,
        }
    }

    /// The same pattern in lower case, to be matched against lower case.
    pub(crate) fn folded(self) -> Self {
        let fold = |piece| match piece {
            Piece::Text(text) => Piece::Text(text.to_lowercase()),
            other => other,
        };
        Self(self.0.into_iter().map(fold).collect())
    }

    /// Whether the whole text is as the pattern says.
    pub(crate) fn matches(&self, text: &str) -> bool {
        // The usual two-cursor match: on a mismatch, let the last `*` take one character more.
        let letters: Vec<char> = text.chars().collect();
        let wanted: Vec<Option<Option<char>>> = self
            .0
            .iter()
            .flat_map(|piece| -> Vec<Option<Option<char>>> {
                match piece {
                    Piece::Text(text) => text.chars().map(|c| Some(Some(c))).collect(),
                    Piece::One => vec![Some(None)],
                    Piece::Many => vec![None],
                }
            })
            .collect();
        let (mut at, mut want) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while at < letters.len() {
            match wanted.get(want) {
                Some(None) => {
                    retry = Some((at, want));
                    want += 1;
                }
                Some(Some(letter)) if letter.is_none_or(|c| c == letters[at]) => {
                    at += 1;
                    want += 1;
                }
                _ => match retry {
                    Some((from, star)) => {
                        at = from + 1;
                        want = star + 1;
                        retry = Some((at, star));
                    }
                    None => return false,
                },
            }
        }
        wanted[want..].iter().all(Option::is_none)
    }
}

fn push(pieces: &mut Vec<Piece>, letter: char) {
    if let Some(Piece::Text(text)) = pieces.last_mut() {
        text.push(letter);
    } else {
        pieces.push(Piece::Text(letter.to_string()));
    }
}

fn equal(column: &str, text: &str) -> Expr {
    let text = Expr::Literal(Literal::String(text.to_owned()));
    Expr::binary(BinaryOp::Eq, Expr::property(column), text)
}

/// The signs that a regular expression reads as more than themselves.
const SPECIAL: &str = r"\.+*?()|[]{}^$";

fn expression(pieces: &[Piece]) -> String {
    let mut out = String::from("^");
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                for letter in text.chars() {
                    if SPECIAL.contains(letter) {
                        out.push('\\');
                    }
                    out.push(letter);
                }
            }
            Piece::One => out.push('.'),
            Piece::Many => out.push_str(".*"),
        }
    }
    out.push('$');
    out
}

/// Reads back what [`expression`] writes.
fn pieces_of(expression: &str) -> Option<Vec<Piece>> {
    let inner = expression.strip_prefix('^')?.strip_suffix('$')?;
    let mut pieces = Vec::new();
    let mut letters = inner.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => push(
                &mut pieces,
                letters.next().filter(|c| SPECIAL.contains(*c))?,
            ),
            '.' if letters.next_if_eq(&'*').is_some() => pieces.push(Piece::Many),
            '.' => pieces.push(Piece::One),
            special if SPECIAL.contains(special) => return None,
            plain => push(&mut pieces, plain),
        }
    }
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_match_as_people_expect() {
        for (pattern, text, expected) in [
            ("A*", "Abc", true),
            ("A*", "bA", false),
            ("*A", "bA", true),
            ("*A*", "xAy", true),
            ("A?C", "ABC", true),
            ("A?C", "AC", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(
                Pattern::from_wildcards(pattern).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }

    proptest! {
        #[test]
        fn an_expression_reads_back(text in "[a-c.*?\\\\$^]{0,8}") {
            let pattern = Pattern::from_wildcards(&text);
            prop_assert_eq!(pieces_of(&expression(&pattern.0)), Some(pattern.0.clone()));
        }
    }
}
