//! One transaction on behalf of one user: what reading and writing rows needs to know.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use super::error::Refused;
use super::tables::{REC_ID, REC_VERSION};
use super::{Settings, Store, values};
use crate::counters::WriteKind;
use crate::rows::{Select, Sql, Tx, Value, quote};
use crate::schema::Entity;

/// The user that a client id is mapped to.
#[derive(Debug, Clone)]
pub(super) struct User {
    /// The client id.
    pub(super) client: String,
    /// The user's default company.
    pub(super) company: String,
}

/// A stored row; its values are in the order of the entity's fields.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) rec_id: i64,
    pub(super) rec_version: i64,
    pub(super) values: Vec<Value>,
}

/// A key: fields with their values.
pub(super) type Key = Vec<(String, Value)>;

/// A write that becomes visible when its transaction commits.
#[derive(Debug, Clone)]
pub(super) struct Effect {
    /// Collection name of the entity.
    pub(super) collection: String,
    pub(super) kind: WriteKind,
    pub(super) before: Option<Row>,
    pub(super) after: Option<Row>,
}

/// One transaction of one user.
pub(super) struct Session<'a> {
    pub(super) store: &'a Store,
    pub(super) settings: &'a Settings,
    pub(super) tx: &'a Tx<'a>,
    pub(super) user: &'a User,
    pub(super) effects: RefCell<Vec<Effect>>,
}

impl<'a> Session<'a> {
    /// Begins.
    pub(super) fn new(
        store: &'a Store,
        settings: &'a Settings,
        tx: &'a Tx<'a>,
        user: &'a User,
    ) -> Self {
        Self {
            store,
            settings,
            tx,
            user,
            effects: RefCell::new(Vec::new()),
        }
    }

    /// The row with a key.
    pub(super) fn load(&self, entity: &Entity, key: &Key) -> Result<Option<Row>, Refused> {
        let mut columns = vec![REC_ID, REC_VERSION];
        columns.extend(entity.fields.iter().map(|field| field.name.as_str()));
        let select = Select::from(&entity.collection, &columns).filter(key_condition(key));
        Ok(self
            .tx
            .select(&select)?
            .into_iter()
            .next()
            .map(Row::from_columns))
    }

    /// Whether there is a row with these values.
    pub(super) fn exists(&self, collection: &str, key: &Key) -> Result<bool, Refused> {
        let select = Select::from(collection, &[REC_ID])
            .filter(key_condition(key))
            .limit(1);
        Ok(!self.tx.select(&select)?.is_empty())
    }
}

impl Row {
    /// From a selection of record id, version and values.
    pub(super) fn from_columns(columns: Vec<Value>) -> Self {
        let mut columns = columns.into_iter();
        let mut number = || match columns.next() {
            Some(Value::Integer(number)) => number,
            _ => 0,
        };
        let (rec_id, rec_version) = (number(), number());
        Self {
            rec_id,
            rec_version,
            values: columns.collect(),
        }
    }

    /// The entity tag: base64 of `'RecVersion,RecId'`, quotes included; one pair, for the stand-in
    /// keeps each entity in one table.
    pub(super) fn etag(&self) -> String {
        etag(self.rec_version, self.rec_id)
    }

    /// The value of a field.
    pub(super) fn value(&self, entity: &Entity, field: &str) -> Option<&Value> {
        let index = entity.fields.iter().position(|known| known.name == field)?;
        self.values.get(index)
    }

    /// The key of the row.
    pub(super) fn key(&self, entity: &Entity) -> Key {
        entity
            .keys
            .iter()
            .filter_map(|name| Some((name.clone(), self.value(entity, name)?.clone())))
            .collect()
    }

    /// The whole row as clients read it.
    pub(super) fn json(&self, store: &Store, entity: &Entity) -> Map<String, Json> {
        let mut object = Map::new();
        object.insert("@odata.etag".to_owned(), Json::String(self.etag()));
        for (field, value) in entity.fields.iter().zip(&self.values) {
            object.insert(
                field.name.clone(),
                values::write(&store.schema, field, value),
            );
        }
        object
    }
}

/// The entity tag of a record version.
pub(super) fn etag(rec_version: i64, rec_id: i64) -> String {
    format!(
        "W/\"{}\"",
        STANDARD.encode(format!("'{rec_version},{rec_id}'"))
    )
}

/// The condition that a key stands for. Text columns compare without case and trailing spaces.
pub(super) fn key_condition(key: &Key) -> Sql {
    let text: Vec<String> = key
        .iter()
        .map(|(name, _)| format!("t.{} = ?", quote(name)))
        .collect();
    let params = key.iter().map(|(_, value)| value.clone()).collect();
    Sql::new(text.join(" AND "), params)
}
