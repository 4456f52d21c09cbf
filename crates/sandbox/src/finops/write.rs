//! Creates, changes and deletes rows as the entity would (protocol reference B2, B5).
//!
//! The road of a create: read the sent values, fill in what is blank (company, number sequence,
//! default rules), validate (mandatory fields, references), insert, remember the effect for counters
//! and events. A change runs the same rules over the row as it will be.

use serde_json::{Map, Value as Json};

use super::error::{Refused, object};
use super::session::{Effect, Key, Row, Session, key_condition};
use super::tables::{REC_ID, REC_VERSION};
use super::{party, values};
use crate::counters::WriteKind;
use crate::rows::{RowsError, Sql, Value, fold};
use crate::schema::{DefaultSource, Entity, Field, FieldKind, NumberSequence};

/// The field that holds the company.
pub(super) const COMPANY: &str = "dataAreaId";
/// The first record id; the service's own start there too.
const FIRST_REC_ID: i64 = 5_637_144_576;

/// Creates a row and returns it as it is stored.
pub(super) fn create(
    session: &Session<'_>,
    entity: &Entity,
    body: &Map<String, Json>,
) -> Result<Row, Refused> {
    let schema = &session.store.schema;
    let mut row = Row {
        rec_id: 0,
        rec_version: 0,
        values: entity
            .fields
            .iter()
            .map(|field| values::empty(schema, &field.kind))
            .collect(),
    };
    for (index, value) in sent(session, entity, body)? {
        row.values[index] = value;
    }
    if entity.per_company {
        let company = match row.value(entity, COMPANY) {
            Some(Value::Text(given)) if !given.is_empty() => known_company(session, entity, given)?,
            _ => session.user.company.clone(),
        };
        set(&mut row, entity, COMPANY, Value::Text(company));
    }
    if let Some(sequence) = &entity.number_sequence {
        allocate(session, entity, sequence, &mut row)?;
    }
    default_row(session, entity, &mut row);
    validate(session, entity, &row)?;
    if let Some((field, number)) = party::create(session, entity, &row)? {
        set(&mut row, entity, field, number);
    }

    let rec_id = session.tx.counter("recid")?.max(FIRST_REC_ID) + 1;
    session.tx.set_counter("recid", rec_id)?;
    row.rec_id = rec_id;
    stamp(session, entity, &mut row);
    let mut columns = vec![
        (REC_ID, Value::Integer(row.rec_id)),
        (REC_VERSION, Value::Integer(row.rec_version)),
    ];
    columns.extend(
        entity
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .zip(row.values.iter().cloned()),
    );
    session
        .tx
        .insert(&entity.collection, &columns)
        .map_err(|error| duplicate(entity, error))?;
    session.effects.borrow_mut().push(Effect {
        collection: entity.collection.clone(),
        kind: WriteKind::Create,
        before: None,
        after: Some(row.clone()),
    });
    Ok(row)
}

/// Changes the row with a key; with `replace`, fields that are not sent become empty.
pub(super) fn update(
    session: &Session<'_>,
    entity: &Entity,
    key: &Key,
    body: &Map<String, Json>,
    replace: bool,
    if_match: Option<&str>,
) -> Result<Row, Refused> {
    let schema = &session.store.schema;
    let before = session.load(entity, key)?.ok_or(Refused::NothingToUpdate)?;
    check_version(session, &before, if_match)?;
    let mut row = before.clone();
    if replace {
        for (field, value) in entity.fields.iter().zip(&mut row.values) {
            if !entity.is_key(&field.name) {
                *value = values::empty(schema, &field.kind);
            }
        }
    }
    let sent = sent(session, entity, body)?;
    for (index, value) in sent {
        let field = &entity.fields[index];
        let kept = session.settings.null_keeps && body.get(&field.name).is_some_and(Json::is_null);
        if kept {
            continue;
        }
        if entity.is_key(&field.name) {
            if !same(field, &before.values[index], &value) {
                return Err(Refused::write(
                    entity,
                    format!("Warning: Field '{}' cannot be edited", field.name),
                ));
            }
            continue;
        }
        row.values[index] = value;
    }
    default_row(session, entity, &mut row);
    validate(session, entity, &row)?;
    stamp(session, entity, &mut row);

    let mut columns = vec![(REC_VERSION, Value::Integer(row.rec_version))];
    columns.extend(
        entity
            .fields
            .iter()
            .zip(row.values.iter().zip(&before.values))
            .filter(|(_, (new, old))| new != old)
            .map(|(field, (new, _))| (field.name.as_str(), new.clone())),
    );
    let condition = Sql::new(
        format!("t.\"{REC_ID}\" = ?"),
        vec![Value::Integer(row.rec_id)],
    );
    session
        .tx
        .update(&entity.collection, &columns, &condition)
        .map_err(|error| duplicate(entity, error))?;
    session.effects.borrow_mut().push(Effect {
        collection: entity.collection.clone(),
        kind: WriteKind::Update,
        before: Some(before.clone()),
        after: Some(row.clone()),
    });
    party::follow(session, entity, &before, &row)?;
    Ok(row)
}

/// Deletes the row with a key.
pub(super) fn delete(
    session: &Session<'_>,
    entity: &Entity,
    key: &Key,
    if_match: Option<&str>,
) -> Result<(), Refused> {
    let before = session.load(entity, key)?.ok_or(Refused::NothingToUpdate)?;
    check_version(session, &before, if_match)?;
    if session.settings.reference_checks {
        refuse_dependents(session, entity, &before)?;
    }
    session.tx.delete(&entity.collection, &key_condition(key))?;
    session.effects.borrow_mut().push(Effect {
        collection: entity.collection.clone(),
        kind: WriteKind::Delete,
        before: Some(before),
        after: None,
    });
    Ok(())
}

/// The sent values by field index. Annotations are noise; what the system computes is ignored.
fn sent(
    session: &Session<'_>,
    entity: &Entity,
    body: &Map<String, Json>,
) -> Result<Vec<(usize, Value)>, Refused> {
    let mut found = Vec::with_capacity(body.len());
    for (name, json) in body {
        if name.contains('@') {
            continue;
        }
        let Some(index) = entity.fields.iter().position(|field| field.name == *name) else {
            return Err(Refused::request(format!(
                "The property '{name}' does not exist on type \
                 'Microsoft.Dynamics.DataEntities.{}'. Make sure to only use property names that \
                 are defined by the type.",
                entity.name
            )));
        };
        let field = &entity.fields[index];
        let value = values::read(&session.store.schema, session.settings, entity, field, json)?;
        if !field.read_only {
            found.push((index, value));
        }
    }
    Ok(found)
}

/// The company as it is spelt, in lower case.
fn known_company(session: &Session<'_>, entity: &Entity, given: &str) -> Result<String, Refused> {
    session
        .store
        .companies
        .iter()
        .find(|company| company.id.eq_ignore_ascii_case(given))
        .map(|company| company.id.to_lowercase())
        .ok_or_else(|| {
            Refused::write(
                entity,
                format!("Error: The legal entity '{given}' in field 'dataAreaId' does not exist"),
            )
        })
}

/// Fills a blank key in from its number sequence, leaving out numbers that are taken.
fn allocate(
    session: &Session<'_>,
    entity: &Entity,
    sequence: &NumberSequence,
    row: &mut Row,
) -> Result<(), Refused> {
    let blank = matches!(
        row.value(entity, &sequence.field), Some(Value::Text(text)) if text.is_empty()
    );
    if !blank {
        return Ok(());
    }
    let company = match row.value(entity, COMPANY) {
        Some(Value::Text(company)) => company.as_str(),
        _ => "",
    };
    let counter = format!("numbers {} {company}", entity.collection);
    let mut number = session.tx.counter(&counter)?;
    loop {
        number += 1;
        let width = sequence.width as usize;
        let text = format!("{}{number:0width$}", sequence.prefix);
        set(row, entity, &sequence.field, Value::Text(text));
        if !session.exists(&entity.collection, &row.key(entity))? {
            break;
        }
    }
    session.tx.set_counter(&counter, number)?;
    Ok(())
}

/// Runs the entity's default rules over blank fields.
fn default_row(session: &Session<'_>, entity: &Entity, row: &mut Row) {
    for rule in &entity.defaults {
        let Some(field) = entity.field(&rule.field) else {
            continue;
        };
        let blank = row
            .value(entity, &field.name)
            .is_some_and(|value| values::is_empty(&session.store.schema, &field.kind, value));
        if !blank {
            continue;
        }
        let company =
            row.value(entity, COMPANY).and_then(|id| {
                session.store.companies.iter().find(
                    |company| matches!(id, Value::Text(id) if *id == company.id.to_lowercase()),
                )
            });
        let value = match &rule.source {
            DefaultSource::CompanyCurrency => {
                company.map(|company| Value::Text(company.currency.clone()))
            }
            DefaultSource::CompanyLanguage => {
                company.map(|company| Value::Text(company.language.clone()))
            }
            DefaultSource::Field(other) => row.value(entity, other).cloned(),
            DefaultSource::Value(text) => Some(Value::Text(text.clone())),
        };
        if let Some(value) = value {
            set(row, entity, &field.name, fitting(field, value));
        }
    }
}

/// A default cut to the length of its field.
fn fitting(field: &Field, value: Value) -> Value {
    match (&field.kind, value) {
        (FieldKind::String { max_length }, Value::Text(text)) if *max_length > 0 => {
            Value::Text(text.chars().take(*max_length as usize).collect())
        }
        (_, value) => value,
    }
}

/// Mandatory fields and references; all that is wrong goes into one Infolog.
fn validate(session: &Session<'_>, entity: &Entity, row: &Row) -> Result<(), Refused> {
    let schema = &session.store.schema;
    let mut wrong = Vec::new();
    for (field, value) in entity.fields.iter().zip(&row.values) {
        // A number or a date of a key may well be zero; text may not.
        let needed = field.mandatory
            || (entity.is_key(&field.name)
                && entity.keys.len() <= 2
                && matches!(field.kind, FieldKind::String { .. }));
        let by_length = matches!(
            field.kind,
            FieldKind::Enum { .. } | FieldKind::Real | FieldKind::Int
        );
        if needed && !by_length && values::is_empty(schema, &field.kind, value) {
            wrong.push(format!(
                "Warning: Field '{}' must be filled in.",
                field.name
            ));
        }
    }
    if session.settings.reference_checks {
        for relation in &entity.relations {
            let Some(target) = schema.collection(&relation.entity) else {
                continue;
            };
            let mut key = Key::new();
            let mut blank = false;
            for pair in &relation.fields {
                let (Some(field), Some(value)) =
                    (entity.field(&pair.from), row.value(entity, &pair.from))
                else {
                    continue;
                };
                blank |= values::is_empty(schema, &field.kind, value);
                key.push((pair.to.clone(), value.clone()));
            }
            if blank || key.is_empty() {
                continue;
            }
            if target.per_company
                && let Some(company) = row.value(entity, COMPANY)
            {
                key.insert(0, (COMPANY.to_owned(), company.clone()));
            }
            // A row may refer to itself before it exists.
            let own = target.collection == entity.collection && same_key(&row.key(entity), &key);
            if !own && !session.exists(&target.collection, &key)? {
                let from = relation
                    .fields
                    .first()
                    .map_or("", |pair| pair.from.as_str());
                let value = match key.last() {
                    Some((_, Value::Text(text))) => text.clone(),
                    _ => String::new(),
                };
                wrong.push(format!(
                    "Warning: The value '{value}' in field '{from}' is not found in the related \
                     table '{}'.",
                    target.title
                ));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    wrong.push(format!(
        "Warning: validateWrite failed on data source '{0} ({0})'",
        object(entity).trim_end_matches("Entity")
    ));
    Err(Refused::write(entity, wrong.join("; ")))
}

/// Refuses to delete a row that others refer to.
fn refuse_dependents(session: &Session<'_>, entity: &Entity, row: &Row) -> Result<(), Refused> {
    let schema = &session.store.schema;
    for dependent in schema
        .entities
        .iter()
        .filter(|other| other.collection != entity.collection)
    {
        for relation in &dependent.relations {
            if relation.entity != entity.collection {
                continue;
            }
            let mut key = Key::new();
            let mut blank = false;
            for pair in &relation.fields {
                let (Some(field), Some(value)) =
                    (entity.field(&pair.to), row.value(entity, &pair.to))
                else {
                    continue;
                };
                blank |= values::is_empty(schema, &field.kind, value);
                key.push((pair.from.clone(), value.clone()));
            }
            if blank || key.is_empty() {
                continue;
            }
            if dependent.per_company
                && let Some(company) = row.value(entity, COMPANY)
            {
                key.insert(0, (COMPANY.to_owned(), company.clone()));
            }
            if session.exists(&dependent.collection, &key)? {
                return Err(Refused::delete(
                    entity,
                    format!(
                        "Error: The record cannot be deleted while dependent {0} exist. Delete \
                         dependent {0} and try again",
                        dependent.title
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// Gives the row a new version and the time of the write.
fn stamp(session: &Session<'_>, entity: &Entity, row: &mut Row) {
    row.rec_version = session.tx.next_version();
    set(
        row,
        entity,
        &entity.modified_field,
        values::now(session.store.clock.now()),
    );
}

fn check_version(session: &Session<'_>, row: &Row, if_match: Option<&str>) -> Result<(), Refused> {
    let Some(wanted) = if_match.map(str::trim) else {
        return Ok(());
    };
    let current = row.etag();
    let holds = wanted == "*" || wanted.split(',').any(|tag| tag.trim() == current);
    if holds || !session.settings.etag_enforcement {
        Ok(())
    } else {
        Err(Refused::Stale)
    }
}

fn duplicate(entity: &Entity, error: RowsError) -> Refused {
    match error {
        RowsError::Duplicate { .. } => Refused::write(
            entity,
            format!(
                "Error: Cannot create a record in {} ({}). The record already exists",
                entity.title,
                object(entity).trim_end_matches("Entity")
            ),
        ),
        other => other.into(),
    }
}

fn set(row: &mut Row, entity: &Entity, field: &str, value: Value) {
    if let Some(index) = entity.fields.iter().position(|known| known.name == field) {
        row.values[index] = value;
    }
}

/// Whether two values of a field are the same to the database.
fn same(field: &Field, left: &Value, right: &Value) -> bool {
    match (&field.kind, left, right) {
        (FieldKind::String { .. }, Value::Text(left), Value::Text(right)) => {
            fold(left) == fold(right)
        }
        (_, left, right) => left == right,
    }
}

fn same_key(left: &Key, right: &Key) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|((name, one), (other, two))| {
            name == other
                && match (one, two) {
                    (Value::Text(one), Value::Text(two)) => fold(one) == fold(two),
                    (one, two) => one == two,
                }
        })
}
