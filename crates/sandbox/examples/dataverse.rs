//! Serves a Dataverse stand-in until the process is stopped.
//!
//! `cargo run -p duet-sandbox --example dataverse -- [ADDRESS [FILE [CERTIFICATE]]]` prints one line
//! of JSON with its URL and a client that may sign in. The rows live in FILE, or in memory when it
//! is `-`; with CERTIFICATE it serves TLS and writes there what clients shall trust.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use duet_sandbox::auth::{Client, SignIn};
use duet_sandbox::dataverse::{Config, Dataverse};
use duet_sandbox::http::Tls;
use duet_sandbox::rows::Place;
use duet_sandbox::schema;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let client = Client::new("00000000-0000-0000-0000-00000000000a", "sandbox-secret");
    let sign_in = SignIn {
        clients: vec![client.clone()],
        ..SignIn::default()
    };
    let mut config = Config::new(schema::dataverse()?, sign_in);
    if let Some(address) = arguments.next() {
        config.bind = address.parse::<SocketAddr>()?;
    }
    if let Some(file) = arguments.next().filter(|file| file != "-") {
        config.place = Place::File(file.into());
    }
    if let Some(certificate) = arguments.next() {
        let tls = Tls::self_signed()?;
        tls.write_certificate(Path::new(&certificate))?;
        config.tls = Some(Arc::new(tls));
    }
    let running = Dataverse::start(config).await?;
    println!(
        "{}",
        serde_json::json!({
            "url": running.url(),
            "tenant": "sandbox",
            "client_id": client.id,
            "client_secret": client.secret,
        })
    );
    tokio::signal::ctrl_c().await?;
    running.shutdown().await;
    Ok(())
}
