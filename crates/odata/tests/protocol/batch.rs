//! `$batch`, in the spelling of every known client and service.

use duet_odata::batch::{
    BatchRequest, BatchResponse, PartRequest, PartResponse, RequestPart, ResponsePart,
};
use proptest::prelude::*;

fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

const DOCUMENTED: &str = r#"--batch_A
Content-Type: multipart/mixed; boundary=changeset_B

--changeset_B
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 1

POST /api/data/v9.2/leads HTTP/1.1
Content-Type: application/json; type=entry

{"lastname":"L"}
--changeset_B
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 2

POST /api/data/v9.2/accounts HTTP/1.1
Content-Type: application/json

{"name":"A","originatingleadid@odata.bind":"$1"}
--changeset_B--

--batch_A
Content-Type: application/http
Content-Transfer-Encoding: binary

GET /api/data/v9.2/accounts?$top=1 HTTP/1.1


--batch_A--
"#;

#[test]
fn the_documented_request_reads_with_either_line_end() {
    let read =
        |body: &[u8]| BatchRequest::decode("multipart/mixed; boundary=\"batch_A\"", body).unwrap();
    let batch = read(&crlf(DOCUMENTED));
    assert_eq!(batch, read(DOCUMENTED.as_bytes()));
    let [RequestPart::ChangeSet(changes), RequestPart::Single(get)] = batch.parts.as_slice() else {
        panic!("{batch:?}")
    };
    assert_eq!(changes[0].content_id.as_deref(), Some("1"));
    assert_eq!(
        changes[0].header("content-type"),
        Some("application/json; type=entry")
    );
    assert_eq!(changes[0].body, br#"{"lastname":"L"}"#);
    assert_eq!(changes[1].url, "/api/data/v9.2/accounts");
    assert_eq!(
        (get.method.as_str(), get.url.as_str()),
        ("GET", "/api/data/v9.2/accounts?$top=1")
    );
    assert_eq!(get.body, b"");
}

#[test]
fn other_spellings_are_understood() {
    // A leading line end, no blank line after a GET, absolute URLs, repeated part headers,
    // blanks after the boundary, a preamble, an epilogue, no last line end.
    let body = "preamble\r\n\r\n--b \r\ncontent-type:application/http\r\nContent-Type: application/http\r\n\r\n\
                GET https://h/data/A?$filter=name eq 'x' HTTP/1.1\r\n--b\r\n\
                Content-Type: application/http\r\n\r\nDELETE $1 HTTP/1.1\r\nContent-ID: 7\r\n\r\n\r\n\r\n--b--\r\nepilogue\r\n--b--";
    let batch = BatchRequest::decode("Multipart/Mixed;charset=utf-8; Boundary=b", body.as_bytes());
    let batch = batch.unwrap();
    let [RequestPart::Single(get), RequestPart::Single(delete)] = batch.parts.as_slice() else {
        panic!("{batch:?}")
    };
    assert_eq!(get.url, "https://h/data/A?$filter=name eq 'x'");
    assert_eq!(
        (delete.url.as_str(), delete.content_id.as_deref()),
        ("$1", Some("7"))
    );
    assert_eq!(delete.body, b"");
}

#[test]
fn a_boundary_is_not_mistaken_for_a_longer_one() {
    let body = "--b\n\nGET a HTTP/1.1\nX: y\n\n--bc\n--b--";
    let batch = BatchRequest::decode("multipart/mixed; boundary=b", body.as_bytes()).unwrap();
    let RequestPart::Single(part) = &batch.parts[0] else {
        panic!()
    };
    assert_eq!(part.body, b"--bc");
}

#[test]
fn content_length_rules_where_it_is_given() {
    let body = "--b\r\n\r\nPOST a HTTP/1.1\r\nContent-Length: 3\r\n\r\n{ }\r\n\r\n--b--\r\n";
    let batch = BatchRequest::decode("multipart/mixed; boundary=b", body.as_bytes()).unwrap();
    let RequestPart::Single(part) = &batch.parts[0] else {
        panic!()
    };
    assert_eq!(part.body, b"{ }");
}

#[test]
fn a_torn_or_odd_batch_is_an_error() {
    for (content_type, body) in [
        ("application/json", "{}"),
        ("multipart/mixed", "--b--"),
        ("multipart/mixed; boundary=", "--b--"),
        ("multipart/mixed; boundary=b", ""),
        (
            "multipart/mixed; boundary=b",
            "--c\n\nGET a HTTP/1.1\n\n--c--",
        ),
        ("multipart/mixed; boundary=b", "--b\n\nGET a HTTP/1.1\n\n"),
        ("multipart/mixed; boundary=b", "--b\n\nGET\n--b--"),
        ("multipart/mixed; boundary=b", "--b\n\n\n--b--"),
        (
            "multipart/mixed; boundary=b",
            "--b\nContent-Type: text/plain\n\nGET a\n--b--",
        ),
        (
            "multipart/mixed; boundary=b",
            "--b\nno header\n\nGET a\n--b--",
        ),
        (
            "multipart/mixed; boundary=b",
            "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nPOST a HTTP/1.1\n\n--b--",
        ),
        (
            "multipart/mixed; boundary=b",
            "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: multipart/mixed; boundary=d\n\n--d--\n--c--\n--b--",
        ),
    ] {
        assert!(
            BatchRequest::decode(content_type, body.as_bytes()).is_err(),
            "{body}"
        );
    }
    let status = "--b\n\nHTTP/1.1 abc OK\n\n--b--";
    assert!(BatchResponse::decode("multipart/mixed; boundary=b", status.as_bytes()).is_err());
}

#[test]
fn responses_are_written_as_the_pickiest_reader_wants_them() {
    let batch = BatchResponse {
        parts: vec![
            ResponsePart::ChangeSet(vec![
                PartResponse::new(204)
                    .with_id("1")
                    .with_header("OData-EntityId", "https://h/leads(4251)"),
            ]),
            ResponsePart::Single(
                PartResponse::new(200)
                    .with_header("Content-Type", "application/json")
                    .with_body(r#"{"value":[]}"#),
            ),
        ],
    };
    let encoded = batch.encode("C");
    assert_eq!(
        encoded.content_type,
        "multipart/mixed; boundary=batchresponse_C"
    );
    let text = String::from_utf8(encoded.body.clone()).unwrap();
    assert!(text.split("\r\n").all(|line| !line.contains('\n')));
    insta::assert_snapshot!(text.replace("\r\n", "\n"), @r#"
    --batchresponse_C
    Content-Type: multipart/mixed; boundary=changesetresponse_C_1

    --changesetresponse_C_1
    Content-Type: application/http
    Content-Transfer-Encoding: binary
    Content-ID: 1

    HTTP/1.1 204 No Content
    OData-EntityId: https://h/leads(4251)


    --changesetresponse_C_1--
    --batchresponse_C
    Content-Type: application/http
    Content-Transfer-Encoding: binary

    HTTP/1.1 200 OK
    Content-Type: application/json

    {"value":[]}
    --batchresponse_C--
    "#);
    assert_eq!(
        BatchResponse::decode(&encoded.content_type, &encoded.body).unwrap(),
        batch
    );
    assert_eq!(
        batch
            .responses()
            .map(|part| part.status)
            .collect::<Vec<_>>(),
        [204, 200]
    );
}

#[test]
fn a_body_cannot_forge_a_boundary_nor_a_header_a_line() {
    let request = PartRequest::new("POST", "a")
        .with_header("X", "y\r\nEvil: 1")
        .with_json("\r\n--batch_q--\r\n");
    let batch = BatchRequest {
        parts: vec![RequestPart::Single(request)],
    };
    let encoded = batch.encode("q");
    let read = BatchRequest::decode(&encoded.content_type, &encoded.body).unwrap();
    let RequestPart::Single(part) = &read.parts[0] else {
        panic!()
    };
    assert_eq!(part.body, b"\r\n--batch_q--\r\n");
    assert_eq!(part.header("Evil"), None);
}

#[test]
fn the_json_form_reads_and_writes() {
    let body = r#"{"requests":[{"id":"0","method":"get","url":"a"},{"id":"1","atomicityGroup":"g2","method":"post","url":"a","headers":{"content-type":"application/json"},"body":{"price":1.50}},{"id":"2","atomicityGroup":"g2","method":"put","url":"b","headers":{"content-type":"text/plain"},"body":"text"},{"id":"3","dependsOn":["g2"],"method":"put","url":"c","headers":{"content-type":"image/png"},"body":"-_8"}]}"#;
    let batch = BatchRequest::from_json(body.as_bytes()).unwrap();
    let [_, RequestPart::ChangeSet(set), RequestPart::Single(last)] = batch.parts.as_slice() else {
        panic!("{batch:?}")
    };
    assert_eq!(set[0].body, br#"{"price":1.50}"#);
    assert_eq!(set[1].body, b"text");
    assert_eq!(
        (last.body.as_slice(), last.depends_on.as_slice()),
        (&[0xfb, 0xff][..], &["g2".to_owned()][..])
    );
    assert_eq!(serde_json::Value::Object(batch.to_json()).to_string(), body);
    let answer = r#"{"responses":[{"id":"0","status":200,"body":{"value":[]}},{"id":"1","atomicityGroup":"g2","status":204},{"id":"2","atomicityGroup":"g2","status":204}]}"#;
    let response = BatchResponse::from_json(answer.as_bytes()).unwrap();
    assert_eq!(response.parts.len(), 2);
    assert_eq!(
        serde_json::Value::Object(response.to_json()).to_string(),
        answer
    );
}

#[test]
fn the_json_form_gives_ids_and_refuses_odd_parts() {
    let parts = vec![
        RequestPart::Single(PartRequest::new("GET", "a")),
        RequestPart::Single(PartRequest::new("GET", "b").with_id("r1")),
    ];
    let json = serde_json::Value::Object(BatchRequest { parts }.to_json());
    assert_eq!(json["requests"][0]["id"], "r2");
    for body in [
        "{}",
        r#"{"requests":[1]}"#,
        r#"{"requests":[{"method":"get","url":"a"}]}"#,
        r#"{"requests":[{"id":"1","url":"a"}]}"#,
        r#"{"requests":[{"id":"1","method":"get"}]}"#,
        r#"{"requests":[{"id":"1","method":"put","url":"a","headers":{"content-type":"a/b"},"body":"*"}]}"#,
    ] {
        assert!(BatchRequest::from_json(body.as_bytes()).is_err(), "{body}");
    }
    assert!(BatchResponse::from_json(br#"{"responses":[{"id":"1","status":99}]}"#).is_err());
}

fn request() -> impl Strategy<Value = PartRequest> {
    (
        proptest::option::of("[a-z0-9]{1,4}"),
        "(GET|POST|PATCH|DELETE)",
        "[a-z$/()'=&?0-9]{1,12}",
        proptest::collection::vec(("X-[a-z]{1,5}", "[!-~]([ -~]{0,8}[!-~])?"), 0..3),
        // A body of line ends alone reads as none.
        prop_oneof![
            Just(Vec::new()),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(|mut body| {
                body.insert(0, b'{');
                body
            })
        ],
    )
        .prop_map(|(content_id, method, url, headers, body)| PartRequest {
            content_id,
            method,
            url,
            headers,
            body,
            depends_on: Vec::new(),
        })
}

proptest! {
    #[test]
    fn requests_round_trip(parts in proptest::collection::vec(
        prop_oneof![
            request().prop_map(RequestPart::Single),
            proptest::collection::vec(request(), 0..3).prop_map(RequestPart::ChangeSet),
        ],
        0..4,
    )) {
        let batch = BatchRequest { parts };
        let encoded = batch.encode("0f");
        prop_assert_eq!(BatchRequest::decode(&encoded.content_type, &encoded.body).unwrap(), batch);
    }

    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = BatchRequest::decode("multipart/mixed; boundary=b", &body);
        let _ = BatchResponse::decode("multipart/mixed; boundary=b", &body);
    }

    #[test]
    fn no_body_like_a_batch_panics(lines in proptest::collection::vec(
        proptest::sample::select(vec![
            "--b", "--b--", "--c", "--c--", "", "GET a HTTP/1.1", "HTTP/1.1 200 OK", "A: b", " x",
            "Content-Type: multipart/mixed; boundary=c", "Content-Length: 99", "{}",
        ]),
        0..20,
    )) {
        let body = lines.join("\r\n");
        let _ = BatchRequest::decode("multipart/mixed; boundary=b", body.as_bytes());
        let _ = BatchResponse::decode("multipart/mixed; boundary=b", body.as_bytes());
    }
}
