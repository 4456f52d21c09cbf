//! The rows of Dataverse: what both systems know from the start, and what sales entered alone.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use uuid::Uuid;

use super::base::{CURRENCIES, CUSTOMER_GROUPS, UNITS};
use super::names::{organization, person, pick};
use super::{SeedPlan, Seeded};
use crate::dataverse::{Dataverse, InsertError};
use crate::finops::Company;

/// The space in which row ids are made from names, so that they are the same in every run.
const IDS: Uuid = Uuid::from_u128(0x77f1_6c1e_30c5_4a52_9d2b_4be1_51a7_20f4);
/// `customertypecode` of a customer.
const CUSTOMER: i32 = 3;

/// Fills an empty stand-in.
pub(super) fn fill(
    target: &Dataverse,
    companies: &[Company],
    plan: &SeedPlan,
) -> Result<Seeded, InsertError> {
    let mut filler = Filler {
        target,
        random: StdRng::seed_from_u64(plan.seed.wrapping_add(1)),
        seeded: Seeded::default(),
    };
    filler.shared(companies)?;
    for company in companies
        .iter()
        .filter(|company| plan.companies.contains(&company.id))
    {
        filler.groups(company)?;
        filler.accounts(company, plan.sales_accounts)?;
        filler.contacts(company, plan.sales_contacts)?;
    }
    Ok(filler.seeded)
}

/// A run that makes rows.
struct Filler<'a> {
    target: &'a Dataverse,
    random: StdRng,
    seeded: Seeded,
}

impl Filler<'_> {
    fn put(&mut self, table: &str, rows: Vec<Value>) -> Result<(), InsertError> {
        let count = self.target.insert_all(table, rows)?.len();
        self.seeded.rows.push((table.to_owned(), count));
        Ok(())
    }

    /// Companies, currencies and units.
    fn shared(&mut self, companies: &[Company]) -> Result<(), InsertError> {
        let rows = companies.iter().map(|company| {
            json!({
                "cdm_companyid": id("cdm_company", &company.id),
                "cdm_companycode": company.id.to_uppercase(),
                "cdm_name": company.name,
            })
        });
        self.put("cdm_company", rows.collect())?;
        let rows = CURRENCIES.iter().map(|currency| {
            json!({
                "transactioncurrencyid": id("transactioncurrency", currency.code),
                "isocurrencycode": currency.code,
                "currencyname": currency.name,
                "currencysymbol": currency.symbol,
                "currencyprecision": 2,
                "exchangerate": 1,
            })
        });
        self.put("transactioncurrency", rows.collect())?;
        // Every class of units is a unit group here.
        let mut classes: Vec<&str> = UNITS.iter().map(|unit| unit.class).collect();
        classes.dedup();
        let rows = classes
            .iter()
            .map(|class| json!({"uomscheduleid": id("uomschedule", class), "name": class}));
        self.put("uomschedule", rows.collect())?;
        let rows = UNITS.iter().map(|unit| {
            json!({
                "uomid": id("uom", unit.symbol),
                "name": unit.symbol,
                "msdyn_symbol": unit.symbol,
                "quantity": 1,
                "uomscheduleid@odata.bind": bind("uomschedules", "uomschedule", unit.class),
            })
        });
        self.put("uom", rows.collect())
    }

    /// The customer groups of a company, without what finance knows about them.
    fn groups(&mut self, company: &Company) -> Result<(), InsertError> {
        let rows = CUSTOMER_GROUPS.iter().map(|(group, text, _)| {
            json!({
                "msdyn_customergroupid": group_id(company, group),
                "msdyn_groupid": group,
                "msdyn_description": text,
                "msdyn_company@odata.bind": bind("cdm_companies", "cdm_company", &company.id),
            })
        });
        self.put("msdyn_customergroup", rows.collect())
    }

    /// Organizations that sales entered: keys are complete, all lookups exist here.
    fn accounts(&mut self, company: &Company, count: usize) -> Result<(), InsertError> {
        let prefix = company.id.to_uppercase();
        let mut rows = Vec::with_capacity(count);
        for number in 1..=count {
            let (group, _, _) = pick(&mut self.random, CUSTOMER_GROUPS);
            rows.push(json!({
                "accountid": id("account", &format!("{prefix}-S{number:04}")),
                "accountnumber": format!("{prefix}-S{number:04}"),
                "name": organization(&mut self.random),
                "customertypecode": CUSTOMER,
                "description": "Entered by sales.",
                "creditlimit": self.random.random_range(0..100) * 250,
                "msdyn_company@odata.bind": bind("cdm_companies", "cdm_company", &company.id),
                "msdyn_customergroupid@odata.bind":
                    format!("/msdyn_customergroups({})", group_id(company, group)),
                "transactioncurrencyid@odata.bind":
                    bind("transactioncurrencies", "transactioncurrency", &company.currency),
            }));
        }
        self.put("account", rows)
    }

    /// Persons that sales sells to.
    fn contacts(&mut self, company: &Company, count: usize) -> Result<(), InsertError> {
        let prefix = company.id.to_uppercase();
        let mut rows = Vec::with_capacity(count);
        for number in 1..=count {
            let (first, last) = person(&mut self.random);
            let (group, _, _) = pick(&mut self.random, CUSTOMER_GROUPS);
            rows.push(json!({
                "contactid": id("contact", &format!("{prefix}-P{number:04}")),
                "msdyn_contactpersonid": format!("{prefix}-P{number:04}"),
                "firstname": first,
                "lastname": last,
                "msdyn_sellable": true,
                "description": "Entered by sales.",
                "msdyn_company@odata.bind": bind("cdm_companies", "cdm_company", &company.id),
                "msdyn_customergroupid@odata.bind":
                    format!("/msdyn_customergroups({})", group_id(company, group)),
                "transactioncurrencyid@odata.bind":
                    bind("transactioncurrencies", "transactioncurrency", &company.currency),
            }));
        }
        self.put("contact", rows)
    }
}

fn id(table: &str, name: &str) -> Uuid {
    Uuid::new_v5(&IDS, format!("{table}/{name}").as_bytes())
}

fn group_id(company: &Company, group: &str) -> Uuid {
    id("msdyn_customergroup", &format!("{}/{group}", company.id))
}

fn bind(set: &str, table: &str, name: &str) -> String {
    format!("/{set}({})", id(table, name))
}
