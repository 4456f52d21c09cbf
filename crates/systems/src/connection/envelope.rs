//! Batches on the wire: operations as multipart parts, parts as answers.

use super::Answer;
use super::batch::{Carriage, Operation, Plan};
use bytes::Bytes;
use odata::ParseError;
use odata::batch::{
    BatchRequest, BatchResponse, Encoded, PartRequest, PartResponse, RequestPart, ResponsePart,
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};

/// Writes operations as one batch. `path` is the service root's path, which part URLs begin with;
/// `id` makes the boundaries.
pub(super) fn encode(plan: &Plan, operations: &[Operation], path: &str, id: &str) -> Encoded {
    let parts = operations
        .iter()
        .enumerate()
        .map(|(index, operation)| {
            let url = match plan.carriage {
                Carriage::FromRoot => operation.link.clone(),
                Carriage::FromHost | Carriage::Single => format!("{path}{}", operation.link),
            };
            let mut part = PartRequest::new(operation.method.as_str(), url);
            for (name, value) in &operation.headers {
                part = part.with_header(*name, value.clone());
            }
            if let Some(body) = &operation.body {
                part = part.with_header("Content-Type", plan.media_type);
                part.body = body.clone().into_bytes();
            }
            if plan.change_sets && operation.method != Method::GET {
                RequestPart::ChangeSet(vec![part.with_id((index + 1).to_string())])
            } else {
                RequestPart::Single(part)
            }
        })
        .collect();
    BatchRequest { parts }.encode(id)
}

/// The parts of an answer.
pub(super) struct Parts {
    pub(super) answers: Vec<Answer>,
    /// Whether the answer has its end. If so, what is missing was not carried out.
    pub(super) whole: bool,
}

/// Reads the parts of an answer. What is whole of a torn one is read; the rest is missing.
pub(super) fn decode(what: &str, content_type: &str, body: &[u8]) -> Result<Parts, ParseError> {
    let (response, whole) = match BatchResponse::decode(content_type, body) {
        Ok(response) => (response, true),
        Err(error) => match mend(content_type, body) {
            Some(mended) => (BatchResponse::decode(content_type, &mended)?, false),
            None => return Err(error),
        },
    };
    let answers = response
        .parts
        .into_iter()
        .filter_map(|part| match part {
            ResponsePart::Single(response) => Some(response),
            // Each of our change sets holds one request.
            ResponsePart::ChangeSet(responses) => responses.into_iter().next(),
        })
        .map_while(|part| answer(what, part))
        .collect();
    Ok(Parts { answers, whole })
}

/// A torn body without its last, broken part and with the closing boundary; `None` when the body
/// was not torn.
fn mend(content_type: &str, body: &[u8]) -> Option<Vec<u8>> {
    let boundary = content_type
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
        .map(|(_, value)| value.trim().trim_matches('"'))?;
    let delimiter = format!("--{boundary}");
    let last = rfind(body, delimiter.as_bytes())?;
    let after = body.get(last + delimiter.len()..)?;
    if after.starts_with(b"--") {
        return None;
    }
    let mut mended = body.get(..last)?.to_vec();
    mended.extend_from_slice(delimiter.as_bytes());
    mended.extend_from_slice(b"--\r\n");
    Some(mended)
}

fn rfind(text: &[u8], wanted: &[u8]) -> Option<usize> {
    (0..=text.len().checked_sub(wanted.len())?)
        .rev()
        .find(|start| {
            text.get(*start..)
                .is_some_and(|rest| rest.starts_with(wanted))
        })
}

fn answer(what: &str, part: PartResponse) -> Option<Answer> {
    let mut headers = HeaderMap::new();
    for (name, value) in &part.headers {
        let name = HeaderName::try_from(name.as_str());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    Some(Answer {
        what: what.to_owned(),
        status: StatusCode::from_u16(part.status).ok()?,
        headers,
        body: Bytes::from(part.body),
        repeated: false,
        torn: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Repeat;
    use proptest::prelude::*;

    const TYPE: &str = "multipart/mixed; boundary=batchresponse_1";

    fn response(parts: usize) -> Vec<u8> {
        let parts = (0..parts)
            .map(|n| {
                let part = PartResponse::new(200)
                    .with_header("Content-Type", "application/json")
                    .with_body(format!("{{\"n\":{n}}}"));
                if n % 2 == 0 {
                    ResponsePart::Single(part)
                } else {
                    ResponsePart::ChangeSet(vec![part])
                }
            })
            .collect();
        BatchResponse { parts }.encode("1").body
    }

    #[test]
    fn writes_stand_in_change_sets_of_their_own_where_asked() {
        let mut plan = Plan {
            what: String::new(),
            size: 10,
            parallel: 1,
            change_sets: true,
            prefer: None,
            carriage: Carriage::FromHost,
            media_type: crate::connection::batch::JSON,
        };
        let operations = [
            Operation::get("A?$top=1".into()),
            Operation {
                method: Method::PATCH,
                link: "A(1)".into(),
                headers: vec![("If-Match", "*".into())],
                body: Some("{}".into()),
                repeat: Repeat::Same,
            },
        ];
        let encoded = encode(&plan, &operations, "/data/", "x");
        let text = String::from_utf8(encoded.body).unwrap();
        assert!(text.contains("GET /data/A?$top=1 HTTP/1.1"));
        assert!(text.contains("PATCH /data/A(1) HTTP/1.1\r\nIf-Match: *\r\n"));
        assert_eq!(text.matches("boundary=changeset_x_2").count(), 1);
        plan.change_sets = false;
        let encoded = encode(&plan, &operations, "/data/", "x");
        assert!(
            !String::from_utf8(encoded.body)
                .unwrap()
                .contains("changeset")
        );
    }

    #[test]
    fn a_body_that_is_no_batch_is_an_error() {
        assert!(decode("", TYPE, b"").is_err());
        assert!(decode("", TYPE, b"{}").is_err());
        assert!(decode("", "application/json", b"{}").is_err());
    }

    proptest! {
        #[test]
        fn a_torn_answer_gives_its_whole_parts_and_no_other(parts in 1_usize..6, cut in 0.0..1.0) {
            let body = response(parts);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "any place will do"
            )]
            let cut = (body.len() as f64 * cut) as usize;
            let Ok(decoded) = decode("", TYPE, &body[..cut]) else { return Ok(()) };
            let answers = decoded.answers;
            prop_assert!(answers.len() <= parts);
            prop_assert!(!decoded.whole || answers.len() == parts);
            for (n, answer) in answers.iter().enumerate() {
                prop_assert_eq!(answer.status, StatusCode::OK);
                let expected = format!("{{\"n\":{n}}}");
                prop_assert_eq!(answer.body.as_ref(), expected.as_bytes());
            }
        }
    }
}
