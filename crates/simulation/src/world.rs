//! Everything that exists apart from the engine: time, both systems and what people know.

use crate::landscape::{left_schemas, right_schemas};
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::system::{ModelSystem, Quirks, folded};
use crate::timeline::Timeline;
use duet_map::side::Side;
use duet_map::value::Row;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
}

impl World {
    /// The world that a plan asks for, still empty.
    pub fn new(plan: &Plan) -> Self {
        let timeline = Arc::new(Timeline::default());
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let system = |side: Side, quirks, schemas| {
            let seed = plan.seed.wrapping_mul(2) + u64::from(side == Side::Right);
            Arc::new(ModelSystem::new(
                side,
                quirks,
                schemas,
                (plan.faults[side].clone(), plan.latency),
                timeline.clone(),
                ledger.clone(),
                seed ^ 0x006e_6574_776f_726b,
            ))
        };
        let left = system(
            Side::Left,
            Quirks {
                modern: false,
                checks_versions: plan.left_checks_versions,
                computes: plan.left_computes,
                allocates: plan.allocates,
            },
            left_schemas(),
        );
        let right = system(
            Side::Right,
            Quirks {
                modern: true,
                checks_versions: plan.right_checks_versions,
                computes: false,
                allocates: false,
            },
            right_schemas(),
        );
        Self {
            timeline,
            ledger,
            left,
            right,
        }
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
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing goes wrong any more.
    pub fn heal(&self) {
        self.left.heal();
        self.right.heal();
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
