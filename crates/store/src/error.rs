//! What can go wrong with the store.

use duet_map::diagnostic::Code;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process drives this store.
    #[error(
        "DUET4001: another duet process is working on {path}; stop it first, or use a second store"
    )]
    InUse {
        /// The store.
        path: String,
    },
    /// The store was written by a newer release.
    #[error(
        "DUET4002: {path} has format {found}, this release reads up to {known}; use a newer release"
    )]
    TooNew {
        /// The store.
        path: String,
        /// Its format.
        found: u32,
        /// The newest format that this release knows.
        known: u32,
    },
    /// The store was written by an older release and is opened for reading only.
    #[error(
        "DUET4005: {path} has format {found}, this release reads format {known}; \
         start `duet run` once, which brings the store up to date"
    )]
    TooOld {
        /// The store.
        path: String,
        /// Its format.
        found: u32,
        /// The format that this release reads.
        known: u32,
    },
    /// The file is something else.
    #[error("DUET4006: {path} is not a store of Duet and stays untouched; name another file")]
    NotAStore {
        /// The file.
        path: String,
    },
    /// The database failed.
    #[error("DUET4003: the store failed to {doing}; nothing of it was stored")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no room left.
    #[error(
        "DUET4120: there is no room left to {doing}, and nothing of it was stored; \
         free disk space or raise `store-at-most` in duet.yaml"
    )]
    Full {
        /// What was being done.
        doing: &'static str,
    },
    /// Something stored does not read back.
    #[error("DUET4004: {what} in the store does not read back; restore the store from a backup")]
    Corrupt {
        /// What.
        what: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// The stable code.
    pub const fn code(&self) -> Code {
        Code(match self {
            Self::InUse { .. } => 4001,
            Self::TooNew { .. } => 4002,
            Self::Database { .. } => 4003,
            Self::Corrupt { .. } => 4004,
            Self::TooOld { .. } => 4005,
            Self::NotAStore { .. } => 4006,
            Self::Full { .. } => 4120,
        })
    }
}
