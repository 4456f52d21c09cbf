//! Keys that change, that may be empty, or that two records share.

use super::{note, warning};
use crate::codes;
use crate::compiled::{CompiledMap, KeyAt, KeyColumn, Slot};
use crate::diagnostic::Diagnostic;
use crate::file::Mark;
use crate::filter::alike;
use crate::schema::{Column, ColumnType};
use crate::side::{PerSide, Side};

/// How the names of columns end that people rewrite.
const REWRITTEN: [&str; 11] = [
    "name",
    "description",
    "title",
    "subject",
    "email",
    "emailaddress1",
    "phone",
    "telephone1",
    "address",
    "alias",
    "comment",
];

pub(super) fn check(map: &CompiledMap) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, part) in map.key.iter().enumerate() {
        let at = map
            .file()
            .key
            .get(index)
            .map_or_else(Mark::default, |part| part.left.at.clone());
        found.extend(mutable(map, part, &at));
        found.extend(may_be_empty(map, part, &at));
        found.extend(collapses(map, part, &at));
    }
    found
}

/// Whether the system itself guards the column: it is part of the table's identity, or cannot be
/// changed once it is set.
fn guarded(map: &CompiledMap, side: Side, column: &Column) -> bool {
    let primary = &map.schema(side).primary_key;
    !column.update || primary.contains(&column.name)
}

fn slot_at<'m>(map: &'m CompiledMap, side: Side, part: &KeyColumn) -> &'m Slot {
    &map.slots[side][part.at[side].slot()]
}

fn column_at<'m>(map: &'m CompiledMap, side: Side, part: &KeyColumn) -> Option<&'m Column> {
    map.schema(side).column(&slot_at(map, side, part).name)
}

fn mutable(map: &CompiledMap, part: &KeyColumn, at: &Mark) -> Option<Diagnostic> {
    let plain = |side: Side| match part.at[side] {
        KeyAt::Column(_) => column_at(map, side, part),
        KeyAt::Path { .. } => None,
    };
    let columns = PerSide {
        left: plain(Side::Left)?,
        right: plain(Side::Right)?,
    };
    let rewritten = |side: Side| {
        let name = columns[side].name.to_lowercase();
        REWRITTEN.iter().any(|end| name.ends_with(end)) && !guarded(map, side, columns[side])
    };
    if !Side::BOTH.into_iter().all(rewritten) {
        return None;
    }
    let (left, right) = (&columns.left.name, &columns.right.name);
    Some(warning(
        codes::KEY_MUTABLE,
        at,
        format!("the key holds `{left}` = `{right}`, which people rewrite"),
        vec![
            format!(
                "neither {} nor {} keeps it from being changed",
                map.table(Side::Left),
                map.table(Side::Right)
            ),
            "a renamed record keeps its pair, but lookups that name it by the old value find \
             nothing, and a sync that begins anew takes it for another record"
                .to_owned(),
        ],
        "take a number or code that stays",
    ))
}

fn may_be_empty(map: &CompiledMap, part: &KeyColumn, at: &Mark) -> Option<Diagnostic> {
    let open = |side: Side| {
        column_at(map, side, part).filter(|column| {
            let primary = &map.schema(side).primary_key;
            !column.required && column.empty.is_none() && !primary.contains(&column.name)
        })
    };
    let (left, right) = (open(Side::Left)?, open(Side::Right)?);
    let allocated = map.allocates().is_some();
    if allocated {
        return None;
    }
    let sending: Vec<&str> = Side::BOTH
        .into_iter()
        .filter(|side| map.flows(*side))
        .map(|side| map.table(side))
        .collect();
    Some(note(
        codes::KEY_MAY_BE_EMPTY,
        at,
        format!(
            "nothing makes people fill the key `{}` = `{}`",
            left.name, right.name
        ),
        vec![
            "neither side requires it".to_owned(),
            format!(
                "a row of {} without it is parked: nothing identifies it (DUET2101)",
                sending.join(" or ")
            ),
        ],
        "require the column on the side where records are made, or write `allocates:`",
    ))
}

fn collapses(map: &CompiledMap, part: &KeyColumn, at: &Mark) -> Option<Diagnostic> {
    if let Some(values) = &part.values {
        for from in Side::BOTH {
            let to = from.other();
            let shared = values.pairs.iter().enumerate().find_map(|(index, pair)| {
                let earlier = values.pairs[..index]
                    .iter()
                    .find(|earlier| alike(&earlier[to], &pair[to]))?;
                (!alike(&earlier[from], &pair[from])).then_some((earlier, pair))
            });
            let Some((first, second)) = shared else {
                continue;
            };
            return Some(warning(
                codes::KEY_COLLAPSES,
                at,
                format!("two keys of the {from} become one on the {to}"),
                vec![
                    format!(
                        "`{}` and `{}` of `{}` both become `{}`",
                        first[from],
                        second[from],
                        slot_at(map, from, part).name,
                        first[to]
                    ),
                    "records that differ in nothing else are taken for one; the second is parked"
                        .to_owned(),
                ],
                "map each value of a key column to one of its own",
            ));
        }
    }
    let times = part.day.then(|| {
        Side::BOTH
            .into_iter()
            .find(|side| slot_at(map, *side, part).ty == ColumnType::DateTime)
    });
    let side = times.flatten()?;
    let (moment, day) = (slot_at(map, side, part), slot_at(map, side.other(), part));
    Some(warning(
        codes::KEY_COLLAPSES,
        at,
        format!("records of one day share the key on the {}", side.other()),
        vec![
            format!("`{}` on the {side} is a date and time", moment.name),
            format!("`{}` on the {} is a date", day.name, side.other()),
            "of two records that differ in the time only, the second is parked".to_owned(),
        ],
        "add a column to the key that tells them apart",
    ))
}
