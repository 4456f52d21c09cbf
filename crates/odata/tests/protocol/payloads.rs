//! JSON bodies.

use duet_odata::Literal;
use duet_odata::payload::{
    self, DeltaItem, DeltaPage, Entity, ErrorBody, InnerError, Page, PayloadError,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn text(members: serde_json::Map<String, Value>) -> String {
    Value::Object(members).to_string()
}

#[test]
fn rows_print_as_they_were_read() {
    for body in [
        r#"{"@odata.context":"c","@odata.etag":"W/\"1\"","name":"A","price":20000.0000,"big":9007199254740993}"#,
        r##"{"@odata.type":"#Ns.T","a@Ns.Formatted":"x","a":1,"nav@odata.bind":"/accounts(1)"}"##,
        r#"{"nested":{"@odata.etag":"x","b":[{"c@d.e":1}]},"empty":null}"#,
        "{}",
    ] {
        assert_eq!(
            text(Entity::parse(body.as_bytes()).unwrap().to_json()),
            body
        );
    }
}

#[test]
fn control_information_is_known_with_and_without_its_prefix() {
    let row = Entity::parse(br##"{"@etag":"e","@id":"i","@type":"#Ns.T","n@bind":"u"}"##).unwrap();
    assert_eq!(
        (row.etag(), row.id(), row.type_name()),
        (Some("e"), Some("i"), Some("Ns.T"))
    );
    assert_eq!(row.binds().collect::<Vec<_>>(), [("n", &json!("u"))]);
    let row = Entity::parse(br#"{"@Ns.etag":"e","a@Ns.bind":1}"#).unwrap();
    assert_eq!(row.etag(), None);
    assert_eq!(row.bind("a"), None);
    assert_eq!(row.annotation("a", "Ns.bind"), Some(&json!(1)));
}

#[test]
fn pages_keep_counts_links_and_foreign_annotations() {
    let body = r#"{"@odata.context":"c","@odata.count":2,"@Ns.total":-1,"value":[{"a":1},{"a":2}],"@odata.nextLink":"n"}"#;
    let page = Page::parse(body.as_bytes()).unwrap();
    assert_eq!((page.count, page.rows.len()), (Some(2), 2));
    assert_eq!(text(page.to_json()), body);
    let with_mark = [b"\xEF\xBB\xBF".as_slice(), br#"{"@count":"3","value":[]}"#].concat();
    assert_eq!(Page::parse(&with_mark).unwrap().count, Some(3));
}

#[test]
fn what_is_no_page_is_refused() {
    assert!(matches!(
        Page::parse(b"{"),
        Err(PayloadError::Json { line: 1, column: 1 })
    ));
    assert!(matches!(
        Page::parse(b"[]"),
        Err(PayloadError::Shape { .. })
    ));
    assert!(matches!(
        Page::parse(br#"{"value":1}"#),
        Err(PayloadError::Shape { .. })
    ));
    assert!(matches!(
        Page::parse(br#"{"value":[1]}"#),
        Err(PayloadError::Shape { .. })
    ));
    let secret = Page::parse(br#"{"name":"Ann Secret" x}"#).unwrap_err();
    assert!(!secret.to_string().contains("Secret"));
}

#[test]
fn deltas_hold_changes_and_both_forms_of_deletion() {
    let body = r##"{"@odata.context":"m#accounts(name)/$delta","@odata.deltaLink":"d","value":[{"@odata.etag":"W/\"1\"","name":"M"},{"@odata.context":"m#accounts/$deletedEntity","id":"2e45","reason":"deleted"},{"@removed":{"reason":"changed"},"@id":"accounts(3)"},{"@removed":{},"id":"k","x":1},{"@odata.context":"#A/$link","source":"a","relationship":"r","target":"t"},{"@odata.context":"#A/$deletedLink","source":"a","relationship":"r","target":"t"}]}"##;
    let page = DeltaPage::parse(body.as_bytes()).unwrap();
    let kinds: Vec<String> = page
        .items
        .iter()
        .map(|item| match item {
            DeltaItem::Changed(row) => format!("changed {}", row.etag().unwrap()),
            DeltaItem::Deleted(gone) => format!(
                "deleted {} {}",
                gone.id.as_deref().unwrap(),
                gone.reason.as_deref().unwrap_or("-")
            ),
            DeltaItem::Linked(link) => format!("linked {}", link.target),
            DeltaItem::Unlinked(link) => format!("unlinked {}", link.target),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "changed W/\"1\"",
            "deleted 2e45 deleted",
            "deleted accounts(3) changed",
            "deleted k -",
            "linked t",
            "unlinked t"
        ]
    );
    assert_eq!(text(page.to_json()), body);
}

#[test]
fn errors_tell_the_innermost_cause() {
    let body = r#"{"error":{"code":"0x80040217","message":"m","details":[{"code":"c","message":"d","target":"t"}],"innererror":{"message":"","type":"T","stacktrace":"s","internalexception":{"message":"cause"}},"@Ns.HelpLink":"h"}}"#;
    let error = ErrorBody::parse(body.as_bytes()).unwrap();
    assert_eq!(error.best_message(), "cause");
    assert_eq!(error.details[0].target.as_deref(), Some("t"));
    assert_eq!(text(error.to_json()), body);
    let old = ErrorBody::parse(br#"{"odata.error":{"message":{"lang":"en","value":"v"}}}"#);
    assert_eq!(old.unwrap().message, "v");
    assert!(ErrorBody::parse(br#"{"value":[]}"#).is_err());
    let made = ErrorBody::new("c", "m").with_inner(InnerError {
        message: "i".into(),
        ..InnerError::default()
    });
    assert_eq!(
        text(made.to_json()),
        r#"{"error":{"code":"c","message":"m","innererror":{"message":"i"}}}"#
    );
}

#[test]
fn values_follow_their_type() {
    for (value, type_name, literal) in [
        (json!(null), "Edm.Guid", "null"),
        (json!(true), "Edm.Boolean", "true"),
        (json!("9007199254740993"), "Edm.Int64", "9007199254740993"),
        (json!("x"), "Edm.String", "'x'"),
        (
            json!("4026BE43-6b69-e111-8f65-78e7d1620f5e"),
            "Edm.Guid",
            "4026be43-6b69-e111-8f65-78e7d1620f5e",
        ),
        (
            json!("2023-04-07T21:59:01Z"),
            "Edm.DateTimeOffset",
            "2023-04-07T21:59:01Z",
        ),
        (json!("12:00"), "Edm.TimeOfDay", "12:00:00"),
        (json!("PT1H"), "Edm.Duration", "duration'PT1H'"),
        (json!("+/8="), "Edm.Binary", "binary'-_8'"),
        (json!("Yes"), "Ns.NoYes", "Ns.NoYes'Yes'"),
        (json!("INF"), "Edm.Double", "INF"),
    ] {
        let wanted = Literal::parse(literal).unwrap();
        assert_eq!(
            payload::from_json(&value, type_name),
            Some(wanted),
            "{value}"
        );
    }
    let exact: Value = serde_json::from_str("20000.0000").unwrap();
    assert_eq!(
        payload::from_json(&exact, "Edm.Decimal")
            .unwrap()
            .to_string(),
        "20000.0000"
    );
    let exponent: Value = serde_json::from_str("1e-3").unwrap();
    assert_eq!(
        payload::from_json(&exponent, "Edm.Decimal")
            .unwrap()
            .to_string(),
        "0.001"
    );
    for (value, type_name) in [
        (json!("x"), "Edm.Int32"),
        (json!(1), "Edm.String"),
        (json!("2024-01-31"), "Edm.DateTimeOffset"),
        (json!("no"), "Edm.Boolean"),
        (json!([]), "Edm.String"),
        (json!("nope"), "Edm.Guid"),
        (json!("a'b"), "Edm.Duration"),
    ] {
        assert_eq!(
            payload::from_json(&value, type_name),
            None,
            "{value} {type_name}"
        );
    }
}

#[test]
fn numbers_become_strings_where_the_client_asks() {
    let decimal = Literal::parse("20000.0000").unwrap();
    assert_eq!(payload::to_json(&decimal, false).to_string(), "20000.0000");
    assert_eq!(payload::to_json(&decimal, true), json!("20000.0000"));
    assert_eq!(payload::to_json(&Literal::Int(5), true), json!("5"));
    assert_eq!(
        payload::to_json(&Literal::Double(f64::INFINITY), false),
        json!("INF")
    );
    let duration = Literal::parse("duration'PT1H'").unwrap();
    assert_eq!(payload::to_json(&duration, false), json!("PT1H"));
}

proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = (Entity::parse(&body), Page::parse(&body), DeltaPage::parse(&body));
        let _ = ErrorBody::parse(&body);
    }

    #[test]
    fn no_value_panics(text in ".*", type_name in "Edm.(String|Guid|Date|DateTimeOffset|Duration|Binary|Decimal|Int64|Double|TimeOfDay)") {
        let _ = payload::from_json(&Value::String(text), &type_name);
    }
}
