//! `duet compare`: both sides read and compared under the maps.

use super::Global;
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::project::{self, Prepared};
use crate::terminal::{Terminal, table};
use clap::Args;
use duet_engine::reconcile::{CompareOptions, Comparison, Difference, KeyRange};
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;

/// Which maps are read, and how.
#[derive(Debug, Args)]
pub struct Scope {
    /// Only of this map; may be given several times
    #[arg(long = "map", value_name = "MAP")]
    maps: Vec<String>,
    /// Only records of this company; may be given several times
    #[arg(long = "company", value_name = "COMPANY")]
    companies: Vec<String>,
    /// Only records whose key, without its company, is this one or stands behind it
    #[arg(long, value_name = "KEY", requires = "maps")]
    from: Option<String>,
    /// Only records whose key, without its company, is this one or stands before it
    #[arg(long, value_name = "KEY", requires = "maps")]
    to: Option<String>,
    /// A record modified no longer ago than this counts as being on its way
    #[arg(long, default_value = "15s", value_name = "TIME", value_parser = duration)]
    grace: Duration,
}

impl Scope {
    /// What to compare, with this many differences listed.
    pub fn options(self, listed: usize) -> CompareOptions {
        CompareOptions {
            maps: self.maps,
            companies: self.companies,
            keys: KeyRange::new(self.from.as_deref(), self.to.as_deref()),
            listed,
            grace: self.grace,
        }
    }

    /// Refuses what the project does not have: a comparison of nothing would look like agreement.
    pub fn check(&self, config: &Config, prepared: &Prepared) -> Result<(), Failure> {
        for map in &self.maps {
            let map = prepared.map(map)?;
            if !self.companies.is_empty() && !map.is_per_company() {
                let message = format!("`{}` is shared by all companies", map.id());
                let fix = "leave out `--company`, or name another map".to_owned();
                return Err(Failure::new(Exit::Usage, codes::NOT_IN_SCOPE, message, fix));
            }
        }
        let known = &config.companies;
        let stranger = self.companies.iter().find(|company| {
            !known.is_empty() && !known.iter().any(|one| one.eq_ignore_ascii_case(company))
        });
        match stranger {
            Some(company) => Err(Failure::new(
                Exit::Usage,
                codes::NOT_IN_SCOPE,
                format!("company `{company}` is not in the project"),
                format!("its companies are {}", known.join(", ")),
            )),
            None => Ok(()),
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Option<SignedDuration> = text.parse().ok();
    parsed
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "write a number and a unit: `0s`, `15s`, `2min`".to_owned())
}

/// Arguments of `duet compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet compare                       exit code 1 when anything drifted
  duet compare --map finance/customers-v3.accounts --json
  duet compare --company usmf
  duet compare --map finance/customers-v3.accounts --from us-001 --to us-099

Reads both tables of each map page by page, within filters and companies, and writes nothing.
With --company, maps that all companies share are left out. Keys compare as `duet trace` shows them,
part by part and as texts; `a` stands for `a / 1` and `a / 2`, too.
A difference is pending, parked or an open conflict where the store explains it, else drift.")]
pub struct CompareArgs {
    #[command(flatten)]
    scope: Scope,
    /// Most differences to list; all are counted
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: usize,
}

/// Compares, lists what differs, and ends with exit code 1 on drift.
pub async fn run(args: CompareArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let prepared = project::prepare(&config, terminal).await?;
    args.scope.check(&config, &prepared)?;
    let engine = prepared.engine(&config, Arc::new(()));
    let found = engine.compare(&args.scope.options(args.limit)).await?;
    terminal.data(&found, text);
    Ok(if found.drift() > 0 {
        Exit::Findings
    } else {
        Exit::Done
    })
}

fn text(found: &Comparison) -> String {
    let rows = found
        .maps
        .iter()
        .map(|map| {
            let mut row = vec![map.map.clone()];
            let figures = [
                map.compared,
                map.equal,
                map.pending,
                map.parked,
                map.conflicts,
                map.drift,
                map.missing_left,
                map.missing_right,
            ];
            row.extend(figures.map(|figure| figure.to_string()));
            row
        })
        .collect();
    let header = [
        "map",
        "compared",
        "equal",
        "pending",
        "parked",
        "conflicts",
        "drift",
        "missing left",
        "missing right",
    ];
    let right: Vec<usize> = (1..header.len()).collect();
    let mut text = table(&header, &right, rows);
    if !found.differences.is_empty() {
        text.push_str("\n\n");
        text.push_str(&differences(&found.differences));
    }
    text.push_str(match found.drift() {
        0 => "\n\nNothing drifted.",
        _ => "\n\n`duet repair` shows what would put the drift right.",
    });
    text
}

fn differences(differences: &[Difference]) -> String {
    let rows = differences
        .iter()
        .map(|one| {
            vec![
                format!("{:?}", one.class).to_lowercase(),
                one.map.clone(),
                one.key.to_string(),
                what(one),
            ]
        })
        .collect();
    table(&["class", "map", "record", "what differs"], &[], rows)
}

/// What differs, in a few words; names fields, never values.
pub fn what(difference: &Difference) -> String {
    match difference.missing {
        Some(side) => format!("missing on the {side}"),
        None => difference.fields.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use duet_engine::reconcile::MapComparison;

    #[test]
    fn a_comparison_without_drift_says_so() {
        let found = Comparison {
            maps: vec![MapComparison {
                map: "customers".to_owned(),
                compared: 1000,
                equal: 997,
                pending: 1,
                parked: 2,
                ..MapComparison::default()
            }],
            differences: Vec::new(),
        };
        insta::assert_snapshot!(text(&found), @"
        MAP        COMPARED  EQUAL  PENDING  PARKED  CONFLICTS  DRIFT  MISSING LEFT  MISSING RIGHT
        customers      1000    997        1       2          0      0             0              0

        Nothing drifted.
        ");
        assert_eq!(duration("2min").unwrap(), Duration::from_mins(2));
        assert!(duration("soon").is_err());
    }
}
