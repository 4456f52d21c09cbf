//! Files and pictures of rows: uploads whole or in pieces, downloads whole or in ranges, removal.
//!
//! A file lies beside the rows; its column holds its id, a second column its name. A picture is its
//! column's value itself, in base64. What the reference does not tell is as Microsoft's own Python
//! client expects it.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::json;
use uuid::Uuid;

use super::address::Segment;
use super::errors::{ApiError, ApiResult};
use super::model::Table;
use super::session::{Call, Reply, ReplyBody, Session};
use super::write::change_row;
use crate::rows::Value;
use crate::schema::{Column, ColumnKind};

/// The size of a piece that clients are told to send.
const PIECE: usize = 4 * 1024 * 1024;

/// The column beside a file column that holds the file's name.
pub(super) fn name_column(column: &str) -> String {
    format!("{column}_name")
}

/// Whether a column holds a file or a picture.
pub(super) fn is_file(column: &Column) -> bool {
    matches!(
        column.kind,
        ColumnKind::File { .. } | ColumnKind::Image { .. }
    )
}

/// Answers a request to a file column of a row; nothing where it is one like any other column's.
pub(super) fn answer(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    column: &Column,
    rest: &[Segment],
) -> ApiResult<Option<Reply>> {
    match (&call.method, rest) {
        (&Method::PATCH | &Method::PUT, []) if !sends_json(call) => {
            upload(session, call, table, id, column).map(Some)
        }
        (&Method::DELETE, []) => {
            store(session, call, table, id, column, None)?;
            Ok(Some(Reply::no_content()))
        }
        (&Method::GET, [one]) if one.name == "$value" => {
            let found = download(session, call, table, id, column)?;
            Ok(Some(found.map_or_else(Reply::no_content, Download::plain)))
        }
        // As a property, the content is a JSON value in base64.
        (&Method::GET, []) => {
            let address = format!("{}({id})/{}", table.set(), column.name);
            let found = download(session, call, table, id, column)?;
            let found = found.map(|found| found.json(&call.root, &address));
            Ok(Some(found.unwrap_or_else(Reply::no_content)))
        }
        _ => Ok(None),
    }
}

/// A property's value may be put as JSON too, as for any column.
fn sends_json(call: &Call) -> bool {
    call.method == Method::PUT
        && header(call, "content-type").is_some_and(|kind| kind.starts_with("application/json"))
}

fn header<'c>(call: &'c Call, name: &str) -> Option<&'c str> {
    call.headers.get(name).and_then(|value| value.to_str().ok())
}

fn option<'c>(call: &'c Call, name: &str) -> Option<&'c str> {
    let given = call.options.given.iter();
    given
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .next()
}

fn upload(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    column: &Column,
) -> ApiResult<Reply> {
    let name = header(call, "x-ms-file-name")
        .map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned())
        .or_else(|| option(call, "x-ms-file-name").map(str::to_owned));
    let token = option(call, "sessiontoken");
    // Some clients repeat the header with every piece; the token tells that the upload has begun.
    if token.is_none() && header(call, "x-ms-transfer-mode") == Some("chunked") {
        if !session.exists(table, id)? {
            return Err(ApiError::no_record(table.name(), id));
        }
        let token = Uuid::new_v4();
        let file_name = super::address::encode_option(name.as_deref().unwrap_or("file"));
        let location = format!(
            "{}/{}({id})/{}?sessiontoken={token}&x-ms-file-name={file_name}",
            call.root,
            table.set(),
            column.name
        );
        return Ok(Reply::empty(StatusCode::OK)
            .with_header("Location", location)
            .with_header("x-ms-chunk-size", PIECE.to_string())
            .with_header("Accept-Ranges", "bytes"));
    }
    let kind = header(call, "content-type").unwrap_or("application/octet-stream");
    let Some(token) = token else {
        let file = NewFile {
            name: name.unwrap_or_else(|| "file".into()),
            kind: kind.into(),
            content: call.body.to_vec(),
        };
        store(session, call, table, id, column, Some(file))?;
        return Ok(Reply::no_content());
    };
    let (from, to, total) = header(call, "content-range")
        .and_then(content_range)
        .filter(|(from, to, _)| (to + 1).checked_sub(*from) == Some(call.body.len()))
        .ok_or_else(|| {
            ApiError::malformed("A piece of a file needs a Content-Range that fits its body.")
        })?;
    let piece = [
        Value::Text(format!("{token} {from:020}")),
        Value::Text(token.into()),
        Value::Blob(call.body.to_vec()),
    ];
    session.tx.execute(
        "INSERT OR REPLACE INTO _files (id, owner, name, type, content) VALUES (?, ?, '', '', ?)",
        &piece,
    )?;
    if to + 1 < total {
        return Ok(Reply::empty(StatusCode::PARTIAL_CONTENT));
    }
    let owner = [Value::Text(token.into())];
    let pieces = session.tx.query(
        "SELECT content FROM _files WHERE owner = ? ORDER BY id",
        &owner,
    )?;
    let mut content = Vec::with_capacity(total);
    for piece in pieces.into_iter().flatten() {
        if let Value::Blob(bytes) = piece {
            content.extend(bytes);
        }
    }
    session
        .tx
        .execute("DELETE FROM _files WHERE owner = ?", &owner)?;
    if content.len() != total {
        return Err(ApiError::malformed(format!(
            "Of {total} bytes only {} have been uploaded.",
            content.len()
        )));
    }
    let file = NewFile {
        name: name.unwrap_or_else(|| "file".into()),
        kind: "application/octet-stream".into(),
        content,
    };
    store(session, call, table, id, column, Some(file))?;
    Ok(Reply::no_content())
}

/// `bytes 0-99/1000`
fn content_range(text: &str) -> Option<(usize, usize, usize)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (from, to) = range.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()?, total.parse().ok()?))
}

struct NewFile {
    name: String,
    kind: String,
    content: Vec<u8>,
}

/// Puts a file into a column, or takes the one away that is there.
fn store(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    column: &Column,
    file: Option<NewFile>,
) -> ApiResult<()> {
    let before = session
        .whole_row(table, id)?
        .ok_or_else(|| ApiError::no_record(table.name(), id))?;
    let limit = match column.kind {
        ColumnKind::File { max_kilobytes } | ColumnKind::Image { max_kilobytes } => max_kilobytes,
        _ => u32::MAX,
    };
    if let Some(file) = &file
        && file.content.len() > limit as usize * 1024
    {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "0x80044a02",
            format!(
                "The file is larger than the {limit} kilobytes that the column '{}' takes.",
                column.name
            ),
        ));
    }
    let mut values = BTreeMap::new();
    if matches!(column.kind, ColumnKind::Image { .. }) {
        let picture = file.map(|file| Value::Text(STANDARD.encode(file.content)));
        values.insert(column.name.clone(), picture.unwrap_or(Value::Null));
    } else {
        if let Some(earlier) = before.text(&column.name) {
            forget(session, earlier)?;
        }
        let (file_id, name) = match file {
            Some(file) => {
                let file_id = Uuid::new_v4().to_string();
                session.tx.execute(
                    "INSERT INTO _files (id, owner, name, type, content) VALUES (?, ?, ?, ?, ?)",
                    &[
                        Value::Text(file_id.clone()),
                        Value::Text(id.into()),
                        Value::Text(file.name.clone()),
                        Value::Text(file.kind),
                        Value::Blob(file.content),
                    ],
                )?;
                (Value::Text(file_id), Value::Text(file.name))
            }
            None => (Value::Null, Value::Null),
        };
        values.insert(column.name.clone(), file_id);
        let name_column = name_column(&column.name);
        if table.column(&name_column).is_some() {
            values.insert(name_column, name);
        }
    }
    change_row(session, call, table, &before, values)
}

fn forget(session: &Session<'_>, file: &str) -> ApiResult<()> {
    session.tx.execute(
        "DELETE FROM _files WHERE id = ?",
        &[Value::Text(file.into())],
    )?;
    Ok(())
}

/// Takes away the files of a row that is deleted.
pub(super) fn forget_all(session: &Session<'_>, table: &Table, id: &str) -> ApiResult<()> {
    if table.schema.columns.iter().any(is_file) {
        session.tx.execute(
            "DELETE FROM _files WHERE owner = ?",
            &[Value::Text(id.into())],
        )?;
    }
    Ok(())
}

/// A file, or the range of it that was asked for.
struct Download {
    name: String,
    total: usize,
    /// The first byte, where a range was asked for.
    from: Option<usize>,
    content: Vec<u8>,
}

impl Download {
    fn plain(self) -> Reply {
        let reply = self.headers();
        Reply {
            body: ReplyBody::Bytes(self.content),
            ..reply
        }
    }

    fn json(self, root: &str, address: &str) -> Reply {
        let reply = self.headers();
        let body = json!({
            "@odata.context": format!("{root}/$metadata#{address}"),
            "value": STANDARD.encode(&self.content),
        });
        Reply {
            body: ReplyBody::Json(body),
            ..reply
        }
    }

    /// The reply without its body.
    fn headers(&self) -> Reply {
        let encoded = super::address::encode_option(&self.name);
        let status = match self.from {
            Some(_) => StatusCode::PARTIAL_CONTENT,
            None => StatusCode::OK,
        };
        let reply = Reply::empty(status)
            .with_header("x-ms-file-name", encoded.clone())
            .with_header("x-ms-file-size", self.total.to_string())
            .with_header("mimetype", "application/octet-stream")
            .with_header(
                "Content-Disposition",
                format!("attachment; filename=\"{encoded}\""),
            );
        let Some(from) = self.from else {
            return reply;
        };
        let range = match (from + self.content.len()).checked_sub(1) {
            Some(to) if !self.content.is_empty() => format!("{from}-{to}"),
            _ => "*".to_owned(),
        };
        reply.with_header("Content-Range", format!("bytes {range}/{}", self.total))
    }
}

/// Reads the file of a row, or the range of it that the request names; nothing where there is none.
fn download(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    id: &str,
    column: &Column,
) -> ApiResult<Option<Download>> {
    let row = session
        .row(table, &[column], id)?
        .ok_or_else(|| ApiError::no_record(table.name(), id))?;
    let Some(stored) = row.text(&column.name) else {
        return Ok(None);
    };
    let (name, content) = if matches!(column.kind, ColumnKind::Image { .. }) {
        let content = STANDARD.decode(stored).unwrap_or_default();
        (format!("{}.jpg", column.name), content)
    } else {
        let found = session.tx.query(
            "SELECT name, content FROM _files WHERE id = ?",
            &[Value::Text(stored.into())],
        )?;
        match found.into_iter().next().as_deref() {
            Some([Value::Text(name), Value::Blob(content)]) => (name.clone(), content.clone()),
            _ => return Ok(None),
        }
    };
    let total = content.len();
    let range = header(call, "range").and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        let from: usize = from.parse().ok()?;
        let end = to.parse().map_or(total, |to: usize| to.saturating_add(1));
        Some((from, end.min(total)))
    });
    Ok(Some(Download {
        name,
        total,
        from: range.map(|(from, _)| from),
        // Behind its end a file has no bytes left.
        content: match range {
            Some((from, end)) => content.get(from..end).unwrap_or_default().to_vec(),
            None => content,
        },
    }))
}
