//! Solution packages: versioned sets of maps that stand in the binary and are installed by module.
//!
//! 1. [`manifest`] reads a `package.yaml`: version, what the package needs, what it brings, why.
//! 2. [`carried`] gives the packages of this release, [`with_needs`] adds what they need.
//! 3. [`install`] copies maps into a project and never writes over a map that a person edited;
//!    [`record`] remembers what was installed at which version.

pub mod install;
pub mod manifest;
pub mod record;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::solutions;
use duet_map::diagnostic::Code;
use duet_map::example::ENDING;
use manifest::Manifest;

/// The name of a package's manifest in its folder.
pub const MANIFEST: &str = "package.yaml";

/// The codes of findings about packages; each has a page under `docs/errors`.
pub mod codes {
    use super::Code;

    /// No package has this name.
    pub const NO_PACKAGE: Code = Code(5130);
    /// A package needs another one that is not there, or in another version.
    pub const NEED_UNMET: Code = Code(5131);
    /// A newer map was not written over an edited one.
    pub const EDITED: Code = Code(5132);
    /// The record of what was installed cannot be read.
    pub const BAD_RECORD: Code = Code(5133);
    /// A manifest holds something that none may hold.
    pub const BAD_MANIFEST: Code = Code(5134);
}

/// A package that this release carries.
#[derive(Debug, Clone)]
pub struct Package {
    /// What its manifest says.
    pub manifest: Manifest,
    /// The manifest's text.
    pub text: &'static str,
    /// Its map files: name and text.
    pub maps: Vec<(&'static str, &'static str)>,
    /// Files of examples: name and text.
    pub examples: Vec<(&'static str, &'static str)>,
}

/// Every package of this release, by name.
pub fn carried() -> Result<Vec<Package>, Failure> {
    solutions::files()
        .filter_map(|(path, text)| Some((path.strip_suffix(MANIFEST)?.trim_end_matches('/'), text)))
        .map(|(name, text)| {
            let file = format!("{name}/{MANIFEST}");
            Ok(Package {
                manifest: Manifest::parse(text, &file).map_err(Failure::configuration)?,
                text,
                maps: solutions::files_of(name)
                    .filter(|(file, _)| *file != MANIFEST && !file.ends_with(ENDING))
                    .collect(),
                examples: solutions::files_of(name)
                    .filter(|(file, _)| file.ends_with(ENDING))
                    .collect(),
            })
        })
        .collect()
}

/// The package with this name.
pub fn find<'p>(packages: &'p [Package], name: &str) -> Result<&'p Package, Failure> {
    packages
        .iter()
        .find(|package| package.manifest.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = packages
                .iter()
                .map(|package| package.manifest.name.as_str())
                .collect();
            Failure::new(
                Exit::Usage,
                codes::NO_PACKAGE,
                format!("there is no package `{name}`"),
                format!("take one of: {}", names.join(", ")),
            )
        })
}

/// The named packages and all that they need, whatever is needed first. A package appears once.
pub fn with_needs<'p>(
    packages: &'p [Package],
    names: &[String],
) -> Result<Vec<&'p Package>, Failure> {
    let mut order = Vec::new();
    for name in names {
        place(packages, find(packages, name)?, &mut order, &mut Vec::new())?;
    }
    Ok(order)
}

fn place<'p>(
    packages: &'p [Package],
    package: &'p Package,
    order: &mut Vec<&'p Package>,
    above: &mut Vec<&'p str>,
) -> Result<(), Failure> {
    let manifest = &package.manifest;
    if order
        .iter()
        .any(|placed| placed.manifest.name == manifest.name)
    {
        return Ok(());
    }
    let unmet = |message: String| {
        Failure::new(
            Exit::Configuration,
            codes::NEED_UNMET,
            message,
            "take packages of one release".to_owned(),
        )
    };
    if above.contains(&manifest.name.as_str()) {
        return Err(unmet(format!("`{}` needs itself", manifest.name)));
    }
    above.push(&manifest.name);
    for need in &manifest.needs {
        let needed = packages
            .iter()
            .find(|package| package.manifest.name == need.package)
            .filter(|package| need.version.matches(&package.manifest.version))
            .ok_or_else(|| {
                unmet(format!(
                    "`{}` needs `{} {}`, which this release does not carry",
                    manifest.name, need.package, need.version
                ))
            })?;
        place(packages, needed, order, above)?;
    }
    above.pop();
    order.push(package);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use duet_map::file::MapFile;

    fn named(packages: &[Package], names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        with_needs(packages, &names)
            .unwrap()
            .iter()
            .map(|package| package.manifest.name.clone())
            .collect()
    }

    #[test]
    fn finance_comes_without_human_resources() {
        let packages = carried().unwrap();
        assert_eq!(packages.len(), 7);
        assert_eq!(
            named(&packages, &["finance"]),
            ["application-core", "finance"]
        );
        assert_eq!(
            named(&packages, &["party", "finance"]),
            [
                "application-core",
                "finance",
                "human-resources",
                "supply-chain",
                "party"
            ]
        );
    }

    #[test]
    fn a_manifest_lists_what_its_folder_holds() {
        let mut total = 0;
        for package in carried().unwrap() {
            let mut held: Vec<String> = package
                .maps
                .iter()
                .map(|(file, text)| {
                    let map = MapFile::parse(text, file).unwrap().map.value;
                    assert_eq!(format!("{map}.yaml"), *file);
                    map
                })
                .collect();
            held.sort();
            assert_eq!(package.manifest.brings, held, "{}", package.manifest.name);
            total += held.len();
        }
        assert_eq!(total, 135);
    }

    #[test]
    fn every_map_has_a_reason_of_its_own() {
        let mut reasons = std::collections::BTreeMap::new();
        for package in carried().unwrap() {
            for (file, text) in &package.maps {
                let why = MapFile::parse(text, file).unwrap().why;
                assert!(why.split_whitespace().count() >= 5, "{file}: {why}");
                if let Some(other) = reasons.insert(why.clone(), *file) {
                    panic!("{file} and {other} give one reason: {why}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_package_is_refused_with_the_known_ones() {
        let failure = with_needs(&carried().unwrap(), &["finanse".to_owned()]).unwrap_err();
        assert_eq!(failure.findings[0].code, codes::NO_PACKAGE);
        assert!(
            failure.findings[0]
                .fix
                .as_ref()
                .unwrap()
                .contains("finance")
        );
    }
}
