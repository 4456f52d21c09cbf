//! Writes the out-of-the-box maps of `solutions/` from the published facts.
//!
//! Every published field line becomes a line of its map, with its value map and default. What is
//! not published is inferred and noted in the file under `assumed`: the key is the alternate key of
//! the generated Dataverse schema, which the maps' own lookup paths end in; the company context
//! follows the generated F&O entity where the published list is silent; master, deletes and
//! allocation are Duet's choice ([`policy`]).

mod why;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, bail};
use duet_map::file::{
    Company, Conflicts, Deletes, Direction, End, Field, KeyPart, MapFile, Mark, Marked,
};
use duet_map::{PerSide, Side};
use duet_sandbox::schema::{DataverseSchema, Entity, FinOpsSchema, Table, dataverse, finops};

use crate::facts::{ASSUMED_LINES, AssumedLine, Facts, MapField, TableMap};

/// Where the maps live, relative to this package.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../solutions");

const HEADER: &str = "\
# Table, fields, filters and value maps as published by Microsoft (CC BY 4.0, see NOTICE).
# Written by `cargo xtask maps`; edit a copy, or the generator.
";

/// Writes a file for each map of the facts in `data`.
pub(crate) fn run(data: &Path) -> anyhow::Result<()> {
    let facts = Facts::read(data)?;
    let (dataverse, finops) = (dataverse()?, finops()?);
    let mut names = BTreeSet::new();
    let mut lines = 0;
    for map in &facts.maps {
        let file = build(map, &facts, &dataverse, &finops)
            .with_context(|| format!("map {} ({} → {})", map.id, map.title, map.entity_set))?;
        if !names.insert(file.map.value.clone()) {
            bail!("two maps are called {}", file.map.value);
        }
        lines += file.fields.len();
        let folder = Path::new(FOLDER).join(&map.package);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join(format!("{}.yaml", file.map.value));
        std::fs::write(&path, format!("{HEADER}{file}"))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{} maps with {lines} fields", names.len());
    Ok(())
}

fn build(
    map: &TableMap,
    facts: &Facts,
    dataverse: &DataverseSchema,
    finops: &FinOpsSchema,
) -> anyhow::Result<MapFile> {
    let entity = finops
        .entities
        .iter()
        .find(|entity| entity.title == map.title)
        .context("the generated F&O schema lacks its entity")?;
    let table = dataverse
        .table_by_set(&map.entity_set)
        .context("the generated Dataverse schema lacks its table")?;
    let lines: Vec<&MapField> = facts.fields_of(&map.id).collect();
    let mut assumed = Vec::new();
    let company = if entity.per_company {
        Company::PerCompany
    } else {
        Company::Shared
    };
    if map.company.is_empty() {
        assumed.push(format!(
            "company: the entity is not published; its package suggests that its rows are {}",
            company.as_str()
        ));
    }
    let key = key(map, &lines, table, entity, &mut assumed)?;
    let added = ASSUMED_LINES.iter().filter(|line| line.map_id == map.id);
    assumed.extend(added.map(|line| {
        let AssumedLine {
            field,
            direction,
            path,
            reason,
            ..
        } = line;
        format!("line {field} {direction} {path}: {reason}")
    }));
    let policy = policy(map, &lines);
    let filter = |text: &str| (!text.is_empty()).then(|| Marked::from(text));
    Ok(MapFile {
        map: Marked::unplaced(format!("{}.{}", slug(&map.title), map.entity_set)),
        version: Marked::from("1.0.0"),
        why: why::why(&map.id)
            .context("no reason is written for it in maps/why.rs")?
            .to_owned(),
        ends: PerSide {
            left: End {
                entity: Marked::from(entity.collection.as_str()),
                filter: filter(&map.finops_filter),
            },
            right: End {
                entity: Marked::from(map.entity_set.as_str()),
                filter: filter(&map.dataverse_filter),
            },
        },
        company: Marked::unplaced(company),
        key,
        master: policy.master,
        conflicts: Marked::unplaced(Conflicts::Master),
        deletes: Marked::unplaced(policy.deletes),
        deactivate: PerSide::default(),
        allocates: entity.number_sequence.as_ref().map(|_| Side::Left),
        fields: lines
            .iter()
            .map(|line| field(line))
            .collect::<anyhow::Result<_>>()?,
        assumed,
        allow: Vec::new(),
    })
}

fn field(line: &MapField) -> anyhow::Result<Field> {
    let direction = Direction::from_symbol(&line.direction)
        .with_context(|| format!("`{}` is no direction", line.direction))?;
    let operand = |text: &str| (text != "none").then(|| Marked::from(text));
    Ok(Field {
        at: Mark::default(),
        left: operand(&line.field),
        right: operand(&line.path),
        direction,
        values: line
            .values
            .iter()
            .map(|(left, right)| (Marked::from(left.as_str()), Marked::from(right.as_str())))
            .collect(),
        default: (!line.default.is_empty()).then(|| Marked::from(line.default.as_str())),
        expression: None,
        conflicts: None,
        create: None,
    })
}

/// A key that the alternate key of the Dataverse table does not give.
struct KnownKey {
    map_id: &'static str,
    parts: &'static [(&'static str, &'static str)],
    reason: &'static str,
}

const KEYS: &[KnownKey] = &[KnownKey {
    map_id: "148",
    parts: &[("LEGALENTITYID", "msdyn_company.cdm_companycode")],
    reason: "a ledger is the ledger of one legal entity",
}];

/// The integration key: every line that feeds a column of the table's alternate key. Several lines
/// through one lookup together name the record that it points at.
fn key(
    map: &TableMap,
    lines: &[&MapField],
    table: &Table,
    entity: &Entity,
    assumed: &mut Vec<String>,
) -> anyhow::Result<Vec<KeyPart>> {
    let part = |left: &str, right: &str| KeyPart {
        left: Marked::from(left),
        right: Marked::from(right),
    };
    if let Some(known) = KEYS.iter().find(|known| known.map_id == map.id) {
        assumed.push(format!("key: keys are not published; {}", known.reason));
        return Ok(known
            .parts
            .iter()
            .map(|(left, right)| part(left, right))
            .collect());
    }
    let Some(alternate) = table.keys.first() else {
        bail!("its table has no alternate key in the generated schema");
    };
    let mut parts = Vec::new();
    for column in alternate.columns.iter().filter(|column| *column != COMPANY) {
        let before = parts.len();
        for line in lines {
            let first = line.path.split('.').next().unwrap_or("");
            if first == column && line.field != "none" {
                parts.push(part(&line.field, &line.path));
            }
        }
        if parts.len() == before {
            bail!("no line feeds the key column `{column}`; name the key in maps.rs");
        }
    }
    let own: Vec<&str> = entity
        .keys
        .iter()
        .map(String::as_str)
        .filter(|key| *key != "dataAreaId")
        .collect();
    assumed.push(format!(
        "key: keys are not published; other maps' lookups and the entity's own identity ({}) point to it",
        own.join(", ")
    ));
    Ok(parts)
}

/// The lookup to the company on tables whose rows belong to one; the key holds it by itself.
const COMPANY: &str = "msdyn_company";

struct Policy {
    master: Side,
    deletes: Deletes,
}

/// Who wins, and what a deletion does. F&O is the system of record, so it wins unless nothing
/// travels from it.
fn policy(map: &TableMap, lines: &[&MapField]) -> Policy {
    let from_left = lines
        .iter()
        .filter(|line| line.field != "none" && line.path != "none")
        .any(|line| line.direction != "<" && line.direction != "<<");
    let deletes = match map.id.as_str() {
        // Removing a legal entity must not take the company's rows on the other side with it; and
        // the rows of 182 are deletion marks, of which a missing one means nothing.
        "102" | "142" | "143" | "182" => Deletes::Ignore,
        _ => Deletes::Propagate,
    };
    Policy {
        master: if from_left { Side::Left } else { Side::Right },
        deletes,
    }
}

/// `Customers V3` → `customers-v3`.
fn slug(title: &str) -> String {
    let words: Vec<String> = title
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("-")
}
