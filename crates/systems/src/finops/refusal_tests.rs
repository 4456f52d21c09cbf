//! The texts by which the service refuses, with what they say to the person who has to act.

use super::*;
use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::json;

fn answer(status: u16, message: &str) -> Answer {
    let body = json!({"error": {
        "code": "",
        "message": "An error has occurred.",
        "innererror": {"message": message, "type": "X", "stacktrace": "at Y"},
    }});
    Answer {
        what: "reading `CustomersV3`".into(),
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_string()),
        repeated: false,
        torn: false,
    }
}

fn write(action: Action, status: u16, message: &str) -> SystemError {
    let id = RecordId("dataAreaId='usmf',CustomerAccount='1'".into());
    let answer = answer(status, message);
    of_write(
        "finance",
        "CustomersV3",
        action,
        Some(&id),
        &answer,
        Timestamp::UNIX_EPOCH,
    )
}

#[test]
fn every_known_text_has_its_class_and_says_what_to_do() {
    let log = |text: &str| {
        format!("Write failed for table row of type 'CustCustomerV3Entity'. Infolog: {text}.")
    };
    let cases = [
        (400, "No resources were found when selecting for update.".to_owned()),
        (400, log("Error: Cannot create a record in Customers (CustTable). The record already exists")),
        (400, log("Error: An update conflict occurred due to another user process deleting the record")),
        (412, "An update conflict occurred due to another user process".to_owned()),
        (412, String::new()),
        (400, log("Error: The record cannot be deleted while dependent Sales orders exist. Delete dependent Sales orders and try again")),
        (400, log("Warning: Field 'CustomerGroupId' must be filled in.; Warning: validateWrite failed on data source 'CustTable (CustTable)'")),
        (400, log("Warning: The value 'Smith' in field 'PaymentTerms' is not found in the related table 'Terms of payment'")),
        (400, log("Error: The value of field 'Description' has 500 characters, which is longer than the maximum length of 120")),
        (400, log("Warning: Field 'CustomerAccount' cannot be edited")),
        (400, "The property 'Nam' does not exist on type 'Microsoft.Dynamics.DataEntities.CustomerV3'.".to_owned()),
        (400, "Could not find a property named 'Nam' on type 'Microsoft.Dynamics.DataEntities.CustomerV3'.".to_owned()),
        (400, "Cannot convert the value of property 'PartyType' to the expected type 'Microsoft.Dynamics.DataEntities.PartyType': it is none of its members.".to_owned()),
        (400, "An error occurred while reading the property 'CreditLimit' of the type 'X': a value of type 'Edm.Decimal' was expected.".to_owned()),
        (400, log("Warning: Item 'L-1' is blocked.; Warning: validateWrite failed on data source 'SalesTable (SalesTable)'")),
        (403, String::new()),
        (404, "Resource not found for the segment 'CustomersV4'.".to_owned()),
        (413, String::new()),
        (429, String::new()),
        (500, "Timeout".to_owned()),
        (503, String::new()),
        (418, String::new()),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|(status, message)| {
            let error = write(Action::Update, *status, message);
            let rest = error
                .message
                .rsplit_once("`finance`: ")
                .map_or(error.message.as_str(), |(_, rest)| rest);
            format!("{status}: {}, {}: {rest}", error.class, error.code)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    400: gone, DUET3030: it is not there any more, or its company is closed to the application
    400: duplicate, DUET3031: a record with the same key is there already
    400: moved, DUET3032: it was changed in the meantime; it is read again and merged
    412: moved, DUET3032: it was changed in the meantime; it is read again and merged
    412: moved, DUET3032: it was changed in the meantime; it is read again and merged
    400: fix data, DUET3046: other records depend on it, so it cannot be deleted; delete those first, or let the map ignore deletions
    400: fix data, DUET3043: field `CustomerGroupId` is mandatory and empty; fill it in, or give it a default in the map
    400: fix data, DUET3045: what field `PaymentTerms` refers to is not there; create that record first, or correct the value
    400: fix data, DUET3040: the text in field `Description` is too long; shorten it, or let the map truncate it
    400: fix map, DUET3021: field `CustomerAccount` cannot be changed; take it out of the map or map it one way only
    400: fix map, DUET3021: there is no field `Nam` to use; correct the map
    400: fix map, DUET3021: there is no field `Nam` to use; correct the map
    400: fix data, DUET3042: the value in field `PartyType` is no member of its enumeration; correct the map's value map
    400: fix map, DUET3022: field `CreditLimit` takes another type of value; correct the map
    400: fix data, DUET3044: the entity's validation refuses it; see the system's words
    403: fix access, DUET3013: the application's user has no right to this; give it a role with the entity's privilege
    404: fix map, DUET3020: there is no such entity; correct the map
    413: fix data, DUET3009: it is too large for one request; shorten its texts or map fewer columns
    429: wait, DUET3005: `finance` is being asked too much and wants a pause
    500: retry, DUET3004: the system failed inside; it is tried again later
    503: retry, DUET3004: `finance` is unavailable (503 Service Unavailable) while reading `CustomersV3`
    418: bug, DUET3008: the system refuses it in a way that is not known; please report this
    ");
}

#[test]
fn the_infolog_is_kept_for_the_operator_and_out_of_the_message() {
    let error = write(
        Action::Create,
        400,
        "Write failed for table row of type 'X'. Infolog: Warning: Item 'L-1' is blocked.; Error: validateWrite failed.",
    );
    assert_eq!(
        error.detail.as_deref(),
        Some("Item 'L-1' is blocked.; validateWrite failed.")
    );
    assert!(!error.to_string().contains("L-1"), "{error}");
}

#[test]
fn the_innermost_message_counts() {
    let body = json!({"error": {"code": "X", "message": "outer", "innererror": {
        "message": "middle", "internalexception": {"message": "The record already exists."}}}});
    let mut raw = answer(400, "");
    raw.body = Bytes::from(body.to_string());
    let error = of_write(
        "finance",
        "A",
        Action::Create,
        None,
        &raw,
        Timestamp::UNIX_EPOCH,
    );
    assert_eq!(error.class, Class::Duplicate);
    assert_eq!(error.system_code.as_deref(), Some("X"));
}

#[test]
fn a_create_is_never_gone() {
    let error = write(
        Action::Create,
        400,
        "No resources were found when selecting for update.",
    );
    assert_eq!(
        (error.class, error.code),
        (Class::FixData, codes::NO_REFERENCE)
    );
}

#[test]
fn a_refused_read_is_never_the_datas_fault() {
    let read =
        |status, message| of_read("finance", &answer(status, message), Timestamp::UNIX_EPOCH);
    assert_eq!(
        read(400, "The filter is wrong: already exists").class,
        Class::Bug
    );
    assert_eq!(
        read(400, "Could not find a property named 'x' on type 'Y'.").class,
        Class::FixMap
    );
    assert_eq!(read(404, "").code, codes::NO_TABLE);
    assert_eq!(read(403, "").class, Class::FixAccess);
    assert_eq!(read(500, "").class, Class::Retry);
}

proptest::proptest! {
    #[test]
    fn no_body_breaks_the_reader(body in ".*", message in ".*") {
        let mut raw = answer(400, &message);
        let _ = of_read("finance", &raw, Timestamp::UNIX_EPOCH);
        raw.body = Bytes::from(body);
        let _ = of_read("finance", &raw, Timestamp::UNIX_EPOCH);
    }
}
