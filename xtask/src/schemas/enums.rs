//! Enums of F&O, derived from the value maps: a field whose values are mapped to numbers or booleans
//! is an enum of the mapped symbols.

use std::collections::BTreeMap;

use duet_sandbox::schema::{EnumMember, EnumType, FieldKind};

use super::names::{self, Casing, split_words};
use super::overrides;
use crate::facts::MapField;

const NO_YES: &str = "NoYes";

/// Symbols with the value that orders them.
type Symbols = Vec<(String, i64)>;

/// The enums and the fields that have them.
pub(crate) struct Enums {
    types: BTreeMap<String, Symbols>,
    fields: BTreeMap<(String, String), String>,
}

impl Enums {
    /// Collects the enums of all map lines, each given with its entity's name.
    pub(crate) fn collect<'a>(
        lines: impl Iterator<Item = (&'a str, &'a MapField)>,
        casing: &Casing,
    ) -> Self {
        let mut by_field: BTreeMap<(String, String), Symbols> = BTreeMap::new();
        for (entity, line) in lines {
            // Language tags and country codes are strings in F&O, even where they become options.
            if line.field.contains("LANGUAGE") || line.values.is_empty() {
                continue;
            }
            let symbols: Option<Symbols> = line
                .values
                .iter()
                .map(|(symbol, value)| Some((names::member(symbol), number(value)?)))
                .collect();
            let Some(symbols) = symbols else { continue };
            merge(
                by_field
                    .entry((entity.to_owned(), line.field.clone()))
                    .or_default(),
                symbols,
            );
        }

        let mut enums = Self {
            types: BTreeMap::new(),
            fields: BTreeMap::new(),
        };
        enums.types.insert(
            NO_YES.to_owned(),
            vec![("No".to_owned(), 0), ("Yes".to_owned(), 1)],
        );
        for (name, _, members) in overrides::SHARED_ENUMS {
            let symbols = members
                .iter()
                .zip(0..)
                .map(|(m, value)| ((*m).to_owned(), value))
                .collect();
            enums.types.insert((*name).to_owned(), symbols);
        }
        for ((entity, field), symbols) in by_field {
            let name = enums.place(&entity, &field, symbols, casing);
            enums.fields.insert((entity, field), name);
        }
        enums
    }

    /// Finds or makes the enum of a field.
    fn place(&mut self, entity: &str, field: &str, symbols: Symbols, casing: &Casing) -> String {
        if symbols
            .iter()
            .all(|(symbol, _)| symbol == "No" || symbol == "Yes")
        {
            return NO_YES.to_owned();
        }
        if let Some(shared) = shared(field) {
            return shared.to_owned();
        }
        let plain = casing.restore(field);
        let qualified = format!("{entity}{plain}");
        // A one-word name such as `Type` says too little to be shared.
        let name = if split_words(&plain).len() < 2 {
            qualified.clone()
        } else {
            plain
        };
        match self.types.get_mut(&name) {
            None => {
                self.types.insert(name.clone(), symbols);
                name
            }
            Some(known) if subset(&symbols, known) || subset(known, &symbols) => {
                merge(known, symbols);
                name
            }
            Some(_) => {
                self.types.insert(qualified.clone(), symbols);
                qualified
            }
        }
    }

    /// The enum of a field, when it has one.
    pub(crate) fn of_field(&self, entity: &str, field: &str) -> Option<String> {
        let upper = field.to_uppercase();
        self.fields
            .get(&(entity.to_owned(), upper.clone()))
            .cloned()
            .or_else(|| shared(&upper).map(str::to_owned))
    }

    /// The enum that an unmapped field has by its name: some other entity's field is called so.
    pub(crate) fn by_name(&self, field: &str) -> Option<FieldKind> {
        self.types.contains_key(field).then(|| FieldKind::Enum {
            name: field.to_owned(),
        })
    }

    /// The type of a Yes/No field.
    #[expect(clippy::unused_self, reason = "reads as a question to the enums")]
    pub(crate) fn no_yes(&self) -> FieldKind {
        FieldKind::Enum {
            name: NO_YES.to_owned(),
        }
    }

    /// The enum types. First stands the member that a field has when nobody has said anything
    /// ([`unsaid`]), then the others in the order of the options they map to.
    pub(crate) fn finish(self) -> Vec<EnumType> {
        self.types
            .into_iter()
            .map(|(name, mut symbols)| {
                symbols.sort_by_key(|(symbol, value)| (unsaid(symbol), *value));
                EnumType {
                    assumed: name != NO_YES,
                    name,
                    members: symbols
                        .into_iter()
                        .zip(0..)
                        .map(|((name, _), value)| EnumMember { name, value })
                        .collect(),
                }
            })
            .collect()
    }
}

/// Symbols that say nothing: an enum of F&O has no null, its first member stands for it.
const NOTHING: &[&str] = &[
    "none",
    "blank",
    "notset",
    "no",
    "false",
    "unknown",
    "undetermined",
    "na",
    "notapplicable",
    "doesnotapply",
];

/// Symbols of the ordinary case, which a new row has where no symbol says nothing.
const ORDINARY: &[&str] = &["standard", "normal", "default", "ordinary"];

/// Where a symbol stands among the others: those that say nothing, the ordinary one, the rest.
fn unsaid(symbol: &str) -> usize {
    let symbol = symbol.to_lowercase();
    [NOTHING, ORDINARY]
        .iter()
        .position(|known| known.contains(&symbol.as_str()))
        .unwrap_or(2)
}

fn shared(field: &str) -> Option<&'static str> {
    overrides::SHARED_ENUMS
        .iter()
        .find(|(_, fields, _)| fields.contains(&field))
        .map(|(name, _, _)| *name)
}

fn number(value: &str) -> Option<i64> {
    match value.to_lowercase().as_str() {
        "false" => Some(0),
        "true" => Some(1),
        digits => digits.parse().ok(),
    }
}

/// Adds symbols; where two differ in case only, the one with more capitals wins (`NoDraft`).
fn merge(known: &mut Symbols, more: Symbols) {
    for (symbol, value) in more {
        match known
            .iter_mut()
            .find(|(other, _)| other.eq_ignore_ascii_case(&symbol))
        {
            None => known.push((symbol, value)),
            Some((other, _)) => {
                let capitals = |text: &str| text.chars().filter(|c| c.is_uppercase()).count();
                if capitals(&symbol) > capitals(other) {
                    *other = symbol;
                }
            }
        }
    }
}

fn subset(small: &Symbols, large: &Symbols) -> bool {
    small.iter().all(|(symbol, _)| {
        large
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(symbol))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_member_is_what_a_field_has_when_nobody_has_said_anything() {
        for (symbols, first) in [
            (vec![("Male", 1), ("Unknown", 9)], "Unknown"),
            (vec![("Exempt", 1), ("Doesnotapply", 3)], "Doesnotapply"),
            (vec![("Goodsinroute_ru", 1), ("Standard", 4)], "Standard"),
            (vec![("Standard", 1), ("None", 2)], "None"),
            (vec![("Week", 2), ("Day", 1)], "Day"),
        ] {
            let symbols = symbols
                .into_iter()
                .map(|(symbol, value)| (symbol.to_owned(), value))
                .collect();
            let enums = Enums {
                types: BTreeMap::from([("Any".to_owned(), symbols)]),
                fields: BTreeMap::new(),
            };
            assert_eq!(enums.finish()[0].members[0].name, first);
        }
    }
}
