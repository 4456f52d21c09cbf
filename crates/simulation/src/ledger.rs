//! What the outside world knows: what people entered, what each side ever held, what was broken.
//!
//! People enter texts and numbers that nobody entered before, so that a value tells by itself who
//! wrote it and whether the other side has ever seen it. The systems report here what the engine
//! does to what people entered; the checkers read it at the end.

use crate::alerts::Rules;
use crate::companies::Scope;
use crate::plan::Death;
use crate::removals::Removals;
use duet_map::side::{PerSide, Side};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The checker that found it.
    pub checker: &'static str,
    /// What was found.
    pub what: String,
}

/// A person's value that the engine wrote over or deleted before the other side had seen it. It
/// has to stand in a conflict record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Whose value.
    pub side: Side,
    /// The table and record.
    pub place: String,
    /// The column.
    pub column: String,
    /// The value.
    pub value: String,
}

/// What breaks a promise unless a conflict record names the birth mark: where two records met
/// that people had created apart, one mark took the other's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion {
    /// The checker.
    pub checker: &'static str,
    /// The birth mark.
    pub mark: String,
    /// What was found.
    pub what: String,
}

/// One side's part of the ledger.
#[derive(Debug, Default)]
pub struct Page {
    /// Values that people entered here.
    pub entered: BTreeSet<String>,
    /// Values that ever stood here.
    pub shown: BTreeSet<String>,
    /// Values that stood in a column of a record and were replaced, in their order.
    pub past: BTreeMap<(String, String, String), Vec<String>>,
    /// Birth marks of records that stand here.
    pub alive: BTreeSet<String>,
    /// Records that Duet has ever linked with one of the other side.
    pub paired: BTreeSet<String>,
    /// Birth marks of records that people deleted here.
    pub deleted: BTreeSet<String>,
    /// The numbers that those had.
    pub numbers: BTreeSet<String>,
    /// Birth marks of linked records that stood here and are gone, whoever deleted them. A record
    /// that Duet created without ever learning so may be created again.
    pub gone: BTreeSet<String>,
}

/// The whole ledger.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Each side's part.
    pub pages: PerSide<Page>,
    /// What must be found in conflict records.
    pub owed: Vec<Owed>,
    /// What looks like a broken promise.
    pub suspicions: Vec<Suspicion>,
    /// Birth marks and numbers of records that were ever outside a filter.
    pub outside: BTreeSet<String>,
    /// Records that Duet created and has not linked yet, with their birth marks.
    pub unsettled: BTreeMap<(Side, String), String>,
    /// Birth marks of records that Duet created without learning so: the answer was lost, or the
    /// engine died. Where the two meet again, they meet as strangers.
    pub unlearned: BTreeSet<String>,
    /// Birth marks of records that Duet created without learning so and that a person changed
    /// before it looked: nothing tells them from records that people created.
    pub disguised: BTreeSet<String>,
    /// Moments at which records were modified, as their own systems tell them.
    pub modified: BTreeSet<(Side, Timestamp)>,
    /// Birth marks of records that may be created again because a person decided so.
    pub recalled: BTreeSet<String>,
    /// Values that clerks typed, for Duet to write.
    pub typed: BTreeSet<String>,
    /// Values, in small letters, in records that outlived their pairs and met others since.
    pub outlived: BTreeSet<String>,
    /// What people gave up on purpose, in small letters: values in changes that they discarded.
    pub renounced: BTreeSet<String>,
    /// Records of changes that people discarded, by map, side and identifier, and the keys of their
    /// pairs; the sides may differ there until a repair.
    pub discarded: BTreeSet<(String, String)>,
    /// The same of discarded deletions: the survivor is left alone for good.
    pub spared: BTreeSet<(String, String)>,
    /// Customers' columns that no map carries (yet): they go with a record that is deleted.
    pub uncarried: BTreeSet<&'static str>,
    /// How the maps take deletions.
    pub removals: Option<Removals>,
    /// When somebody last deleted a record of this identifier.
    pub died: BTreeMap<(Side, String), Timestamp>,
    /// Birth marks of records that Duet deactivated.
    pub deactivated: BTreeSet<String>,
    /// Maps and sides whose deletions the brake has to hold now.
    pub braked: BTreeSet<(String, Side)>,
    /// How many changes a round of a map has at most.
    pub round: usize,
    /// What alert rules have counted, as it looks from outside.
    pub rules: Rules,
    /// Customers' columns that some version of the map did not carry.
    pub once_uncarried: BTreeSet<&'static str>,
    /// Customers' columns that went out of the map and may have come back: nothing is agreed of them
    /// from then on, whoever wrote what stands there.
    pub withdrawn: BTreeSet<&'static str>,
    /// The scope of the maps as Duet has taken it up.
    pub scope: Scope,
    /// Whether operators kept a queue aside, so that changes may be held.
    pub kept_aside: bool,
    /// Whether operators discarded a queue.
    pub discards_queues: bool,
    /// The point at which the engine is to die, and how often it may pass it before.
    death: Option<Death>,
    /// Whether it has reached that point.
    dying: bool,
    /// Promises broken so far.
    pub violations: BTreeSet<Violation>,
    /// What happened, for the story of a failing seed.
    pub story: Vec<String>,
    /// How often each kind of thing happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// Kinds of things that were reached, each with its subject: `settlement: …`, `order: …`.
    pub reached: BTreeSet<String>,
    /// The last number that made a value unlike all others.
    fresh: u64,
}

impl Ledger {
    /// A number that nobody has used yet.
    pub fn fresh(&mut self) -> u64 {
        self.fresh += 1;
        self.fresh
    }

    /// The engine died, and with it what it had not settled.
    pub fn forget(&mut self) {
        let unsettled = std::mem::take(&mut self.unsettled);
        self.unlearned.extend(unsettled.into_values());
    }

    /// From now on an engine dies at this point.
    pub fn awaits(&mut self, death: Death) {
        self.death = Some(death);
        self.dying = false;
    }

    /// An engine reached a point.
    pub fn passes(&mut self, point: &'static str) {
        self.reached("point", point);
        if let Some(death) = &mut self.death
            && death.point == point
        {
            if death.after > 0 {
                death.after -= 1;
                return;
            }
            self.death = None;
            self.dying = true;
            self.reached("death", point);
        }
    }

    /// Whether the engine reached the point at which it dies.
    pub const fn is_dying(&self) -> bool {
        self.dying
    }

    /// Notes that something of a subject was reached.
    pub fn reached(&mut self, subject: &str, what: &str) {
        self.reached.insert(format!("{subject}: {what}"));
    }

    /// Notes a broken promise.
    pub fn violated(&mut self, checker: &'static str, what: impl Into<String>) {
        let what = what.into();
        self.story.push(format!("BROKEN {checker}: {what}"));
        self.violations.insert(Violation { checker, what });
    }

    /// Notes promises that another keeper of records found broken.
    pub(crate) fn note(&mut self, broken: impl IntoIterator<Item = Violation>) {
        for Violation { checker, what } in broken {
            self.violated(checker, what);
        }
    }

    /// Notes what looks like a broken promise.
    pub fn suspect(&mut self, checker: &'static str, mark: &str, what: String) {
        self.story.push(format!("SUSPECT {checker}: {what}"));
        self.suspicions.push(Suspicion {
            checker,
            mark: mark.to_owned(),
            what,
        });
    }

    /// Counts something.
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// How often something happened.
    pub fn counted(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or_default()
    }
}
