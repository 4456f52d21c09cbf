//! How values are checked and normalised (A3, A13, D).

use super::*;

async fn stored(stage: &Stage, column: &str, value: Json) -> String {
    let id = stage.make("accounts", json!({column: value})).await;
    let text = stage
        .get(&format!("accounts({id})?$select={column}"))
        .await
        .expect(200)
        .text;
    let (_, rest) = text.split_once(&format!("\"{column}\":")).unwrap();
    rest.split(",\"_")
        .next()
        .unwrap()
        .split(",\"acc")
        .next()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn values_are_stored_as_the_service_stores_them() {
    let stage = Stage::new().await;
    for (column, value, shown) in [
        ("name", json!(""), "null"),
        ("name", json!("  Ä b  "), "\"  Ä b  \""),
        ("creditlimit", json!(20000), "20000.0000"),
        (
            "creditlimit",
            serde_json::from_str("0.00005").unwrap(),
            "0.0001",
        ),
        (
            "creditlimit",
            serde_json::from_str("99999999999.12344").unwrap(),
            "99999999999.1234",
        ),
        (
            "creditlimit",
            serde_json::from_str("1.5e3").unwrap(),
            "1500.0000",
        ),
        ("numberofemployees", json!(7), "7"),
        ("donotphone", json!(true), "true"),
        ("customertypecode", json!(3), "3"),
        (
            "lastonholdtime",
            json!("2024-02-29T23:30:00.987+02:00"),
            "\"2024-02-29T21:30:00Z\"",
        ),
        (
            "lastonholdtime",
            json!("2024-02-29T23:30:00"),
            "\"2024-02-29T23:30:00Z\"",
        ),
    ] {
        assert_eq!(
            stored(&stage, column, value.clone()).await,
            shown,
            "{column} {value}"
        );
    }
}

#[tokio::test]
async fn misfits_are_refused_with_their_codes() {
    let stage = Stage::new().await;
    for (body, code, part) in [
        (
            json!({"name": "x".repeat(161)}),
            "0x80044331",
            "The length of the 'name' attribute of the 'account' entity exceeded the maximum \
             allowed length of '160'.",
        ),
        (
            json!({"numberofemployees": -1}),
            "0x8004432f",
            "'numberofemployees'",
        ),
        (json!({"creditlimit": -1}), "0x80044330", "'creditlimit'"),
        (
            json!({"customertypecode": 99}),
            "0x8004431A",
            "Accepted Values: 1,2,3",
        ),
        (
            json!({"lastonholdtime": "1752-12-31T00:00:00Z"}),
            "0x80040239",
            "1753",
        ),
        (
            json!({"lastonholdtime": "yesterday"}),
            "0x80048d19",
            "Edm.DateTimeOffset",
        ),
        (json!({"name": 5}), "0x80048d19", "Edm.String"),
        (json!({"numberofemployees": 1.5}), "0x80048d19", "Edm.Int32"),
        (json!({"creditlimit": "1"}), "0x80048d19", "Edm.Decimal"),
        (json!({"donotphone": 1}), "0x80048d19", "Edm.Boolean"),
    ] {
        stage
            .post("accounts", body)
            .await
            .expect_error(400, code, part);
    }
    let error = stage
        .post("transactioncurrencies", json!({"currencyname": "Euro"}))
        .await;
    error.expect_error(400, "0x80040200", "is missing");
    assert_eq!(stage.dataverse.counts().rows_written, 0);
}

#[tokio::test]
async fn a_length_counts_utf16_units() {
    let stage = Stage::new().await;
    stage
        .make("accounts", json!({"name": "😀".repeat(80)}))
        .await;
    let error = stage
        .post("accounts", json!({"name": "😀".repeat(81)}))
        .await;
    error.expect_error(400, "0x80044331", "'160'");
}

#[tokio::test]
async fn bodies_with_a_mark_and_control_information_are_taken() {
    let stage = Stage::new().await;
    let text = "\u{feff}{\"@odata.type\":\"#Microsoft.Dynamics.CRM.account\",\"@odata.etag\":\"W/\\\"1\\\"\",\
                \"name@OData.Community.Display.V1.FormattedValue\":\"x\",\"name\":\"A\",\"versionnumber\":5}";
    let sent = stage
        .http
        .post(stage.url("accounts"))
        .bearer_auth(&stage.token);
    let answer = sent
        .header("content-type", "application/json")
        .body(text)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(stage.column("accounts", "name").await, ["A"]);
    for broken in ["", "{", "[]"] {
        let sent = stage
            .http
            .post(stage.url("accounts"))
            .bearer_auth(&stage.token);
        let answer = sent.body(broken).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{broken}");
    }
}

#[tokio::test]
async fn amounts_have_a_base_amount_in_the_rate_of_their_currency() {
    let stage = Stage::new().await;
    let currency = stage
        .make(
            "transactioncurrencies",
            json!({
                "currencyname": "Euro", "currencysymbol": "€", "isocurrencycode": "EUR",
                "exchangerate": 0.8,
            }),
        )
        .await;
    let id = stage
        .make(
            "accounts",
            json!({
                "creditlimit": 100,
                "transactioncurrencyid@odata.bind": format!("/transactioncurrencies({currency})"),
            }),
        )
        .await;
    let path = format!("accounts({id})?$select=creditlimit,creditlimit_base,exchangerate");
    let text = stage.get(&path).await.expect(200).text;
    assert!(text.contains("\"creditlimit_base\":125.0000"), "{text}");
    assert!(text.contains("\"exchangerate\":0.8000000000"), "{text}");
}
