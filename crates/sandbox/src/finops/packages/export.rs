//! Exports: the rows of a project's entities as a package, whole or only what changed.

use serde_json::Value as Json;

use super::archive::Package;
use super::executions::{Execution, RowError, Status};
use super::manifest::{Manifest, ManifestEntity, MappedColumn};
use super::projects::{Project, ProjectEntity, entity_named};
use super::text_file::TextFile;
use crate::finops::error::Refused;
use crate::finops::session::Row;
use crate::finops::tables::{REC_ID, REC_VERSION};
use crate::finops::write::COMPANY;
use crate::finops::{Store, values};
use crate::rows::{Order, Select, Sql, Value, quote};
use crate::schema::{Entity, Field, FieldKind};

/// Exports a project for a company; the package lies at an address below `origin`.
pub(in crate::finops) fn run(
    store: &Store,
    project: &Project,
    company: &str,
    origin: &str,
) -> Execution {
    let mut manifest = Manifest {
        project: project.name.clone(),
        entities: Vec::new(),
    };
    let mut files = Vec::new();
    let mut reached = Vec::new();
    let mut errors = Vec::new();
    for (at, part) in project.entities.iter().enumerate() {
        let outcome = entity_named(&store.schema, &part.entity)
            .ok_or_else(|| format!("The entity '{}' does not exist.", part.entity))
            .and_then(|entity| {
                let file = entity_file(store, project, part, entity, company);
                file.map(|file| (entity, file))
                    .map_err(|error| error.to_string())
            });
        match outcome {
            Ok((entity, (file, version))) => {
                let name = format!("{}.csv", entity.title);
                manifest.entities.push(ManifestEntity {
                    name: entity.title.clone(),
                    file: name.clone(),
                    columns: file
                        .columns
                        .iter()
                        .map(|column| MappedColumn {
                            column: column.clone(),
                            field: column.clone(),
                        })
                        .collect(),
                    incremental: part.change_tracking,
                    disabled: false,
                    order: (1, 1, u32::try_from(at).unwrap_or(0) + 1),
                });
                files.push((name, file.write()));
                reached.push((entity.collection.clone(), version));
            }
            Err(message) => errors.push(RowError {
                entity: part.entity.clone(),
                key: Vec::new(),
                staging: None,
                field: String::new(),
                message,
            }),
        }
    }
    let failed = |errors| Execution::ended(Status::Failed, errors, None);
    if files.is_empty() {
        return failed(errors);
    }
    let packed = match Package::new(manifest, files).pack() {
        Ok(packed) => packed,
        Err(error) => {
            errors.push(RowError {
                entity: String::new(),
                key: Vec::new(),
                staging: None,
                field: String::new(),
                message: error.to_string(),
            });
            return failed(errors);
        }
    };
    for (entity, version) in reached {
        store
            .projects
            .note_export(&project.name, &entity, company, version);
    }
    let now = store.clock.now();
    let (_, address) = store.blobs.reserve(origin, Some(packed.into()), now);
    let status = if errors.is_empty() {
        Status::Succeeded
    } else {
        Status::PartiallySucceeded
    };
    Execution::ended(status, errors, Some(address))
}

/// The file of an entity, and the version up to which its rows are in it.
fn entity_file(
    store: &Store,
    project: &Project,
    part: &ProjectEntity,
    entity: &Entity,
    company: &str,
) -> Result<(TextFile, i64), Refused> {
    let fields: Vec<&Field> = entity
        .fields
        .iter()
        // The company is that of the export.
        .filter(|field| field.name != COMPANY)
        .filter(|field| {
            part.fields.is_empty()
                || part
                    .fields
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(&field.name))
        })
        .collect();
    let mut columns = vec![REC_ID, REC_VERSION];
    columns.extend(entity.fields.iter().map(|field| field.name.as_str()));
    let mut select = Select::from(&entity.collection, &columns).order(Order::ascending(REC_ID));
    if entity.per_company {
        select = select.filter(Sql::new(
            format!("t.{} = ?", quote(COMPANY)),
            vec![Value::Text(company.to_lowercase())],
        ));
    }
    if part.change_tracking {
        let since = store
            .projects
            .exported(&project.name, &entity.collection, company);
        select = select.filter(Sql::new(
            format!("t.{} > ?", quote(REC_VERSION)),
            vec![Value::Integer(since)],
        ));
    }
    let (found, version) = store
        .rows
        .read(|tx| -> Result<_, Refused> { Ok((tx.select(&select)?, tx.version())) })?;
    let rows = found.into_iter().map(|columns| {
        let row = Row::from_columns(columns);
        fields
            .iter()
            .map(|field| {
                let value = row.value(entity, &field.name).unwrap_or(&Value::Null);
                text(field, &values::write(&store.schema, field, value))
            })
            .collect()
    });
    let file = TextFile {
        columns: fields
            .iter()
            .map(|field| field.name.to_uppercase())
            .collect(),
        rows: rows.collect(),
    };
    Ok((file, version))
}

/// A value as a data file shows it.
fn text(field: &Field, value: &Json) -> String {
    match (&field.kind, value) {
        (FieldKind::Date, Json::String(text)) => text.chars().take(10).collect(),
        (FieldKind::UtcDateTime, Json::String(text)) => {
            text.trim_end_matches('Z').replacen('T', " ", 1)
        }
        (_, Json::String(text)) => text.clone(),
        (_, Json::Null) => String::new(),
        (_, other) => other.to_string(),
    }
}
