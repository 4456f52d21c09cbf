//! `duet demo`: Duet at work between two local systems; with `--exit` as a script.

use crate::config::Config;
use crate::demo::caller::Caller;
use crate::demo::expectation::Expectations;
use crate::demo::project_files::{self, Addresses};
use crate::demo::scenario::{REST, Scenario};
use crate::demo::web_hooks;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::live::{self, Live};
use crate::progress::Shown;
use crate::project;
use crate::report;
use crate::stand_ins::{Plan, StandIns, TENANT, USER, unwritable};
use crate::terminal::Terminal;
use clap::Args;
use duet_engine::{Engine, Sessions, SystemClock};
use duet_map::side::Side;
use duet_server::{Reach, Service};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Where the demo lives when no folder is named.
const FOLDER: &str = ".duet/demo";

/// Where the scripted demo lives; made anew at every start.
const SCRIPT_FOLDER: &str = ".duet/demo-exit";

/// Arguments of `duet demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet demo                 live until Ctrl-C; the next start goes on where it stopped
  duet demo --exit          play the scripted scenario, print what was expected and seen, exit 0 or 1
  cd .duet/demo && duet status")]
pub struct DemoArgs {
    /// Play the scripted scenario and exit
    #[arg(long)]
    exit: bool,
    /// Where the demo keeps its project and databases [default: .duet/demo]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Finance & Operations' port; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    finops_port: u16,
    /// Dataverse's port; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    dataverse_port: u16,
    /// The port of Duet's own server; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    listen_port: u16,
    /// How many customers each of the two companies is seeded with
    #[arg(long, default_value_t = 600, value_name = "COUNT")]
    customers: usize,
    /// How many single edits the scenario makes each way
    #[arg(long, default_value_t = 200, value_name = "COUNT", requires = "exit")]
    edits: usize,
}

/// Everything that the demo has running before it goes live.
struct Stage {
    stand_ins: StandIns,
    sessions: Arc<Sessions>,
    engine: Engine,
    listener: TcpListener,
    service: Arc<Service>,
    finops: Caller,
    dataverse: Caller,
}

/// Starts everything, then plays the script or waits for Ctrl-C.
pub async fn run(args: DemoArgs, terminal: Terminal) -> Result<Exit, Failure> {
    let folder = folder(&args)?;
    let stage = Stage::set(&args, &folder, terminal).await?;
    if args.exit {
        script(stage, args.edits, terminal).await
    } else {
        show(stage, &folder, terminal).await
    }
}

fn folder(args: &DemoArgs) -> Result<PathBuf, Failure> {
    if let Some(folder) = &args.dir {
        return Ok(folder.clone());
    }
    if !args.exit {
        return Ok(PathBuf::from(FOLDER));
    }
    let folder = PathBuf::from(SCRIPT_FOLDER);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
    }
    Ok(folder)
}

impl Stage {
    async fn set(args: &DemoArgs, folder: &Path, terminal: Terminal) -> Result<Self, Failure> {
        let plan = Plan {
            folder: Some(folder.join("systems")),
            finops_port: args.finops_port,
            dataverse_port: args.dataverse_port,
            customers: Some(args.customers),
            certificate: None,
        };
        let stand_ins = StandIns::start(&plan).await?;
        terminal.say(if stand_ins.seeded {
            "Two local systems are up and filled."
        } else {
            "Two local systems are up; they keep what earlier starts left."
        });
        terminal.say(&format!("  finance (F&O)      {}", stand_ins.finops.url()));
        terminal.say(&format!(
            "  sales (Dataverse)  {}",
            stand_ins.dataverse.url()
        ));

        let (listener, address) =
            live::listen(SocketAddr::from(([127, 0, 0, 1], args.listen_port))).await?;
        let server = format!("http://{address}");
        project_files::write(
            folder,
            &Addresses {
                finops: stand_ins.finops.url().to_owned(),
                dataverse: stand_ins.dataverse.url().to_owned(),
                listen: address.to_string(),
            },
        )?;
        let config =
            Config::read(&folder.join(crate::config::FILE_NAME)).map_err(Failure::configuration)?;

        let reach = Reach::default();
        let progress = Arc::new(Shown::new(terminal, vec![Box::new(reach.clone())]));
        let prepared = project::prepare(&config, terminal).await?;
        terminal.say(&format!("{} maps checked.", prepared.maps()));
        let tables = prepared.type_names(Side::Right);
        let store = prepared.store();
        store.claim().await?;
        let path = folder.join(crate::config::FILE_NAME);
        let sessions = Arc::new(prepared.sessions(&path, &config, progress).await?);
        let engine = sessions.engine();

        let (finops, dataverse) = callers(&stand_ins).await.map_err(|error| broken(&error))?;
        register(&finops, &dataverse, &server, &tables)
            .await
            .map_err(|error| broken(&error))?;
        let service = Arc::new(Service {
            store,
            clock: Arc::new(SystemClock),
            reach,
            notices: Arc::clone(&sessions) as _,
            hook_secret: project::hook_secret(&config)?,
        });
        Ok(Self {
            stand_ins,
            sessions,
            engine,
            listener,
            service,
            finops,
            dataverse,
        })
    }
}

async fn callers(stand_ins: &StandIns) -> anyhow::Result<(Caller, Caller)> {
    Ok((
        Caller::sign_in(stand_ins.finops.url(), "/data", USER).await?,
        Caller::sign_in(stand_ins.dataverse.url(), "/api/data/v9.2", USER).await?,
    ))
}

async fn register(
    finops: &Caller,
    dataverse: &Caller,
    server: &str,
    tables: &BTreeSet<String>,
) -> anyhow::Result<()> {
    web_hooks::register_at_finops(finops, server).await?;
    web_hooks::register_at_dataverse(dataverse, server, tables).await
}

/// Live until Ctrl-C.
async fn show(stage: Stage, folder: &Path, terminal: Terminal) -> Result<Exit, Failure> {
    let synced = stage.engine.is_synced().await?;
    if !synced {
        let figures = stage.engine.sync().await?;
        terminal.say(&report::sync(&figures));
    }
    let advice = advice(&stage, folder).await;
    terminal.say(&advice.map_err(|error| broken(&error))?);
    let Stage {
        stand_ins,
        sessions,
        listener,
        service,
        ..
    } = stage;
    let outcome = live::until_asked_to_end(&sessions, listener, service, terminal).await;
    stand_ins.stop().await;
    outcome?;
    Ok(Exit::Done)
}

/// Ready-made lines to try, and where to look.
async fn advice(stage: &Stage, folder: &Path) -> anyhow::Result<String> {
    let (left, right) = (
        stage.stand_ins.finops.url(),
        stage.stand_ins.dataverse.url(),
    );
    let accounts = stage
        .dataverse
        .list(
            "accounts?$select=accountid,accountnumber&$top=1&$orderby=accountnumber\
             &$filter=customertypecode eq 3 and _msdyn_company_value ne null \
             and msdyn_company/cdm_companycode eq 'usmf'",
        )
        .await?;
    let account = accounts.first().cloned().unwrap_or_default();
    let number = account["accountnumber"].as_str().unwrap_or("US-001");
    let guid = account["accountid"].as_str().unwrap_or_default();
    let token = |url: &str| {
        format!(
            "$(curl -s {url}/{TENANT}/oauth2/v2.0/token -d grant_type=client_credentials \
             -d client_id={} -d client_secret={} --data-urlencode scope={url}/.default \
             | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')",
            USER.id, USER.secret
        )
    };
    let customer = format!(
        "{left}/data/CustomersV3(dataAreaId='usmf',CustomerAccount='{number}')?cross-company=true"
    );
    let account = format!("{right}/api/data/v9.2/accounts({guid})");
    let json = "-H 'Content-Type: application/json'";
    let folder = folder.display();
    // Started by `cargo run` the command stands on no path.
    let command = std::env::current_exe()?;
    let command = command.display();
    Ok(format!(
        "
Live both ways. Paste these into a second terminal.

  # sign in once at each system
  F={}
  D={}

  # finance raises a credit limit, sales sees it
  curl -s -X PATCH \"{customer}\" -H \"Authorization: Bearer $F\" {json} -d '{{\"CreditLimit\": 12345}}'
  curl -s \"{account}?\\$select=accountnumber,creditlimit\" -H \"Authorization: Bearer $D\"

  # sales takes a note, finance sees it
  curl -s -X PATCH \"{account}\" -H \"Authorization: Bearer $D\" {json} -d '{{\"description\": \"met at the fair\"}}'
  curl -s \"{customer}&\\$select=CustomerAccount,SalesMemo\" -H \"Authorization: Bearer $F\"

Where to look:

  cd {folder}
  alias duet='{command}'
  duet status        duet parked        duet trace {}
  duet conflicts     duet audit         duet check

Ctrl-C stops; the next start goes on where it stopped.
",
        token(left),
        token(right),
        number.to_lowercase()
    ))
}

/// The scripted scenario.
async fn script(stage: Stage, edits: usize, terminal: Terminal) -> Result<Exit, Failure> {
    let Stage {
        stand_ins,
        sessions,
        engine,
        listener,
        service,
        finops,
        dataverse,
    } = stage;
    let mut scenario = Scenario {
        finops,
        dataverse,
        store: Arc::clone(&service.store),
        terminal,
        expectations: Expectations::default(),
    };
    engine.sync().await?;
    let told = |error: anyhow::Error| broken(&error);
    scenario.initial_sync().await.map_err(told)?;
    let before = scenario.duet_writes().await.map_err(told)?;
    engine.sync().await?;
    scenario.second_sync(before).await.map_err(told)?;

    let mut live = Live::start(&sessions, listener, service);
    let played = tokio::select! {
        played = scenario.live(edits) => played.map_err(told),
        ended = live.ended() => ended.and(Ok(())),
    };
    live.stop().await?;
    played?;
    if tokio::time::timeout(REST, engine.quiesce()).await.is_err() {
        scenario
            .expectations
            .equal("the engine comes to rest", "in time", "still busy");
    }
    scenario.accounts().await.map_err(told)?;
    stand_ins.stop().await;

    let expectations = scenario.expectations;
    terminal.data(&expectations, Expectations::table);
    Ok(if expectations.hold() {
        Exit::Done
    } else {
        Exit::Findings
    })
}

fn broken(error: &anyhow::Error) -> Failure {
    let mut failure = Failure::new(
        Exit::Findings,
        codes::EXPECTATION,
        format!("the demo cannot go on: {error}"),
        "run it again with `--verbose`, and report it if it stays".to_owned(),
    );
    for cause in error.chain().skip(1) {
        failure = failure.note(format!("caused by: {cause}"));
    }
    failure
}
