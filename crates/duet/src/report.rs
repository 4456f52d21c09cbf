//! The figures of a sync, as a table.

use crate::terminal::table;
use duet_engine::SyncReport;
use duet_store::accounting::Boxes;

/// What was read, and what became of it, map by map.
pub fn sync(report: &SyncReport) -> String {
    let mut parts = Vec::new();
    if !report.tables.is_empty() {
        let rows = report
            .tables
            .iter()
            .map(|read| {
                vec![
                    read.side.to_string(),
                    read.table.clone(),
                    read.records.to_string(),
                    read.held.to_string(),
                ]
            })
            .collect();
        parts.push(table(
            &["side", "table", "records", "deletes held"],
            &[2, 3],
            rows,
        ));
    }
    let rows = report
        .maps
        .iter()
        // Most maps of a repeated sync have nothing to tell.
        .filter(|map| map.boxes != Boxes::default())
        .map(|map| {
            let boxes = &map.boxes;
            let mut row = vec![map.map.clone(), map.side.to_string()];
            row.extend(
                [
                    boxes.captured,
                    boxes.applied,
                    boxes.coalesced,
                    boxes.echoed,
                    boxes.filtered,
                    boxes.discarded,
                    boxes.parked,
                    boxes.pending,
                    boxes.writes,
                ]
                .map(|figure| figure.to_string()),
            );
            row
        })
        .collect();
    let header = [
        "map",
        "from",
        "captured",
        "applied",
        "coalesced",
        "echoed",
        "filtered",
        "discarded",
        "parked",
        "pending",
        "writes",
    ];
    let right: Vec<usize> = (2..header.len()).collect();
    parts.push(table(&header, &right, rows));
    let writes: u64 = report.maps.iter().map(|map| map.boxes.writes).sum();
    parts.push(format!("{writes} writes on both sides together."));
    parts.join("\n\n")
}
