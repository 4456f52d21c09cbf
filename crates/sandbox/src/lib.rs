//! A local Dataverse and a local Finance & Operations, faithful enough for other people's clients.
//!
//! Both stand on the same parts: typed rows in SQLite ([`rows`]), injected faults ([`faults`]), a
//! control endpoint ([`control`]), sign-in ([`auth`]) and a server that can really drop a
//! connection ([`http`]).

pub mod clock;
pub mod rows;
