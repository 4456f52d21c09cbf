//! Both stand-ins, empty, with a user at each; and a project of maps between them.

use duet::config::Config;
use duet::demo::caller::Caller;
use duet::demo::project_files::{self, Addresses};
use duet::project;
use duet::solutions;
use duet::stand_ins::{DUET, USER};
use duet::terminal::Terminal;
use duet_engine::Engine;
use duet_map::file::MapFile;
use duet_map::schema::SchemaSet;
use duet_map::side::PerSide;
use duet_sandbox::auth::{Client, SignIn};
use duet_sandbox::dataverse::{Config as DataverseConfig, Dataverse};
use duet_sandbox::finops::{Company, FinOps, FinOpsConfig, Settings};
use duet_sandbox::http::Running;
use duet_sandbox::schema;
use duet_store::Store;
use reqwest::Method;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

pub(crate) struct Stage {
    pub(crate) finops: Caller,
    pub(crate) dataverse: Caller,
    pub(crate) finops_rows: FinOps,
    pub(crate) files: Vec<MapFile>,
    pub(crate) schemas: PerSide<SchemaSet>,
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    _running: (Running, Running),
}

impl Stage {
    /// Sets the stage for the maps that `wanted` picks by their file (`finance/ledger….yaml`).
    pub(crate) async fn set(folder: &Path, wanted: impl Fn(&str) -> bool) -> Self {
        let sign_in = SignIn {
            clients: vec![
                Client::new(DUET.id, DUET.secret),
                Client::new(USER.id, USER.secret),
            ],
            ..SignIn::default()
        };
        let company = |id: &&str| Company::new(id, id, "USD", "en-us");
        let finops_rows = FinOps::open(FinOpsConfig {
            sign_in: sign_in.clone(),
            companies: super::COMPANIES.iter().map(company).collect(),
            default_company: super::COMPANIES[0].to_owned(),
            // Rows come in any order; the switch is turned before Duet begins.
            settings: Settings {
                reference_checks: false,
                ..Settings::default()
            },
            ..FinOpsConfig::default()
        })
        .unwrap();
        let dataverse =
            Dataverse::open(DataverseConfig::new(schema::dataverse().unwrap(), sign_in)).unwrap();
        let running = (
            finops_rows.serve().await.unwrap(),
            dataverse.serve().await.unwrap(),
        );
        let addresses = Addresses {
            finops: running.0.url().to_owned(),
            dataverse: running.1.url().to_owned(),
            listen: "127.0.0.1:0".to_owned(),
        };
        project_files::write(folder, &addresses).unwrap();
        let maps = folder.join("maps");
        std::fs::remove_dir_all(&maps).unwrap();
        for (name, text) in solutions::maps().filter(|(name, _)| wanted(name)) {
            let file = maps.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let file = folder.join("duet.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let scope = format!("companies: [{}]", super::COMPANIES.join(", "));
        std::fs::write(&file, text.replace("companies: [usmf, frrt]", &scope)).unwrap();
        let config = Config::read(&file).unwrap();

        let files: Vec<MapFile> = solutions::maps()
            .filter(|(name, _)| wanted(name))
            .map(|(name, text)| MapFile::parse(text, name).unwrap())
            .collect();
        let begin = std::time::Instant::now();
        let prepared = project::prepare(&config, Terminal::of_process(false))
            .await
            .unwrap_or_else(|failure| panic!("{:#?}", failure.findings));
        println!("{} maps compile: {:?}", files.len(), begin.elapsed());
        let store = prepared.store();
        let schemas = prepared.schemas().clone();
        let engine = prepared.engine(&config, Arc::new(()));
        engine.claim().await.unwrap();
        let sign_in = |url: String, root: &'static str| async move {
            Caller::sign_in(&url, root, USER).await.unwrap()
        };
        Self {
            finops: sign_in(addresses.finops, "/data").await,
            dataverse: sign_in(addresses.dataverse, "/api/data/v9.2").await,
            finops_rows,
            files,
            schemas,
            engine,
            store,
            _running: running,
        }
    }

    /// From now on Finance & Operations refuses rows whose references lead nowhere.
    pub(crate) async fn check_references(&self) {
        let on = json!({"reference_checks": true});
        self.finops
            .control(Method::PUT, "settings", &on)
            .await
            .unwrap();
    }

    /// Writes of Duet that both servers counted.
    pub(crate) async fn duet_writes(&self) -> u64 {
        let mut writes = 0;
        for caller in [&self.finops, &self.dataverse] {
            let counts = caller.counts().await.unwrap();
            let of_duet = counts.writes.iter().filter(|write| write.client == DUET.id);
            writes += of_duet.map(|write| write.count).sum::<u64>();
        }
        writes
    }
}
