//! `duet explain`: the page of an error code.

use crate::error_pages;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::terminal::{Terminal, table};
use clap::Args;
use serde_json::json;

/// Arguments of `duet explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet explain DUET1004
  duet explain            # every code with its title")]
pub struct ExplainArgs {
    /// The code, as an error message shows it
    code: Option<String>,
}

/// Prints one page, or the list of all.
pub fn run(args: &ExplainArgs, terminal: Terminal) -> Result<Exit, Failure> {
    let Some(code) = &args.code else {
        let pages: Vec<_> = error_pages::all()
            .map(|(code, page)| json!({"code": code, "title": error_pages::title(page)}))
            .collect();
        terminal.data(&pages, |_| {
            let rows = error_pages::all()
                .map(|(code, page)| vec![code.to_owned(), error_pages::title(page).to_owned()])
                .collect();
            table(&["code", "meaning"], &[], rows)
        });
        return Ok(Exit::Done);
    };
    let wanted = normal(code);
    let Some(page) = error_pages::page(&wanted) else {
        return Err(Failure::new(
            Exit::Usage,
            codes::NO_PAGE,
            format!("no page explains `{code}`"),
            "`duet explain` without a code lists them all".to_owned(),
        ));
    };
    terminal.data(&json!({"code": wanted, "page": page}), |_| page.to_owned());
    Ok(Exit::Done)
}

/// `1004`, `duet1004` and `DUET1004` mean the same.
fn normal(code: &str) -> String {
    let digits: String = code.chars().filter(char::is_ascii_digit).collect();
    format!("DUET{digits:0>4}")
}
