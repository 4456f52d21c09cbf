//! The engine's progress for people: bars on a terminal, plain lines without one.

use crate::cli::status::state as state_word;
use crate::terminal::Terminal;
use duet_engine::progress::{Event, Progress};
use duet_map::side::Side;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Shows progress on a terminal or as lines. Later listeners get every event too.
pub struct Shown {
    terminal: Terminal,
    bars: MultiProgress,
    state: Mutex<State>,
    also: Vec<Box<dyn Progress>>,
}

#[derive(Default)]
struct State {
    reads: HashMap<(Side, String), ProgressBar>,
    maps: HashMap<String, Applying>,
}

struct Applying {
    bar: ProgressBar,
    settled: u64,
}

impl Shown {
    /// Shows to a terminal and tells the others.
    pub fn new(terminal: Terminal, also: Vec<Box<dyn Progress>>) -> Self {
        Self {
            terminal,
            bars: MultiProgress::new(),
            state: Mutex::default(),
            also,
        }
    }

    fn bar(&self, length: Option<u64>, title: &str) -> ProgressBar {
        let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let template = if length.is_some() {
            "{msg:44} {bar:30} {pos:>7}/{len}"
        } else {
            "{msg:44} {spinner} {pos:>7}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(title.to_owned());
        self.bars.add(bar)
    }

    fn line(&self, line: &str) {
        // Takes the bars away for a moment; without any this only prints.
        self.bars.suspend(|| self.terminal.say(line));
    }

    fn show(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::SnapshotStarted { side, table } => {
                if self.terminal.live() {
                    let bar = self.bar(None, &format!("read {side} {table}"));
                    state.reads.insert((*side, table.clone()), bar);
                }
            }
            Event::SnapshotPage {
                side,
                table,
                records,
            } => {
                if let Some(bar) = state.reads.get(&(*side, table.clone())) {
                    bar.set_position(*records);
                }
            }
            Event::SnapshotDone {
                side,
                table,
                records,
            } => {
                if let Some(bar) = state.reads.remove(&(*side, table.clone())) {
                    bar.finish_and_clear();
                }
                self.line(&format!("read    {side:<5} {table}: {records} records"));
            }
            Event::ApplyStarted { map, pending } => {
                let bar = if self.terminal.live() {
                    self.bar(Some(*pending), &format!("apply {map}"))
                } else {
                    ProgressBar::hidden()
                };
                state.maps.insert(map.clone(), Applying { bar, settled: 0 });
            }
            Event::Applied { map, settled } => {
                if let Some(applying) = state.maps.get_mut(map) {
                    applying.settled += settled;
                    applying.bar.set_position(applying.settled);
                }
            }
            Event::ApplyDone { map } => {
                if let Some(applying) = state.maps.remove(map) {
                    applying.bar.finish_and_clear();
                    self.line(&format!(
                        "applied       {map}: {} changes settled",
                        applying.settled
                    ));
                }
            }
            Event::State { map, state, reason } => {
                let reason = reason
                    .as_deref()
                    .map_or(String::new(), |why| format!(" ({why})"));
                self.line(&format!("state   {map}: {}{reason}", state_word(*state)));
            }
            Event::Alert(alert) => self.line(&format!(
                "alert   {}: {} ({})",
                alert.map.as_deref().unwrap_or("both sides"),
                alert.text,
                alert.action
            )),
            Event::StoreTrouble { message } => self.line(&format!("trouble store {message}")),
            Event::Live => self.line("live    both ways"),
            Event::Trouble { side, message } => self.line(&format!("trouble {side:<5} {message}")),
            Event::Recovered { side } => self.line(&format!("back    {side:<5} answers again")),
        }
    }
}

impl Progress for Shown {
    fn report(&self, event: Event) {
        self.show(&event);
        for listener in &self.also {
            listener.report(event.clone());
        }
    }
}
