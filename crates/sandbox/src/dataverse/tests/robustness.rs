//! No request, however strange, ends in a panic or an internal error.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::Request;
use proptest::prelude::*;

use super::*;
use crate::http::Service as _;

static STAND_IN: LazyLock<Dataverse> = LazyLock::new(|| {
    let sign_in = SignIn {
        accept_any_token: true,
        ..SignIn::default()
    };
    let stand_in = Dataverse::open(Config {
        sign_in,
        ..config()
    })
    .unwrap();
    stand_in
        .insert("account", json!({"name": "A", "creditlimit": 1}))
        .unwrap();
    stand_in
});

fn status(method: &str, target: &str, content_type: &str, body: Vec<u8>) -> u16 {
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("authorization", "Bearer x")
        .header("content-type", content_type)
        .body(Bytes::from(body))
        .unwrap();
    STAND_IN.inner.answer(request).status().as_u16()
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Text made of what the parsers look for, mixed with anything.
fn broken() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~]{0,6}",
        "\\PC{0,3}",
        prop::sample::select(vec![
            "'",
            "''",
            "(",
            ")",
            "/",
            "=",
            ",",
            ";",
            "$",
            "$1",
            "@x",
            "name",
            "accounts",
            "eq",
            "and",
            "null",
            "5",
            "-1.5e9",
            "any(c:c/x)",
            "contains(name,'%[')",
            "primarycontactid",
            "<",
            ">",
            "<cookie pagenumber=\"2\" pagingcookie=\"",
            "%3cx%20last=\"",
            "!",
            "1!01/01/2026 00:00:00",
            "SELECT",
            "FROM account",
            "WHERE",
            "LIKE",
            "TOP",
            "<fetch>",
            "<entity name='account'>",
            "</entity></fetch>",
            "aggregate(",
            "groupby((",
            "with sum as",
            "€",
            "\u{0}",
        ])
        .prop_map(ToOwned::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn paths(path in broken()) {
        for method in ["GET", "PATCH", "DELETE", "PUT", "POST"] {
            let target = format!("/api/data/v9.2/{}", encoded(&path).replace("%2F", "/"));
            prop_assert_ne!(status(method, &target, "application/json", b"{}".to_vec()), 500);
        }
    }

    #[test]
    fn options(
        name in prop::sample::select(vec![
            "$filter", "$orderby", "$select", "$expand", "$skiptoken", "$deltatoken", "$top",
            "$apply", "fetchXml", "sql", "@x",
        ]),
        value in broken(),
    ) {
        let target = format!("/api/data/v9.2/accounts?{name}={}", encoded(&value));
        prop_assert_ne!(status("GET", &target, "application/json", Vec::new()), 500);
    }

    #[test]
    fn bodies(body in broken(), wrapped in any::<bool>(), value in broken()) {
        let body = if wrapped { json!({ body: value }).to_string() } else { body };
        let bytes = body.into_bytes();
        for (method, target) in [
            ("POST", "/api/data/v9.2/accounts"),
            ("POST", "/api/data/v9.2/accounts/Microsoft.Dynamics.CRM.UpsertMultiple"),
            ("POST", "/api/data/v9.2/BulkDelete"),
        ] {
            prop_assert_ne!(status(method, target, "application/json", bytes.clone()), 500);
        }
        let code = status("POST", "/api/data/v9.2/$batch", "multipart/mixed;boundary=x", bytes);
        prop_assert_ne!(code, 500);
    }
}
