//! Every code of the reference, with what it says to the person who has to act.

use super::*;
use bytes::Bytes;
use duet_map::record::RecordId;
use reqwest::header::HeaderMap;
use serde_json::json;
use std::collections::BTreeMap;

const ID: &str = "7eb682f1-ca75-e511-80d4-00155d2a68d1";
const OTHER: &str = "11111111-ca75-e511-80d4-00155d2a68d1";

fn answer(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({"error": {"code": code, "message": message}});
    Answer {
        what: "reading `accounts`".into(),
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_string()),
        repeated: false,
        torn: false,
    }
}

fn schema() -> TableSchema {
    TableSchema {
        name: "accounts".into(),
        type_name: "account".into(),
        title: "Account".into(),
        primary_key: vec!["accountid".into()],
        alternate_keys: Vec::new(),
        company: None,
        columns: BTreeMap::new(),
        tracks_changes: true,
        modified: None,
    }
}

fn write(action: Action, status: u16, code: &str, message: &str) -> SystemError {
    let id = RecordId(ID.into());
    let answer = answer(status, code, message);
    of_write(
        "sales",
        &schema(),
        action,
        Some(&id),
        &answer,
        Timestamp::UNIX_EPOCH,
    )
}

#[test]
fn every_known_code_has_its_class_and_says_what_to_do() {
    let cases = [
        (
            404,
            "0x80040217",
            "account With Id = 7eb682f1-ca75-e511-80d4-00155d2a68d1 Does Not Exist",
        ),
        (
            404,
            "0x80060891",
            "A record with the specified key values does not exist in account entity",
        ),
        (
            404,
            "0x80060888",
            "Resource not found for the segment 'acounts'.",
        ),
        (
            400,
            "0x80060888",
            "Could not find a property named 'nam' on type 'Microsoft.Dynamics.CRM.account'.",
        ),
        (
            400,
            "0x80048d19",
            "Error identified in Payload provided by the user for Entity :'accounts' ... An undeclared property 'nam' which only has property annotations",
        ),
        (
            412,
            "0x80040237",
            "A record with matching key values already exists.",
        ),
        (412, "0x80060892", "Entity Key k violated."),
        (
            412,
            "0x80040333",
            "A record was not created or updated because a duplicate exists.",
        ),
        (
            412,
            "0x80060882",
            "The version of the existing record doesn't match the RowVersion property provided.",
        ),
        (
            400,
            "0x80060883",
            "The RowVersion property must be provided.",
        ),
        (400, "0x8006088D", "Optimistic concurrency is not enabled."),
        (
            400,
            "0x80044331",
            "A validation error occurred.  The length of the 'subject' attribute of the 'task' entity exceeded the maximum allowed length of '200'.",
        ),
        (
            400,
            "0x8004432f",
            "A validation error occurred.  The value of 'numberofemployees' on record of type 'account' is outside the valid range.",
        ),
        (
            400,
            "0x80044330",
            "A validation error occurred.  The value of 'creditlimit' on record of type 'account' is outside the valid range.",
        ),
        (
            400,
            "0x80040239",
            "DateTime is less than minumum value supported by CrmDateTime.",
        ),
        (
            400,
            "0x8004431A",
            "A validation error occurred. The value of 'customertypecode' on record of type 'account' is outside the valid range. Accepted Values: 1,2",
        ),
        (
            400,
            "0x80040200",
            "Required field 'name' is missing for the entity 'account'.",
        ),
        (400, "0x80040203", "Invalid argument."),
        (403, "0x80040220", "SecLib::CheckPrivilege failed."),
        (400, "0x80040265", "Secret customer 'Smith' is blocked."),
        (
            405,
            "0x80040227",
            "The record cannot be deleted because it is associated.",
        ),
        (
            400,
            "0x80044182",
            "This workflow job was canceled because it included an infinite loop.",
        ),
        (500, "0x80040216", "An unexpected error occurred."),
        (503, "", ""),
        (
            429,
            "0x80072322",
            "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
        ),
        (413, "", ""),
        (418, "", ""),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|(status, code, message)| {
            let error = write(Action::Update, *status, code, message);
            let rest = error
                .message
                .rsplit_once("`sales`: ")
                .map_or(error.message.as_str(), |(_, rest)| rest);
            format!("{status} {code}: {}, {}: {rest}", error.class, error.code)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    404 0x80040217: gone, DUET3030: it is not there any more
    404 0x80060891: gone, DUET3030: it is not there any more
    404 0x80060888: fix map, DUET3020: there is no table `acounts`; correct the map
    400 0x80060888: fix map, DUET3021: there is no column `nam`; correct the map
    400 0x80048d19: fix map, DUET3021: there is no property `nam` to write to; correct the map, or create the column
    412 0x80040237: duplicate, DUET3031: a record with the same identifier or key is there already
    412 0x80060892: duplicate, DUET3031: a record with the same identifier or key is there already
    412 0x80040333: duplicate, DUET3031: a duplicate detection rule found a record like it; merge the two, or turn the rule off for the integration
    412 0x80060882: moved, DUET3032: it was changed in the meantime; it is read again and merged
    400 0x80060883: bug, DUET3006: a version was expected and not sent; please report this
    400 0x8006088D: fix map, DUET3025: the table does not check versions; turn optimistic concurrency on for it
    400 0x80044331: fix data, DUET3040: the text in column `subject` is longer than 200 characters; shorten it, or let the map truncate it
    400 0x8004432f: fix data, DUET3041: the number in column `numberofemployees` is outside its range; correct the number
    400 0x80044330: fix data, DUET3041: the number in column `creditlimit` is outside its range; correct the number
    400 0x80040239: fix data, DUET3041: a date lies before the year 1753, which the system cannot store; correct the date
    400 0x8004431A: fix data, DUET3042: the value in column `customertypecode` is none of its options; add it to the map's value map or to the option set
    400 0x80040200: fix data, DUET3043: column `name` is required and empty; fill it in, or give it a default in the map
    400 0x80040203: fix data, DUET3044: a value is not valid for its column; see the system's words
    403 0x80040220: fix access, DUET3013: the application user lacks a privilege; give its security role the right to this table
    400 0x80040265: fix data, DUET3044: a plug-in refuses it; see the plug-in's words
    405 0x80040227: fix data, DUET3046: other records refer to it, so it cannot be deleted; delete those first, or let the map deactivate instead
    400 0x80044182: fix data, DUET3047: plug-ins or flows of the environment call each other without end; find the loop and break it
    500 0x80040216: retry, DUET3004: the system failed inside; it is tried again later
    503 : retry, DUET3004: `sales` is unavailable (503 Service Unavailable) while reading `accounts`
    429 0x80072322: wait, DUET3005: `sales` is being asked too much and wants a pause
    413 : fix data, DUET3009: it is too large for one request; shorten its texts or map fewer columns
    418 : bug, DUET3008: the system refuses it in a way that is not known; please report this
    ");
}

#[test]
fn a_message_names_the_record_and_never_repeats_the_systems_words() {
    let error = write(
        Action::Delete,
        400,
        "0x80040265",
        "Secret customer 'Smith' is blocked.",
    );
    assert!(
        error
            .message
            .starts_with(&format!("deleting `accounts({ID})` in `sales`: "))
    );
    assert!(!error.to_string().contains("Smith"));
    assert_eq!(
        error.detail.as_deref(),
        Some("Secret customer 'Smith' is blocked.")
    );
    assert_eq!(error.system_code.as_deref(), Some("0x80040265"));
    // Not even where a name is expected.
    let error = write(
        Action::Update,
        400,
        "0x8004431A",
        "The value of 'John Smith, Esq.' on record of type 'account' is outside the valid range.",
    );
    assert!(!error.to_string().contains("Smith"), "{error}");
}

#[test]
fn a_missing_record_is_gone_only_when_it_is_the_one_that_was_written() {
    let missing = |table: &str, id: &str| format!("{table} With Id = {id} Does Not Exist");
    let update = |message: &str| write(Action::Update, 404, "0x80040217", message);
    assert_eq!(update(&missing("account", ID)).class, Class::Gone);
    assert_eq!(update("").class, Class::Gone);
    let error = update(&missing("contact", OTHER));
    assert_eq!(
        (error.class, error.code),
        (Class::FixData, codes::NO_REFERENCE)
    );
    assert!(error.message.contains("`contact`"), "{error}");
    let error = update(&missing("account", OTHER));
    assert_eq!(error.code, codes::NO_REFERENCE);
    let error = write(
        Action::Create,
        404,
        "0x80040217",
        &missing("contact", OTHER),
    );
    assert_eq!(error.code, codes::NO_REFERENCE);
}

#[test]
fn a_412_without_a_code_is_read_by_what_was_done() {
    assert_eq!(write(Action::Create, 412, "", "").class, Class::Duplicate);
    assert_eq!(write(Action::Update, 412, "", "").class, Class::Moved);
    assert_eq!(write(Action::Delete, 412, "", "").class, Class::Moved);
}

#[test]
fn a_failed_write_inside_the_service_is_of_unknown_outcome() {
    assert!(write(Action::Update, 500, "", "").outcome_unknown);
    assert!(!write(Action::Update, 400, "", "").outcome_unknown);
}

#[test]
fn a_refused_read_is_never_the_datas_fault() {
    let read = |status, code, message| {
        of_read(
            "sales",
            &answer(status, code, message),
            Timestamp::UNIX_EPOCH,
        )
    };
    assert_eq!(
        read(400, "0x80044352", "ExpiredVersionStamp").class,
        Class::CursorExpired
    );
    assert_eq!(
        read(400, "0x80072491", "Entity isn't enabled").code,
        codes::NOT_TRACKED
    );
    assert_eq!(read(400, "0x80040203", "Invalid").class, Class::Bug);
    assert_eq!(read(403, "0x80040220", "no").class, Class::FixAccess);
    assert_eq!(
        read(404, "0x80060888", "Resource not found for the segment 'x'.").class,
        Class::FixMap
    );
    assert_eq!(read(500, "", "").class, Class::Retry);
    assert_eq!(read(429, "", "").class, Class::Wait);
}

#[test]
fn a_stored_position_that_is_refused_asks_for_a_whole_read() {
    let read = |status, code| {
        let answer = answer(status, code, "The skip token is malformed.");
        of_stored_position("accounts", of_read("sales", &answer, Timestamp::UNIX_EPOCH))
    };
    let error = read(400, "0x80040203");
    assert_eq!(
        (error.class, error.code),
        (Class::CursorExpired, codes::CURSOR_UNREADABLE)
    );
    assert_eq!(error.system_code.as_deref(), Some("0x80040203"));
    assert_eq!(read(403, "").class, Class::FixAccess);
    assert_eq!(read(503, "").class, Class::Retry);
}

#[test]
fn absence_is_told_from_a_missing_table() {
    assert!(is_absence(&answer(
        404,
        "0x80040217",
        "account With Id = x Does Not Exist"
    )));
    assert!(is_absence(&answer(
        404,
        "",
        "account With Id = x Does Not Exist"
    )));
    assert!(!is_absence(&answer(
        404,
        "0x80060888",
        "Resource not found for the segment 'x'."
    )));
    assert!(!is_absence(&answer(404, "", "")));
}

proptest::proptest! {
    #[test]
    fn no_body_breaks_the_reader(body in ".*", code in ".{0,12}", message in ".*") {
        let mut raw = answer(400, &code, &message);
        let _ = of_read("sales", &raw, Timestamp::UNIX_EPOCH);
        raw.body = Bytes::from(body);
        let _ = of_read("sales", &raw, Timestamp::UNIX_EPOCH);
    }
}
