//! The rows that a new organisation has: itself, its business unit, its users, and the messages
//! that webhook steps can be registered for.

use jiff::Timestamp;
use uuid::Uuid;

use super::model::{Model, Table, VERSION, target_column};
use super::value::instant_text;
use crate::auth::Client;
use crate::rows::{Rows, RowsError, Sql, Tx, Value, quote};

/// The organisation's id.
pub(super) const ORGANIZATION: Uuid = Uuid::from_u128(0x0a9a_2f4e_5b1c_4d6e_8f70_0000_0000_0001);
/// Its root business unit.
pub(super) const BUSINESS_UNIT: Uuid = Uuid::from_u128(0x0a9a_2f4e_5b1c_4d6e_8f70_0000_0000_0002);
/// The user as whom local edits happen.
pub(super) const ADMINISTRATOR: Uuid = Uuid::from_u128(0x0a9a_2f4e_5b1c_4d6e_8f70_0000_0000_0003);

/// The names of the messages that rows cause.
pub(super) const MESSAGES: [&str; 3] = ["Create", "Update", "Delete"];

/// The application user of a client: the same in every run.
pub(super) fn user_of(client: &str) -> Uuid {
    Uuid::new_v5(&ORGANIZATION, client.to_lowercase().as_bytes())
}

/// An id that follows from a name, the same in every run.
pub(super) fn named_id(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&ORGANIZATION, format!("{kind}/{name}").as_bytes())
}

/// Adds what is missing.
pub(super) fn found(
    model: &Model,
    rows: &Rows,
    clients: &[Client],
    name: &str,
    now: Timestamp,
) -> Result<(), RowsError> {
    rows.write(|tx| {
        let place = Place {
            model,
            tx,
            now: instant_text(now),
        };
        place.row(
            "organization",
            ORGANIZATION,
            &[
                ("name", text(name)),
                ("expirechangetrackingindays", Value::Integer(7)),
            ],
        )?;
        place.row("businessunit", BUSINESS_UNIT, &[("name", text(name))])?;
        place.row(
            "systemuser",
            ADMINISTRATOR,
            &[
                ("fullname", text("System Administrator")),
                ("firstname", text("System")),
                ("lastname", text("Administrator")),
                (
                    "azureactivedirectoryobjectid",
                    id(named_id("entra", "administrator")),
                ),
            ],
        )?;
        for client in clients {
            let application =
                Uuid::parse_str(&client.id).unwrap_or_else(|_| named_id("application", &client.id));
            place.row(
                "systemuser",
                user_of(&client.id),
                &[
                    ("fullname", text(&format!("# {}", client.id))),
                    ("lastname", text(&client.id)),
                    ("applicationid", id(application)),
                    (
                        "azureactivedirectoryobjectid",
                        id(named_id("entra", &client.id)),
                    ),
                ],
            )?;
        }
        for message in MESSAGES {
            let message_id = named_id("sdkmessage", message);
            place.row("sdkmessage", message_id, &[("name", text(message))])?;
            for table in model.tables() {
                let filter = named_id("sdkmessagefilter", &format!("{message}/{}", table.name()));
                place.row(
                    "sdkmessagefilter",
                    filter,
                    &[
                        ("primaryobjecttypecode", text(table.name())),
                        ("secondaryobjecttypecode", text("none")),
                        ("sdkmessageid", id(message_id)),
                        ("sdkmessageid__target", text("sdkmessage")),
                    ],
                )?;
            }
        }
        Ok(())
    })
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn id(id: Uuid) -> Value {
    text(&id.to_string())
}

struct Place<'a> {
    model: &'a Model,
    tx: &'a Tx<'a>,
    now: String,
}

impl Place<'_> {
    fn row(&self, table: &str, row_id: Uuid, values: &[(&str, Value)]) -> Result<(), RowsError> {
        let Some(table) = self.model.table(table) else {
            return Ok(());
        };
        let condition = Sql::new(format!("t.{} = ?", quote(table.id())), vec![id(row_id)]);
        if self.tx.count(table.name(), Some(&condition))? > 0 {
            return Ok(());
        }
        let by = [
            target_column("createdby"),
            target_column("modifiedby"),
            target_column("ownerid"),
        ];
        let mut all = vec![
            (table.id(), id(row_id)),
            (VERSION, Value::Integer(self.tx.next_version())),
            ("createdon", text(&self.now)),
            ("modifiedon", text(&self.now)),
            ("createdby", id(ADMINISTRATOR)),
            ("modifiedby", id(ADMINISTRATOR)),
            ("ownerid", id(ADMINISTRATOR)),
        ];
        all.extend(by.iter().map(|name| (name.as_str(), text("systemuser"))));
        for (name, number) in [("statecode", 0), ("statuscode", 1)] {
            all.push((name, Value::Integer(number)));
        }
        all.extend(values.iter().map(|(name, value)| (*name, value.clone())));
        all.retain(|(name, _)| known(table, name));
        self.tx.insert(table.name(), &all)
    }
}

/// Whether a table stores a column.
fn known(table: &Table, name: &str) -> bool {
    let plain = name.strip_suffix("__target").unwrap_or(name);
    table.column(plain).is_some()
}
