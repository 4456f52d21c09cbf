//! Batches as JSON, the form that OData 4.01 adds.
//!
//! A change set is a run of requests with the same `atomicityGroup`. Bodies of a JSON media type
//! stand as JSON, other text as a string, and what is not text as base64url.

use base64::Engine as _;
use serde_json::{Map, Value};

use super::{
    BatchRequest, BatchResponse, PartRequest, PartResponse, RequestPart, ResponsePart, find,
};
use crate::literal::BASE64;
use crate::payload::{PayloadError, object};

impl BatchRequest {
    /// Reads a batch of `application/json`.
    ///
    /// ```
    /// use duet_odata::batch::{BatchRequest, RequestPart};
    ///
    /// let batch = BatchRequest::from_json(
    ///     br#"{"requests":[{"id":"1","method":"post","url":"accounts","body":{"name":"A"}},
    ///          {"id":"2","method":"get","url":"$1","dependsOn":["1"]}]}"#,
    /// )?;
    /// let RequestPart::Single(first) = &batch.parts[0] else { unreachable!() };
    /// assert_eq!((first.method.as_str(), first.body.as_slice()), ("POST", br#"{"name":"A"}"#.as_slice()));
    /// # Ok::<(), duet_odata::payload::PayloadError>(())
    /// ```
    pub fn from_json(body: &[u8]) -> Result<Self, PayloadError> {
        let mut parts: Vec<RequestPart> = Vec::new();
        let mut open_group: Option<String> = None;
        for mut members in list(body, "requests")? {
            let group = take_text(&mut members, "atomicityGroup");
            let request = request(members)?;
            match (parts.last_mut(), &group) {
                (Some(RequestPart::ChangeSet(requests)), Some(_)) if open_group == group => {
                    requests.push(request);
                }
                (_, Some(_)) => parts.push(RequestPart::ChangeSet(vec![request])),
                (_, None) => parts.push(RequestPart::Single(request)),
            }
            open_group = group;
        }
        Ok(Self { parts })
    }

    /// The batch as JSON. Requests without an id get one, since the form demands it.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut ids = Ids::new(self.parts.iter().flat_map(|part| match part {
            RequestPart::Single(request) => std::slice::from_ref(request),
            RequestPart::ChangeSet(requests) => requests.as_slice(),
        }));
        let mut requests = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                RequestPart::Single(request) => {
                    requests.push(request_json(request, None, &mut ids));
                }
                RequestPart::ChangeSet(grouped) => {
                    let group = format!("g{}", index + 1);
                    for request in grouped {
                        requests.push(request_json(request, Some(&group), &mut ids));
                    }
                }
            }
        }
        Map::from_iter([("requests".to_owned(), Value::Array(requests))])
    }
}

impl BatchResponse {
    /// Reads a batch's response of `application/json`.
    pub fn from_json(body: &[u8]) -> Result<Self, PayloadError> {
        let mut parts: Vec<ResponsePart> = Vec::new();
        let mut open_group: Option<String> = None;
        for mut members in list(body, "responses")? {
            let group = take_text(&mut members, "atomicityGroup");
            let response = response(members)?;
            match (parts.last_mut(), &group) {
                (Some(ResponsePart::ChangeSet(responses)), Some(_)) if open_group == group => {
                    responses.push(response);
                }
                (_, Some(_)) => parts.push(ResponsePart::ChangeSet(vec![response])),
                (_, None) => parts.push(ResponsePart::Single(response)),
            }
            open_group = group;
        }
        Ok(Self { parts })
    }

    /// The response as JSON; its parts carry the ids of their requests.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut responses = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                ResponsePart::Single(response) => responses.push(response_json(response, None)),
                ResponsePart::ChangeSet(grouped) => {
                    let group = format!("g{}", index + 1);
                    for response in grouped {
                        responses.push(response_json(response, Some(&group)));
                    }
                }
            }
        }
        Map::from_iter([("responses".to_owned(), Value::Array(responses))])
    }
}

/// The objects of the one list that the body holds.
fn list(body: &[u8], name: &'static str) -> Result<Vec<Map<String, Value>>, PayloadError> {
    let missing = || PayloadError::Shape {
        what: if name == "requests" {
            "has no array `requests`"
        } else {
            "has no array `responses`"
        },
    };
    let Some(Value::Array(values)) = object(body)?.shift_remove(name) else {
        return Err(missing());
    };
    let objects = values.into_iter().map(|value| match value {
        Value::Object(members) => Ok(members),
        _ => Err(PayloadError::Shape {
            what: "holds a part that is not an object",
        }),
    });
    objects.collect()
}

fn take_text(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    match members.shift_remove(name)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn request(mut members: Map<String, Value>) -> Result<PartRequest, PayloadError> {
    let content_id = take_text(&mut members, "id");
    if content_id.is_none() {
        return Err(PayloadError::Shape {
            what: "holds a request without `id`",
        });
    }
    let Some(method) = take_text(&mut members, "method") else {
        return Err(PayloadError::Shape {
            what: "holds a request without `method`",
        });
    };
    let Some(url) = take_text(&mut members, "url") else {
        return Err(PayloadError::Shape {
            what: "holds a request without `url`",
        });
    };
    let headers = headers(&mut members);
    let depends_on = match members.shift_remove("dependsOn") {
        Some(Value::Array(ids)) => ids
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    };
    let body = body_bytes(members.shift_remove("body"), &headers)?;
    let method = method.to_ascii_uppercase();
    Ok(PartRequest {
        content_id,
        method,
        url,
        headers,
        body,
        depends_on,
    })
}

fn response(mut members: Map<String, Value>) -> Result<PartResponse, PayloadError> {
    let content_id = take_text(&mut members, "id");
    let status = members
        .shift_remove("status")
        .and_then(|status| status.as_u64());
    let status = status.and_then(|status| u16::try_from(status).ok());
    let Some(status) = status.filter(|status| (100..600).contains(status)) else {
        return Err(PayloadError::Shape {
            what: "holds a response without a valid `status`",
        });
    };
    let headers = headers(&mut members);
    let body = body_bytes(members.shift_remove("body"), &headers)?;
    Ok(PartResponse {
        content_id,
        status,
        headers,
        body,
    })
}

fn headers(members: &mut Map<String, Value>) -> Vec<(String, String)> {
    let Some(Value::Object(headers)) = members.shift_remove("headers") else {
        return Vec::new();
    };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    headers
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect()
}

/// What a body is, by its media type; JSON where none is given.
enum Media {
    Json,
    Text,
    Binary,
}

fn media(headers: &[(String, String)]) -> Media {
    let Some(content_type) = find(headers, "Content-Type") else {
        return Media::Json;
    };
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if essence.ends_with("/json") || essence.ends_with("+json") {
        Media::Json
    } else if essence.starts_with("text/") {
        Media::Text
    } else {
        Media::Binary
    }
}

fn body_bytes(body: Option<Value>, headers: &[(String, String)]) -> Result<Vec<u8>, PayloadError> {
    match (body, media(headers)) {
        (None | Some(Value::Null), _) => Ok(Vec::new()),
        (Some(Value::String(text)), Media::Text) => Ok(text.into_bytes()),
        (Some(Value::String(text)), Media::Binary) => {
            BASE64
                .decode(text.as_bytes())
                .map_err(|_| PayloadError::Shape {
                    what: "holds a binary body that is not base64url",
                })
        }
        (Some(value), _) => Ok(value.to_string().into_bytes()),
    }
}

/// The body as JSON, if there is one.
fn body_json(body: &[u8], headers: &[(String, String)]) -> Option<Value> {
    if body.is_empty() {
        return None;
    }
    let parsed = match media(headers) {
        Media::Json => serde_json::from_slice(body).ok(),
        Media::Text => std::str::from_utf8(body).ok().map(Value::from),
        Media::Binary => None,
    };
    Some(parsed.unwrap_or_else(|| Value::String(BASE64.encode(body))))
}

/// Hands out ids that no request of the batch has.
struct Ids {
    taken: Vec<String>,
    next: usize,
}

impl Ids {
    fn new<'r>(requests: impl Iterator<Item = &'r PartRequest>) -> Self {
        Self {
            taken: requests
                .filter_map(|request| request.content_id.clone())
                .collect(),
            next: 1,
        }
    }

    fn fresh(&mut self) -> String {
        loop {
            let id = format!("r{}", self.next);
            self.next += 1;
            if !self.taken.contains(&id) {
                return id;
            }
        }
    }
}

fn request_json(request: &PartRequest, group: Option<&str>, ids: &mut Ids) -> Value {
    let mut members = Map::new();
    let id = request.content_id.clone().unwrap_or_else(|| ids.fresh());
    members.insert("id".to_owned(), id.into());
    if let Some(group) = group {
        members.insert("atomicityGroup".to_owned(), group.into());
    }
    if !request.depends_on.is_empty() {
        members.insert("dependsOn".to_owned(), request.depends_on.clone().into());
    }
    members.insert(
        "method".to_owned(),
        request.method.to_ascii_lowercase().into(),
    );
    members.insert("url".to_owned(), request.url.clone().into());
    finish(members, &request.headers, &request.body)
}

fn response_json(response: &PartResponse, group: Option<&str>) -> Value {
    let mut members = Map::new();
    if let Some(id) = &response.content_id {
        members.insert("id".to_owned(), id.clone().into());
    }
    if let Some(group) = group {
        members.insert("atomicityGroup".to_owned(), group.into());
    }
    members.insert("status".to_owned(), response.status.into());
    finish(members, &response.headers, &response.body)
}

fn finish(mut members: Map<String, Value>, headers: &[(String, String)], body: &[u8]) -> Value {
    if !headers.is_empty() {
        let lower = headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), Value::String(value.clone())));
        members.insert("headers".to_owned(), Value::Object(lower.collect()));
    }
    if let Some(body) = body_json(body, headers) {
        members.insert("body".to_owned(), body);
    }
    Value::Object(members)
}
