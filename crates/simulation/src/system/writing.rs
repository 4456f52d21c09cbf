//! What a system stores, whoever asks for it, and what follows from it.

use super::{By, Entry, ModelSystem, State, Stored, folded};
use duet_map::diagnostic::Code;
use duet_map::record::{RecordId, Version};
use duet_map::schema::SchemaSource;
use duet_map::value::{Reference, Row, Value};
use duet_systems::{Class, SystemError, Write, Written};
use rand::RngExt;
use std::time::Duration;

impl ModelSystem {
    pub(super) fn store(
        &self,
        state: &mut State,
        table: &str,
        id: &RecordId,
        mut row: Row,
        by: By,
    ) {
        if let Some(rewriting) = self.rewriting {
            rewriting(table, &mut row);
        }
        if let Some(schema) = self.schemas.table(table) {
            for column in schema.columns.values() {
                let empty = column.empty.clone().unwrap_or_default();
                let value = row
                    .0
                    .entry(column.name.clone())
                    .or_insert_with(|| empty.clone());
                if value.is_null() {
                    *value = empty;
                }
            }
        }
        if self.quirks.computes
            && table == "CustomersV3"
            && row.value("SearchName").is_null()
            && let Some(name) = row.value("OrganizationName").as_str()
        {
            let search: String = name.chars().take(12).collect();
            row.set("SearchName", search.to_uppercase().as_str());
        }
        let place = (table.to_owned(), id.0.clone());
        let before = state.rows.get(&place).map(|stored| stored.row.clone());
        if self.recorded {
            self.witness
                .changed(table, id, before.as_ref(), Some(&row), by);
        }
        state.writes += u64::from(matches!(by, By::Duet { .. }));
        let modified = state.clock.or_else(|| self.shown());
        if let Some(at) = modified {
            self.ledger().modified.insert((self.side, at));
        }
        state.log.push(Entry {
            table: table.to_owned(),
            id: id.0.clone(),
            row: self.recorded.then(|| row.clone()),
            modified,
        });
        let version = i64::try_from(state.log.len()).unwrap_or(i64::MAX);
        let at = self.timeline.elapsed();
        let stored = Stored {
            row,
            version,
            at,
            modified,
        };
        let after = self
            .quirks
            .surrogates
            .then(|| before.zip(Some(stored.row.clone())));
        state.rows.insert(place, stored);
        self.post(state, table, id);
        if let Some((before, after)) = after.flatten() {
            self.follow(state, table, &before, &after);
        }
    }

    pub(super) fn remove(&self, state: &mut State, table: &str, id: &RecordId, by: By) {
        let place = (table.to_owned(), id.0.clone());
        let Some(before) = state.rows.remove(&place) else {
            return;
        };
        if self.recorded {
            self.witness.changed(table, id, Some(&before.row), None, by);
        }
        state.writes += u64::from(matches!(by, By::Duet { .. }));
        state.log.push(Entry {
            table: table.to_owned(),
            id: id.0.clone(),
            row: None,
            modified: None,
        });
        self.post(state, table, id);
        // References to it are emptied.
        let naming: Vec<(String, String, Row)> = state
            .rows
            .iter()
            .filter_map(|((name, other), stored)| {
                let mut row = stored.row.clone();
                let mut touched = false;
                for value in row.0.values_mut() {
                    if is_reference_to(value, table, id) {
                        *value = Value::Null;
                        touched = true;
                    }
                }
                touched.then(|| (name.clone(), other.clone(), row))
            })
            .collect();
        for (table, id, row) in naming {
            self.store(state, &table, &RecordId(id), row, By::System);
        }
    }

    /// Whether people may not delete the record because others name it.
    pub(super) fn is_named(&self, state: &State, table: &str, id: &RecordId) -> bool {
        if self.quirks.modern || table != "PaymentTerms" {
            return false;
        }
        let Some(stored) = state.rows.get(&(table.to_owned(), id.0.clone())) else {
            return false;
        };
        state.rows.iter().any(|((name, _), customer)| {
            name == "CustomersV3"
                && customer.row.value("dataAreaId") == stored.row.value("dataAreaId")
                && customer.row.value("PaymentTerms") == stored.row.value("Name")
        })
    }

    /// Posts a notice, which may get lost, come twice and be overtaken.
    fn post(&self, state: &mut State, table: &str, id: &RecordId) {
        if !self.recorded {
            return;
        }
        let healed = self.network.is_healed();
        if !healed
            && self
                .network
                .random()
                .random_bool(self.network.faults.lost_notice)
        {
            return;
        }
        let times = if !healed
            && self
                .network
                .random()
                .random_bool(self.network.faults.doubled_notice)
        {
            2
        } else {
            1
        };
        for _ in 0..times {
            let delay = Duration::from_millis(self.network.random().random_range(0..1_500));
            let named = !self.quirks.modern || self.network.random().random_bool(0.5);
            let body = if named {
                format!("{table} {id}")
            } else {
                table.to_owned()
            };
            state.posted += 1;
            let due = self.timeline.elapsed() + delay;
            state.notices.insert((due, state.posted), body.into_bytes());
        }
    }

    pub(super) fn allocate(&self, state: &mut State, table: &str, row: &mut Row) {
        if self.quirks.allocates && table == "CustomersV3" && row.value("CustomerAccount").is_null()
        {
            state.allocated += 1;
            row.set(
                "CustomerAccount",
                format!("auto-{}", state.allocated).as_str(),
            );
        }
    }

    /// The identifier of a new record: one that the system chooses, or the one that its key makes.
    pub(super) fn identifier(&self, state: &State, table: &str, row: &Row) -> Option<RecordId> {
        if self.quirks.surrogates && table != "LegalEntities" {
            return Some(RecordId(format!("rec-{}", state.log.len() + 1)));
        }
        self.key_of(table, row)
    }

    /// The identifier that a row's key makes; `None` when the key is empty.
    pub(super) fn key_of(&self, table: &str, row: &Row) -> Option<RecordId> {
        let keys = &self.schemas.table(table)?.primary_key;
        let mut parts = Vec::new();
        for key in keys {
            let value = row.value(key);
            if value.is_null() {
                return None;
            }
            parts.push(format!("{key}='{}'", folded(value)));
        }
        Some(RecordId(parts.join(",")))
    }

    pub(super) fn twin(&self, state: &State, table: &str, id: &RecordId, row: &Row) -> bool {
        let Some(schema) = self.schemas.table(table) else {
            return false;
        };
        schema.alternate_keys.iter().any(|key| {
            let same = |other: &Row| {
                let mut columns = key.iter();
                columns.all(|column| alike(row.value(column), other.value(column)))
            };
            // A record that keeps its key has no new twin.
            let before = state.rows.get(&(table.to_owned(), id.0.clone()));
            if before.is_some_and(|before| same(&before.row)) {
                return false;
            }
            let mut rows = state
                .rows
                .range((table.to_owned(), String::new())..)
                .take_while(|((name, _), _)| name == table);
            rows.any(|((_, other), stored)| *other != id.0 && same(&stored.row))
        })
    }

    /// Refuses a row that breaks the system's own rule.
    fn obeys(&self, table: &str, row: &Row) -> Result<(), SystemError> {
        match self.rule.and_then(|rule| rule(table, row)) {
            None => Ok(()),
            Some(why) => Err(SystemError::new(Class::FixData, Code(3008), why)),
        }
    }

    /// Whether every reference of a row leads to a record.
    fn refers_well(&self, state: &State, row: &Row) -> bool {
        row.iter().all(|(_, value)| match value {
            Value::Reference(Reference { table, id }) => {
                state.rows.contains_key(&(table.clone(), id.to_string()))
            }
            _ => true,
        })
    }

    pub(super) fn apply(
        &self,
        state: &mut State,
        table: &str,
        write: Write,
    ) -> Result<Written, SystemError> {
        let error = |class, code, text: &str| Err(SystemError::new(class, Code(code), text));
        match write {
            Write::Create { id, mut row } => {
                self.allocate(state, table, &mut row);
                if !self.refers_well(state, &row) {
                    return error(Class::FixData, 3045, "a reference leads nowhere");
                }
                if !self.names_well(state, table, &row, &row) {
                    return error(Class::FixData, 3045, "a reference leads nowhere");
                }
                self.obeys(table, &row)?;
                let id = match id {
                    Some(id) if self.quirks.modern => id,
                    _ => match self.identifier(state, table, &row) {
                        Some(id) => id,
                        None => return error(Class::FixData, 3043, "the key is empty"),
                    },
                };
                if state.rows.contains_key(&(table.to_owned(), id.0.clone()))
                    || self.twin(state, table, &id, &row)
                {
                    return error(Class::Duplicate, 3031, "there is such a record already");
                }
                self.store(state, table, &id, row, By::Duet { blind: false });
                self.stored(state, table, &id)
            }
            Write::Update {
                id,
                row: columns,
                if_version,
            } => {
                let (before, blind) = self.stands(state, table, &id, if_version.as_ref())?;
                if !self.refers_well(state, &columns) {
                    return error(Class::FixData, 3045, "a reference leads nowhere");
                }
                let mut row = before.clone();
                row.0.extend(columns.0.clone());
                if !self.names_well(state, table, &columns, &row) {
                    return error(Class::FixData, 3045, "a reference leads nowhere");
                }
                self.obeys(table, &row)?;
                if !self.quirks.modern && !self.quirks.surrogates {
                    if self.key_of(table, &row).is_none_or(|key| key != id) {
                        return error(Class::FixData, 3044, "a key cannot be changed");
                    }
                    let keys = self
                        .schemas
                        .table(table)
                        .map(|schema| schema.primary_key.clone());
                    for key in keys.unwrap_or_default() {
                        row.set(key.clone(), before.value(&key).clone());
                    }
                }
                if self.twin(state, table, &id, &row) {
                    return error(Class::Duplicate, 3031, "there is such a record already");
                }
                self.store(state, table, &id, row, By::Duet { blind });
                self.stored(state, table, &id)
            }
            Write::Delete { id, if_version } => {
                let (_, blind) = self.stands(state, table, &id, if_version.as_ref())?;
                self.remove(state, table, &id, By::Duet { blind });
                Ok(Written::Deleted)
            }
        }
    }

    /// The record that a conditional write means, and whether Duet could not know its last state.
    fn stands(
        &self,
        state: &State,
        table: &str,
        id: &RecordId,
        if_version: Option<&Version>,
    ) -> Result<(Row, bool), SystemError> {
        let place = (table.to_owned(), id.0.clone());
        let Some(stored) = state.rows.get(&place) else {
            return Err(SystemError::new(
                Class::Gone,
                Code(3030),
                "there is no such record",
            ));
        };
        if self.quirks.checks_versions
            && if_version.is_some_and(|expected| expected.tag != stored.version.to_string())
        {
            return Err(SystemError::new(
                Class::Moved,
                Code(3032),
                "the record has moved",
            ));
        }
        // Between the last look at the record and the write lie an answer, another question with
        // its answer, and the write's own way.
        let looked = state.sent.saturating_sub(self.network.latency * 3);
        let blind = !self.quirks.checks_versions && stored.at >= looked;
        Ok((stored.row.clone(), blind))
    }

    fn stored(&self, state: &State, table: &str, id: &RecordId) -> Result<Written, SystemError> {
        match self.show(state, table, &id.0) {
            Some(record) => Ok(Written::Stored(Box::new(record))),
            None => Err(SystemError::new(
                Class::Bug,
                Code(3006),
                "the stored record vanished",
            )),
        }
    }
}

/// Whether two parts of a key say the same.
fn alike(one: &Value, other: &Value) -> bool {
    match (one.as_str(), other.as_str()) {
        _ if one.is_null() || other.is_null() => false,
        (Some(one), Some(other)) if one.is_ascii() && other.is_ascii() => {
            one.trim_end().eq_ignore_ascii_case(other.trim_end())
        }
        _ => folded(one) == folded(other),
    }
}

fn is_reference_to(value: &Value, table: &str, id: &RecordId) -> bool {
    value
        .as_reference()
        .is_some_and(|reference| reference.table == table && reference.id.to_string() == id.0)
}
