//! Tables and columns whose changes are not all seen, or mean more than they say.

use super::{end, flowing, in_key, mark_of, note};
use crate::codes;
use crate::compiled::{CompiledMap, Kind};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::ColumnType;
use crate::side::Side;

pub(super) fn check(map: &CompiledMap) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for from in Side::BOTH.into_iter().filter(|side| map.flows(*side)) {
        found.extend(untracked(map, from));
        found.extend(computed(map, from));
        found.extend(dated(map, from));
    }
    found
}

fn untracked(map: &CompiledMap, from: Side) -> Option<Diagnostic> {
    let schema = map.schema(from);
    (!schema.tracks_changes).then(|| Diagnostic {
        code: codes::NOT_TRACKED,
        severity: Severity::Error,
        message: format!("{} cannot tell what changed", schema.name),
        place: map.file().ends[from].entity.at.place(),
        notes: vec![
            format!("the map carries rows from the {from}, and live sync reads their changes"),
            "the first read of changes would fail (DUET3024)".to_owned(),
        ],
        fix: Some(
            "switch change tracking on, give the entity its modified date and time, or let the \
             map carry rows the other way only"
                .to_owned(),
        ),
    })
}

/// Columns that a save fills, so that they are as new as the record.
const STAMPS: [&str; 5] = [
    "createdon",
    "modifiedon",
    "createdby",
    "modifiedby",
    "versionnumber",
];

/// Columns that are only ever computed: their system may change them without a new version.
fn computed(map: &CompiledMap, from: Side) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for unit in flowing(map, from) {
        let Kind::Direct(direct) = &unit.kind else {
            continue;
        };
        let slot = direct.slots[from];
        let name = &map.slots[from][slot].name;
        let schema = map.schema(from);
        let Some(column) = schema.column(name) else {
            continue;
        };
        let stamped = STAMPS.iter().any(|stamp| stamp.eq_ignore_ascii_case(name));
        if column.create || column.update || stamped || in_key(map, from, slot) {
            continue;
        }
        found.push(note(
            codes::COMPUTED_SOURCE,
            &mark_of(map, unit),
            format!("`{name}` of {} is computed by its system", schema.name),
            vec![
                "nobody can write it".to_owned(),
                "a value that is computed anew without a save shows in no change; it is carried \
                 over with the record's next one"
                    .to_owned(),
            ],
            "map the columns that it is computed from, if it has to be up to the minute",
        ));
    }
    found
}

/// A table that keeps several versions of a record by date shows the version of a moment. Its own
/// validity carries no prefix, unlike that of an address that a row happens to hold.
fn dated(map: &CompiledMap, from: Side) -> Option<Diagnostic> {
    const PERIODS: [(&str, &str); 3] = [
        ("validfrom", "validto"),
        ("effective", "expiration"),
        ("detaileffective", "detailexpiration"),
    ];
    let schema = map.schema(from);
    let (first, last) = PERIODS.iter().find_map(|(first, last)| {
        let times = (schema.columns.get(*first)?, schema.columns.get(*last)?);
        let is_time = |ty: &ColumnType| matches!(ty, ColumnType::Date | ColumnType::DateTime);
        (is_time(&times.0.ty) && is_time(&times.1.ty)).then_some(times)
    })?;
    let told_apart = map.key.iter().any(|part| {
        let name = &map.slots[from][part.at[from].slot()].name;
        *name == first.name || *name == last.name
    });
    let line = map.file().fields.iter().find(|field| {
        field.direction.flows_from(from)
            && end(field, from).is_some_and(|end| end.value.eq_ignore_ascii_case(&first.name))
    });
    let line = line.filter(|_| !told_apart)?;
    Some(note(
        codes::DATE_EFFECTIVE,
        &line.at,
        format!(
            "{} keeps its records by date, and the key does not",
            schema.name
        ),
        vec![
            format!("a record holds from `{}` to `{}`", first.name, last.name),
            "one that begins later is carried over at once; of several versions that are served \
             together, one is carried over and the others are parked (DUET2107)"
                .to_owned(),
        ],
        format!(
            "add `{}` to the key, or filter on the version of today",
            first.name
        ),
    ))
}
