//! Maps as a Dataverse environment keeps them: the table `msdyn_dualwriteentitymaps`. An import reads
//! it; an export first says what it would change, then writes.

use super::rows::{ID, Row};
use super::{Gathered, codes};
use crate::config::Config;
use crate::config::connection::Service;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use duet_map::microsoft::find;
use duet_map::record::{Record, RecordId};
use duet_map::schema::TableSchema;
use duet_map::side::Side;
use duet_map::value::Value;
use duet_systems::{Class, SnapshotRequest, System, SystemError, Write};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

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

/// The project's Dataverse, and what it says of the table.
struct Environment {
    system: Arc<dyn System>,
    schema: TableSchema,
}

/// Finds the project's Dataverse side.
async fn environment(config: &Config) -> Result<Environment, Failure> {
    let side = Side::BOTH
        .into_iter()
        .find(|side| matches!(config.sides[*side].service, Service::Dataverse(_)))
        .ok_or_else(|| no_dataverse("no side of this project is a Dataverse".to_owned()))?;
    let system = project::systems(config)?[side].clone();
    match system.schema(TABLE).await {
        Ok(schema) => Ok(Environment { system, schema }),
        Err(error) if error.class == Class::FixMap => Err(no_dataverse(format!(
            "{} has no table `{TABLE}`: the dual-write core solution is not installed there",
            system.name()
        ))),
        Err(error) => Err(unread(&error)),
    }
}

fn unread(error: &SystemError) -> Failure {
    Failure::system(&format!("`{TABLE}` cannot be read"), error)
}

/// Every row of the table, a page at a time.
async fn rows(environment: &Environment) -> Result<Vec<Record>, Failure> {
    let Environment { system, schema } = environment;
    let columns = COLUMNS
        .iter()
        .filter(|column| schema.column(column).is_some());
    let mut request = SnapshotRequest {
        table: TABLE.to_owned(),
        columns: columns.map(|column| (*column).to_owned()).collect(),
        companies: Vec::new(),
        after: None,
    };
    let mut records = Vec::new();
    loop {
        let page = system
            .snapshot(&request)
            .await
            .map_err(|error| unread(&error))?;
        records.extend(page.records);
        match page.next {
            Some(next) => request.after = Some(next),
            None => return Ok(records),
        }
    }
}

/// Reads every row of the project's Dataverse side.
pub async fn gather(config: &Config) -> Result<Gathered, Failure> {
    let environment = environment(config).await?;
    let mut gathered = Gathered::default();
    for record in rows(&environment).await? {
        let mut row: Map<String, Json> = record
            .row
            .iter()
            .filter(|(_, value)| !value.is_null())
            .filter_map(|(name, value)| {
                Some(((*name).to_owned(), Json::from(Value::as_str(value)?)))
            })
            .collect();
        row.insert(ID.to_owned(), Json::from(record.id.0));
        let (found, findings) = find(&Json::Object(row).to_string(), environment.system.name());
        gathered.found.extend(found);
        gathered.findings.extend(findings);
    }
    Ok(gathered)
}

/// What an export does to a row of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// There is no row of this name and version.
    Create,
    /// There is one, and it says something else.
    Update,
    /// There is one, and it says the same.
    Same,
}

/// One row of a plan.
#[derive(Debug, Serialize)]
pub struct Planned {
    /// The maps that it is written from.
    pub maps: Vec<String>,
    /// The row's name in the table.
    pub name: String,
    /// The row's version.
    pub version: String,
    /// What has to be done.
    pub step: Step,
    /// What an update changes, in words.
    pub changes: Vec<String>,
    #[serde(skip)]
    write: Option<Write>,
}

/// Compares rows with the environment. Nothing is written; [`apply`] does what the plan says.
pub async fn plan(config: &Config, wanted: &[Row]) -> Result<Vec<Planned>, Failure> {
    let environment = environment(config).await?;
    let present = rows(&environment).await?;
    let known = |row: &Row| {
        let text = |record: &Record, column: &str| {
            record
                .row
                .value(column)
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let by_id = present.iter().find(|one| one.id.0 == row.id.to_string());
        by_id
            .or_else(|| {
                present.iter().find(|one| {
                    text(one, "msdyn_name") == row.name && text(one, "msdyn_version") == row.version
                })
            })
            .cloned()
    };
    let plan = wanted.iter().map(|row| {
        let columns: Vec<(String, String)> = row
            .columns()
            .into_iter()
            .filter(|(column, _)| environment.schema.column(column).is_some())
            .collect();
        let (step, changes, write) = match known(row) {
            None => {
                let id = environment.system.accepts_ids();
                let id = id.then(|| RecordId(row.id.to_string()));
                let row = texts(&columns);
                (Step::Create, Vec::new(), Some(Write::Create { id, row }))
            }
            Some(record) => {
                let (changes, columns) = changes(&record, columns);
                if columns.is_empty() {
                    (Step::Same, changes, None)
                } else {
                    let write = Write::Update {
                        id: record.id,
                        row: texts(&columns),
                        // Somebody may have saved it since it was read.
                        if_version: record.version,
                    };
                    (Step::Update, changes, Some(write))
                }
            }
        };
        Planned {
            maps: row.maps.clone(),
            name: row.name.clone(),
            version: row.version.clone(),
            step,
            changes,
            write,
        }
    });
    Ok(plan.collect())
}

fn texts(columns: &[(String, String)]) -> duet_map::value::Row {
    columns
        .iter()
        .map(|(column, text)| (column.clone(), Value::text(text.clone())))
        .collect()
}

/// The columns of a row that say something else, and how in words.
fn changes(
    record: &Record,
    columns: Vec<(String, String)>,
) -> (Vec<String>, Vec<(String, String)>) {
    let mut told = Vec::new();
    let mut changed = Vec::new();
    for (column, text) in columns {
        let before = record.row.value(&column).as_str().unwrap_or_default();
        if column == "msdyn_mapping" {
            let document = |text: &str| serde_json::from_str::<Json>(text).ok();
            let (before, after) = (document(before), document(&text));
            if before.is_some() && before == after {
                continue;
            }
            told.push(format!(
                "{} of {} field mappings differ",
                differing(before.as_ref(), after.as_ref()),
                mappings(after.as_ref()).len()
            ));
        } else if before == text {
            continue;
        } else {
            told.push(format!("{column} differs"));
        }
        changed.push((column, text));
    }
    (told, changed)
}

fn mappings(document: Option<&Json>) -> Vec<&Json> {
    let legs = document
        .and_then(|document| document.get("legs"))
        .and_then(Json::as_array);
    let lists = legs
        .into_iter()
        .flatten()
        .filter_map(|leg| leg.get("fieldMappings")?.as_array());
    lists.flatten().collect()
}

/// How many field mappings of either document the other does not have.
fn differing(before: Option<&Json>, after: Option<&Json>) -> usize {
    let (before, after) = (mappings(before), mappings(after));
    let missing =
        |here: &[&Json], there: &[&Json]| here.iter().filter(|one| !there.contains(one)).count();
    missing(&before, &after).max(missing(&after, &before))
}

/// Writes what a plan says. All rows are tried; the first refusal is told.
pub async fn apply(config: &Config, plan: &[Planned]) -> Result<(), Failure> {
    let environment = environment(config).await?;
    let writes: Vec<Write> = plan.iter().filter_map(|one| one.write.clone()).collect();
    let names = plan.iter().filter(|one| one.write.is_some());
    let answers = environment.system.write(TABLE, &[], writes).await;
    for (one, answer) in names.zip(answers) {
        if let Err(error) = answer {
            let doing = format!("`{}` {} cannot be written", one.name, one.version);
            return Err(Failure::system(&doing, &error));
        }
    }
    Ok(())
}

fn no_dataverse(message: String) -> Failure {
    Failure::new(
        Exit::Configuration,
        codes::NO_DATAVERSE,
        message,
        "import from a file or an exported solution instead: `duet import FILE`".to_owned(),
    )
}
