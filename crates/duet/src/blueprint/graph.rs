//! The dependencies as a drawing: a column for each layer, whatever is needed to the left.

use super::content::Entry;
use super::html::escape;
use std::fmt::Write as _;

const WIDTH: usize = 210;
const HEIGHT: usize = 26;
const GAP_X: usize = 70;
const GAP_Y: usize = 10;
/// Longer names are cut; the whole name stands in the tooltip and in the list.
const LETTERS: usize = 32;

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

/// The order within each layer: each map near those that it needs, so that few lines cross.
fn columns(maps: &[Entry], layers: &[usize]) -> Vec<Vec<usize>> {
    let last = layers.iter().max().copied().unwrap_or(0);
    let mut rows = vec![0_usize; maps.len()];
    let mut columns = Vec::with_capacity(last + 1);
    for layer in 0..=last {
        let mut column: Vec<usize> = (0..maps.len())
            .filter(|map| layers[*map] == layer)
            .collect();
        column.sort_by_key(|map| {
            let needs = &maps[*map].needs;
            let sum: usize = needs.iter().map(|need| rows[*need]).sum();
            // In hundredths, for whole numbers only.
            sum * 100 / needs.len().max(1)
        });
        for (row, map) in column.iter().enumerate() {
            rows[*map] = row;
        }
        columns.push(column);
    }
    columns
}

/// Draws the maps; each box links to the map's section.
pub fn svg(maps: &[Entry]) -> String {
    let layers = layers(maps);
    let columns = columns(maps, &layers);
    let tallest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let width = columns.len() * (WIDTH + GAP_X);
    let height = tallest * (HEIGHT + GAP_Y) + GAP_Y;
    let mut corners = vec![(0, 0); maps.len()];
    for (layer, column) in columns.iter().enumerate() {
        for (row, map) in column.iter().enumerate() {
            corners[*map] = (
                layer * (WIDTH + GAP_X) + GAP_X / 2,
                row * (HEIGHT + GAP_Y) + GAP_Y,
            );
        }
    }
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"graph-title graph-text\">\n\
         <title id=\"graph-title\">Order of the maps</title>\n\
         <desc id=\"graph-text\">{} maps in {} layers; a line leads from a map to one that refers to \
         its records. The table below says the same.</desc>\n",
        maps.len(),
        columns.len()
    );
    // Writing into a string cannot fail.
    for (map, entry) in maps.iter().enumerate() {
        let (x, y) = corners[map];
        for need in &entry.needs {
            let (from_x, from_y) = corners[*need];
            let (x1, y1, y2) = (from_x + WIDTH, from_y + HEIGHT / 2, y + HEIGHT / 2);
            let middle = usize::midpoint(x1, x);
            let _ = writeln!(
                svg,
                "<path class=\"edge\" d=\"M{x1} {y1} C{middle} {y1} {middle} {y2} {x} {y2}\"/>"
            );
        }
    }
    for (map, entry) in maps.iter().enumerate() {
        let (x, y) = corners[map];
        let name: String = if entry.map.chars().count() > LETTERS {
            entry.map.chars().take(LETTERS - 1).chain(['…']).collect()
        } else {
            entry.map.clone()
        };
        let _ = writeln!(
            svg,
            "<a href=\"#map-{map}\"><title>{}: {}</title><rect class=\"node\" x=\"{x}\" y=\"{y}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"4\"/><text x=\"{}\" y=\"{}\">{}</text></a>",
            escape(&entry.map),
            escape(&entry.why),
            x + 8,
            y + HEIGHT / 2 + 4,
            escape(&name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}
