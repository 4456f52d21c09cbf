//! Deliver: check, merge and write, until the other side has it or says why not.
//!
//! A write names the version it was merged against. When the other side has moved meanwhile, the
//! record is read and merged again; nothing is written over what nobody has seen.

use super::contest::remember;
use super::settle::{End, Landing};
use super::target::Target;
use super::{Errand, Upsert, Wish, parked, passes, renaming};
use crate::core::Core;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::merge::Merged;
use duet_map::record::Key;
use duet_map::side::Side;
use duet_store::change::{ChangeKind, NewChange, ParkReason};
use duet_store::settlement::{Outcome, Settlement};
use duet_store::store::Capture;
use duet_systems::{Class, SystemError, Write, Written};
use jiff::SignedDuration;
use std::time::Duration;

/// How often a record that keeps moving is merged again before it waits its turn.
const MERGES: usize = 4;

/// An errand and how its target stands.
pub(super) struct Situation {
    pub(super) errand: Errand,
    pub(super) target: Target,
}

/// A write that is ready to go.
pub(super) struct Ready {
    pub(super) errand: Errand,
    pub(super) target: Target,
    pub(super) merged: Merged,
    pub(super) write: Write,
}

/// What became of one attempt.
pub(super) enum Attempt {
    /// It ended.
    Ended(Box<End>),
    /// The other side moved: read and merge again.
    Again(Box<Errand>),
    /// Nobody knows whether it was stored, and this is how it would end if it was not.
    Unsure(Box<Errand>, Box<Outcome>),
}

impl Attempt {
    /// It ended with this settlement.
    pub(super) fn ended(settlement: Settlement) -> Self {
        Self::Ended(Box::new(settlement.into()))
    }
}

impl Core {
    /// Brings every errand to an end.
    pub(super) async fn deliver(
        &self,
        map: &CompiledMap,
        errands: Vec<Errand>,
    ) -> Result<Vec<Settlement>, EngineError> {
        let mut ends: Vec<End> = Vec::with_capacity(errands.len());
        let mut open = errands;
        for merge in 0..MERGES {
            if open.is_empty() {
                break;
            }
            let mut again = Vec::new();
            // One side after the other, so that little time passes between a look and its write:
            // where versions are not checked, nobody notices what a person does in between.
            for to in Side::BOTH {
                let (mine, others): (Vec<_>, Vec<_>) =
                    open.into_iter().partition(|errand| errand.to() == to);
                open = others;
                if mine.is_empty() {
                    continue;
                }
                let mut ready = Vec::new();
                for (errand, target) in self.look(map, to, mine, merge > 0, &mut ends).await? {
                    match self.prepare(map, errand, target) {
                        Ok(one) => ready.push(one),
                        Err(end) => ends.push(*end),
                    }
                }
                let mut unsure = Vec::new();
                for attempt in self.write(map, to, ready).await? {
                    match attempt {
                        Attempt::Ended(end) => ends.push(*end),
                        Attempt::Again(errand) => again.push(*errand),
                        Attempt::Unsure(errand, parks) => unsure.push((*errand, *parks)),
                    }
                }
                if !unsure.is_empty() {
                    ends.extend(self.look_before_parking(map, unsure).await?);
                }
            }
            open = again;
        }
        // What still moves is edited right now; it comes back in a moment.
        for errand in open {
            let until = self.due_again(errand.change.attempts, None);
            let outcome = Outcome::Postponed {
                until,
                code: Code(4104).to_string(),
            };
            ends.push(errand.ends(outcome).into());
        }
        self.journal_what_is_to_come(map, &mut ends).await?;
        Ok(ends.into_iter().map(|end| end.settlement).collect())
    }

    /// Finds out how the targets on one side stand.
    ///
    /// Once something of the round is written, an error must not make the whole round fail: that
    /// would forget what was written. It then ends only the errands whose targets it hides.
    async fn look(
        &self,
        map: &CompiledMap,
        to: Side,
        mut errands: Vec<Errand>,
        read: bool,
        ends: &mut Vec<End>,
    ) -> Result<Vec<(Errand, Target)>, EngineError> {
        let looked = self.tick().await?;
        for errand in &mut errands {
            errand.looked = looked;
        }
        let error = match self.targets(map, to, &errands, read).await {
            Ok(targets) => {
                let seen = errands.into_iter().zip(targets);
                return Ok(self.look_later(seen, ends));
            }
            Err(EngineError::System { source, .. }) if !ends.is_empty() => source,
            Err(error) => return Err(error),
        };
        if passes(error.class) || errands.len() == 1 {
            for errand in errands {
                let outcome = self.unreached(&errand, &error);
                ends.push(errand.ends(outcome).into());
            }
            return Ok(Vec::new());
        }
        let mut seen = Vec::with_capacity(errands.len());
        for errand in errands {
            let alone = std::slice::from_ref(&errand);
            match self.targets(map, to, alone, read).await {
                Ok(targets) => seen.extend(targets.into_iter().next().map(|one| (errand, one))),
                Err(EngineError::System { source, .. }) => {
                    let outcome = self.unreached(&errand, &source);
                    ends.push(errand.ends(outcome).into());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(self.look_later(seen, ends))
    }

    /// Lets those errands wait whose targets were shown as they once were.
    fn look_later(
        &self,
        seen: impl IntoIterator<Item = (Errand, Target)>,
        ends: &mut Vec<End>,
    ) -> Vec<(Errand, Target)> {
        let is_old = |(_, target): &(Errand, Target)| matches!(target, Target::Old);
        let (old, seen): (Vec<_>, Vec<_>) = seen.into_iter().partition(is_old);
        for (errand, _) in old {
            let outcome = self.shown_old(errand.change.attempts);
            ends.push(errand.ends(outcome).into());
        }
        seen
    }

    /// The outcome of an errand that could not find out how its target stands.
    pub(super) fn unreached(&self, errand: &Errand, error: &SystemError) -> Outcome {
        if passes(error.class) {
            return self.postponed(errand, error);
        }
        parked(ParkReason::Fault, error.code, error.message.clone())
    }

    /// Journals what targets hold that has to travel back, unless their own changes are on their
    /// way. Before the settlement: a crash between the two repeats it and loses nothing.
    async fn journal_what_is_to_come(
        &self,
        map: &CompiledMap,
        ends: &mut [End],
    ) -> Result<(), EngineError> {
        for side in Side::BOTH {
            let mut changes: Vec<NewChange> = ends
                .iter_mut()
                .filter(|end| {
                    end.still_to_come
                        .as_ref()
                        .is_some_and(|change| change.side == side)
                })
                .filter_map(|end| end.still_to_come.take().map(|change| *change))
                .collect();
            if changes.is_empty() {
                continue;
            }
            let keys: Vec<Key> = changes.iter().map(|change| change.key.clone()).collect();
            let coming = self.store.pending_upserts(map.id(), side, &keys).await?;
            changes.retain(|change| {
                change.kind == ChangeKind::Delete || !coming.contains_key(&change.key)
            });
            self.journal(Capture {
                changes,
                ..Capture::default()
            })
            .await?;
        }
        Ok(())
    }

    /// Sends what is ready to one side and reads the answers.
    async fn write(
        &self,
        map: &CompiledMap,
        to: Side,
        ready: Vec<Ready>,
    ) -> Result<Vec<Attempt>, EngineError> {
        if ready.is_empty() {
            return Ok(Vec::new());
        }
        let mut attempts = Vec::with_capacity(ready.len());
        self.declare_intents(map, to, &ready).await?;
        let conflicts: Vec<_> = ready
            .iter()
            .filter_map(|one| {
                let (decided, _) = remember(&one.errand, &one.target, &one.merged);
                Some((one.errand.change.seq, decided?))
            })
            .collect();
        if !conflicts.is_empty() {
            // Once it is written over, nobody can tell any more what stood there.
            let now = self.clock.now();
            self.store.add_conflicts(conflicts, now).await?;
            self.settings.failpoints.reach("conflicts-recorded");
        }
        self.settings.failpoints.reach("before-write");
        let writes = ready.iter().map(|one| one.write.clone()).collect();
        let answers = self.systems[to]
            .write(map.table(to), map.columns(to), writes)
            .await;
        self.settings.failpoints.reach("after-write");
        let tick = self.tick().await?;
        let some_passed = answers
            .iter()
            .any(|answer| !matches!(answer, Err(error) if passes(error.class)));
        if some_passed {
            self.recovered(to);
        }
        for (one, answer) in ready.into_iter().zip(answers) {
            attempts.push(match answer {
                Ok(written) => {
                    let stored = match written {
                        Written::Stored(record) => Some(record),
                        Written::Deleted => None,
                    };
                    let Ready {
                        errand,
                        target,
                        merged,
                        ..
                    } = one;
                    let landing = Landing {
                        errand,
                        target,
                        merged,
                        stored,
                        tick: Some(tick),
                    };
                    Attempt::Ended(Box::new(self.land(map, landing)))
                }
                Err(error) => self.refused(map, to, one, &error, some_passed),
            });
        }
        Ok(attempts)
    }

    /// Reads a refusal by what has to be done about it.
    fn refused(
        &self,
        map: &CompiledMap,
        to: Side,
        one: Ready,
        error: &SystemError,
        others_passed: bool,
    ) -> Attempt {
        self.note_refusal(map.id(), error);
        let mut errand = one.errand;
        errand.refused = !error.outcome_unknown;
        errand.moved = error.class == Class::Moved;
        let parks = |reason| {
            let message = match &error.detail {
                Some(detail) => format!("{} ({detail})", error.message),
                None => error.message.clone(),
            };
            parked(reason, error.code, message)
        };
        let tries_on = errand.change.attempts < self.settings.attempts;
        let outcome = match error.class {
            Class::Gone if matches!(errand.wish, Wish::Delete) => {
                let landing = Landing {
                    errand,
                    target: one.target,
                    merged: one.merged,
                    stored: None,
                    tick: None,
                };
                return Attempt::Ended(Box::new(self.land(map, landing)));
            }
            Class::Duplicate if renames(&one.write, &errand) => {
                let key = errand.renames.as_ref().unwrap_or(&errand.key);
                renaming::occupied(map, &errand, key)
            }
            Class::Moved | Class::Duplicate | Class::Gone => {
                return Attempt::Again(Box::new(errand));
            }
            Class::Retry if others_passed && !tries_on => parks(ParkReason::Fault),
            Class::Retry | Class::Wait | Class::FixAccess => {
                if !others_passed {
                    self.trouble(to, error.to_string());
                }
                self.postponed(&errand, error)
            }
            // An answer that makes no sense says nothing about the write.
            Class::Bug if error.outcome_unknown && tries_on => self.postponed(&errand, error),
            Class::FixData => parks(ParkReason::Refused),
            Class::FixMap | Class::CursorExpired | Class::Bug => parks(ParkReason::Fault),
        };
        if error.outcome_unknown && matches!(outcome, Outcome::Parked { .. }) {
            return Attempt::Unsure(Box::new(errand), Box::new(outcome));
        }
        Attempt::ended(errand.ends(outcome))
    }

    /// The outcome of an errand that failed for a passing reason.
    fn postponed(&self, errand: &Errand, error: &SystemError) -> Outcome {
        Outcome::Postponed {
            until: self.due_again(errand.change.attempts, error.retry_after),
            code: error.code.to_string(),
        }
    }

    /// The outcome of a change whose side has shown a record as it once was.
    pub(super) fn shown_old(&self, attempts: u32) -> Outcome {
        Outcome::Postponed {
            until: self.due_again(attempts, None),
            code: Code(4107).to_string(),
        }
    }

    /// When a change that failed for a passing reason is due again.
    pub(super) fn due_again(&self, attempts: u32, asked: Option<Duration>) -> jiff::Timestamp {
        let pause = self.backoff(attempts, asked);
        let now = self.clock.now();
        SignedDuration::try_from(pause)
            .ok()
            .and_then(|pause| now.checked_add(pause).ok())
            .unwrap_or(now)
    }
}

/// Whether a write gives a record another key.
const fn renames(write: &Write, errand: &Errand) -> bool {
    matches!(write, Write::Update { .. }) && errand.renames.is_some()
}

impl Upsert {
    /// Whether everything that the change wants can go now.
    pub(super) const fn is_whole(&self) -> bool {
        self.later.is_none()
    }
}
