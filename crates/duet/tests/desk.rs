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
use serde_json::{Value, json};
use stage::commands::{Running, ask, in_box, json_of, said, state, until};
use stage::small_project::{new_customer, set};
use stage::{Stage, key};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longer than a table is not looked at.
const ECHO: Duration = Duration::from_secs(4);

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
        // How long something took, and with it how wide its column is.
        (r" {2,}AFTER  ", "  AFTER  "),
        (r" {2,}\d+ ms  ", "  [ms]  "),
        (r"\b(\d+(ms|s|m|h) ?)+ ago", "[age] ago"),
        (r" +LAG\n", "  LAG\n"),
        (r"(?m) +(-|(\d+(ms|s|m|h) ?)+)$", "  [lag]"),
        // Numbers of changes and conflicts.
        (r"(?m)^((\d\| )?) *\d+  ", "${1}[number]  "),
        (
            r"(?im)\b(change|conflict|show|edit|discard|resolve)( +)\d+( |;|,|$)",
            "${1}${2}[number]${3}",
        ),
        (r#""(seq|id|edited)": \d+"#, r#""$1": [number]"#),
        // What is read and applied first differs from run to run.
        (r"(?m)^(read|applied) [^\n]*\n", ""),
        (r"\b(changed by )\S+", "${1}[user]"),
        (r"(?m)^[^\n]*finding about the maps[^\n]*\n", ""),
        // Both sides have customer groups from the beginning; which side's are met first is chance.
        (
            r"(?m)^(\d\| )?[^\n]*customer-groups\.msdyn_customergroups  [^\n]*\n",
            "",
        ),
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
    0| SIDE   TABLE                   RECORDS  DELETES HELD
    left   PaymentDaysCDS                4             0
    left   PaymentSchedules              4             0
    left   PaymentTerms                 14             0
    left   CustomerGroups               10             0
    left   CustomersV3                 111             0
    right  msdyn_paymentdays             4             0
    right  msdyn_paymentschedules        4             0
    right  msdyn_paymentterms           14             0
    right  msdyn_customergroups         10             0
    right  accounts                     85             0

    MAP                                      FROM   CAPTURED  APPLIED  COALESCED  ECHOED  FILTERED  DISCARDED  PARKED  PENDING  WRITES
    payment-days-cds.msdyn_paymentdays       left          4        0          0       4         0          0       0        0       0
    payment-days-cds.msdyn_paymentdays       right         4        0          0       4         0          0       0        0       0
    payment-schedule.msdyn_paymentschedules  left          4        0          0       4         0          0       0        0       0
    payment-schedule.msdyn_paymentschedules  right         4        0          0       4         0          0       0        0       0
    terms-of-payment.msdyn_paymentterms      left         14        0          0      14         0          0       0        0       0
    terms-of-payment.msdyn_paymentterms      right        14        0          0      14         0          0       0        0       0
    customers                                left        111        0          0      84        26          0       1        0       0
    customers                                right        85        0          0      84         0          0       1        0       0

    0 writes on both sides together.
    2 changes are parked: `duet parked` tells what they wait for.
    ");

    let conflict = json_of(folder, &["conflicts", "--open"])[0]["id"].to_string();
    let conflict = conflict.as_str();
    // The initial sync met one difference in each company; which came first is chance.
    let ours = ["conflicts", "--key", "usmf"];
    assert_snapshot!(shown(folder, &ours), @"
    0| NUMBER  AT (UTC)             MAP                                   RECORD         FIELD                      OUTCOME        LEFT             RIGHT
    [number]  [time]  customers                             usmf / us-001  SalesMemo                  open           calls on Monday  calls on Friday

    To decide: duet conflicts resolve NUMBER --take left|right
    ");
    assert_snapshot!(shown(folder, &[&ours[..], &["--json"]].concat()), @r#"
    0| [
      {
        "id": [number],
        "map": "customers",
        "key": "[\"usmf\",\"us-001\"]",
        "at": "[time]",
        "kind": "fields",
        "state": "open",
        "policy": "manual",
        "fields": [
          {
            "left_column": "SalesMemo",
            "right_column": "description",
            "base": null,
            "left": "calls on Monday",
            "right": "calls on Friday",
            "winner": null
          }
        ],
        "touched": {
          "left": {
            "by": null,
            "at": "[time]"
          },
          "right": {
            "by": "[id]",
            "at": "[time]"
          }
        },
        "decision": null,
        "ended_at": null,
        "ended_how": null
      },
      {
        "id": [number],
        "map": "customer-groups.msdyn_customergroups",
        "key": "[\"usmf\",\"30\"]",
        "at": "[time]",
        "kind": "meeting",
        "state": "decided",
        "policy": "master",
        "fields": [
          {
            "left_column": "IsSalesTaxIncludedInPrice",
            "right_column": "msdyn_issalestaxincludedinprice",
            "base": null,
            "left": {
              "e": "Yes"
            },
            "right": false,
            "winner": "left",
            "policy": "master"
          }
        ],
        "touched": {
          "left": {
            "by": null,
            "at": "[time]"
          },
          "right": {
            "by": "[id]",
            "at": "[time]"
          }
        },
        "decision": null,
        "ended_at": "[time]",
        "ended_how": null
      }
    ]
    "#);
    assert_snapshot!(shown(folder, &["conflicts", "show", conflict]), @"
    0| conflict  [number] (fields)
    record    usmf / us-001 of customers
    found     [time] UTC
    policy    manual
    left      changed by [user] unknown user at [time] UTC
    right     changed by [user] at [time] UTC

    LEFT COLUMN  RIGHT COLUMN  BEFORE  LEFT             RIGHT            OUTCOME
    SalesMemo    description   -       calls on Monday  calls on Friday  open
    ");
    assert_snapshot!(shown(folder, &["conflicts", "show", "99"]), @"
    2| error[DUET2123]: conflict [number] does not exist
     |
     = help: `duet conflicts --open` lists what waits

    More about it: duet explain DUET2123
    ");
    assert_snapshot!(shown(folder, &["conflicts", "resolve", conflict]), @"
    2| error: the following required arguments were not provided:
      --take <SIDE|COLUMN=SIDE>

    Usage: duet conflicts resolve --take <SIDE|COLUMN=SIDE> <ID>

    For more information, try '--help'.
    ");
    assert_snapshot!(shown(folder, &["conflicts", "resolve", conflict, "--take", "CREDITLIMIT=left"]), @"
    2| error[DUET2124]: `CREDITLIMIT` is not contested in this conflict
     |
     = help: contested are SalesMemo / description

    More about it: duet explain DUET2124
    ");
    assert_snapshot!(shown(folder, &["conflicts", "resolve", conflict, "--take", "right", "--by", "alba"]), @"0| Conflict [number] of usmf / us-001 is decided: SalesMemo as on the right. Nothing runs now; the next `duet run` or `duet sync` carries it out.");
    assert_snapshot!(shown(folder, &ours), @"
    0| NUMBER  AT (UTC)             MAP                                   RECORD         FIELD                      OUTCOME                 LEFT             RIGHT
    [number]  [time]  customers                             usmf / us-001  SalesMemo                  right, decided by alba  calls on Monday  calls on Friday
    ");
    assert!(ask(folder, &["sync"]).status.success());
    assert_snapshot!(shown(folder, &["conflicts", "show", conflict]), @"
    0| conflict  [number] (fields)
    record    usmf / us-001 of customers
    found     [time] UTC
    policy    manual
    left      changed by [user] unknown user at [time] UTC
    right     changed by [user] at [time] UTC
    decided   by alba at [time] UTC
    ended     carried out

    LEFT COLUMN  RIGHT COLUMN  BEFORE  LEFT             RIGHT            OUTCOME
    SalesMemo    description   -       calls on Monday  calls on Friday  right, resolved by alba
    ");
    assert_snapshot!(shown(folder, &["conflicts", "resolve", conflict, "--take", "left"]), @"
    2| error[DUET2123]: conflict [number] is over
     |
     = help: `duet conflicts --open` lists what waits

    More about it: duet explain DUET2123
    ");
    // Which side's change parks first is chance; the story is whole either way.
    let story = shown(folder, &["trace", "us-001"]);
    for part in [
        "left   applied",
        "DUET2120: both sides changed SALESMEMO = description",
        "resolved  [ms]  conflict [number], by alba",
        "released  [ms]  what it waited for is there",
        "coalesced  [ms]  into change [number]",
        "right  applied  [ms]  SalesMemo",
    ] {
        assert!(story.contains(part), "{part}\n{story}");
    }
    assert_snapshot!(shown(folder, &["trace", "nobody"]), @"0| No change of such a record was ever captured.");
    let rows = stage.customers().await;
    assert_eq!(rows[&key("usmf", account)]["SalesMemo"], "calls on Friday");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_change_is_shown_edited_discarded_and_retried() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    assert_snapshot!(shown(folder, &["parked"]), @"0| Nothing is parked.");
    new_customer(&stage, "US-001", "N/A").await;
    new_customer(&stage, "US-002", "Nowhere").await;
    new_customer(&stage, "US-003", "Later").await;
    let synced = ask(folder, &["sync", "--fail-on-parked"]);
    assert_snapshot!(tidied(&said(&synced)), @"
    1| SIDE   TABLE                   RECORDS  DELETES HELD
    left   PaymentDaysCDS                4             0
    left   PaymentSchedules              4             0
    left   PaymentTerms                 14             0
    left   CustomerGroups               10             0
    left   CustomersV3                 113             0
    right  msdyn_paymentdays             4             0
    right  msdyn_paymentschedules        4             0
    right  msdyn_paymentterms           14             0
    right  msdyn_customergroups         10             0
    right  accounts                     84             0

    MAP                                      FROM   CAPTURED  APPLIED  COALESCED  ECHOED  FILTERED  DISCARDED  PARKED  PENDING  WRITES
    payment-days-cds.msdyn_paymentdays       left          4        0          0       4         0          0       0        0       0
    payment-days-cds.msdyn_paymentdays       right         4        0          0       4         0          0       0        0       0
    payment-schedule.msdyn_paymentschedules  left          4        0          0       4         0          0       0        0       0
    payment-schedule.msdyn_paymentschedules  right         4        0          0       4         0          0       0        0       0
    terms-of-payment.msdyn_paymentterms      left         14        0          0      14         0          0       0        0       0
    terms-of-payment.msdyn_paymentterms      right        14        0          0      14         0          0       0        0       0
    customers                                left        113        0          0      84        26          0       3        0       0
    customers                                right        84        0          0      84         0          0       0        0       0

    0 writes on both sides together.
    3 changes are parked: `duet parked` tells what they wait for.
    ");
    let shown = |arguments: &[&str]| shown(folder, arguments);
    assert_snapshot!(shown(&["parked"]), @"
    0| NUMBER  MAP        FROM  RECORD         CODE      WHAT TO DO
    [number]  customers  left  usmf / us-001  DUET2102  waits for msdyn_paymentterms with msdyn_name = N/A in company usmf
    [number]  customers  left  usmf / us-002  DUET2102  waits for msdyn_paymentterms with msdyn_name = Nowhere in company usmf
    [number]  customers  left  usmf / us-003  DUET2102  waits for msdyn_paymentterms with msdyn_name = Later in company usmf

    Look closer: duet parked show NUMBER. Once mended: duet retry --number NUMBER, or duet retry.
    ");
    assert_snapshot!(shown(&["parked", "--key", "us-001", "--json"]), @r#"
    0| [
      {
        "seq": [number],
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
    // Which side an initial sync meets first is chance, and so is whether the loser counts here.
    let lost = in_box(folder, "discarded");
    let first = parked_number(folder, "us-001");
    assert_snapshot!(shown(&["parked", "show", &first]), @r#"
    0| change    [number] (created or changed)
    record    usmf / us-001 of customers, from the left
    since     [time] UTC, tried once
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
     |
     = help: `duet parked show NUMBER` lists its columns

    More about it: duet explain DUET2127
    ");
    assert_snapshot!(shown(&["parked", "edit", &first, "PaymentTerms=Net30", "--by", "alba"]), @"0| Change [number] goes on with the given PaymentTerms. Nothing runs now; the next `duet run` or `duet sync` carries it out.");
    let second = parked_number(folder, "us-002");
    assert_snapshot!(shown(&["parked", "discard", &second]), @"
    2| error[DUET5091]: 1 parked change will be dropped for good, and nobody confirmed it; nothing was done
     |
     = help: add `--yes`

    More about it: duet explain DUET5091
    ");
    assert_snapshot!(shown(&["parked", "discard", &second, "--yes", "--by", "alba"]), @"0| 1 change is discarded; both records stay as they are.");
    assert_snapshot!(shown(&["parked", "discard", "999999", "--yes"]), @"
    2| error[DUET2125]: no change [number] is parked
     |
     = help: `duet parked` lists the changes that wait

    More about it: duet explain DUET2125
    ");
    assert_snapshot!(shown(&["retry", "--reason", "validation"]), @"0| No parked change fits; `duet parked` lists them.");
    assert_snapshot!(shown(&["retry"]), @"0| 1 change will be tried again. Nothing runs now; the next `duet run` or `duet sync` carries it out.");
    let row =
        json!({"dataAreaId": "usmf", "Name": "Later", "Description": "Later", "NumberOfDays": 7});
    stage
        .finops
        .create("PaymentTerms?cross-company=true", &row)
        .await
        .unwrap();
    assert!(ask(folder, &["sync"]).status.success());
    assert_snapshot!(shown(&["trace", "us-001"]), @"
    0| SETTLED AT (UTC)         MAP        RECORD         FROM   OUTCOME  AFTER  DETAIL
    [time]  customers  usmf / us-001  left   parked  [ms]  DUET2102: waits for msdyn_paymentterms with msdyn_name = N/A in company usmf
    [time]  customers  usmf / us-001  left   amended  [ms]  PaymentTerms given by alba
    [time]  customers  usmf / us-001  left   applied  [ms]  accountnumber, creditlimit, customertypecode, msdyn_company, msdyn_customergroupid, msdyn_paymentterm, transactioncurrencyid; by a whole read
    [time]  customers  usmf / us-001  right  applied  [ms]  PaymentTerms

    usmf / us-001 of customers now: linked, settled [time] UTC
      left      dataAreaId='usmf',CustomerAccount='US-001'
      right     [id]
    ");
    // A whole read finds the discarded one anew, because nothing says what it waits for.
    assert_eq!(in_box(folder, "parked"), 1);
    assert_eq!(in_box(folder, "discarded"), lost + 1);
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
    0| MAP                                      COMPARED  EQUAL  PENDING  PARKED  CONFLICTS  DRIFT  MISSING LEFT  MISSING RIGHT
    payment-days-cds.msdyn_paymentdays              4      4        0       0          0      0             0              0
    payment-schedule.msdyn_paymentschedules         4      4        0       0          0      0             0              0
    terms-of-payment.msdyn_paymentterms            14     14        0       0          0      0             0              0
    customers                                      85     85        0       0          0      0             0              0

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
    customers        85     84        0       0          0      1             0              0

    CLASS  MAP        RECORD         WHAT DIFFERS
    drift  customers  usmf / us-001  CREDITLIMIT = creditlimit

    `duet repair` shows what would put the drift right.
    ");
    assert_snapshot!(with(&["compare"], &["--json"]), @r#"
    1| {
      "maps": [
        {
          "map": "customers",
          "compared": 85,
          "outside": 26,
          "equal": 84,
          "pending": 0,
          "parked": 0,
          "conflicts": 0,
          "drift": 1,
          "missing_left": 0,
          "missing_right": 0,
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
      "left_out": 0,
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

    1 change carried out; `duet parked` lists what could not be written.
    ");
    assert_snapshot!(with(&["compare"], &[]), @"
    0| MAP        COMPARED  EQUAL  PENDING  PARKED  CONFLICTS  DRIFT  MISSING LEFT  MISSING RIGHT
    customers        85     85        0       0          0      0             0              0

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
    0| MAP                                      FROM   CAPTURED  APPLIED  COALESCED  ECHOED  FILTERED  PARKED  DISCARDED  PENDING  WRITES  BALANCES
    customers                                left        303       56          0     169        78       0          0        0      56  yes
    customers                                right       199       30          0     169         0       0          0        0      30  yes
    payment-days-cds.msdyn_paymentdays       left         12        4          0       8         0       0          0        0       4  yes
    payment-days-cds.msdyn_paymentdays       right         8        0          0       8         0       0          0        0       0  yes
    payment-schedule.msdyn_paymentschedules  left         12        4          0       8         0       0          0        0       4  yes
    payment-schedule.msdyn_paymentschedules  right         8        0          0       8         0       0          0        0       0  yes
    terms-of-payment.msdyn_paymentterms      left         42       14          0      28         0       0          0        0      14  yes
    terms-of-payment.msdyn_paymentterms      right        28        0          0      28         0       0          0        0       0  yes

    Every captured change stands in exactly one box.
    ");
    assert_eq!(json_of(folder, &["audit"])["balances"], true);
    assert_snapshot!(shown(folder, &["status"]), @"
    0| MAP                                      STATE        PAIRS  CHANGES  WRITES  PENDING  PARKED  CONFLICTS  LAG
    customers                                not running     85      502      86        0       0          1  [lag]
    payment-days-cds.msdyn_paymentdays       not running      4       20       4        0       0          0  [lag]
    payment-schedule.msdyn_paymentschedules  not running      4       20       4        0       0          0  [lag]
    terms-of-payment.msdyn_paymentterms      not running     14       70      14        0       0          0  [lag]

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
    customers  left               0  more than 20 of 84

    To let them pass: duet deletes confirm. To keep the other side's records: `duet deletes --help`.
    ");
    assert_snapshot!(shown(folder, &["deletes", "--json"]), @r#"
    0| [
      {
        "map": "customers",
        "side": "left",
        "reported": 0,
        "missing": "more than 20 of 84"
      }
    ]
    "#);
    assert_snapshot!(shown(folder, &["deletes", "confirm"]), @"
    2| MAP        DELETED ON  REPORTED  FOUND MISSING
    customers  left               0  more than 20 of 84

    To let them pass: duet deletes confirm. To keep the other side's records: `duet deletes --help`.
    error[DUET5091]: These records will be deleted on the other side as well, and nobody confirmed it; nothing was done
     |
     = help: add `--yes`

    More about it: duet explain DUET5091
    ");
    assert_snapshot!(shown(folder, &["deletes", "confirm", "--yes", "--by", "alba"]), @"
    0| What the next comparison of key sets finds missing in 1 table will be deleted. Nothing runs now; the next `duet run` or `duet sync` carries it out.
    MAP        DELETED ON  REPORTED  FOUND MISSING
    customers  left               0  more than 20 of 84

    To let them pass: duet deletes confirm. To keep the other side's records: `duet deletes --help`.
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
    // What Duet writes comes back and would queue as well: it is waited for.
    let settled = async |limit: u64| {
        let mut last = (0, Instant::now());
        until("the edit arrives and all is at rest", async || {
            let captured = in_box(folder, "captured");
            if captured != last.0 {
                last = (captured, Instant::now());
            }
            last.1.elapsed() > ECHO && in_box(folder, "pending") == 0 && arrived(limit).await
        })
        .await;
    };
    until("the new customer arrives", async || {
        stage.accounts().await.contains_key(&key("usmf", "US-001"))
    })
    .await;
    stage.set_limit("US-001", 1).await;
    settled(1).await;
    let queued = async |limit: u64| {
        stage.set_limit("US-001", limit).await;
        until("the edit queues", async || in_box(folder, "pending") == 1).await;
    };
    assert_snapshot!(shown(folder, &["pause", "customers", "--json"]), @r#"
    0| {
      "paused": [
        "customers"
      ],
      "running": true,
      "done": true
    }
    "#);
    assert_snapshot!(shown(folder, &["pause", "customers", "--reason", "month end"]), @"0| Paused customers.");
    queued(2).await;
    // How often an edit was read, by notice and by asking, is chance.
    let status = shown(folder, &["status"]);
    let line = status.lines().find(|line| line.starts_with("customers "));
    let words: Vec<&str> = line.unwrap().split_whitespace().collect();
    assert_eq!((words[1], words[5]), ("paused", "1"), "{status}");
    assert!(status.contains("customers: month end"), "{status}");
    assert_snapshot!(shown(folder, &["resume", "customers"]), @"0| Resumed customers. Applied first: 1 change.");
    settled(2).await;
    ask(folder, &["pause", "customers"]);
    queued(3).await;
    assert_snapshot!(shown(folder, &["resume", "customers", "--keep-parked"]), @"0| Resumed customers. Parked: 1 change, which `duet retry --reason held` applies.");
    until("the queue is parked", async || {
        in_box(folder, "parked") == 1
    })
    .await;
    assert_snapshot!(shown(folder, &["retry", "--reason", "held"]), @"0| 1 change will be tried again.");
    settled(3).await;
    ask(folder, &["pause", "customers"]);
    queued(4).await;
    let lost = in_box(folder, "discarded");
    assert_snapshot!(shown(folder, &["resume", "customers", "--discard"]), @"
    2| error[DUET5091]: nothing was discarded: 1 change in the queue, and nobody confirmed it
     |
     = help: type the words when asked, or give `--confirm 'discard [number] change'`

    More about it: duet explain DUET5091
    ");
    assert_snapshot!(shown(folder, &["resume", "customers", "--discard", "--confirm", "discard 1 change"]), @"0| Resumed customers. Discarded: 1 change.");
    until("the queue is discarded", async || {
        in_box(folder, "discarded") == lost + 1
    })
    .await;
    assert!(arrived(3).await);
    assert_snapshot!(shown(folder, &["stop", "customers"]), @"0| Stopped customers.");
    assert_eq!(state(folder, "customers"), "not-running");
    assert_snapshot!(shown(folder, &["start", "customers"]), @"0| Resumed customers.");
    until("it runs again", async || {
        state(folder, "customers") == "running"
    })
    .await;
    assert_snapshot!(shown(folder, &["refresh"]), @"0| Nothing has changed; 5 maps run.");
    assert_snapshot!(shown(folder, &["relink", "--side", "right", "--yes"]), @"
    5| error[DUET4001]: another duet process is working on duet.db
     |
     = help: stop it first, or use a second store

    More about it: duet explain DUET4001
    ");
    assert!(running.end().success());
    assert_snapshot!(shown(folder, &["stop", "nothing"]), @"
    2| error[DUET5090]: there is no map `nothing`
     |
     = help: did you mean `customers`? `duet status` lists the maps

    More about it: duet explain DUET5090
    ");
    assert_snapshot!(shown(folder, &["refresh"]), @"0| Nothing runs now; the next `duet run` reads everything anew.");
    assert_snapshot!(shown(folder, &["relink"]), @"0| Both sides have the address that the store knows; there is nothing to relink.");
    assert_snapshot!(shown(folder, &["relink", "--side", "right"]), @"
    2| right: http://127.0.0.1 -> http://127.0.0.1
    error[DUET5091]: nothing was relinked: nobody said that it is the same environment
     |
     = help: answer `yes` when asked, or give `--yes`

    More about it: duet explain DUET5091
    ");
    assert_snapshot!(shown(folder, &["relink", "--side", "right", "--yes"]), @"
    0| Relinked. The next `duet run` reads the tables whole and writes only what differs.
    right: http://127.0.0.1 -> http://127.0.0.1
    ");
    assert!(ask(folder, &["sync"]).status.success());
    assert_eq!(json_of(folder, &["audit"])["balances"], true);
}
