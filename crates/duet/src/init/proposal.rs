//! Which packages and companies a project should begin with.

use super::survey::{Survey, Surveyed};
use crate::packages::Package;
use duet_map::side::Side;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a survey suggests.
#[derive(Debug, Serialize)]
pub struct Proposal {
    /// Every package with what was found of it.
    pub packages: Vec<PackageUse>,
    /// Companies with rows, and how many.
    pub companies: BTreeMap<String, u64>,
    /// What a person should know before the first sync.
    pub advice: Vec<String>,
}

/// How much of a package the systems use.
#[derive(Debug, Serialize)]
pub struct PackageUse {
    /// Its name.
    pub package: String,
    /// How many maps it brings.
    pub maps: usize,
    /// How many of them can run here.
    pub possible: usize,
    /// How many of them have rows.
    pub used: usize,
    /// The rows of both sides, as far as they were counted.
    pub left_rows: u64,
    /// See `left_rows`.
    pub right_rows: u64,
    /// Whether it is proposed.
    pub proposed: bool,
}

/// More rows than one should sync without a second look.
const MANY_ROWS: u64 = 100_000;

/// Reads a proposal out of a survey.
pub fn propose(survey: &Survey, packages: &[Package]) -> Proposal {
    let packages = packages
        .iter()
        .map(|package| {
            let name = &package.manifest.name;
            let maps = || survey.maps.iter().filter(|map| map.package == *name);
            let rows = |side: Side| {
                maps()
                    .filter_map(|map| map.volumes[side].as_ref())
                    .map(|volume| volume.rows)
                    .sum()
            };
            let used = maps().filter(|map| map.is_used()).count();
            PackageUse {
                package: name.clone(),
                maps: maps().count(),
                possible: maps().filter(|map| map.obstacle.is_none()).count(),
                used,
                left_rows: rows(Side::Left),
                right_rows: rows(Side::Right),
                proposed: used > 0,
            }
        })
        .collect();
    let mut companies: BTreeMap<String, u64> = BTreeMap::new();
    for volume in survey
        .maps
        .iter()
        .filter_map(|map| map.volumes.left.as_ref())
    {
        for (company, rows) in &volume.companies {
            *companies.entry(company.clone()).or_default() += rows;
        }
    }
    Proposal {
        packages,
        companies,
        advice: survey.maps.iter().filter_map(advice).collect(),
    }
}

/// The maps of these packages that cannot run here: their files.
pub fn impossible(survey: &Survey, packages: &BTreeSet<&str>) -> BTreeSet<String> {
    survey
        .maps
        .iter()
        .filter(|map| packages.contains(map.package.as_str()) && map.obstacle.is_some())
        .map(|map| map.file.clone())
        .collect()
}

fn advice(map: &Surveyed) -> Option<String> {
    let rows = |side: Side| map.volumes[side].as_ref().map_or(0, |volume| volume.rows);
    let (left, right) = (rows(Side::Left), rows(Side::Right));
    let name = &map.map;
    if map.direction == ">" && left == 0 && right > 0 {
        return Some(format!(
            "{name} travels to the right only, and only the right side has rows ({right})"
        ));
    }
    if map.direction == "<" && right == 0 && left > 0 {
        return Some(format!(
            "{name} travels to the left only, and only the left side has rows ({left})"
        ));
    }
    let unfiltered = map.filters.left.is_none() && map.filters.right.is_none();
    if unfiltered && left.max(right) >= MANY_ROWS {
        return Some(format!(
            "{name} has {left} and {right} rows and no filter; consider one, or fewer companies"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages;
    use crate::volumes::Volume;
    use duet_map::side::PerSide;

    fn map(package: &str, direction: &'static str, left: u64, right: u64) -> Surveyed {
        let volume = |rows| {
            Some(Volume {
                rows,
                more: false,
                companies: BTreeMap::from([("usmf".to_owned(), rows)]),
            })
        };
        Surveyed {
            package: package.to_owned(),
            file: format!("{package}.yaml"),
            map: package.to_owned(),
            direction,
            filters: PerSide::default(),
            obstacle: None,
            volumes: PerSide {
                left: volume(left),
                right: volume(right),
            },
        }
    }

    #[test]
    fn packages_with_rows_are_proposed() {
        let survey = Survey {
            maps: vec![map("finance", "=", 3, 0), map("human-resources", "=", 0, 0)],
        };
        let proposal = propose(&survey, &packages::carried().unwrap());
        let proposed: Vec<&str> = proposal
            .packages
            .iter()
            .filter(|package| package.proposed)
            .map(|package| package.package.as_str())
            .collect();
        assert_eq!(proposed, ["finance"]);
        assert_eq!(proposal.companies["usmf"], 3);
    }

    #[test]
    fn what_will_surprise_is_said() {
        let survey = Survey {
            maps: vec![
                map("a", ">", 0, 5),
                map("b", "<", 5, 0),
                map("c", "=", 200_000, 0),
                map("d", "=", 1, 1),
            ],
        };
        insta::assert_snapshot!(propose(&survey, &[]).advice.join("\n"), @"
        a travels to the right only, and only the right side has rows (5)
        b travels to the left only, and only the left side has rows (5)
        c has 200000 and 0 rows and no filter; consider one, or fewer companies
        ");
    }

    #[test]
    fn a_map_that_cannot_run_is_left_out() {
        let mut broken = map("finance", "=", 0, 0);
        broken.obstacle = Some("no table".to_owned());
        let survey = Survey { maps: vec![broken] };
        let skipped = impossible(&survey, &BTreeSet::from(["finance"]));
        assert_eq!(skipped, BTreeSet::from(["finance.yaml".to_owned()]));
        assert!(impossible(&survey, &BTreeSet::from(["party"])).is_empty());
    }
}
