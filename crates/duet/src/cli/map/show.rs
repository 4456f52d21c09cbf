//! `duet map show`: a map as a table in Microsoft's notation.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{Terminal, table};
use clap::Args;
use duet_map::file::{Field, MapFile, Marked};
use duet_map::side::Side;
use serde_json::{Value, json};

/// Arguments of `duet map show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet map show customers-v3.accounts
  duet map show maps/finance/vendors-v2.msdyn_vendors.yaml --json | jq '.fields | length'")]
pub(super) struct ShowArgs {
    /// A map file, or the name of a published map
    map: String,
}

pub(super) fn run(args: &ShowArgs, terminal: Terminal) -> Result<Exit, Failure> {
    let file = super::one(&args.map)?;
    terminal.data(&as_json(&file), |_| text(&file));
    Ok(Exit::Done)
}

fn text(file: &MapFile) -> String {
    let mut header = vec!["left", "", "right", "default", "value map"];
    let creates = file.fields.iter().any(|field| field.create.is_some());
    if creates {
        header.push("if missing");
    }
    let rows = file
        .fields
        .iter()
        .map(|field| {
            let mut row = vec![
                named(field.left.as_ref()).to_owned(),
                field.direction.symbol().to_owned(),
                named(field.right.as_ref()).to_owned(),
                field
                    .default
                    .as_ref()
                    .map_or("", |d| d.value.as_str())
                    .to_owned(),
                values(field).join(" | "),
            ];
            row.extend(creates.then(|| created(field)));
            row
        })
        .collect();
    let filter = |side: Side| {
        let end = &file.ends[side];
        match &end.filter {
            Some(filter) => format!("{} where {}", end.entity.value, filter.value),
            None => end.entity.value.clone(),
        }
    };
    let key: Vec<String> = file
        .key
        .iter()
        .map(|part| format!("{} = {}", part.left.value, part.right.value))
        .collect();
    format!(
        "{} {}\n{}\n\nleft     {}\nright    {}\ncompany  {}\nkey      {}\nmaster   {}\ndeletes  {}\n\n{}",
        file.map.value,
        file.version.value,
        file.why,
        filter(Side::Left),
        filter(Side::Right),
        file.company.value.as_str(),
        key.join(", "),
        file.master,
        file.deletes.value.as_str(),
        table(&header, &[], rows)
    )
}

/// What the line does where a lookup's record is missing; nothing where it waits.
fn created(field: &Field) -> String {
    let Some(create) = &field.create else {
        return String::new();
    };
    let columns: Vec<String> = create
        .columns
        .iter()
        .map(|(column, value)| format!("{}={}", column.value, value.value))
        .collect();
    format!("create {}", columns.join(" | "))
        .trim_end()
        .to_owned()
}

/// The column, or `none` where there is none, as Microsoft's tables say it.
fn named(end: Option<&Marked<String>>) -> &str {
    end.map_or("none", |end| end.value.as_str())
}

fn values(field: &Field) -> Vec<String> {
    field
        .values
        .iter()
        .map(|(left, right)| format!("{}=>{}", left.value, right.value))
        .collect()
}

fn as_json(file: &MapFile) -> Value {
    let end = |side: Side| {
        let end = &file.ends[side];
        json!({
            "entity": end.entity.value,
            "filter": end.filter.as_ref().map(|filter| &filter.value),
        })
    };
    let fields: Vec<Value> = file
        .fields
        .iter()
        .map(|field| {
            json!({
                "left": field.left.as_ref().map(|end| &end.value),
                "direction": field.direction.symbol(),
                "right": field.right.as_ref().map(|end| &end.value),
                "default": field.default.as_ref().map(|default| &default.value),
                "values": values(field),
                "create": field.create.as_ref().map(|create| {
                    let columns = create.columns.iter();
                    columns
                        .map(|(column, value)| (column.value.clone(), json!(value.value)))
                        .collect::<serde_json::Map<String, Value>>()
                }),
            })
        })
        .collect();
    json!({
        "map": file.map.value,
        "version": file.version.value,
        "why": file.why,
        "left": end(Side::Left),
        "right": end(Side::Right),
        "company": file.company.value.as_str(),
        "master": file.master.to_string(),
        "deletes": file.deletes.value.as_str(),
        "fields": fields,
    })
}
