//! What two systems hold, seen through the maps of the packages.

use crate::config::Config;
use crate::failure::Failure;
use crate::packages::Package;
use crate::project;
use crate::schemas;
use crate::terminal::Terminal;
use crate::volumes::{self, Scope, Volume};
use duet_map::CompiledMap;
use duet_map::codes::UNKNOWN_TABLE;
use duet_map::diagnostic::Severity;
use duet_map::file::MapFile;
use duet_map::side::{PerSide, Side};
use serde::Serialize;

/// What was found about every map of every package.
#[derive(Debug, Serialize)]
pub struct Survey {
    /// The maps, package by package.
    pub maps: Vec<Surveyed>,
}

/// What was found about one map.
#[derive(Debug, Serialize)]
pub struct Surveyed {
    /// Its package.
    pub package: String,
    /// Its file in the package.
    pub file: String,
    /// Its name.
    pub map: String,
    /// `=`, `>` or `<`: the way in which its rows travel.
    pub direction: &'static str,
    /// The conditions that its rows must satisfy.
    pub filters: PerSide<Option<String>>,
    /// Why it cannot run here, in a sentence; none when it can.
    pub obstacle: Option<String>,
    /// The rows that it would carry; none where a table is missing or may not be read.
    pub volumes: PerSide<Option<Volume>>,
}

impl Surveyed {
    /// Whether either side holds rows for it.
    pub fn is_used(&self) -> bool {
        Side::BOTH.into_iter().any(|side| {
            self.volumes[side]
                .as_ref()
                .is_some_and(|volume| volume.rows > 0)
        })
    }
}

/// Reads both schemas and counts rows.
pub async fn survey(
    config: &Config,
    packages: &[Package],
    at_most: u64,
    terminal: Terminal,
) -> Result<Survey, Failure> {
    let systems = project::systems(config)?;
    for side in Side::BOTH {
        let name = systems[side].name();
        terminal.say(&format!("Signing in to {name} …"));
        systems[side]
            .probe()
            .await
            .map_err(|error| Failure::system(&format!("the {side} side ({name})"), &error))?;
    }
    let mut files = Vec::new();
    for package in packages {
        for (file, text) in &package.maps {
            let map = MapFile::parse(text, file).map_err(Failure::configuration)?;
            files.push((package.manifest.name.clone(), (*file).to_owned(), map));
        }
    }
    terminal.say(&format!("Reading the schemas of {} maps …", files.len()));
    let maps: Vec<MapFile> = files.iter().map(|(_, _, map)| map.clone()).collect();
    let schemas = schemas::fetch(&systems, &maps).await?;
    let mut compiled = Vec::new();
    let mut surveyed = Vec::new();
    let mut places = Vec::new();
    for (package, file, map) in files {
        let direction = direction(&map);
        let filter = |side: Side| {
            map.ends[side]
                .filter
                .as_ref()
                .map(|filter| filter.value.clone())
        };
        let filters = PerSide {
            left: filter(Side::Left),
            right: filter(Side::Right),
        };
        let name = map.map.value.clone();
        let obstacle = match CompiledMap::compile(&map, &schemas.left, &schemas.right) {
            Ok((map, _)) => {
                places.push(surveyed.len());
                compiled.push(map);
                None
            }
            Err(findings) => {
                let mut errors = findings
                    .iter()
                    .filter(|finding| finding.severity == Severity::Error);
                let missing = errors.clone().find(|finding| finding.code == UNKNOWN_TABLE);
                missing
                    .or_else(|| errors.next())
                    .map(|finding| finding.message.clone())
            }
        };
        surveyed.push(Surveyed {
            package,
            file,
            map: name,
            direction,
            filters,
            obstacle,
            volumes: PerSide::default(),
        });
    }
    terminal.say(&format!("Counting the rows of {} maps …", compiled.len()));
    let scope = Scope {
        companies: &config.companies,
        at_most,
    };
    let volumes = volumes::count(&systems, &compiled, scope).await?;
    for (place, volumes) in places.into_iter().zip(volumes) {
        if let Some(map) = surveyed.get_mut(place) {
            map.volumes = volumes;
        }
    }
    Ok(Survey { maps: surveyed })
}

/// The way in which rows of a map travel: `=` both ways, `>` or `<` one.
pub fn direction(map: &MapFile) -> &'static str {
    let flows = |side: Side| {
        map.fields.iter().any(|field| {
            let source = match side {
                Side::Left => &field.left,
                Side::Right => &field.right,
            };
            source.is_some() && field.direction.flows_from(side)
        })
    };
    match (flows(Side::Left), flows(Side::Right)) {
        (true, false) => ">",
        (false, true) => "<",
        _ => "=",
    }
}
