//! The dependencies as a drawing: a column for each layer, whatever is needed to the left.
//!
//! Only nearest needs are drawn: a line that another road implies says nothing new. The table of
//! the page has them all.

use super::content::Entry;
use super::html::escape;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const WIDTH: usize = 230;
const HEIGHT: usize = 38;
const GAP_X: usize = 90;
const GAP_Y: usize = 8;
/// Longer names are cut; the whole name stands in the tooltip and in the list.
const LETTERS: usize = 34;
/// How often the order within the layers is gone over, there and back. More changes little.
const SWEEPS: usize = 4;

/// A drawing, and the maps that are not in it.
pub struct Drawing {
    /// The drawing.
    pub svg: String,
    /// Indices of the maps that need none and that none needs.
    pub alone: Vec<usize>,
}

/// The layer of each map: one more than the highest of those that it needs. Needs point backwards,
/// so one pass is enough.
pub fn layers(maps: &[Entry]) -> Vec<usize> {
    let mut layers: Vec<usize> = Vec::with_capacity(maps.len());
    for map in maps {
        let needed = map.needs.iter().filter_map(|need| layers.get(*need));
        layers.push(needed.max().map_or(0, |layer| layer + 1));
    }
    layers
}

/// The needs of each map that no other of its needs has, at first or at second hand.
fn nearest(maps: &[Entry]) -> Vec<Vec<usize>> {
    let mut all: Vec<BTreeSet<usize>> = Vec::with_capacity(maps.len());
    let mut nearest = Vec::with_capacity(maps.len());
    for map in maps {
        let needs: BTreeSet<usize> = map
            .needs
            .iter()
            .copied()
            .filter(|need| *need < all.len())
            .collect();
        let further: BTreeSet<usize> = needs
            .iter()
            .flat_map(|need| all[*need].iter().copied())
            .collect();
        nearest.push(needs.difference(&further).copied().collect());
        all.push(&needs | &further);
    }
    nearest
}

/// The order within each layer: each map near those that it is tied to, so that few lines cross.
fn columns(drawn: &[usize], layers: &[usize], nearest: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let last = drawn.iter().map(|map| layers[*map]).max().unwrap_or(0);
    let mut columns: Vec<Vec<usize>> = (0..=last)
        .map(|layer| {
            let mut column = drawn.to_vec();
            column.retain(|map| layers[*map] == layer);
            column
        })
        .collect();
    let mut needed_by = vec![Vec::new(); nearest.len()];
    for (map, needs) in nearest.iter().enumerate() {
        for need in needs {
            needed_by[*need].push(map);
        }
    }
    // Half a row for every box, so that layers of unequal height are compared by their middle.
    let tallest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut places = vec![0; nearest.len()];
    let place = |column: &[usize], places: &mut [usize]| {
        for (row, map) in column.iter().enumerate() {
            places[*map] = tallest - column.len() + 2 * row;
        }
    };
    for column in &columns {
        place(column, &mut places);
    }
    for sweep in 0..SWEEPS {
        let forth = sweep % 2 == 0;
        let ties = if forth { nearest } else { &needed_by };
        for step in 0..columns.len() {
            let layer = if forth {
                step
            } else {
                columns.len() - 1 - step
            };
            let column = &mut columns[layer];
            column.sort_by_key(|map| {
                let ties = &ties[*map];
                if ties.is_empty() {
                    return places[*map] * 100;
                }
                // In hundredths, for whole numbers only.
                ties.iter().map(|tie| places[*tie]).sum::<usize>() * 100 / ties.len()
            });
            place(column, &mut places);
        }
    }
    columns
}

/// Draws the maps that are tied to others; each box links to the map's section.
pub fn draw(maps: &[Entry]) -> Drawing {
    let layers = layers(maps);
    let nearest = nearest(maps);
    let needed: BTreeSet<usize> = nearest.iter().flatten().copied().collect();
    let (drawn, alone): (Vec<usize>, Vec<usize>) =
        (0..maps.len()).partition(|map| !nearest[*map].is_empty() || needed.contains(map));
    let columns = columns(&drawn, &layers, &nearest);
    let tallest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let width = columns.len() * (WIDTH + GAP_X);
    let height = tallest * (HEIGHT + GAP_Y) + GAP_Y;
    let mut corners = vec![(0, 0); maps.len()];
    for (layer, column) in columns.iter().enumerate() {
        let above = (tallest - column.len()) * (HEIGHT + GAP_Y) / 2;
        for (row, map) in column.iter().enumerate() {
            corners[*map] = (
                layer * (WIDTH + GAP_X) + GAP_X / 2,
                above + row * (HEIGHT + GAP_Y) + GAP_Y,
            );
        }
    }
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"graph-title graph-text\">\n\
         <title id=\"graph-title\">Order of the maps</title>\n\
         <desc id=\"graph-text\">{} maps in {} layers; a line leads from a map to one that refers to \
         its records. The table below has every reference.</desc>\n",
        drawn.len(),
        columns.len()
    );
    // Writing into a string cannot fail.
    for map in &drawn {
        let (x, y) = corners[*map];
        for need in &nearest[*map] {
            let (from_x, from_y) = corners[*need];
            let (x1, y1, y2) = (from_x + WIDTH, from_y + HEIGHT / 2, y + HEIGHT / 2);
            let middle = usize::midpoint(x1, x);
            let _ = writeln!(
                svg,
                "<path class=\"edge\" d=\"M{x1} {y1} C{middle} {y1} {middle} {y2} {x} {y2}\"/>"
            );
        }
    }
    for map in &drawn {
        let entry = &maps[*map];
        let (x, y) = corners[*map];
        let _ = write!(
            svg,
            "<a href=\"#map-{map}\"><title>{}: {}</title><rect class=\"node\" x=\"{x}\" y=\"{y}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"4\"/>",
            escape(&entry.map),
            escape(&entry.why),
        );
        // A map is named after its two tables, a line for each.
        let lines = match entry.map.split_once('.') {
            Some((left, right)) => vec![(16, left), (30, right)],
            None => vec![(HEIGHT / 2 + 4, entry.map.as_str())],
        };
        for (below, line) in lines {
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{}\">{}</text>",
                x + 8,
                y + below,
                escape(&short(line))
            );
        }
        svg.push_str("</a>\n");
    }
    svg.push_str("</svg>\n");
    Drawing { svg, alone }
}

fn short(name: &str) -> String {
    if name.chars().count() > LETTERS {
        name.chars().take(LETTERS - 1).chain(['…']).collect()
    } else {
        name.to_owned()
    }
}
