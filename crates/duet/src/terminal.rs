//! Where output goes: data to standard output, everything else to standard error.
//!
//! Colour, bars and tables appear on a terminal only; `NO_COLOR` switches colour off there too.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Render;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use duet_map::diagnostic::Diagnostic;
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// The user's terminal, or the pipes in its place.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    json: bool,
    colour: bool,
    live: bool,
}

impl Terminal {
    /// Looks at the process's own streams and environment.
    pub fn of_process(json: bool) -> Self {
        let live = std::io::stderr().is_terminal();
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            json,
            colour: live && !no_colour,
            live,
        }
    }

    /// Whether data goes out as JSON.
    pub const fn json(self) -> bool {
        self.json
    }

    /// The same terminal with data as JSON, or not.
    #[must_use]
    pub const fn with_json(self, json: bool) -> Self {
        Self { json, ..self }
    }

    /// Whether standard error is a terminal, so that bars make sense.
    pub const fn live(self) -> bool {
        self.live
    }

    /// Whether colour is wanted on standard error.
    pub const fn colour(self) -> bool {
        self.colour
    }

    /// Writes data to standard output: `value` as JSON, or what `text` makes of it.
    pub fn data<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) {
        let text = if self.json {
            serde_json::to_string_pretty(value).unwrap_or_else(|error| {
                // Only a map with keys that are no text can do this; ours have none.
                format!("{{\"error\": \"{error}\"}}")
            })
        } else {
            text(value)
        };
        self.line(text.trim_end());
    }

    /// Writes one line of data to standard output at once.
    pub fn line(self, line: &str) {
        let mut out = std::io::stdout().lock();
        // A reader that has seen enough (`| head`) closes the pipe; that is no error.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    /// Tells the user something that is no data.
    pub fn say(self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// Tells findings, as people or as programs read them.
    pub fn findings(self, findings: &[Diagnostic]) {
        let mut render = Render::new(self.colour);
        for finding in findings {
            self.say(&render.diagnostic(finding));
            self.say("");
        }
    }

    /// Tells why a command failed and how the process ends.
    pub fn failure(self, failure: &Failure) -> Exit {
        if self.json {
            let body = serde_json::json!({ "findings": failure.findings });
            self.say(&body.to_string());
        } else {
            self.findings(&failure.findings);
            if let Some(code) = failure.findings.first().map(|finding| finding.code) {
                self.say(&format!("More about it: duet explain {code}"));
            }
        }
        failure.exit
    }
}

/// A table without frames, so that it pipes well; `right` names the columns with figures.
pub fn table(header: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.iter().map(|title| title.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    for index in right {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 1));
    }
    table
        .to_string()
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}
