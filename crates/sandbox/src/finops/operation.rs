//! One operation on an entity: its address and options read, carried out, answered.
//!
//! It runs inside a [`Session`], so that a request alone, a part of a batch and an operation of a
//! change set are all the same.

use odata::batch::{PartRequest, PartResponse};
use odata::headers::{Prefer, Return};
use odata::url::{
    Arguments, KeyPredicate, KeyValue, OptionNames, QueryOptions, RequestUrl, ResourceSegment,
};
use serde_json::{Map, Value as Json, json};

use super::error::Refused;
use super::session::{Key, Session};
use super::{actions, filter, metadata, read, values, write};
use crate::rows::Value;
use crate::schema::{Entity, FieldKind};

/// The type of JSON answers.
const JSON: &str = "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8";

/// An operation on a row or a collection of an entity.
struct Operation<'a> {
    session: &'a Session<'a>,
    part: &'a PartRequest,
    entity: &'a Entity,
    options: &'a QueryOptions,
    cross_company: bool,
    prefer: Prefer,
    /// `@odata.context` of the collection.
    context: String,
}

/// Runs one operation. `created` holds the addresses behind the Content-IDs of a change set.
pub(super) fn run(
    session: &Session<'_>,
    part: &PartRequest,
    origin: &str,
    created: &[(String, String)],
) -> Result<PartResponse, Refused> {
    let url = resolve_content_id(&part.url, created)?;
    let request = RequestUrl::parse(&url, "/data", OptionNames::Exact)
        .map_err(|error| Refused::request(format!("The URL cannot be read {error}.")))?;
    let options = &request.options;
    let cross_company = options
        .custom
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("cross-company"))
        .is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
    let mut segments = request.path.segments.iter();
    let (name, arguments) = match segments.next() {
        Some(ResourceSegment::Name { name, arguments }) => (name.as_str(), arguments.as_ref()),
        _ => {
            return Err(Refused::NotFound(format!(
                "Nothing answers at '{}'.",
                part.url
            )));
        }
    };
    if name == actions::PLATFORM {
        return platform_action(part, origin, segments.next());
    }
    let entity = session.store.schema.collection(name).ok_or_else(|| {
        Refused::NotFound(format!("Resource not found for the segment '{name}'."))
    })?;
    let rest: Vec<&ResourceSegment> = segments.collect();
    let operation = Operation {
        session,
        part,
        entity,
        options,
        cross_company,
        prefer: prefer(
            part.headers
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case("prefer"))
                .map(|(_, value)| value.as_str()),
        ),
        context: format!("{origin}/data/$metadata#{}", entity.collection),
    };

    match (arguments, rest.as_slice(), part.method.as_str()) {
        (None, [], "GET") => operation.list(&url, origin),
        (None, [ResourceSegment::Count], "GET") => {
            let count = read::count(session, entity, options, cross_company)?;
            Ok(PartResponse::new(200)
                .with_header("Content-Type", "text/plain")
                .with_body(count.to_string()))
        }
        (None, [], "POST") => operation.create(origin),
        (Some(Arguments::Key(predicate)), [], _) => {
            operation.by_key(&key(session, entity, predicate)?)
        }
        (Some(Arguments::Key(predicate)), [ResourceSegment::Name { name, .. }], "POST")
            if actions::name_of(name).is_some() =>
        {
            let key = key(session, entity, predicate)?;
            operation.act(Some(&key), name, origin)
        }
        (None, [ResourceSegment::Name { name, .. }], "POST")
            if actions::name_of(name).is_some() =>
        {
            operation.act(None, name, origin)
        }
        (_, [], method) => Err(Refused::Method(format!(
            "'{method}' is not possible on '{}' without a key.",
            entity.collection
        ))),
        _ => Err(Refused::NotFound(format!(
            "Nothing answers at '{}'.",
            part.url
        ))),
    }
}

/// Calls an action of the platform itself.
fn platform_action(
    part: &PartRequest,
    origin: &str,
    segment: Option<&ResourceSegment>,
) -> Result<PartResponse, Refused> {
    let name = match segment {
        Some(ResourceSegment::Name { name, .. }) if part.method == "POST" => actions::name_of(name),
        _ => None,
    };
    let value = name
        .and_then(actions::platform)
        .ok_or_else(|| Refused::NotFound(format!("Nothing answers at '{}'.", part.url)))?;
    let context = format!("{origin}/data/$metadata#Edm.String");
    Ok(json_part(
        200,
        &json!({"@odata.context": context, "value": value}),
    ))
}

impl Operation<'_> {
    fn act(&self, key: Option<&Key>, name: &str, origin: &str) -> Result<PartResponse, Refused> {
        if key.is_some_and(|key| self.hides(key)) {
            return Err(Refused::NothingToUpdate);
        }
        let sent = if self.part.body.trim_ascii().is_empty() {
            Map::new()
        } else {
            object(&self.part.body)?
        };
        let name = actions::name_of(name).unwrap_or(name);
        let context = format!("{origin}/data/$metadata");
        let answer = actions::call(self.session, self.entity, key, name, &sent, &context)?;
        Ok(match answer {
            Some(body) => json_part(200, &body),
            None => PartResponse::new(204),
        })
    }

    fn list(&self, url: &str, origin: &str) -> Result<PartResponse, Refused> {
        let size = self
            .prefer
            .max_page_size
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(usize::MAX)
            .min(self.session.settings.page_size);
        let target = match url.find("/data") {
            Some(at) => format!("{origin}{}", &url[at..]),
            None => format!("{origin}/data/{}", url.trim_start_matches('/')),
        };
        let context = format!("{}{}", self.context, read::selection(self.options));
        let page = read::Page {
            options: self.options,
            cross_company: self.cross_company,
            size,
            url: &target,
            context: &context,
        };
        Ok(json_part(200, &page.read(self.session, self.entity)?))
    }

    fn create(&self, origin: &str) -> Result<PartResponse, Refused> {
        let Self {
            session, entity, ..
        } = *self;
        let row = write::create(session, entity, &object(&self.part.body)?)?;
        let location = address(entity, &row.key(entity));
        let minimal =
            session.settings.minimal_create && self.prefer.returns == Some(Return::Minimal);
        let answer = if minimal {
            PartResponse::new(204)
        } else {
            single_part(201, &self.context, row.json(session.store, entity))
        };
        Ok(self
            .applied(answer)
            .with_header("Location", format!("{origin}/data/{location}"))
            .with_header("ETag", row.etag()))
    }

    fn by_key(&self, key: &Key) -> Result<PartResponse, Refused> {
        let Self {
            session, entity, ..
        } = *self;
        let if_match = self.part.header("If-Match").filter(|tag| *tag != "null");
        match self.part.method.as_str() {
            "GET" => {
                if self.hides(key) {
                    return Err(read::no_row(session, entity));
                }
                let (row, object) = read::single(session, entity, key, self.options)?;
                let known = self.part.header("If-None-Match");
                if known.is_some_and(|tag| tag == row.etag()) {
                    return Ok(PartResponse::new(304));
                }
                let context = format!("{}{}", self.context, read::selection(self.options));
                Ok(single_part(200, &context, object).with_header("ETag", row.etag()))
            }
            method @ ("PATCH" | "MERGE" | "PUT") => {
                if self.hides(key) {
                    return Err(Refused::NothingToUpdate);
                }
                let body = object(&self.part.body)?;
                let row = write::update(session, entity, key, &body, method == "PUT", if_match)?;
                let answer = if self.prefer.returns == Some(Return::Representation) {
                    single_part(200, &self.context, row.json(session.store, entity))
                } else {
                    PartResponse::new(204)
                };
                Ok(self.applied(answer).with_header("ETag", row.etag()))
            }
            "DELETE" => {
                if self.hides(key) {
                    return Err(Refused::NothingToUpdate);
                }
                write::delete(session, entity, key, if_match)?;
                Ok(PartResponse::new(204))
            }
            other => Err(Refused::Method(format!(
                "'{other}' is not possible on a row."
            ))),
        }
    }

    /// Whether the row belongs to a company that is not there without `cross-company=true`.
    fn hides(&self, key: &Key) -> bool {
        let own = &self.session.user.company;
        self.entity.per_company
            && !self.cross_company
            && key.iter().any(|(name, value)| {
                name == write::COMPANY
                    && !matches!(value, Value::Text(company) if company.eq_ignore_ascii_case(own))
            })
    }

    fn applied(&self, answer: PartResponse) -> PartResponse {
        match self.prefer.returns {
            Some(Return::Representation) => {
                answer.with_header("Preference-Applied", "return=representation")
            }
            Some(Return::Minimal) if answer.status == 204 => {
                answer.with_header("Preference-Applied", "return=minimal")
            }
            _ => answer,
        }
    }
}

/// Replaces `$1` at the front of a URL by the address of the row that operation created.
fn resolve_content_id(url: &str, created: &[(String, String)]) -> Result<String, Refused> {
    let Some(reference) = url.trim_start_matches('/').strip_prefix('$') else {
        return Ok(url.to_owned());
    };
    let end = reference.find(['/', '?']).unwrap_or(reference.len());
    let (id, rest) = reference.split_at(end);
    created
        .iter()
        .find(|(known, _)| known == id)
        .map(|(_, location)| format!("{location}{rest}"))
        .ok_or_else(|| {
            Refused::request(format!(
                "Content-ID Reference: '${id}' does not exist in the batch context."
            ))
        })
}

/// The key of a row from its URL; all key fields must be there.
fn key(session: &Session<'_>, entity: &Entity, predicate: &KeyPredicate) -> Result<Key, Refused> {
    let incomplete = || {
        Refused::request(format!(
            "The key in the request URI is not valid for resource \
             'Microsoft.Dynamics.DataEntities.{}'. Ensure that the names and number of key \
             properties match the declared keys: {}.",
            entity.name,
            entity.keys.join(", ")
        ))
    };
    let given: Vec<(&str, &KeyValue)> = match predicate {
        KeyPredicate::Single(value) if entity.keys.len() == 1 => {
            vec![(entity.keys[0].as_str(), value)]
        }
        KeyPredicate::Single(_) => return Err(incomplete()),
        KeyPredicate::Named(columns) => columns
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect(),
    };
    if given.len() != entity.keys.len() {
        return Err(incomplete());
    }
    entity
        .keys
        .iter()
        .map(|name| {
            let value = given
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| *value);
            let (Some(KeyValue::Literal(literal)), Some(field)) = (value, entity.field(name))
            else {
                return Err(incomplete());
            };
            let qualified = matches!(literal, odata::Literal::Enum { .. });
            if matches!(field.kind, FieldKind::Enum { .. }) && !qualified {
                return Err(incomplete());
            }
            let json = filter::json(literal);
            let value = match (&field.kind, &json) {
                // A text that is too long for the field is no error here: it is not found.
                (FieldKind::String { .. }, Json::String(text)) => {
                    Value::Text(text.trim_end_matches(' ').to_owned())
                }
                _ => values::read(
                    &session.store.schema,
                    session.settings,
                    entity,
                    field,
                    &json,
                )?,
            };
            Ok((name.clone(), value))
        })
        .collect()
}

/// The address of a row below the service root.
pub(super) fn address(entity: &Entity, key: &Key) -> String {
    let pairs: Vec<String> = key
        .iter()
        .map(|(name, value)| {
            let literal = match (entity.field(name).map(|field| &field.kind), value) {
                (Some(FieldKind::Enum { name }), Value::Text(symbol)) => {
                    format!("{}.{name}'{symbol}'", metadata::NAMESPACE)
                }
                (
                    Some(
                        FieldKind::Date
                        | FieldKind::UtcDateTime
                        | FieldKind::Real
                        | FieldKind::Guid,
                    ),
                    Value::Text(text),
                ) => text.clone(),
                (_, Value::Text(text)) => {
                    format!("'{}'", odata::url::encode_path(&text.replace('\'', "''")))
                }
                (_, Value::Integer(number)) => number.to_string(),
                _ => "null".to_owned(),
            };
            format!("{name}={literal}")
        })
        .collect();
    format!("{}({})", entity.collection, pairs.join(","))
}

/// The JSON object of a body; a byte order mark is skipped.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Json>, Refused> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match serde_json::from_slice(body) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(Refused::request("The body must be one JSON object.")),
        Err(error) => Err(Refused::request(format!("The body is no JSON: {error}."))),
    }
}

/// The preferences of all headers together.
pub(super) fn prefer<'h>(headers: impl Iterator<Item = &'h str>) -> Prefer {
    let mut prefer = Prefer::default();
    for header in headers {
        prefer.add(header);
    }
    prefer
}

/// An answer with a JSON body.
pub(super) fn json_part(status: u16, body: &Json) -> PartResponse {
    PartResponse::new(status)
        .with_header("Content-Type", JSON)
        .with_header("OData-Version", "4.0")
        .with_body(body.to_string())
}

fn single_part(status: u16, context: &str, row: Map<String, Json>) -> PartResponse {
    let mut body = Map::new();
    body.insert(
        "@odata.context".to_owned(),
        json!(format!("{context}/$entity")),
    );
    body.extend(row);
    json_part(status, &Json::Object(body))
}
