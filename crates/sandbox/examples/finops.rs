//! Serves a Finance & Operations stand-in, filled with rows, until the process is stopped.
//!
//! `cargo run -p duet-sandbox --example finops -- [ADDRESS [FILE]]` prints one line of JSON with
//! its URL and a client that may sign in.

use std::error::Error;
use std::net::SocketAddr;

use duet_sandbox::auth::{Client, SignIn};
use duet_sandbox::finops::{FinOps, FinOpsConfig};
use duet_sandbox::rows::Place;
use duet_sandbox::seed::{self, SeedPlan};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let client = Client::new("00000000-0000-0000-0000-00000000000b", "sandbox-secret");
    let mut config = FinOpsConfig {
        sign_in: SignIn {
            clients: vec![client.clone()],
            ..SignIn::default()
        },
        ..FinOpsConfig::default()
    };
    if let Some(address) = arguments.next() {
        config.bind = address.parse::<SocketAddr>()?;
    }
    if let Some(file) = arguments.next() {
        config.place = Place::File(file.into());
    }
    let finops = FinOps::open(config)?;
    let seeded = seed::finops(&finops, &SeedPlan::default())?;
    let running = finops.serve().await?;
    println!(
        "{}",
        serde_json::json!({
            "url": running.url(),
            "tenant": "sandbox",
            "client_id": client.id,
            "client_secret": client.secret,
            "seeded": seeded.total(),
        })
    );
    tokio::signal::ctrl_c().await?;
    running.shutdown().await;
    Ok(())
}
