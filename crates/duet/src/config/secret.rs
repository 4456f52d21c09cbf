//! Secrets by reference: `{ env: NAME }` or `{ file: PATH }`.
//!
//! A secret that stands in the file itself is an error, because configuration files are copied,
//! shared and committed. A reference is followed only by the commands that need the secret, so
//! that `duet status` works where the secrets are not.

use super::codes;
use super::document::{Entry, finding};
use duet_map::diagnostic::{Diagnostic, Place};
use secrecy::SecretString;
use std::path::{Path, PathBuf};

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    source: Source,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Env(String),
    File(PathBuf),
}

impl SecretRef {
    /// Reads a reference. A relative path starts from `folder`.
    pub(super) fn read(entry: &Entry<'_>, folder: &Path) -> Option<Self> {
        let name = entry.path().to_owned();
        if entry.is_scalar() {
            entry.report(
                codes::INLINE_SECRET,
                format!("`{name}` holds a secret in plain sight"),
                Some(
                    "put it into the environment and write `{ env: NAME }`, or into a file that \
                     only you can read and write `{ file: PATH }`; then change the secret, for \
                     this file has shown it"
                        .to_owned(),
                ),
            );
            return None;
        }
        let mut table = entry.table()?;
        let env = table.optional("env");
        let file = table.optional("file");
        table.finish();
        match (env, file) {
            (Some(env), None) => Some(Self {
                source: Source::Env(env.text()?),
                place: env.place(),
            }),
            (None, Some(file)) => Some(Self {
                source: Source::File(folder.join(file.text()?)),
                place: file.place(),
            }),
            _ => {
                entry.report(
                    codes::WRONG_VALUE,
                    format!("`{name}` has to be `{{ env: NAME }}` or `{{ file: PATH }}`"),
                    None,
                );
                None
            }
        }
    }

    /// Fetches the secret; `variable` looks up environment variables.
    pub fn fetch(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<SecretString, Vec<Diagnostic>> {
        let missing = |message: String, fix: String| {
            let place = Some(self.place.clone());
            vec![finding(codes::NO_SECRET, message, place, Some(fix))]
        };
        match &self.source {
            Source::Env(name) => variable(name)
                .filter(|value| !value.is_empty())
                .map(SecretString::from)
                .ok_or_else(|| {
                    missing(
                        format!("the environment variable {name} is not set"),
                        format!("set {name} to the secret before starting duet"),
                    )
                }),
            Source::File(path) => match std::fs::read_to_string(path) {
                Ok(text) if !text.trim().is_empty() => Ok(SecretString::from(text.trim())),
                Ok(_) => Err(missing(
                    format!("the secret's file `{}` is empty", path.display()),
                    "write the secret into it, on one line".to_owned(),
                )),
                Err(error) => Err(missing(
                    format!(
                        "the secret's file `{}` cannot be read: {error}",
                        path.display()
                    ),
                    "check the path and who may read the file".to_owned(),
                )),
            },
        }
    }
}
