//! `duet conflicts`, `show` and `resolve`, and the story that `duet trace` tells of it.

use crate::screen::{shown, tidied};
use crate::stage::commands::{ask, json_of, said};
use crate::stage::key;
use crate::stage::small_project::{account_id, new_customer, set};
use insta::assert_snapshot;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_found_shown_and_decided() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    let account = "US-001";
    new_customer(&stage, account, "Net30").await;
    ask(folder, &["sync"]);
    let id = account_id(&stage, account).await;
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
