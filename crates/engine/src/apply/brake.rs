//! The brake on mass deletions: so many within a while wait for a person.

use super::intake::Arrival;
use super::{ended, parked};
use crate::core::Core;
use crate::error::EngineError;
use crate::settings::Settings;
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::file::Deletes;
use duet_map::side::Side;
use duet_store::change::ParkReason;
use duet_store::pair::PairState;
use duet_store::settlement::Settlement;
use jiff::{SignedDuration, Timestamp};

/// How many deletions of a map's side may pass without a person.
pub(crate) struct Brake {
    /// Pairs at the beginning of the window.
    of: u64,
    /// How many deletions may pass within it.
    most: u64,
    /// How many did.
    passed: u64,
}

impl Brake {
    fn new(settings: &Settings, pairs: u64, passed: u64) -> Self {
        let of = pairs.saturating_add(passed);
        Self {
            of,
            most: most(settings, of),
            passed,
        }
    }

    /// How many more may pass.
    pub(crate) const fn room(&self) -> u64 {
        self.most.saturating_sub(self.passed)
    }

    /// What it holds, in words.
    pub(crate) fn told(&self) -> String {
        format!("more than {} of {}", self.most, self.of)
    }
}

/// How many of so many records may be deleted within the window.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count need not be exact"
)]
fn most(settings: &Settings, records: u64) -> u64 {
    let share = (records as f64 * settings.delete_brake) as u64;
    let small = (records / 2).max(settings.delete_few);
    share.max(settings.delete_floor.min(small))
}

impl Core {
    /// The brake of a map's side as it stands now.
    pub(crate) async fn brake(&self, map: &str, side: Side) -> Result<Brake, EngineError> {
        let window = SignedDuration::try_from(self.settings.delete_window).unwrap_or_default();
        let since = self.clock.now().checked_sub(window);
        let since = since.unwrap_or(Timestamp::MIN);
        let passed = self.store.passed_deletions(map, side, since).await?;
        let pairs = self.store.count_pairs(map).await?;
        Ok(Brake::new(&self.settings, pairs, passed))
    }

    /// Parks deletions while more of them stand in the journal than the brake lets pass, those counted
    /// that passed not long ago, until a person confirms them.
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
            let brake = self.brake(map.id(), side).await?;
            let limit = brake.room().saturating_add(1);
            let waiting = self
                .store
                .unconfirmed_deletions(map.id(), side, limit)
                .await?;
            if waiting <= brake.room() {
                continue;
            }
            let (stopped, free): (Vec<_>, Vec<_>) = arrivals.drain(..).partition(braked);
            *arrivals = free;
            for arrival in stopped {
                let message = format!(
                    "{} records of {} were deleted on the {side} side at once or one soon after the \
                     other; confirm with `duet deletes confirm`, or discard the deletions",
                    brake.told(),
                    map.table(side)
                );
                let outcome = parked(ParkReason::MassDelete, Code(2122), message);
                settlements.push(ended(&arrival.change, outcome));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_many_half_of_few_and_always_a_handful() {
        let settings = Settings::default();
        for (records, passes) in [
            (0, 5),
            (1, 5),
            (10, 5),
            (15, 7),
            (40, 20),
            (150, 20),
            (1_000, 100),
        ] {
            assert_eq!(most(&settings, records), passes, "of {records}");
        }
    }

    #[test]
    fn what_passed_takes_room_and_counts_as_there() {
        let brake = Brake::new(&Settings::default(), 35, 15);
        assert_eq!(brake.room(), 5);
        assert_eq!(brake.told(), "more than 20 of 50");
    }
}
