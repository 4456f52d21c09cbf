//! `duet completions`: a completion script for a shell.

use super::Cli;
use crate::exit::Exit;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Arguments of `duet completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet completions bash > ~/.local/share/bash-completion/completions/duet
  duet completions zsh  > ~/.zfunc/_duet")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> Exit {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "duet",
        &mut std::io::stdout(),
    );
    Exit::Done
}
