//! From `duet.yaml` to something that runs: map files, connections, schemas, the engine.

use crate::cli::Global;
use crate::config::Config;
use crate::connectors::connect;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::map_files;
use crate::schemas;
use crate::terminal::Terminal;
use async_trait::async_trait;
use duet_engine::{
    Broken, Clock, Engine, Frame, Loaded, Loader, Parts, Progress, Project, Sessions, Settings,
    SystemClock,
};
use duet_map::CompiledMap;
use duet_map::diagnostic::{Diagnostic, Severity};
use duet_map::file::MapFile;
use duet_map::schema::{SchemaSet, SchemaSource};
use duet_map::side::{PerSide, Side};
use duet_store::lifecycle::Definition;
use duet_store::sqlite::SqliteStore;
use duet_store::store::Capture;
use duet_store::{Store, StoreError};
use duet_systems::System;
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
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

/// The name under which a running process keeps its HTTP address in the store.
pub const LISTENING: &str = "listening";

/// Where alerts are posted, if anywhere.
pub fn alert_hook(config: &Config) -> Result<Option<SecretString>, Failure> {
    config
        .alert_hook
        .as_ref()
        .map(|secret| secret.fetch(&variable))
        .transpose()
        .map_err(Failure::configuration)
}

/// Keeps the address of the process that runs in the store, so that others can knock.
pub async fn remember_address(store: &dyn Store, address: SocketAddr) -> Result<(), Failure> {
    // Whoever listens everywhere listens on this machine, too.
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let address = SocketAddr::new(ip, address.port());
    let capture = Capture {
        cursors: vec![(LISTENING.to_owned(), Some(address.to_string()))],
        ..Capture::default()
    };
    Ok(store.journal(capture, SystemClock.now()).await?)
}

/// Opens the store to write, and creates it where there is none.
pub fn open_store(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(open_sqlite(config)?))
}

/// As [`open_store`], for what only a file can tell.
pub fn open_sqlite(config: &Config) -> Result<SqliteStore, Failure> {
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
    Ok(match config.store_at_most {
        Some(bytes) => SqliteStore::open_limited(&config.store, bytes)?,
        None => SqliteStore::open(&config.store)?,
    })
}

/// Opens the store to read, while another process may work on it.
pub fn open_store_to_read(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(open_sqlite_to_read(config)?))
}

/// As [`open_store_to_read`], for what only a file can tell.
pub fn open_sqlite_to_read(config: &Config) -> Result<SqliteStore, Failure> {
    if !config.store.exists() {
        return Err(Failure::new(
            Exit::Store,
            codes::NO_STORE,
            format!("there is no store at `{}` yet", config.store.display()),
            "run `duet sync` first, or name another configuration with `--config`".to_owned(),
        ));
    }
    Ok(SqliteStore::open_read_only(&config.store)?)
}

/// Whether a process works on the store.
pub fn is_claimed(config: &Config) -> bool {
    SqliteStore::open_read_only(&config.store).is_ok_and(|store| store.is_claimed())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The connectors of both sides; nothing is sent yet.
pub fn systems(config: &Config) -> Result<PerSide<Arc<dyn System>>, Failure> {
    Ok(PerSide {
        left: connect(&config.sides.left, Side::Left)?,
        right: connect(&config.sides.right, Side::Right)?,
    })
}

/// What comes of compiling: the maps, what is wrong with the others, and further findings.
#[derive(Debug)]
pub struct Compiled {
    /// The maps that compile.
    pub maps: Vec<CompiledMap>,
    /// The others, each with its findings.
    pub failed: Vec<(MapFile, Vec<Diagnostic>)>,
    /// What is said about the maps that compile.
    pub findings: Vec<Diagnostic>,
}

/// Compiles every map.
pub fn compile(files: &[MapFile], schemas: &PerSide<SchemaSet>) -> Compiled {
    let mut compiled = Compiled {
        maps: Vec::with_capacity(files.len()),
        failed: Vec::new(),
        findings: Vec::new(),
    };
    for file in files {
        match CompiledMap::compile(file, &schemas.left, &schemas.right) {
            Ok((map, more)) => {
                compiled.maps.push(map);
                compiled.findings.extend(more);
            }
            Err(more) => compiled.failed.push((file.clone(), more)),
        }
    }
    compiled
}

/// A project that is ready to run.
pub struct Prepared {
    maps: Vec<CompiledMap>,
    broken: Vec<Broken>,
    systems: PerSide<Arc<dyn System>>,
    schemas: PerSide<SchemaSet>,
    store: Arc<SqliteStore>,
}

/// Opens the store, connects and compiles. Findings that stop a map stop the project, unless the map
/// ran as it is and only its schemas changed: then the others run without it.
pub async fn prepare(config: &Config, terminal: Terminal) -> Result<Prepared, Failure> {
    let systems = systems(config)?;
    let known = if config.store.exists() {
        known_definitions(config).await?
    } else {
        Vec::new()
    };
    let (compiled, broken, schemas) = load(config, &systems, &known).await?;
    if !compiled.findings.is_empty() {
        let findings = match compiled.findings.len() {
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        };
        terminal.say(&format!(
            "{findings} about the maps: `duet check` shows what."
        ));
    }
    for one in &broken {
        terminal.say(&format!("{} is error-paused: {}", one.map, one.reason));
    }
    Ok(Prepared {
        maps: compiled.maps,
        broken,
        systems,
        schemas,
        store: Arc::new(open_sqlite(config)?),
    })
}

/// The definitions in a store that exists. A store of an older format has none.
async fn known_definitions(config: &Config) -> Result<Vec<Definition>, Failure> {
    match SqliteStore::open_read_only(&config.store) {
        Ok(store) => Ok(store.definitions().await?),
        Err(StoreError::TooOld { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Reads and compiles everything. A map that does not compile although its file is as it was when it
/// ran is broken by its schemas, and no reason to stop the others.
async fn load(
    config: &Config,
    systems: &PerSide<Arc<dyn System>>,
    known: &[Definition],
) -> Result<(Compiled, Vec<Broken>, PerSide<SchemaSet>), Failure> {
    let sources = map_files::read(config)?;
    let (files, findings) = map_files::parse(&sources);
    if !findings.is_empty() {
        return Err(Failure::configuration(findings));
    }
    let schemas = schemas::fetch(systems, &files).await?;
    let mut compiled = compile(&files, &schemas);
    let mut broken = Vec::new();
    let mut wrong = Vec::new();
    for (file, findings) in std::mem::take(&mut compiled.failed) {
        let ran = known
            .iter()
            .any(|known| known.map == file.map.value && known.text == file.to_yaml());
        if ran {
            let reasons: Vec<String> = findings
                .iter()
                .filter(|finding| finding.severity == Severity::Error)
                .map(|finding| format!("{}: {}", finding.code, finding.message))
                .collect();
            broken.push(Broken {
                map: file.map.value.clone(),
                version: file.version.value.clone(),
                reason: format!(
                    "DUET4123: the schema changed: {}. The map goes on by itself when it is as it \
                     was",
                    reasons.join("; ")
                ),
            });
        } else {
            wrong.extend(findings);
        }
    }
    // Warnings beside errors would bury them.
    wrong.retain(|finding| finding.severity == Severity::Error);
    if wrong.is_empty() {
        Ok((compiled, broken, schemas))
    } else {
        Err(Failure::configuration(wrong))
    }
}

/// Reads `duet.yaml`, the maps and the schemas whenever a running process asks.
struct Files {
    path: PathBuf,
    systems: PerSide<Arc<dyn System>>,
    store: Arc<SqliteStore>,
}

#[async_trait]
impl Loader for Files {
    async fn load(&self) -> Result<Loaded, String> {
        let loaded = async {
            let config = Config::read(&self.path).map_err(Failure::configuration)?;
            self.store.limit(config.store_at_most).await?;
            let known = self.store.definitions().await?;
            let (compiled, broken, _) = load(&config, &self.systems, &known).await?;
            Ok(Loaded {
                maps: compiled.maps,
                broken,
                companies: config.companies.clone(),
                settings: settings(&config),
            })
        };
        loaded.await.map_err(|failure: Failure| {
            let mut findings = failure.findings.iter();
            let first = findings.next().map_or_else(String::new, |first| {
                format!("{}: {}", first.code, first.message)
            });
            match findings.count() {
                0 => first,
                more => format!("{first} (and {more} more)"),
            }
        })
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        failpoints: crate::failpoints::of_process(),
        ..config.settings.clone()
    }
}

impl Prepared {
    /// The map of this name.
    pub fn map(&self, name: &str) -> Result<&CompiledMap, Failure> {
        let found = self.maps.iter().find(|map| map.id() == name);
        found.ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                codes::NO_SUCH_MAP,
                format!("the project has no map `{name}`"),
                "`duet status` lists the maps".to_owned(),
            )
        })
    }

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

    /// The schemas of both sides.
    pub const fn schemas(&self) -> &PerSide<SchemaSet> {
        &self.schemas
    }

    /// The store.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as _
    }

    /// The engine over these parts.
    pub fn engine(self, config: &Config, progress: Arc<dyn Progress>) -> Engine {
        Engine::new(Parts {
            project: Project::build(self.maps, config.companies.clone()),
            systems: self.systems,
            store: self.store,
            clock: Arc::new(SystemClock),
            settings: settings(config),
            progress,
            seed: rand::random(),
        })
    }

    /// Sessions over these parts, which read the configuration file again when they are asked to.
    /// The store has to be claimed.
    pub async fn sessions(
        self,
        path: &Path,
        config: &Config,
        progress: Arc<dyn Progress>,
    ) -> Result<Sessions, Failure> {
        let loader = Files {
            path: path.to_owned(),
            systems: self.systems.clone(),
            store: self.store.clone(),
        };
        let frame = Frame {
            loader: Arc::new(loader),
            systems: self.systems,
            store: self.store,
            clock: Arc::new(SystemClock),
            progress,
            seed: rand::random(),
        };
        let first = Loaded {
            maps: self.maps,
            broken: self.broken,
            companies: config.companies.clone(),
            settings: settings(config),
        };
        Ok(Sessions::new(frame, first).await?)
    }
}
