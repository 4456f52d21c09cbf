//! `duet export`: writes maps as Microsoft's documents.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::map_files;
use crate::microsoft::{codes, known, maps};
use crate::project;
use crate::stand_ins::unwritable;
use crate::terminal::{Terminal, table};
use clap::Args;
use duet_map::diagnostic::{Diagnostic, Severity};
use duet_map::file::MapFile;
use duet_map::microsoft::{Carried, export};
use serde::Serialize;
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};

/// Arguments of `duet export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet export customers-v3.accounts --to accounts.json
  duet export --to exported             every map, a file each
  duet export customers-v3.accounts     to standard output

A map that was imported and not changed comes out as it went in. Reads the maps of duet.yaml and
connects to nothing.")]
pub struct ExportArgs {
    /// The maps; all of the project without any
    #[arg(value_name = "MAP")]
    maps: Vec<String>,
    /// A file for one map, or a folder
    #[arg(long, value_name = "PATH")]
    to: Option<PathBuf>,
    /// Ask both systems for the tables that lookups point at
    #[arg(long)]
    connect: bool,
    /// Warnings end with exit code 1 too
    #[arg(long)]
    strict: bool,
}

/// A document and the maps that it was written from.
struct Document {
    maps: Vec<String>,
    carried: Option<Carried>,
    mapping: Json,
}

#[derive(Debug, Serialize)]
struct Report {
    documents: Vec<Row>,
    findings: Vec<Diagnostic>,
}

#[derive(Debug, Serialize)]
struct Row {
    maps: Vec<String>,
    file: Option<String>,
    /// The document, where it went to no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<Json>,
}

/// Exports and writes.
pub async fn run(args: ExportArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let sources = map_files::read(&config)?;
    let (files, findings) = map_files::parse(&sources);
    if !findings.is_empty() {
        return Err(Failure::configuration(findings));
    }
    let wanted = pick(&files, &args.maps)?;
    let mut known = known::carried()?;
    if args.connect {
        known::connect(&mut known, &config, &files).await?;
    }
    let mut findings = Vec::new();
    let mut documents: Vec<Document> = Vec::new();
    for file in wanted {
        let place = file.map.at.place();
        let carried = match &place {
            Some(place) => maps::document(Path::new(&place.file))?,
            None => None,
        };
        // Maps of one document go back into one: each writes its own leg.
        let shared = documents.iter_mut().find(|document| {
            matches!((&document.carried, &carried), (Some(a), Some(b)) if a.same_document(b))
        });
        let current = match (&shared, &carried) {
            (Some(document), Some(carried)) => Some(Carried::new(
                carried.leg,
                carried.record.clone(),
                document.mapping.clone(),
            )),
            _ => carried.clone(),
        };
        let exported = export(file, current.as_ref(), &known);
        findings.extend(exported.findings);
        let name = file.map.value.clone();
        if let Some(document) = shared {
            document.mapping = exported.mapping;
            document.maps.push(name);
        } else {
            documents.push(Document {
                maps: vec![name],
                carried,
                mapping: exported.mapping,
            });
        }
    }
    let mut rows = Vec::new();
    for document in documents {
        rows.push(put(document, args.to.as_deref(), args.maps.len() == 1)?);
    }
    let report = Report {
        documents: rows,
        findings,
    };
    if !terminal.json() {
        terminal.findings(&report.findings);
    }
    terminal.data(&report, told);
    let warned = report
        .findings
        .iter()
        .any(|finding| finding.severity >= Severity::Warning);
    Ok(if args.strict && warned {
        Exit::Findings
    } else {
        Exit::Done
    })
}

fn pick<'f>(files: &'f [MapFile], names: &[String]) -> Result<Vec<&'f MapFile>, Failure> {
    if names.is_empty() {
        return Ok(files.iter().collect());
    }
    names
        .iter()
        .map(|name| {
            files
                .iter()
                .find(|file| file.map.value == *name)
                .ok_or_else(|| {
                    let near = files
                        .iter()
                        .map(|file| file.map.value.as_str())
                        .min_by_key(|known| strsim::damerau_levenshtein(known, name));
                    Failure::new(
                        Exit::Usage,
                        codes::NO_SUCH_MAP,
                        format!("no map of this project is called `{name}`"),
                        near.map(|near| format!("did you mean `{near}`?")),
                    )
                })
        })
        .collect()
}

/// Writes a document. A path that ends in `.json` is a file for one map, any other a folder.
fn put(document: Document, to: Option<&Path>, single: bool) -> Result<Row, Failure> {
    let Some(to) = to else {
        return Ok(Row {
            maps: document.maps,
            file: None,
            mapping: Some(document.mapping),
        });
    };
    let is_file = single && to.extension().is_some_and(|ending| ending == "json");
    let path = if is_file {
        to.to_owned()
    } else {
        let name = document.maps.first().map_or("map", String::as_str);
        maps::path(to, name).with_extension("json")
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    let mut text = serde_json::to_string_pretty(&document.mapping)
        .map_err(|error| Failure::bug("the document cannot be written", &error))?;
    text.push('\n');
    fs::write(&path, text).map_err(|error| unwritable(&path, &error))?;
    Ok(Row {
        maps: document.maps,
        file: Some(path.display().to_string()),
        mapping: None,
    })
}

fn told(report: &Report) -> String {
    let written: Vec<Vec<String>> = report
        .documents
        .iter()
        .filter_map(|row| Some(vec![row.maps.join(", "), row.file.clone()?]))
        .collect();
    if !written.is_empty() {
        return table(&["map", "file"], &[], written);
    }
    let documents: Vec<&Json> = report
        .documents
        .iter()
        .filter_map(|row| row.mapping.as_ref())
        .collect();
    let text = match documents.as_slice() {
        [one] => serde_json::to_string_pretty(one),
        several => serde_json::to_string_pretty(several),
    };
    text.unwrap_or_default()
}
