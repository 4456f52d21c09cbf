//! How a system takes another key for a record, and what follows from it.

use super::{By, ModelSystem, State, folded};
use duet_map::record::RecordId;
use duet_map::value::Row;

impl ModelSystem {
    /// A person gives a record another key: by an edit, or, where the key identifies the record, by
    /// the system's own function. Then it is another record to everybody outside, which gets `born`,
    /// too. `false`: the system refuses it.
    pub fn rename(&self, table: &str, id: &RecordId, columns: Row, born: Row) -> bool {
        if self.quirks.modern || self.quirks.surrogates {
            return self.edit(table, id, columns);
        }
        let state = &mut *self.state();
        let Some(stored) = state.rows.get(&(table.to_owned(), id.0.clone())) else {
            return false;
        };
        let before = stored.row.clone();
        let mut row = before.clone();
        row.0.extend(columns.0);
        let Some(new) = self.key_of(table, &row) else {
            return false;
        };
        if state.rows.contains_key(&(table.to_owned(), new.0.clone())) {
            return false;
        }
        row.0.extend(born.0);
        self.remove(state, table, id, By::Person);
        self.store(state, table, &new, row.clone(), By::Person);
        self.follow(state, table, &before, &row);
        true
    }

    /// Whether every record that Duet names by its key stands here. Where keys may change, a system
    /// that takes references by key looks whether they lead anywhere.
    pub(super) fn names_well(&self, state: &State, table: &str, columns: &Row, row: &Row) -> bool {
        if !self.quirks.checks_names || table != "CustomersV3" {
            return true;
        }
        let references = [
            ("InvoiceAccount", "CustomersV3", "CustomerAccount"),
            ("PaymentTerms", "PaymentTerms", "Name"),
        ];
        references.into_iter().all(|(column, table, key)| {
            let named = columns.value(column);
            let here = |other: &Row| {
                other.value("dataAreaId") == row.value("dataAreaId")
                    && folded(other.value(key)) == folded(named)
            };
            let mut all = state.rows.iter().filter(|((name, _), _)| name == table);
            named.is_null() || here(row) || all.any(|(_, stored)| here(&stored.row))
        })
    }

    /// Whoever refers to a record of the left side by its key refers to it by its new one.
    pub(super) fn follow(&self, state: &mut State, table: &str, before: &Row, after: &Row) {
        let (key, column) = match table {
            _ if self.quirks.modern => return,
            "CustomersV3" => ("CustomerAccount", "InvoiceAccount"),
            "PaymentTerms" => ("Name", "PaymentTerms"),
            _ => return,
        };
        let (old, new) = (before.value(key), after.value(key));
        if old.is_null() || new.is_null() || folded(old) == folded(new) {
            return;
        }
        let naming: Vec<(String, Row)> = state
            .rows
            .iter()
            .filter(|((name, _), stored)| {
                name == "CustomersV3"
                    && stored.row.value("dataAreaId") == before.value("dataAreaId")
                    && !stored.row.value(column).is_null()
                    && folded(stored.row.value(column)) == folded(old)
            })
            .map(|((_, id), stored)| (id.clone(), stored.row.clone()))
            .collect();
        for (id, mut row) in naming {
            row.set(column, new.clone());
            self.ledger().count("references renamed");
            self.store(state, "CustomersV3", &RecordId(id), row, By::System);
        }
    }
}
