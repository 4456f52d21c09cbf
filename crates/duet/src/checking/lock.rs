//! The lock: what the maps and both schemas were when they were deployed.
//!
//! `duet check --save` writes `duet.lock` beside `duet.yaml`, a file for version control. A later
//! check tells what has changed since. It holds the parts of the schemas that maps lean on and the
//! maps' own text; no secrets and no rows.

use crate::config::Config;
use crate::config::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use duet_map::analysis::drift::{self, Deployed};
use duet_map::diagnostic::{Diagnostic, Severity};
use duet_map::file::MapFile;
use duet_map::schema::SchemaSet;
use duet_map::side::{PerSide, Side};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The version of the lock's format.
const FORMAT: u32 = 1;

/// A lock as its file says it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lock {
    #[serde(rename = "duet-lock")]
    format: u32,
    environment: String,
    addresses: PerSide<String>,
    maps: Vec<LockedMap>,
    tables: PerSide<SchemaSet>,
}

/// A map as it was deployed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct LockedMap {
    map: String,
    version: String,
    text: String,
}

/// A lock that was read.
#[derive(Debug, Clone)]
pub struct Before {
    /// What stood then.
    pub deployed: Deployed,
    addresses: PerSide<String>,
    file: String,
}

/// The lock that belongs to a configuration file: `duet.lock` beside `duet.yaml`.
pub fn beside(config: &Path) -> PathBuf {
    config.with_extension("lock")
}

impl Lock {
    /// The lock of a project as it is now.
    pub fn of(config: &Config, files: &[MapFile], schemas: &PerSide<SchemaSet>) -> Self {
        Self {
            format: FORMAT,
            environment: config.environment.clone(),
            addresses: PerSide::from_fn(|side| address(&config.sides[side])),
            maps: files
                .iter()
                .map(|file| LockedMap {
                    map: file.map.value.clone(),
                    version: file.version.value.clone(),
                    text: file.to_yaml(),
                })
                .collect(),
            tables: drift::kept(files, schemas),
        }
    }

    /// Writes it, so that a reader never sees half of it.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let unwritable = |why: &dyn std::fmt::Display| {
            Failure::new(
                Exit::Configuration,
                codes::LOCK_UNWRITABLE,
                format!("`{}` cannot be written: {why}", path.display()),
                "check who may write there".to_owned(),
            )
        };
        let mut text = serde_json::to_string_pretty(self).map_err(|error| unwritable(&error))?;
        text.push('\n');
        let half = path.with_extension("lock.new");
        std::fs::write(&half, text).map_err(|error| unwritable(&error))?;
        std::fs::rename(&half, path).map_err(|error| unwritable(&error))
    }
}

/// Reads a lock; `None` where there is none. One that does not read is a finding.
pub fn read(path: &Path) -> Result<Option<Before>, Box<Diagnostic>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, &error.to_string())),
    };
    let lock: Lock =
        serde_json::from_str(&text).map_err(|error| unreadable(path, &error.to_string()))?;
    if lock.format != FORMAT {
        let why = format!("it has format {}, this release reads {FORMAT}", lock.format);
        return Err(unreadable(path, &why));
    }
    let file = path.display().to_string();
    let maps: Result<Vec<MapFile>, _> = lock
        .maps
        .iter()
        .map(|map| MapFile::parse(&map.text, &file).map_err(|_| map.map.clone()))
        .collect();
    let maps = maps.map_err(|map| unreadable(path, &format!("its map {map} does not read")))?;
    Ok(Some(Before {
        deployed: Deployed {
            tables: lock.tables,
            maps,
        },
        addresses: lock.addresses,
        file,
    }))
}

impl Before {
    /// Sides that are other environments now.
    pub fn moved(&self, config: &Config) -> Vec<Diagnostic> {
        let moved = Side::BOTH
            .into_iter()
            .filter(|side| self.addresses[*side] != address(&config.sides[*side]));
        moved
            .map(|side| Diagnostic {
                code: codes::ENVIRONMENT_MOVED,
                severity: Severity::Warning,
                message: format!("the {side} side is another environment than at deployment"),
                place: None,
                notes: vec![
                    format!("{} was written for {}", self.file, self.addresses[side]),
                    format!("duet.yaml names {}", address(&config.sides[side])),
                    "records may carry other identifiers there, so that pairs in the store point \
                     at nothing"
                        .to_owned(),
                ],
                fix: Some(
                    "give the environment a store and a lock of its own: `duet check --save`"
                        .to_owned(),
                ),
            })
            .collect()
    }
}

/// The address without what may differ between two spellings of one place.
fn address(connection: &Connection) -> String {
    let address = connection.url.as_str().trim_end_matches('/');
    address.to_lowercase()
}

#[expect(
    clippy::unnecessary_box_returns,
    reason = "it is the error of a result, which is to be small"
)]
fn unreadable(path: &Path, why: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic {
        code: codes::LOCK_UNREADABLE,
        severity: Severity::Error,
        message: format!("`{}` is no lock that this release reads", path.display()),
        place: None,
        notes: vec![why.to_owned()],
        fix: Some(
            "restore it from version control, or write it anew: `duet check --save`".to_owned(),
        ),
    })
}
