//! Developer commands: regenerate what is generated from published facts.

mod facts;
mod maps;
mod schemas;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Developer commands of the Duet workspace.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write `crates/sandbox/schemas/` from the published facts about both systems.
    Schemas {
        /// Folder that holds the facts as tab-separated files.
        #[arg(long)]
        data: PathBuf,
    },
    /// Write the out-of-the-box maps into `solutions/` from the published facts.
    Maps {
        /// Folder that holds the facts as tab-separated files.
        #[arg(long)]
        data: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Schemas { data } => schemas::run(&data),
        Command::Maps { data } => maps::run(&data),
    }
}
