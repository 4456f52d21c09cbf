//! The `duet` command: parses nothing and prints nothing itself, see the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    duet::cli::run(std::env::args_os()).into()
}
