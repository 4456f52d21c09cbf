//! `duet parked`, `show`, `edit` and `discard`, and `duet retry`.

use crate::screen::{shown, tidied};
use crate::stage::commands::{ask, in_box, json_of, said};
use crate::stage::key;
use crate::stage::small_project::{new_customer, set};
use insta::assert_snapshot;
use serde_json::json;
use std::path::Path;

/// The number of the only parked change, or of the first that fits.
fn parked_number(folder: &Path, key: &str) -> String {
    let parked = json_of(folder, &["parked", "--key", key]);
    parked[0]["seq"].to_string()
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
