//! People who work on both sides at once and know nothing of each other.
//!
//! They choose from few numbers, so that they meet: the same customer created twice, the same field
//! changed twice, one changed here and deleted there. What they enter nobody entered before.

use crate::landscape::{COMPANIES, CUSTOMERS, FOREIGN, LONGEST_NAME, TERMS, reference};
use crate::plan::Plan;
use crate::renames::rename;
use crate::world::World;
use duet_map::record::RecordId;
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rust_decimal::Decimal;
use std::time::Duration;

/// The people of a plan.
pub struct People<'a> {
    plan: &'a Plan,
    world: &'a World,
    random: StdRng,
}

impl<'a> People<'a> {
    /// People who have not begun yet.
    pub fn new(plan: &'a Plan, world: &'a World) -> Self {
        Self {
            plan,
            world,
            random: StdRng::seed_from_u64(plan.seed ^ 0x7065_6f70_6c65),
        }
    }

    /// What stands there before Duet comes.
    pub fn begin(&mut self) {
        for company in COMPANIES.into_iter().chain([FOREIGN]) {
            self.world.left.create(
                "LegalEntities",
                Row::new()
                    .with("LegalEntityId", company)
                    .with("Name", company),
            );
        }
        for _ in 0..self.plan.edits_before {
            self.act();
        }
    }

    /// Everything that follows, in its own time.
    pub async fn work(mut self) {
        for edit in self.plan.edits_before..self.plan.edits {
            let longest = u64::try_from(self.plan.gap.as_millis()).unwrap_or(u64::MAX);
            let pause = Duration::from_millis(self.random.random_range(0..=longest));
            self.world.timeline.pause(pause).await;
            self.act();
            self.delete_many(edit + 1);
        }
    }

    /// Somebody deletes most customers at once, where the plan says so.
    fn delete_many(&mut self, edits: u32) {
        let Some(removals) = &self.plan.removals else {
            return;
        };
        for burst in removals.bursts.iter().filter(|one| one.after == edits) {
            let system = self.world.system(burst.side);
            let table = CUSTOMERS.tables[burst.side];
            for (id, _) in system.rows(table) {
                if self.random.random_bool(burst.share) {
                    system.delete(table, &id);
                }
            }
            self.world.ledger().count("deletions of many at once");
        }
    }

    /// One thing that one person does.
    fn act(&mut self) {
        let side = if self.random.random_bool(0.5) {
            Side::Left
        } else {
            Side::Right
        };
        if let Some(renames) = &self.plan.renames
            && self.random.random_bool(renames.share)
        {
            return rename(self.plan, self.world, &mut self.random, side);
        }
        match self.random.random_range(0..100) {
            0..30 => self.create_customer(side),
            30..70 => self.edit_customer(side),
            70..78 if self.plan.deletes => self.delete(side, CUSTOMERS.tables[side]),
            78..86 => self.create_terms(side),
            86..91 => self.edit_terms(side),
            91..94 if self.plan.deletes => self.delete(side, TERMS.tables[side]),
            94..97 if self.plan.filters => self.cross_filter(side),
            _ => self.create_customer(side),
        }
    }

    fn fresh(&self, stem: &str) -> String {
        format!("{stem}{}", self.world.ledger().fresh())
    }

    fn company(&mut self) -> &'static str {
        let moves = self.plan.operations.as_ref();
        if moves.is_some_and(|operations| operations.companies) {
            return [COMPANIES[0], COMPANIES[1], FOREIGN][self.random.random_range(0..3)];
        }
        match self.random.random_range(0..10) {
            0 => FOREIGN,
            1..3 => COMPANIES[1],
            _ => COMPANIES[0],
        }
    }

    /// The right side's reference to a company; `None` while Duet has not brought it.
    fn company_reference(&self, code: &str) -> Option<Value> {
        let (id, _) = self
            .world
            .right
            .rows("cdm_companies")
            .into_iter()
            .find(|(_, row)| row.value("cdm_companycode").as_str() == Some(code))?;
        Some(reference("cdm_companies", &id))
    }

    fn pick(&mut self, side: Side, table: &str) -> Option<(RecordId, Row)> {
        self.world
            .system(side)
            .rows(table)
            .choose(&mut self.random)
            .cloned()
    }

    fn create_customer(&mut self, side: Side) {
        let number = format!("C-{}", self.random.random_range(0..self.plan.numbers));
        let nameless = self.plan.allocates && self.random.random_bool(0.4);
        let company = self.company();
        let mark = self.fresh("mark-");
        let mut row = self.customer_columns(side, company, true);
        match side {
            Side::Left => {
                row.set("dataAreaId", company);
                if !nameless {
                    row.set("CustomerAccount", number.as_str());
                }
                row.set("Mark", mark.as_str());
                let person = self.plan.filters && self.random.random_bool(0.2);
                let party = if person { "Person" } else { "Organization" };
                row.set("PartyType", Value::Symbol(party.into()));
            }
            Side::Right => {
                let Some(company) = self.company_reference(company) else {
                    return;
                };
                row.set("msdyn_company", company);
                if !nameless {
                    let typed = match self.random.random_range(0..3) {
                        0 => number.to_lowercase(),
                        1 => format!("{number} "),
                        _ => number,
                    };
                    row.set("accountnumber", typed.as_str());
                }
                row.set("duet_mark", mark.as_str());
                let supplier = self.plan.filters && self.random.random_bool(0.2);
                row.set(
                    "customertypecode",
                    Value::Int(if supplier { 10 } else { 3 }),
                );
            }
        }
        self.world.system(side).create(CUSTOMERS.tables[side], row);
    }

    /// Some columns of a customer with fresh values.
    fn customer_columns(&mut self, side: Side, company: &str, all: bool) -> Row {
        let mut row = Row::new();
        let wants = |random: &mut StdRng, share: f64| random.random_bool(share);
        if all || wants(&mut self.random, 0.5) {
            let name = self.name(side);
            row.set(CUSTOMERS.tracked[0][side], name.as_str());
        }
        if wants(&mut self.random, 0.5) {
            let city = if wants(&mut self.random, 0.1) {
                String::new()
            } else {
                self.fresh("city-")
            };
            row.set(CUSTOMERS.tracked[1][side], city.as_str());
        }
        if wants(&mut self.random, 0.4) {
            let limit = Decimal::from(1_000 + self.world.ledger().fresh());
            row.set(CUSTOMERS.tracked[2][side], Value::Decimal(limit));
        }
        if wants(&mut self.random, 0.3) {
            let yes = wants(&mut self.random, 0.5);
            match side {
                Side::Left => row.set(
                    "IsOneTime",
                    Value::Symbol(if yes { "Yes" } else { "No" }.into()),
                ),
                Side::Right => row.set("msdyn_onetime", yes),
            }
        }
        if wants(&mut self.random, 0.3) {
            self.refer(side, company, &mut row);
        }
        row
    }

    /// A reference to terms, to another customer, or to nothing.
    fn refer(&mut self, side: Side, company: &str, row: &mut Row) {
        let nothing = self.random.random_bool(0.15);
        let terms = self.random.random_bool(0.5);
        match side {
            Side::Left => {
                let (column, value) = if terms {
                    (
                        "PaymentTerms",
                        format!("T-{}", self.random.random_range(0..3)),
                    )
                } else {
                    let number = self.random.random_range(0..self.plan.numbers);
                    ("InvoiceAccount", format!("C-{number}"))
                };
                row.set(column, if nothing { "" } else { value.as_str() });
            }
            Side::Right => {
                let (column, table) = if terms {
                    ("msdyn_paymentterm", "msdyn_paymentterms")
                } else {
                    ("msdyn_billingaccount", "accounts")
                };
                let company = self.company_reference(company);
                let records = self.world.right.rows(table);
                let near: Vec<_> = records
                    .into_iter()
                    .filter(|(_, row)| Some(row.value("msdyn_company")) == company.as_ref())
                    .collect();
                let value = match near.choose(&mut self.random) {
                    Some((id, _)) if !nothing => reference(table, id),
                    _ => Value::Null,
                };
                row.set(column, value);
            }
        }
    }

    /// A name; now and then one that fits on this side only.
    fn name(&mut self, side: Side) -> String {
        let name = self.fresh("name-");
        // Where rules count errors, people make more of them.
        let share = if self.plan.settings.alerts.is_empty() {
            0.03
        } else {
            0.2
        };
        if self.random.random_bool(share) && LONGEST_NAME[side] > LONGEST_NAME[side.other()] {
            let fill = "x".repeat(usize::try_from(LONGEST_NAME[side]).unwrap_or_default());
            return format!("{name}{fill}")
                .chars()
                .take(usize::try_from(LONGEST_NAME[side]).unwrap_or_default())
                .collect();
        }
        name
    }

    fn edit_customer(&mut self, side: Side) {
        let table = CUSTOMERS.tables[side];
        let Some((id, row)) = self.pick(side, table) else {
            return self.create_customer(side);
        };
        let company = self.world.company_of(side, &row).unwrap_or_default();
        let columns = self.customer_columns(side, &company, false);
        if !columns.is_empty() {
            self.world.system(side).edit(table, &id, columns);
        }
    }

    fn create_terms(&mut self, side: Side) {
        let name = format!("T-{}", self.random.random_range(0..3));
        let company = self.company();
        let mut row = Row::new()
            .with(TERMS.key[side], name.as_str())
            .with(TERMS.mark[side], self.fresh("mark-").as_str())
            .with(TERMS.tracked[0][side], self.fresh("terms-").as_str());
        match side {
            Side::Left => row.set("dataAreaId", company),
            Side::Right => {
                let Some(company) = self.company_reference(company) else {
                    return;
                };
                row.set("msdyn_company", company);
            }
        }
        self.world.system(side).create(TERMS.tables[side], row);
    }

    fn edit_terms(&mut self, side: Side) {
        let table = TERMS.tables[side];
        if let Some((id, _)) = self.pick(side, table) {
            let row = Row::new().with(TERMS.tracked[0][side], self.fresh("terms-").as_str());
            self.world.system(side).edit(table, &id, row);
        }
    }

    fn delete(&mut self, side: Side, table: &str) {
        if let Some((id, _)) = self.pick(side, table) {
            self.world.system(side).delete(table, &id);
        }
    }

    fn cross_filter(&mut self, side: Side) {
        let table = CUSTOMERS.tables[side];
        let Some((id, row)) = self.pick(side, table) else {
            return;
        };
        let inside = crate::landscape::inside(side, table, &row);
        let columns = match side {
            Side::Left => {
                let party = if inside { "Person" } else { "Organization" };
                Row::new().with("PartyType", Value::Symbol(party.into()))
            }
            Side::Right => {
                Row::new().with("customertypecode", Value::Int(if inside { 10 } else { 3 }))
            }
        };
        self.world.system(side).edit(table, &id, columns);
    }
}
