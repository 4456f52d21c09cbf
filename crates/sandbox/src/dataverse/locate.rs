//! Finds the row an address means: by primary key, by alternate key, or through a bind URL
//! (protocol reference A3 and A5).

use super::address::{Argument, decode_path, segments};
use super::errors::{ApiError, ApiResult};
use super::model::{ColumnFacts, Table};
use super::session::{Call, Session};
use super::value;
use crate::rows::{Sql, Value, quote};

/// What an address leads to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Located {
    /// A row.
    Row(String),
    /// No row has this id.
    NoId(String),
    /// No row has these key values.
    NoKey(Vec<(String, Value)>),
}

impl Located {
    /// The id of the row, or the error that tells that there is none.
    pub(super) fn found(self, table: &Table) -> ApiResult<String> {
        match self {
            Self::Row(id) => Ok(id),
            Self::NoId(id) => Err(ApiError::no_record(table.name(), &id)),
            Self::NoKey(_) => Err(ApiError::no_record_by_key(table.name())),
        }
    }
}

/// Whether the address names alternate key columns.
pub(super) fn by_alternate_key(table: &Table, arguments: &[Argument]) -> bool {
    arguments
        .iter()
        .any(|one| one.name.as_deref().is_some_and(|name| name != table.id()))
}

/// Finds the row of `table` that the arguments in the parentheses mean.
pub(super) fn locate(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    arguments: &[Argument],
) -> ApiResult<Located> {
    let resolved: Vec<Argument> = arguments
        .iter()
        .map(|one| unaliased(call, one))
        .collect::<ApiResult<_>>()?;
    if let [one] = resolved.as_slice()
        && one.name.as_deref().is_none_or(|name| name == table.id())
    {
        let id = value::guid(&one.text).ok_or_else(|| ApiError::wrong_key(table.name()))?;
        let found = session.exists(table, &id)?;
        return Ok(if found {
            Located::Row(id)
        } else {
            Located::NoId(id)
        });
    }
    let values = key_values(table, &resolved)?;
    let mut condition = Sql::new("1", Vec::new());
    for (column, value) in &values {
        condition = condition.and(Sql::new(
            format!("t.{} = ?", quote(column)),
            vec![value.clone()],
        ));
    }
    let found = session.rows(table, &[], &[], |select| select.filter(condition).limit(1))?;
    match found.first().and_then(|row| row.text(table.id())) {
        Some(id) => Ok(Located::Row(id.to_owned())),
        None => Ok(Located::NoKey(values)),
    }
}

fn unaliased(call: &Call, argument: &Argument) -> ApiResult<Argument> {
    if argument.quoted || !argument.text.starts_with('@') {
        return Ok(argument.clone());
    }
    let text = call.options.aliases.get(&argument.text).ok_or_else(|| {
        ApiError::malformed(format!(
            "The parameter alias '{}' has no value.",
            argument.text
        ))
    })?;
    let quoted = text.len() >= 2 && text.starts_with('\'') && text.ends_with('\'');
    let text = if quoted {
        text[1..text.len() - 1].replace("''", "'")
    } else {
        text.clone()
    };
    Ok(Argument {
        text,
        quoted,
        ..argument.clone()
    })
}

/// The values of an alternate key's columns, in the order of the address.
fn key_values(table: &Table, arguments: &[Argument]) -> ApiResult<Vec<(String, Value)>> {
    let wrong = || ApiError::wrong_key(table.name());
    let mut values = Vec::new();
    for argument in arguments {
        let name = argument.name.as_deref().ok_or_else(wrong)?;
        let column = table.property(name).ok_or_else(wrong)?;
        let value = value::from_key(table, column, &argument.text, argument.quoted)?;
        if values.iter().any(|(known, _)| *known == column.name) {
            return Err(wrong());
        }
        values.push((column.name.clone(), value));
    }
    let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
    table.key(&names).ok_or_else(wrong)?;
    Ok(values)
}

/// The address of a row in its alternate-key form, for `OData-EntityId`.
pub(super) fn key_address(table: &Table, values: &[(String, Value)]) -> String {
    let parts: Vec<String> = values
        .iter()
        .filter_map(|(name, value)| {
            let column = table.column(name)?;
            let shown = match value {
                Value::Text(text) if column.is_lookup() => text.clone(),
                Value::Text(text) => match &column.kind {
                    crate::schema::ColumnKind::String { .. }
                    | crate::schema::ColumnKind::Memo { .. } => {
                        format!("'{}'", text.replace('\'', "''"))
                    }
                    _ => text.clone(),
                },
                Value::Integer(number) => number.to_string(),
                _ => String::new(),
            };
            Some(format!(
                "{}={}",
                column.property_name(),
                super::address::encode_option(&shown)
            ))
        })
        .collect();
    format!("{}({})", table.set(), parts.join(","))
}

/// The table and the row that a URL in a payload means: relative to the root, to the host, or
/// absolute; by id or by alternate key; `$1` for a row made earlier in the batch.
pub(super) fn bound<'m>(
    session: &Session<'m>,
    call: &Call,
    url: &str,
) -> ApiResult<(&'m Table, String)> {
    let url = resolve_content_id(call, url)?;
    let relative = below_root(&url);
    let path = segments(&decode_path(relative))?;
    let [segment] = path.as_slice() else {
        return Err(ApiError::no_segment(relative));
    };
    let table = session
        .model
        .by_set(&segment.name)
        .ok_or_else(|| ApiError::no_segment(&segment.name))?;
    let arguments = segment
        .arguments
        .as_deref()
        .ok_or_else(|| ApiError::no_segment(relative))?;
    let id = locate(session, call, table, arguments)?.found(table)?;
    Ok((table, id))
}

/// Replaces a leading `$n` by the address of the row that part `n` of the change set made.
pub(super) fn resolve_content_id(call: &Call, url: &str) -> ApiResult<String> {
    let trimmed = url.trim_start_matches('/');
    let Some(rest) = trimmed.strip_prefix('$') else {
        return Ok(url.to_owned());
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let name = &rest[..end];
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(url.to_owned());
    }
    match call.content_ids.get(name) {
        Some(address) => Ok(format!("{address}{}", &rest[end..])),
        None => Err(ApiError::malformed(format!(
            "Content-ID Reference: '${name}' does not exist in the batch context."
        ))),
    }
}

/// What follows the service root in a URL: `/api/data/v9.2/` in any form, or nothing.
pub(super) fn below_root(url: &str) -> &str {
    match url.find("/api/data/v") {
        Some(at) => {
            let rest = &url[at + "/api/data/v".len()..];
            rest.split_once('/').map_or("", |(_, rest)| rest)
        }
        None => url.trim_start_matches('/'),
    }
}
