//! `duet map schema`: the JSON Schema of map files and of `duet.yaml`, for editors.

use crate::exit::Exit;
use crate::terminal::Terminal;
use clap::{Args, ValueEnum};

/// The schema of map files, as published in the documentation.
const MAP: &str = include_str!("../../../../../docs/reference/map.schema.json");

/// The schema of `duet.yaml`, as published in the documentation.
const CONFIGURATION: &str = include_str!("../../../../../docs/reference/duet-yaml.schema.json");

/// Arguments of `duet map schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet map schema > map.schema.json
  duet map schema --of configuration > duet-yaml.schema.json

An editor with the YAML language server takes it from a first line such as
  # yaml-language-server: $schema=map.schema.json")]
pub(super) struct SchemaArgs {
    /// Which kind of file
    #[arg(long, value_enum, default_value = "map", value_name = "KIND")]
    of: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Map files
    Map,
    /// `duet.yaml`
    Configuration,
}

pub(super) fn run(args: &SchemaArgs, terminal: Terminal) -> Exit {
    let text = match args.of {
        Kind::Map => MAP,
        Kind::Configuration => CONFIGURATION,
    };
    terminal.line(text.trim_end());
    Exit::Done
}
