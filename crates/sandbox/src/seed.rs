//! Fills the stand-ins with plausible rows: the same seed always gives the same rows.
//!
//! Finance gets the business data: companies, currencies, units, exchange rates, terms, groups,
//! methods, parties, vendors, products and customers, every reference resolving. Dataverse gets what
//! both systems know from the start (companies, currencies, units, customer groups) and the accounts
//! and contacts that sales entered there and finance has not seen.
//!
//! The road: [`SeedPlan`] says how much, `base` holds what both sides share, `finance` and
//! `sales` make the rows. Downwards: [`finops`](crate::finops), [`dataverse`](crate::dataverse).

mod base;
mod finance;
mod names;
mod sales;

use serde::Serialize;

use crate::dataverse::{Dataverse, InsertError};
use crate::finops::{Company, FinOps, FinOpsError};
use crate::rows::RowsError;

/// How much to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedPlan {
    /// Companies that get the full number of rows.
    pub companies: Vec<String>,
    /// Companies outside the scope of a sync, which get a few rows that must stay where they are.
    pub outside: Vec<String>,
    /// Customers of each company; two thirds organizations, one third persons.
    pub customers: usize,
    /// Customers of each company outside.
    pub customers_outside: usize,
    /// Vendors of each company.
    pub vendors: usize,
    /// Released products of each company.
    pub products: usize,
    /// Whether customers and vendors belong to parties (address book entries).
    pub parties: bool,
    /// Whether customers and vendors have sales tax groups.
    pub tax_groups: bool,
    /// Accounts of each company that only Dataverse has.
    pub sales_accounts: usize,
    /// Contacts of each company that only Dataverse has.
    pub sales_contacts: usize,
    /// The seed of chance.
    pub seed: u64,
}

impl Default for SeedPlan {
    fn default() -> Self {
        Self {
            companies: vec!["usmf".to_owned(), "frrt".to_owned()],
            outside: vec!["dat".to_owned()],
            customers: 500,
            customers_outside: 10,
            vendors: 60,
            products: 120,
            parties: true,
            tax_groups: true,
            sales_accounts: 15,
            sales_contacts: 5,
            seed: 7,
        }
    }
}

/// What was made: rows by entity or table, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Seeded {
    /// Name of the entity or table, and number of rows.
    pub rows: Vec<(String, usize)>,
}

impl Seeded {
    /// All rows.
    pub fn total(&self) -> usize {
        self.rows.iter().map(|(_, count)| count).sum()
    }

    /// The rows of one entity or table.
    pub fn of(&self, name: &str) -> usize {
        self.rows
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, count)| count)
            .sum()
    }
}

/// Fills a Finance & Operations stand-in. A stand-in that has currencies already is left as it is,
/// so that a second start keeps what was edited.
pub fn finops(target: &FinOps, plan: &SeedPlan) -> Result<Seeded, FinOpsError> {
    if target.count("Currencies")? > 0 {
        return Ok(Seeded::default());
    }
    finance::fill(target, plan)
}

/// Fills a Dataverse stand-in with rows of these companies. A stand-in that has currencies already
/// is left as it is.
pub fn dataverse(
    target: &Dataverse,
    companies: &[Company],
    plan: &SeedPlan,
) -> Result<Seeded, DataverseSeedError> {
    if target.count("transactioncurrency")? > 0 {
        return Ok(Seeded::default());
    }
    Ok(sales::fill(target, companies, plan)?)
}

/// Why a Dataverse stand-in cannot be filled.
#[derive(Debug, thiserror::Error)]
pub enum DataverseSeedError {
    /// A row was refused.
    #[error(transparent)]
    Row(#[from] InsertError),
    /// The rows cannot be counted.
    #[error("the rows of the Dataverse stand-in cannot be read")]
    Rows(#[from] RowsError),
}

#[cfg(test)]
mod tests;
