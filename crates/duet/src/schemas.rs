//! The schemas that a project's maps need: their own tables and those that lookup paths lead to.

use crate::failure::Failure;
use duet_map::file::MapFile;
use duet_map::schema::{ColumnType, SchemaSet, TableSchema};
use duet_map::side::{PerSide, Side};
use duet_systems::{Class, System};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeSet;

/// How many schemas are fetched at once.
const AT_ONCE: usize = 8;

/// Fetches what the maps mention on both sides. A table that does not exist is left out: the
/// compiler then reports the place in the map that asks for it.
pub async fn fetch(
    systems: &PerSide<std::sync::Arc<dyn System>>,
    files: &[MapFile],
) -> Result<PerSide<SchemaSet>, Failure> {
    let (left, right) = futures::try_join!(
        fetch_side(systems.left.as_ref(), Side::Left, files),
        fetch_side(systems.right.as_ref(), Side::Right, files),
    )?;
    Ok(PerSide { left, right })
}

async fn fetch_side(
    system: &dyn System,
    side: Side,
    files: &[MapFile],
) -> Result<SchemaSet, Failure> {
    let names = mentioned(files, side);
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let mut wanted: BTreeSet<String> = files
        .iter()
        .map(|file| file.ends[side].entity.value.clone())
        .collect();
    let mut tables = Vec::new();
    while !wanted.is_empty() {
        asked.extend(wanted.iter().map(|table| table.to_lowercase()));
        let found: Vec<Option<TableSchema>> = stream::iter(std::mem::take(&mut wanted))
            .map(|table| async move {
                match system.schema(&table).await {
                    Ok(schema) => Ok(Some(schema)),
                    Err(error) if error.class == Class::FixMap => Ok(None),
                    Err(error) => Err(Failure::system(
                        &format!("the schema of the {side} side cannot be read"),
                        &error,
                    )),
                }
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        for schema in found.into_iter().flatten() {
            wanted.extend(
                leads_to(&schema, &names).filter(|table| !asked.contains(&table.to_lowercase())),
            );
            tables.push(schema);
        }
    }
    Ok(SchemaSet(tables))
}

/// Every name that a side's keys and fields mention, in lower case: columns of the tables
/// themselves and of those that their lookups lead to.
fn mentioned(files: &[MapFile], side: Side) -> BTreeSet<String> {
    let ends = files.iter().flat_map(|file| {
        let keys = file.key.iter().map(move |part| match side {
            Side::Left => &part.left.value,
            Side::Right => &part.right.value,
        });
        let fields = file.fields.iter().filter_map(move |field| match side {
            Side::Left => field.left.as_ref().map(|path| &path.value),
            Side::Right => field.right.as_ref().map(|path| &path.value),
        });
        keys.chain(fields)
    });
    ends.flat_map(|path| path.split(['.', '(', ')']))
        .map(str::to_lowercase)
        .collect()
}

/// The tables that the mentioned lookups of a table lead to, its company's included.
fn leads_to<'s>(
    schema: &'s TableSchema,
    names: &'s BTreeSet<String>,
) -> impl Iterator<Item = String> + 's {
    schema
        .columns
        .iter()
        .filter(|(name, column)| {
            names.contains(*name)
                || schema
                    .company
                    .as_ref()
                    .is_some_and(|company| company.eq_ignore_ascii_case(&column.name))
        })
        .flat_map(|(_, column)| match &column.ty {
            ColumnType::Lookup { targets } => targets.as_slice(),
            _ => &[],
        })
        .map(|target| target.table.clone())
}
