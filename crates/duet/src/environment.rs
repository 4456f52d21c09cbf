//! Which environments the store's pairs belong to, so that a copied or restored system behind an
//! old address, or a new address before an old system, is noticed before anything is written.

use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use duet_map::side::{PerSide, Side};
use duet_store::Store;
use duet_store::store::Capture;
use jiff::Timestamp;
use url::{Host, Url};

/// What identifies the system on each side.
pub fn identities(config: &Config) -> PerSide<String> {
    PerSide::from_fn(|side| identity(&config.sides[side].url))
}

/// The address, without what differs between two starts of a stand-in on this machine.
fn identity(url: &Url) -> String {
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let mut url = url.clone();
    if local {
        // Fails only for addresses without a host.
        let _ = url.set_port(None);
    }
    url.as_str().trim_end_matches('/').to_lowercase()
}

fn name(side: Side) -> String {
    format!("environment:{side}")
}

/// What the store knows, where it knows something.
pub async fn known(store: &dyn Store) -> Result<PerSide<Option<String>>, Failure> {
    Ok(PerSide {
        left: store.cursor(&name(Side::Left)).await?,
        right: store.cursor(&name(Side::Right)).await?,
    })
}

/// Refuses to work on pairs of another environment; the first time it only remembers.
pub async fn confirm(store: &dyn Store, config: &Config, now: Timestamp) -> Result<(), Failure> {
    let (known, found) = (known(store).await?, identities(config));
    for side in Side::BOTH {
        if let Some(known) = known[side].as_ref().filter(|known| **known != found[side]) {
            return Err(Failure::new(
                Exit::Configuration,
                codes::OTHER_ENVIRONMENT,
                format!(
                    "the store's records belong to {known}, and the {side} side is {} now",
                    found[side]
                ),
                "if it is the same environment or a copy of it, run `duet relink`, which keeps \
                 everything; for another environment name another `store` in duet.yaml"
                    .to_owned(),
            ));
        }
    }
    remember(store, config, now).await
}

/// Remembers the environments as they are.
pub async fn remember(store: &dyn Store, config: &Config, now: Timestamp) -> Result<(), Failure> {
    let (known, found) = (known(store).await?, identities(config));
    let cursors: Vec<_> = Side::BOTH
        .into_iter()
        .filter(|side| known[*side].as_ref() != Some(&found[*side]))
        .map(|side| (name(side), Some(found[side].clone())))
        .collect();
    if !cursors.is_empty() {
        let capture = Capture {
            cursors,
            ..Capture::default()
        };
        store.journal(capture, now).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_keeps_its_identity_when_its_port_moves() {
        let of = |text: &str| identity(&text.parse().unwrap());
        assert_eq!(of("http://127.0.0.1:5001/"), of("http://127.0.0.1:5002"));
        assert_eq!(of("http://localhost:1"), of("http://localhost:2"));
        assert_ne!(of("https://a.example:1"), of("https://a.example:2"));
        assert_eq!(of("https://A.example/"), of("https://a.example"));
        assert_ne!(of("https://a.example"), of("https://b.example"));
    }
}
