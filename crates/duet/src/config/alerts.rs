//! The alert rules, and where alerts are posted.

use super::codes;
use super::document::Entry;
use duet_engine::alerts::{Action, Condition, Rule};

/// Reads the list `alerts:`; what does not read is reported and left out.
pub fn rules(list: &Entry<'_>) -> Vec<Rule> {
    list.items().iter().filter_map(rule).collect()
}

fn rule(entry: &Entry<'_>) -> Option<Rule> {
    let mut table = entry.table()?;
    let when = table.require("when").and_then(|entry| {
        let text = entry.text()?;
        let read = text.parse::<Condition>();
        if let Err(fix) = read {
            entry.report(
                codes::WRONG_VALUE,
                format!("`{text}` is no condition of an alert"),
                Some(fix.to_owned()),
            );
        }
        read.ok()
    });
    let then = table.require("then").and_then(|entry| {
        let text = entry.text()?;
        let known = [Action::Notify, Action::Pause, Action::Stop];
        let action = known.into_iter().find(|action| action.word() == text);
        if action.is_none() {
            entry.report(
                codes::WRONG_VALUE,
                format!("an alert cannot `{text}`"),
                Some("use `notify`, `pause` or `stop`".to_owned()),
            );
        }
        action
    });
    let maps = table
        .optional("maps")
        .map(|entry| entry.texts())
        .unwrap_or_default();
    table.finish();
    Some(Rule {
        when: when?,
        then: then?,
        maps,
    })
}
