//! Policies of a map that its fields or tables cannot follow.

use super::warning;
use crate::codes;
use crate::compiled::CompiledMap;
use crate::diagnostic::Diagnostic;
use crate::file::Mark;

pub(super) fn check(map: &CompiledMap) -> Vec<Diagnostic> {
    silent_master(map).into_iter().collect()
}

fn silent_master(map: &CompiledMap) -> Option<Diagnostic> {
    let master = map.master();
    let other = master.other();
    if map.flows(master) || !map.flows(other) {
        return None;
    }
    let at: &Mark = &map.file().ends[master].entity.at;
    Some(warning(
        codes::SILENT_MASTER,
        at,
        format!("the {master} is master, but nothing travels from it"),
        vec![
            format!("every field travels from the {other} only"),
            format!("the {other} decides each value, whatever `master` says"),
        ],
        format!("write `master: {other}`, or let a field travel from the {master}"),
    ))
}
