//! The engine's settings that `settings:` may change; whatever is left out keeps its default.

use super::codes;
use super::document::{Entry, Table};
use duet_engine::Settings;
use jiff::SignedDuration;
use std::time::Duration;

/// The defaults with what the file says put over them.
pub fn settings(mut table: Table<'_>) -> Settings {
    let mut settings = Settings::default();
    set(
        &mut settings.poll_every,
        table.optional("poll-every").as_ref(),
        duration,
    );
    set(
        &mut settings.sweep_every,
        table.optional("sweep-every").as_ref(),
        duration,
    );
    set(
        &mut settings.retry_after,
        table.optional("retry-after").as_ref(),
        duration,
    );
    set(
        &mut settings.retry_at_most,
        table.optional("retry-at-most").as_ref(),
        duration,
    );
    set(
        &mut settings.recheck_every,
        table.optional("recheck-every").as_ref(),
        duration,
    );
    set(
        &mut settings.refresh_every,
        table.optional("refresh-every").as_ref(),
        duration,
    );
    set(
        &mut settings.breaker,
        table.optional("breaker").as_ref(),
        positive,
    );
    set(
        &mut settings.round,
        table.optional("round").as_ref(),
        positive,
    );
    set(
        &mut settings.attempts,
        table.optional("attempts").as_ref(),
        positive,
    );
    set(
        &mut settings.bounces,
        table.optional("bounces").as_ref(),
        positive,
    );
    set(
        &mut settings.clock_skew,
        table.optional("clock-skew").as_ref(),
        duration,
    );
    set(
        &mut settings.keep_conflicts,
        table.optional("keep-conflicts").as_ref(),
        duration,
    );
    set(
        &mut settings.delete_brake,
        table.optional("delete-brake").as_ref(),
        share,
    );
    set(
        &mut settings.delete_window,
        table.optional("delete-window").as_ref(),
        duration,
    );
    table.finish();
    settings
}

fn set<T>(slot: &mut T, entry: Option<&Entry<'_>>, read: impl Fn(&Entry<'_>) -> Option<T>) {
    if let Some(value) = entry.and_then(read) {
        *slot = value;
    }
}

/// A length of time: `500ms`, `5s`.
pub(super) fn duration(entry: &Entry<'_>) -> Option<Duration> {
    let text = entry.text()?;
    let duration = text
        .parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| !duration.is_zero());
    if duration.is_none() {
        entry.report(
            codes::WRONG_VALUE,
            format!("`{text}` is no length of time"),
            Some("write a number and a unit: `500ms`, `5s`, `15min`, `1h`".to_owned()),
        );
    }
    duration
}

/// A whole number from 1 on.
pub(super) fn positive<T: TryFrom<i64>>(entry: &Entry<'_>) -> Option<T> {
    let number = entry.integer()?;
    let value = (number > 0).then(|| T::try_from(number).ok()).flatten();
    if value.is_none() {
        entry.report(
            codes::WRONG_VALUE,
            format!("`{}` has to be 1 or more", entry.path()),
            None,
        );
    }
    value
}

fn share(entry: &Entry<'_>) -> Option<f64> {
    let number = entry.number()?;
    if (0.0..=1.0).contains(&number) {
        return Some(number);
    }
    entry.report(
        codes::WRONG_VALUE,
        format!("`{}` has to be between 0 and 1", entry.path()),
        None,
    );
    None
}
