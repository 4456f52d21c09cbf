//! Copies packages into a project, and never writes over a map that a person edited.
//!
//! What happens to each file is decided from three texts: the file in the project, its fingerprint
//! as it was installed, and the package's own text.

use super::codes;
use super::record::{Installed, Record, fingerprint};
use super::{MANIFEST, Package};
use crate::failure::Failure;
use crate::stand_ins::unwritable;
use duet_map::diagnostic::{Diagnostic, Severity};
use duet_map::example::ENDING;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// What an install does to one map file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The project did not have it.
    Added,
    /// It was as an earlier version installed it, and is now as this one has it.
    Upgraded,
    /// It is already as the package has it.
    Same,
    /// A person edited it; the package has nothing newer.
    Edited,
    /// A person edited it and the package has a newer text, which stands beside it.
    Beside,
    /// A person removed it or does not want it, and it stays away.
    Removed,
}

impl Action {
    /// The word in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Upgraded => "upgraded",
            Self::Same => "same",
            Self::Edited => "edited, kept",
            Self::Beside => "edited, kept; newer beside it",
            Self::Removed => "removed, stays away",
        }
    }
}

/// What was done with one package.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Its name.
    pub package: String,
    /// The version that was installed before.
    pub from: Option<String>,
    /// The version that is installed now.
    pub version: String,
    /// What happened to each file.
    pub files: BTreeMap<String, Action>,
    /// Files of the earlier version that this one no longer has.
    pub dropped: Vec<String>,
}

/// How an install treats what it finds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes<'w> {
    /// Whether maps that a person removed come back.
    pub restore: bool,
    /// Map files that are not wanted: those that are not there stay away.
    pub skip: Option<&'w BTreeSet<String>>,
}

/// Tells what [`install`] would do, and writes nothing.
pub fn plan(
    folder: &Path,
    packages: &[&Package],
    wishes: Wishes<'_>,
) -> Result<Vec<Outcome>, Failure> {
    let record = Record::read(folder)?;
    packages
        .iter()
        .map(|package| decide_all(folder, package, wishes, &record))
        .collect()
}

/// Copies packages into `folder` (a project's `maps`), one folder each, and records them.
pub fn install(
    folder: &Path,
    packages: &[&Package],
    wishes: Wishes<'_>,
) -> Result<Vec<Outcome>, Failure> {
    let mut record = Record::read(folder)?;
    let mut outcomes = Vec::with_capacity(packages.len());
    for package in packages {
        let outcome = decide_all(folder, package, wishes, &record)?;
        copy(folder, package, &outcome)?;
        let installed = Installed {
            version: package.manifest.version.clone(),
            maps: package
                .maps
                .iter()
                .map(|(file, text)| ((*file).to_owned(), fingerprint(text)))
                .collect(),
        };
        record
            .packages
            .insert(package.manifest.name.clone(), installed);
        // After each package: what stops the next one must not make this one's maps look edited.
        record.write(folder)?;
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn decide_all(
    folder: &Path,
    package: &Package,
    wishes: Wishes<'_>,
    record: &Record,
) -> Result<Outcome, Failure> {
    let name = &package.manifest.name;
    let target = folder.join(name);
    let mut files = BTreeMap::new();
    for (file, text) in &package.maps {
        let path = target.join(file);
        let present = match fs::read_to_string(&path) {
            Ok(present) => Some(present),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(unwritable(&path, &error)),
        };
        let installed = record.installed(name, file);
        let unwanted = wishes.skip.is_some_and(|skip| skip.contains(*file));
        let action = if unwanted && present.is_none() {
            Action::Removed
        } else {
            decide(present.as_deref(), installed, text, wishes)
        };
        files.insert((*file).to_owned(), action);
    }
    let before = record.packages.get(name);
    let dropped = before.map_or_else(Vec::new, |before| {
        let gone = |file: &&String| !files.contains_key(*file) && target.join(file).exists();
        before.maps.keys().filter(gone).cloned().collect()
    });
    Ok(Outcome {
        package: name.clone(),
        from: before.map(|before| before.version.to_string()),
        version: package.manifest.version.to_string(),
        files,
        dropped,
    })
}

fn copy(folder: &Path, package: &Package, outcome: &Outcome) -> Result<(), Failure> {
    let target = folder.join(&package.manifest.name);
    fs::create_dir_all(&target).map_err(|error| unwritable(&target, &error))?;
    let put = |file: &str, text: &str| {
        let path = target.join(file);
        fs::write(&path, text).map_err(|error| unwritable(&path, &error))
    };
    for (file, text) in &package.maps {
        match outcome.files.get(*file) {
            Some(Action::Added | Action::Upgraded) => put(file, text)?,
            Some(Action::Beside) => put(&format!("{file}.new"), text)?,
            Some(Action::Same | Action::Edited | Action::Removed) | None => {}
        }
    }
    for (file, text) in &package.examples {
        // Once installed, examples are the person's own.
        let map = file.replace(ENDING, ".yaml");
        let wanted = matches!(
            outcome.files.get(&map),
            Some(Action::Added | Action::Upgraded | Action::Same)
        );
        if wanted && !target.join(file).exists() {
            put(file, text)?;
        }
    }
    put(MANIFEST, package.text)
}

fn decide(
    present: Option<&str>,
    installed: Option<uuid::Uuid>,
    text: &str,
    wishes: Wishes<'_>,
) -> Action {
    let Some(present) = present else {
        return match installed {
            Some(_) if !wishes.restore => Action::Removed,
            _ => Action::Added,
        };
    };
    let (present, new) = (fingerprint(present), fingerprint(text));
    if present == new {
        Action::Same
    } else if installed == Some(present) {
        Action::Upgraded
    } else if installed == Some(new) {
        Action::Edited
    } else {
        Action::Beside
    }
}

/// What a person has to look at after an install.
pub fn findings(folder: &Path, outcomes: &[Outcome]) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for outcome in outcomes {
        for (file, action) in &outcome.files {
            if *action == Action::Beside {
                let path = folder.join(&outcome.package).join(file);
                findings.push(Diagnostic {
                    code: codes::EDITED,
                    severity: Severity::Warning,
                    message: format!(
                        "`{}` was edited here and is newer in {} {}; your text stands",
                        path.display(),
                        outcome.package,
                        outcome.version
                    ),
                    place: None,
                    notes: Vec::new(),
                    fix: Some(format!(
                        "take over what you want from `{}.new`, then delete that file",
                        path.display()
                    )),
                });
            }
        }
        for file in &outcome.dropped {
            findings.push(Diagnostic {
                code: codes::EDITED,
                severity: Severity::Warning,
                message: format!(
                    "{} {} no longer has `{file}`; it stays in your project",
                    outcome.package, outcome.version
                ),
                place: None,
                notes: Vec::new(),
                fix: Some("delete it, or keep it as a map of your own".to_owned()),
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages;
    use semver::Version;

    const FILE: &str = "customer-groups.msdyn_customergroups.yaml";

    fn finance() -> Package {
        let packages = packages::carried().unwrap();
        packages::find(&packages, "finance").unwrap().clone()
    }

    /// Finance as a later release might carry it: one map has a newer text.
    fn later() -> Package {
        let mut package = finance();
        package.manifest.version = Version::new(1, 1, 0);
        for (file, text) in &mut package.maps {
            if *file == FILE {
                *text = "map: newer\n";
            }
        }
        package
    }

    fn run(folder: &Path, package: &Package) -> Action {
        let outcomes = install(folder, &[package], Wishes::default()).unwrap();
        outcomes[0].files[FILE]
    }

    fn path(folder: &Path) -> std::path::PathBuf {
        folder.join("finance").join(FILE)
    }

    #[test]
    fn installing_twice_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(run(folder.path(), &finance()), Action::Added);
        let record = Record::read(folder.path()).unwrap();
        assert_eq!(run(folder.path(), &finance()), Action::Same);
        assert_eq!(Record::read(folder.path()).unwrap(), record);
        assert_eq!(record.packages["finance"].maps.len(), 32);
    }

    #[test]
    fn an_untouched_map_is_upgraded_even_with_other_line_ends() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &finance());
        let text = fs::read_to_string(path(folder.path())).unwrap();
        fs::write(path(folder.path()), text.replace('\n', "\r\n")).unwrap();
        assert_eq!(run(folder.path(), &later()), Action::Upgraded);
        let text = fs::read_to_string(path(folder.path())).unwrap();
        assert_eq!(text, "map: newer\n");
    }

    #[test]
    fn an_edited_map_stays_and_the_newer_one_stands_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &finance());
        fs::write(path(folder.path()), "mine\n").unwrap();
        assert_eq!(run(folder.path(), &finance()), Action::Edited);
        let outcomes = install(folder.path(), &[&later()], Wishes::default()).unwrap();
        assert_eq!(outcomes[0].files[FILE], Action::Beside);
        assert_eq!(outcomes[0].from.as_deref(), Some("1.0.0"));
        assert_eq!(fs::read_to_string(path(folder.path())).unwrap(), "mine\n");
        let beside = path(folder.path()).with_extension("yaml.new");
        assert_eq!(fs::read_to_string(beside).unwrap(), "map: newer\n");
        let findings = findings(folder.path(), &outcomes);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code, codes::EDITED);
        // Once seen, it is not told again.
        assert_eq!(run(folder.path(), &later()), Action::Edited);
    }

    #[test]
    fn a_file_that_was_there_before_any_install_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("finance")).unwrap();
        fs::write(path(folder.path()), "mine\n").unwrap();
        assert_eq!(run(folder.path(), &finance()), Action::Beside);
        assert_eq!(fs::read_to_string(path(folder.path())).unwrap(), "mine\n");
    }

    #[test]
    fn a_removed_map_stays_away_until_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &finance());
        fs::remove_file(path(folder.path())).unwrap();
        assert_eq!(run(folder.path(), &finance()), Action::Removed);
        assert!(!path(folder.path()).exists());
        let wishes = Wishes {
            restore: true,
            ..Wishes::default()
        };
        let outcomes = install(folder.path(), &[&finance()], wishes).unwrap();
        assert_eq!(outcomes[0].files[FILE], Action::Added);
    }

    #[test]
    fn a_map_that_the_package_dropped_stays_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &finance());
        let mut later = later();
        later.maps.retain(|(file, _)| *file != FILE);
        let outcomes = install(folder.path(), &[&later], Wishes::default()).unwrap();
        assert_eq!(outcomes[0].dropped, [FILE]);
        assert!(path(folder.path()).exists());
    }

    #[test]
    fn a_record_that_does_not_read_stops_the_install() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("packages.json"), "{}").unwrap();
        let failure = install(folder.path(), &[&finance()], Wishes::default()).unwrap_err();
        assert_eq!(failure.findings[0].code, codes::BAD_RECORD);
    }
}
