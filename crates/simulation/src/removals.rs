//! How the maps of a plan take deletions: the rule of each, now and then so many at once that the
//! brake has to hold them, and how tight that brake is.

use crate::landscape::{CUSTOMERS, TERMS};
use duet_engine::Settings;
use duet_map::file::Deletes;
use duet_map::side::{PerSide, Side};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use std::time::Duration;

/// The rules of deletions of one plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Removals {
    /// The rule of the terms' map. Their tables have no column that says that a record is closed.
    pub terms: Deletes,
    /// The rule of the customers' map.
    pub customers: Deletes,
    /// When somebody deletes most of a table.
    pub bursts: Vec<Burst>,
    /// From so many deletions at once on, the brake may hold.
    pub floor: u64,
    /// From this share of the pairs on, it does.
    pub share: f64,
    /// How long deletions that passed count towards it.
    pub window: Duration,
}

/// Somebody deletes most of a table at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// After so many edits.
    pub after: u32,
    /// Where.
    pub side: Side,
    /// The share of the customers that go.
    pub share: f64,
}

/// What a customer's search name becomes when its map deactivates it.
pub const CLOSED: &str = "closed";

/// The column that says so.
pub const SEARCH_NAME: PerSide<&str> = PerSide {
    left: "SearchName",
    right: "duet_searchname",
};

impl Removals {
    /// Draws them.
    pub(crate) fn draw(random: &mut StdRng, edits: u32) -> Self {
        const OF_TERMS: [Deletes; 2] = [Deletes::Propagate, Deletes::Ignore];
        const OF_CUSTOMERS: [Deletes; 3] =
            [Deletes::Propagate, Deletes::Ignore, Deletes::Deactivate];
        Self {
            terms: OF_TERMS[random.random_range(0..OF_TERMS.len())],
            customers: OF_CUSTOMERS[random.random_range(0..OF_CUSTOMERS.len())],
            bursts: (0..random.random_range(0..3))
                .map(|_| Burst {
                    after: random.random_range(edits / 2..=edits),
                    side: side(random),
                    share: random.random_range(0.5..=1.0),
                })
                .collect(),
            floor: random.random_range(1..4),
            share: [0.1, 0.3, 0.5][random.random_range(0..3)],
            window: Duration::ZERO,
        }
    }

    /// Sets the brake.
    pub(crate) fn set(&self, settings: &mut Settings) {
        settings.delete_floor = self.floor;
        settings.delete_brake = self.share;
        settings.delete_window = self.window;
    }

    /// The rule of a map.
    pub fn rule(&self, map: &str) -> Deletes {
        match map {
            map if map == TERMS.map => self.terms,
            map if map == CUSTOMERS.map => self.customers,
            _ => Deletes::Propagate,
        }
    }

    /// How many deletions of a map with so many pairs may pass at once.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a simulation has few pairs"
    )]
    pub(crate) fn most(&self, pairs: u64) -> u64 {
        ((pairs as f64 * self.share) as u64).max(self.floor)
    }

    /// A map file under its rule.
    pub(crate) fn under(&self, text: &str) -> String {
        let map = [TERMS.map, CUSTOMERS.map]
            .into_iter()
            .find(|map| text.contains(&format!("map: {map}\n")));
        let rule = match map.map(|map| self.rule(map)) {
            None | Some(Deletes::Propagate) => return text.to_owned(),
            Some(Deletes::Ignore) => "ignore".to_owned(),
            Some(Deletes::Deactivate) => format!(
                "{{ deactivate: {{ left: {{ SearchName: {CLOSED} }}, right: {{ duet_searchname: \
                 {CLOSED} }} }} }}"
            ),
        };
        text.replace("deletes: propagate", &format!("deletes: {rule}"))
    }
}

fn side(random: &mut impl Rng) -> Side {
    if random.random_bool(0.5) {
        Side::Left
    } else {
        Side::Right
    }
}
