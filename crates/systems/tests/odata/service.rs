//! A small OData service in memory, whose manners can be made as bad as any.

use crate::stand_in::{ImpatientClock, columns};
use axum::body::{Body, Bytes};
use axum::extract::State as Handle;
use axum::http::{Request, Response};
use duet_map::record::{Record, RecordId};
use duet_map::value::Row;
use duet_systems::{
    Auth, Cursor, OData, ODataConfig, SnapshotRequest, System, SystemError, Write, Written,
};
use jiff::{SignedDuration, Timestamp};
use odata::Literal;
use odata::batch::{
    BatchRequest, BatchResponse, PartRequest, PartResponse, RequestPart, ResponsePart,
};
use odata::expr::{self, Collation, Properties};
use odata::url::{KeyPredicate, KeyValue, decode_path, decode_query};
use serde_json::{Map, Value as Json, json};
use std::sync::{Arc, Mutex};

const METADATA: &str = r#"<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="s" xmlns="http://docs.oasis-open.org/odata/ns/edm">
<EntityType Name="Item"><Key><PropertyRef Name="Code"/></Key>
<Property Name="Code" Type="Edm.String" Nullable="false"/><Property Name="Name" Type="Edm.String"/>
<Property Name="Amount" Type="Edm.Decimal" Precision="28" Scale="4"/><Property Name="Big" Type="Edm.Int64"/>
<Property Name="modifiedAt" Type="Edm.DateTimeOffset" Precision="3"/></EntityType>
<EntityType Name="Number"><Key><PropertyRef Name="Id"/></Key><Property Name="Id" Type="Edm.Int32" Nullable="false"/>
<Property Name="Name" Type="Edm.String"/></EntityType>
<EntityContainer Name="C"><EntitySet Name="Items" EntityType="s.Item"/><EntitySet Name="Numbers" EntityType="s.Number"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"#;

/// What `$batch` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BatchManners {
    /// It takes links of both forms.
    #[default]
    Works,
    /// It takes links that begin at the host, and no others.
    FromHost,
    /// There is none.
    Missing,
    /// The connection breaks before anything is carried out.
    DropsBefore,
    /// The connection breaks after everything was carried out.
    DropsAfter,
}

/// How the service behaves.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub(crate) struct Manners {
    pub(crate) batch: BatchManners,
    pub(crate) ignores_if_match: bool,
    pub(crate) ignores_if_none_match: bool,
    /// 428 without `If-Match`, and with `*` too.
    pub(crate) demands_versions: bool,
    pub(crate) upserts: bool,
    /// No versions at all.
    pub(crate) no_etags: bool,
    /// Versions stand in the header of single rows only.
    pub(crate) header_etags: bool,
    /// Rows do not come back after a write.
    pub(crate) minimal: bool,
    pub(crate) ignores_filter: bool,
    pub(crate) ignores_order: bool,
    /// The most rows of a page; what follows is behind an offset.
    pub(crate) page: Option<usize>,
    /// Something that happens between two pages.
    pub(crate) between_pages: Option<fn(&mut Vec<Stored>)>,
    pub(crate) deltas: bool,
    /// Delta pages tell only key and name.
    pub(crate) partial_deltas: bool,
    pub(crate) forgets_deltas: bool,
}

/// A row with its version.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) row: Map<String, Json>,
    pub(crate) version: u64,
}

/// The service's state.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) manners: Manners,
    pub(crate) rows: Vec<Stored>,
    versions: u64,
    /// Keys in the order of their changes; `None` in the second place: deleted.
    log: Vec<(String, bool)>,
    /// Methods and paths of everything that was asked.
    pub(crate) seen: Vec<String>,
    /// `Authorization` headers.
    pub(crate) authorizations: Vec<String>,
}

/// The service and a connector to it.
pub(crate) struct House {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) clock: ImpatientClock,
    pub(crate) odata: OData,
}

pub(crate) async fn house(manners: Manners) -> House {
    house_with(manners, |_| ()).await
}

pub(crate) async fn house_with(manners: Manners, change: impl FnOnce(&mut ODataConfig)) -> House {
    let state = Arc::new(Mutex::new(State {
        manners,
        ..State::default()
    }));
    let app = axum::Router::new()
        .fallback(answer)
        .with_state(Arc::clone(&state));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let url = format!("http://{}/root", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let clock = ImpatientClock::default();
    let mut config = ODataConfig::new("service", url.parse().unwrap(), Auth::None);
    config.page_size = 4;
    change(&mut config);
    let odata = config.build_with(clock.timing()).unwrap();
    House {
        state,
        clock,
        odata,
    }
}

impl House {
    /// Writes past the connector, as the service's own users do.
    pub(crate) fn put(&self, code: &str, name: &str) {
        self.state.lock().unwrap().put(code, name);
    }

    pub(crate) fn remove(&self, code: &str) {
        self.state.lock().unwrap().remove(code);
    }

    /// Codes and names of all rows, sorted.
    pub(crate) fn rows(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let text = |row: &Map<String, Json>, name: &str| {
            row.get(name)
                .and_then(Json::as_str)
                .unwrap_or("-")
                .to_owned()
        };
        let mut rows: Vec<String> = state
            .rows
            .iter()
            .map(|stored| {
                format!(
                    "{} {}",
                    text(&stored.row, "Code"),
                    text(&stored.row, "Name")
                )
            })
            .collect();
        rows.sort();
        rows
    }

    pub(crate) async fn write(&self, writes: Vec<Write>) -> Vec<Result<Written, SystemError>> {
        self.odata.write("Items", &all_columns(), writes).await
    }

    pub(crate) async fn write_one(&self, write: Write) -> Result<Written, SystemError> {
        self.write(vec![write]).await.pop().unwrap()
    }

    pub(crate) async fn fetch(&self, code: &str) -> Result<Option<Record>, SystemError> {
        let fetched = self.odata.fetch("Items", &all_columns(), &[id(code)]).await;
        fetched.map(|mut records| records.pop().unwrap())
    }

    /// Reads a table whole: its records, and from where changes are to be read.
    pub(crate) async fn snapshot(
        &self,
        table: &str,
    ) -> Result<(Vec<Record>, Option<Cursor>), SystemError> {
        let mut request = SnapshotRequest {
            table: table.to_owned(),
            columns: columns(&["Name"]),
            companies: Vec::new(),
            after: None,
        };
        let mut records = Vec::new();
        // More pages than any honest read has.
        for _ in 0..100 {
            let page = self.odata.snapshot(&request).await?;
            records.extend(page.records);
            request.after = page.next;
            if request.after.is_none() {
                return Ok((records, page.changes_from));
            }
        }
        panic!("the read does not end");
    }
}

pub(crate) fn all_columns() -> Vec<String> {
    columns(&["Code", "Name", "Amount", "Big"])
}

pub(crate) fn id(code: &str) -> RecordId {
    RecordId(Literal::from(code).to_string())
}

pub(crate) fn item(code: &str, name: &str) -> Row {
    Row::new().with("Code", code).with("Name", name)
}

pub(crate) fn create(code: &str, name: &str) -> Write {
    Write::Create {
        id: None,
        row: item(code, name),
    }
}

pub(crate) fn stored(written: Result<Written, SystemError>) -> Record {
    match written.unwrap() {
        Written::Stored(record) => *record,
        Written::Deleted => panic!("deleted instead of stored"),
    }
}

impl State {
    fn put(&mut self, code: &str, name: &str) {
        let mut row = Map::new();
        row.insert("Name".into(), name.into());
        self.merge(code, row);
    }

    fn remove(&mut self, code: &str) {
        self.rows.retain(|stored| stored.row["Code"] != code);
        self.log.push((code.to_owned(), false));
    }

    fn find(&self, code: &str) -> Option<&Stored> {
        self.rows.iter().find(|stored| stored.row["Code"] == code)
    }

    fn merge(&mut self, code: &str, values: Map<String, Json>) {
        self.versions += 1;
        let version = self.versions;
        // Every write a millisecond later than the last.
        let at = Timestamp::now() - SignedDuration::from_secs(1)
            + SignedDuration::from_millis(i64::try_from(version).unwrap());
        if self.find(code).is_none() {
            let empty = json!({"Code": code, "Name": null, "Amount": null, "Big": null});
            self.rows.push(Stored {
                row: empty.as_object().unwrap().clone(),
                version,
            });
        }
        let mut rows = self.rows.iter_mut();
        let stored = rows.find(|stored| stored.row["Code"] == code).unwrap();
        stored.row.extend(values);
        stored.version = version;
        stored
            .row
            .insert("modifiedAt".into(), format!("{at:.3}").into());
        self.log.push((code.to_owned(), true));
    }

    /// Answers one request, whichever way it travelled.
    fn respond(
        &mut self,
        method: &str,
        link: &str,
        headers: &Headers,
        body: &[u8],
    ) -> PartResponse {
        self.seen.push(format!("{method} {link}"));
        let (path, query) = link.split_once('?').unwrap_or((link, ""));
        let path = decode_path(path).unwrap();
        if path == "$metadata" {
            return PartResponse::new(200).with_body(METADATA);
        }
        if path == "delta" {
            return self.delta(query);
        }
        match path.split_once('(') {
            Some(("Items", key)) => self.record(method, key.trim_end_matches(')'), headers, body),
            None if path == "Items" && method == "POST" => self.create(body),
            None if path == "Items" || path == "Numbers" => self.page(&path, query, headers),
            _ => refuse(404, "Invalid resource path"),
        }
    }

    fn create(&mut self, body: &[u8]) -> PartResponse {
        let row: Map<String, Json> = serde_json::from_slice(body).unwrap();
        let code = row["Code"].as_str().unwrap().to_owned();
        if self.find(&code).is_some() {
            return refuse(400, "UNIQUE constraint failed: Items.Code");
        }
        self.merge(&code, row);
        self.written(201, &code)
    }

    fn record(&mut self, method: &str, key: &str, headers: &Headers, body: &[u8]) -> PartResponse {
        let KeyPredicate::Single(KeyValue::Literal(Literal::String(code))) =
            KeyPredicate::parse(key).unwrap()
        else {
            return refuse(400, "no such key");
        };
        let version = self.find(&code).map(|stored| stored.version);
        if method == "GET" {
            return match version {
                Some(_) => self.row(200, &code),
                None => refuse(404, "Not Found"),
            };
        }
        let manners = self.manners.clone();
        let if_match = headers.get("if-match");
        if manners.demands_versions && if_match.is_none_or(|tag| tag == "*") && version.is_some() {
            return refuse(428, "Precondition Required");
        }
        if !manners.ignores_if_match
            && let Some(tag) = if_match
        {
            let holds = version.is_some_and(|v| tag == "*" || tag == format!("W/\"{v}\""));
            if !holds {
                return refuse(412, "Precondition Failed");
            }
        }
        if !manners.ignores_if_none_match
            && headers.get("if-none-match") == Some("*")
            && version.is_some()
        {
            return refuse(412, "Precondition Failed");
        }
        match method {
            "DELETE" if version.is_some() => {
                self.remove(&code);
                PartResponse::new(204)
            }
            "PATCH" | "PUT" if version.is_some() || manners.upserts => {
                self.merge(&code, serde_json::from_slice(body).unwrap());
                self.written(if version.is_some() { 200 } else { 201 }, &code)
            }
            _ => refuse(404, "Not Found"),
        }
    }

    fn written(&self, status: u16, code: &str) -> PartResponse {
        if self.manners.minimal {
            let key = decode_path(code).unwrap();
            return PartResponse::new(204).with_header("OData-EntityId", format!("Items('{key}')"));
        }
        self.row(status, code)
    }

    fn row(&self, status: u16, code: &str) -> PartResponse {
        let stored = self.find(code).unwrap();
        let response =
            PartResponse::new(status).with_body(Json::Object(self.shown(stored)).to_string());
        if self.manners.no_etags {
            response
        } else {
            response.with_header("ETag", format!("W/\"{}\"", stored.version))
        }
    }

    fn shown(&self, stored: &Stored) -> Map<String, Json> {
        let mut row = stored.row.clone();
        if !self.manners.no_etags && !self.manners.header_etags {
            row.insert(
                "@odata.etag".into(),
                format!("W/\"{}\"", stored.version).into(),
            );
        }
        row
    }

    fn page(&mut self, set: &str, query: &str, headers: &Headers) -> PartResponse {
        let option = |name: &str| {
            let mut options = query.split('&').filter_map(|option| option.split_once('='));
            let (_, value) = options.find(|(known, _)| *known == name)?;
            Some(decode_query(value).unwrap())
        };
        let tracks = self.manners.deltas
            && headers
                .get("prefer")
                .is_some_and(|prefer| prefer.contains("track-changes"));
        let mut rows: Vec<Stored> = self.rows.clone();
        if let Some(filter) = option("$filter").filter(|_| !self.manners.ignores_filter) {
            let filter = expr::parse(&filter).unwrap();
            rows.retain(|stored| expr::matches(&filter, stored, &Collation::default()).unwrap());
        }
        if let Some(order) = option("$orderby").filter(|_| !self.manners.ignores_order) {
            let place = |stored: &Stored| -> Vec<String> {
                order
                    .split(',')
                    .map(|name| padded(&stored.row[name]))
                    .collect()
            };
            rows.sort_by_key(place);
        }
        let number = |name: &str| option(name).and_then(|text| text.parse::<usize>().ok());
        let skip = number("$skiptoken").unwrap_or(0);
        let top = number("$top").unwrap_or(usize::MAX);
        let size = self.manners.page.unwrap_or(usize::MAX).min(top);
        let total = rows.len();
        let value: Vec<Json> = rows
            .iter()
            .skip(skip)
            .take(size)
            .map(|stored| Json::Object(self.shown(stored)))
            .collect();
        let mut body = json!({"value": value});
        if skip + size < total.min(top) {
            body["@odata.nextLink"] = format!("{set}?$skiptoken={}", skip + size).into();
        } else if tracks {
            body["@odata.deltaLink"] = format!("delta?{}", self.log.len()).into();
        }
        if let Some(happens) = self.manners.between_pages {
            happens(&mut self.rows);
        }
        PartResponse::new(200).with_body(body.to_string())
    }

    fn delta(&self, since: &str) -> PartResponse {
        if self.manners.forgets_deltas {
            return refuse(410, "Gone");
        }
        let news = &self.log[since.parse::<usize>().unwrap()..];
        let value: Vec<Json> = news
            .iter()
            .map(|(code, _)| match self.find(code) {
                Some(stored) if self.manners.partial_deltas => {
                    json!({"Code": code, "Name": stored.row["Name"]})
                }
                Some(stored) => Json::Object(self.shown(stored)),
                None => json!({"@odata.context": "$metadata#Items/$deletedEntity",
                    "id": format!("Items('{code}')"), "reason": "deleted"}),
            })
            .collect();
        let body = json!({"value": value, "@odata.deltaLink": format!("delta?{}", self.log.len())});
        PartResponse::new(200).with_body(body.to_string())
    }

    fn batch(&mut self, content_type: &str, body: &[u8]) -> PartResponse {
        let batch = BatchRequest::decode(content_type, body).unwrap();
        let mut respond = |request: PartRequest| {
            let link = match request.url.strip_prefix("/root/") {
                Some(link) => link,
                None if self.manners.batch == BatchManners::FromHost => "Nothing",
                None => &request.url,
            };
            let headers = Headers(request.headers.clone());
            self.respond(&request.method, link, &headers, &request.body)
        };
        let parts = batch
            .parts
            .into_iter()
            .flat_map(|part| match part {
                RequestPart::Single(request) => vec![request],
                RequestPart::ChangeSet(requests) => requests,
            })
            .map(|request| ResponsePart::Single(respond(request)))
            .collect();
        let encoded = BatchResponse { parts }.encode("1");
        PartResponse::new(200)
            .with_header("Content-Type", encoded.content_type)
            .with_body(encoded.body)
    }
}

/// Request headers by name.
struct Headers(Vec<(String, String)>);

impl Headers {
    fn get(&self, name: &str) -> Option<&str> {
        let mut named = self
            .0
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next_back().map(|(_, value)| value.as_str())
    }
}

impl Properties for Stored {
    fn get(&self, path: &str) -> Option<Literal> {
        Some(match self.row.get(path)? {
            Json::Null => Literal::Null,
            Json::String(text) if path == "modifiedAt" => {
                Literal::DateTimeOffset(text.parse().unwrap())
            }
            Json::String(text) if path == "Amount" || path == "Big" => {
                Literal::parse(text).unwrap()
            }
            Json::String(text) => Literal::String(text.clone()),
            number => Literal::parse(&number.to_string()).unwrap(),
        })
    }
}

/// A value in a form that sorts as text.
fn padded(json: &Json) -> String {
    match json {
        Json::Number(number) => format!("{:0>12}", number.to_string()),
        Json::String(text) => text.clone(),
        _ => String::new(),
    }
}

fn refuse(status: u16, message: &str) -> PartResponse {
    let body = json!({"error": {"code": status.to_string(), "message": message}});
    PartResponse::new(status).with_body(body.to_string())
}

async fn answer(
    Handle(state): Handle<Arc<Mutex<State>>>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let headers = Headers(
        parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
    );
    let mut state = state.lock().unwrap();
    state
        .authorizations
        .extend(headers.get("authorization").map(str::to_owned));
    let link = parts.uri.path_and_query().unwrap().as_str();
    let link = link.strip_prefix("/root/").unwrap_or("Nothing");
    let response = match (link, state.manners.batch) {
        ("$batch", BatchManners::Missing) => refuse(404, "Not Found"),
        ("$batch", BatchManners::DropsBefore) => return broken(),
        ("$batch", manners) => {
            let response = state.batch(headers.get("content-type").unwrap(), &body);
            if manners == BatchManners::DropsAfter {
                return broken();
            }
            response
        }
        _ => state.respond(parts.method.as_str(), link, &headers, &body),
    };
    let mut built = Response::builder().status(response.status);
    for (name, value) in &response.headers {
        built = built.header(name, value);
    }
    built.body(Body::from(response.body)).unwrap()
}

/// An answer whose connection breaks before its first byte of body.
fn broken() -> Response<Body> {
    let nothing = futures::stream::once(async {
        Err::<Bytes, _>(std::io::Error::other("the connection breaks"))
    });
    Response::new(Body::from_stream(nothing))
}
