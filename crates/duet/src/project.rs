//! From `duet.yaml` to something that runs: map files, connections, schemas, the engine.

use crate::cli::Global;
use crate::config::{Config, Connection, SystemKind};
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::map_files;
use crate::schemas;
use crate::terminal::Terminal;
use duet_engine::{Engine, Parts, Progress, Project, SystemClock};
use duet_map::CompiledMap;
use duet_map::diagnostic::{Diagnostic, Severity};
use duet_map::file::MapFile;
use duet_map::schema::{SchemaSet, SchemaSource};
use duet_map::side::{PerSide, Side};
use duet_store::Store;
use duet_store::sqlite::SqliteStore;
use duet_systems::System;
use duet_systems::dataverse::DataverseConfig;
use duet_systems::finops::FinOpsConfig;
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Reads the configuration file that the command line names.
pub fn config(global: &Global) -> Result<Config, Failure> {
    Config::read(&global.config).map_err(Failure::configuration)
}

/// The secret that web hooks must present, if there is one.
pub fn hook_secret(config: &Config) -> Result<Option<SecretString>, Failure> {
    config
        .listen
        .hook_secret
        .as_ref()
        .map(|secret| secret.fetch(&variable))
        .transpose()
        .map_err(Failure::configuration)
}

/// Opens the store to write, and creates it where there is none.
pub fn open_store(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    if let Some(folder) = config.store.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(
                Exit::Store,
                codes::UNWRITABLE,
                format!("the folder `{}` cannot be made: {error}", folder.display()),
                "check who may write there, or change `store` in duet.yaml".to_owned(),
            )
        })?;
    }
    Ok(Arc::new(SqliteStore::open(&config.store)?))
}

/// Opens the store to read, while another process may work on it.
pub fn open_store_to_read(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    if !config.store.exists() {
        return Err(Failure::new(
            Exit::Store,
            codes::NO_STORE,
            format!("there is no store at `{}` yet", config.store.display()),
            "run `duet sync` first, or name another configuration with `--config`".to_owned(),
        ));
    }
    Ok(Arc::new(SqliteStore::open_read_only(&config.store)?))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The connectors of both sides; nothing is sent yet.
pub fn systems(config: &Config) -> Result<PerSide<Arc<dyn System>>, Failure> {
    Ok(PerSide {
        left: system(&config.sides.left, Side::Left)?,
        right: system(&config.sides.right, Side::Right)?,
    })
}

fn system(connection: &Connection, side: Side) -> Result<Arc<dyn System>, Failure> {
    let secret = connection
        .client_secret
        .fetch(&variable)
        .map_err(Failure::configuration)?;
    let name = connection.name.clone();
    let url = connection.url.clone();
    let tenant = connection.tenant.clone();
    let client = connection.client_id.clone();
    let built: Result<Arc<dyn System>, _> = match connection.system {
        SystemKind::Dataverse => {
            let mut config = DataverseConfig::new(name, url, tenant, client, secret);
            config.token_url.clone_from(&connection.token_url);
            config.build().map(|system| Arc::new(system) as _)
        }
        SystemKind::FinOps => {
            let mut config = FinOpsConfig::new(name, url, tenant, client, secret);
            config.token_url.clone_from(&connection.token_url);
            config.build().map(|system| Arc::new(system) as _)
        }
    };
    built.map_err(|error| Failure::system(&format!("the {side} side cannot be set up"), &error))
}

/// What a check found.
#[derive(Debug)]
pub struct Checked {
    /// How many map files there are.
    pub maps: usize,
    /// Everything found in them.
    pub findings: Vec<Diagnostic>,
}

/// Parses every map, fetches the schemas of both sides and compiles; collects all findings.
pub async fn check(config: &Config) -> Result<Checked, Failure> {
    let sources = map_files::read(config)?;
    let systems = systems(config)?;
    let maps = sources.len();
    let (files, mut findings) = map_files::parse(&sources);
    let schemas = schemas::fetch(&systems, &files).await?;
    let (_, more) = compile(&files, &schemas);
    findings.extend(more);
    Ok(Checked { maps, findings })
}

fn compile(files: &[MapFile], schemas: &PerSide<SchemaSet>) -> (Vec<CompiledMap>, Vec<Diagnostic>) {
    let mut maps = Vec::with_capacity(files.len());
    let mut findings = Vec::new();
    for file in files {
        match CompiledMap::compile(file, &schemas.left, &schemas.right) {
            Ok((map, more)) => {
                maps.push(map);
                findings.extend(more);
            }
            Err(more) => findings.extend(more),
        }
    }
    (maps, findings)
}

/// A project that is ready to run.
pub struct Prepared {
    maps: Vec<CompiledMap>,
    systems: PerSide<Arc<dyn System>>,
    schemas: PerSide<SchemaSet>,
    store: Arc<dyn Store>,
}

/// Opens the store, connects and compiles. Findings that stop a map stop the project.
pub async fn prepare(config: &Config, terminal: Terminal) -> Result<Prepared, Failure> {
    let sources = map_files::read(config)?;
    let (files, mut findings) = map_files::parse(&sources);
    if !findings.is_empty() {
        return Err(Failure::configuration(findings));
    }
    let systems = systems(config)?;
    let schemas = schemas::fetch(&systems, &files).await?;
    let (maps, more) = compile(&files, &schemas);
    findings.extend(more);
    if findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
    {
        // Warnings beside errors would bury them.
        findings.retain(|finding| finding.severity == Severity::Error);
        return Err(Failure::configuration(findings));
    }
    if !findings.is_empty() {
        terminal.say(&format!(
            "{} findings about the maps: `duet check` shows them.",
            findings.len()
        ));
    }
    Ok(Prepared {
        maps,
        systems,
        schemas,
        store: open_store(config)?,
    })
}

impl Prepared {
    /// How many maps there are.
    pub fn maps(&self) -> usize {
        self.maps.len()
    }

    /// The type names of a side's mapped tables (`account`), for registering web hooks.
    pub fn type_names(&self, side: Side) -> BTreeSet<String> {
        self.maps
            .iter()
            .filter_map(|map| self.schemas[side].table(map.table(side)))
            .map(|table| table.type_name.clone())
            .collect()
    }

    /// The store.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// The engine over these parts.
    pub fn engine(self, config: &Config, progress: Arc<dyn Progress>) -> Engine {
        Engine::new(Parts {
            project: Project::build(self.maps, config.companies.clone()),
            systems: self.systems,
            store: self.store,
            clock: Arc::new(SystemClock),
            settings: config.settings.clone(),
            progress,
            seed: rand::random(),
        })
    }
}
