//! `duet export`: writes maps as Microsoft's documents, into files, a solution or an environment.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::map_files;
use crate::microsoft::environment::{self, Planned, Step};
use crate::microsoft::{codes, known, maps, rows, solution};
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
  duet export --solution maps.zip       every map, as an unmanaged solution
  duet export --environment             what the Dataverse of duet.yaml would get
  duet export --environment --apply     writes it there

A map that was imported and not changed comes out as it went in. Without --environment and
--connect it connects to nothing.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub struct ExportArgs {
    /// The maps; all of the project without any
    #[arg(value_name = "MAP")]
    maps: Vec<String>,
    /// A file for one map, or a folder
    #[arg(long, value_name = "PATH")]
    to: Option<PathBuf>,
    /// Write one solution with all of them into this zip file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "environment"])]
    solution: Option<PathBuf>,
    /// Compare with the maps of the project's Dataverse, and tell what would change there
    #[arg(long, conflicts_with = "to")]
    environment: bool,
    /// Write to the Dataverse what --environment tells
    #[arg(long, requires = "environment")]
    apply: bool,
    /// Ask both systems for the tables that lookups point at
    #[arg(long)]
    connect: bool,
    /// Warnings end with exit code 1 too
    #[arg(long)]
    strict: bool,
}

/// A document and the maps that it was written from.
struct Document<'f> {
    maps: Vec<String>,
    /// The first of them.
    file: &'f MapFile,
    carried: Option<Carried>,
    mapping: Json,
}

#[derive(Debug, Serialize)]
struct Report {
    documents: Vec<Row>,
    /// The solution that holds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    solution: Option<String>,
    /// What the environment gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Vec<Planned>>,
    /// Whether it was written there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    applied: bool,
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
    let mut documents: Vec<Document<'_>> = Vec::new();
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
                file,
                carried,
                mapping: exported.mapping,
            });
        }
    }
    let mut report = Report {
        documents: Vec::new(),
        solution: None,
        environment: None,
        applied: false,
        findings,
    };
    if let Some(path) = &args.solution {
        solution::write(path, &table_rows(documents))?;
        report.solution = Some(path.display().to_string());
    } else if args.environment {
        let plan = environment::plan(&config, &table_rows(documents)).await?;
        if args.apply {
            environment::apply(&config, &plan).await?;
        }
        report.environment = Some(plan);
        report.applied = args.apply;
    } else {
        for document in documents {
            let row = put(document, args.to.as_deref(), args.maps.len() == 1)?;
            report.documents.push(row);
        }
    }
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

/// The documents as rows of the table that keeps them.
fn table_rows(documents: Vec<Document<'_>>) -> Vec<rows::Row> {
    documents
        .into_iter()
        .map(|one| rows::Row::new(one.file, one.maps, one.carried.as_ref(), one.mapping))
        .collect()
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
fn put(document: Document<'_>, to: Option<&Path>, single: bool) -> Result<Row, Failure> {
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
    if let Some(path) = &report.solution {
        return format!("wrote {path}");
    }
    if let Some(plan) = &report.environment {
        return told_plan(plan, report.applied);
    }
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

fn told_plan(plan: &[Planned], applied: bool) -> String {
    let count = |step: Step| plan.iter().filter(|one| one.step == step).count();
    let rows: Vec<Vec<String>> = plan
        .iter()
        .filter(|one| one.step != Step::Same)
        .map(|one| {
            let word = match one.step {
                Step::Create => "create",
                Step::Update => "update",
                Step::Same => "same",
            };
            let maps = one.maps.join(", ");
            let changes = one.changes.join("; ");
            vec![maps, word.to_owned(), one.version.clone(), changes]
        })
        .collect();
    let (create, update, same) = (count(Step::Create), count(Step::Update), count(Step::Same));
    let verdict = if applied {
        format!("{create} created, {update} updated, {same} are the same.")
    } else {
        format!(
            "{create} to create, {update} to update, {same} are the same. Nothing is written yet; \
             `--apply` writes."
        )
    };
    if rows.is_empty() {
        return verdict;
    }
    let table = table(&["map", "step", "version", "changes"], &[], rows);
    format!("{table}\n\n{verdict}")
}
