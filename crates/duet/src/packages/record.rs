//! The record of what was installed: a file in the maps folder, to be kept under version control.
//!
//! It holds a fingerprint of every map as it was installed, so that a later install can tell a map
//! that a person edited from one that merely is older.

use super::codes;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::stand_ins::unwritable;
use semver::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The record's name in the maps folder.
const FILE: &str = "packages.json";

/// The version of the record's format.
const FORMAT: u32 = 1;

/// Fingerprints are name-based UUIDs in this namespace.
const NAMESPACE: Uuid = Uuid::from_u128(0x6475_6574_0000_4000_8000_7061_636b_6167);

/// What was installed in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    format: u32,
    /// By the package's name.
    pub packages: BTreeMap<String, Installed>,
}

/// One installed package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// Its version.
    pub version: Version,
    /// The fingerprint of each map file as it was installed.
    pub maps: BTreeMap<String, Uuid>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            format: FORMAT,
            packages: BTreeMap::new(),
        }
    }
}

impl Record {
    /// Reads the record of a maps folder; an empty one where there is none.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let path = path(folder);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unreadable(&path, &error.to_string())),
        };
        let record: Self =
            serde_json::from_str(&text).map_err(|error| unreadable(&path, &error.to_string()))?;
        if record.format != FORMAT {
            let reason = format!(
                "it has format {}, this release reads {FORMAT}",
                record.format
            );
            return Err(unreadable(&path, &reason));
        }
        Ok(record)
    }

    /// Writes the record.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        let path = path(folder);
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::bug("the record of packages cannot be written", &error))?;
        text.push('\n');
        fs::write(&path, text).map_err(|error| unwritable(&path, &error))
    }

    /// The fingerprint of a map as it was installed.
    pub fn installed(&self, package: &str, file: &str) -> Option<Uuid> {
        self.packages.get(package)?.maps.get(file).copied()
    }
}

/// The fingerprint of a text; line ends do not count, for version control may change them.
pub fn fingerprint(text: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, text.replace("\r\n", "\n").as_bytes())
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

fn unreadable(path: &Path, reason: &str) -> Failure {
    Failure::new(
        Exit::Configuration,
        codes::BAD_RECORD,
        format!("`{}` cannot be read: {reason}", path.display()),
        "restore it from version control; without it every map counts as edited".to_owned(),
    )
}
