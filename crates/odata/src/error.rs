//! The one error of every parser in this crate: where it stopped, and what it wanted there.

/// Text that is not what the grammar asks for.
///
/// `offset` counts bytes from the start of the text that was given to the parser, so a caller can
/// put a caret under it. The message never repeats the text itself: it may hold row values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at offset {offset}: {message}")]
pub struct ParseError {
    /// Bytes from the start of the input to the place that could not be read.
    pub offset: usize,
    /// What was expected there, or what is wrong with it.
    pub message: String,
}

impl ParseError {
    /// An error at `offset` with a message for the person who wrote the text.
    pub fn new(offset: usize, message: impl Into<String>) -> Self {
        Self {
            offset,
            message: message.into(),
        }
    }

    /// The same error in a text that holds the parsed one from byte `start` on.
    #[must_use]
    pub fn shifted(mut self, start: usize) -> Self {
        self.offset = self.offset.saturating_add(start);
        self
    }
}
