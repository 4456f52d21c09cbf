//! The store's promises, method by method.

mod due;
mod files;
mod lifecycle;
mod model;
mod people;
mod settling;
mod work;

use super::SqliteStore;
use crate::testing::*;

/// A store in memory.
fn memory() -> SqliteStore {
    SqliteStore::open_in_memory().unwrap()
}

/// A folder for files and a store in it.
fn on_disk() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("duet.db")).unwrap();
    (folder, store)
}
