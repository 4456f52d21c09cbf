//! `duet sandbox`: the two local systems alone, for tests, trials and other people's clients.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::signal;
use crate::stand_ins::{DUET, Plan, StandIns, TENANT, USER};
use crate::terminal::Terminal;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `duet sandbox`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet sandbox
  duet sandbox --empty --finops-port 7001 --dataverse-port 7002
  duet sandbox --json | head -n 1 | jq -r .dataverse.url
  duet sandbox --tls ca.pem       # for clients that refuse plain HTTP

Prints addresses and client ids on standard output, then serves until Ctrl-C. Faults, counters and
settings stand under /_sandbox of each address.")]
pub struct SandboxArgs {
    /// Where the databases live; in memory without it
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Finance & Operations' port; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    finops_port: u16,
    /// Dataverse's port; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    dataverse_port: u16,
    /// How many customers each of the two companies is seeded with
    #[arg(long, default_value_t = 600, value_name = "COUNT")]
    customers: usize,
    /// Start with no rows
    #[arg(long)]
    empty: bool,
    /// Serve TLS, and write the self-signed certificate that clients shall trust to this file
    #[arg(long, value_name = "FILE")]
    tls: Option<PathBuf>,
}

/// Serves until the process is asked to end.
pub async fn run(args: SandboxArgs, terminal: Terminal) -> Result<Exit, Failure> {
    let plan = Plan {
        folder: args.dir,
        finops_port: args.finops_port,
        dataverse_port: args.dataverse_port,
        customers: (!args.empty).then_some(args.customers),
        certificate: args.tls,
    };
    let stand_ins = StandIns::start(&plan).await?;
    let side = |url: &str| {
        json!({
            "url": url,
            "token_url": format!("{url}/{TENANT}/oauth2/v2.0/token"),
        })
    };
    let told = json!({
        "finops": side(stand_ins.finops.url()),
        "dataverse": side(stand_ins.dataverse.url()),
        "tenant": TENANT,
        "clients": { "duet": DUET, "user": USER },
    });
    if terminal.json() {
        // One line, so that a script can read it while the process goes on.
        terminal.line(&told.to_string());
    } else {
        terminal.line(&format!("finops      {}", stand_ins.finops.url()));
        terminal.line(&format!("dataverse   {}", stand_ins.dataverse.url()));
        terminal.line(&format!("tenant      {TENANT}"));
        terminal.line(&format!("client      {} {}", DUET.id, DUET.secret));
        terminal.line(&format!("user        {} {}", USER.id, USER.secret));
    }
    signal::end_asked_for().await;
    stand_ins.stop().await;
    Ok(Exit::Done)
}
