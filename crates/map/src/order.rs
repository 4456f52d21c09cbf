//! The order in which maps run first: whatever a lookup points at comes before it.

use crate::compiled::CompiledMap;
use crate::side::Side;

/// Maps in the order of their dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// Indices into the maps that were given.
    pub maps: Vec<usize>,
    /// Lookups that cannot wait for what they point at: map and lookup column. Their records are
    /// first written without them, or park until the target exists.
    pub broken: Vec<(String, String)>,
}

impl Order {
    /// Whether the map's lookup column is part of a cycle; one that points at its own table is.
    pub fn in_cycle(&self, map: &str, column: &str) -> bool {
        self.broken
            .iter()
            .any(|(m, c)| m == map && c.eq_ignore_ascii_case(column))
    }
}

/// One lookup of a map to another map's table.
struct Edge {
    to: usize,
    side: Side,
    column: String,
    required: bool,
}

/// One map's lookup into another map's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The map that leans, by its index.
    pub(crate) from: usize,
    /// The map that it leans on.
    pub(crate) to: usize,
    /// The side of the lookup.
    pub(crate) side: Side,
    /// The lookup column.
    pub(crate) column: String,
    /// Whether a record cannot exist without it.
    pub(crate) required: bool,
}

/// Every lookup of the maps into each other's tables.
pub(crate) fn dependencies(maps: &[CompiledMap]) -> Vec<Dependency> {
    let mut found = Vec::new();
    for from in 0..maps.len() {
        found.extend(edges_of(from, maps).into_iter().map(|edge| Dependency {
            from,
            to: edge.to,
            side: edge.side,
            column: edge.column,
            required: edge.required,
        }));
    }
    found
}

/// Sorts maps so that referenced tables come first. Among maps that do not depend on each other
/// the given order stays. A cycle is broken at a map whose open lookups are all optional, if
/// there is one.
pub fn dependency_order(maps: &[CompiledMap]) -> Order {
    let edges: Vec<Vec<Edge>> = (0..maps.len()).map(|map| edges_of(map, maps)).collect();
    let mut order = Order::default();
    let mut placed = vec![false; maps.len()];
    for (map, edges) in edges.iter().enumerate() {
        for edge in edges.iter().filter(|edge| edge.to == map) {
            order
                .broken
                .push((maps[map].id().to_owned(), edge.column.clone()));
        }
    }
    while order.maps.len() < maps.len() {
        let open = |map: usize, placed: &[bool]| -> Vec<&Edge> {
            edges[map]
                .iter()
                .filter(|edge| edge.to != map && !placed[edge.to])
                .collect()
        };
        let waiting = || (0..maps.len()).filter(|map| !placed[*map]);
        let ready = waiting().find(|map| open(*map, &placed).is_empty());
        let next = ready.or_else(|| {
            // Whoever stands in a cycle itself is a candidate; what merely waits behind is not.
            let cyclic = || waiting().filter(|map| reaches_itself(*map, &edges, &placed));
            cyclic()
                .find(|map| open(*map, &placed).iter().all(|edge| !edge.required))
                .or_else(|| cyclic().next())
                .or_else(|| waiting().next())
        });
        let Some(next) = next else { break };
        for edge in open(next, &placed) {
            let broken = (maps[next].id().to_owned(), edge.column.clone());
            if !order.broken.contains(&broken) {
                order.broken.push(broken);
            }
        }
        placed[next] = true;
        order.maps.push(next);
    }
    order
}

fn edges_of(map: usize, maps: &[CompiledMap]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for lookup in maps[map].lookups() {
        for (to, owner) in maps.iter().enumerate() {
            let owns = lookup
                .tables
                .iter()
                .any(|table| table.eq_ignore_ascii_case(owner.table(lookup.side)));
            if owns {
                edges.push(Edge {
                    to,
                    side: lookup.side,
                    column: lookup.column.clone(),
                    required: lookup.required,
                });
            }
        }
    }
    edges
}

fn reaches_itself(start: usize, edges: &[Vec<Edge>], placed: &[bool]) -> bool {
    let mut seen = vec![false; edges.len()];
    let mut stack: Vec<usize> = vec![start];
    while let Some(map) = stack.pop() {
        for edge in &edges[map] {
            if placed[edge.to] || edge.to == map {
                continue;
            }
            if edge.to == start {
                return true;
            }
            if !seen[edge.to] {
                seen[edge.to] = true;
                stack.push(edge.to);
            }
        }
    }
    false
}
