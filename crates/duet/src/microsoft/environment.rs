//! Maps as a Dataverse environment keeps them: the table `msdyn_dualwriteentitymaps`.

use super::{Gathered, codes};
use crate::config::Config;
use crate::config::connection::Service;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use duet_map::microsoft::find;
use duet_map::side::Side;
use duet_map::value::Value;
use duet_systems::{Class, SnapshotRequest};
use serde_json::{Map, Value as Json};

/// The table.
const TABLE: &str = "msdyn_dualwriteentitymaps";

/// Its columns that an import reads, where the environment has them.
const COLUMNS: [&str; 6] = [
    "msdyn_name",
    "msdyn_displayname",
    "msdyn_version",
    "msdyn_description",
    "msdyn_properties",
    "msdyn_mapping",
];

/// Reads every row of the project's Dataverse side.
pub async fn gather(config: &Config) -> Result<Gathered, Failure> {
    let side = Side::BOTH
        .into_iter()
        .find(|side| matches!(config.sides[*side].service, Service::Dataverse(_)))
        .ok_or_else(|| no_dataverse("no side of this project is a Dataverse".to_owned()))?;
    let systems = project::systems(config)?;
    let system = &systems[side];
    let failed = |error| Failure::system(&format!("`{TABLE}` cannot be read"), &error);
    let schema = match system.schema(TABLE).await {
        Ok(schema) => schema,
        Err(error) if error.class == Class::FixMap => {
            return Err(no_dataverse(format!(
                "{} has no table `{TABLE}`: the dual-write core solution is not installed there",
                system.name()
            )));
        }
        Err(error) => return Err(failed(error)),
    };
    let columns = COLUMNS
        .iter()
        .filter(|column| schema.column(column).is_some());
    let mut request = SnapshotRequest {
        table: TABLE.to_owned(),
        columns: columns.map(|column| (*column).to_owned()).collect(),
        companies: Vec::new(),
        after: None,
    };
    let mut gathered = Gathered::default();
    loop {
        let page = system.snapshot(&request).await.map_err(failed)?;
        for record in page.records {
            let mut row: Map<String, Json> = record
                .row
                .iter()
                .filter(|(_, value)| !value.is_null())
                .filter_map(|(name, value)| {
                    Some(((*name).to_owned(), Json::from(Value::as_str(value)?)))
                })
                .collect();
            row.insert(
                "msdyn_dualwriteentitymapid".to_owned(),
                Json::from(record.id.0),
            );
            let (found, findings) = find(&Json::Object(row).to_string(), system.name());
            gathered.found.extend(found);
            gathered.findings.extend(findings);
        }
        match page.next {
            Some(next) => request.after = Some(next),
            None => return Ok(gathered),
        }
    }
}

fn no_dataverse(message: String) -> Failure {
    Failure::new(
        Exit::Configuration,
        codes::NO_DATAVERSE,
        message,
        "import from a file or an exported solution instead: `duet import FILE`".to_owned(),
    )
}
