//! People who decide about conflicts and parked changes with Duet's own means: they take a side,
//! type a value, give a parked change other values, discard it, try it again, confirm deletions.

use crate::landscape::{CUSTOMERS, KINDS};
use crate::plan::Plan;
use crate::system::{folded, tracked_text};
use crate::watched::WatchedStore;
use crate::world::World;
use duet_engine::decisions::{self, Choice, Decider, DecisionError};
use duet_engine::{Clock, Project};
use duet_map::CompiledMap;
use duet_map::side::Side;
use duet_store::change::{ChangeKind, ParkReason, Parked, ParkedFilter};
use duet_store::conflict::{Conflict, ConflictFilter, ConflictKind};
use duet_store::store::Store;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::time::Duration;

/// Most that a clerk looks at.
const LIST: usize = 1_000;

/// The clerks of a plan.
pub(crate) struct Clerks<'a> {
    plan: &'a Plan,
    world: &'a World,
    store: Arc<WatchedStore>,
    random: StdRng,
}

impl<'a> Clerks<'a> {
    pub(crate) fn new(plan: &'a Plan, world: &'a World, store: Arc<WatchedStore>) -> Self {
        Self {
            plan,
            world,
            store,
            random: StdRng::seed_from_u64(plan.seed ^ 0x636c_6572_6b73),
        }
    }

    /// What they do while everybody else works.
    pub(crate) async fn work(mut self, project: impl Fn() -> Result<Project, String>) {
        let decides = self.plan.policies.as_ref().map_or(0, |one| one.clerks);
        let removals = self.plan.removals.as_ref();
        let lets_pass = removals.map_or(0, |one| 2 * one.bursts.len());
        for visit in 0..usize::try_from(decides).unwrap_or_default() + lets_pass {
            let pause = Duration::from_millis(self.random.random_range(0..12_000));
            self.world.timeline.pause(pause).await;
            let Ok(project) = project() else { continue };
            let done = if visit < lets_pass {
                self.look_at_the_brake().await
            } else if self.random.random_bool(0.5) {
                self.decide_one(&project).await
            } else {
                self.look_after_one(&project).await
            };
            if let Err(error) = done {
                self.tell(&format!("a clerk gets nowhere: {error}"));
            }
        }
    }

    fn tell(&self, line: &str) {
        let at = self.world.timeline.elapsed().as_secs_f64();
        let story = &mut self.world.ledger().story;
        story.push(format!("{at:>9.3} clerk {line}"));
    }

    /// Every conflict that waits for a person is decided, and with `anew` those that were decided and
    /// not carried out, because somebody discarded what carries it. Returns how many there were.
    pub(crate) async fn decide_all(
        &mut self,
        project: &Project,
        anew: bool,
    ) -> Result<usize, DecisionError> {
        let open = self.open(anew).await?;
        for conflict in &open {
            self.decide(project, conflict).await?;
        }
        Ok(open.len())
    }

    async fn open(&self, anew: bool) -> Result<Vec<Conflict>, DecisionError> {
        let open = ConflictFilter {
            open: true,
            ..ConflictFilter::default()
        };
        let mut open = self.store.conflicts(&open, LIST).await?;
        open.retain(|conflict| anew || conflict.decision.is_none());
        Ok(open)
    }

    async fn decide_one(&mut self, project: &Project) -> Result<(), DecisionError> {
        let open = self.open(false).await?;
        match open.choose(&mut self.random) {
            Some(conflict) => self.decide(project, &conflict.clone()).await,
            None => Ok(()),
        }
    }

    async fn decide(
        &mut self,
        project: &Project,
        conflict: &Conflict,
    ) -> Result<(), DecisionError> {
        let side = |random: &mut StdRng| {
            if random.random_bool(0.5) {
                Side::Left
            } else {
                Side::Right
            }
        };
        let mut choices = vec![Choice::All(side(&mut self.random))];
        if conflict.kind != ConflictKind::Deletion {
            for field in &conflict.fields {
                let column = field.left_column.clone();
                let choice = match (self.random.random_range(0..4), self.typed(&column)) {
                    (0, _) if !column.is_empty() => Choice::Field {
                        column,
                        side: side(&mut self.random),
                    },
                    (1, Some(text)) => Choice::Typed { column, text },
                    _ => continue,
                };
                choices.push(choice);
            }
        }
        if conflict.kind == ConflictKind::Deletion {
            self.recall(conflict).await?;
        }
        let map = map_of(project, &conflict.map);
        let now = self.world.timeline.now();
        self.tell(&format!("decides conflict {}: {choices:?}", conflict.id));
        let kind = if choices
            .iter()
            .any(|one| matches!(one, Choice::Typed { .. }))
        {
            "typed"
        } else {
            "taken"
        };
        self.world
            .ledger()
            .reached("decision", &format!("{:?}, {kind}", conflict.kind));
        let clerk = Decider::new("a clerk", now);
        decisions::decide(&*self.store, map, conflict.id, &choices, &clerk).await?;
        Ok(())
    }

    /// The record of a key may come back: a person may say so.
    async fn recall(&self, conflict: &Conflict) -> Result<(), DecisionError> {
        let Some(kind) = KINDS.into_iter().find(|kind| kind.map == conflict.map) else {
            return Ok(());
        };
        let keys = std::slice::from_ref(&conflict.key);
        let pairs = self.store.pairs_by_key(kind.map, keys).await?;
        for pair in pairs.into_values() {
            for side in Side::BOTH {
                // Its key may be another one by now.
                let record = pair.body.halves[side].record.as_ref();
                let row = record.and_then(|id| self.world.system(side).row(kind.tables[side], id));
                let mark = row.map(|row| row.value(kind.mark[side]).to_string());
                self.world.ledger().recalled.extend(mark);
            }
        }
        for side in Side::BOTH {
            for (_, row) in self.world.system(side).rows(kind.tables[side]) {
                if conflict.key.parts().get(1) == Some(&folded(row.value(kind.key[side]))) {
                    let mark = row.value(kind.mark[side]).to_string();
                    self.world.ledger().recalled.insert(mark);
                }
            }
        }
        Ok(())
    }

    /// A value to type into one of the customers' left columns.
    fn typed(&self, column: &str) -> Option<String> {
        let fresh = self.world.ledger().fresh();
        let text = match column {
            "OrganizationName" => format!("name-{fresh}"),
            "City" => format!("city-{fresh}"),
            "CreditLimit" => (1_000 + fresh).to_string(),
            _ => return None,
        };
        self.world.ledger().typed.insert(text.clone());
        Some(text)
    }

    /// Does something about one parked change.
    async fn look_after_one(&mut self, project: &Project) -> Result<(), DecisionError> {
        let parked = self.store.parked(&ParkedFilter::default(), LIST).await?;
        let Some(park) = parked.choose(&mut self.random).cloned() else {
            return Ok(());
        };
        let filter = ParkedFilter {
            seq: Some(park.seq),
            ..ParkedFilter::default()
        };
        let clerk = Decider::new("a clerk", self.world.timeline.now());
        let what = match self.random.random_range(0..4) {
            0 => {
                self.tell(&format!("discards change {}", park.seq));
                decisions::discard_parked(&*self.store, &filter, &clerk).await?;
                "discarded"
            }
            1 | 2 => {
                self.tell(&format!("tries change {} again", park.seq));
                decisions::retry_parked(&*self.store, &filter, &clerk).await?;
                "tried again"
            }
            _ => {
                if !self.edit(project, &park).await? {
                    return Ok(());
                }
                "edited"
            }
        };
        let what = format!("{what}, {:?}", park.reason);
        self.world.ledger().reached("parked change", &what);
        Ok(())
    }

    /// Gives a parked change of a customer other values. `false`: it has none.
    async fn edit(&mut self, project: &Project, park: &Parked) -> Result<bool, DecisionError> {
        let Some(map) = map_of(project, &park.map).filter(|map| map.id() == CUSTOMERS.map) else {
            return Ok(false);
        };
        let change = self.store.change(park.seq).await?;
        let Some(ChangeKind::Upsert { row, .. }) = change.map(|change| change.change.kind) else {
            return Ok(false);
        };
        let place = self.random.random_range(0..CUSTOMERS.tracked.len());
        let columns = &CUSTOMERS.tracked[place];
        let Some(text) = self.typed(columns.left) else {
            return Ok(false);
        };
        let column = columns[park.side];
        let edits = [(column.to_owned(), text)];
        let clerk = Decider::new("a clerk", self.world.timeline.now());
        self.tell(&format!("edits change {}: {edits:?}", park.seq));
        // What stands there is given up, in this change and on its side.
        let stands = self
            .world
            .system(park.side)
            .row(map.table(park.side), &park.record);
        for row in [Some(row), stands].into_iter().flatten() {
            let text = tracked_text(row.value(column)).map(|text| text.to_lowercase());
            self.world.ledger().renounced.extend(text);
        }
        decisions::edit_parked(&*self.store, map, park.seq, &edits, &clerk).await?;
        Ok(true)
    }

    /// Lets deletions pass that the brake holds, or gives those up that wait as changes.
    async fn look_at_the_brake(&mut self) -> Result<(), DecisionError> {
        if self.random.random_bool(0.7) {
            return self.let_pass().await.map(drop);
        }
        self.tell("discards the deletions that wait");
        let held = ParkedFilter {
            reason: Some(ParkReason::MassDelete),
            ..ParkedFilter::default()
        };
        let now = self.world.timeline.now();
        let clerk = Decider::new("a clerk", now);
        decisions::discard_parked(&*self.store, &held, &clerk).await?;
        let ledger = &mut *self.world.ledger();
        ledger.reached("held deletions", "discarded");
        Ok(())
    }

    /// Lets every deletion pass that the brake holds. Returns for how many maps and sides there were
    /// some.
    pub(crate) async fn let_pass(&mut self) -> Result<usize, DecisionError> {
        let held = decisions::held_deletions(&*self.store, &maps()).await?;
        let now = self.world.timeline.now();
        for one in &held {
            self.tell(&format!("confirms {one:?}"));
            let ledger = &mut *self.world.ledger();
            ledger.braked.remove(&(one.map.clone(), one.side));
            let what = match (one.reported, &one.missing) {
                (0, _) => "missing ones confirmed",
                (_, None) => "reported ones confirmed",
                (_, Some(_)) => "missing and reported ones confirmed",
            };
            ledger.reached("held deletions", what);
        }
        let clerk = Decider::new("a clerk", now);
        decisions::confirm_deletions(&*self.store, &held, &clerk).await?;
        Ok(held.len())
    }

    /// Changes that wait because of an order, and not of what they are, are tried again.
    pub(crate) async fn retry_held(&self) -> Result<(), DecisionError> {
        let clerk = Decider::new("a clerk", self.world.timeline.now());
        let held = ParkedFilter {
            reason: Some(ParkReason::Held),
            ..ParkedFilter::default()
        };
        decisions::retry_parked(&*self.store, &held, &clerk).await?;
        Ok(())
    }
}

/// The maps.
pub(crate) fn maps() -> Vec<String> {
    let kinds = KINDS.map(|kind| kind.map);
    let maps = ["companies"].into_iter().chain(kinds);
    maps.map(str::to_owned).collect()
}

fn map_of<'p>(project: &'p Project, id: &str) -> Option<&'p CompiledMap> {
    project
        .maps()
        .iter()
        .find(|map| map.id() == id)
        .map(AsRef::as_ref)
}
