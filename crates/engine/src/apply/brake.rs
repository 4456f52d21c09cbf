//! The brake on mass deletions: so many at once wait for a person.

use super::intake::Arrival;
use super::{ended, parked};
use crate::core::Core;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::file::Deletes;
use duet_map::side::Side;
use duet_store::change::ParkReason;
use duet_store::pair::PairState;
use duet_store::settlement::Settlement;

impl Core {
    /// Parks deletions while more of them stand in the journal than the brake lets pass, until a
    /// person confirms them.
    pub(super) async fn brake_deletions(
        &self,
        map: &CompiledMap,
        arrivals: &mut Vec<Arrival>,
        settlements: &mut Vec<Settlement>,
    ) -> Result<(), EngineError> {
        if map.deletes() == Deletes::Ignore {
            return Ok(());
        }
        for side in Side::BOTH {
            let braked = |arrival: &Arrival| {
                arrival.change.change.side == side
                    && arrival.row.is_none()
                    && !arrival.change.change.amendment.confirmed
                    && arrival
                        .pair
                        .as_ref()
                        .is_some_and(|pair| pair.body.state == PairState::Linked)
            };
            if !arrivals.iter().any(braked) {
                continue;
            }
            let brake = self.brake(self.store.count_pairs(map.id()).await?);
            let waiting = self
                .store
                .unconfirmed_deletions(map.id(), side, brake.saturating_add(1))
                .await?;
            if waiting <= brake {
                continue;
            }
            let (stopped, free): (Vec<_>, Vec<_>) = arrivals.drain(..).partition(braked);
            *arrivals = free;
            for arrival in stopped {
                let message = format!(
                    "more than {brake} records of {} were deleted on the {side} side at once; \
                     confirm with `duet deletes confirm`, or discard the deletions",
                    map.table(side)
                );
                let outcome = parked(ParkReason::MassDelete, Code(2122), message);
                settlements.push(ended(&arrival.change, outcome));
            }
        }
        Ok(())
    }
}
