//! Compare: the left table page by page, each record with its counterpart; then the right table for
//! records that the left lacks. What is on its way, parked or open as a conflict is no drift.

use super::counterparts::Match;
use super::key_range::KeyRange;
use crate::core::Core;
use crate::engine::Engine;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::field_set::FieldSet;
use duet_map::record::{Key, Record, RecordId};
use duet_map::side::{PerSide, Side};
use duet_store::store::Waiting;
use duet_systems::{Cursor, SnapshotRequest};
use jiff::SignedDuration;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// What to compare.
#[derive(Debug, Clone, Default)]
pub struct CompareOptions {
    /// Only these maps; empty: all.
    pub maps: Vec<String>,
    /// Only records of these companies, and so only maps whose rows belong to companies; empty: all.
    pub companies: Vec<String>,
    /// Only records whose key lies in this range.
    pub keys: KeyRange,
    /// Most differences to list; all are counted.
    pub listed: usize,
    /// A record that was modified no longer ago than this may be on its way without being journaled.
    pub grace: Duration,
}

/// What a difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A change is on its way.
    Pending,
    /// A change is parked.
    Parked,
    /// A conflict waits for a person.
    Conflict,
    /// Nothing explains it.
    Drift,
}

/// One record that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The map.
    pub map: String,
    /// The record's key.
    pub key: Key,
    /// What it is.
    pub class: Class,
    /// The side that lacks the record.
    pub missing: Option<Side>,
    /// Whether both records were paired once.
    pub paired: bool,
    /// The fields that differ, as the map writes them.
    pub fields: Vec<String>,
    /// The records.
    pub records: PerSide<Option<RecordId>>,
    #[serde(skip)]
    pub(super) units: FieldSet,
}

/// What the comparison of one map found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MapComparison {
    /// The map.
    pub map: String,
    /// Records inside filter, companies and key range that were looked at.
    pub compared: u64,
    /// Records of the left side that are none of it: outside, not asked for, or their pair ended.
    pub outside: u64,
    /// Records that agree.
    pub equal: u64,
    /// Differences that are on their way.
    pub pending: u64,
    /// Differences with a parked change.
    pub parked: u64,
    /// Differences that are open conflicts.
    pub conflicts: u64,
    /// Differences that nothing explains.
    pub drift: u64,
    /// Records that the left side lacks, of whatever class.
    pub missing_left: u64,
    /// Records that the right side lacks, of whatever class.
    pub missing_right: u64,
    /// How often each field differs, of whatever class.
    pub fields: BTreeMap<String, u64>,
}

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The maps in dependency order.
    pub maps: Vec<MapComparison>,
    /// The differences, as many as were asked for, drift first.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Differences that nothing explains.
    pub fn drift(&self) -> u64 {
        self.maps.iter().map(|map| map.drift).sum()
    }
}

impl Engine {
    /// Compares both sides under the maps. Reads only.
    pub async fn compare(&self, options: &CompareOptions) -> Result<Comparison, EngineError> {
        let mut comparison = Comparison::default();
        for map in self.core.project.maps() {
            if !options.maps.is_empty() && !options.maps.iter().any(|name| name == map.id()) {
                continue;
            }
            if !options.companies.is_empty() && !map.is_per_company() {
                continue;
            }
            let mut one = MapComparison {
                map: map.id().to_owned(),
                ..MapComparison::default()
            };
            for side in Side::BOTH {
                let mut after = None;
                loop {
                    let page = self.core.compared_page(map, side, options, after).await?;
                    let found = self
                        .core
                        .compare_page(map, side, page.0, options, &mut one)
                        .await?;
                    comparison.differences.extend(found);
                    comparison
                        .differences
                        .sort_by_key(|one| std::cmp::Reverse(one.class));
                    comparison.differences.truncate(options.listed);
                    match page.1 {
                        Some(next) => after = Some(next),
                        None => break,
                    }
                }
            }
            comparison.maps.push(one);
        }
        Ok(comparison)
    }
}

impl Core {
    async fn compared_page(
        &self,
        map: &CompiledMap,
        side: Side,
        options: &CompareOptions,
        after: Option<Cursor>,
    ) -> Result<(Vec<Record>, Option<Cursor>), EngineError> {
        let companies = if options.companies.is_empty() {
            self.project.companies()
        } else {
            options.companies.clone()
        };
        let page = self.systems[side]
            .snapshot(&SnapshotRequest {
                table: map.table(side).to_owned(),
                columns: map.columns(side).to_vec(),
                companies,
                after,
            })
            .await
            .map_err(|error| self.failed(side, format!("read {}", map.table(side)), error))?;
        Ok((page.records, page.next))
    }

    /// Compares the records of a page of one side. Differing rows are found from the left; from the
    /// right what the left lacks, and what meets a left record that its pair has left alone.
    async fn compare_page(
        &self,
        map: &CompiledMap,
        side: Side,
        records: Vec<Record>,
        options: &CompareOptions,
        counted: &mut MapComparison,
    ) -> Result<Vec<Difference>, EngineError> {
        let all = records.len() as u64;
        let matches = self.matches(map, side, records, options).await?;
        let mut differences = Vec::new();
        if side == Side::Left {
            counted.outside += all - matches.len() as u64;
            let fields = self.differing(map, &matches).await?;
            for (one, units) in matches.iter().zip(fields) {
                counted.compared += 1;
                let missing = one.other.is_none();
                if missing && !map.flows(side) || !missing && units.is_empty() {
                    counted.equal += 1;
                } else {
                    differences.push(difference(map, side, one, units));
                }
            }
        } else {
            for one in matches.iter().filter(|one| one.other.is_none()) {
                counted.compared += 1;
                if map.flows(side) {
                    differences.push(difference(map, side, one, FieldSet::new()));
                } else {
                    counted.equal += 1;
                }
            }
            let met = self.met_survivors(map, &matches).await?;
            let fields = self.differing(map, &met).await?;
            for (one, units) in met.iter().zip(fields) {
                counted.compared += 1;
                differences.push(difference(map, Side::Left, one, units));
            }
        }
        let recent = self.recently_modified(&matches, options.grace);
        self.classify(map, &mut differences, &recent).await?;
        for one in &differences {
            let box_of_class = match one.class {
                Class::Pending => &mut counted.pending,
                Class::Parked => &mut counted.parked,
                Class::Conflict => &mut counted.conflicts,
                Class::Drift => &mut counted.drift,
            };
            *box_of_class += 1;
            counted.missing_left += u64::from(one.missing == Some(Side::Left));
            counted.missing_right += u64::from(one.missing == Some(Side::Right));
            for field in &one.fields {
                *counted.fields.entry(field.clone()).or_default() += 1;
            }
        }
        Ok(differences)
    }

    /// The records that were modified so lately that their change may not be journaled yet. A time
    /// that is further ahead than clocks may be apart tells nothing.
    fn recently_modified(&self, matches: &[Match], grace: Duration) -> BTreeSet<RecordId> {
        if grace.is_zero() {
            return BTreeSet::new();
        }
        let ahead = SignedDuration::try_from(self.settings.clock_skew).unwrap_or_default();
        let grace = SignedDuration::try_from(grace).unwrap_or_default();
        let now = self.clock.now();
        matches
            .iter()
            .flat_map(|one| std::iter::once(&one.record).chain(&one.other))
            .filter(|record| {
                record.modified.is_some_and(|modified| {
                    let since = now.duration_since(modified);
                    since < grace && since >= -ahead
                })
            })
            .map(|record| record.id.clone())
            .collect()
    }

    /// Finds out what is known of each difference.
    async fn classify(
        &self,
        map: &CompiledMap,
        differences: &mut [Difference],
        recent: &BTreeSet<RecordId>,
    ) -> Result<(), EngineError> {
        let keys: Vec<Key> = differences.iter().map(|one| one.key.clone()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let open = self.store.open_conflicts(map.id(), &keys).await?;
        let mut waiting = PerSide::<HashMap<RecordId, Waiting>>::default();
        for side in Side::BOTH {
            let ids: Vec<RecordId> = differences
                .iter()
                .filter_map(|one| one.records[side].clone())
                .collect();
            waiting[side] = self.store.waiting(map.id(), side, &ids).await?;
        }
        for one in differences {
            let of = |side: Side| {
                let record = one.records[side].as_ref()?;
                waiting[side].get(record).copied()
            };
            let known: Vec<_> = Side::BOTH.into_iter().filter_map(of).collect();
            let is_recent = Side::BOTH
                .into_iter()
                .filter_map(|side| one.records[side].as_ref())
                .any(|record| recent.contains(record));
            one.class = if open.contains_key(&one.key) {
                Class::Conflict
            } else if known.iter().any(|waiting| waiting.parked.is_some()) {
                Class::Parked
            } else if is_recent || known.iter().any(|waiting| waiting.pending) {
                Class::Pending
            } else {
                Class::Drift
            };
        }
        Ok(())
    }
}

fn difference(map: &CompiledMap, side: Side, one: &Match, units: FieldSet) -> Difference {
    let mut records = PerSide::default();
    records[side] = Some(one.record.id.clone());
    let known = one
        .pair
        .as_ref()
        .and_then(|pair| pair.body.halves[side.other()].record.clone());
    let read = one.other.as_ref().map(|record| record.id.clone());
    records[side.other()] = read.or(known);
    Difference {
        map: map.id().to_owned(),
        key: one.key.clone(),
        class: Class::Drift,
        missing: one.other.is_none().then_some(side.other()),
        paired: one.pair.is_some(),
        fields: map
            .field_names(&units)
            .into_iter()
            .map(str::to_owned)
            .collect(),
        records,
        units,
    }
}
