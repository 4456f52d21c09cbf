//! What Duet will have written into a column of a record that it creates.

use crate::compiled::{CompiledMap, Direct, Kind};
use crate::convert::convert;
use crate::filter::{Known, alike};
use crate::side::Side;
use crate::value::Value;

/// What is known of a column of a record that Duet creates on side `to`; `None` where it writes
/// nothing there, so that the system fills the column as it likes.
pub(super) fn written(map: &CompiledMap, to: Side, column: &str) -> Option<Known> {
    let from = to.other();
    let slot = map.slots[to].iter().position(|slot| slot.name == column)?;
    let company = map.company.as_ref().map(|company| company[to].slot());
    let mut known = None;
    for unit in &map.units {
        match &unit.kind {
            Kind::Constant {
                to: side,
                slot: own,
                value,
            } if *side == to && *own == slot => return Some(Known::Values(vec![value.clone()])),
            Kind::Computed(computed) if computed.to == to && computed.slot == slot => {
                known = Some(Known::Anything);
            }
            Kind::Direct(direct) if unit.flows[from] && direct.slots[to] == slot => {
                known = Some(carried(map, from, direct));
            }
            Kind::Twins(twins) if unit.flows[from] && twins.slots[to] == slot => {
                known = Some(Known::Anything);
            }
            Kind::Lookup(lookup)
                if lookup.side == to && lookup.slot == slot && unit.flows[from] =>
            {
                known = Some(Known::Anything);
            }
            Kind::Lookup(lookup) if lookup.side == from => {
                let writes = |part: &&crate::compiled::Part| part.flows[from] && part.plain == slot;
                if lookup.parts.iter().any(|part| writes(&part)) {
                    known = Some(if map.slots[from][lookup.slot].required {
                        Known::Filled
                    } else {
                        Known::Anything
                    });
                }
            }
            _ => {}
        }
    }
    // A row without its key or company is not created at all.
    let filled = company == Some(slot) || super::in_key(map, to, slot);
    match known {
        Some(Known::Anything) | None if filled => Some(Known::Filled),
        known => known,
    }
}

/// What a field of two plain columns can bring.
fn carried(map: &CompiledMap, from: Side, direct: &Direct) -> Known {
    let to = from.other();
    let source = &map.slots[from][direct.slots[from]];
    let target = &map.slots[to][direct.slots[to]];
    let filter = map.filters[from].as_ref();
    let confined = filter.and_then(|filter| filter.confines(&source.name));
    let default = direct.transform.default[to].clone();
    let never_empty = source.required
        || source.rule.empty.is_some()
        || super::in_key(map, from, direct.slots[from])
        || filter.is_some_and(|filter| filter.demands(&source.name));
    if let Some(values) = &direct.transform.values {
        let taken = |value: &Value| {
            confined
                .as_ref()
                .is_none_or(|list| list.iter().any(|other| alike(other, value)))
        };
        let mut images: Vec<Value> = values
            .pairs
            .iter()
            .filter(|pair| taken(&pair[from]))
            .map(|pair| pair[to].clone())
            .collect();
        match default {
            Some(default) => images.push(default),
            None if !never_empty && confined.is_none() => images.push(Value::Null),
            None => {}
        }
        return Known::Values(images);
    }
    let converted = confined.and_then(|values| {
        let images: Result<Vec<Value>, _> = values
            .iter()
            .map(|value| convert(value, &target.ty, direct.scale))
            .collect();
        images.ok()
    });
    match converted {
        Some(values) => Known::Values(values),
        None if never_empty || default.is_some() => Known::Filled,
        None => Known::Anything,
    }
}
