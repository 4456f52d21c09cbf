//! What a blueprint says, before it takes a form.

use crate::config::Config;
use crate::failure::Failure;
use crate::init::survey::direction;
use crate::map_files;
use crate::project;
use crate::schemas;
use crate::volumes::{self, Scope, Volume};
use duet_map::CompiledMap;
use duet_map::file::MapFile;
use duet_map::order::dependency_order;
use duet_map::side::{PerSide, Side};
use serde::Serialize;

/// Everything that a blueprint says.
#[derive(Debug, Serialize)]
pub struct Blueprint {
    /// The project's name.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Which environment it describes.
    pub environment: String,
    /// What both systems are called.
    pub systems: PerSide<String>,
    /// The companies in scope; empty: all.
    pub companies: Vec<String>,
    /// Whether both systems were asked: without them there are no volumes and no order.
    pub connected: bool,
    /// The maps, whatever is needed first.
    pub maps: Vec<Entry>,
}

/// What it says about one map.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its name.
    pub map: String,
    /// Its version.
    pub version: String,
    /// Why it exists.
    pub why: String,
    /// `=`, `>` or `<`: the way in which its rows travel.
    pub direction: &'static str,
    /// Both tables.
    pub ends: PerSide<End>,
    /// `per-company` or `shared`.
    pub company: &'static str,
    /// The lines of the integration key.
    pub key: Vec<String>,
    /// The side that wins.
    pub master: Side,
    /// What a deletion does to the other record.
    pub deletes: &'static str,
    /// Whose value stands in a conflict.
    pub conflicts: &'static str,
    /// The field mappings.
    pub fields: Vec<Line>,
    /// Indices of the maps that come before it because it refers to them.
    pub needs: Vec<usize>,
    /// Lookups that cannot wait for what they point at.
    pub circular: Vec<String>,
    /// What no source confirms.
    pub assumed: Vec<String>,
}

/// One side of a map.
#[derive(Debug, Clone, Serialize)]
pub struct End {
    /// Its table.
    pub table: String,
    /// Which rows take part.
    pub filter: Option<String>,
    /// How many there are, where they were counted.
    pub volume: Option<Volume>,
}

/// One field mapping.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The line in Microsoft's notation.
    pub line: String,
    /// Its value map: left and right values.
    pub values: Vec<(String, String)>,
}

impl Blueprint {
    /// Gathers everything. `at_most`: rows to count of each table; none asks no system.
    pub async fn gather(config: &Config, at_most: Option<u64>) -> Result<Self, Failure> {
        let (files, findings) = map_files::parse(&map_files::read(config)?);
        if !findings.is_empty() {
            return Err(Failure::configuration(findings));
        }
        let mut maps: Vec<Entry> = files.iter().map(entry).collect();
        if let Some(at_most) = at_most {
            let systems = project::systems(config)?;
            let schemas = schemas::fetch(&systems, &files).await?;
            // A map that does not compile is described all the same, at the end.
            let (mut compiled, mut places) = (Vec::new(), Vec::new());
            for (place, file) in files.iter().enumerate() {
                if let Ok((map, _)) = CompiledMap::compile(file, &schemas.left, &schemas.right) {
                    compiled.push(map);
                    places.push(place);
                }
            }
            let scope = Scope {
                companies: &config.companies,
                at_most,
            };
            let volumes = volumes::count(&systems, &compiled, scope).await?;
            for (place, volumes) in places.iter().zip(volumes) {
                maps[*place].ends.left.volume = volumes.left;
                maps[*place].ends.right.volume = volumes.right;
            }
            maps = ordered(maps, &compiled, &places);
        }
        Ok(Self {
            name: config.name.clone(),
            owner: config.owner.clone(),
            environment: config.environment.clone(),
            systems: PerSide {
                left: config.sides.left.name.clone(),
                right: config.sides.right.name.clone(),
            },
            companies: config.companies.clone(),
            connected: at_most.is_some(),
            maps,
        })
    }
}

fn entry(file: &MapFile) -> Entry {
    let end = |side: Side| End {
        table: file.ends[side].entity.value.clone(),
        filter: file.ends[side]
            .filter
            .as_ref()
            .map(|filter| filter.value.clone()),
        volume: None,
    };
    Entry {
        map: file.map.value.clone(),
        version: file.version.value.clone(),
        why: file.why.clone(),
        direction: direction(file),
        ends: PerSide {
            left: end(Side::Left),
            right: end(Side::Right),
        },
        company: file.company.value.as_str(),
        key: file
            .key
            .iter()
            .map(|part| format!("{} = {}", part.left.value, part.right.value))
            .collect(),
        master: file.master,
        deletes: file.deletes.value.as_str(),
        conflicts: file.conflicts.value.as_str(),
        fields: file
            .fields
            .iter()
            .map(|field| Line {
                line: field.to_string(),
                values: field
                    .values
                    .iter()
                    .map(|(left, right)| (left.value.clone(), right.value.clone()))
                    .collect(),
            })
            .collect(),
        needs: Vec::new(),
        circular: Vec::new(),
        assumed: file.assumed.clone(),
    }
}

/// The maps in the order of their dependencies, with what each needs.
fn ordered(maps: Vec<Entry>, compiled: &[CompiledMap], places: &[usize]) -> Vec<Entry> {
    let order = dependency_order(compiled);
    let position = |map: usize| order.maps.iter().position(|other| *other == map);
    let mut sorted: Vec<Entry> = Vec::with_capacity(maps.len());
    for (here, map) in order.maps.iter().enumerate() {
        let mut entry = maps[places[*map]].clone();
        for lookup in compiled[*map].lookups() {
            let owners = compiled.iter().enumerate().filter(|(_, owner)| {
                let table = owner.table(lookup.side);
                lookup
                    .tables
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(table))
            });
            for before in owners.filter_map(|(owner, _)| position(owner)) {
                if before < here && !entry.needs.contains(&before) {
                    entry.needs.push(before);
                }
            }
            if order.in_cycle(&entry.map, &lookup.column) {
                entry.circular.push(lookup.column);
            }
        }
        entry.needs.sort_unstable();
        sorted.push(entry);
    }
    let left_over = maps.into_iter().enumerate();
    sorted.extend(
        left_over
            .filter(|(place, _)| !places.contains(place))
            .map(|(_, entry)| entry),
    );
    sorted
}
