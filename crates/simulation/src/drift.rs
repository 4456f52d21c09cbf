//! Schemas that change under maps that run: a column vanishes, shrinks or changes its type, and is
//! as it was again some time later.
//!
//! While a column is gone, whoever names it is refused, as the real systems do; nobody can type into
//! it, and what stands there is still there when it comes back. Only the map that names the column
//! may pause for it, it has to say which column it is, and it must not go on working.

use crate::landscape::{CUSTOMERS, TERMS, kind_of};
use crate::world::World;
use duet_map::schema::{ColumnType, SchemaSet};
use duet_map::side::Side;
use duet_systems::{Class, SystemError, codes};
use rand::RngExt;
use rand::rngs::StdRng;
use std::time::Duration;

/// How long a column may be back while its map still shows the reason.
const LATE: Duration = Duration::from_mins(1);

/// What happens to a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is gone.
    Vanishes,
    /// It holds less.
    Shrinks,
    /// It holds something else.
    ChangesType,
}

/// A column that is not as it was, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The side.
    pub side: Side,
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// What happens to it.
    pub kind: Kind,
    /// From when on.
    pub from: Duration,
    /// Until when.
    pub until: Duration,
}

impl Drift {
    /// Something that happens to a column that a map names.
    pub fn draw(random: &mut StdRng) -> Self {
        let side = [Side::Left, Side::Right][random.random_range(0..2)];
        let kind = if random.random_bool(0.25) {
            &TERMS
        } else {
            &CUSTOMERS
        };
        let columns = kind.tracked[random.random_range(0..kind.tracked.len())];
        let from = Duration::from_secs(random.random_range(0..60));
        let lasts = Duration::from_secs(random.random_range(5..180));
        Self {
            side,
            table: kind.tables[side],
            column: columns[side],
            kind: [Kind::Vanishes, Kind::Shrinks, Kind::ChangesType][random.random_range(0..3)],
            from,
            until: from + lasts,
        }
    }

    /// Whether the column is another at this moment.
    pub fn is_on(&self, now: Duration) -> bool {
        self.from <= now && now < self.until
    }

    /// Whether nobody can read or write the column at that time.
    pub fn is_closed(&self, now: Duration) -> bool {
        self.kind != Kind::Shrinks && self.is_on(now)
    }

    /// Does to a schema what happens to the column.
    pub fn change(&self, schemas: &mut SchemaSet) {
        let Some(table) = schemas.0.iter_mut().find(|one| one.name == self.table) else {
            return;
        };
        let name = self.column.to_lowercase();
        if self.kind == Kind::Vanishes {
            table.columns.remove(&name);
            return;
        }
        let Some(column) = table.columns.get_mut(&name) else {
            return;
        };
        column.ty = match (&column.ty, self.kind) {
            // Still long enough for what people enter.
            (ColumnType::Text { .. }, Kind::Shrinks) => ColumnType::Text {
                max_length: Some(40),
            },
            (ColumnType::Decimal { min, max, .. }, Kind::Shrinks) => ColumnType::Decimal {
                scale: Some(0),
                min: *min,
                max: *max,
            },
            (ColumnType::Text { .. }, _) => ColumnType::Bool,
            _ => ColumnType::Text {
                max_length: Some(20),
            },
        };
    }

    /// What whoever names the column is told; `None` where it is not named.
    pub fn refuse<'a>(&self, mut named: impl Iterator<Item = &'a str>) -> Option<SystemError> {
        if !named.any(|name| name.eq_ignore_ascii_case(self.column)) {
            return None;
        }
        let (code, what) = match self.kind {
            Kind::Vanishes => (codes::NO_COLUMN, "has no column"),
            _ => (codes::WRONG_KIND, "cannot be read as it was: the column"),
        };
        let message = format!("{} {what} {}", self.table, self.column);
        Some(SystemError::new(Class::FixMap, code, message))
    }
}

/// A map shows that it is error-paused, and no order says so.
pub(crate) fn paused(world: &World, map: &str, error: &str) {
    let now = world.timeline.elapsed();
    let causes: Vec<&Drift> = world
        .drifts
        .iter()
        .filter(|drift| kind_of(drift.side, drift.table).is_some_and(|kind| kind.map == map))
        // A map that was written down while a column was another waits for people from then on.
        .filter(|drift| {
            drift.from <= now && (now < drift.until + LATE || error.starts_with("DUET4123"))
        })
        .collect();
    let ledger = &mut *world.ledger();
    if causes.is_empty() {
        let what = format!("{map} is error-paused, and nothing of it changed: {error}");
        ledger.violated("only what breaks pauses", what);
        return;
    }
    let error = error.to_lowercase();
    let named = causes
        .iter()
        .find(|drift| error.contains(&drift.column.to_lowercase()));
    if let Some(drift) = named {
        ledger.reached("drift", &format!("{:?} noticed", drift.kind));
    } else {
        let what = format!("{map} is error-paused without saying which column changed: {error}");
        ledger.violated("a pause says why", what);
    }
}

/// A map works. It must not when a column of it has been gone for longer than it takes to notice.
pub(crate) fn works(world: &World, map: &str) {
    let now = world.timeline.elapsed();
    let looks = world.refresh_every + Duration::from_mins(1);
    // Nobody can look at schemas while a side does not answer.
    let reached = Side::BOTH.map(|side| world.system(side).missed_probe());
    for drift in &world.drifts {
        if world.ledger().once_uncarried.contains(drift.column) {
            continue;
        }
        let of_map = kind_of(drift.side, drift.table).is_some_and(|kind| kind.map == map);
        let since = reached.iter().flatten().max().copied();
        let since = since.map_or(drift.from, |missed| missed.max(drift.from));
        let known = now.saturating_sub(since) > looks;
        let gone = drift.is_on(now) && !world.system(drift.side).is_healed();
        if of_map && known && drift.kind == Kind::Vanishes && gone {
            let what = format!("{map} still works, and {} is gone for long", drift.column);
            world.ledger().violated("what breaks pauses", what);
        }
    }
}
