//! What stops the engine as a whole. What stops one change parks that change instead.

use duet_map::diagnostic::Code;
use duet_map::side::Side;
use duet_store::StoreError;
use duet_systems::SystemError;

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A system failed in a way that waiting does not mend.
    #[error("the {side} side ({name}) {doing}: {source}")]
    System {
        /// The side.
        side: Side,
        /// The connection's name.
        name: String,
        /// What was being done.
        doing: String,
        /// The cause.
        #[source]
        source: Box<SystemError>,
    },
}

impl EngineError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::System { source, .. } => source.code,
        }
    }
}
