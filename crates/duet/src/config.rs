//! `duet.yaml`: the two sides, the companies, the maps and the store of one environment.
//!
//! 1. [`document`]: YAML with places, so that every finding points at line and column.
//! 2. [`connection`]: the two sides, and [`mod@odata`] what an OData service needs to be told.
//! 3. [`secret`]: secrets by reference to the environment or a file, never inline.
//! 4. [`overrides`]: the engine's settings that the file may change; [`alerts`]: its alert rules.
//!
//! All findings of a file are collected and told at once.

pub mod alerts;
pub mod connection;
pub mod document;
pub mod odata;
pub mod overrides;
pub mod secret;

#[cfg(test)]
mod tests;

use connection::Connection;
use document::{Document, Entry, Table};
use duet_engine::Settings;
use duet_map::diagnostic::{Code, Diagnostic};
use duet_map::side::PerSide;
use secret::SecretRef;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The name that is looked for when none is given.
pub const FILE_NAME: &str = "duet.yaml";

/// The version of the file format that this release reads.
const FORMAT: i64 = 1;

/// The codes of findings in `duet.yaml`; each has a page under `docs/errors`.
pub mod codes {
    use super::Code;

    /// A file cannot be read.
    pub const UNREADABLE: Code = Code(5001);
    /// The file is not YAML.
    pub const NOT_YAML: Code = Code(5002);
    /// A key is not known.
    pub const UNKNOWN_KEY: Code = Code(5003);
    /// A key is missing.
    pub const MISSING_KEY: Code = Code(5004);
    /// A value has the wrong type or is out of range.
    pub const WRONG_VALUE: Code = Code(5005);
    /// A secret stands in the file itself.
    pub const INLINE_SECRET: Code = Code(5006);
    /// A secret's variable or file is not there.
    pub const NO_SECRET: Code = Code(5007);
    /// The file's format is not one that this release reads.
    pub const UNKNOWN_FORMAT: Code = Code(5008);
    /// The keys of a side name half a way to sign in, or several.
    pub const SIGN_IN: Code = Code(5100);
}

/// Where the HTTP server of `duet run` listens.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The address. Port 0 takes a free one.
    pub address: SocketAddr,
    /// What a webhook must present. Without it webhooks are refused.
    pub hook_secret: Option<SecretRef>,
}

/// A whole `duet.yaml`.
#[derive(Debug, Clone)]
pub struct Config {
    /// The project's name.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Which environment it is (`dev`, `test`, `uat`, `prod`).
    pub environment: String,
    /// The two sides.
    pub sides: PerSide<Connection>,
    /// The companies in scope, in lower case. Empty: all.
    pub companies: Vec<String>,
    /// Map files, folders and patterns, in order, relative to the file's folder.
    pub maps: Vec<String>,
    /// The store's file.
    pub store: PathBuf,
    /// Most bytes that the store's file may take.
    pub store_at_most: Option<u64>,
    /// Where alerts are posted.
    pub alert_hook: Option<SecretRef>,
    /// The HTTP server.
    pub listen: Listen,
    /// The engine's settings.
    pub settings: Settings,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            vec![document::finding(
                codes::UNREADABLE,
                format!("`{}` cannot be read: {error}", path.display()),
                None,
                Some(
                    "name the file with `--config FILE`, or let `duet demo` write one to start from"
                        .to_owned(),
                ),
            )]
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(&text, &path.display().to_string(), &folder)
    }

    /// Reads a text; relative paths in it start from `folder`.
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Self, Vec<Diagnostic>> {
        let document = Document::parse(text, file)?;
        let config = document
            .root()
            .and_then(|root| Self::from_table(root, folder));
        match (config, document.into_findings()) {
            (Some(config), findings) if findings.is_empty() => Ok(config),
            (_, findings) => Err(findings),
        }
    }

    fn from_table(mut root: Table<'_>, folder: &Path) -> Option<Self> {
        let format = root.require("duet");
        if let Some(format) = format {
            match format.integer() {
                Some(FORMAT) | None => {}
                Some(other) => {
                    format.report(
                        codes::UNKNOWN_FORMAT,
                        format!("this release reads format {FORMAT} of `duet.yaml`, not {other}"),
                        Some(format!("write `duet: {FORMAT}`, or use a newer release")),
                    );
                    // Another format's keys mean other things: findings about them would mislead.
                    return None;
                }
            }
        }
        let name = root.require("name").and_then(|entry| entry.text());
        let owner = root.optional("owner").and_then(|entry| entry.text());
        let environment = root
            .optional("environment")
            .and_then(|entry| entry.text())
            .unwrap_or_else(|| "dev".to_owned());
        let left = root
            .require("left")
            .and_then(|entry| Connection::read(&entry, folder));
        let right = root
            .require("right")
            .and_then(|entry| Connection::read(&entry, folder));
        let companies = root
            .optional("companies")
            .map(|entry| entry.texts())
            .unwrap_or_default()
            .into_iter()
            .map(|company| company.trim().to_lowercase())
            .collect();
        let maps = root.require("maps").map(|entry| entry.texts());
        let store = root
            .optional("store")
            .and_then(|entry| entry.text())
            .unwrap_or_else(|| ".duet/duet.db".to_owned());
        let listen = listen(&mut root, folder);
        let store_at_most = root
            .optional("store-at-most")
            .and_then(|entry| size(&entry));
        let mut settings = root
            .optional("settings")
            .and_then(|entry| entry.table())
            .map_or_else(Settings::default, overrides::settings);
        settings.alerts = root
            .optional("alerts")
            .map(|entry| alerts::rules(&entry))
            .unwrap_or_default();
        let alert_hook = root
            .optional("alert-hook")
            .and_then(|entry| SecretRef::read(&entry, folder));
        root.finish();
        Some(Self {
            name: name?,
            owner,
            environment,
            sides: PerSide {
                left: left?,
                right: right?,
            },
            companies,
            maps: maps?,
            store: folder.join(store),
            store_at_most,
            alert_hook,
            listen: listen?,
            settings,
            folder: folder.to_owned(),
        })
    }
}

/// A number of bytes with its unit.
fn size(entry: &Entry<'_>) -> Option<u64> {
    let text = entry.text()?;
    let units = [
        ("KB", 1 << 10),
        ("MB", 1 << 20),
        ("GB", 1 << 30),
        ("TB", 1 << 40),
    ];
    let bytes = units.into_iter().find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?.trim().parse::<u64>().ok()?;
        number.checked_mul(factor).filter(|bytes| *bytes > 0)
    });
    if bytes.is_none() {
        entry.report(
            codes::WRONG_VALUE,
            format!("`{text}` is no size"),
            Some("write a whole number and a unit: `500MB`, `20GB`".to_owned()),
        );
    }
    bytes
}

fn listen(root: &mut Table<'_>, folder: &Path) -> Option<Listen> {
    let address = match root.optional("listen") {
        None => SocketAddr::from(([127, 0, 0, 1], 7180)),
        Some(entry) => {
            let text = entry.text()?;
            let Ok(address) = text.parse() else {
                entry.report(
                    codes::WRONG_VALUE,
                    format!("`{text}` is no address to listen on"),
                    Some("write an IP address and a port: `127.0.0.1:7180`".to_owned()),
                );
                return None;
            };
            address
        }
    };
    let hook_secret = match root.optional("hook-secret") {
        None => None,
        Some(entry) => Some(SecretRef::read(&entry, folder)?),
    };
    Some(Listen {
        address,
        hook_secret,
    })
}
