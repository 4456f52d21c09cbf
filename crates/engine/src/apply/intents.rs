//! Intents: what is about to be sent is durable before it goes.
//!
//! A process may end, and an answer may get lost, between a write and its settlement. Then the intent
//! is all that tells this write from a person's edit; [`super::unknown`] reads it.

use super::deliver::Ready;
use crate::core::Core;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::side::Side;
use duet_store::intent::{Intent, Sent};
use duet_systems::Write;

impl Core {
    /// Makes durable what is about to be sent to one side, in one transaction.
    pub(super) async fn declare_intents(
        &self,
        map: &CompiledMap,
        to: Side,
        ready: &[Ready],
    ) -> Result<(), EngineError> {
        let at = self.clock.now();
        let intents = ready.iter().map(|one| {
            let change = &one.errand.change;
            Intent {
                seq: change.seq,
                map: map.id().to_owned(),
                key: change.change.key.clone(),
                to,
                source: change.change.record.clone(),
                sent: sent(&one.write),
                at,
            }
        });
        self.settings.failpoints.reach("before-intents");
        self.store.add_intents(intents.collect()).await?;
        self.settings.failpoints.reach("after-intents");
        Ok(())
    }
}

fn sent(write: &Write) -> Sent {
    match write {
        Write::Create { id, row } => Sent::Create {
            id: id.clone(),
            row: row.clone(),
        },
        Write::Update {
            id,
            row,
            if_version,
        } => Sent::Update {
            id: id.clone(),
            row: row.clone(),
            version: if_version.as_ref().map(|version| version.tag.clone()),
        },
        Write::Delete { id, .. } => Sent::Delete { id: id.clone() },
    }
}
