//! The figures of [`Status`] and [`Readiness`] in Prometheus' text format.

use crate::readiness::Readiness;
use crate::status::{MapFigures, Status};
use duet_map::side::Side;
use duet_store::accounting::Boxes;
use std::fmt::Write as _;

/// What one box is called and how it is read.
type BoxOf = (&'static str, fn(&Boxes) -> u64);

/// What a figure of a map is called, what it means, and how it is read.
type FigureOf = (&'static str, &'static str, fn(&MapFigures) -> u64);

/// Every box of the accounting.
const BOXES: [BoxOf; 8] = [
    ("captured", |boxes| boxes.captured),
    ("applied", |boxes| boxes.applied),
    ("coalesced", |boxes| boxes.coalesced),
    ("echoed", |boxes| boxes.echoed),
    ("filtered", |boxes| boxes.filtered),
    ("discarded", |boxes| boxes.discarded),
    ("parked", |boxes| boxes.parked),
    ("pending", |boxes| boxes.pending),
];

/// The whole page.
pub fn page(status: &Status, readiness: &Readiness) -> String {
    let mut page = String::new();
    head(
        &mut page,
        "duet_changes",
        "gauge",
        "Changes by the box they stand in; captured is the sum of the others.",
    );
    for map in &status.maps {
        for side in Side::BOTH {
            for (name, read) in BOXES {
                let value = read(map.boxes(side));
                line(
                    &mut page,
                    "duet_changes",
                    &[("map", &map.map), ("side", side.as_str()), ("box", name)],
                    value,
                );
            }
        }
    }
    head(
        &mut page,
        "duet_writes_total",
        "counter",
        "Writes that the other system accepted for the changes of a side.",
    );
    for map in &status.maps {
        for side in Side::BOTH {
            let labels = [("map", map.map.as_str()), ("side", side.as_str())];
            line(
                &mut page,
                "duet_writes_total",
                &labels,
                map.boxes(side).writes,
            );
        }
    }
    let gauges: [FigureOf; 3] = [
        ("duet_pairs", "Records that are linked.", |map| map.pairs),
        ("duet_conflicts", "Conflict records.", |map| map.conflicts),
        (
            "duet_lag_milliseconds",
            "Age of the oldest pending change.",
            |map| map.lag_ms,
        ),
    ];
    for (name, help, read) in gauges {
        head(&mut page, name, "gauge", help);
        for map in &status.maps {
            line(&mut page, name, &[("map", &map.map)], read(map));
        }
    }
    for (name, help, value) in [
        (
            "duet_store_bytes",
            "Bytes of the store, its write-ahead log included.",
            status.store_bytes,
        ),
        (
            "duet_notices",
            "Web hook notices that nobody has looked after yet.",
            status.notices,
        ),
    ] {
        head(&mut page, name, "gauge", help);
        line(&mut page, name, &[], value);
    }
    head(
        &mut page,
        "duet_side_reachable",
        "gauge",
        "Whether a side answers.",
    );
    for (side, reach) in [("left", &readiness.left), ("right", &readiness.right)] {
        let value = u64::from(reach.reachable);
        line(&mut page, "duet_side_reachable", &[("side", side)], value);
    }
    head(
        &mut page,
        "duet_ready",
        "gauge",
        "Whether changes get through.",
    );
    line(&mut page, "duet_ready", &[], u64::from(readiness.ready));
    page
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(page: &mut String, name: &str, labels: &[(&str, &str)], value: u64) {
    let labels: Vec<String> = labels
        .iter()
        .map(|(key, text)| format!("{key}=\"{}\"", escaped(text)))
        .collect();
    let labels = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", labels.join(","))
    };
    let _ = writeln!(page, "{name}{labels} {value}");
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        let mut page = String::new();
        line(&mut page, "m", &[("map", "a\"b\\c\nd")], 3);
        assert_eq!(page, "m{map=\"a\\\"b\\\\c\\nd\"} 3\n");
    }
}
