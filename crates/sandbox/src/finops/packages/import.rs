//! Imports: the rows of a package's files into their entities, row by row.

use serde_json::{Map, Value as Json};

use super::archive::Package;
use super::executions::{Execution, RowError, Status};
use super::manifest::ManifestEntity;
use super::projects::entity_named;
use super::text_file::TextFile;
use crate::finops::error::Refused;
use crate::finops::session::{Key, Session, User};
use crate::finops::{Store, values, write};
use crate::rows::Value;
use crate::schema::{Entity, EnumType, Field, FieldKind};

/// How many rows are written in one transaction, for other requests to come in between.
const CHUNK: usize = 500;

/// What came of the rows of a package.
#[derive(Default)]
struct Tally {
    written: usize,
    errors: Vec<RowError>,
}

/// Imports a package for a user into a company.
pub(in crate::finops) fn run(store: &Store, package: &Package, user: &User) -> Execution {
    let mut tally = Tally::default();
    let mut entities: Vec<&ManifestEntity> = package.manifest.entities.iter().collect();
    entities.sort_by_key(|entity| entity.order);
    for part in entities.into_iter().filter(|part| !part.disabled) {
        entity_rows(store, package, part, user, &mut tally);
    }
    let status = match (tally.written, tally.errors.is_empty()) {
        (_, true) => Status::Succeeded,
        (0, false) => Status::Failed,
        _ => Status::PartiallySucceeded,
    };
    Execution::ended(status, tally.errors, None)
}

/// A row of a file, ready to be written.
struct Staged {
    key: Vec<(String, String)>,
    body: Map<String, Json>,
}

fn entity_rows(
    store: &Store,
    package: &Package,
    part: &ManifestEntity,
    user: &User,
    tally: &mut Tally,
) {
    let whole = |message: String| RowError {
        entity: part.name.clone(),
        key: Vec::new(),
        staging: None,
        field: String::new(),
        message,
    };
    let Some(entity) = entity_named(&store.schema, &part.name) else {
        let message = format!("The entity '{}' does not exist.", part.name);
        tally.errors.push(whole(message));
        return;
    };
    let Some(bytes) = package.file(&part.file) else {
        let message = format!("The package has no file '{}'.", part.file);
        tally.errors.push(whole(message));
        return;
    };
    // Without a mapping nothing is staged, and nothing fails.
    let file = TextFile::read(bytes);
    let mapped: Vec<(usize, &Field)> = part
        .columns
        .iter()
        .filter_map(|column| {
            let at = file
                .columns
                .iter()
                .position(|known| known.trim().eq_ignore_ascii_case(&column.column))?;
            Some((at, entity.field(&column.field)?))
        })
        .collect();
    if mapped.is_empty() {
        return;
    }
    let mut staged = Vec::new();
    for row in &file.rows {
        match stage(store, entity, &mapped, row) {
            Ok(row) => staged.push(row),
            Err(error) => tally.errors.push(RowError {
                entity: part.name.clone(),
                staging: Some(
                    file.columns
                        .iter()
                        .cloned()
                        .zip(row.iter().cloned())
                        .collect(),
                ),
                ..*error
            }),
        }
    }
    for chunk in staged.chunks(CHUNK) {
        write_chunk(store, entity, &part.name, chunk, user, tally);
    }
}

/// Reads one row of a file against the fields of its entity.
fn stage(
    store: &Store,
    entity: &Entity,
    mapped: &[(usize, &Field)],
    row: &[String],
) -> Result<Staged, Box<RowError>> {
    let mut body = Map::new();
    let mut key = Vec::new();
    for (at, field) in mapped {
        let text = row.get(*at).map_or("", String::as_str);
        if entity.is_key(&field.name) {
            key.push((field.name.clone(), text.to_owned()));
        }
        match json(store, field, text) {
            Some(value) => {
                body.insert(field.name.clone(), value);
            }
            None => {
                return Err(Box::new(RowError {
                    entity: String::new(),
                    key,
                    staging: None,
                    field: field.name.clone(),
                    message: format!(
                        "The value in column '{}' cannot be read as its type.",
                        field.name
                    ),
                }));
            }
        }
    }
    Ok(Staged { key, body })
}

/// A text of a file as a request would send it; nothing when it does not fit the field.
fn json(store: &Store, field: &Field, text: &str) -> Option<Json> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Some(Json::Null);
    }
    let date = || trimmed.split([' ', 'T']).next().unwrap_or(trimmed);
    match &field.kind {
        FieldKind::String { .. } => Some(Json::from(text)),
        FieldKind::Int | FieldKind::Int64 => {
            let number: i64 = trimmed.parse().ok()?;
            Some(Json::from(number))
        }
        FieldKind::Real => trimmed.parse().ok().map(Json::Number),
        FieldKind::Date => {
            let day: jiff::civil::Date = date().parse().ok()?;
            Some(Json::from(format!("{day}T12:00:00Z")))
        }
        FieldKind::UtcDateTime => {
            let moment = trimmed.replacen(' ', "T", 1);
            let moment = match moment.len() {
                10 => format!("{moment}T00:00:00Z"),
                _ if moment.ends_with('Z')
                    || moment
                        .get(19..)
                        .is_some_and(|rest| rest.contains(['+', '-'])) =>
                {
                    moment
                }
                _ => format!("{moment}Z"),
            };
            moment.parse::<jiff::Timestamp>().ok()?;
            Some(Json::from(moment))
        }
        FieldKind::Enum { name } => {
            let known = store.schema.enum_type(name)?;
            symbol(known, trimmed).map(Json::from)
        }
        FieldKind::Guid => {
            let id = trimmed.trim_start_matches('{').trim_end_matches('}');
            uuid::Uuid::try_parse(id).ok()?;
            Some(Json::from(id))
        }
    }
}

/// A member by its symbol, whatever its case, or by its number.
fn symbol(known: &EnumType, text: &str) -> Option<String> {
    let by_number = || {
        let number: i64 = text.parse().ok()?;
        known.members.iter().find(|member| member.value == number)
    };
    let member = known.member(text).or_else(by_number)?;
    Some(member.name.clone())
}

/// Writes rows in one transaction; a row that is refused leaves no trace and stops no other.
fn write_chunk(
    store: &Store,
    entity: &Entity,
    title: &str,
    rows: &[Staged],
    user: &User,
    tally: &mut Tally,
) {
    let settings = store.settings();
    let outcome = store.rows.write(|tx| -> Result<_, Refused> {
        let session = Session::new(store, &settings, tx, user);
        let mut refused = Vec::new();
        for row in rows {
            tx.execute("SAVEPOINT imported_row", &[])?;
            let before = session.effects.borrow().len();
            let error = match write_row(&session, entity, row) {
                Ok(()) => None,
                Err(error @ Refused::Rows(_)) => return Err(error),
                Err(error) => Some(error),
            };
            if let Some(error) = error {
                tx.execute("ROLLBACK TO imported_row", &[])?;
                session.effects.borrow_mut().truncate(before);
                refused.push(RowError {
                    entity: title.to_owned(),
                    key: row.key.clone(),
                    staging: None,
                    field: String::new(),
                    message: error.to_string(),
                });
            }
            tx.execute("RELEASE imported_row", &[])?;
        }
        Ok((refused, session.effects.into_inner()))
    });
    match outcome {
        Ok((refused, effects)) => {
            tally.written += rows.len() - refused.len();
            tally.errors.extend(refused);
            store.committed(effects, user);
        }
        Err(error) => tally.errors.push(RowError {
            entity: title.to_owned(),
            key: Vec::new(),
            staging: None,
            field: String::new(),
            message: error.to_string(),
        }),
    }
}

/// Changes the row with the key of a staged row, or makes it.
fn write_row(session: &Session<'_>, entity: &Entity, staged: &Staged) -> Result<(), Refused> {
    let mut key = Key::new();
    let mut blank = false;
    for name in &entity.keys {
        let value = match (entity.field(name), staged.body.get(name)) {
            (Some(field), Some(sent)) => {
                values::read(&session.store.schema, session.settings, entity, field, sent)?
            }
            // The company is the one that is imported into, unless the file tells it.
            _ if name == write::COMPANY => Value::Text(session.user.company.clone()),
            (Some(field), None) => values::empty(&session.store.schema, &field.kind),
            (None, None | Some(_)) => return Ok(()),
        };
        blank |= matches!(&value, Value::Text(text) if text.is_empty());
        key.push((name.clone(), value));
    }
    if !blank && session.exists(&entity.collection, &key)? {
        write::update(session, entity, &key, &staged.body, false, None)?;
    } else {
        let mut body = staged.body.clone();
        body.retain(|_, value| !value.is_null());
        write::create(session, entity, &body)?;
    }
    Ok(())
}
