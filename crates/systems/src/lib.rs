//! What stands on either side of a map, behind one trait.
//!
//! A connector turns its system's protocol into [`System`]: schemas, whole reads, changes since a
//! cursor, point reads and bulk writes. It knows tables, columns and versions, and nothing of maps,
//! pairs or the journal. A new system is one new folder here.
//!
//! The road through the crate: [`system`] and [`error`] are the words that everyone speaks;
//! `connection` is the way to a web service (sign-in, retries, batches); [`dataverse`],
//! [`finops`] and [`mod@odata`] are the systems, built from their configuration. What they do alike
//! stands beside them: `entra` signs in, `paging` and `window` read, `search`
//! finds, `bulk` writes, `service` and `refusal` explain.

mod bulk;
pub mod codes;
mod connection;
pub mod dataverse;
mod endpoint;
mod entra;
pub mod error;
mod etags;
pub mod finops;
mod keyset;
mod mismatch;
pub mod odata;
mod paging;
mod refusal;
mod scalar;
mod search;
mod service;
pub mod system;
#[cfg(test)]
mod testing;
pub mod timing;
mod window;

pub use connection::{Auth, ClientCredentials, RetryPolicy};
pub use dataverse::{Dataverse, DataverseConfig};
pub use entra::EntraSignIn;
pub use error::{Class, SystemError};
pub use etags::Etags;
pub use finops::{FinOps, FinOpsConfig};
pub use odata::{OData, ODataConfig};
pub use system::{
    Changes, ChangesRequest, Cursor, Find, Found, Notice, Page, Seen, SnapshotRequest, System,
    Write, Written,
};
