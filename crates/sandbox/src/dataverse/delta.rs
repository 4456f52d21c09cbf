//! Change tracking: a first full read, then what changed since (protocol reference A9).
//!
//! A token holds the version up to which a reader is complete and the time when it was given.
//! Changed rows come first, by version, then deletions, which carry only their id. The pages of
//! one read share the version at which it began: what changes meanwhile belongs to the next read.

use axum::http::StatusCode;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value as Json, json};

use super::cookie::Cookie;
use super::errors::{ApiError, ApiResult};
use super::model::{Table, VERSION};
use super::read::{applied, count_text, link};
use super::session::{Call, Reply, Row, Session, by_id};
use super::shape::{Shape, render};
use crate::faults::Plan;
use crate::rows::{Order, Sql, Value, quote};

/// A delta token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token {
    version: i64,
    given: Timestamp,
}

impl Token {
    fn text(self) -> String {
        format!(
            "{}!{}",
            self.version,
            self.given.strftime("%m/%d/%Y %H:%M:%S")
        )
    }

    fn read(text: &str) -> ApiResult<Self> {
        let wrong = || ApiError::malformed("The delta token is not valid.");
        let (version, given) = text.split_once('!').ok_or_else(wrong)?;
        let version = version.trim().parse().map_err(|_| wrong())?;
        let given = DateTime::strptime("%m/%d/%Y %H:%M:%S", given.trim()).map_err(|_| wrong())?;
        let given = TimeZone::UTC.to_timestamp(given).map_err(|_| wrong())?;
        Ok(Self { version, given })
    }

    /// Fails when what happened since the token can no longer be told in full.
    fn check(self, session: &Session<'_>, plan: &Plan) -> ApiResult<Self> {
        let days = session.settings.change_retention_days;
        let kept = SignedDuration::from_hours(days.saturating_mul(24));
        let too_old = session.now.duration_since(self.given) > kept;
        if plan.expire_delta_tokens || too_old || self.version < session.tx.delta_floor()? {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "0x80044352",
                "Version stamp associated with the client has expired. Please perform a full sync.",
            ));
        }
        Ok(self)
    }
}

/// Where a page of a tracked read begins.
enum Position {
    /// In the first, full read: after the row with this id.
    Full { version: i64, last: Option<Value> },
    /// Among the changes: after this version, in rows or already in deletions.
    Changes {
        since: i64,
        until: i64,
        last: i64,
        deletions: bool,
    },
}

/// The names under which a cookie keeps a [`Position`].
const FULL: [&str; 2] = ["trackfull", "tracklast"];
const CHANGES: [&str; 4] = ["tracksince", "trackuntil", "trackafter", "trackdeletions"];

impl Position {
    fn cookie(&self, page: usize) -> String {
        let (names, values): (&[&str], Vec<Value>) = match self {
            Self::Full { version, last } => (
                &FULL,
                vec![
                    Value::Integer(*version),
                    last.clone().unwrap_or(Value::Null),
                ],
            ),
            Self::Changes {
                since,
                until,
                last,
                deletions,
            } => (
                &CHANGES,
                vec![
                    Value::Integer(*since),
                    Value::Integer(*until),
                    Value::Integer(*last),
                    Value::Integer((*deletions).into()),
                ],
            ),
        };
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Cookie::after(page, &names, &values, &values).text()
    }

    fn read(cookie: &Cookie) -> Option<Self> {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        if let Ok(values) = cookie.last_values(&names(&FULL)) {
            let Value::Integer(version) = values[0] else {
                return None;
            };
            let last = Some(values[1].clone()).filter(|value| *value != Value::Null);
            return Some(Self::Full { version, last });
        }
        let values = cookie.last_values(&names(&CHANGES)).ok()?;
        let number = |at: usize| match values.get(at) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        };
        Some(Self::Changes {
            since: number(0)?,
            until: number(1)?,
            last: number(2)?,
            deletions: number(3)? != 0,
        })
    }
}

/// Whether a list read is one of change tracking.
pub(super) fn is_tracked(call: &Call) -> bool {
    let by_cookie = call.options.skip_token.as_deref().is_some_and(|text| {
        text.contains("track") && {
            Cookie::read(text).is_ok_and(|cookie| Position::read(&cookie).is_some())
        }
    });
    call.preferences.track_changes || call.options.delta_token.is_some() || by_cookie
}

/// Reads a page of a tracked table.
pub(super) fn read(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    plan: &Plan,
) -> ApiResult<Reply> {
    check(call, table)?;
    let cookie = call
        .options
        .skip_token
        .as_deref()
        .map(Cookie::read)
        .transpose()?;
    let page = cookie.as_ref().map_or(1, |cookie| cookie.page);
    let position = match (&cookie, &call.options.delta_token) {
        (Some(cookie), _) => Position::read(cookie)
            .ok_or_else(|| ApiError::malformed("Malformed XML in the Paging Cookie."))?,
        (None, Some(token)) => {
            let token = Token::read(token)?.check(session, plan)?;
            Position::Changes {
                since: token.version,
                until: session.tx.version(),
                last: token.version,
                deletions: false,
            }
        }
        (None, None) => Position::Full {
            version: session.tx.version(),
            last: None,
        },
    };
    let limit = call
        .preferences
        .page_size
        .unwrap_or(session.settings.page_size);
    let limit = limit.min(session.settings.page_size);
    let shape = Shape::new(session.model, table, &call.options)?;
    let mut entries = Vec::new();
    let (next, complete_to) = match &position {
        Position::Full { version, last } => (
            full_page(
                session,
                call,
                table,
                &shape,
                *version,
                last.clone(),
                limit,
                &mut entries,
            )?,
            *version,
        ),
        Position::Changes { until, .. } => (
            changes_page(session, call, table, &shape, &position, limit, &mut entries)?,
            *until,
        ),
    };
    let mut body = Map::new();
    let delta = if matches!(position, Position::Full { .. }) {
        ""
    } else {
        "/$delta"
    };
    let context = format!(
        "{}/$metadata#{}{delta}",
        call.root,
        shape.context(table.set())
    );
    body.insert("@odata.context".into(), context.into());
    if let Some(next) = next {
        let link = link(call, table.set(), "$skiptoken", &next.cookie(page + 1));
        body.insert("@odata.nextLink".into(), link.into());
    } else {
        let token = Token {
            version: complete_to,
            given: session.now,
        };
        body.insert(
            "@odata.deltaLink".into(),
            delta_link(call, table, token).into(),
        );
    }
    body.insert("value".into(), Json::Array(entries));
    let names = ["track-changes", "maxpagesize", "include-annotations"];
    Ok(Reply::json(Json::Object(body)).preferring(&applied(call, &names)))
}

fn delta_link(call: &Call, table: &Table, token: Token) -> String {
    // The service escapes every sign of the token, in lower case.
    let escaped = utf8_percent_encode(&token.text(), NON_ALPHANUMERIC).to_string();
    let escaped = escaped.replace("%2F", "%2f").replace("%3A", "%3a");
    let link = link(call, table.set(), "$deltatoken", "");
    format!("{link}{escaped}")
}

fn check(call: &Call, table: &Table) -> ApiResult<()> {
    if !table.schema.change_tracking {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "0x80072491",
            format!("Entity {} isn't enabled for change tracking.", table.name()),
        ));
    }
    let options = &call.options;
    let refused = [
        ("$filter", options.filter.is_some()),
        ("$orderby", !options.order.is_empty()),
        ("$expand", !options.expand.is_empty()),
        ("$top", options.top.is_some()),
    ];
    match refused.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(ApiError::malformed(format!(
            "The \"{name}\" query parameter isn't supported when Change Tracking is enabled."
        ))),
        None => Ok(()),
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one page")]
fn full_page(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    shape: &Shape<'_>,
    version: i64,
    last: Option<Value>,
    limit: usize,
    entries: &mut Vec<Json>,
) -> ApiResult<Option<Position>> {
    let after = last.map(|last| Sql::new(format!("t.{} > ?", quote(table.id())), vec![last]));
    let rows = session.rows(table, &shape.needed(), &[], |select| {
        let select = select.order(Order::ascending(table.id())).limit(limit + 1);
        after.into_iter().fold(select, crate::rows::Select::filter)
    })?;
    let more = rows.len() > limit;
    show(
        session,
        call,
        table,
        shape,
        &rows[..rows.len().min(limit)],
        entries,
    )?;
    let last = rows.get(limit - 1).map(|row| row.get(table.id()).clone());
    Ok(last.filter(|_| more).map(|last| Position::Full {
        version,
        last: Some(last),
    }))
}

fn changes_page(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    shape: &Shape<'_>,
    position: &Position,
    limit: usize,
    entries: &mut Vec<Json>,
) -> ApiResult<Option<Position>> {
    let Position::Changes {
        since,
        until,
        mut last,
        mut deletions,
    } = *position
    else {
        return Ok(None);
    };
    if !deletions {
        let between = Sql::new(
            format!("t.{0} > ? AND t.{0} <= ?", quote(VERSION)),
            vec![Value::Integer(last), Value::Integer(until)],
        );
        let rows = session.rows(table, &shape.needed(), &[], |select| {
            select
                .filter(between)
                .order(Order::ascending(VERSION))
                .limit(limit + 1)
        })?;
        show(
            session,
            call,
            table,
            shape,
            &rows[..rows.len().min(limit)],
            entries,
        )?;
        if rows.len() > limit {
            let last = rows
                .get(limit - 1)
                .and_then(|row| row.integer(VERSION))
                .unwrap_or(until);
            return Ok(Some(Position::Changes {
                since,
                until,
                last,
                deletions,
            }));
        }
        (last, deletions) = (since, true);
    }
    let room = limit.saturating_sub(entries.len());
    let found = session.tx.deletions(table.name(), last, until, room + 1)?;
    for deletion in found.iter().take(room) {
        last = deletion.version;
        // A row that was made again under the same id is not gone.
        if session
            .tx
            .count(table.name(), Some(&by_id(table, &deletion.key)))?
            == 0
        {
            entries.push(json!({
                "@odata.context": format!("{}/$metadata#{}/$deletedEntity", call.root, table.set()),
                "id": deletion.key,
                "reason": "deleted",
            }));
        }
    }
    let more = found.len() > room;
    Ok(more.then_some(Position::Changes {
        since,
        until,
        last,
        deletions,
    }))
}

fn show(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    shape: &Shape<'_>,
    rows: &[Row],
    entries: &mut Vec<Json>,
) -> ApiResult<()> {
    for row in rows {
        entries.push(Json::Object(render(session, call, table, shape, row)?));
    }
    Ok(())
}

/// The number of changes since a token.
pub(super) fn count(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    plan: &Plan,
) -> ApiResult<Reply> {
    check(call, table)?;
    let token = Token::read(call.options.delta_token.as_deref().unwrap_or_default())?;
    let token = token.check(session, plan)?;
    let since = Sql::new(
        format!("t.{} > ?", quote(VERSION)),
        vec![Value::Integer(token.version)],
    );
    let changed = session.tx.count(table.name(), Some(&since))?;
    let gone = session
        .tx
        .deletions(table.name(), token.version, i64::MAX, usize::MAX)?;
    Ok(count_text(changed.saturating_add(
        i64::try_from(gone.len()).unwrap_or(i64::MAX),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_version_and_a_time() {
        let text = "919042!08/22/2017 08:10:44";
        let token = Token::read(text).unwrap();
        assert_eq!(token.version, 919_042);
        assert_eq!(token.text(), text);
        assert!(Token::read("919042").is_err() && Token::read("x!y").is_err());
    }
}
