//! Columns that will refuse some of what travels to them.

use super::{flowing, in_key, mark_of, warning};
use crate::codes;
use crate::compiled::{CompiledMap, Direct, Kind, Unit};
use crate::diagnostic::Diagnostic;
use crate::schema::{Column, ColumnType};
use crate::side::Side;
use crate::value::Value;
use rust_decimal::Decimal;

pub(super) fn check(map: &CompiledMap) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for from in Side::BOTH {
        for unit in flowing(map, from) {
            for (slot, source) in written_by(unit, from) {
                let to = from.other();
                let name = &map.slots[to][slot].name;
                let Some(column) = map.schema(to).column(name) else {
                    continue;
                };
                found.extend(required(map, unit, from, source, slot, column));
                found.extend(once(map, unit, from, slot, column));
            }
            if let Kind::Direct(direct) = &unit.kind {
                found.extend(range(map, unit, from, direct));
            }
        }
    }
    found
}

/// Where a unit's value comes from.
#[derive(Clone, Copy)]
enum Source {
    /// This column.
    Column(usize),
    /// What lies behind this lookup.
    Lookup(usize),
}

/// The target columns that a unit writes, each with its sources.
fn written_by(unit: &Unit, from: Side) -> Vec<(usize, Vec<Source>)> {
    match &unit.kind {
        // Whether an expression yields nothing is known row by row only.
        Kind::Constant { .. } | Kind::Computed(_) => Vec::new(),
        Kind::Direct(direct) => {
            vec![(
                direct.slots[from.other()],
                vec![Source::Column(direct.slots[from])],
            )]
        }
        Kind::Twins(twins) => vec![(
            twins.slots[from.other()],
            vec![Source::Lookup(twins.slots[from])],
        )],
        Kind::Lookup(lookup) if lookup.side == from => lookup
            .parts
            .iter()
            .filter(|part| part.flows[from])
            .map(|part| (part.plain, vec![Source::Lookup(lookup.slot)]))
            .collect(),
        Kind::Lookup(lookup) => {
            let parts = lookup.parts.iter();
            let named_by = parts.filter(|part| part.flows[from] && part.direct);
            vec![(
                lookup.slot,
                named_by.map(|part| Source::Column(part.plain)).collect(),
            )]
        }
    }
}

fn required(
    map: &CompiledMap,
    unit: &Unit,
    from: Side,
    sources: Vec<Source>,
    target: usize,
    column: &Column,
) -> Option<Diagnostic> {
    let to = from.other();
    let demanded = column.required && column.create && column.empty.is_none();
    if !demanded || in_key(map, to, target) {
        return None;
    }
    let filled = |slot: usize| {
        let slot_of = &map.slots[from][slot];
        slot_of.required
            || slot_of.rule.empty.is_some()
            || in_key(map, from, slot)
            || map.filters[from]
                .as_ref()
                .is_some_and(|filter| filter.demands(&slot_of.name))
            || replaced(unit, from)
    };
    let open = sources.into_iter().find(|source| match source {
        Source::Column(slot) | Source::Lookup(slot) => !filled(*slot),
    })?;
    let (slot, what) = match open {
        Source::Column(slot) => (slot, "may be empty"),
        Source::Lookup(slot) => (slot, "may point at nothing"),
    };
    let source = &map.slots[from][slot].name;
    let arrow = match to {
        Side::Left => "<<",
        Side::Right => ">>",
    };
    let fix = match &unit.kind {
        Kind::Direct(_) => format!(
            "give the field a default (`{arrow} … default VALUE`), or require `{source}` in {}",
            map.table(from)
        ),
        _ => format!("require `{source}` in {}", map.table(from)),
    };
    Some(warning(
        codes::REQUIRED_FROM_OPTIONAL,
        &mark_of(map, unit),
        format!(
            "{} requires `{}`, but `{source}` of {} {what}",
            map.table(to),
            column.name,
            map.table(from)
        ),
        vec![format!(
            "a row of {} without it is parked (DUET2006)",
            map.table(from)
        )],
        fix,
    ))
}

/// Whether a transform turns nothing into something.
fn replaced(unit: &Unit, from: Side) -> bool {
    let Kind::Direct(direct) = &unit.kind else {
        return false;
    };
    let mapped = || {
        let values = direct.transform.values.as_ref()?;
        Some(!values.apply(from, &Value::Null)?.is_null())
    };
    direct.transform.default[from.other()].is_some() || mapped() == Some(true)
}

fn once(
    map: &CompiledMap,
    unit: &Unit,
    from: Side,
    target: usize,
    column: &Column,
) -> Option<Diagnostic> {
    let to = from.other();
    let company = map.company.as_ref().map(|company| company[to].slot());
    if !column.create || column.update || in_key(map, to, target) || company == Some(target) {
        return None;
    }
    Some(warning(
        codes::WRITTEN_ONCE,
        &mark_of(map, unit),
        format!(
            "`{}` of {} can be set in a new record only",
            column.name,
            map.table(to)
        ),
        vec![
            format!("`{}` also carries later changes from the {from}", unit.name),
            "a change of it is parked (DUET2009)".to_owned(),
        ],
        format!(
            "keep it from being changed in {}, or leave the field out",
            map.table(from)
        ),
    ))
}

fn range(map: &CompiledMap, unit: &Unit, from: Side, direct: &Direct) -> Option<Diagnostic> {
    if direct.transform.values.is_some() {
        return None;
    }
    let to = from.other();
    let (source, target) = (
        &map.slots[from][direct.slots[from]],
        &map.slots[to][direct.slots[to]],
    );
    let ((low, high), (least, most)) = (bounds(&source.ty)?, bounds(&target.ty)?);
    let beyond = |source: Option<Decimal>,
                  target: Option<Decimal>,
                  outside: fn(Decimal, Decimal) -> bool| {
        // Where the source does not say what it holds, only a sign is worth a word.
        match (source, target) {
            (Some(source), Some(target)) => outside(source, target).then_some(target),
            _ => None,
        }
    };
    let too_low = beyond(low, least, |source, target| source < target)
        .or_else(|| least.filter(|least| low.is_none() && *least >= Decimal::ZERO));
    let too_high = beyond(high, most, |source, target| source > target);
    let message = match (too_low, too_high) {
        (None, None) => return None,
        (Some(least), None) if least.is_zero() => "no number below zero".to_owned(),
        (Some(least), None) => format!("no number below {least}"),
        (None, Some(most)) => format!("no number above {most}"),
        (Some(least), Some(most)) => format!("only numbers from {least} to {most}"),
    };
    let told = |low: Option<Decimal>, high: Option<Decimal>| match (low, high) {
        (None, None) => "any number".to_owned(),
        (Some(low), None) => format!("numbers from {low}"),
        (None, Some(high)) => format!("numbers up to {high}"),
        (Some(low), Some(high)) => format!("numbers from {low} to {high}"),
    };
    Some(warning(
        codes::RANGE_MISMATCH,
        &mark_of(map, unit),
        format!("in `{}`, the {to} takes {message}", unit.name),
        vec![
            format!("`{}` on the {from} holds {}", source.name, told(low, high)),
            format!("`{}` on the {to} holds {}", target.name, told(least, most)),
            "a row with a number outside is parked (DUET2003)".to_owned(),
        ],
        format!("widen `{}`, if such numbers occur", target.name),
    ))
}

/// The bounds of a column of numbers, where it has some.
fn bounds(ty: &ColumnType) -> Option<(Option<Decimal>, Option<Decimal>)> {
    match ty {
        ColumnType::Int { min, max } => Some((Some((*min).into()), Some((*max).into()))),
        ColumnType::Decimal { min, max, .. } => Some((*min, *max)),
        _ => None,
    }
}
