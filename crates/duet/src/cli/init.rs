//! `duet init`: a new project from two connections and what their systems hold.

use super::Global;
use crate::checking::{self, Request};
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::init::answers::{self, Ask, Known, Nobody, Person};
use crate::init::proposal::{self, Proposal};
use crate::init::survey::{self, Survey};
use crate::init::{codes, write};
use crate::packages::install::{self, Wishes};
use crate::packages::{self, Package};
use crate::terminal::{Terminal, table};
use clap::Args;
use duet_map::side::PerSide;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{IsTerminal, stdin};
use std::path::Path;

/// Arguments of `duet init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet init                                 asks for everything on the terminal
  duet init --yes --tenant contoso.onmicrosoft.com --client-id 0a1b… \\
    --left-url https://contoso.operations.dynamics.com \\
    --right-url https://contoso.crm.dynamics.com
  duet init --dry-run …                     what would be proposed

Secrets stay in the environment: the project names the variables DUET_LEFT_SECRET and
DUET_RIGHT_SECRET, or those that you name. Reads both systems, writes nothing to them, and writes
over no file.")]
pub struct InitArgs {
    /// The project's name; that of its folder without it
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Which environment it is: dev, test, uat, prod
    #[arg(long, value_name = "NAME", default_value = "dev")]
    environment: String,
    /// The Entra tenant of both sides
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// The application of both sides
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The address of Finance & Operations
    #[arg(long, value_name = "URL")]
    left_url: Option<String>,
    /// Its tenant, where it has one of its own
    #[arg(long, value_name = "TENANT")]
    left_tenant: Option<String>,
    /// Its token address, for stand-ins and national clouds
    #[arg(long, value_name = "URL")]
    left_token_url: Option<String>,
    /// Its application, where it has one of its own
    #[arg(long, value_name = "ID")]
    left_client_id: Option<String>,
    /// The variable that holds its secret
    #[arg(long, value_name = "VARIABLE")]
    left_secret: Option<String>,
    /// The address of Dataverse
    #[arg(long, value_name = "URL")]
    right_url: Option<String>,
    /// Its tenant, where it has one of its own
    #[arg(long, value_name = "TENANT")]
    right_tenant: Option<String>,
    /// Its token address, for stand-ins and national clouds
    #[arg(long, value_name = "URL")]
    right_token_url: Option<String>,
    /// Its application, where it has one of its own
    #[arg(long, value_name = "ID")]
    right_client_id: Option<String>,
    /// The variable that holds its secret
    #[arg(long, value_name = "VARIABLE")]
    right_secret: Option<String>,
    /// Take these packages instead of those proposed, with commas between them
    #[arg(long, value_name = "PACKAGES", value_delimiter = ',')]
    packages: Vec<String>,
    /// Take these companies instead of those proposed, with commas between them
    #[arg(long, value_name = "COMPANIES", value_delimiter = ',')]
    companies: Vec<String>,
    /// Rows to count of each table before the count ends
    #[arg(long, value_name = "ROWS", default_value_t = 20_000)]
    count_at_most: u64,
    /// Where `duet run` will serve HTTP
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Take all proposals without asking
    #[arg(long)]
    yes: bool,
    /// Write nothing, tell what would be proposed
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    proposal: Proposal,
    packages: Vec<String>,
    companies: Vec<String>,
    maps: usize,
    left_out: Vec<LeftOut>,
    survey: Survey,
    errors: usize,
    warnings: usize,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    map: String,
    why: String,
}

/// Asks, surveys, proposes, writes and checks.
pub async fn run(args: InitArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    write::refuse_existing(&global.config)?;
    let mut person;
    let mut nobody = Nobody;
    let ask: &mut dyn Ask = if !args.yes && stdin().is_terminal() {
        person = Person {
            input: stdin().lock(),
            output: std::io::stderr(),
        };
        &mut person
    } else {
        &mut nobody
    };
    let sides = answers::complete(known(&args), ask)?;
    let folder = global.config.parent().unwrap_or(Path::new(""));
    let mut wanted = write::Project {
        name: args.name.clone().unwrap_or_else(|| folder_name(folder)),
        owner: args.owner.clone(),
        environment: args.environment.clone(),
        sides,
        companies: args
            .companies
            .iter()
            .map(|name| name.to_lowercase())
            .collect(),
        listen: args.listen.clone(),
    };
    let file = global.config.display().to_string();
    let parse = |text: &str| Config::parse(text, &file, folder).map_err(Failure::configuration);
    let config = parse(&wanted.text())?;
    let carried = packages::carried()?;
    // Who names packages wants to know about those.
    let looked_at: Vec<Package> = if args.packages.is_empty() {
        carried.clone()
    } else {
        let chosen = packages::with_needs(&carried, &args.packages)?;
        chosen.into_iter().cloned().collect()
    };
    let survey = survey::survey(&config, &looked_at, args.count_at_most, terminal).await?;
    let proposal = proposal::propose(&survey, &looked_at);
    if !terminal.json() {
        terminal.say("");
        terminal.say(&shown(&proposal));
        terminal.say("");
    }
    let names = choose_packages(&args, &proposal, ask)?;
    let chosen = packages::with_needs(&carried, &names)?;
    if wanted.companies.is_empty() {
        wanted.companies = choose_companies(&proposal, ask);
    }
    let set: BTreeSet<&str> = chosen
        .iter()
        .map(|package| package.manifest.name.as_str())
        .collect();
    let skip = proposal::impossible(&survey, &set);
    let mut report = Report {
        packages: chosen
            .iter()
            .map(|package| package.manifest.name.clone())
            .collect(),
        companies: wanted.companies.clone(),
        maps: count(&chosen) - skip.len(),
        left_out: survey
            .maps
            .iter()
            .filter(|map| skip.contains(&map.file))
            .map(|map| LeftOut {
                map: map.map.clone(),
                why: map.obstacle.clone().unwrap_or_default(),
            })
            .collect(),
        proposal,
        survey,
        errors: 0,
        warnings: 0,
    };
    if !args.dry_run {
        let text = wanted.text();
        let wishes = Wishes {
            restore: false,
            skip: Some(&skip),
        };
        install::install(&folder.join("maps"), &chosen, wishes)?;
        write::write(&global.config, &text)?;
        let checked = checking::check(&parse(&text)?, &Request::default()).await?;
        (report.errors, report.warnings) = (checked.errors, checked.warnings);
    }
    terminal.data(&report, |report| told(report, &args, &file));
    Ok(if report.errors > 0 {
        Exit::Findings
    } else {
        Exit::Done
    })
}

fn known(args: &InitArgs) -> PerSide<Known> {
    let of_both =
        |own: &Option<String>, both: &Option<String>| own.clone().or_else(|| both.clone());
    PerSide {
        left: Known {
            url: args.left_url.clone(),
            tenant: of_both(&args.left_tenant, &args.tenant),
            token_url: args.left_token_url.clone(),
            client_id: of_both(&args.left_client_id, &args.client_id),
            secret: args.left_secret.clone(),
        },
        right: Known {
            url: args.right_url.clone(),
            tenant: of_both(&args.right_tenant, &args.tenant),
            token_url: args.right_token_url.clone(),
            client_id: of_both(&args.right_client_id, &args.client_id),
            secret: args.right_secret.clone(),
        },
    }
}

/// The name of the folder that the project stands in.
fn folder_name(folder: &Path) -> String {
    folder
        .canonicalize()
        .or_else(|_| std::env::current_dir())
        .ok()
        .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "project".to_owned())
}

fn choose_packages(
    args: &InitArgs,
    proposal: &Proposal,
    ask: &mut dyn Ask,
) -> Result<Vec<String>, Failure> {
    if !args.packages.is_empty() {
        return Ok(args.packages.clone());
    }
    let proposed: Vec<&str> = proposal
        .packages
        .iter()
        .filter(|package| package.proposed)
        .map(|package| package.package.as_str())
        .collect();
    let proposed = (!proposed.is_empty()).then(|| proposed.join(", "));
    ask.ask("Packages", proposed.as_deref())
        .or(proposed)
        .map(|names| split(&names))
        .ok_or_else(|| {
            Failure::new(
                Exit::Configuration,
                codes::NOTHING_IN_USE,
                "neither system holds rows of a table that any package maps",
                "name the packages yourself: `--packages finance`".to_owned(),
            )
        })
}

fn choose_companies(proposal: &Proposal, ask: &mut dyn Ask) -> Vec<String> {
    let found: Vec<&str> = proposal.companies.keys().map(String::as_str).collect();
    if found.is_empty() {
        return Vec::new();
    }
    let proposed = found.join(", ");
    let chosen = ask.ask("Companies", Some(&proposed)).unwrap_or(proposed);
    split(&chosen.to_lowercase())
}

fn split(names: &str) -> Vec<String> {
    names
        .split([',', ' '])
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn count(packages: &[&Package]) -> usize {
    packages.iter().map(|package| package.maps.len()).sum()
}

/// What was found, package by package.
fn shown(proposal: &Proposal) -> String {
    let rows = proposal
        .packages
        .iter()
        .map(|package| {
            vec![
                package.package.clone(),
                package.maps.to_string(),
                package.possible.to_string(),
                package.used.to_string(),
                package.left_rows.to_string(),
                package.right_rows.to_string(),
                if package.proposed { "yes" } else { "no" }.to_owned(),
            ]
        })
        .collect();
    let header = [
        "package",
        "maps",
        "can run",
        "with rows",
        "left rows",
        "right rows",
        "proposed",
    ];
    let mut lines = vec![table(&header, &[1, 2, 3, 4, 5], rows)];
    if !proposal.companies.is_empty() {
        let companies: Vec<String> = proposal
            .companies
            .iter()
            .map(|(company, rows)| format!("{company} ({rows} rows)"))
            .collect();
        lines.push(format!("Companies with rows: {}.", companies.join(", ")));
    }
    lines.extend(
        proposal
            .advice
            .iter()
            .map(|advice| format!("Note: {advice}.")),
    );
    lines.join("\n\n")
}

fn told(report: &Report, args: &InitArgs, file: &str) -> String {
    let chosen = report.survey.maps.iter().filter(|map| {
        report.packages.contains(&map.package) && map.obstacle.is_none() && map.is_used()
    });
    let rows = chosen
        .map(|map| {
            let volume = |volume: &Option<crate::volumes::Volume>| {
                volume.as_ref().map_or("-".to_owned(), ToString::to_string)
            };
            let filters = [&map.filters.left, &map.filters.right];
            let filters: Vec<&str> = filters.into_iter().flatten().map(String::as_str).collect();
            vec![
                map.map.clone(),
                volume(&map.volumes.left),
                map.direction.to_owned(),
                volume(&map.volumes.right),
                filters.join(" / "),
            ]
        })
        .collect();
    let mut lines = vec![table(
        &["map", "left", "", "right", "filters"],
        &[1, 3],
        rows,
    )];
    for left_out in &report.left_out {
        lines.push(format!(
            "Left out: {}, because {}.",
            left_out.map, left_out.why
        ));
    }
    let what = format!(
        "{} maps of {} for {}",
        report.maps,
        report.packages.join(", "),
        if report.companies.is_empty() {
            "all companies".to_owned()
        } else {
            report.companies.join(", ")
        }
    );
    if args.dry_run {
        lines.push(format!("Nothing is written. It would be {what}."));
    } else {
        lines.push(format!(
            "{file} is written: {what}. The check finds {} errors and {} warnings.",
            report.errors, report.warnings
        ));
        lines.push("Next: duet check, then duet sync, then duet run.".to_owned());
    }
    lines.join("\n\n")
}
