//! Whoever tells the ledger what each change of a system means to people.

use super::{By, folded, tracked_text};
use crate::landscape::{Kind, inside, kind_of, mark_of};
use crate::ledger::{Ledger, Owed};
use crate::removals::{CLOSED, SEARCH_NAME};
use crate::renames::FRESH;
use crate::timeline::Timeline;
use duet_engine::Clock;
use duet_map::file::Deletes;
use duet_map::record::RecordId;
use duet_map::side::Side;
use duet_map::value::Row;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The witness of one system.
#[derive(Debug)]
pub(super) struct Witness {
    pub(super) side: Side,
    pub(super) timeline: Arc<Timeline>,
    pub(super) ledger: Arc<Mutex<Ledger>>,
}

impl Witness {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the ledger what a change means to people.
    pub(super) fn changed(
        &self,
        table: &str,
        id: &RecordId,
        before: Option<&Row>,
        after: Option<&Row>,
        by: By,
    ) {
        let ledger = &mut *self.ledger();
        let who = match by {
            By::Person => "a person",
            By::Duet { .. } => "Duet",
            By::System => "the system",
        };
        let what = match (before, after) {
            (None, Some(row)) => format!("created: {}", spell(row, None)),
            (Some(before), Some(row)) => format!("changed: {}", spell(row, Some(before))),
            _ => "deleted".to_owned(),
        };
        let at = self.timeline.elapsed().as_secs_f64();
        ledger.story.push(format!(
            "{at:>9.3} {:5} {table} {id} {who} {what}",
            self.side
        ));
        if let Some(row) = after
            && table == "cdm_companies"
        {
            ledger.scope.learn(id, row);
        }
        if let By::Duet { .. } = by
            && let Some(row) = before.or(after)
            && let Some(company) = ledger.scope.outside(self.side, table, row)
        {
            let what = format!(
                "{} {table} {id}: Duet wrote although {company} is outside the scope",
                self.side
            );
            ledger.violated("scope", what);
        }
        match by {
            By::Person => ledger.count("edits"),
            By::Duet { .. } => ledger.count("writes"),
            By::System => {}
        }
        let Some(kind) = kind_of(self.side, table) else {
            return;
        };
        for row in [before, after].into_iter().flatten() {
            if !inside(self.side, table, row)
                && let Some(mark) = mark_of(self.side, table, row)
            {
                ledger.outside.insert(mark);
                ledger
                    .outside
                    .insert(folded(row.value(kind.key[self.side])));
            }
        }
        for columns in kind.tracked.iter().chain([&kind.key]) {
            self.account_column(columns[self.side], table, id, before, after, by, ledger);
        }
        self.account_removal(kind, before, after, by, ledger);
        self.account_life(table, id, before, after, by, ledger);
    }

    #[allow(clippy::too_many_arguments)]
    fn account_column(
        &self,
        column: &str,
        table: &str,
        id: &RecordId,
        before: Option<&Row>,
        after: Option<&Row>,
        by: By,
        ledger: &mut Ledger,
    ) {
        let is_key = kind_of(self.side, table).is_some_and(|kind| kind.key[self.side] == column);
        // In small letters: a side may spell names its own way, and no two differ in case alone.
        let of = |row: Option<&Row>| {
            let text = row.and_then(|row| tracked_text(row.value(column)));
            let text = text.map(|text| text.to_lowercase());
            // Of keys, only some are values that nobody entered before; and blanks at their end do not
            // count, so that whoever types one with blanks has entered nothing new.
            match text {
                Some(text) if is_key => {
                    Some(text.trim_end().to_owned()).filter(|text| text.starts_with(FRESH))
                }
                text => text,
            }
        };
        let (old, new) = (of(before), of(after));
        let place = (table.to_owned(), id.0.clone(), column.to_owned());
        if before.is_none() {
            // A new record has no past, whoever had its key before.
            ledger.pages[self.side].past.remove(&place);
        }
        if old == new {
            return;
        }
        if let (Some(old), By::Duet { blind }) = (&old, by)
            && ledger.pages[self.side].entered.contains(old)
            && !ledger.pages[self.side.other()].shown.contains(old)
            && !ledger.uncarried.contains(column)
        {
            if blind {
                ledger.count("overwritten unseen, as the system gives no means to notice");
            } else {
                ledger.owed.push(Owed {
                    side: self.side,
                    place: format!("{table} {id}"),
                    column: column.to_owned(),
                    value: old.clone(),
                });
            }
        }
        let page = &mut ledger.pages[self.side];
        if let Some(new) = &new {
            // Where two records meet as strangers, nothing may be filled by something.
            let mark = after.and_then(|row| mark_of(self.side, table, row));
            let strangers = !page.paired.contains(&id.0)
                || mark.is_some_and(|mark| ledger.unlearned.contains(&mark));
            // The same of a field that comes back into the map: nothing is agreed of it.
            let returns = ledger.withdrawn.contains(column);
            let meets = old.is_none() && (strangers || returns);
            // Where the system gave it no means to notice, nobody could.
            let revived = matches!(by, By::Duet { blind: false })
                && !meets
                && page.past.get(&place).is_some_and(|past| past.contains(new));
            if by == By::Person {
                page.entered.insert(new.clone());
            }
            page.shown.insert(new.clone());
            if revived {
                // Forgiven where a conflict record keeps the newer one: a write whose answer was
                // lost is sent again, and its own effect looks like another's.
                let what = format!(
                    "{} {table} {id}: {column} went back to an older value",
                    self.side
                );
                let newer = old.clone().unwrap_or_else(|| emptied(column, new));
                ledger.suspect("order", &newer, what);
            }
        }
        if let (Some(old), Some(_)) = (old, after) {
            ledger.pages[self.side]
                .past
                .entry(place)
                .or_default()
                .push(old);
        }
    }

    /// What Duet does to a record whose counterpart was deleted is what the rule of its map says.
    fn account_removal(
        &self,
        kind: &Kind,
        before: Option<&Row>,
        after: Option<&Row>,
        by: By,
        ledger: &mut Ledger,
    ) {
        let Some(rule) = ledger.removals.as_ref().map(|one| one.rule(kind.map)) else {
            return;
        };
        if !matches!(by, By::Duet { .. }) {
            return;
        }
        let mark = before.and_then(|row| mark_of(self.side, kind.tables[self.side], row));
        let mark = mark.unwrap_or_default();
        match after {
            None if rule != Deletes::Propagate => {
                let what = format!("{} {mark}: deleted, and the rule is {rule:?}", self.side);
                ledger.violated("rule of deletions", what);
            }
            Some(row) if row.value(SEARCH_NAME[self.side]).as_str() == Some(CLOSED) => {
                if rule != Deletes::Deactivate {
                    let what = format!("{} {mark}: closed, and the rule is {rule:?}", self.side);
                    ledger.violated("rule of deletions", what);
                }
                ledger.deactivated.insert(mark);
            }
            _ => {}
        }
    }

    /// Births and deaths.
    fn account_life(
        &self,
        table: &str,
        id: &RecordId,
        before: Option<&Row>,
        after: Option<&Row>,
        by: By,
        ledger: &mut Ledger,
    ) {
        let mark = |row: Option<&Row>| row.and_then(|row| mark_of(self.side, table, row));
        let (old, new) = (mark(before), mark(after));
        let side = self.side;
        let duet = matches!(by, By::Duet { .. });
        if before.is_none()
            && let Some(mark) = &new
        {
            if duet && ledger.pages[side].gone.contains(mark) {
                ledger.suspect(
                    "resurrection",
                    mark,
                    format!("{side} {table} {id}: {mark} was deleted and is back"),
                );
            }
            if duet {
                ledger.unsettled.insert((side, id.0.clone()), mark.clone());
            }
            if duet && !ledger.pages[side].alive.insert(mark.clone()) {
                ledger.suspect(
                    "one record",
                    mark,
                    format!("{side} {table} {id}: {mark} was created twice"),
                );
            }
            ledger.pages[side].alive.insert(mark.clone());
        }
        if after.is_none()
            && let Some(mark) = &old
        {
            ledger.pages[side].alive.remove(mark);
            if ledger.pages[side].paired.contains(&id.0) {
                ledger.pages[side].gone.insert(mark.clone());
            } else {
                ledger.count("deleted before Duet knew of it");
            }
            if by == By::Person {
                let now = self.timeline.now();
                ledger.died.insert((side, id.0.clone()), now);
                let key = kind_of(side, table).map(|kind| kind.key[side]);
                let number = before.zip(key).map(|(row, key)| folded(row.value(key)));
                ledger.pages[side].numbers.extend(number);
                ledger.pages[side].deleted.insert(mark.clone());
            }
            if duet && !ledger.pages[side.other()].deleted.contains(mark) {
                ledger.suspect(
                    "nothing deleted unasked",
                    mark,
                    format!("{side} {table} {id}: Duet deleted {mark}, which nobody deleted"),
                );
            }
        }
        if let (Some(old), By::Person) = (&old, by)
            && ledger.unlearned.contains(old)
            && !ledger.pages[side].paired.contains(&id.0)
        {
            ledger.disguised.insert(old.clone());
        }
        if let (Some(old), Some(new)) = (&old, &new)
            && old != new
        {
            ledger.pages[side].alive.remove(old);
            ledger.pages[side].alive.insert(new.clone());
        }
    }
}

/// A row in the words of a story: every column that is set, or that differs from before.
fn spell(row: &Row, before: Option<&Row>) -> String {
    row.iter()
        .filter(|(column, value)| match before {
            None => !value.is_null(),
            Some(before) => before.value(column) != *value,
        })
        .map(|(column, value)| format!("{column}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// How nothing is told from the value of a column that took its place.
pub(crate) fn emptied(column: &str, value: &str) -> String {
    format!("nothing in {column}, then {value}").to_lowercase()
}
