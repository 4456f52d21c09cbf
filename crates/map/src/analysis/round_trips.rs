//! Fields that come back as something else than they left.

use super::{mark_of, warning};
use crate::codes;
use crate::compiled::{CompiledMap, Direct, Kind, Unit};
use crate::convert::convert;
use crate::diagnostic::Diagnostic;
use crate::schema::ColumnType;
use crate::side::Side;
use crate::value::Value;

pub(super) fn check(map: &CompiledMap) -> Vec<Diagnostic> {
    let both_ways = map
        .units
        .iter()
        .filter(|unit| unit.flows.left && unit.flows.right);
    both_ways
        .filter_map(|unit| match &unit.kind {
            Kind::Direct(direct) => times(map, unit, direct)
                .or_else(|| guids(map, unit, direct))
                .or_else(|| defaults(map, unit, direct)),
            _ => None,
        })
        .collect()
}

fn types(map: &CompiledMap, direct: &Direct, side: Side) -> (String, ColumnType) {
    let slot = &map.slots[side][direct.slots[side]];
    (slot.name.clone(), slot.ty.clone())
}

/// The side whose column is of `this` type while the other's is of `that`.
fn sides(
    map: &CompiledMap,
    direct: &Direct,
    this: impl Fn(&ColumnType) -> bool,
    that: impl Fn(&ColumnType) -> bool,
) -> Option<Side> {
    Side::BOTH.into_iter().find(|side| {
        this(&types(map, direct, *side).1) && that(&types(map, direct, side.other()).1)
    })
}

fn times(map: &CompiledMap, unit: &Unit, direct: &Direct) -> Option<Diagnostic> {
    let side = sides(
        map,
        direct,
        |ty| *ty == ColumnType::DateTime,
        |ty| *ty == ColumnType::Date,
    )?;
    let (timed, dated) = (
        types(map, direct, side).0,
        types(map, direct, side.other()).0,
    );
    let other = side.other();
    Some(warning(
        codes::DOES_NOT_ROUND_TRIP,
        &mark_of(map, unit),
        format!("a time of day in `{timed}` does not survive the way back"),
        vec![
            format!("`{timed}` on the {side} is a date and time"),
            format!("`{dated}` on the {other} is a date"),
            format!("a new day on the {other} comes back to the {side} at midnight"),
        ],
        format!("let the field travel from the {side} only, or keep a date on both sides"),
    ))
}

fn guids(map: &CompiledMap, unit: &Unit, direct: &Direct) -> Option<Diagnostic> {
    let side = sides(
        map,
        direct,
        |ty| matches!(ty, ColumnType::Text { .. }),
        |ty| *ty == ColumnType::Guid,
    )?;
    let (text, guid) = (
        types(map, direct, side).0,
        types(map, direct, side.other()).0,
    );
    let other = side.other();
    Some(warning(
        codes::DOES_NOT_ROUND_TRIP,
        &mark_of(map, unit),
        format!("`{text}` may come back spelt otherwise"),
        vec![
            format!("`{guid}` on the {other} is a guid, `{text}` on the {side} a text"),
            "braces and capital letters of the text are lost on the way".to_owned(),
        ],
        format!("let the field travel from the {other} only"),
    ))
}

/// A default that travels both ways: nothing becomes the default, which comes back as a value.
fn defaults(map: &CompiledMap, unit: &Unit, direct: &Direct) -> Option<Diagnostic> {
    for from in Side::BOTH {
        let to = from.other();
        let Some(default) = &direct.transform.default[to] else {
            continue;
        };
        let (source, ty) = types(map, direct, from);
        if map.schema(from).column(&source).is_some_and(|c| c.required) {
            continue;
        }
        let back = match &direct.transform.values {
            Some(values) => values.apply(to, default).cloned(),
            None => convert(default, &ty, direct.scale).ok(),
        };
        let empty = map
            .schema(from)
            .column(&source)
            .and_then(|c| c.empty.clone());
        let stays = back.as_ref().is_none_or(Value::is_null) || back == empty;
        if stays {
            continue;
        }
        let (target, _) = types(map, direct, to);
        return Some(warning(
            codes::DOES_NOT_ROUND_TRIP,
            &mark_of(map, unit),
            format!("an empty `{source}` does not stay empty"),
            vec![
                format!("it becomes the default in `{target}` on the {to}"),
                format!(
                    "the field travels back too, so the default comes back into `{source}` as a \
                     value"
                ),
            ],
            format!("let the field travel from the {from} only, or give it no default"),
        ));
    }
    None
}
