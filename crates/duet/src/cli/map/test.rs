//! `duet map test`: plays the examples that stand beside the maps.

use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::map_files::{self, Source};
use crate::project;
use crate::schemas;
use crate::stand_ins::{Plan, StandIns};
use crate::terminal::Terminal;
use clap::Args;
use duet_map::CompiledMap;
use duet_map::diagnostic::Severity;
use duet_map::example::{ENDING, ExampleFile, Mismatch};
use duet_map::file::MapFile;
use duet_map::schema::SchemaSet;
use duet_map::side::PerSide;
use serde::Serialize;
use std::path::Path;

/// Arguments of `duet map test`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet map test                                  the project's maps against both systems' schemas
  duet map test maps/finance --sandbox           against the schemas of the local stand-ins
  duet map test --json | jq '.[] | select(.ok | not)'

The examples of `customers.yaml` stand beside it in `customers.test.yaml`. Nothing is read or
written but schemas. Exit code 1 when an example goes otherwise than expected.")]
pub(super) struct TestArgs {
    /// Map files, folders or patterns; without any those of duet.yaml
    files: Vec<String>,
    /// Take the schemas of the local stand-ins instead of those of both systems
    #[arg(long)]
    sandbox: bool,
}

/// One example and how it went.
#[derive(Debug, Serialize)]
struct Played {
    map: String,
    example: String,
    file: String,
    line: Option<usize>,
    ok: bool,
    mismatches: Vec<String>,
}

pub(super) async fn run(
    args: &TestArgs,
    global: &Global,
    terminal: Terminal,
) -> Result<Exit, Failure> {
    let sources = super::sources(&args.files, global)?;
    let (files, findings) = map_files::parse(&sources);
    if !findings.is_empty() {
        return Err(Failure::configuration(findings));
    }
    let tested: Vec<(&Source, &MapFile, Source)> = sources
        .iter()
        .zip(&files)
        .filter_map(|(source, file)| Some((source, file, examples_of(source)?)))
        .collect();
    if tested.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            codes::NO_EXAMPLES,
            "none of these maps has examples",
            format!("write some into a file `<map>{ENDING}` beside the map"),
        ));
    }
    let schemas = schemas(args, global, &files).await?;
    let mut played = Vec::new();
    for (_, file, examples) in &tested {
        play(file, examples, &schemas, &mut played)?;
    }
    let failed = played.iter().filter(|example| !example.ok).count();
    let without = sources.len() - tested.len();
    terminal.data(&played, |played| text(played, failed, without));
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::Findings
    })
}

/// The examples beside a map file.
fn examples_of(source: &Source) -> Option<Source> {
    let stem = source.file.strip_suffix(".yaml")?;
    let file = format!("{stem}{ENDING}");
    let text = std::fs::read_to_string(Path::new(&file)).ok()?;
    Some(Source {
        file,
        text,
        rank: 0,
    })
}

async fn schemas(
    args: &TestArgs,
    global: &Global,
    files: &[MapFile],
) -> Result<PerSide<SchemaSet>, Failure> {
    if !args.sandbox {
        let systems = project::systems(&project::config(global)?)?;
        return schemas::fetch(&systems, files).await;
    }
    let stand_ins = StandIns::start(&Plan::default()).await?;
    let systems = stand_ins.connectors()?;
    let fetched = schemas::fetch(&systems, files).await;
    stand_ins.stop().await;
    fetched
}

fn play(
    file: &MapFile,
    source: &Source,
    schemas: &PerSide<SchemaSet>,
    played: &mut Vec<Played>,
) -> Result<(), Failure> {
    let (map, _) =
        CompiledMap::compile(file, &schemas.left, &schemas.right).map_err(|mut found| {
            found.retain(|finding| finding.severity == Severity::Error);
            Failure::configuration(found)
        })?;
    let examples =
        ExampleFile::parse(&source.text, &source.file).map_err(Failure::configuration)?;
    for example in &examples.examples {
        let mismatches = example
            .run(&map)
            .map_err(|finding| Failure::configuration(vec![*finding]))?;
        let place = example.name.at.place();
        played.push(Played {
            map: map.id().to_owned(),
            example: example.name.value.clone(),
            file: source.file.clone(),
            line: place.map(|place| place.line),
            ok: mismatches.is_empty(),
            mismatches: mismatches.iter().map(told).collect(),
        });
    }
    Ok(())
}

/// A mismatch with the line on which its expectation stands.
fn told(mismatch: &Mismatch) -> String {
    match &mismatch.place {
        Some(place) => format!("{}:{}: {mismatch}", place.file, place.line),
        None => mismatch.to_string(),
    }
}

fn text(played: &[Played], failed: usize, without: usize) -> String {
    let mut lines = Vec::new();
    for example in played.iter().filter(|example| !example.ok) {
        lines.push(format!("FAILED {}: {}", example.map, example.example));
        lines.extend(example.mismatches.iter().map(|line| format!("  {line}")));
    }
    let passed = played.len() - failed;
    let without = match without {
        0 => String::new(),
        some => format!(", {some} maps without examples"),
    };
    lines.push(format!("{passed} passed, {failed} failed{without}"));
    lines.join("\n")
}
