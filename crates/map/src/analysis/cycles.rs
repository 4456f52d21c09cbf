//! Maps that lean on each other in a circle, and maps that stand before what they lean on.

use super::{mark_of_column, note, warning};
use crate::codes;
use crate::compiled::CompiledMap;
use crate::diagnostic::Diagnostic;
use crate::order::{Dependency, dependencies, dependency_order};
use std::collections::{BTreeSet, VecDeque};

pub(super) fn check(maps: &[CompiledMap], ranks: &[usize]) -> Vec<Diagnostic> {
    let edges = dependencies(maps);
    let order = dependency_order(maps);
    let mut found = Vec::new();
    for (id, column) in &order.broken {
        let Some(map) = maps.iter().position(|map| map.id() == id) else {
            continue;
        };
        found.extend(circle(maps, &edges, map, column));
    }
    let mut told = BTreeSet::new();
    for edge in &edges {
        let (Some(from), Some(to)) = (ranks.get(edge.from), ranks.get(edge.to)) else {
            continue;
        };
        let broken = order.in_cycle(maps[edge.from].id(), &edge.column);
        if from < to && !broken && told.insert((edge.from, edge.to)) {
            found.push(misplaced(maps, edge));
        }
    }
    found
}

fn circle(
    maps: &[CompiledMap],
    edges: &[Dependency],
    map: usize,
    column: &str,
) -> Option<Diagnostic> {
    let mut own = edges
        .iter()
        .filter(|edge| edge.from == map && edge.column == column);
    let (edge, path) = own.find_map(|edge| Some((edge, way(edges, edge.to, map)?)))?;
    let names: Vec<&str> = std::iter::once(map)
        .chain(path)
        .map(|map| maps[map].id())
        .collect();
    let at = mark_of_column(&maps[map], edge.side, column);
    let circle = names.join(" → ");
    let own_table = edge.to == map;
    let message = if own_table {
        format!("`{column}` points at records of its own table")
    } else {
        format!("`{column}` closes a circle of maps")
    };
    let fact = if own_table {
        format!("{} leans on itself", maps[map].id())
    } else {
        format!("{circle}: each leans on the next")
    };
    Some(if edge.required {
        warning(
            codes::CYCLE,
            &at,
            message,
            vec![
                fact,
                format!("a record cannot exist without `{column}`, so it cannot come first"),
                "records that need each other wait until one of them is made by hand (DUET2102)"
                    .to_owned(),
            ],
            format!("let `{column}` be empty in a new record, or break the circle elsewhere"),
        )
    } else {
        note(
            codes::CYCLE,
            &at,
            message,
            vec![
                fact,
                format!(
                    "Duet breaks it here: a record whose `{column}` is not there yet is written \
                     without it, and filled in as soon as it arrives"
                ),
            ],
            "nothing",
        )
    })
}

/// The maps on the shortest way from one to another, both included.
fn way(edges: &[Dependency], from: usize, to: usize) -> Option<Vec<usize>> {
    let mut queue = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::from([from]);
    while let Some(path) = queue.pop_front() {
        let last = *path.last()?;
        if last == to {
            return Some(path);
        }
        for edge in edges.iter().filter(|edge| edge.from == last) {
            if edge.to != last && (edge.to == to || seen.insert(edge.to)) {
                let mut longer = path.clone();
                longer.push(edge.to);
                queue.push_back(longer);
            }
        }
    }
    None
}

fn misplaced(maps: &[CompiledMap], edge: &Dependency) -> Diagnostic {
    let (map, needed) = (&maps[edge.from], &maps[edge.to]);
    note(
        codes::WRONG_ORDER,
        &map.file().map.at,
        format!(
            "{} stands before {}, which it leans on",
            map.id(),
            needed.id()
        ),
        vec![
            format!(
                "its lookup `{}` points at {}",
                edge.column,
                needed.table(edge.side)
            ),
            format!("Duet runs {} first all the same", needed.id()),
        ],
        "list the maps in the order in which they build on each other",
    )
}
