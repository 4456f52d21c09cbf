//! What people at a terminal see when they decide about conflicts, parked changes, drift and deletions, and
//! what scripts get: outputs and exit codes of real commands over a real store and the stand-ins.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use insta::assert_snapshot;
use regex_lite::Regex;
use reqwest::Method;
use serde_json::{Value, json};
use stage::commands::{Running, ask, in_box, json_of, said, state, until};
use stage::{Stage, key};
use std::fs;
use std::path::Path;

/// A small map that a person can read whole; where both sides change a note, a person decides.
const CUSTOMERS: &str = "\
map: customers
version: 1.0.0
why: Sales works on the customers that finance invoices.
left: { entity: CustomersV3, filter: '(PartyType == \"Organization\")' }
right: { entity: accounts, filter: customertypecode eq 3 }
company: per-company
key: [CUSTOMERACCOUNT = accountnumber]
master: left
deletes: propagate
fields:
  - CUSTOMERACCOUNT = accountnumber
  - CREDITLIMIT = creditlimit
  - { left: SALESMEMO, direction: \"=\", right: description, conflicts: manual }
  - SALESCURRENCYCODE = transactioncurrencyid.isocurrencycode
  - CUSTOMERGROUPID = msdyn_customergroupid.msdyn_groupid
  - PAYMENTTERMS = msdyn_paymentterm.msdyn_name
  - '\"3\" >> customertypecode'
  - PARTYTYPE << \"Organization\"
";

/// Three maps, synced.
async fn set(folder: &Path) -> Stage {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let stage = Stage::set(folder).await;
    let maps = folder.join("maps/finance");
    let kept = [
        "customer-groups.msdyn_customergroups.yaml",
        "terms-of-payment.msdyn_paymentterms.yaml",
    ];
    for group in fs::read_dir(folder.join("maps")).unwrap() {
        for file in fs::read_dir(group.unwrap().path()).unwrap() {
            let file = file.unwrap();
            if !kept.iter().any(|kept| file.file_name() == **kept) {
                fs::remove_file(file.path()).unwrap();
            }
        }
    }
    fs::write(maps.join("customers.yaml"), CUSTOMERS).unwrap();
    let unchecked = json!({"reference_checks": false});
    let set = stage.finops.control(Method::PUT, "settings", &unchecked);
    set.await.unwrap();
    let synced = ask(folder, &["sync"]);
    assert!(synced.status.success(), "{}", said(&synced));
    stage
}

/// What a command says, without what differs from run to run.
fn shown(folder: &Path, arguments: &[&str]) -> String {
    tidied(&said(&ask(folder, arguments)))
}

fn tidied(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, put) in [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "[time]"),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[id]",
        ),
        (r"127\.0\.0\.1:\d+", "[address]"),
        (r#"W/\\"[^"\\]*\\""#, "[version]"),
        (r" *\b\d+ ms\b", "  [ms]"),
        (r"\b(\d+(ms|s|m|h) ?)+ ago", "[age] ago"),
        (r"\b(changed by )\S+", "${1}[user]"),
        (r"(?m)^[^\n]*finding about the maps[^\n]*\n", ""),
    ] {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, put)
            .into_owned();
    }
    text
}

/// The number of the only parked change, or of the first that fits.
fn parked_number(folder: &Path, key: &str) -> String {
    let parked = json_of(folder, &["parked", "--key", key]);
    parked[0]["seq"].to_string()
}

async fn new_customer(stage: &Stage, account: &str, term: &str) {
    let group = stage
        .finops
        .list("CustomerGroups?cross-company=true&$filter=dataAreaId eq 'usmf'&$top=1")
        .await
        .unwrap();
    let row = json!({
        "dataAreaId": "usmf",
        "CustomerAccount": account,
        "PartyType": "Organization",
        "OrganizationName": account,
        "CustomerGroupId": group[0]["CustomerGroupId"],
        "SalesCurrencyCode": "USD",
        "PaymentTerms": term,
    });
    let set = "CustomersV3?cross-company=true";
    stage.finops.create(set, &row).await.unwrap();
}

async fn account_of(stage: &Stage, account: &str) -> Value {
    stage.accounts().await[&key("usmf", account)].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_found_shown_and_decided() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    let account = "US-001";
    new_customer(&stage, account, "Net30").await;
    ask(folder, &["sync"]);
    let id = account_of(&stage, account).await["accountid"]
        .as_str()
        .unwrap()
        .to_owned();
    let left =
        format!("CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true");
    stage
        .finops
        .update(&left, &json!({"SalesMemo": "calls on Monday"}))
        .await
        .unwrap();
    let right = format!("accounts({id})");
    stage
        .dataverse
        .update(&right, &json!({"description": "calls on Friday"}))
        .await
        .unwrap();
    assert_snapshot!(shown(folder, &["conflicts", "--key", account]), @"0| No conflicts.");
    let synced = ask(folder, &["sync"]);
    assert_snapshot!(tidied(&said(&synced)), @"
    0| SIDE   TABLE                 RECORDS  DELETES HELD
    left   PaymentTerms               14             0
    left   CustomerGroups             10             0
    left   CustomersV3               111             0
    right  msdyn_paymentterms         10             0
    right  msdyn_customergroups       10             0
    right  accounts                   78             0

    MAP                                   FROM   CAPTURED  APPLIED  COALESCED  ECHOED  FILTERED  DISCARDED  PARKED  PENDING  WRITES
    terms-of-payment.msdyn_paymentterms   left         14        0          4      10         0          0       4        0       0
    terms-of-payment.msdyn_paymentterms   right        10        0          0      10         0          0       0        0       0
    customer-groups.msdyn_customergroups  left         10        0          0      10         0          0       0        0       0
    customer-groups.msdyn_customergroups  right        10        0          0      10         0          0       0        0       0
    customers                             left        111        0          7      77        26          0       8        0       0
    customers                             right        78        0          0      77         0          0       1        0       0

    0 writes on both sides together.
    read    right msdyn_paymentterms: 10 records
    read    left PaymentTerms: 14 records
    read    right msdyn_customergroups: 10 records
    read    left CustomerGroups: 10 records
    read    right accounts: 78 records
    read    left CustomersV3: 111 records
    applied       terms-of-payment.msdyn_paymentterms: 24 changes settled
    applied       customer-groups.msdyn_customergroups: 20 changes settled
    applied       customers: 189 changes settled
    13 changes are parked: `duet parked` tells what they wait for.
    ");

    let conflict = json_of(folder, &["conflicts", "--open"])[0]["id"].to_string();
    assert_eq!(conflict, "1");
    assert_snapshot!(shown(folder, &["conflicts"]), @"");
    assert_snapshot!(shown(folder, &["conflicts", "--json"]), @"");
    assert_snapshot!(shown(folder, &["conflicts", "show", "1"]), @"");
    assert_snapshot!(shown(folder, &["conflicts", "show", "2"]), @"");
    assert_snapshot!(shown(folder, &["conflicts", "resolve", "1"]), @"");
    assert_snapshot!(shown(folder, &["conflicts", "resolve", "1", "--take", "CREDITLIMIT=left"]), @"");
    assert_snapshot!(shown(folder, &["conflicts", "resolve", "1", "--take", "right", "--by", "alba"]), @"");
    assert_snapshot!(shown(folder, &["conflicts"]), @"");
    assert!(ask(folder, &["sync"]).status.success());
    assert_snapshot!(shown(folder, &["conflicts", "show", "1"]), @"");
    assert_snapshot!(shown(folder, &["conflicts", "resolve", "1", "--take", "left"]), @"");
    assert_snapshot!(shown(folder, &["trace", "us-001"]), @"");
    assert_snapshot!(shown(folder, &["trace", "nobody"]), @"");
    let rows = stage.customers().await;
    assert_eq!(rows[&key("usmf", account)]["SalesMemo"], "calls on Friday");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_change_is_shown_edited_discarded_and_retried() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    assert_snapshot!(shown(folder, &["parked"]), @"
    0| NUMBER  MAP                                  FROM  RECORD              CODE      WHAT TO DO
         1  terms-of-payment.msdyn_paymentterms  left  frrt / cm15         DUET2102  waits for msdyn_paymentdays with msdyn_name = Day15 in company frrt
         7  terms-of-payment.msdyn_paymentterms  left  frrt / parts        DUET2102  waits for msdyn_paymentschedules with msdyn_name = Thirds in company frrt
         8  terms-of-payment.msdyn_paymentterms  left  usmf / cm15         DUET2102  waits for msdyn_paymentdays with msdyn_name = Day15 in company usmf
        14  terms-of-payment.msdyn_paymentterms  left  usmf / parts        DUET2102  waits for msdyn_paymentschedules with msdyn_name = Thirds in company usmf
        36  customers                            left  frrt / frrt-000002  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company frrt
        41  customers                            left  frrt / frrt-000007  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company frrt
        53  customers                            left  frrt / frrt-000019  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company frrt
        62  customers                            left  frrt / frrt-000028  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company frrt
        87  customers                            left  usmf / usmf-000013  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company usmf
       108  customers                            left  usmf / usmf-000034  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company usmf
       112  customers                            left  usmf / usmf-000038  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company usmf

    Look closer: duet parked show NUMBER. Once mended: duet retry --number NUMBER, or duet retry.
    ");
    new_customer(&stage, "US-001", "N/A").await;
    new_customer(&stage, "US-002", "Nowhere").await;
    new_customer(&stage, "US-003", "Later").await;
    let synced = ask(folder, &["sync", "--fail-on-parked"]);
    assert_snapshot!(tidied(&said(&synced)), @"
    1| SIDE   TABLE                 RECORDS  DELETES HELD
    left   PaymentTerms               14             0
    left   CustomerGroups             10             0
    left   CustomersV3               113             0
    right  msdyn_paymentterms         10             0
    right  msdyn_customergroups       10             0
    right  accounts                   77             0

    MAP                                   FROM   CAPTURED  APPLIED  COALESCED  ECHOED  FILTERED  DISCARDED  PARKED  PENDING  WRITES
    terms-of-payment.msdyn_paymentterms   left         14        0          4      10         0          0       4        0       0
    terms-of-payment.msdyn_paymentterms   right        10        0          0      10         0          0       0        0       0
    customer-groups.msdyn_customergroups  left         10        0          0      10         0          0       0        0       0
    customer-groups.msdyn_customergroups  right        10        0          0      10         0          0       0        0       0
    customers                             left        113        0          7      77        26          0      10        0       0
    customers                             right        77        0          0      77         0          0       0        0       0

    0 writes on both sides together.
    read    left PaymentTerms: 14 records
    read    right msdyn_paymentterms: 10 records
    read    left CustomerGroups: 10 records
    read    right msdyn_customergroups: 10 records
    read    right accounts: 77 records
    read    left CustomersV3: 113 records
    applied       terms-of-payment.msdyn_paymentterms: 24 changes settled
    applied       customer-groups.msdyn_customergroups: 20 changes settled
    applied       customers: 190 changes settled
    14 changes are parked: `duet parked` tells what they wait for.
    ");
    let number =
        Regex::new(r"(?m)^ *\d{2,}  |\b(change|Change|NUMBER|edited.: |.seq.: ) ?\d+").unwrap();
    let shown = |arguments: &[&str]| {
        number
            .replace_all(&shown(folder, arguments), "${1} [number]  ")
            .into_owned()
    };
    assert_snapshot!(shown(&["parked"]), @"
    0| NUMBER  MAP                                  FROM  RECORD              CODE      WHAT TO DO
     [number]  terms-of-payment.msdyn_paymentterms  left  frrt / cm15         DUET2102  waits for msdyn_paymentdays with msdyn_name = Day15 in company frrt
     [number]  terms-of-payment.msdyn_paymentterms  left  frrt / parts        DUET2102  waits for msdyn_paymentschedules with msdyn_name = Thirds in company frrt
     [number]  terms-of-payment.msdyn_paymentterms  left  usmf / cm15         DUET2102  waits for msdyn_paymentdays with msdyn_name = Day15 in company usmf
     [number]  terms-of-payment.msdyn_paymentterms  left  usmf / parts        DUET2102  waits for msdyn_paymentschedules with msdyn_name = Thirds in company usmf
     [number]  customers                            left  frrt / frrt-000002  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company frrt
     [number]  customers                            left  frrt / frrt-000007  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company frrt
     [number]  customers                            left  frrt / frrt-000019  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company frrt
     [number]  customers                            left  frrt / frrt-000028  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company frrt
     [number]  customers                            left  usmf / us-001       DUET2102  waits for msdyn_paymentterms with msdyn_name = N/A in company usmf
     [number]  customers                            left  usmf / us-002       DUET2102  waits for msdyn_paymentterms with msdyn_name = Nowhere in company usmf
     [number]  customers                            left  usmf / us-003       DUET2102  waits for msdyn_paymentterms with msdyn_name = Later in company usmf
     [number]  customers                            left  usmf / usmf-000013  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company usmf
     [number]  customers                            left  usmf / usmf-000034  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company usmf
     [number]  customers                            left  usmf / usmf-000038  DUET2102  waits for msdyn_paymentterms with msdyn_name = CM15 in company usmf

    Look closer: duet parked show NUMBER. Once mended: duet retry --number NUMBER, or duet retry.
    ");
    assert_snapshot!(shown(&["parked", "--key", "us-001", "--json"]), @r#"
    0| [
      {
        "seq": 244,
        "map": "customers",
        "side": "left",
        "key": "[\"usmf\",\"us-001\"]",
        "record": "dataAreaId='usmf',CustomerAccount='US-001'",
        "reason": "waiting-for-key",
        "code": "DUET2102",
        "message": "waits for msdyn_paymentterms with msdyn_name = N/A in company usmf",
        "waits_for": [
          "key:right:msdyn_paymentterms:[\"usmf\",\"n/a\"]"
        ],
        "since": "[time]",
        "attempts": 1
      }
    ]
    "#);
    assert_snapshot!(shown(&["parked", "--fail", "--key", "us-001"]), @"
    1| NUMBER  MAP        FROM  RECORD         CODE      WHAT TO DO
     [number]  customers  left  usmf / us-001  DUET2102  waits for msdyn_paymentterms with msdyn_name = N/A in company usmf

    Look closer: duet parked show NUMBER. Once mended: duet retry --number NUMBER, or duet retry.
    ");
    let first = parked_number(folder, "us-001");
    assert_snapshot!(shown(&["parked", "show", &first]), @r#"
    0| change    244 (created or changed)
    record    usmf / us-001 of customers, from the left
    since     [time] UTC, tried 1 times
    why       DUET2102: waits for msdyn_paymentterms with msdyn_name = N/A in company usmf
    waits for key:right:msdyn_paymentterms:["usmf","n/a"]

    COLUMN             VALUE         GIVEN FOR THIS CHANGE
    CreditLimit        0
    CustomerAccount    US-001
    CustomerGroupId    10
    PartyType          Organization
    PaymentTerms       N/A
    SalesCurrencyCode  USD
    SalesMemo          (empty)
    dataAreaId         usmf
    "#);
    assert_snapshot!(shown(&["parked", "edit", &first, "PaymentTerms"]), @"
    2| error[DUET5081]: `PaymentTerms` is not of the form COLUMN=VALUE
     |
     = help: write `OrganizationName=Contoso`, in quotes where it has blanks

    More about it: duet explain DUET5081
    ");
    assert_snapshot!(shown(&["parked", "edit", &first, "Nothing=1"]), @"
    2| error[DUET2127]: the map does not touch a column `Nothing` of CustomersV3 on the left side

    More about it: duet explain DUET2127
    ");
    assert_snapshot!(shown(&["parked", "edit", &first, "PaymentTerms=Net30", "--by", "alba"]), @"0| Change [number]   goes on with the given PaymentTerms.");
    let second = parked_number(folder, "us-002");
    assert_snapshot!(shown(&["parked", "discard", &second]), @"
    2| error[DUET5091]: 1 parked changes will be dropped for good, and nobody confirmed it; nothing was done
     |
     = help: add `--yes`

    More about it: duet explain DUET5091
    ");
    assert_snapshot!(shown(&["parked", "discard", &second, "--yes", "--by", "alba"]), @"0| 1 changes are discarded.");
    assert_snapshot!(shown(&["parked", "discard", "999999", "--yes"]), @"
    2| error[DUET2125]: no change [number]   is parked
     |
     = help: `duet parked` lists the changes that wait

    More about it: duet explain DUET2125
    ");
    assert_snapshot!(shown(&["retry", "--reason", "validation"]), @"0| No parked change fits; `duet parked` lists them.");
    assert_snapshot!(shown(&["retry"]), @"0| 12 changes will be tried again.");
    let row =
        json!({"dataAreaId": "usmf", "Name": "Later", "Description": "Later", "NumberOfDays": 7});
    stage
        .finops
        .create("PaymentTerms?cross-company=true", &row)
        .await
        .unwrap();
    assert!(ask(folder, &["sync"]).status.success());
    assert_snapshot!(shown(&["trace", "us-001"]), @"
    0| SETTLED AT (UTC)         MAP        RECORD         FROM  OUTCOME       AFTER  DETAIL
    [time]  customers  usmf / us-001  left  parked  [ms]  DUET2102: waits for msdyn_paymentterms with msdyn_name = N/A in company usmf
    [time]  customers  usmf / us-001  left  amended  [ms]  PaymentTerms given by alba
    [time]  customers  usmf / us-001  left  coalesced  [ms]  into change [number]  
    [time]  customers  usmf / us-001  left  parked  [ms]  DUET2102: waits for msdyn_paymentterms with msdyn_name = N/A in company usmf
    ");
    assert_eq!(in_box(folder, "parked"), 0);
    assert_eq!(in_box(folder, "discarded"), 1);
    let accounts = stage.accounts().await;
    assert!(accounts.contains_key(&key("usmf", "US-001")));
    assert!(accounts.contains_key(&key("usmf", "US-003")));
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_found_planned_and_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    new_customer(&stage, "US-001", "Net30").await;
    assert!(ask(folder, &["sync"]).status.success());
    assert_snapshot!(shown(folder, &["compare"]), @"
    0| MAP                                   COMPARED  EQUAL  PENDING  PARKED  CONFLICTS  DRIFT  MISSING LEFT  MISSING RIGHT
    terms-of-payment.msdyn_paymentterms         14     10        0       4          0      0             0              4
    customer-groups.msdyn_customergroups        10     10        0       0          0      0             0              0
    customers                                   85     78        0       7          0      0             0              7

    CLASS   MAP                                  RECORD              WHAT DIFFERS
    parked  terms-of-payment.msdyn_paymentterms  frrt / cm15         missing on the right
    parked  terms-of-payment.msdyn_paymentterms  frrt / parts        missing on the right
    parked  terms-of-payment.msdyn_paymentterms  usmf / cm15         missing on the right
    parked  terms-of-payment.msdyn_paymentterms  usmf / parts        missing on the right
    parked  customers                            frrt / frrt-000002  missing on the right
    parked  customers                            frrt / frrt-000007  missing on the right
    parked  customers                            frrt / frrt-000019  missing on the right
    parked  customers                            frrt / frrt-000028  missing on the right
    parked  customers                            usmf / usmf-000013  missing on the right
    parked  customers                            usmf / usmf-000034  missing on the right
    parked  customers                            usmf / usmf-000038  missing on the right

    Nothing drifted.
    ");
    assert_snapshot!(shown(folder, &["repair"]), @"0| Nothing drifted, nothing to repair.");
    let id = account_of(&stage, "US-001").await["accountid"]
        .as_str()
        .unwrap()
        .to_owned();
    let limit = json!({"creditlimit": 77});
    stage
        .dataverse
        .update(&format!("accounts({id})"), &limit)
        .await
        .unwrap();
    let only = ["--map", "customers", "--grace", "0s"];
    let with = |first: &[&str], last: &[&str]| -> String {
        let all: Vec<&str> = first.iter().chain(&only).chain(last).copied().collect();
        shown(folder, &all)
    };
    assert_snapshot!(with(&["compare"], &[]), @"
    1| MAP        COMPARED  EQUAL  PENDING  PARKED  CONFLICTS  DRIFT  MISSING LEFT  MISSING RIGHT
    customers        85     77        0       7          0      1             0              7

    CLASS   MAP        RECORD              WHAT DIFFERS
    drift   customers  usmf / us-001       CREDITLIMIT = creditlimit
    parked  customers  frrt / frrt-000002  missing on the right
    parked  customers  frrt / frrt-000007  missing on the right
    parked  customers  frrt / frrt-000019  missing on the right
    parked  customers  frrt / frrt-000028  missing on the right
    parked  customers  usmf / usmf-000013  missing on the right
    parked  customers  usmf / usmf-000034  missing on the right
    parked  customers  usmf / usmf-000038  missing on the right

    `duet repair` shows what would put the drift right.
    ");
    assert_snapshot!(with(&["compare"], &["--json"]), @r#"
    1| {
      "maps": [
        {
          "map": "customers",
          "compared": 85,
          "outside": 26,
          "equal": 77,
          "pending": 0,
          "parked": 7,
          "conflicts": 0,
          "drift": 1,
          "missing_left": 0,
          "missing_right": 7,
          "fields": {
            "CREDITLIMIT = creditlimit": 1
          }
        }
      ],
      "differences": [
        {
          "map": "customers",
          "key": "[\"usmf\",\"us-001\"]",
          "class": "drift",
          "missing": null,
          "paired": true,
          "fields": [
            "CREDITLIMIT = creditlimit"
          ],
          "records": {
            "left": "dataAreaId='usmf',CustomerAccount='US-001'",
            "right": "[id]"
          }
        },
        {
          "map": "customers",
          "key": "[\"frrt\",\"frrt-000002\"]",
          "class": "parked",
          "missing": "right",
          "paired": false,
          "fields": [],
          "records": {
            "left": "dataAreaId='frrt',CustomerAccount='FRRT-000002'",
            "right": null
          }
        },
        {
          "map": "customers",
          "key": "[\"frrt\",\"frrt-000007\"]",
          "class": "parked",
          "missing": "right",
          "paired": false,
          "fields": [],
          "records": {
            "left": "dataAreaId='frrt',CustomerAccount='FRRT-000007'",
            "right": null
          }
        },
        {
          "map": "customers",
          "key": "[\"frrt\",\"frrt-000019\"]",
          "class": "parked",
          "missing": "right",
          "paired": false,
          "fields": [],
          "records": {
            "left": "dataAreaId='frrt',CustomerAccount='FRRT-000019'",
            "right": null
          }
        },
        {
          "map": "customers",
          "key": "[\"frrt\",\"frrt-000028\"]",
          "class": "parked",
          "missing": "right",
          "paired": false,
          "fields": [],
          "records": {
            "left": "dataAreaId='frrt',CustomerAccount='FRRT-000028'",
            "right": null
          }
        },
        {
          "map": "customers",
          "key": "[\"usmf\",\"usmf-000013\"]",
          "class": "parked",
          "missing": "right",
          "paired": false,
          "fields": [],
          "records": {
            "left": "dataAreaId='usmf',CustomerAccount='USMF-000013'",
            "right": null
          }
        },
        {
          "map": "customers",
          "key": "[\"usmf\",\"usmf-000034\"]",
          "class": "parked",
          "missing": "right",
          "paired": false,
          "fields": [],
          "records": {
            "left": "dataAreaId='usmf',CustomerAccount='USMF-000034'",
            "right": null
          }
        },
        {
          "map": "customers",
          "key": "[\"usmf\",\"usmf-000038\"]",
          "class": "parked",
          "missing": "right",
          "paired": false,
          "fields": [],
          "records": {
            "left": "dataAreaId='usmf',CustomerAccount='USMF-000038'",
            "right": null
          }
        }
      ]
    }
    "#);
    assert_snapshot!(with(&["repair"], &[]), @"
    1| MAP        RECORD         WHAT DIFFERS               REPAIR
    customers  usmf / us-001  CREDITLIMIT = creditlimit  write to the right as on the left

    This is the plan; nothing was written. `duet repair --apply` does it.
    ");
    assert_snapshot!(with(&["repair"], &["--json"]), @r#"
    1| {
      "applied": false,
      "journaled": 0,
      "left_to_running": false,
      "steps": [
        {
          "difference": {
            "map": "customers",
            "key": "[\"usmf\",\"us-001\"]",
            "class": "drift",
            "missing": null,
            "paired": true,
            "fields": [
              "CREDITLIMIT = creditlimit"
            ],
            "records": {
              "left": "dataAreaId='usmf',CustomerAccount='US-001'",
              "right": "[id]"
            }
          },
          "action": {
            "write": {
              "from": "left"
            }
          }
        }
      ]
    }
    "#);
    assert_snapshot!(with(&["repair", "--apply"], &[]), @"
    0| MAP        RECORD         WHAT DIFFERS               REPAIR
    customers  usmf / us-001  CREDITLIMIT = creditlimit  write to the right as on the left

    1 changes were applied, or are parked: `duet parked`.
    ");
    assert_snapshot!(with(&["compare"], &[]), @"
    0| MAP        COMPARED  EQUAL  PENDING  PARKED  CONFLICTS  DRIFT  MISSING LEFT  MISSING RIGHT
    customers        85     78        0       7          0      0             0              7

    CLASS   MAP        RECORD              WHAT DIFFERS
    parked  customers  frrt / frrt-000002  missing on the right
    parked  customers  frrt / frrt-000007  missing on the right
    parked  customers  frrt / frrt-000019  missing on the right
    parked  customers  frrt / frrt-000028  missing on the right
    parked  customers  usmf / usmf-000013  missing on the right
    parked  customers  usmf / usmf-000034  missing on the right
    parked  customers  usmf / usmf-000038  missing on the right

    Nothing drifted.
    ");
    assert_snapshot!(shown(folder, &["compare", "--map", "custmers"]), @"
    2| error[DUET5090]: the project has no map `custmers`
     |
     = help: `duet status` lists the maps

    More about it: duet explain DUET5090
    ");
    assert!(ask(folder, &["sync"]).status.success());
    assert_snapshot!(shown(folder, &["audit"]), @"
    0| MAP                                   FROM   CAPTURED  APPLIED  COALESCED  ECHOED  FILTERED  PARKED  DISCARDED  PENDING  WRITES  BALANCES
    customer-groups.msdyn_customergroups  left         30       10          0      20         0       0          0        0      10  yes
    customer-groups.msdyn_customergroups  right        30        0          0      30         0       0          0        0       0  yes
    customers                             left        303       49         14     155        78       7          0        0      49  yes
    customers                             right       185       30          0     155         0       0          0        0      30  yes
    terms-of-payment.msdyn_paymentterms   left         42       10          8      20         0       4          0        0      10  yes
    terms-of-payment.msdyn_paymentterms   right        20        0          0      20         0       0          0        0       0  yes

    Every captured change stands in exactly one box.
    ");
    assert_eq!(json_of(folder, &["audit"])["balances"], true);
    assert_snapshot!(shown(folder, &["status"]), @"
    0| MAP                                   STATE        PAIRS  CHANGES  WRITES  PENDING  PARKED  CONFLICTS  LAG
    customer-groups.msdyn_customergroups  not running     10       60      10        0       0          2    -
    customers                             not running     78      488      79        0       7          1    -
    terms-of-payment.msdyn_paymentterms   not running     10       62      10        0       4          0    -

    last change settled [age] ago
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn mass_deletions_wait_for_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    assert_snapshot!(shown(folder, &["deletes"]), @"0| No deletions wait.");
    assert_snapshot!(shown(folder, &["deletes", "confirm", "--yes"]), @"0| No deletions wait.");
    let doomed: Vec<_> = stage.customers().await.into_values().take(30).collect();
    for row in &doomed {
        let (company, account) = (&row["dataAreaId"], &row["CustomerAccount"]);
        let path = format!(
            "CustomersV3(dataAreaId='{}',CustomerAccount='{}')?cross-company=true",
            company.as_str().unwrap(),
            account.as_str().unwrap()
        );
        stage.finops.delete(&path).await.unwrap();
    }
    let before = stage.accounts().await.len();
    assert!(ask(folder, &["sync"]).status.success());
    assert_eq!(
        stage.accounts().await.len(),
        before,
        "nothing is deleted yet"
    );
    assert_snapshot!(shown(folder, &["deletes"]), @"
    0| MAP        DELETED ON  REPORTED  FOUND MISSING
    customers  left               0  more than 20 of 77
    ");
    assert_snapshot!(shown(folder, &["deletes", "--json"]), @r#"
    0| [
      {
        "map": "customers",
        "side": "left",
        "reported": 0,
        "missing": "more than 20 of 77"
      }
    ]
    "#);
    assert_snapshot!(shown(folder, &["deletes", "confirm"]), @"
    2| MAP        DELETED ON  REPORTED  FOUND MISSING
    customers  left               0  more than 20 of 77
    error[DUET5091]: These records will be deleted on the other side as well, and nobody confirmed it; nothing was done
     |
     = help: add `--yes`

    More about it: duet explain DUET5091
    ");
    assert_snapshot!(shown(folder, &["deletes", "confirm", "--yes", "--by", "alba"]), @"
    0| 0 deletions will be applied, and what the next comparison of key sets finds missing in 1 tables.
    MAP        DELETED ON  REPORTED  FOUND MISSING
    customers  left               0  more than 20 of 77
    ");
    assert!(ask(folder, &["sync"]).status.success());
    assert_eq!(stage.accounts().await.len(), before - doomed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_say_what_they_did_and_what_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    new_customer(&stage, "US-001", "Net30").await;
    let running = Running::start(folder);
    let arrived = async |limit: u64| {
        let accounts = stage.accounts().await;
        let row = accounts.get(&key("usmf", "US-001"));
        row.is_some_and(|row| stage::plain(&row["creditlimit"]) == limit.to_string())
    };
    stage.set_limit("US-001", 1).await;
    until("the first edit arrives", async || {
        arrived(1).await && in_box(folder, "pending") == 0
    })
    .await;
    let queued = async |limit: u64| {
        stage.set_limit("US-001", limit).await;
        until("the edit queues", async || in_box(folder, "pending") == 1).await;
    };
    assert_snapshot!(shown(folder, &["pause", "customers", "--reason", "month end"]), @"0| Paused customers.");
    assert_snapshot!(shown(folder, &["pause", "customers", "--json"]), @r#"
    0| {
      "paused": [
        "customers"
      ],
      "running": true,
      "done": true
    }
    "#);
    queued(2).await;
    assert_snapshot!(shown(folder, &["status"]), @"
    0| MAP                                   STATE    PAIRS  CHANGES  WRITES  PENDING  PARKED  CONFLICTS    LAG
    customer-groups.msdyn_customergroups  running     10       30      10        0       0          2      -
    customers                             paused      78      190      78        2       7          0  308ms
    terms-of-payment.msdyn_paymentterms   running     10       24      10        0       4          0      -

    last change settled [age] ago
    ");
    assert_snapshot!(shown(folder, &["resume", "customers"]), @"0| Resumed customers. Applied first: 2 changes.");
    until("the queue is applied", async || arrived(2).await).await;
    ask(folder, &["pause", "customers"]);
    queued(3).await;
    assert_snapshot!(shown(folder, &["resume", "customers", "--keep-parked"]), @"0| Resumed customers. Parked: 1 change, which `duet retry --reason held` applies.");
    until("the queue is parked", async || {
        in_box(folder, "parked") == 1
    })
    .await;
    assert_snapshot!(shown(folder, &["retry", "--reason", "held"]), @"");
    until("it is applied after all", async || arrived(3).await).await;
    ask(folder, &["pause", "customers"]);
    queued(4).await;
    assert_snapshot!(shown(folder, &["resume", "customers", "--discard"]), @"");
    assert_snapshot!(shown(folder, &["resume", "customers", "--discard", "--confirm", "discard 1 change"]), @"");
    until("the queue is discarded", async || {
        in_box(folder, "discarded") == 1
    })
    .await;
    assert!(arrived(3).await);
    assert_snapshot!(shown(folder, &["stop", "customers"]), @"");
    assert_eq!(state(folder, "customers"), "not-running");
    assert_snapshot!(shown(folder, &["start", "customers"]), @"");
    until("it runs again", async || {
        state(folder, "customers") == "running"
    })
    .await;
    assert_snapshot!(shown(folder, &["refresh"]), @"");
    assert_snapshot!(shown(folder, &["relink", "--side", "right", "--yes"]), @"");
    assert!(running.end().success());
    assert_snapshot!(shown(folder, &["stop", "nothing"]), @"");
    assert_snapshot!(shown(folder, &["refresh"]), @"");
    assert_snapshot!(shown(folder, &["relink"]), @"");
    assert_snapshot!(shown(folder, &["relink", "--side", "right"]), @"");
    assert_snapshot!(shown(folder, &["relink", "--side", "right", "--yes"]), @"");
    assert!(ask(folder, &["sync"]).status.success());
    assert_eq!(json_of(folder, &["audit"])["balances"], true);
}
