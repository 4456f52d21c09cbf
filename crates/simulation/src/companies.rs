//! The scope of the maps over time: companies enter it and leave it while Duet runs.
//!
//! What counts is the scope that Duet has taken up, which is later than the moment in which somebody
//! wrote it down: a session begins with it. From then on not a single write may reach a record of a
//! company outside it, whatever happens to that record meanwhile.

use crate::landscape::kind_of;
use crate::system::folded;
use duet_map::record::RecordId;
use duet_map::side::Side;
use duet_map::value::Row;
use std::collections::BTreeMap;

/// The scope that Duet has taken up.
#[derive(Debug, Default)]
pub struct Scope {
    /// The companies of each map.
    maps: BTreeMap<String, Vec<String>>,
    /// The right side's companies by their identifiers.
    codes: BTreeMap<String, String>,
}

impl Scope {
    /// A session begins with these companies for a map. Returns the kind of change that it is, where
    /// it is one.
    pub(crate) fn taken_up(&mut self, map: &str, companies: &[String]) -> Option<&'static str> {
        let now = companies.to_vec();
        let before = self.maps.insert(map.to_owned(), now)?;
        let more = companies.iter().any(|one| !before.contains(one));
        let fewer = before.iter().any(|one| !companies.contains(one));
        match (more, fewer) {
            (true, true) => Some("one enters and one leaves"),
            (true, false) => Some("one enters"),
            (false, true) => Some("one leaves"),
            (false, false) => None,
        }
    }

    /// The right side has a company.
    pub(crate) fn learn(&mut self, id: &RecordId, row: &Row) {
        let code = folded(row.value("cdm_companycode"));
        self.codes.insert(id.0.clone(), code);
    }

    /// The company of a row, when it lies outside the scope of its table's map.
    pub(crate) fn outside(&self, side: Side, table: &str, row: &Row) -> Option<String> {
        let covered = self.maps.get(kind_of(side, table)?.map)?;
        let company = match side {
            Side::Left => folded(row.value("dataAreaId")),
            Side::Right => {
                let reference = row.value("msdyn_company").as_reference()?;
                self.codes.get(&reference.id.to_string())?.clone()
            }
        };
        (!covered.contains(&company)).then_some(company)
    }
}
