//! The party model: customers and vendors are roles of a party, whose name they share (protocol
//! reference D19). A [`Settings`](super::Settings) switch, for not much of it is published.

use serde_json::{Map, Value as Json};

use super::error::Refused;
use super::session::{Key, Row, Session};
use super::values;
use super::write;
use crate::rows::{Order, Select, Sql, Value, quote};
use crate::schema::Entity;

/// The entity of the parties.
const PARTIES: &str = "CDSParties";
/// Roles with the field that refers to their party.
const ROLES: [(&str, &str); 2] = [
    ("CustomersV3", "PartyNumber"),
    ("VendorsV2", "VendorPartyNumber"),
];
/// Fields that a party and its roles share: in the party, in customers and in vendors.
const SHARED: [(&str, &str, &str); 4] = [
    ("PartyType", "PartyType", "VendorPartyType"),
    (
        "OrganizationName",
        "OrganizationName",
        "VendorOrganizationName",
    ),
    ("PersonFirstName", "PersonFirstName", "PersonFirstName"),
    ("PersonLastName", "PersonLastName", "PersonLastName"),
];

/// The field of a role that refers to its party.
fn reference(entity: &Entity) -> Option<&'static str> {
    let role = ROLES.iter().find(|(name, _)| *name == entity.collection);
    role.map(|(_, field)| *field)
}

fn own_name(collection: &str, shared: (&'static str, &'static str, &'static str)) -> &'static str {
    match collection {
        PARTIES => shared.0,
        "CustomersV3" => shared.1,
        _ => shared.2,
    }
}

/// The fields that a row shares with its party, under the party's names.
fn shared_values(session: &Session<'_>, entity: &Entity, row: &Row) -> Map<String, Json> {
    let json = row.json(session.store, entity);
    let pairs = SHARED.iter().filter_map(|shared| {
        let value = json.get(own_name(&entity.collection, *shared))?;
        Some((shared.0.to_owned(), value.clone()))
    });
    pairs.collect()
}

/// Gives a new role without a party one; gives its number.
pub(super) fn create(
    session: &Session<'_>,
    entity: &Entity,
    row: &Row,
) -> Result<Option<(&'static str, Value)>, Refused> {
    let Some(field) = reference(entity).filter(|_| session.settings.party_model) else {
        return Ok(None);
    };
    let blank = matches!(row.value(entity, field), Some(Value::Text(text)) if text.is_empty());
    let Some(parties) = session.store.schema.collection(PARTIES).filter(|_| blank) else {
        return Ok(None);
    };
    let mut body = shared_values(session, entity, row);
    body.retain(|name, _| parties.field(name).is_some());
    let party = write::create(session, parties, &body)?;
    let number = party.value(parties, "PartyNumber").cloned();
    Ok(number.map(|number| (field, number)))
}

/// Carries a changed name to the party of a role and to its other roles.
pub(super) fn follow(
    session: &Session<'_>,
    entity: &Entity,
    before: &Row,
    after: &Row,
) -> Result<(), Refused> {
    if !session.settings.party_model {
        return Ok(());
    }
    let number = match (entity.collection.as_str(), reference(entity)) {
        (PARTIES, _) => after.value(entity, "PartyNumber"),
        (_, Some(field)) => after.value(entity, field),
        _ => None,
    };
    let Some(Value::Text(number)) = number.filter(|_| before.values != after.values) else {
        return Ok(());
    };
    let was = shared_values(session, entity, before);
    let is = shared_values(session, entity, after);
    if number.is_empty() || was == is {
        return Ok(());
    }
    let sides = [(PARTIES, "PartyNumber"), ROLES[0], ROLES[1]];
    for (collection, field) in sides {
        let Some(other) = session.store.schema.collection(collection) else {
            continue;
        };
        if other.field(field).is_none() {
            continue;
        }
        for key in rows_with(session, other, field, number)? {
            let body: Map<String, Json> = SHARED
                .iter()
                .filter_map(|shared| {
                    let name = own_name(collection, *shared);
                    other.field(name)?;
                    Some((name.to_owned(), is.get(shared.0)?.clone()))
                })
                .collect();
            let Some(known) = session.load(other, &key)? else {
                continue;
            };
            // Rows that have the name already end the round.
            if differs(session, other, &known, &body)? {
                write::update(session, other, &key, &body, false, None)?;
            }
        }
    }
    Ok(())
}

fn differs(
    session: &Session<'_>,
    entity: &Entity,
    row: &Row,
    body: &Map<String, Json>,
) -> Result<bool, Refused> {
    for (name, sent) in body {
        let Some(field) = entity.field(name) else {
            continue;
        };
        let wanted = values::read(&session.store.schema, session.settings, entity, field, sent)?;
        if row.value(entity, name) != Some(&wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The keys of the rows of an entity that refer to a party.
fn rows_with(
    session: &Session<'_>,
    entity: &Entity,
    field: &str,
    number: &str,
) -> Result<Vec<Key>, Refused> {
    let select = Select::from(&entity.collection, &entity.keys)
        .filter(Sql::new(
            format!("t.{} = ?", quote(field)),
            vec![Value::Text(number.to_owned())],
        ))
        .order(Order::ascending(super::tables::REC_ID));
    let found = session.tx.select(&select)?;
    let keys = found
        .into_iter()
        .map(|values| entity.keys.iter().cloned().zip(values).collect());
    Ok(keys.collect())
}
