//! Checks that every line of every map finds its field and its column, and that names are unique.

use std::collections::BTreeSet;

use anyhow::bail;
use duet_sandbox::schema::{ColumnKind, DataverseSchema, FieldKind, FinOpsSchema, Table};

use super::lookups::polymorphic;
use crate::facts::Facts;

/// Fails with all lines that do not resolve.
pub(crate) fn every_line_resolves(
    facts: &Facts,
    dataverse: &DataverseSchema,
    finops: &FinOpsSchema,
) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for map in &facts.maps {
        let entity = finops
            .entities
            .iter()
            .find(|entity| entity.title == map.title);
        let table = dataverse.table_by_set(&map.entity_set);
        let (Some(entity), Some(table)) = (entity, table) else {
            wrong.push(format!("map {}: entity or table missing", map.id));
            continue;
        };
        for line in facts.fields_of(&map.id) {
            if line.field != "none" {
                match entity.field(&line.field).map(|field| &field.kind) {
                    None => wrong.push(format!("map {}: no field {}", map.id, line.field)),
                    Some(FieldKind::Enum { name }) if finops.enum_type(name).is_none() => {
                        wrong.push(format!("map {}: {} has no enum", map.id, line.field));
                    }
                    Some(_) => {}
                }
            }
            if line.path != "none" && !path_resolves(dataverse, table, &line.path) {
                wrong.push(format!("map {}: no column {}", map.id, line.path));
            }
        }
    }
    for entity in &finops.entities {
        for relation in &entity.relations {
            let target = finops.collection(&relation.entity);
            for pair in &relation.fields {
                let known = entity.field(&pair.from).is_some()
                    && target.is_some_and(|target| target.field(&pair.to).is_some());
                if !known {
                    wrong.push(format!(
                        "{}: relation {} is broken",
                        entity.name, relation.name
                    ));
                }
            }
        }
    }
    let mut seen = BTreeSet::new();
    for name in finops
        .entities
        .iter()
        .map(|entity| &entity.name)
        .chain(finops.enums.iter().map(|known| &known.name))
    {
        if !seen.insert(name) {
            wrong.push(format!("the name {name} is used twice"));
        }
    }
    if !wrong.is_empty() {
        bail!("{} problems:\n  {}", wrong.len(), wrong.join("\n  "));
    }
    Ok(())
}

fn path_resolves(schema: &DataverseSchema, table: &Table, path: &str) -> bool {
    let step = |table: &Table, column: &str| -> Vec<String> {
        match table.column(column).map(|column| &column.kind) {
            Some(ColumnKind::Lookup { targets }) => {
                targets.iter().map(|target| target.table.clone()).collect()
            }
            _ => Vec::new(),
        }
    };
    if let Some((column, targets)) = polymorphic(path) {
        let known = step(table, &column);
        return targets.iter().all(|(target, end)| {
            known.contains(target)
                && schema
                    .table(target)
                    .is_some_and(|table| table.column(end).is_some())
        });
    }
    match path.split_once('.') {
        None => table.column(path).is_some(),
        Some((column, rest)) => step(table, column).iter().any(|target| {
            schema
                .table(target)
                .is_some_and(|table| path_resolves(schema, table, rest))
        }),
    }
}
