//! A local Dataverse and a local Finance & Operations, faithful enough for other people's clients.
//!
//! Both stand on the same parts: typed rows in SQLite ([`rows`]), injected faults ([`faults`]), a
//! control endpoint ([`control`]) with counters ([`counters`]), sign-in ([`auth`]) and a server
//! that can really drop a connection ([`http`]).

pub mod auth;
pub mod clock;
pub mod control;
pub mod counters;
pub mod dataverse;
pub mod faults;
pub mod finops;
pub mod http;
pub mod rows;
pub mod schema;
pub mod seed;

#[cfg(test)]
fn local_http() -> reqwest::Client {
    // Fails when another test was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
