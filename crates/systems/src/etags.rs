//! What a connector makes of `ETag`s.

/// What to do with `ETag`s. That a service refuses a stale one has to be known, not hoped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Etags {
    /// They are sent and relied upon.
    Trusted,
    /// They are sent, and a record is read again before it is written all the same.
    #[default]
    Sent,
    /// They are not sent.
    Off,
}
