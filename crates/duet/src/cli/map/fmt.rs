//! `duet map fmt`: map files in their canonical form.

use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::stand_ins::unwritable;
use crate::terminal::Terminal;
use clap::Args;
use duet_map::file::MapFile;
use serde_json::json;
use std::path::Path;

/// Arguments of `duet map fmt`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet map fmt                          every map of the project
  duet map fmt maps/finance             these
  duet map fmt --check                  write nothing, exit code 1 when a file would change")]
pub(super) struct FmtArgs {
    /// Map files, folders or patterns; without any those of duet.yaml
    files: Vec<String>,
    /// Write nothing; exit code 1 when a file would change
    #[arg(long)]
    check: bool,
}

pub(super) fn run(args: &FmtArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let sources = super::sources(&args.files, global)?;
    let mut findings = Vec::new();
    let mut changed = Vec::new();
    for source in &sources {
        match MapFile::format(&source.text, &source.file) {
            Ok(text) if text == source.text => {}
            Ok(text) => changed.push((source.file.clone(), text)),
            Err(found) => findings.extend(found),
        }
    }
    // A file that cannot be read stops the others as well: half of a project is no form.
    if !findings.is_empty() {
        return Err(Failure::configuration(findings));
    }
    if !args.check {
        for (file, text) in &changed {
            let path = Path::new(file);
            std::fs::write(path, text).map_err(|error| unwritable(path, &error))?;
        }
    }
    let files: Vec<&str> = changed.iter().map(|(file, _)| file.as_str()).collect();
    let told = json!({"maps": sources.len(), "changed": files, "written": !args.check});
    terminal.data(&told, |_| {
        let word = if args.check {
            "would change"
        } else {
            "formatted"
        };
        let mut lines: Vec<String> = files.iter().map(|file| format!("{word} {file}")).collect();
        lines.push(format!("{} of {} maps {word}", files.len(), sources.len()));
        lines.join("\n")
    });
    Ok(if args.check && !changed.is_empty() {
        Exit::Findings
    } else {
        Exit::Done
    })
}
