//! `duet map`: looks at map files, formats, compares and tests them.

mod diff;
mod fmt;
mod schema;
mod show;
mod test;

use super::Global;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::map_files::{self, Source};
use crate::solutions;
use crate::terminal::Terminal;
use clap::{Args, Subcommand};
use duet_map::file::MapFile;
use std::path::Path;

/// Arguments of `duet map`.
#[derive(Debug, Args)]
pub struct MapArgs {
    #[command(subcommand)]
    command: MapCommand,
}

#[derive(Debug, Subcommand)]
enum MapCommand {
    /// Bring map files into their canonical form, comments kept
    Fmt(fmt::FmtArgs),
    /// Tell what differs between two maps by what they mean
    Diff(diff::DiffArgs),
    /// Show a map as a table in Microsoft's notation
    Show(show::ShowArgs),
    /// Print the JSON Schema of map files or of duet.yaml, for editors
    Schema(schema::SchemaArgs),
    /// Play the examples beside the maps: rows in, expected rows out
    Test(test::TestArgs),
}

/// Does what the subcommand says.
pub async fn run(args: &MapArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    match &args.command {
        MapCommand::Fmt(args) => fmt::run(args, global, terminal),
        MapCommand::Diff(args) => diff::run(args, terminal),
        MapCommand::Show(args) => show::run(args, terminal),
        MapCommand::Schema(args) => Ok(schema::run(args, terminal)),
        MapCommand::Test(args) => test::run(args, global, terminal).await,
    }
}

/// The map files that are named, or without any all of the project.
fn sources(files: &[String], global: &Global) -> Result<Vec<Source>, Failure> {
    if files.is_empty() {
        return map_files::read(&crate::project::config(global)?);
    }
    map_files::named(Path::new(""), files)
}

/// One map: a file, or else a published map by its name (`customers-v3.accounts`).
fn one(named: &str) -> Result<MapFile, Failure> {
    let source = if Path::new(named).is_file() {
        let mut read = map_files::named(Path::new(""), &[named.to_owned()])?;
        read.pop()
    } else {
        solutions::maps()
            .find(|(file, _)| {
                let name = file.rsplit('/').next().unwrap_or(file);
                name.strip_suffix(".yaml") == Some(named)
            })
            .map(|(file, text)| Source {
                file: file.to_owned(),
                text: text.to_owned(),
                rank: 0,
            })
    };
    let Some(source) = source else {
        return Err(Failure::new(
            Exit::Usage,
            codes::NO_MAP_NAMED,
            format!("`{named}` is neither a file nor a published map"),
            "name a map file, or a published map such as `customers-v3.accounts`; \
             `duet package show PACKAGE` lists them"
                .to_owned(),
        ));
    };
    MapFile::parse(&source.text, &source.file).map_err(Failure::configuration)
}
