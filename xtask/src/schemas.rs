//! Generates the schemas of the two stand-ins from the published facts.
//!
//! The road: read the facts, resolve which table every lookup path points to ([`lookups`]), choose
//! each table's integration key ([`keys`]), derive Dataverse tables ([`dataverse`]) and F&O entities
//! ([`finops`]) from the published columns and fields plus what the maps mention, check that every
//! line of every map finds its column and its field, and write both files with one column a line.
//! What cannot be derived stands in the tables of [`overrides`], each with its reason.

mod check;
mod dataverse;
mod enums;
mod finops;
mod guess;
mod keys;
mod lookups;
mod names;
mod overrides;
mod write;

use std::path::Path;

use anyhow::Context;

use crate::facts::Facts;

/// Where the schemas live, relative to this package.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/sandbox/schemas");

/// Writes both schema files from the facts in `data`.
pub(crate) fn run(data: &Path) -> anyhow::Result<()> {
    let facts = Facts::read(data)?;
    let lookups = lookups::Lookups::resolve(&facts)?;
    let keys = keys::choose(&facts, &lookups);
    let dataverse = dataverse::build(&facts, &lookups, &keys)?;
    let finops = finops::build(&facts, &lookups, &keys, &dataverse)?;
    check::every_line_resolves(&facts, &dataverse, &finops)?;

    let folder = Path::new(FOLDER);
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    for (file, text) in [
        (
            "dataverse.json",
            write::render(&serde_json::to_value(&dataverse)?),
        ),
        (
            "finops.json",
            write::render(&serde_json::to_value(&finops)?),
        ),
    ] {
        let path = folder.join(file);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!(
        "{} Dataverse tables with {} columns; {} F&O entities with {} fields and {} enums",
        dataverse.tables.len(),
        dataverse
            .tables
            .iter()
            .map(|table| table.columns.len())
            .sum::<usize>(),
        finops.entities.len(),
        finops
            .entities
            .iter()
            .map(|entity| entity.fields.len())
            .sum::<usize>(),
        finops.enums.len(),
    );
    Ok(())
}
