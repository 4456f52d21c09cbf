//! The commands: one file each, thin, over the library crates.

pub mod audit;
pub mod blueprint;
pub mod check;
pub mod compare;
pub mod completions;
pub mod conflicts;
pub mod deletes;
pub mod demo;
pub mod explain;
pub mod export;
pub mod import;
pub mod init;
pub mod map;
pub mod odata;
mod order;
pub mod package;
pub mod parked;
pub mod pause;
pub mod refresh;
pub mod relink;
pub mod repair;
pub mod resume;
pub mod retry;
pub mod run;
pub mod sandbox;
pub mod status;
pub mod stop;
pub mod sync;
pub mod trace;

use crate::config;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::Terminal;
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Keeps two business systems in step, both of them editable.
#[derive(Debug, Parser)]
#[command(
    name = "duet",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  duet demo                 two local systems, a thousand customers, live both ways
  duet check                what is wrong with the maps, before anything runs
  duet sync && duet run     existing rows first, then live until Ctrl-C
  duet status               in a second terminal: what travels, waits and clashes

Exit codes: 0 done, 1 findings, 2 usage, 3 configuration, 4 a side cannot be reached
or refuses access, 5 the store is in use or broken, 70 a bug."
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// The configuration file
    #[arg(long, short, global = true, env = "DUET_CONFIG", default_value = config::FILE_NAME, value_name = "FILE")]
    pub config: PathBuf,
    /// Write data as JSON, for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// Tell more about what happens (twice: everything but payloads)
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show Duet at work: two local systems, live both ways
    Demo(demo::DemoArgs),
    /// Start a local Finance & Operations and a local Dataverse
    Sandbox(sandbox::SandboxArgs),
    /// Check duet.yaml and the maps against both systems
    Check(check::CheckArgs),
    /// Bring existing rows into step, in dependency order
    Sync(sync::SyncArgs),
    /// Keep both systems in step until Ctrl-C
    Run(run::RunArgs),
    /// Show what travels, waits and clashes
    Status(status::StatusArgs),
    /// Pause maps: changes queue, nothing is written
    Pause(pause::PauseArgs),
    /// Let paused maps run again, and say what becomes of the queue
    Resume(resume::ResumeArgs),
    /// Stop maps: nothing is captured for them any more
    Stop(stop::StopArgs),
    /// Let stopped maps run again
    Start(resume::StartArgs),
    /// Read changed maps, companies, alerts and settings without a restart
    Reload(refresh::ReloadArgs),
    /// Read the metadata of tables again
    Refresh(refresh::RefreshArgs),
    /// Keep the store's records when a side has another address
    Relink(relink::RelinkArgs),
    /// List changes that wait for something; mend or drop one
    Parked(parked::ParkedArgs),
    /// Try parked changes again
    Retry(retry::RetryArgs),
    /// List fields that both sides changed, and decide what waits for a person
    Conflicts(conflicts::ConflictsArgs),
    /// List mass deletions that wait for a person, and confirm them
    Deletes(deletes::DeletesArgs),
    /// Read both sides and tell where they differ
    Compare(compare::CompareArgs),
    /// Put drift right as the master has it; a plan first
    Repair(repair::RepairArgs),
    /// Check that every captured change stands in exactly one box
    Audit(audit::AuditArgs),
    /// Tell the story of a record
    Trace(trace::TraceArgs),
    /// Explain an error code
    Explain(explain::ExplainArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Begin a project: connect, survey, propose, write
    Init(Box<init::InitArgs>),
    /// Write down what is synced, why, and in which order
    Blueprint(blueprint::BlueprintArgs),
    /// Turn maps of Dual-write into map files
    Import(import::ImportArgs),
    /// Write maps as documents of Dual-write
    Export(export::ExportArgs),
    /// Format, compare, show and test map files
    Map(map::MapArgs),
    /// List, show and install solution packages
    Package(package::PackageArgs),
    /// Look into OData texts
    Odata(odata::OdataArgs),
}

/// Parses the arguments, does what they say and tells how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Fails only when nobody reads; clap's own number for wrong usage is ours.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
        }
    };
    let terminal = Terminal::of_process(cli.global.json);
    // Fails only when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    crate::tracing_setup::start(cli.global.verbose, terminal.colour());
    let outcome = dispatch(cli, terminal);
    outcome.unwrap_or_else(|failure| terminal.failure(&failure))
}

fn dispatch(cli: Cli, terminal: Terminal) -> Result<Exit, Failure> {
    let Cli { global, command } = cli;
    match command {
        Command::Explain(args) => return explain::run(&args, terminal),
        Command::Completions(args) => return Ok(completions::run(&args)),
        Command::Odata(args) => return odata::run(&args, terminal),
        Command::Package(args) => return package::run(&args, &global, terminal),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::bug("the runtime cannot start", &error))?;
    runtime.block_on(async {
        match command {
            Command::Demo(args) => demo::run(args, terminal).await,
            Command::Sandbox(args) => sandbox::run(args, terminal).await,
            Command::Check(args) => check::run(&args, &global, terminal).await,
            Command::Sync(args) => sync::run(&args, &global, terminal).await,
            Command::Run(args) => run::run(&args, &global, terminal).await,
            Command::Status(args) => status::run(&args, &global, terminal).await,
            Command::Pause(args) => pause::run(args, &global, terminal).await,
            Command::Resume(args) => resume::run(args, &global, terminal).await,
            Command::Stop(args) => stop::run(args, &global, terminal).await,
            Command::Start(args) => resume::start(args, &global, terminal).await,
            Command::Reload(args) => refresh::reload(args, &global, terminal).await,
            Command::Refresh(args) => refresh::run(args, &global, terminal).await,
            Command::Relink(args) => relink::run(args, &global, terminal).await,
            Command::Parked(args) => parked::run(args, &global, terminal).await,
            Command::Retry(args) => retry::run(args, &global, terminal).await,
            Command::Conflicts(args) => conflicts::run(args, &global, terminal).await,
            Command::Deletes(args) => deletes::run(args, &global, terminal).await,
            Command::Compare(args) => compare::run(args, &global, terminal).await,
            Command::Repair(args) => repair::run(args, &global, terminal).await,
            Command::Audit(args) => audit::run(&args, &global, terminal).await,
            Command::Blueprint(args) => blueprint::run(args, &global, terminal).await,
            Command::Init(args) => init::run(*args, &global, terminal).await,
            Command::Import(args) => import::run(args, &global, terminal).await,
            Command::Export(args) => export::run(args, &global, terminal).await,
            Command::Trace(args) => trace::run(args, &global, terminal).await,
            Command::Map(args) => map::run(&args, &global, terminal).await,
            // Answered above, without a runtime.
            Command::Explain(_)
            | Command::Completions(_)
            | Command::Odata(_)
            | Command::Package(_) => Ok(Exit::Done),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_may_stand_behind_the_command() {
        let cli = Cli::try_parse_from(["duet", "status", "--json", "-c", "other.yaml"]).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.config, PathBuf::from("other.yaml"));
    }
}
