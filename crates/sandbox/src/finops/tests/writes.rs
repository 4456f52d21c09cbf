//! Creating, changing and deleting rows.

use super::*;

const CUSTOMER: &str = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')";
const FRENCH: &str = "/data/CustomersV3(dataAreaId='frrt',CustomerAccount='FR-001')";

fn customer() -> Value {
    json!({"dataAreaId": "usmf", "CustomerAccount": "US-001", "CustomerGroupId": "10",
           "PartyType": "Organization", "OrganizationName": "Fabrikam"})
}

#[tokio::test]
async fn a_create_answers_with_the_whole_row_as_the_server_filled_it_in() {
    let sandbox = Sandbox::with_groups().await;
    let answer = sandbox.post("/data/CustomersV3", customer()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let row = answer.json();
    assert!(
        row["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("#CustomersV3/$entity")
    );
    assert_eq!(
        row["SalesCurrencyCode"], "USD",
        "defaulted from the company"
    );
    assert_eq!(row["LanguageId"], "en-us");
    assert_eq!(row["NameAlias"], "Fabrikam");
    // Nothing is ever null.
    assert_eq!(row["SalesMemo"], "");
    assert_eq!(row["CreditLimit"], json!(0));
    assert_eq!(row["OnHoldStatus"], "No");
    assert_eq!(row["CredManCreditLimitDate"], "1900-01-01T12:00:00Z");
    assert_eq!(row["AddressValidFrom"], "1900-01-01T00:00:00Z");
    assert!(
        row.as_object()
            .unwrap()
            .values()
            .all(|value| !value.is_null())
    );
    assert!(answer.header("location").ends_with(CUSTOMER));
    assert_eq!(answer.header("etag"), row["@odata.etag"].as_str().unwrap());
}

#[tokio::test]
async fn a_blank_account_is_numbered_and_taken_numbers_are_left_out() {
    let sandbox = Sandbox::with_groups().await;
    let mut taken = customer();
    taken["CustomerAccount"] = json!("C-000002");
    sandbox.insert("CustomersV3", taken);
    let mut blank = customer();
    blank["CustomerAccount"] = json!("");
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let row = sandbox
            .post("/data/CustomersV3", blank.clone())
            .await
            .json();
        numbers.push(row["CustomerAccount"].as_str().unwrap().to_owned());
    }
    assert_eq!(numbers, ["C-000001", "C-000003"]);
}

#[tokio::test]
async fn the_company_is_that_of_the_user_unless_the_row_says_otherwise() {
    let sandbox = Sandbox::with_groups().await;
    let mut row = customer();
    row.as_object_mut().unwrap().remove("dataAreaId");
    assert_eq!(
        sandbox.post("/data/CustomersV3", row.clone()).await.json()["dataAreaId"],
        "usmf"
    );
    row["dataAreaId"] = json!("FRRT");
    let french = sandbox.post("/data/CustomersV3", row.clone()).await.json();
    assert_eq!(french["dataAreaId"], "frrt", "in lower case");
    assert_eq!(french["SalesCurrencyCode"], "EUR");
    row["dataAreaId"] = json!("none");
    let answer = sandbox.post("/data/CustomersV3", row).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.message().contains("'none'"), "{}", answer.text);
}

#[tokio::test]
async fn rows_of_other_companies_can_be_written_only_across_companies() {
    let sandbox = Sandbox::with_groups().await;
    sandbox.insert_customer("frrt", "FR-001");
    let change = json!({"SalesMemo": "new"});
    for answer in [
        sandbox.patch(FRENCH, change.clone()).await,
        sandbox.delete(FRENCH).await,
    ] {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(
            answer.message(),
            "No resources were found when selecting for update."
        );
    }
    let across = format!("{FRENCH}?cross-company=true");
    assert_eq!(
        sandbox.patch(&across, change).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(sandbox.get(&across).await.json()["SalesMemo"], "new");
    assert_eq!(sandbox.delete(&across).await.status, StatusCode::NO_CONTENT);
    assert_eq!(sandbox.get(&across).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_change_of_a_missing_row_is_no_upsert() {
    let sandbox = Sandbox::with_groups().await;
    for answer in [
        sandbox.patch(CUSTOMER, json!({"SalesMemo": "x"})).await,
        sandbox.delete(CUSTOMER).await,
    ] {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(
            answer.message(),
            "No resources were found when selecting for update."
        );
    }
}

#[tokio::test]
async fn a_change_touches_what_it_names_and_returns_the_row_on_request() {
    let sandbox = Sandbox::with_groups().await;
    sandbox.insert("CustomersV3", customer());
    let before = sandbox.get(CUSTOMER).await.json();
    let answer = sandbox.patch(CUSTOMER, json!({"CreditLimit": 12.50})).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::NO_CONTENT, "")
    );
    let prefer = [("Prefer", "return=representation")];
    let change = json!({"SalesMemo": "vip", "CreditLimit": null});
    let answer = sandbox
        .send(Method::PATCH, CUSTOMER, &prefer, Some(change))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("preference-applied"), "return=representation");
    let row = answer.json();
    assert_eq!(
        (&row["SalesMemo"], &row["CreditLimit"]),
        (&json!("vip"), &json!(0))
    );
    assert_eq!(row["OrganizationName"], before["OrganizationName"]);
    assert_ne!(row["@odata.etag"], before["@odata.etag"]);
}

#[tokio::test]
async fn put_empties_what_it_does_not_name() {
    let sandbox = Sandbox::with_groups().await;
    sandbox.insert("CustomersV3", customer());
    let body = json!({"CustomerGroupId": "10", "SalesMemo": "kept"});
    let answer = sandbox.send(Method::PUT, CUSTOMER, &[], Some(body)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    let row = sandbox.get(CUSTOMER).await.json();
    assert_eq!(
        (&row["OrganizationName"], &row["SalesMemo"]),
        (&json!(""), &json!("kept"))
    );
}

#[tokio::test]
async fn keys_are_found_whatever_their_case_and_cannot_be_changed() {
    let sandbox = Sandbox::with_groups().await;
    sandbox.insert("CustomersV3", customer());
    let folded = "/data/CustomersV3(dataAreaId='USMF',CustomerAccount='us-001')";
    assert_eq!(
        sandbox.get(folded).await.json()["CustomerAccount"],
        "US-001"
    );
    let same = json!({"CustomerAccount": "us-001", "SalesMemo": "x"});
    assert_eq!(
        sandbox.patch(CUSTOMER, same).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        sandbox.get(CUSTOMER).await.json()["CustomerAccount"],
        "US-001"
    );
    let answer = sandbox
        .patch(CUSTOMER, json!({"CustomerAccount": "US-002"}))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.message().contains("'CustomerAccount'"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_stale_if_match_is_refused_unless_the_setting_says_otherwise() {
    for enforced in [true, false] {
        let settings = Settings {
            etag_enforcement: enforced,
            ..Settings::default()
        };
        let sandbox = Sandbox::with_settings(settings).await;
        sandbox.add_groups();
        sandbox.insert("CustomersV3", customer());
        let tag = sandbox.get(CUSTOMER).await.header("etag").to_owned();
        let change = |memo: &str| Some(json!({"SalesMemo": memo}));
        let current = [("If-Match", tag.as_str())];
        let answer = sandbox
            .send(Method::PATCH, CUSTOMER, &current, change("one"))
            .await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        let answer = sandbox
            .send(Method::PATCH, CUSTOMER, &current, change("two"))
            .await;
        let expected = if enforced {
            StatusCode::PRECONDITION_FAILED
        } else {
            StatusCode::NO_CONTENT
        };
        assert_eq!(answer.status, expected);
        let any = [("If-Match", "*")];
        let answer = sandbox
            .send(Method::PATCH, CUSTOMER, &any, change("three"))
            .await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        let answer = sandbox.send(Method::DELETE, CUSTOMER, &current, None).await;
        assert_eq!(answer.status, expected);
    }
}

#[tokio::test]
async fn entity_tags_are_base64_of_version_and_record_id_in_quotes() {
    use base64::Engine as _;
    let sandbox = Sandbox::with_groups().await;
    sandbox.insert("CustomersV3", customer());
    let tag = sandbox.get(CUSTOMER).await.header("etag").to_owned();
    let inner = tag
        .strip_prefix("W/\"")
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap();
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(inner)
        .unwrap();
    let decoded = String::from_utf8(decoded).unwrap();
    let pair = decoded
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
        .unwrap();
    let (version, id) = pair.split_once(',').unwrap();
    assert!(version.parse::<i64>().is_ok() && id.parse::<i64>().unwrap() > 5_637_144_576);
    let answer = sandbox
        .send(Method::GET, CUSTOMER, &[("If-None-Match", &tag)], None)
        .await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
    let answer = sandbox
        .send(Method::GET, CUSTOMER, &[("If-None-Match", "null")], None)
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn what_an_entity_refuses_stands_in_the_infolog() {
    let sandbox = Sandbox::with_groups().await;
    sandbox.insert("CustomersV3", customer());
    let with = |field: &str, value: Value| {
        let mut row = customer();
        row["CustomerAccount"] = json!("US-002");
        row[field] = value;
        row
    };
    let cases = [
        (customer(), "The record already exists."),
        (
            with("CustomerGroupId", json!("")),
            "Field 'CustomerGroupId' must be filled in.",
        ),
        (
            with("PaymentTerms", json!("Net99")),
            "The value 'Net99' in field 'PaymentTerms' is not found in the related table",
        ),
        (
            with("PaymentDay", json!("x".repeat(101))),
            "maximum length of 100",
        ),
    ];
    for (row, expected) in cases {
        let answer = sandbox.post("/data/CustomersV3", row).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{expected}");
        let message = answer.message();
        assert!(message.contains(expected), "{message}");
        assert!(message.starts_with("Write failed for table row of type 'CustCustomerV3Entity'"));
        assert!(message.contains("Infolog: "));
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!(""), &json!("An error has occurred."))
        );
    }
    assert_eq!(sandbox.finops.count("CustomersV3").unwrap(), 1);
}

#[tokio::test]
async fn what_is_no_part_of_the_type_is_a_bad_request() {
    let sandbox = Sandbox::with_groups().await;
    let with = |field: &str, value: Value| {
        let mut row = customer();
        row[field] = value;
        row
    };
    for (row, expected) in [
        (with("Nonsense", json!(1)), "'Nonsense' does not exist"),
        (
            with("customeraccount", json!("x")),
            "'customeraccount' does not exist",
        ),
        (with("PartyType", json!("Alien")), "none of its members"),
        (with("PartyType", json!("person")), "none of its members"),
        (with("CreditLimit", json!("much")), "Edm.Decimal"),
        (with("PaymentTermsBaseDays", json!(1.5)), "Edm.Int32"),
        (
            with("AddressValidFrom", json!("yesterday")),
            "Edm.DateTimeOffset",
        ),
    ] {
        let answer = sandbox.post("/data/CustomersV3", row).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{expected}");
        assert!(answer.message().contains(expected), "{}", answer.text);
    }
    let noise = with("@odata.etag", json!("W/\"x\""));
    assert_eq!(
        sandbox.post("/data/CustomersV3", noise).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        sandbox.post("/data/Unheard", json!({})).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        sandbox.post("/data/customersv3", json!({})).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn reference_checks_can_be_switched_off_and_guard_deletions() {
    let sandbox = Sandbox::with_groups().await;
    let mut row = customer();
    row["PaymentTerms"] = json!("Net30");
    sandbox.insert("CustomersV3", row.clone());
    let term = "/data/PaymentTerms(dataAreaId='usmf',Name='Net30')";
    let answer = sandbox.delete(term).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer
            .message()
            .contains("cannot be deleted while dependent Customers V3 exist")
    );

    let settings = Settings {
        reference_checks: false,
        ..Settings::default()
    };
    sandbox.finops.store.set_settings(settings);
    row["CustomerAccount"] = json!("US-002");
    row["PaymentTerms"] = json!("Net99");
    assert_eq!(
        sandbox.post("/data/CustomersV3", row).await.status,
        StatusCode::CREATED
    );
    assert_eq!(sandbox.delete(term).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn values_take_their_stored_form() {
    let sandbox = Sandbox::with_groups().await;
    let mut row = customer();
    for (field, value) in [
        ("OrganizationName", json!("Fabrikam   ")),
        ("CreditLimit", json!(20000.5000)),
        ("CredManCreditLimitDate", json!("2024-01-31")),
        ("AddressValidFrom", json!("2024-01-31T10:20:30.5+02:00")),
    ] {
        row[field] = value;
    }
    let row = sandbox.post("/data/CustomersV3", row).await.json();
    assert_eq!(row["OrganizationName"], "Fabrikam");
    assert_eq!(row["CreditLimit"].to_string(), "20000.5");
    assert_eq!(row["CredManCreditLimitDate"], "2024-01-31T12:00:00Z");
    assert_eq!(row["AddressValidFrom"], "2024-01-31T08:20:30Z");
}

#[tokio::test]
async fn decimals_keep_every_digit() {
    let sandbox = Sandbox::with_groups().await;
    let text = r#"{"dataAreaId":"usmf","CustomerAccount":"D","CustomerGroupId":"10","CreditLimit":12345678901234567.0000000001}"#;
    let row: Value = serde_json::from_str(text).unwrap();
    let row = sandbox.post("/data/CustomersV3", row).await.json();
    assert_eq!(
        row["CreditLimit"].to_string(),
        "12345678901234567.0000000001"
    );
}

#[tokio::test]
async fn writes_are_counted_by_entity_kind_and_client_once_committed() {
    let sandbox = Sandbox::with_groups().await;
    sandbox.post("/data/CustomersV3", customer()).await;
    sandbox.post("/data/CustomersV3", customer()).await;
    sandbox.patch(CUSTOMER, json!({"SalesMemo": "x"})).await;
    sandbox.delete(CUSTOMER).await;
    let counters = sandbox.get("/_sandbox/counters").await.json();
    assert_eq!(
        counters["rows_written"],
        json!(3),
        "the refused duplicate does not count"
    );
    let kinds: Vec<&str> = counters["writes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["create", "update", "delete"]);
    assert!(
        counters["writes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|w| w["client"] == "app")
    );
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_committed_all_the_same() {
    let sandbox = Sandbox::with_groups().await;
    let rule = json!({"fault": "drop-after-commit", "count": 1});
    sandbox.post("/_sandbox/faults", rule).await;
    let url = format!("{}/data/CustomersV3", sandbox.running.url());
    let request = sandbox
        .http
        .post(url)
        .bearer_auth(&sandbox.token)
        .header("Content-Type", "application/json")
        .body(customer().to_string());
    assert!(request.send().await.is_err());
    assert_eq!(sandbox.get(CUSTOMER).await.status, StatusCode::OK);
    // Repeating it is no success: nothing makes a create safe to repeat.
    let answer = sandbox.post("/data/CustomersV3", customer()).await;
    assert!(answer.message().contains("already exists"));
}

#[tokio::test]
async fn a_null_empties_a_field_unless_the_setting_says_otherwise() {
    for (null_keeps, expected) in [(false, ""), (true, "vip")] {
        let settings = Settings {
            null_keeps,
            ..Settings::default()
        };
        let sandbox = Sandbox::with_settings(settings).await;
        sandbox.add_groups();
        let mut row = customer();
        row["SalesMemo"] = json!("vip");
        sandbox.insert("CustomersV3", row);
        sandbox.patch(CUSTOMER, json!({"SalesMemo": null})).await;
        assert_eq!(sandbox.get(CUSTOMER).await.json()["SalesMemo"], expected);
    }
}

#[tokio::test]
async fn the_status_of_a_missing_row_is_a_setting() {
    let settings = Settings {
        missing_row_status: 400,
        ..Settings::default()
    };
    let sandbox = Sandbox::with_settings(settings).await;
    assert_eq!(sandbox.get(CUSTOMER).await.status, StatusCode::BAD_REQUEST);
}
