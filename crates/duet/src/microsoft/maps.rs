//! Imported maps in a project: a map file and, beside it, the document it came from.

use super::codes;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::stand_ins::unwritable;
use duet_map::diagnostic::{Diagnostic, Severity};
use duet_map::microsoft::{Carried, Imported};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What became of one imported map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The project did not have it.
    Added,
    /// It was there and differs; the user asked for it to be replaced.
    Replaced,
    /// It was there and is the same.
    Same,
    /// It was there and differs; the imported one stands beside it.
    Beside,
}

impl Action {
    /// The word in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Replaced => "replaced",
            Self::Same => "same",
            Self::Beside => "kept; new one beside it",
        }
    }
}

/// Gives every map a name of its own: of several alike the second becomes `name-2`.
pub fn name_apart(imported: &mut [Imported]) {
    let mut names = BTreeSet::new();
    for file in imported
        .iter_mut()
        .filter_map(|imported| imported.file.as_mut())
    {
        let name = file.map.value.clone();
        let mut number = 2;
        while !names.insert(file.map.value.to_lowercase()) {
            file.map.value = format!("{name}-{number}");
            number += 1;
        }
    }
}

/// The file of a map with this name. Names come from documents, so they are no paths.
pub fn path(folder: &Path, map: &str) -> PathBuf {
    let safe: String = map
        .chars()
        .map(|letter| {
            if letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_') {
                letter
            } else {
                '_'
            }
        })
        .collect();
    folder.join(format!("{}.yaml", safe.trim_start_matches('.')))
}

/// Where the document of a map file stands.
pub fn beside(file: &Path) -> PathBuf {
    file.with_extension("microsoft.json")
}

/// Decides what [`write`] would do with a map.
pub fn plan(path: &Path, text: &str, replace: bool) -> Result<Action, Failure> {
    match fs::read_to_string(path) {
        Ok(present) if present == text => Ok(Action::Same),
        Ok(_) if replace => Ok(Action::Replaced),
        Ok(_) => Ok(Action::Beside),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Action::Added),
        Err(error) => Err(unwritable(path, &error)),
    }
}

/// Writes a map and its document. What is there and differs is kept, unless it may be replaced.
pub fn write(path: &Path, text: &str, carried: &Carried, action: Action) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    let put = |path: PathBuf, text: &str| {
        fs::write(&path, text).map_err(|error| unwritable(&path, &error))
    };
    let newer = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        PathBuf::from(name)
    };
    let document = beside(path);
    let json = carried.to_json();
    match action {
        Action::Added | Action::Replaced | Action::Same => {
            put(path.to_owned(), text)?;
            put(document, &json)
        }
        Action::Beside => {
            put(newer(path), text)?;
            put(newer(&document), &json)
        }
    }
}

/// The finding about a map that was kept.
pub fn kept(path: &Path) -> Diagnostic {
    Diagnostic {
        code: codes::MAP_EXISTS,
        severity: Severity::Warning,
        message: format!("`{}` is there and differs; it was kept", path.display()),
        place: None,
        notes: vec![format!("the imported one is `{}.new`", path.display())],
        fix: Some("take over what you want from it, or import with `--replace`".to_owned()),
    }
}

/// Reads the document beside a map file, if there is one.
pub fn document(file: &Path) -> Result<Option<Carried>, Failure> {
    let path = beside(file);
    let failed = |reason: String| {
        Failure::new(
            Exit::Configuration,
            codes::CARRIED_UNREADABLE,
            format!("`{}` cannot be read: {reason}", path.display()),
            "restore it from version control, or delete it to export a new document".to_owned(),
        )
    };
    match fs::read_to_string(&path) {
        Ok(text) => Carried::parse(&text)
            .map(Some)
            .map_err(|error| failed(error.to_string())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_a_document_is_no_path() {
        let folder = Path::new("maps");
        assert_eq!(path(folder, "a.b"), Path::new("maps/a.b.yaml"));
        assert_eq!(
            path(folder, "../../etc/x"),
            Path::new("maps/_.._etc_x.yaml")
        );
        assert_eq!(
            beside(&path(folder, "a.b")),
            Path::new("maps/a.b.microsoft.json")
        );
    }

    #[test]
    fn what_is_there_and_differs_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        let carried = Carried::new(0, serde_json::Map::new(), serde_json::Value::Null);
        assert_eq!(plan(&path, "one", false).unwrap(), Action::Added);
        write(&path, "one", &carried, Action::Added).unwrap();
        assert_eq!(plan(&path, "one", false).unwrap(), Action::Same);
        assert_eq!(plan(&path, "two", true).unwrap(), Action::Replaced);
        let action = plan(&path, "two", false).unwrap();
        assert_eq!(action, Action::Beside);
        write(&path, "two", &carried, action).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(
            fs::read_to_string(folder.path().join("a.yaml.new")).unwrap(),
            "two"
        );
        assert!(folder.path().join("a.microsoft.json.new").exists());
        assert_eq!(document(&path).unwrap(), Some(carried));
    }
}
