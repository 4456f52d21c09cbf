//! What the command line says about bad input: place, record, reason, next step, exit code.
//!
//! Snapshots of real output of real processes; addresses and folders are redacted.
#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

mod stage;

use duet::demo::caller::Caller;
use duet::stand_ins::{Plan, USER};
use serde_json::json;
use stage::commands::ask;
use stage::in_process::{InProcess, transcript};
use std::fs;

/// A project of two maps, of which the tests spoil one.
struct Spoiled(InProcess);

/// The map that the tests spoil: customers and accounts without references.
const MAP: &str = "\
map: customers
version: 1.0.0
why: Sales works on the same customer that finance invoices.
left: { entity: CustomersV3, filter: '(PartyType == \"Organization\")' }
right: { entity: accounts, filter: customertypecode eq 3 }
company: per-company
key: [CUSTOMERACCOUNT = accountnumber]
master: left
fields:
  - CUSTOMERACCOUNT = accountnumber
  - CREDITLIMIT = creditlimit
  - SALESMEMO = description
  - CUSTOMERGROUPID << \"10\"
  - SALESCURRENCYCODE << \"USD\"
  - '\"3\" >> customertypecode'
  - PARTYTYPE << \"Organization\"
";

/// The map without which customers have no company in Dataverse.
const COMPANIES: &str = "\
map: companies
version: 1.0.0
why: Rows belong to companies on both sides.
left: { entity: LegalEntities }
right: { entity: cdm_companies }
company: shared
key: [LEGALENTITYID = cdm_companycode]
master: left
fields:
  - LEGALENTITYID > cdm_companycode
  - NAME > cdm_name
";

impl Spoiled {
    async fn set() -> Self {
        let stage = InProcess::set(&Plan::default()).await;
        stage.put("maps/companies.yaml", COMPANIES);
        stage.put("maps/customers.yaml", MAP);
        Self(stage)
    }

    fn spoil(&self, good: &str, bad: &str) {
        assert!(MAP.contains(good), "{good}");
        self.0.put("maps/customers.yaml", &MAP.replace(good, bad));
    }

    /// Runs a command and shows both streams and the exit code, without what differs by run.
    async fn duet(&self, arguments: &[&str]) -> String {
        let (left, right) = (&self.0.stand_ins.finops, &self.0.stand_ins.dataverse);
        transcript(&self.0.ask(arguments).await)
            .replace(left.url(), "http://FINOPS")
            .replace(right.url(), "http://DATAVERSE")
            .replace(right.url().trim_start_matches("http://"), "DATAVERSE")
    }

    /// What is parked, by record; the numbers depend on which side was read first.
    async fn parked(&self) -> String {
        let output = self.duet(&["parked", "--json"]).await;
        let end = output.rfind("exit code").unwrap();
        let parked: Vec<serde_json::Value> = serde_json::from_str(&output[..end]).unwrap();
        let mut lines: Vec<String> = parked
            .iter()
            .map(|change| {
                let text = |column: &str| change[column].as_str().unwrap().to_owned();
                format!(
                    "{} from the {}: {}",
                    text("key"),
                    text("side"),
                    text("message")
                )
            })
            .collect();
        lines.sort();
        lines.join("\n")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_with_an_unknown_column() {
    let stage = Spoiled::set().await;
    stage.spoil("CREDITLIMIT =", "CREDITLIMT =");
    insta::assert_snapshot!(stage.duet(&["check"]).await, @"
    error[DUET1011]: CustomersV3 has no column `CREDITLIMT`
      --> maps/customers.yaml:11:5
       |
    11 |   - CREDITLIMT = creditlimit
       |     ^^^^^^^^^^
       |
       = note: CustomersV3 is the left table; it has 304 columns
       = help: did you mean `CreditLimit`?

    2 maps, 1 error, 0 warnings
    exit code 1
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_filter() {
    let stage = Spoiled::set().await;
    stage.spoil("customertypecode eq 3", "customertypecode equals 3");
    insta::assert_snapshot!(stage.duet(&["check"]).await, @"
    error[DUET1040]: the right filter cannot be read: expected an operator such as `eq` or `and`
     --> maps/customers.yaml:5:53
      |
    5 | right: { entity: accounts, filter: customertypecode equals 3 }
      |                                                     ^
      |
      = note: it was read as an OData $filter, by its operators; the other dialect is the X++ query range

    2 maps, 1 error, 0 warnings
    exit code 1
    ");
    stage.spoil(
        "(PartyType == \"Organization\")",
        "(PartyTipe == \"Organization\")",
    );
    insta::assert_snapshot!(stage.duet(&["check"]).await, @r#"
    error[DUET1041]: the filter names `PartyTipe`, which CustomersV3 does not have
     --> maps/customers.yaml:4:38
      |
    4 | left: { entity: CustomersV3, filter: '(PartyTipe == "Organization")' }
      |                                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `PartyType`?

    2 maps, 1 error, 0 warnings
    exit code 1
    "#);
}

/// A finding stops a sync before anything is read or written.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_map_stops_a_sync() {
    let stage = Spoiled::set().await;
    stage.spoil("right: { entity: accounts", "right: { entity: acounts");
    insta::assert_snapshot!(stage.duet(&["sync"]).await, @"
    error[DUET1010]: the right system has no table `acounts`
     --> maps/customers.yaml:5:18
      |
    5 | right: { entity: acounts, filter: customertypecode eq 3 }
      |                  ^^^^^^^
      |
      = note: a map names the entity set: `accounts`, `CustomersV3`

    More about it: duet explain DUET1010
    exit code 3
    ");
    assert!(!stage.0.folder().join("duet.db").exists());
}

/// One row is parked with place and reason and without its value; the others travel.
#[tokio::test(flavor = "multi_thread")]
async fn a_too_long_value_and_an_unmapped_enum_value() {
    let stage = Spoiled::set().await;
    stage.spoil(
        "  - SALESMEMO = description\n",
        "  - TAXEXEMPTNUMBER = description\n  \
         - ONHOLDSTATUS >< msdyn_onholdstatus: { no: 806380000, all: 806380002 }\n",
    );
    let finops = Caller::sign_in(stage.0.stand_ins.finops.url(), "/data", USER)
        .await
        .unwrap();
    finops
        .control(
            reqwest::Method::PUT,
            "settings",
            &json!({"reference_checks": false}),
        )
        .await
        .unwrap();
    let company = json!({"LegalEntityId": "usmf", "Name": "Contoso", "CompanyName": "Contoso"});
    finops.create("LegalEntities", &company).await.unwrap();
    for (account, status) in [("GOOD-1", "No"), ("ENUM-1", "Invoice")] {
        let row = json!({
            "dataAreaId": "usmf",
            "CustomerAccount": account,
            "PartyType": "Organization",
            "OrganizationName": account,
            "CustomerGroupId": "10",
            "SalesCurrencyCode": "USD",
            "OnHoldStatus": status,
        });
        finops
            .create("CustomersV3?cross-company=true", &row)
            .await
            .unwrap();
    }
    stage.duet(&["sync"]).await;
    let dataverse = Caller::sign_in(stage.0.stand_ins.dataverse.url(), "/api/data/v9.2", USER)
        .await
        .unwrap();
    let companies = dataverse.list("cdm_companies").await.unwrap();
    let company = companies[0]["cdm_companyid"].as_str().unwrap();
    let account = json!({
        "name": "Too long",
        "accountnumber": "LONG-1",
        "customertypecode": 3,
        "description": "0123456789".repeat(12),
        "msdyn_company@odata.bind": format!("/cdm_companies({company})"),
    });
    dataverse.create("accounts", &account).await.unwrap();
    let figures = stage.duet(&["sync", "--fail-on-parked"]).await;
    // The two sides are read at once: only the figures come in a fixed order.
    let figures = figures.split_once("SIDE").unwrap().1;
    insta::assert_snapshot!(figures, @"
       TABLE          RECORDS  DELETES HELD
    left   LegalEntities        1             0
    left   CustomersV3          2             0
    right  cdm_companies        1             0
    right  accounts             2             0

    MAP        FROM   CAPTURED  APPLIED  COALESCED  ECHOED  FILTERED  DISCARDED  PARKED  PENDING  WRITES
    companies  left          1        0          0       1         0          0       0        0       0
    companies  right         1        0          0       1         0          0       0        0       0
    customers  left          2        0          1       1         0          0       1        0       0
    customers  right         2        0          0       1         0          0       1        0       0

    0 writes on both sides together.
    exit code 1
    ");
    insta::assert_snapshot!(stage.parked().await, @r#"
    ["usmf","enum-1"] from the left: DUET2001 OnHoldStatus (ONHOLDSTATUS >< msdyn_onholdstatus): `Invoice` has no counterpart in the value map; add it to the value map, or correct the record
    ["usmf","long-1"] from the right: DUET2002 TaxExemptNumber (TAXEXEMPTNUMBER = description): the text has 120 characters, the column holds 100; shorten it on the right side, or widen the column
    "#);
    insta::assert_snapshot!(stage.duet(&["audit"]).await, @"
    MAP        FROM   CAPTURED  APPLIED  COALESCED  ECHOED  FILTERED  PARKED  DISCARDED  PENDING  WRITES  BALANCES
    companies  left          2        1          0       1         0       0          0        0       1  yes
    companies  right         1        0          0       1         0       0          0        0       0  yes
    customers  left          4        1          1       1         0       1          0        0       1  yes
    customers  right         2        0          0       1         0       1          0        0       0  yes

    Every captured change stands in exactly one box.
    exit code 0
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_side() {
    let stage = Spoiled::set().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let file = stage.0.folder().join("duet.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace(stage.0.stand_ins.dataverse.url(), &nobody),
    )
    .unwrap();
    let told = stage
        .duet(&["check"])
        .await
        .replace(&nobody, "http://NOBODY");
    insta::assert_snapshot!(told, @"
    error[DUET3001]: the schema of the right side cannot be read: the sign-in service for `Dataverse` at http://NOBODY cannot be reached; check the network and the authority in the configuration
     |
     = note: caused by: no connection
     = note: caused by: error sending request
     = note: caused by: client error (Connect)
     = note: caused by: tcp connect error
     = note: caused by: Connection refused (os error 111)
     = help: check that the address is right and the system up, then try again

    More about it: duet explain DUET3001
    exit code 4
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret() {
    let stage = Spoiled::set().await;
    stage.0.put("secrets/dataverse", "not the secret");
    let told = stage.duet(&["check"]).await;
    assert!(!told.contains("not the secret"));
    insta::assert_snapshot!(told, @"
    error[DUET3010]: the schema of the right side cannot be read: signing in to `Dataverse` was refused (401 Unauthorized): the client secret is wrong or has expired, or the client id is unknown; check both
     |
     = note: the system answered invalid_client: AADSTS7000215: Invalid client secret provided.
     = help: check tenant, client id and secret in duet.yaml, and the application user's roles

    More about it: duet explain DUET3010
    exit code 4
    ");
}

#[test]
fn a_wrong_command() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| transcript(&ask(folder.path(), arguments));
    insta::assert_snapshot!(run(&["snyc"]), @"
    error: unrecognized subcommand 'snyc'

      tip: a similar subcommand exists: 'sync'

    Usage: duet [OPTIONS] <COMMAND>

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(run(&["status"]), @"
    error[DUET5001]: `duet.yaml` cannot be read: No such file or directory (os error 2)
     |
     = help: name the file with `--config FILE`, or let `duet demo` write one to start from

    More about it: duet explain DUET5001
    exit code 3
    ");
    insta::assert_snapshot!(run(&["explain", "DUET9999"]), @"
    error[DUET5013]: no page explains `DUET9999`
     |
     = help: `duet explain` without a code lists them all

    More about it: duet explain DUET5013
    exit code 2
    ");
}
