//! The definition that a map's pairs were made with: what changed since, and what the change breaks.
//!
//! 1. [`compare`]: the map file changed: which columns are agreed no longer, and must existing rows
//!    be read for it?
//! 2. [`drift`]: the file stands and the system's schema changed under it.

use crate::project::Project;
use duet_map::CompiledMap;
use duet_map::file::MapFile;
use duet_map::schema::ColumnType;
use duet_map::side::{PerSide, Side};
use duet_store::lifecycle::{Columns, Definition};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What stands for the columns of a map whose operator accepts them however they are now.
pub(crate) const ACCEPT: &str = "";

/// The code with which a map says that a schema changed under it.
pub(crate) const CHANGED: &str = "DUET4123";

/// The types of the columns that a map reads, by side and name.
type Types = BTreeMap<String, ColumnType>;

/// The definition of a map as it is now; its rows are still to be read.
pub(crate) fn definition(map: &CompiledMap, companies: Vec<String>, at: Timestamp) -> Definition {
    Definition {
        map: map.id().to_owned(),
        version: map.version().to_owned(),
        text: map.file().to_yaml(),
        columns: serde_json::to_string(&types(map)).unwrap_or_default(),
        companies: if map.is_per_company() {
            companies
        } else {
            Vec::new()
        },
        whole: false,
        at,
    }
}

fn types(map: &CompiledMap) -> Types {
    let mut types = Types::new();
    for side in Side::BOTH {
        for name in map.columns(side) {
            if let Some(column) = map.schema(side).column(name) {
                types.insert(format!("{side} {}", column.name), column.ty.clone());
            }
        }
    }
    types
}

/// What a new definition asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Nothing of it concerns rows.
    None,
    /// Existing rows have to be read; nothing is agreed of these columns any more.
    Read(Columns),
}

/// Compares a map with the definition that its pairs were made with.
pub(crate) fn compare(before: &Definition, map: &CompiledMap, now: &Definition) -> Difference {
    let more_companies = !before.companies.is_empty()
        && (now.companies.is_empty()
            || now
                .companies
                .iter()
                .any(|company| !before.companies.contains(company)));
    if before.text == now.text {
        return if more_companies {
            Difference::Read(Columns::default())
        } else {
            Difference::None
        };
    }
    let Ok(old) = MapFile::parse(&before.text, "the definition in the store") else {
        return Difference::Read(all_columns(map));
    };
    let new = map.file();
    let fields: Vec<_> = new
        .fields
        .iter()
        .filter(|field| !old.fields.contains(field))
        .collect();
    let same_rows = Side::BOTH
        .into_iter()
        .all(|side| old.ends[side] == new.ends[side])
        && old.key == new.key
        && old.company == new.company;
    if fields.is_empty() && same_rows && !more_companies {
        return Difference::None;
    }
    let columns = PerSide::from_fn(|side| {
        let names: BTreeSet<String> = fields
            .iter()
            .filter_map(|field| match side {
                Side::Left => field.left.as_ref(),
                Side::Right => field.right.as_ref(),
            })
            .filter_map(|path| {
                let root = path.value.split(['.', '(']).next()?;
                Some(map.schema(side).column(root)?.name.clone())
            })
            .collect();
        names.into_iter().collect()
    });
    Difference::Read(columns)
}

fn all_columns(map: &CompiledMap) -> Columns {
    PerSide::from_fn(|side| map.columns(side).to_vec())
}

/// What a schema lost since the map's pairs were made: columns that shrank or changed their type.
/// Each is said in words. A column that vanished stops the map from compiling, which says it better.
pub(crate) fn drift(before: &Definition, map: &CompiledMap) -> Vec<String> {
    // A map whose file changed too is meant to differ.
    if before.text != map.file().to_yaml() {
        return Vec::new();
    }
    let Ok(old) = serde_json::from_str::<Types>(&before.columns) else {
        return Vec::new();
    };
    let new = types(map);
    old.iter()
        .filter_map(|(name, old)| {
            let lost = lost(old, new.get(name)?)?;
            let (side, column) = name.split_once(' ')?;
            let table = map.table(side.parse().ok()?);
            Some(format!("`{column}` of {table} on the {side} side {lost}"))
        })
        .collect()
}

/// What a column cannot hold any more.
fn lost(old: &ColumnType, new: &ColumnType) -> Option<String> {
    use ColumnType::{Choice, Decimal, Enum, Int, Lookup, Text};
    if old.kind() != new.kind() {
        return Some(format!("was {} and is {} now", old.kind(), new.kind()));
    }
    let fewer = |what: &str, gone: Vec<String>| {
        (!gone.is_empty()).then(|| format!("lost the {what} {}", gone.join(", ")))
    };
    match (old, new) {
        (Text { max_length: old }, Text { max_length: new }) => {
            let new = (*new)?;
            old.is_none_or(|old| new < old).then(|| {
                let old = old.map_or_else(|| "more".to_owned(), |old| old.to_string());
                format!("held {old} characters and holds {new} now")
            })
        }
        (
            Int { min, max },
            Int {
                min: low,
                max: high,
            },
        ) => (low > min || high < max).then(|| format!("holds only {low} to {high} now")),
        (
            Decimal { scale, min, max },
            Decimal {
                scale: digits,
                min: low,
                max: high,
            },
        ) => {
            if let Some(digits) = digits
                && scale.is_none_or(|scale| *digits < scale)
            {
                return Some(format!("keeps only {digits} digits after the point now"));
            }
            let narrower = low.is_some_and(|low| min.is_none_or(|min| low > min))
                || high.is_some_and(|high| max.is_none_or(|max| high < max));
            narrower.then(|| "holds a narrower range now".to_owned())
        }
        (Choice { options: old }, Choice { options: new }) => {
            let gone = old
                .iter()
                .filter(|(value, _)| new.iter().all(|(other, _)| other != value))
                .map(|(value, _)| value.to_string());
            fewer("options", gone.collect())
        }
        (Enum { members: old, .. }, Enum { members: new, .. }) => {
            let gone = old.iter().filter(|member| !new.contains(member)).cloned();
            fewer("members", gone.collect())
        }
        (Lookup { targets: old }, Lookup { targets: new }) => {
            let gone = old
                .iter()
                .filter(|target| new.iter().all(|other| other.table != target.table))
                .map(|target| target.table.clone());
            fewer("targets", gone.collect())
        }
        _ => None,
    }
}

/// Whether two projects would run alike: same maps by text, same columns, same companies.
pub(crate) fn same(one: &Project, other: &Project) -> bool {
    one.companies() == other.companies()
        && one.maps().len() == other.maps().len()
        && one.maps().iter().zip(other.maps()).all(|(one, other)| {
            one.file() == other.file()
                && Side::BOTH
                    .into_iter()
                    .all(|side| one.schema(side) == other.schema(side))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_loses_what_it_cannot_hold_any_more() {
        let text = |max_length| ColumnType::Text { max_length };
        let choice = |values: &[i64]| ColumnType::Choice {
            options: values.iter().map(|value| (*value, "x".into())).collect(),
        };
        let decimal = |scale| ColumnType::Decimal {
            scale,
            min: None,
            max: None,
        };
        assert_eq!(lost(&text(Some(60)), &text(Some(60))), None);
        assert_eq!(lost(&text(Some(60)), &text(Some(80))), None);
        assert_eq!(lost(&text(Some(60)), &text(None)), None);
        assert_eq!(
            lost(&text(Some(60)), &text(Some(20))).unwrap(),
            "held 60 characters and holds 20 now"
        );
        assert_eq!(
            lost(&text(None), &text(Some(20))).unwrap(),
            "held more characters and holds 20 now"
        );
        assert_eq!(
            lost(&text(None), &ColumnType::Date).unwrap(),
            "was text and is date now"
        );
        assert_eq!(lost(&choice(&[1, 2]), &choice(&[2, 1, 3])), None);
        assert_eq!(
            lost(&choice(&[1, 2, 3]), &choice(&[3])).unwrap(),
            "lost the options 1, 2"
        );
        assert_eq!(lost(&decimal(Some(2)), &decimal(Some(4))), None);
        assert!(lost(&decimal(Some(4)), &decimal(Some(2))).is_some());
        let int = |min, max| ColumnType::Int { min, max };
        assert_eq!(lost(&int(0, 10), &int(-5, 10)), None);
        assert_eq!(
            lost(&int(0, 10), &int(0, 9)).unwrap(),
            "holds only 0 to 9 now"
        );
    }
}
