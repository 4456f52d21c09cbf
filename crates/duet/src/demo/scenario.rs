//! The scripted demo: what users do on both sides, over HTTP, and what has to come of it.
//!
//! Every edit is made and every result read by [`Caller`]s, never through Duet's own connectors.
//! Waits end with what they wait for; a deadline only turns "never" into a failure.

use super::caller::Caller;
use super::expectation::{Expectations, Latencies};
use super::wait::{PATIENCE, until};
use crate::cli::audit::Audit;
use crate::stand_ins::DUET;
use crate::terminal::Terminal;
use anyhow::Context as _;
use duet_sandbox::counters::Counts;
use duet_store::Store;
use duet_store::change::{ParkReason, ParkedFilter};
use duet_store::conflict::ConflictFilter;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The company that most of the scenario plays in.
const COMPANY: &str = "usmf";

/// A company that exists in Finance & Operations and is not in the project's scope.
const OUTSIDE: &str = "dat";

/// Everything the scenario touches.
pub struct Scenario {
    /// A user of Finance & Operations.
    pub finops: Caller,
    /// A user of Dataverse.
    pub dataverse: Caller,
    /// Duet's store, read beside the engine that works on it.
    pub store: Arc<dyn Store>,
    /// Where progress is told.
    pub terminal: Terminal,
    /// What was expected and seen.
    pub expectations: Expectations,
}

/// How often each server saw Duet write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuetWrites {
    /// At Finance & Operations.
    pub finops: u64,
    /// At Dataverse.
    pub dataverse: u64,
}

/// A customer that both sides know.
struct Customer {
    account: String,
    guid: String,
}

impl Customer {
    fn left(&self) -> String {
        left_path(COMPANY, &self.account)
    }

    fn right(&self) -> String {
        format!("accounts({})", self.guid)
    }
}

fn left_path(company: &str, account: &str) -> String {
    format!("CustomersV3(dataAreaId='{company}',CustomerAccount='{account}')?cross-company=true")
}

impl Scenario {
    /// Counts Duet's writes at both servers.
    pub async fn duet_writes(&self) -> anyhow::Result<DuetWrites> {
        let of_duet = |counts: Counts| {
            counts
                .writes
                .iter()
                .filter(|write| write.client == DUET.id)
                .map(|write| write.count)
                .sum()
        };
        Ok(DuetWrites {
            finops: of_duet(self.finops.counts().await?),
            dataverse: of_duet(self.dataverse.counts().await?),
        })
    }

    /// After the first sync: both sides hold the same customers.
    pub async fn initial_sync(&mut self) -> anyhow::Result<()> {
        self.chapter("the initial sync brought both sides into step");
        let mut left: Vec<String> = self
            .finops
            .list("CustomersV3?cross-company=true&$select=dataAreaId,CustomerAccount,PartyType")
            .await?
            .iter()
            .filter(|row| row["dataAreaId"] != OUTSIDE)
            .filter_map(|row| row["CustomerAccount"].as_str().map(str::to_lowercase))
            .collect();
        let accounts = self
            .dataverse
            .list("accounts?$select=accountnumber&$filter=customertypecode eq 3 and _msdyn_company_value ne null")
            .await?;
        let contacts = self
            .dataverse
            .list("contacts?$select=msdyn_contactpersonid&$filter=msdyn_sellable eq true and _msdyn_company_value ne null")
            .await?;
        let mut right: Vec<String> = accounts
            .iter()
            .filter_map(|row| row["accountnumber"].as_str())
            .chain(
                contacts
                    .iter()
                    .filter_map(|row| row["msdyn_contactpersonid"].as_str()),
            )
            .map(str::to_lowercase)
            .collect();
        left.sort_unstable();
        right.sort_unstable();
        self.expectations.note(
            "customers in finance",
            "at least 1000",
            left.len(),
            left.len() >= 1000,
        );
        let differing = left
            .iter()
            .filter(|account| right.binary_search(account).is_err())
            .chain(
                right
                    .iter()
                    .filter(|account| left.binary_search(account).is_err()),
            )
            .count();
        self.expectations.note(
            "the same customers in sales",
            left.len(),
            format!("{}, {differing} on one side only", right.len()),
            differing == 0 && left.len() == right.len(),
        );
        Ok(())
    }

    /// After a second sync: nobody wrote.
    pub async fn second_sync(&mut self, before: DuetWrites) -> anyhow::Result<()> {
        self.chapter("a second sync writes nothing");
        let after = self.duet_writes().await?;
        self.expectations.equal(
            "writes of a second sync, counted at the servers",
            0,
            (after.finops - before.finops) + (after.dataverse - before.dataverse),
        );
        Ok(())
    }

    /// The live part, with the engine running beside it.
    pub async fn live(&mut self, edits: usize) -> anyhow::Result<()> {
        let customers = self.customers(20).await?;
        self.edits_from_the_left(&customers, edits).await?;
        self.edits_from_the_right(&customers, edits).await?;
        self.different_fields(&customers[0]).await?;
        self.same_field(&customers[1]).await?;
        self.missing_payment_term().await?;
        self.yes_and_no(&customers[2]).await?;
        self.deletes(&customers[3], &customers[4]).await?;
        self.outside_the_scope().await?;
        Ok(())
    }

    /// At the end, with everything settled: nothing is lost, nothing looped.
    pub async fn accounts(&mut self) -> anyhow::Result<()> {
        self.chapter("the accounting holds");
        let audit = Audit::of(self.store.audit().await?);
        self.expectations
            .equal("duet audit balances", true, audit.balances);
        let pending: u64 = audit.lines.iter().map(|line| line.boxes.pending).sum();
        self.expectations.equal("changes left pending", 0, pending);
        let servers = self.duet_writes().await?;
        self.expectations.equal(
            "writes accounted for = writes counted at the servers",
            audit.writes(),
            servers.finops + servers.dataverse,
        );
        Ok(())
    }

    fn chapter(&self, title: &str) {
        self.terminal.say(&format!("· {title}"));
    }

    /// Customers that are organizations, and their accounts.
    async fn customers(&self, count: usize) -> anyhow::Result<Vec<Customer>> {
        let company = self.company_guid().await?;
        let rows = self
            .dataverse
            .list(&format!(
                "accounts?$select=accountid,accountnumber&$filter=customertypecode eq 3 \
                 and _msdyn_company_value eq {company}&$orderby=accountnumber&$top={count}"
            ))
            .await?;
        let mut customers = Vec::new();
        for row in &rows {
            if let (Some(account), Some(guid)) =
                (row["accountnumber"].as_str(), row["accountid"].as_str())
            {
                customers.push(Customer {
                    account: account.to_owned(),
                    guid: guid.to_owned(),
                });
            }
        }
        anyhow::ensure!(
            customers.len() == count,
            "{count} customers are needed, {} are there",
            customers.len()
        );
        Ok(customers)
    }

    async fn company_guid(&self) -> anyhow::Result<String> {
        let rows = self
            .dataverse
            .list(&format!(
                "cdm_companies?$select=cdm_companyid&$filter=cdm_companycode eq '{COMPANY}'"
            ))
            .await?;
        rows.first()
            .and_then(|row| row["cdm_companyid"].as_str())
            .map(str::to_owned)
            .context("the company has not arrived in Dataverse")
    }

    /// The account with a number, if it is there.
    async fn account(&self, number: &str) -> anyhow::Result<Option<Value>> {
        let rows = self
            .dataverse
            .list(&format!("accounts?$filter=accountnumber eq '{number}'"))
            .await?;
        Ok(rows.into_iter().next())
    }

    async fn left_value(&self, path: &str, column: &str) -> anyhow::Result<Value> {
        Ok(self.finops.get(path).await?.unwrap_or_default()[column].take())
    }

    async fn right_value(&self, path: &str, column: &str) -> anyhow::Result<Value> {
        let path = format!("{path}?$select={column}");
        Ok(self.dataverse.get(&path).await?.unwrap_or_default()[column].take())
    }

    async fn left_shows(&self, path: &str, column: &str, value: &Value) -> anyhow::Result<bool> {
        Ok(until(PATIENCE, async || {
            Ok(same(&self.left_value(path, column).await?, value).then_some(()))
        })
        .await?
        .is_some())
    }

    async fn right_shows(&self, path: &str, column: &str, value: &Value) -> anyhow::Result<bool> {
        Ok(until(PATIENCE, async || {
            Ok(same(&self.right_value(path, column).await?, value).then_some(()))
        })
        .await?
        .is_some())
    }

    async fn edits_from_the_left(
        &mut self,
        customers: &[Customer],
        edits: usize,
    ) -> anyhow::Result<()> {
        self.chapter(&format!(
            "{edits} single edits in finance, one after the other"
        ));
        let mut latencies = Latencies::default();
        for (number, customer) in customers.iter().cycle().take(edits).enumerate() {
            let limit = json!(10_000 + number);
            let edit = json!({"CreditLimit": limit});
            self.finops.update(&customer.left(), &edit).await?;
            let saved = Instant::now();
            if self
                .right_shows(&customer.right(), "creditlimit", &limit)
                .await?
            {
                latencies.add(saved.elapsed());
            }
        }
        self.note_latencies("edits in finance that reached sales", edits, &latencies);
        Ok(())
    }

    async fn edits_from_the_right(
        &mut self,
        customers: &[Customer],
        edits: usize,
    ) -> anyhow::Result<()> {
        self.chapter(&format!(
            "{edits} single edits in sales, one after the other"
        ));
        let mut latencies = Latencies::default();
        for (number, customer) in customers.iter().cycle().take(edits).enumerate() {
            let memo = json!(format!("called on day {number}"));
            let edit = json!({"description": memo});
            self.dataverse.update(&customer.right(), &edit).await?;
            let saved = Instant::now();
            if self
                .left_shows(&customer.left(), "SalesMemo", &memo)
                .await?
            {
                latencies.add(saved.elapsed());
            }
        }
        self.note_latencies("edits in sales that reached finance", edits, &latencies);
        Ok(())
    }

    fn note_latencies(&mut self, about: &str, edits: usize, latencies: &Latencies) {
        self.expectations.note(
            about,
            format!("all {edits}"),
            latencies.told(),
            latencies.count() == edits,
        );
    }

    async fn different_fields(&mut self, customer: &Customer) -> anyhow::Result<()> {
        self.chapter("different fields of one record, edited on both sides at once");
        let (limit, memo) = (json!(77_001), json!("edited in sales at the same time"));
        let (left, right) = (customer.left(), customer.right());
        let (left_edit, right_edit) = (json!({"CreditLimit": limit}), json!({"description": memo}));
        tokio::try_join!(
            self.finops.update(&left, &left_edit),
            self.dataverse.update(&right, &right_edit),
        )?;
        let arrived = self.right_shows(&right, "creditlimit", &limit).await?
            && self.left_shows(&left, "SalesMemo", &memo).await?;
        // Both have crossed; neither may have been undone on its way.
        let kept = same(&self.left_value(&left, "CreditLimit").await?, &limit)
            && same(&self.right_value(&right, "description").await?, &memo);
        self.expectations.equal(
            "two fields edited on two sides at once",
            "both survive on both",
            if arrived && kept {
                "both survive on both"
            } else {
                "an edit was lost"
            },
        );
        Ok(())
    }

    async fn same_field(&mut self, customer: &Customer) -> anyhow::Result<()> {
        self.chapter("the same field, edited on both sides while sales does not answer Duet");
        let (ours, theirs) = (json!(88_001), json!(88_002));
        let before = self
            .store
            .conflicts(&ConflictFilter::default(), 1000)
            .await?
            .len();
        // Duet writes in batches, the user does not: this keeps only Duet waiting.
        let outage = json!([{"fault": "unavailable", "path": "$batch"}]);
        self.dataverse
            .control(Method::PUT, "faults", &outage)
            .await?;
        let (left, right) = (customer.left(), customer.right());
        self.finops
            .update(&left, &json!({"CreditLimit": ours}))
            .await?;
        self.dataverse
            .update(&right, &json!({"creditlimit": theirs}))
            .await?;
        self.dataverse
            .control(Method::PUT, "faults", &json!([]))
            .await?;
        let agreed = self.right_shows(&right, "creditlimit", &ours).await?
            && same(&self.left_value(&left, "CreditLimit").await?, &ours);
        self.expectations.equal(
            "one field edited on both sides",
            "finance, the master, wins",
            if agreed {
                "finance, the master, wins"
            } else {
                "the sides differ, or sales won"
            },
        );
        let kept = until(PATIENCE, async || {
            let conflicts = self
                .store
                .conflicts(&ConflictFilter::default(), 1000)
                .await?;
            let kept = conflicts
                .iter()
                .flat_map(|conflict| &conflict.fields)
                .any(|field| {
                    field.left_column.eq_ignore_ascii_case("CreditLimit")
                        && field.right.to_string().starts_with("88002")
                });
            Ok((conflicts.len() > before && kept).then_some(()))
        })
        .await?;
        self.expectations.equal(
            "the losing value in duet conflicts",
            "kept",
            if kept.is_some() { "kept" } else { "missing" },
        );
        Ok(())
    }

    async fn missing_payment_term(&mut self) -> anyhow::Result<()> {
        self.chapter("a customer whose payment term does not exist yet");
        // Imports into the real system can skip the check of references as well.
        self.finops
            .control(Method::PUT, "settings", &json!({"reference_checks": false}))
            .await?;
        let number = "DEMO-TERM";
        self.finops
            .create(
                "CustomersV3?cross-company=true",
                &json!({
                    "dataAreaId": COMPANY,
                    "CustomerAccount": number,
                    "PartyType": "Organization",
                    "OrganizationName": "Waits for its payment term",
                    "CustomerGroupId": self.customer_group(COMPANY).await?,
                    "SalesCurrencyCode": "USD",
                    "PaymentTerms": "DEMO-N99",
                }),
            )
            .await?;
        let filter = ParkedFilter {
            reason: Some(ParkReason::WaitingForKey),
            key_contains: Some(number.to_lowercase()),
            ..ParkedFilter::default()
        };
        let parked = until(PATIENCE, async || {
            Ok(self.store.parked(&filter, 1).await?.into_iter().next())
        })
        .await?;
        self.expectations.equal(
            "a customer with a payment term that is not there",
            "parked under that key",
            if parked.is_some() {
                "parked under that key"
            } else {
                "not parked"
            },
        );
        self.finops
            .create(
                "PaymentTerms?cross-company=true",
                &json!({
                    "dataAreaId": COMPANY,
                    "Name": "DEMO-N99",
                    "Description": "Net 99 days",
                    "NumberOfDays": 99,
                }),
            )
            .await?;
        let arrived = until(PATIENCE, async || {
            let account = self.account(number).await?;
            Ok(account.filter(|account| account["_msdyn_paymentterm_value"].is_string()))
        })
        .await?;
        let left_over = self.store.parked(&filter, 1).await?.len();
        self.expectations.equal(
            "the term comes into being",
            "the customer arrives by itself",
            match (arrived.is_some(), left_over) {
                (true, 0) => "the customer arrives by itself",
                (true, _) => "it arrived but is still parked",
                (false, _) => "it did not arrive",
            },
        );
        self.finops
            .control(Method::PUT, "settings", &json!({"reference_checks": true}))
            .await?;
        Ok(())
    }

    /// Some customer group of a company.
    async fn customer_group(&self, company: &str) -> anyhow::Result<String> {
        let groups = self
            .finops
            .list(&format!(
                "CustomerGroups?cross-company=true&$filter=dataAreaId eq '{company}'&$top=1"
            ))
            .await?;
        groups
            .first()
            .and_then(|group| group["CustomerGroupId"].as_str())
            .map(str::to_owned)
            .context("no customer group is seeded")
    }

    async fn yes_and_no(&mut self, customer: &Customer) -> anyhow::Result<()> {
        self.chapter("a Yes/No value map, both ways");
        let (left, right) = (customer.left(), customer.right());
        let left_column = "CreditLimitIsMandatory";
        let right_column = "msdyn_creditlimitismandatory";
        let mut seen = Vec::new();
        for (symbol, flag) in [("Yes", true), ("No", false)] {
            self.finops
                .update(&left, &json!({left_column: symbol}))
                .await?;
            if self.right_shows(&right, right_column, &json!(flag)).await? {
                seen.push(format!("{symbol} → {flag}"));
            }
        }
        for (flag, symbol) in [(true, "Yes"), (false, "No")] {
            self.dataverse
                .update(&right, &json!({right_column: flag}))
                .await?;
            if self.left_shows(&left, left_column, &json!(symbol)).await? {
                seen.push(format!("{flag} → {symbol}"));
            }
        }
        self.expectations.equal(
            "Yes/No ↔ true/false",
            "Yes → true, No → false, true → Yes, false → No",
            seen.join(", "),
        );
        Ok(())
    }

    async fn deletes(&mut self, first: &Customer, second: &Customer) -> anyhow::Result<()> {
        self.chapter("deletes travel");
        self.finops.delete(&first.left()).await?;
        let right = first.right();
        let gone = until(PATIENCE, async || {
            Ok(self.dataverse.get(&right).await?.is_none().then_some(()))
        })
        .await?;
        self.expectations.equal(
            "a customer deleted in finance",
            "gone in sales",
            if gone.is_some() {
                "gone in sales"
            } else {
                "still there"
            },
        );
        self.dataverse.delete(&second.right()).await?;
        let account = &second.account;
        let listed = format!(
            "CustomersV3?cross-company=true&$filter=dataAreaId eq '{COMPANY}' and CustomerAccount eq '{account}'"
        );
        let gone = until(PATIENCE, async || {
            Ok(self.finops.list(&listed).await?.is_empty().then_some(()))
        })
        .await?;
        self.expectations.equal(
            "a customer deleted in sales",
            "gone in finance",
            if gone.is_some() {
                "gone in finance"
            } else {
                "still there"
            },
        );
        Ok(())
    }

    async fn outside_the_scope(&mut self) -> anyhow::Result<()> {
        self.chapter("a company outside the scope stays out");
        for (company, number) in [(OUTSIDE, "DEMO-OUTSIDE"), (COMPANY, "DEMO-INSIDE")] {
            let customer = json!({
                "dataAreaId": company,
                "CustomerAccount": number,
                "PartyType": "Organization",
                "OrganizationName": number,
                "CustomerGroupId": self.customer_group(company).await?,
                "SalesCurrencyCode": "USD",
            });
            self.finops
                .create("CustomersV3?cross-company=true", &customer)
                .await?;
        }
        // What was saved later has arrived: what was saved earlier had its chance.
        let later = until(PATIENCE, async || self.account("DEMO-INSIDE").await).await?;
        let outsider = self.account("DEMO-OUTSIDE").await?;
        self.expectations.equal(
            "a customer of a company outside the scope",
            "stays out",
            match (later, outsider) {
                (Some(_), None) => "stays out",
                (None, _) => "the customer inside the scope did not arrive either",
                (_, Some(_)) => "arrived",
            },
        );
        Ok(())
    }
}

/// Whether two JSON values mean the same; numbers by their value (`1` and `1.0000` are equal).
fn same(seen: &Value, wanted: &Value) -> bool {
    match (seen, wanted) {
        (Value::Number(seen), Value::Number(wanted)) => {
            trimmed(&seen.to_string()) == trimmed(&wanted.to_string())
        }
        _ => seen == wanted,
    }
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

/// How long the scenario waits for the engine to come to rest.
pub const REST: Duration = Duration::from_mins(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value_and_texts_by_letter() {
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert!(same(&number("12345.0000"), &json!(12345)));
        assert!(!same(&number("12345.0001"), &json!(12345)));
        assert!(!same(&number("100"), &json!(1)));
        assert!(same(&json!("Yes"), &json!("Yes")));
        assert!(!same(&Value::Null, &json!(0)));
    }
}
