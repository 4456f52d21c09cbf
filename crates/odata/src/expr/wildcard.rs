//! Patterns inside strings: F&O's `*retail*`, Dataverse's `%`, `_` and `[a-c]`.

/// One step of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Any text, the empty one included.
    Any,
    /// Any one character.
    One,
    /// This character.
    Char(char),
    /// One character that is (or, negated, is not) in one of the ranges.
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// `*` stands for any text; `\*` for itself.
pub(super) fn star(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' => tokens.push(Token::Any),
            '\\' if rest.peek() == Some(&'*') => {
                rest.next();
                tokens.push(Token::Char('*'));
            }
            c => tokens.push(Token::Char(c)),
        }
    }
    tokens
}

/// `%` any text, `_` any character, `[a-c]` and `[^x]` sets; an unclosed `[` stands for itself.
pub(super) fn like(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '%' => tokens.push(Token::Any),
            '_' => tokens.push(Token::One),
            '[' => match rest.split_once(']') {
                Some((inside, after)) => {
                    tokens.push(set(inside));
                    rest = after;
                }
                None => tokens.push(Token::Char('[')),
            },
            c => tokens.push(Token::Char(c)),
        }
    }
    tokens
}

fn set(inside: &str) -> Token {
    let (negated, inside) = match inside.strip_prefix('^') {
        Some(inside) => (true, inside),
        None => (false, inside),
    };
    let chars: Vec<char> = inside.chars().collect();
    let mut ranges = Vec::new();
    let mut rest = chars.as_slice();
    loop {
        rest = match rest {
            [low, '-', high, rest @ ..] => {
                ranges.push((*low, *high));
                rest
            }
            [one, rest @ ..] => {
                ranges.push((*one, *one));
                rest
            }
            [] => break,
        };
    }
    Token::Set { negated, ranges }
}

/// The tokens of a text that stands for itself.
pub(super) fn plain(text: &str) -> Vec<Token> {
    text.chars().map(Token::Char).collect()
}

/// Whether the whole text fits the pattern. Quadratic at worst, never more.
pub(super) fn matches(tokens: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut token) = (0, 0);
    // Where to try again: the token after the last `Any` and the text it has swallowed so far.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(c) = text.get(at) {
        match tokens.get(token) {
            Some(Token::Any) => {
                token += 1;
                retry = Some((token, at));
                continue;
            }
            Some(wanted) if fits(wanted, *c) => {
                at += 1;
                token += 1;
                continue;
            }
            _ => {}
        }
        let Some((after_any, swallowed)) = retry else {
            return false;
        };
        retry = Some((after_any, swallowed + 1));
        token = after_any;
        at = swallowed + 1;
    }
    tokens
        .get(token..)
        .unwrap_or_default()
        .iter()
        .all(|rest| *rest == Token::Any)
}

fn fits(token: &Token, c: char) -> bool {
    match token {
        Token::Any => false,
        Token::One => true,
        Token::Char(wanted) => *wanted == c,
        Token::Set { negated, ranges } => {
            ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
        }
    }
}

/// The pattern for SQL `LIKE … ESCAPE '\'`; `None` if it has sets, which SQL lacks.
pub(super) fn to_sql_like(tokens: &[Token]) -> Option<String> {
    let mut pattern = String::new();
    for token in tokens {
        match token {
            Token::Any => pattern.push('%'),
            Token::One => pattern.push('_'),
            Token::Char(c) => {
                if matches!(c, '%' | '_' | '\\') {
                    pattern.push('\\');
                }
                pattern.push(*c);
            }
            Token::Set { .. } => return None,
        }
    }
    Some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_matches_any_text_in_any_place() {
        for (pattern, text, fits) in [
            ("*retail*", "US retail store", true),
            ("*retail*", "wholesale", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("", "", true),
            ("*", "", true),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
        ] {
            assert_eq!(matches(&star(pattern), text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn like_knows_sets_and_their_negation() {
        for (pattern, text, fits) in [
            ("a_c", "abc", true),
            ("a_c", "ac", false),
            ("[a-c]%", "bob", true),
            ("[a-c]%", "dob", false),
            ("[^a-c]%", "dob", true),
            ("[xyz]", "y", true),
            ("a[b", "a[b", true),
        ] {
            assert_eq!(matches(&like(pattern), text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn sql_pattern_escapes_its_own_signs() {
        assert_eq!(to_sql_like(&star("50%_*")).as_deref(), Some(r"50\%\_%"));
        assert_eq!(to_sql_like(&like("[a]")), None);
    }
}
