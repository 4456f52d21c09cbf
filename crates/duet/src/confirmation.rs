//! Confirmations: what cannot be taken back is typed, or said with `--yes`.

use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::terminal::Terminal;
use std::io::{BufRead, IsTerminal};

/// Asks for a word on a terminal. Without one, only `--yes` confirms.
pub fn confirm(terminal: Terminal, what: &str, word: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(refused(what, "add `--yes`"));
    }
    terminal.say(&format!("{what}. Type `{word}` to go on:"));
    let mut line = String::new();
    let read = input.lock().read_line(&mut line);
    if read.is_ok() && line.trim() == word {
        Ok(())
    } else {
        Err(refused(what, "type the word, or add `--yes`"))
    }
}

fn refused(what: &str, fix: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        codes::NOT_CONFIRMED,
        format!("{what}, and nobody confirmed it; nothing was done"),
        fix.to_owned(),
    )
}

/// Who works at this terminal, for the record's story.
pub fn person() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()))
        .unwrap_or_else(|| "somebody".to_owned())
}
