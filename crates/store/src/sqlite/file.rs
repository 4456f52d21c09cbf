//! The files of a store: for their owner alone, and driven by one process at a time.

use crate::error::StoreError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and after which pause, a claim is tried again that may have met a mere look.
const LOOKS: u32 = 3;
const LOOK: Duration = Duration::from_millis(10);

/// Creates the database file, and the folders above it, where they are missing. What is created is
/// readable by its owner only; `SQLite` gives its side files the same mode. Returns the path
/// without links, so that every process arrives at the same side files.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, StoreError> {
    let failed = |source: io::Error| StoreError::Database {
        doing: "create its file",
        source: format!("{}: {source}", path.display()).into(),
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        private_folders().create(folder).map_err(failed)?;
    }
    private_file().create(true).open(path).map_err(failed)?;
    path.canonicalize().map_err(failed)
}

/// Creates an empty file for its owner alone, which must not exist yet.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    private_file().create_new(true).open(path)
}

/// Takes the lock next to the store; it is held until the file is dropped or the process ends.
pub(super) fn lock(store: &Path) -> Result<File, StoreError> {
    let failed = |source: io::Error| StoreError::Database {
        doing: "lock itself for this process",
        source: source.into(),
    };
    let file = private_file()
        .create(true)
        .open(beside(store, ".lock"))
        .map_err(failed)?;
    let mut looks = LOOKS;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // Somebody may only be looking whether it is claimed, which takes no time.
            Err(TryLockError::WouldBlock) if looks > 0 => {
                looks -= 1;
                std::thread::sleep(LOOK);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    path: store.display().to_string(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
}

/// Whether some process holds the lock next to the store.
pub(super) fn is_locked(store: &Path) -> bool {
    let Ok(file) = File::open(beside(store, ".lock")) else {
        return false;
    };
    // A shared lock that is given back at once; who wants the store meanwhile asks again.
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// A file next to the store: its path with a suffix.
pub(super) fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn private_folders() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Closes a store to others that was copied here by other means and is open to them.
pub(super) fn keep_private(path: &Path) {
    if let Err(error) = close_to_others(path) {
        tracing::warn!(path = %path.display(), %error, "cannot make the store private to its owner");
    }
}

#[cfg(unix)]
fn close_to_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let others = std::fs::metadata(path)?.permissions().mode() & 0o077;
    if others == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn close_to_others(_: &Path) -> io::Result<()> {
    Ok(())
}
