//! The short form of a field: `LEFT >< right.path default VALUE else create`.
//!
//! An operand is a column, a lookup path, a quoted constant or `none`; the arrow in the middle is
//! one of Microsoft's six. A quote inside a quoted constant is doubled.

use super::Field;
use crate::side::Side;

/// Which way a field travels; the two-letter arrows carry a transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `=`: both ways as it is.
    Both,
    /// `>`: left to right as it is.
    ToRight,
    /// `<`: right to left as it is.
    ToLeft,
    /// `><`: both ways, transformed.
    BothTransformed,
    /// `>>`: left to right, transformed or a default.
    ToRightTransformed,
    /// `<<`: right to left, transformed or a default.
    ToLeftTransformed,
}

impl Direction {
    /// Every direction.
    pub const ALL: [Self; 6] = [
        Self::Both,
        Self::ToRight,
        Self::ToLeft,
        Self::BothTransformed,
        Self::ToRightTransformed,
        Self::ToLeftTransformed,
    ];

    /// The arrow in map files.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Both => "=",
            Self::ToRight => ">",
            Self::ToLeft => "<",
            Self::BothTransformed => "><",
            Self::ToRightTransformed => ">>",
            Self::ToLeftTransformed => "<<",
        }
    }

    /// The direction with this arrow.
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.symbol() == symbol)
    }

    /// Whether values leave `side` this way.
    pub const fn flows_from(self, side: Side) -> bool {
        match self {
            Self::Both | Self::BothTransformed => true,
            Self::ToRight | Self::ToRightTransformed => matches!(side, Side::Left),
            Self::ToLeft | Self::ToLeftTransformed => matches!(side, Side::Right),
        }
    }

    /// Whether the arrow promises a value map or a default.
    pub const fn is_transformed(self) -> bool {
        matches!(
            self,
            Self::BothTransformed | Self::ToRightTransformed | Self::ToLeftTransformed
        )
    }

    /// The plain arrow that travels the same way, or the transformed one of a plain arrow.
    #[must_use]
    pub const fn counterpart(self) -> Self {
        match self {
            Self::Both => Self::BothTransformed,
            Self::ToRight => Self::ToRightTransformed,
            Self::ToLeft => Self::ToLeftTransformed,
            Self::BothTransformed => Self::Both,
            Self::ToRightTransformed => Self::ToRight,
            Self::ToLeftTransformed => Self::ToLeft,
        }
    }
}

/// What stands on one side of the arrow.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Path(String),
    Constant(String),
    Expression(String),
    None,
}

/// A line that was read: operands and default with the place of each, in characters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) left: (Operand, Part),
    pub(super) direction: Direction,
    pub(super) arrow: Part,
    pub(super) right: (Operand, Part),
    pub(super) default: Option<(String, Part)>,
    /// `else create`, where it stands.
    pub(super) create: Option<Part>,
}

/// Characters of the line: start and length.
pub(super) type Part = (usize, usize);

/// What is wrong with a line, where, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotationError {
    pub(super) part: Part,
    pub(super) message: String,
    pub(super) fix: String,
}

const FORM: &str = "write `LEFT = right`, with one of the arrows `=` `>` `<` `><` `>>` `<<`";

/// Reads a field line.
pub(super) fn read(text: &str) -> Result<Line, NotationError> {
    let tokens = tokens(text)?;
    let end = (text.chars().count(), 1);
    let mut tokens = tokens.into_iter();
    let left = operand(tokens.next(), end)?;
    let (direction, arrow) = match tokens.next() {
        Some((Token::Arrow(symbol), part)) => match Direction::from_symbol(&symbol) {
            Some(direction) => (direction, part),
            None => {
                return Err(error(
                    part,
                    format!("`{symbol}` is no arrow"),
                    "use one of `=` `>` `<` `><` `>>` `<<`",
                ));
            }
        },
        Some((_, part)) => {
            return Err(error(part, "an arrow must stand here".to_owned(), FORM));
        }
        None => return Err(error(end, "the arrow is missing".to_owned(), FORM)),
    };
    let right = operand(tokens.next(), end)?;
    let mut next = tokens.next();
    let default = match &next {
        None => None,
        Some((Token::Word(word), _)) if word == "else" => None,
        Some((Token::Word(word), _)) if word == "default" => match tokens.next() {
            Some((Token::Word(value) | Token::Quoted(value), part)) => {
                next = tokens.next();
                Some((value, part))
            }
            Some((Token::Expression(_), part)) => {
                return Err(error(
                    part,
                    "an expression is no default".to_owned(),
                    "write `(NAME/Duet.or(value='…')) >> name` instead",
                ));
            }
            Some((Token::Arrow(_), part)) => {
                return Err(error(
                    part,
                    "an arrow is no value".to_owned(),
                    "quote the default: `default \"=\"`",
                ));
            }
            None => {
                return Err(error(
                    end,
                    "the default has no value".to_owned(),
                    "write it after `default`, for example `default 0` or `default \"\"`",
                ));
            }
        },
        Some((_, part)) => {
            return Err(error(
                *part,
                "only `default VALUE` or `else create` may follow the right side".to_owned(),
                "for a value map put a colon and the pairs after the line: `A >< b: { no: False }`",
            ));
        }
    };
    let create = match next {
        Some((Token::Word(word), part)) if word == "else" => {
            next = tokens.next();
            match &next {
                Some((Token::Word(word), _)) if word == "create" => {
                    next = tokens.next();
                    Some(part)
                }
                _ => {
                    return Err(error(
                        part,
                        "`else` says what happens where a lookup's record is missing".to_owned(),
                        "write `else create`",
                    ));
                }
            }
        }
        _ => None,
    };
    if let Some((_, part)) = next {
        return Err(error(
            part,
            "the line goes on after its end".to_owned(),
            "quote a default of several words; `else create` stands last",
        ));
    }
    Ok(Line {
        left,
        direction,
        arrow,
        right,
        default,
        create,
    })
}

fn operand(token: Option<(Token, Part)>, end: Part) -> Result<(Operand, Part), NotationError> {
    match token {
        Some((Token::Word(word), part)) if word == "none" => Ok((Operand::None, part)),
        Some((Token::Word(word), part)) => Ok((Operand::Path(word), part)),
        Some((Token::Quoted(text), part)) => Ok((Operand::Constant(text), part)),
        Some((Token::Expression(text), part)) => Ok((Operand::Expression(text), part)),
        Some((Token::Arrow(_), part)) => Err(error(
            part,
            "a column is missing before this arrow".to_owned(),
            FORM,
        )),
        None => Err(error(
            end,
            "a column is missing at the end".to_owned(),
            FORM,
        )),
    }
}

enum Token {
    Word(String),
    Quoted(String),
    /// What stands between the outer parentheses.
    Expression(String),
    Arrow(String),
}

fn tokens(text: &str) -> Result<Vec<(Token, Part)>, NotationError> {
    let letters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        let start = at;
        let token = match letter {
            _ if letter.is_whitespace() => {
                at += 1;
                continue;
            }
            '"' | '\'' => {
                let (text, next) = quoted(&letters, at)?;
                at = next;
                Token::Quoted(text)
            }
            '(' => {
                let (text, next) = parenthesized(&letters, at)?;
                at = next;
                Token::Expression(text)
            }
            '=' | '<' | '>' => {
                let arrow: String = take(&letters, at, |c| matches!(c, '=' | '<' | '>'));
                at += arrow.chars().count();
                Token::Arrow(arrow)
            }
            _ => {
                let word: String = take(&letters, at, |c| {
                    !c.is_whitespace() && !matches!(c, '=' | '<' | '>' | '"' | '\'')
                });
                at += word.chars().count();
                Token::Word(word)
            }
        };
        tokens.push((token, (start, at - start)));
    }
    Ok(tokens)
}

fn take(letters: &[char], from: usize, belongs: impl Fn(&char) -> bool) -> String {
    letters
        .iter()
        .skip(from)
        .copied()
        .take_while(|c| belongs(c))
        .collect()
}

/// The text between the quotes that begin at `from`, and where the line goes on.
fn quoted(letters: &[char], from: usize) -> Result<(String, usize), NotationError> {
    let quote = letters.get(from).copied().unwrap_or('"');
    let mut text = String::new();
    let mut at = from + 1;
    while let Some(&letter) = letters.get(at) {
        if letter != quote {
            text.push(letter);
            at += 1;
        } else if letters.get(at + 1) == Some(&quote) {
            text.push(quote);
            at += 2;
        } else {
            return Ok((text, at + 1));
        }
    }
    Err(error(
        (from, letters.len() - from),
        "this quote is never closed".to_owned(),
        "close it; a quote inside the text is doubled",
    ))
}

/// The text between the parenthesis at `from` and the one that closes it, and where the line goes on.
fn parenthesized(letters: &[char], from: usize) -> Result<(String, usize), NotationError> {
    let mut depth = 0_usize;
    let mut quoted = false;
    for (at, letter) in letters.iter().enumerate().skip(from) {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    let inside = letters.get(from + 1..at).unwrap_or_default();
                    return Ok((inside.iter().collect(), at + 1));
                }
            }
            _ => {}
        }
    }
    Err(error(
        (from, letters.len() - from),
        "this parenthesis is never closed".to_owned(),
        "close it; texts inside an expression stand in single quotes",
    ))
}

fn error(part: Part, message: String, fix: &str) -> NotationError {
    NotationError {
        part,
        message,
        fix: fix.to_owned(),
    }
}

/// Whether a line that names this column reads back as that column.
pub(crate) fn is_column(name: &str) -> bool {
    let one = |tokens: Vec<(Token, Part)>| match tokens.as_slice() {
        [(Token::Word(word), _)] => word == name && word != "none",
        _ => false,
    };
    !name.chars().any(char::is_control) && tokens(name).is_ok_and(one)
}

/// Prints the short form without the value map.
pub(super) fn print(field: &Field) -> String {
    let arrow = field.direction.symbol();
    let default = field.default.as_ref().map_or("", |d| d.value.as_str());
    if let Some(expression) = &field.expression {
        let computed = format!("({})", expression.value);
        return match (&field.left, &field.right) {
            (Some(left), _) => format!("{} {arrow} {computed}", left.value),
            (None, right) => {
                let right = right.as_ref().map_or("none", |right| right.value.as_str());
                format!("{computed} {arrow} {right}")
            }
        };
    }
    match (&field.left, &field.right) {
        (Some(left), Some(right)) => {
            let default = field.default.as_ref().map_or_else(String::new, |default| {
                format!(" default {}", value(&default.value))
            });
            let create = if field.create.is_some() {
                " else create"
            } else {
                ""
            };
            format!("{} {arrow} {}{default}{create}", left.value, right.value)
        }
        (None, Some(right)) => format!("{} {arrow} {}", quote(default), right.value),
        (Some(left), None) => format!("{} {arrow} {}", left.value, quote(default)),
        (None, None) => format!("none {arrow} none"),
    }
}

/// A value after `default`: bare where it is one plain word.
fn value(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        quote(text)
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Operand {
        Operand::Path(text.to_owned())
    }

    #[test]
    fn every_arrow_is_read() {
        for direction in Direction::ALL {
            let line = read(&format!("A {} b.c", direction.symbol())).unwrap();
            assert_eq!(line.direction, direction);
            assert_eq!((line.left.0, line.right.0), (path("A"), path("b.c")));
            assert_eq!(direction.counterpart().counterpart(), direction);
        }
    }

    #[test]
    fn spaces_around_the_arrow_are_free() {
        let line = read("A><b").unwrap();
        assert_eq!(line.direction, Direction::BothTransformed);
        assert_eq!(line.right, (path("b"), (3, 1)));
    }

    #[test]
    fn what_a_line_reads_otherwise_is_no_column() {
        for name in [
            "ACCOUNTNUM",
            "a.b",
            "d\u{e9}j\u{e0}",
            "x(y",
            "else",
            "default",
        ] {
            assert!(is_column(name), "{name}");
            let line = read(&format!("{name} = {name}")).unwrap();
            assert_eq!((line.left.0, line.right.0), (path(name), path(name)));
        }
        for name in ["", "none", "a b", "(", "(a)", "\"a\"", "a=b", "'", "a\u{7}"] {
            assert!(!is_column(name), "{name}");
        }
    }

    #[test]
    fn constants_and_defaults_keep_their_text() {
        let line = read(r#""say ""hi""" >> b"#).unwrap();
        assert_eq!(line.left.0, Operand::Constant("say \"hi\"".to_owned()));
        let line = read("A << 'en-us'").unwrap();
        assert_eq!(line.right.0, Operand::Constant("en-us".to_owned()));
        let line = read("A >> b default 0").unwrap();
        assert_eq!(line.default, Some(("0".to_owned(), (15, 1))));
        let line = read("A >> b.c default 0 else create").unwrap();
        assert_eq!(line.default, Some(("0".to_owned(), (17, 1))));
        assert_eq!(line.create, Some((19, 4)));
    }

    #[test]
    fn a_broken_line_says_where_and_how() {
        let told = |text: &str| {
            let error = read(text).unwrap_err();
            format!("{:?} {}; {}", error.part, error.message, error.fix)
        };
        insta::assert_snapshot!(
            [
                told("A b"),
                told("A =="),
                told("A <> b"),
                told("= b"),
                told("A"),
                told("A >> b defualt 1"),
                told("A >> b default"),
                told("A >> b default 1 2"),
                told("A >> b else park"),
                told("A << \"open"),
            ]
            .join("\n"),
            @r#"
        (2, 1) an arrow must stand here; write `LEFT = right`, with one of the arrows `=` `>` `<` `><` `>>` `<<`
        (2, 2) `==` is no arrow; use one of `=` `>` `<` `><` `>>` `<<`
        (2, 2) `<>` is no arrow; use one of `=` `>` `<` `><` `>>` `<<`
        (0, 1) a column is missing before this arrow; write `LEFT = right`, with one of the arrows `=` `>` `<` `><` `>>` `<<`
        (1, 1) the arrow is missing; write `LEFT = right`, with one of the arrows `=` `>` `<` `><` `>>` `<<`
        (7, 7) only `default VALUE` or `else create` may follow the right side; for a value map put a colon and the pairs after the line: `A >< b: { no: False }`
        (14, 1) the default has no value; write it after `default`, for example `default 0` or `default ""`
        (17, 1) the line goes on after its end; quote a default of several words; `else create` stands last
        (7, 4) `else` says what happens where a lookup's record is missing; write `else create`
        (5, 5) this quote is never closed; close it; a quote inside the text is doubled
        "#
        );
    }
}
