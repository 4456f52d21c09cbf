//! Everything that exists apart from the engine: time, both systems and what people know.

use crate::alerts::Rules;
use crate::drift::Drift;
use crate::files::Files;
use crate::landscape::{COMPANIES, CUSTOMERS, left_schemas, right_schemas};
use crate::ledger::Ledger;
use crate::plan::{Plan, Policies};
use crate::removals::Removals;
use crate::renames::with_surrogates;
use crate::system::{ModelSystem, Quirks, folded};
use crate::timeline::Timeline;
use duet_map::side::Side;
use duet_map::value::Row;
use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The world of one run.
#[derive(Debug)]
pub struct World {
    /// The time.
    pub timeline: Arc<Timeline>,
    /// What people know.
    pub ledger: Arc<Mutex<Ledger>>,
    /// The system that is made like Finance & Operations.
    pub left: Arc<ModelSystem>,
    /// The system that is made like Dataverse.
    pub right: Arc<ModelSystem>,
    /// Whether both sides rewrite names, so that no value satisfies either.
    pub quarrels: bool,
    /// Whether records of the left side may get other keys and stay what they are.
    pub rekeys: bool,
    /// Whether any side rewrites names.
    pub rewrites: bool,
    /// The policies of a plan.
    pub policies: Option<Policies>,
    /// How the maps of a plan take deletions.
    pub removals: Option<Removals>,
    /// The master of the maps.
    pub master: Side,
    /// Columns that are not as they were for a while.
    pub drifts: Vec<Drift>,
    /// How often schemas are read again.
    pub refresh_every: Duration,
    /// Two moments that are no further apart than this count as one.
    pub skew: Duration,
    /// Whether operators or clerks are at work, so that every order takes its time.
    pub operated: bool,
    files: Mutex<Files>,
    calls: Mutex<Calls>,
    disk: Mutex<Disk>,
}

/// The disk under the store.
#[derive(Debug)]
struct Disk {
    /// The share of transactions that find no room.
    full: f64,
    random: StdRng,
}

/// What operators ask of the process that runs Duet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// Somebody said that there is something to read in the store.
    pub knocked: bool,
    /// The environment behind this side has another address: Duet is to be stopped, told and
    /// started.
    pub relink: Option<Side>,
}

fn ledger_of(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

fn capitals(table: &str, row: &mut Row) {
    rewrite(
        row,
        table == CUSTOMERS.tables.left,
        CUSTOMERS.tracked[0].left,
        str::to_uppercase,
    );
}

fn small_letters(table: &str, row: &mut Row) {
    rewrite(
        row,
        table == CUSTOMERS.tables.right,
        CUSTOMERS.tracked[0].right,
        str::to_lowercase,
    );
}

fn rewrite(row: &mut Row, here: bool, column: &str, spell: fn(&str) -> String) {
    if here && let Some(text) = row.value(column).as_str().map(spell) {
        row.set(column, text.as_str());
    }
}

impl World {
    /// The world that a plan asks for, still empty.
    pub fn new(plan: &Plan) -> Self {
        let timeline = Arc::new(Timeline::default());
        let mut ledger = Ledger::default();
        ledger.round = plan.settings.round;
        ledger.rules = Rules::new(plan.settings.alerts.clone());
        let ledger = Arc::new(Mutex::new(ledger));
        let system = |side: Side, quirks, schemas| {
            let seed = plan.seed.wrapping_mul(2) + u64::from(side == Side::Right);
            let system = ModelSystem::new(
                side,
                quirks,
                schemas,
                (plan.faults[side].clone(), plan.latency),
                timeline.clone(),
                ledger.clone(),
                seed ^ 0x006e_6574_776f_726b,
            );
            let drifts = plan.drifts.iter().filter(|drift| drift.side == side);
            let system = system.drifting(drifts.cloned().collect());
            let system = match &plan.policies {
                None => system,
                Some(policies) => system.dated(SignedDuration::from_millis(policies.clocks[side])),
            };
            let system = match plan.limits[side] {
                None => system,
                Some(limit) => system.limited(limit),
            };
            Arc::new(match (plan.rewrites[side], side) {
                (false, _) => system,
                (true, Side::Left) => system.rewriting(capitals),
                (true, Side::Right) => system.rewriting(small_letters),
            })
        };
        let surrogates = plan.renames.as_ref().is_some_and(|one| one.surrogates);
        ledger_of(&ledger).removals.clone_from(&plan.removals);
        let left = system(
            Side::Left,
            Quirks {
                modern: false,
                checks_versions: plan.left_checks_versions,
                computes: plan.left_computes,
                allocates: plan.allocates,
                surrogates,
                checks_names: plan.renames.is_some(),
            },
            if surrogates {
                with_surrogates(left_schemas())
            } else {
                left_schemas()
            },
        );
        let right = system(
            Side::Right,
            Quirks {
                modern: true,
                checks_versions: plan.right_checks_versions,
                computes: false,
                allocates: false,
                surrogates: false,
                checks_names: false,
            },
            right_schemas(),
        );
        Self {
            timeline,
            ledger,
            left,
            right,
            quarrels: plan.rewrites.left && plan.rewrites.right,
            rekeys: surrogates,
            rewrites: plan.rewrites.left || plan.rewrites.right,
            policies: plan.policies.clone(),
            removals: plan.removals.clone(),
            master: plan.master,
            drifts: plan.drifts.clone(),
            refresh_every: plan.settings.refresh_every,
            skew: plan.settings.clock_skew,
            operated: plan.operations.is_some()
                || plan.policies.is_some()
                || plan.removals.is_some(),
            files: Mutex::new(Files {
                lacks: plan.operations.as_ref().and_then(|one| one.lacks),
                revision: 0,
                companies: COMPANIES.map(str::to_owned).to_vec(),
            }),
            calls: Mutex::default(),
            disk: Mutex::new(Disk {
                full: plan.store_full,
                random: StdRng::seed_from_u64(plan.seed ^ 0x6469_736b),
            }),
        }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What operators have written down.
    pub fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a company is in the scope that is written down.
    pub fn covers(&self, company: &str) -> bool {
        self.files().companies.iter().any(|one| one == company)
    }

    /// What operators ask of the process that runs Duet.
    pub fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the store finds room on the disk now.
    pub fn has_room(&self) -> bool {
        let disk = &mut *self.disk();
        let full = disk.full > 0.0 && disk.random.random_bool(disk.full);
        if full {
            self.ledger().count("store full");
        }
        !full
    }

    /// Whether the disk is one that runs full.
    pub fn disk_runs_full(&self) -> bool {
        self.disk().full > 0.0
    }

    /// A side's system.
    pub fn system(&self, side: Side) -> &Arc<ModelSystem> {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// What people know.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        ledger_of(&self.ledger)
    }

    /// From now on nothing goes wrong any more.
    pub fn heal(&self) {
        self.left.heal();
        self.right.heal();
        self.disk().full = 0.0;
    }

    /// The company code of a row.
    pub fn company_of(&self, side: Side, row: &Row) -> Option<String> {
        match side {
            Side::Left => Some(folded(row.value("dataAreaId"))),
            Side::Right => {
                let reference = row.value("msdyn_company").as_reference()?;
                let id = duet_map::record::RecordId(reference.id.to_string());
                let company = self.right.row("cdm_companies", &id)?;
                Some(folded(company.value("cdm_companycode")))
            }
        }
    }

    /// How many edits people have made and writes Duet has made.
    pub fn figures(&self) -> (u64, u64) {
        let ledger = self.ledger();
        (ledger.counted("edits"), ledger.counted("writes"))
    }
}
