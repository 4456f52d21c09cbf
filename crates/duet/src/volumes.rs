//! How many rows each map would carry, counted at the systems up to a limit.
//!
//! A count reads identifiers, the company and what the map's filter compares, page by page: no
//! system offers one way to count under any filter, and some cap what they count.

use crate::failure::Failure;
use duet_map::CompiledMap;
use duet_map::side::{PerSide, Side};
use duet_systems::{Class, SnapshotRequest, System};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// How many tables are counted at once.
const AT_ONCE: usize = 6;

/// The rows of one side that a map's filter takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// How many there are, as far as they were counted.
    pub rows: u64,
    /// Whether there are more.
    pub more: bool,
    /// By company, where the table tells it as text.
    pub companies: BTreeMap<String, u64>,
}

/// `1200`, or `1200+` where the count ended early.
impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.rows, if self.more { "+" } else { "" })
    }
}

/// What a count looks at.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'s> {
    /// Only rows of these companies; empty: all.
    pub companies: &'s [String],
    /// Rows to read of a table before the count ends.
    pub at_most: u64,
}

/// Counts both sides of every map. A table that may not be read counts as none.
pub async fn count(
    systems: &PerSide<Arc<dyn System>>,
    maps: &[CompiledMap],
    scope: Scope<'_>,
) -> Result<Vec<PerSide<Option<Volume>>>, Failure> {
    stream::iter(maps)
        .map(|map| async move {
            let (left, right) = futures::try_join!(
                one(systems.left.as_ref(), map, Side::Left, scope),
                one(systems.right.as_ref(), map, Side::Right, scope),
            )?;
            Ok(PerSide { left, right })
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

async fn one(
    system: &dyn System,
    map: &CompiledMap,
    side: Side,
    scope: Scope<'_>,
) -> Result<Option<Volume>, Failure> {
    let filter = map.file().ends[side].filter.as_ref();
    let filter = filter.map(|filter| filter.value.to_lowercase());
    let company = map.schema(side).company.as_deref();
    let compared = |column: &str| {
        filter
            .as_ref()
            .is_some_and(|filter| filter.contains(&column.to_lowercase()))
    };
    let is_company =
        |column: &str| company.is_some_and(|company| company.eq_ignore_ascii_case(column));
    let columns = map.columns(side).iter();
    let mut request = SnapshotRequest {
        table: map.table(side).to_owned(),
        columns: columns
            .filter(|column| compared(column) || is_company(column))
            .cloned()
            .collect(),
        companies: scope.companies.to_vec(),
        after: None,
    };
    let mut volume = Volume::default();
    let mut read = 0;
    loop {
        let page = if request.columns.is_empty() {
            system.keys(&request).await
        } else {
            system.snapshot(&request).await
        };
        let page = match page {
            Ok(page) => page,
            Err(error) if matches!(error.class, Class::FixAccess | Class::FixMap) => {
                return Ok(None);
            }
            Err(error) => {
                let doing = format!("`{}` of the {side} side cannot be counted", request.table);
                return Err(Failure::system(&doing, &error));
            }
        };
        read += page.records.len() as u64;
        for record in &page.records {
            if filter.is_some() && !map.passes(side, &record.row) {
                continue;
            }
            volume.rows += 1;
            let mut values = record.row.iter();
            if let Some(company) = values
                .find(|(column, _)| is_company(column))
                .and_then(|(_, value)| value.as_str())
            {
                *volume.companies.entry(company.to_lowercase()).or_default() += 1;
            }
        }
        match page.next {
            None => return Ok(Some(volume)),
            Some(_) if read >= scope.at_most => {
                volume.more = true;
                return Ok(Some(volume));
            }
            Some(next) => request.after = Some(next),
        }
    }
}
