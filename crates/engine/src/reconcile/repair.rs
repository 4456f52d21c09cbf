//! Repair: plans what puts drift right, the master deciding, and journals it for the road to carry out.

use super::compare::{Class, Difference};
use crate::core::Core;
use crate::engine::Engine;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::record::RecordId;
use duet_map::side::Side;
use duet_store::change::{Amendment, ChangeKind, NewChange, Origin};
use duet_store::store::Capture;
use serde::Serialize;

/// What a repair does about one difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The fields are written as this side has them.
    Write {
        /// The side whose values stand.
        from: Side,
    },
    /// The missing record is created.
    Create {
        /// The side that lacks it.
        on: Side,
    },
    /// The other record is deleted, too.
    Delete {
        /// The side that still has it.
        on: Side,
    },
    /// Nothing, and why.
    Skip {
        /// Why, and what would do it.
        why: String,
    },
}

/// One step of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What differs.
    pub difference: Difference,
    /// What is done about it.
    pub action: Action,
}

impl Engine {
    /// What would put drift right, the master deciding. Nothing is deleted unless `delete`.
    pub fn plan_repair(&self, differences: &[Difference], delete: bool) -> Vec<Step> {
        let maps = self.core.project.maps();
        let drift = differences.iter().filter(|one| one.class == Class::Drift);
        drift
            .filter_map(|difference| {
                let map = maps.iter().find(|map| map.id() == difference.map)?;
                Some(Step {
                    action: action(map, difference, delete),
                    difference: difference.clone(),
                })
            })
            .collect()
    }

    /// Journals what the steps ask for. Returns how many changes that were; an engine that runs, or
    /// [`Engine::apply_pending`], carries them out.
    pub async fn journal_repair(&self, steps: &[Step]) -> Result<u64, EngineError> {
        let mut journaled = 0;
        for step in steps {
            let Some(map) = self
                .core
                .project
                .maps()
                .iter()
                .find(|map| map.id() == step.difference.map)
            else {
                continue;
            };
            let change = self.core.repairing(map, step).await?;
            journaled += u64::from(change.is_some());
            self.core
                .journal(Capture {
                    changes: change.into_iter().collect(),
                    ..Capture::default()
                })
                .await?;
            self.core.settings.failpoints.reach("repair-journaled");
        }
        Ok(journaled)
    }

    /// Applies what is pending, without reading what is new.
    pub async fn apply_pending(&self) -> Result<(), EngineError> {
        self.drain_all().await?;
        Ok(())
    }
}

/// What puts one difference right.
fn action(map: &CompiledMap, difference: &Difference, delete: bool) -> Action {
    let master = map.master();
    match difference.missing {
        None => {
            let flows = difference
                .units
                .iter()
                .any(|field| map.field_flows(field, master));
            let from = if flows { master } else { master.other() };
            Action::Write { from }
        }
        Some(side) if side == master && difference.paired => {
            if delete {
                return Action::Delete { on: side.other() };
            }
            Action::Skip {
                why: format!(
                    "it was deleted on the {side} side, the master; --delete deletes it on the other"
                ),
            }
        }
        Some(side) => Action::Create { on: side },
    }
}

impl Core {
    /// The change that carries a step out; none where nothing is to be done any more.
    async fn repairing(
        &self,
        map: &CompiledMap,
        step: &Step,
    ) -> Result<Option<NewChange>, EngineError> {
        let difference = &step.difference;
        let (side, deletes, recreate) = match &step.action {
            Action::Write { from } => (*from, false, false),
            Action::Create { on } => (on.other(), false, true),
            Action::Delete { on } => (on.other(), true, false),
            Action::Skip { .. } => return Ok(None),
        };
        let tick = self.tick().await?;
        let change = |record: RecordId, kind: ChangeKind, amendment: Amendment| NewChange {
            map: map.id().to_owned(),
            side,
            key: difference.key.clone(),
            record,
            kind,
            tick,
            origin: Origin::Sweep,
            amendment,
        };
        if deletes {
            let amendment = Amendment {
                confirmed: true,
                ..Amendment::default()
            };
            let record = difference.records[side].clone();
            return Ok(record.map(|record| change(record, ChangeKind::Delete, amendment)));
        }
        let Some(id) = difference.records[side].clone() else {
            return Ok(None);
        };
        let read = self.systems[side]
            .fetch(
                map.table(side),
                map.columns(side),
                std::slice::from_ref(&id),
            )
            .await
            .map_err(|error| self.failed(side, format!("read {}", map.table(side)), error))?;
        let Some(record) = read.into_iter().flatten().next() else {
            return Ok(None);
        };
        let kind = ChangeKind::Upsert {
            row: record.row,
            version: record.version,
            modified: record.modified,
            by: record.modified_by,
        };
        let amendment = Amendment {
            repair: true,
            recreate,
            ..Amendment::default()
        };
        Ok(Some(change(id, kind, amendment)))
    }
}
