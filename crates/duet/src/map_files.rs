//! The map files that `maps:` in `duet.yaml` names: files, folders and patterns.

use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::packages::MANIFEST;
use duet_map::diagnostic::{Diagnostic, Severity};
use duet_map::example::ENDING;
use duet_map::file::MapFile;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The text of one map file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file, as messages name it.
    pub file: String,
    /// What is in it.
    pub text: String,
    /// Which entry of `maps:` names it first, counted from 0: the order that its owner gave.
    pub rank: usize,
}

/// Reads all of them, each once, in the order of their paths.
pub fn read(config: &Config) -> Result<Vec<Source>, Failure> {
    named(&config.folder, &config.maps)
}

/// Reads the map files that these entries name, which start from `folder`.
pub fn named(folder: &Path, entries: &[String]) -> Result<Vec<Source>, Failure> {
    let mut paths = BTreeMap::new();
    for (rank, entry) in entries.iter().enumerate() {
        let found = matching(folder, entry)?;
        if found.is_empty() {
            return Err(Failure::new(
                Exit::Configuration,
                codes::NO_MAPS,
                format!("`maps: {entry}` names no map file"),
                "name a .yaml file, a folder that holds some, or a pattern such as `maps/*.yaml`; \
                 paths start from the folder of duet.yaml"
                    .to_owned(),
            ));
        }
        for path in found {
            paths.entry(path).or_insert(rank);
        }
    }
    paths
        .into_iter()
        .map(|(path, rank)| match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Source {
                file: path.display().to_string(),
                text,
                rank,
            }),
            Err(error) => Err(unreadable(&path, &error)),
        })
        .collect()
}

/// Parses texts; a file that does not read only adds its findings.
pub fn parse(sources: &[Source]) -> (Vec<MapFile>, Vec<Diagnostic>) {
    let mut files = Vec::with_capacity(sources.len());
    let mut findings = Vec::new();
    let mut names: HashMap<String, String> = HashMap::new();
    for source in sources {
        match MapFile::parse(&source.text, &source.file) {
            Ok(file) => {
                let name = file.map.value.clone();
                if let Some(first) = names.get(&name) {
                    findings.push(Diagnostic {
                        code: codes::SAME_MAP,
                        severity: Severity::Error,
                        message: format!("two files call their map `{name}`"),
                        place: file.map.at.place(),
                        notes: vec![format!("the other one is {first}")],
                        fix: Some("give one of them another name".to_owned()),
                    });
                } else {
                    names.insert(name, source.file.clone());
                    files.push(file);
                }
            }
            Err(more) => findings.extend(more),
        }
    }
    (files, findings)
}

fn matching(folder: &Path, entry: &str) -> Result<Vec<PathBuf>, Failure> {
    let path = folder.join(entry);
    if path.is_file() {
        return Ok(vec![path]);
    }
    let pattern = if path.is_dir() {
        format!(
            "{}/**/*.yaml",
            glob::Pattern::escape(&path.display().to_string())
        )
    } else {
        path.display().to_string()
    };
    let paths = glob::glob(&pattern).map_err(|error| {
        Failure::new(
            Exit::Configuration,
            codes::NO_MAPS,
            format!("`maps: {entry}` is no pattern: {error}"),
            "name a .yaml file, a folder, or a pattern such as `maps/*.yaml`".to_owned(),
        )
    })?;
    paths
        .map(|path| path.map_err(|error| unreadable(error.path(), error.error())))
        .filter(|path| path.as_ref().map_or(true, |path| is_map(path)))
        .collect()
}

/// A package's manifest stands among its maps and is none.
fn is_map(path: &Path) -> bool {
    let is_examples = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().ends_with(ENDING));
    path.is_file() && !path.ends_with(MANIFEST) && !is_examples
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Configuration,
        codes::MAP_UNREADABLE,
        format!("`{}` cannot be read: {error}", path.display()),
        "check who may read it, and that it is UTF-8 text".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const DUET: &str = "\
duet: 1
name: test
left: { system: finops, url: 'http://l', tenant: t, client-id: c, client-secret: { env: S } }
right: { system: dataverse, url: 'http://r', tenant: t, client-id: c, client-secret: { env: S } }
maps: MAPS
";

    fn names(maps: &str) -> Result<Vec<String>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "maps/a/one.yaml",
            "maps/b/two.yaml",
            "maps/b/notes.txt",
            "maps/b/package.yaml",
            "extra.yaml",
        ] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let text = DUET.replace("MAPS", maps);
        let config = Config::parse(&text, "duet.yaml", folder.path()).unwrap();
        let sources = read(&config)?;
        Ok(sources
            .iter()
            .map(|source| {
                let path = Path::new(&source.file);
                path.file_name().unwrap().to_string_lossy().into_owned()
            })
            .collect())
    }

    #[test]
    fn folders_files_and_patterns_name_maps_once() {
        assert_eq!(names("[maps]").unwrap(), ["one.yaml", "two.yaml"]);
        assert_eq!(
            names("[maps/b/two.yaml, maps]").unwrap(),
            ["one.yaml", "two.yaml"]
        );
        assert_eq!(
            names("['maps/*/t*.yaml', extra.yaml]").unwrap(),
            ["extra.yaml", "two.yaml"]
        );
    }

    #[test]
    fn an_entry_that_names_nothing_is_an_error() {
        let failure = names("[maps, mpas]").unwrap_err();
        assert_eq!(failure.exit, Exit::Configuration);
        assert_eq!(failure.findings[0].code, codes::NO_MAPS);
    }

    #[test]
    fn two_files_may_not_carry_one_name() {
        let text = "\
map: same
version: 1.0.0
why: Two of a kind.
left: { entity: CustomersV3 }
right: { entity: accounts }
company: per-company
key: [CUSTOMERACCOUNT = accountnumber]
master: left
fields: [CUSTOMERACCOUNT = accountnumber]
";
        let source = |file: &str| Source {
            file: file.to_owned(),
            text: text.to_owned(),
            rank: 0,
        };
        let (files, findings) = parse(&[source("one.yaml"), source("two.yaml")]);
        assert_eq!(files.len(), 1);
        assert_eq!(findings[0].code, codes::SAME_MAP);
    }
}
