//! People who do what the messages of parked changes ask them for.

use crate::landscape::{CUSTOMERS, KINDS, Kind};
use crate::plan::Plan;
use crate::renames::{fresh, give};
use crate::system::folded;
use crate::world::World;
use duet_map::record::RecordId;
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_store::change::{ParkReason, Parked};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Those people.
pub(crate) struct Menders<'a> {
    world: &'a World,
    random: StdRng,
}

impl<'a> Menders<'a> {
    pub(crate) fn new(plan: &Plan, world: &'a World) -> Self {
        Self {
            world,
            random: StdRng::seed_from_u64(plan.seed ^ 0x6d65_6e64),
        }
    }

    /// Does what the message of a parked change says. `twin` is the record that its own is linked
    /// with, which may go by another key.
    pub(crate) fn mend(&mut self, park: &Parked, twin: Option<&RecordId>) {
        let Some(kind) = KINDS.into_iter().find(|kind| kind.map == park.map) else {
            return;
        };
        let system = self.world.system(park.side);
        match (park.reason, park.code.as_str()) {
            (_, "DUET2130" | "DUET2132") => {
                give(
                    self.world,
                    kind,
                    park.side,
                    &park.record,
                    &fresh(self.world),
                );
            }
            (ParkReason::Refused, "DUET2131") => self.change_back(kind, park, twin),
            (ParkReason::WaitingForKey, "DUET2107" | "DUET2108") => {
                self.delete(park.side, kind.tables[park.side], &park.record);
            }
            (ParkReason::WaitingForKey | ParkReason::Refused, _) => {
                system.edit(
                    kind.tables[park.side],
                    &park.record,
                    no_references(park.side),
                );
            }
            (ParkReason::Validation, _) => {
                let name = format!("name-{}", self.world.ledger().fresh());
                let row = Row::new().with(CUSTOMERS.tracked[0][park.side], name.as_str());
                system.edit(kind.tables[park.side], &park.record, row);
            }
            // Changed on this side and deleted on the other.
            (ParkReason::Conflict, "DUET2104") => {
                if self.random.random_bool(0.5) {
                    self.delete(park.side, kind.tables[park.side], &park.record);
                } else if let Some(row) = system.row(kind.tables[park.side], &park.record) {
                    self.create_again(kind, park.side, &row);
                }
            }
            // Deleted on this side and changed on the other.
            (ParkReason::Conflict, _) => {
                let other = park.side.other();
                let Some((id, row)) = self.counterpart(kind, other, park, twin) else {
                    return;
                };
                if self.random.random_bool(0.5) {
                    self.delete(other, kind.tables[other], &id);
                } else {
                    self.create_again(kind, other, &row);
                }
            }
            (
                ParkReason::Fault
                | ParkReason::Oscillating
                | ParkReason::Held
                | ParkReason::MassDelete,
                _,
            ) => {}
        }
    }

    /// Gives a record the key back that its counterpart still has; where another one took it
    /// meanwhile, the record goes.
    fn change_back(&self, kind: &Kind, park: &Parked, twin: Option<&RecordId>) {
        let (side, table) = (park.side, kind.tables[park.side]);
        let found = self.counterpart(kind, side.other(), park, twin);
        let key = found.map(|(_, row)| row);
        let key = key.map(|row| row.value(kind.key[side.other()]).to_string());
        let given = key.is_some_and(|key| give(self.world, kind, side, &park.record, &key));
        if !given {
            self.delete(side, table, &park.record);
        }
    }

    /// Deletes a record and, where that is refused, first what refers to it.
    fn delete(&self, side: Side, table: &str, id: &RecordId) {
        let system = self.world.system(side);
        if system.delete(table, id) {
            return;
        }
        for (customer, _) in system.rows(CUSTOMERS.tables[side]) {
            system.edit(CUSTOMERS.tables[side], &customer, no_references(side));
        }
        system.delete(table, id);
    }

    /// The record that a parked change is about on the other side.
    fn counterpart(
        &self,
        kind: &Kind,
        side: Side,
        park: &Parked,
        twin: Option<&RecordId>,
    ) -> Option<(RecordId, Row)> {
        let linked = twin.and_then(|id| {
            let row = self.world.system(side).row(kind.tables[side], id)?;
            Some((id.clone(), row))
        });
        linked.or_else(|| self.named(kind, side, park))
    }

    /// The record that carries the key of a parked change.
    fn named(&self, kind: &Kind, side: Side, park: &Parked) -> Option<(RecordId, Row)> {
        let parts = park.key.parts();
        self.world
            .system(side)
            .rows(kind.tables[side])
            .into_iter()
            .find(|(_, row)| {
                self.world.company_of(side, row).as_ref() == parts.first()
                    && Some(&folded(row.value(kind.key[side]))) == parts.get(1)
            })
    }

    /// Creates a record with the key of one of this side on the other side.
    fn create_again(&self, kind: &Kind, side: Side, row: &Row) {
        let other = side.other();
        let mark = format!("mark-{}", self.world.ledger().fresh());
        let mut again = Row::new()
            .with(kind.key[other], row.value(kind.key[side]).clone())
            .with(kind.mark[other], mark.as_str());
        let Some(company) = self.world.company_of(side, row) else {
            return;
        };
        match other {
            Side::Left => again.set("dataAreaId", company.as_str()),
            Side::Right => {
                let companies = self.world.right.rows("cdm_companies");
                let Some((id, _)) = companies
                    .into_iter()
                    .find(|(_, row)| folded(row.value("cdm_companycode")) == company)
                else {
                    return;
                };
                again.set(
                    "msdyn_company",
                    crate::landscape::reference("cdm_companies", &id),
                );
                if kind.map == CUSTOMERS.map {
                    again.set("customertypecode", Value::Int(3));
                }
            }
        }
        self.world.system(other).create(kind.tables[other], again);
    }
}

/// Columns that empty a customer's references.
fn no_references(side: Side) -> Row {
    let columns = match side {
        Side::Left => ["PaymentTerms", "InvoiceAccount"],
        Side::Right => ["msdyn_paymentterm", "msdyn_billingaccount"],
    };
    columns
        .into_iter()
        .map(|column| (column.to_owned(), Value::Null))
        .collect()
}
