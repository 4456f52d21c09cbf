//! Whether the companies in scope exist on both sides, each once.

use crate::config::Config;
use crate::config::connection::Service;
use crate::failure::{Failure, codes};
use duet_map::CompiledMap;
use duet_map::company::{code_column, company_table};
use duet_map::diagnostic::{Code, Diagnostic, Severity};
use duet_map::schema::{SchemaSet, SchemaSource};
use duet_map::side::{PerSide, Side};
use duet_systems::{Class, SnapshotRequest, System, SystemError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The entity of Finance & Operations that lists its legal entities, and the column of their code.
const LEGAL_ENTITIES: (&str, &str) = ("LegalEntities", "LegalEntityId");

/// More companies than any installation has; reading stops there.
const MOST: usize = 20_000;

/// Where a side lists its companies.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Register {
    table: String,
    column: String,
}

/// Reads the companies of both sides, if any map keeps rows by company.
pub async fn check(
    maps: &[CompiledMap],
    schemas: &PerSide<SchemaSet>,
    systems: &PerSide<Arc<dyn System>>,
    config: &Config,
) -> Result<Vec<Diagnostic>, Failure> {
    let mut found = Vec::new();
    if !maps.iter().any(CompiledMap::is_per_company) {
        return Ok(found);
    }
    let registers = PerSide::from_fn(|side| register(side, maps, schemas, config));
    let mut codes: PerSide<Option<Vec<String>>> = PerSide::default();
    for side in Side::BOTH {
        if let Some(register) = &registers[side] {
            codes[side] = read(side, register, systems[side].as_ref()).await?;
        }
    }
    for side in Side::BOTH {
        if let (Some(register), Some(codes)) = (&registers[side], &codes[side]) {
            found.extend(unsound(side, register, codes));
        }
    }
    // Whether a map brings companies from the other side.
    let brought = PerSide::from_fn(|side| {
        registers[side].as_ref().is_some_and(|register| {
            maps.iter().any(|map| {
                map.table(side).eq_ignore_ascii_case(&register.table) && map.flows(side.other())
            })
        })
    });
    for company in &config.companies {
        found.extend(unknown(company, &codes, brought));
    }
    Ok(found)
}

fn register(
    side: Side,
    maps: &[CompiledMap],
    schemas: &PerSide<SchemaSet>,
    config: &Config,
) -> Option<Register> {
    let behind = maps
        .iter()
        .filter(|map| map.is_per_company())
        .find_map(|map| {
            let table = schemas[side].table(company_table(map.schema(side))?)?;
            Some(Register {
                table: table.name.clone(),
                column: code_column(table)?.to_owned(),
            })
        });
    behind.or_else(|| {
        matches!(config.sides[side].service, Service::FinOps(_)).then(|| Register {
            table: LEGAL_ENTITIES.0.to_owned(),
            column: LEGAL_ENTITIES.1.to_owned(),
        })
    })
}

/// The codes in lower case; `None` where the system has no such list.
async fn read(
    side: Side,
    register: &Register,
    system: &dyn System,
) -> Result<Option<Vec<String>>, Failure> {
    let failed = |error: &SystemError| {
        Failure::system(
            &format!("the companies of the {side} side cannot be read"),
            error,
        )
    };
    let mut codes = Vec::new();
    let mut after = None;
    loop {
        let request = SnapshotRequest {
            table: register.table.clone(),
            columns: vec![register.column.clone()],
            companies: Vec::new(),
            after,
        };
        let page = match system.snapshot(&request).await {
            Ok(page) => page,
            Err(error) if error.class == Class::FixMap => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        codes.extend(page.records.iter().map(|record| {
            let code = record.row.value(&register.column).as_str().unwrap_or("");
            code.trim().to_lowercase()
        }));
        after = page.next;
        if after.is_none() || codes.len() >= MOST {
            return Ok(Some(codes));
        }
    }
}

/// Codes that are empty or stand there twice.
fn unsound(side: Side, register: &Register, codes: &[String]) -> Option<Diagnostic> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for code in codes {
        *counts.entry(code).or_default() += 1;
    }
    let blank = counts.remove("").unwrap_or_default();
    let twice: Vec<&str> = counts
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(code, _)| code)
        .collect();
    let mut notes = Vec::new();
    if blank > 0 {
        notes.push(format!("{blank} rows have no `{}`", register.column));
    }
    if !twice.is_empty() {
        notes.push(format!(
            "more than one row has the code {}",
            twice.join(", ")
        ));
    }
    if notes.is_empty() {
        return None;
    }
    notes.push("rows of such a company cannot be told apart, and are parked".to_owned());
    Some(finding(
        Severity::Warning,
        codes::COMPANY_CODES,
        format!(
            "{} of the {side} does not tell companies apart",
            register.table
        ),
        notes,
        "give each company a code of its own",
    ))
}

fn unknown(
    company: &str,
    codes: &PerSide<Option<Vec<String>>>,
    brought: PerSide<bool>,
) -> Option<Diagnostic> {
    let there = PerSide::from_fn(|side| {
        codes[side]
            .as_ref()
            .map(|codes| codes.iter().any(|code| code == company))
    });
    let missing: Vec<Side> = Side::BOTH
        .into_iter()
        .filter(|side| there[*side] == Some(false))
        .collect();
    match missing.as_slice() {
        [] => None,
        // A map of companies brings it before anything else.
        [side] if brought[*side] && there[side.other()] == Some(true) => None,
        [side] => Some(finding(
            Severity::Warning,
            codes::COMPANY_UNKNOWN,
            format!("the company `{company}` does not exist on the {side}"),
            vec![
                "`companies` in duet.yaml names it".to_owned(),
                format!("its rows wait until somebody creates it on the {side} (DUET2102)"),
            ],
            "create it, or install the map of legal entities, which does",
        )),
        _ => Some(finding(
            Severity::Error,
            codes::COMPANY_UNKNOWN,
            format!("the company `{company}` exists on neither side"),
            vec![
                "`companies` in duet.yaml names it".to_owned(),
                "nothing would be synced for it".to_owned(),
            ],
            "write its code as the systems spell it, such as `usmf`",
        )),
    }
}

fn finding(
    severity: Severity,
    code: Code,
    message: String,
    notes: Vec<String>,
    fix: &str,
) -> Diagnostic {
    Diagnostic {
        code,
        severity,
        message,
        place: None,
        notes,
        fix: Some(fix.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(left: &[&str], right: &[&str]) -> PerSide<Option<Vec<String>>> {
        let list = |codes: &[&str]| Some(codes.iter().map(ToString::to_string).collect());
        PerSide {
            left: list(left),
            right: list(right),
        }
    }

    #[test]
    fn a_company_that_a_map_brings_is_not_missed() {
        let brought = PerSide {
            left: false,
            right: true,
        };
        assert_eq!(unknown("usmf", &codes(&["usmf"], &[]), brought), None);
        let found = unknown("usmf", &codes(&[], &["usmf"]), brought).unwrap();
        assert_eq!(found.severity, Severity::Warning);
        let found = unknown("usnf", &codes(&["usmf"], &["usmf"]), brought).unwrap();
        assert_eq!(found.severity, Severity::Error);
        let unread = PerSide::default();
        assert_eq!(unknown("usmf", &unread, brought), None);
    }

    #[test]
    fn blank_and_repeated_codes_are_told() {
        let register = Register {
            table: "cdm_companies".to_owned(),
            column: "cdm_companycode".to_owned(),
        };
        let list = |codes: &[&str]| codes.iter().map(ToString::to_string).collect::<Vec<_>>();
        let found = unsound(Side::Right, &register, &list(&["usmf", "", "dat", "usmf"])).unwrap();
        assert_eq!(
            found.notes[..2],
            [
                "1 rows have no `cdm_companycode`",
                "more than one row has the code usmf"
            ]
        );
        assert_eq!(
            unsound(Side::Right, &register, &list(&["usmf", "dat"])),
            None
        );
    }
}
