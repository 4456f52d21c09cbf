//! Webhook steps: who wants to hear of which writes (protocol reference A15).

use crate::counters::WriteKind;

/// The registered steps.
#[derive(Debug, Default)]
pub(super) struct Steps {}

impl Steps {
    /// Whether some step listens to writes of a kind to a table.
    #[expect(clippy::unused_self, reason = "filled in next")]
    pub(super) fn watch(&self, _table: &str, _kind: WriteKind) -> bool {
        false
    }
}
