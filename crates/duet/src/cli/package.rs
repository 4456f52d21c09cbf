//! `duet package`: lists, shows and installs the solution packages of this release.

use super::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::init::survey::direction;
use crate::packages::install::{self, Action, Outcome, Wishes};
use crate::packages::record::Record;
use crate::packages::{self, Package};
use crate::terminal::{Terminal, table};
use clap::{Args, Subcommand};
use duet_map::file::MapFile;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Arguments of `duet package`.
#[derive(Debug, Args)]
pub struct PackageArgs {
    #[command(subcommand)]
    command: PackageCommand,
}

#[derive(Debug, Subcommand)]
enum PackageCommand {
    /// List the packages, and which of them the project has
    #[command(after_help = "\
Example:
  duet package list")]
    List(Folder),
    /// Show what a package needs and brings, and why
    #[command(after_help = "\
Example:
  duet package show finance
  duet package show finance --json | jq -r '.maps[].map'")]
    Show(ShowArgs),
    /// Copy packages into the project, with the packages that they need
    #[command(after_help = "\
Examples:
  duet package install finance              with what it needs, without human-resources
  duet package install supply-chain notes
  duet package install finance --dry-run    what would happen

An edited map is never written over: a newer one is put beside it as `.yaml.new`, and the command
ends with exit code 1. A map that you deleted stays away unless you say `--restore`.")]
    Install(InstallArgs),
}

#[derive(Debug, Args)]
struct Folder {
    /// The folder of the project's maps; `maps` beside duet.yaml without it
    #[arg(long, value_name = "FOLDER")]
    maps: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The package
    #[arg(value_name = "PACKAGE")]
    package: String,
}

#[derive(Debug, Args)]
struct InstallArgs {
    /// The packages
    #[arg(value_name = "PACKAGE", required = true)]
    packages: Vec<String>,
    #[command(flatten)]
    folder: Folder,
    /// Bring maps back that were deleted from the project
    #[arg(long)]
    restore: bool,
    /// Write nothing, tell what would be installed
    #[arg(long)]
    dry_run: bool,
}

impl Folder {
    fn path(&self, global: &Global) -> PathBuf {
        self.maps.clone().unwrap_or_else(|| {
            let project = global.config.parent().unwrap_or(std::path::Path::new(""));
            project.join("maps")
        })
    }
}

/// Does what the subcommand says.
pub fn run(args: &PackageArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let packages = packages::carried()?;
    match &args.command {
        PackageCommand::List(folder) => list(&packages, folder, global, terminal),
        PackageCommand::Show(args) => show(&packages, args, terminal),
        PackageCommand::Install(args) => install(&packages, args, global, terminal),
    }
}

#[derive(Debug, Serialize)]
struct Listed<'p> {
    package: &'p str,
    version: String,
    installed: Option<String>,
    maps: usize,
    needs: Vec<&'p str>,
    why: &'p str,
}

fn list(
    packages: &[Package],
    folder: &Folder,
    global: &Global,
    terminal: Terminal,
) -> Result<Exit, Failure> {
    let record = Record::read(&folder.path(global))?;
    let listed: Vec<Listed<'_>> = packages
        .iter()
        .map(|package| {
            let manifest = &package.manifest;
            let installed = record.packages.get(&manifest.name);
            Listed {
                package: &manifest.name,
                version: manifest.version.to_string(),
                installed: installed.map(|installed| installed.version.to_string()),
                maps: package.maps.len(),
                needs: needs(package),
                why: &manifest.why,
            }
        })
        .collect();
    terminal.data(&listed, |listed| {
        let rows = listed
            .iter()
            .map(|row| {
                vec![
                    row.package.to_owned(),
                    row.version.clone(),
                    row.installed.clone().unwrap_or_else(|| "-".to_owned()),
                    row.maps.to_string(),
                    if row.needs.is_empty() {
                        "-".to_owned()
                    } else {
                        row.needs.join(", ")
                    },
                ]
            })
            .collect();
        table(
            &["package", "version", "installed", "maps", "needs"],
            &[3],
            rows,
        )
    });
    Ok(Exit::Done)
}

fn needs(package: &Package) -> Vec<&str> {
    let needs = package.manifest.needs.iter();
    needs.map(|need| need.package.as_str()).collect()
}

#[derive(Debug, Serialize)]
struct Shown<'p> {
    #[serde(flatten)]
    manifest: &'p packages::manifest::Manifest,
    maps: Vec<ShownMap>,
}

#[derive(Debug, Serialize)]
struct ShownMap {
    map: String,
    left: String,
    direction: &'static str,
    right: String,
    fields: usize,
    why: String,
}

fn show(packages: &[Package], args: &ShowArgs, terminal: Terminal) -> Result<Exit, Failure> {
    let package = packages::find(packages, &args.package)?;
    let maps = package
        .maps
        .iter()
        .map(|(file, text)| {
            let map = MapFile::parse(text, file).map_err(Failure::configuration)?;
            Ok(ShownMap {
                left: map.ends.left.entity.value.clone(),
                direction: direction(&map),
                right: map.ends.right.entity.value.clone(),
                fields: map.fields.len(),
                map: map.map.value,
                why: map.why,
            })
        })
        .collect::<Result<_, Failure>>()?;
    let shown = Shown {
        manifest: &package.manifest,
        maps,
    };
    terminal.data(&shown, |shown| {
        let manifest = shown.manifest;
        let needs = needs(package);
        let rows = shown
            .maps
            .iter()
            .map(|map| {
                vec![
                    map.left.clone(),
                    map.direction.to_owned(),
                    map.right.clone(),
                    map.fields.to_string(),
                    map.why.clone(),
                ]
            })
            .collect();
        format!(
            "{} {} ({})\n{}\nNeeds: {}\n\n{}",
            manifest.title,
            manifest.version,
            manifest.name,
            manifest.why,
            if needs.is_empty() {
                "nothing".to_owned()
            } else {
                needs.join(", ")
            },
            table(&["left", "", "right", "fields", "why"], &[3], rows)
        )
    });
    Ok(Exit::Done)
}

fn install(
    packages: &[Package],
    args: &InstallArgs,
    global: &Global,
    terminal: Terminal,
) -> Result<Exit, Failure> {
    let wanted = packages::with_needs(packages, &args.packages)?;
    let folder = args.folder.path(global);
    let wishes = Wishes {
        restore: args.restore,
        ..Wishes::default()
    };
    let outcomes = if args.dry_run {
        install::plan(&folder, &wanted, wishes)?
    } else {
        install::install(&folder, &wanted, wishes)?
    };
    let findings = install::findings(&folder, &outcomes);
    if !terminal.json() {
        terminal.findings(&findings);
    }
    for outcome in &outcomes {
        if !args.packages.contains(&outcome.package) {
            terminal.say(&format!("{} comes along: it is needed.", outcome.package));
        }
    }
    terminal.data(&outcomes, |outcomes| told(outcomes));
    Ok(if findings.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    })
}

fn told(outcomes: &[Outcome]) -> String {
    let rows = outcomes
        .iter()
        .map(|outcome| {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for action in outcome.files.values() {
                *counts.entry(Action::as_str(*action)).or_default() += 1;
            }
            let version = match &outcome.from {
                Some(from) if *from != outcome.version => format!("{from} → {}", outcome.version),
                _ => outcome.version.clone(),
            };
            let counts: Vec<String> = counts
                .iter()
                .map(|(action, count)| format!("{count} {action}"))
                .collect();
            vec![outcome.package.clone(), version, counts.join(", ")]
        })
        .collect();
    table(&["package", "version", "maps"], &[], rows)
}
