//! A cursor over text, which the hand-written parsers of this crate share.

use crate::ParseError;

/// Walks through `text` character by character; never leaves a character boundary.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    pos: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, pos: 0 }
    }

    /// Bytes consumed so far.
    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    /// Goes back to a place that [`pos`](Self::pos) returned earlier.
    pub(crate) fn reset(&mut self, pos: usize) {
        self.pos = pos;
    }

    /// The text between an earlier place and here.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.pos).unwrap_or_default()
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.pos >= self.text.len()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.pos += next.len_utf8();
        Some(next)
    }

    /// Consumes `wanted` if it stands here.
    pub(crate) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.pos += wanted.len_utf8();
        }
        found
    }

    /// Consumes `wanted` if it stands here, letter case included.
    pub(crate) fn eat_str(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.pos += wanted.len();
        }
        found
    }

    /// Consumes characters while they satisfy `wanted` and returns them.
    pub(crate) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let start = self.pos;
        while let Some(next) = self.peek() {
            if !wanted(next) {
                break;
            }
            self.pos += next.len_utf8();
        }
        self.since(start)
    }

    /// Skips blanks and says whether there were any.
    pub(crate) fn skip_blanks(&mut self) -> bool {
        !self.take_while(|c| c == ' ' || c == '\t').is_empty()
    }

    /// Consumes an `odataIdentifier`: a letter or underscore, then letters, digits, underscores.
    pub(crate) fn identifier(&mut self) -> Option<&'a str> {
        if !self.peek().is_some_and(is_identifier_start) {
            return None;
        }
        Some(self.take_while(is_identifier_part))
    }

    pub(crate) fn expect(&mut self, wanted: char) -> Result<(), ParseError> {
        if self.eat(wanted) {
            Ok(())
        } else {
            Err(self.error(format!("expected `{wanted}`")))
        }
    }

    pub(crate) fn expect_end(&self) -> Result<(), ParseError> {
        if self.is_done() {
            Ok(())
        } else {
            Err(self.error("expected the end of the text"))
        }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(self.pos, message)
    }
}

pub(crate) fn is_identifier_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

pub(crate) fn is_identifier_part(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
