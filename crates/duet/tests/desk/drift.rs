//! `duet compare`, `repair`, `audit` and `status`.

use crate::screen::shown;
use crate::stage::commands::{ask, json_of};
use crate::stage::small_project::{account_id, new_customer, set};
use insta::assert_snapshot;
use serde_json::json;

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
    let id = account_id(&stage, "US-001").await;
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
