//! Reconciliation: both sides read and compared under the maps, and what differs put right.
//!
//! 1. Compare: the left table page by page, each record with its counterpart; then the right table for
//!    records that the left lacks. Only one page is in memory, and nothing is written.
//! 2. Class: what is on its way, parked or open as a conflict is no drift.
//! 3. Repair: drift becomes changes in the journal, which the road carries out as the master has it.

use crate::capture::unresolved_key;
use crate::core::Core;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::resolve::Follow;
use duet_map::CompiledMap;
use duet_map::field_set::FieldSet;
use duet_map::lookup::ResolvedLookups;
use duet_map::record::{Key, Record, RecordId};
use duet_map::side::{PerSide, Side};
use duet_map::value::{Row, Value};
use duet_store::change::{Amendment, ChangeKind, NewChange, Origin};
use duet_store::pair::{Pair, PairState};
use duet_store::store::Capture;
use duet_systems::{Cursor, Find, Found as Answer, SnapshotRequest};
use jiff::SignedDuration;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// What to compare.
#[derive(Debug, Clone, Default)]
pub struct CompareOptions {
    /// Only these maps; empty: all.
    pub maps: Vec<String>,
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
    units: FieldSet,
}

/// What the comparison of one map found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MapComparison {
    /// The map.
    pub map: String,
    /// Records inside filter and companies that were looked at.
    pub compared: u64,
    /// Records outside, or whose pair ended.
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

/// What a repair does about one difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The fields are written as this side has them.
    Write {
        /// The side whose values stand.
        from: Side,
    },
    /// The missing record is created.
    Create {
        /// The side that lacks it.
        on: Side,
    },
    /// The other record is deleted, too.
    Delete {
        /// The side that still has it.
        on: Side,
    },
    /// Nothing, and why.
    Skip {
        /// Why, and what would do it.
        why: String,
    },
}

/// One step of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What differs.
    pub difference: Difference,
    /// What is done about it.
    pub action: Action,
}

impl Engine {
    /// Compares both sides under the maps. Reads only.
    pub async fn compare(&self, options: &CompareOptions) -> Result<Comparison, EngineError> {
        let mut comparison = Comparison::default();
        for map in self.core.project.maps() {
            if !options.maps.is_empty() && !options.maps.iter().any(|name| name == map.id()) {
                continue;
            }
            let mut one = MapComparison {
                map: map.id().to_owned(),
                ..MapComparison::default()
            };
            for side in Side::BOTH {
                let mut after = None;
                loop {
                    let page = self.core.compared_page(map, side, after).await?;
                    let found = self
                        .core
                        .compare_page(map, side, page.0, options.grace, &mut one)
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

    /// What would put drift right, the master deciding. Nothing is deleted unless `delete`.
    pub fn plan_repair(&self, differences: &[Difference], delete: bool) -> Vec<Step> {
        let maps = self.core.project.maps();
        let drift = differences.iter().filter(|one| one.class == Class::Drift);
        drift
            .filter_map(|difference| {
                let map = maps.iter().find(|map| map.id() == difference.map)?;
                Some(Step {
                    action: action(map, difference, delete),
                    difference: difference.clone(),
                })
            })
            .collect()
    }

    /// Journals what the steps ask for. Returns how many changes that were; an engine that runs, or
    /// [`Engine::apply_pending`], carries them out.
    pub async fn journal_repair(&self, steps: &[Step]) -> Result<u64, EngineError> {
        let mut journaled = 0;
        for step in steps {
            let Some(map) = self
                .core
                .project
                .maps()
                .iter()
                .find(|map| map.id() == step.difference.map)
            else {
                continue;
            };
            let change = self.core.repairing(map, step).await?;
            journaled += u64::from(change.is_some());
            self.core
                .journal(Capture {
                    changes: change.into_iter().collect(),
                    ..Capture::default()
                })
                .await?;
        }
        Ok(journaled)
    }

    /// Applies what is pending, without reading what is new.
    pub async fn apply_pending(&self) -> Result<(), EngineError> {
        self.drain_all().await?;
        Ok(())
    }
}

/// What puts one difference right.
fn action(map: &CompiledMap, difference: &Difference, delete: bool) -> Action {
    let master = map.master();
    match difference.missing {
        None => {
            let flows = difference
                .units
                .iter()
                .any(|field| map.field_flows(field, master));
            let from = if flows { master } else { master.other() };
            Action::Write { from }
        }
        Some(side) if side == master && difference.paired => {
            if delete {
                return Action::Delete { on: side.other() };
            }
            Action::Skip {
                why: format!(
                    "it was deleted on the {side} side, the master; --delete deletes it on the other"
                ),
            }
        }
        Some(side) => Action::Create { on: side },
    }
}

/// A row of one side with what was found of it on the other.
struct Match {
    record: Record,
    pair: Option<Pair>,
    key: Key,
    other: Option<Record>,
}

impl Core {
    async fn compared_page(
        &self,
        map: &CompiledMap,
        side: Side,
        after: Option<Cursor>,
    ) -> Result<(Vec<Record>, Option<Cursor>), EngineError> {
        let page = self.systems[side]
            .snapshot(&SnapshotRequest {
                table: map.table(side).to_owned(),
                columns: map.columns(side).to_vec(),
                companies: self.project.companies(),
                after,
            })
            .await
            .map_err(|error| self.failed(side, format!("read {}", map.table(side)), error))?;
        Ok((page.records, page.next))
    }

    /// Compares the records of a page of one side. Differing rows are found from the left; from the
    /// right only what the left lacks.
    async fn compare_page(
        &self,
        map: &CompiledMap,
        side: Side,
        records: Vec<Record>,
        grace: Duration,
        counted: &mut MapComparison,
    ) -> Result<Vec<Difference>, EngineError> {
        let all = records.len() as u64;
        let matches = self.matches(map, side, records).await?;
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
        }
        let recent = self.recently_modified(&matches, grace);
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

    /// The records of a page that take part, each with its counterpart.
    async fn matches(
        &self,
        map: &CompiledMap,
        side: Side,
        records: Vec<Record>,
    ) -> Result<Vec<Match>, EngineError> {
        let nothing = ResolvedLookups::default();
        let needs: Vec<_> = records
            .iter()
            .filter_map(|record| map.company_need(side, &record.row, &nothing))
            .collect();
        let scopes = self.resolve(needs, Follow::Any).await?;
        let inside = |record: &Record| {
            let company = || map.company(side, &record.row, &scopes);
            map.passes(side, &record.row)
                && (!map.is_per_company()
                    || company().is_some_and(|company| self.project.covers_company(&company)))
        };
        let records: Vec<Record> = records.into_iter().filter(inside).collect();
        let ids: Vec<RecordId> = records.iter().map(|record| record.id.clone()).collect();
        let pairs = self.store.pairs_by_record(map.id(), side, &ids).await?;
        let rows: Vec<(&RecordId, &Row)> = records
            .iter()
            .map(|record| (&record.id, &record.row))
            .collect();
        let mut keys = self.compute_keys(map, side, &rows).await?;
        let mut matches: Vec<Match> = records
            .into_iter()
            .map(|record| {
                let pair = pairs.get(&record.id).cloned();
                let computed = keys.remove(&record.id);
                let key = match &pair {
                    Some(pair) => pair.body.key.clone(),
                    None => computed.unwrap_or_else(|| unresolved_key(&record.id)),
                };
                Match {
                    record,
                    pair,
                    key,
                    other: None,
                }
            })
            // A pair that ended, or stands outside the filter, is not kept in step.
            .filter(|one| {
                one.pair
                    .as_ref()
                    .is_none_or(|pair| pair.body.state == PairState::Linked)
            })
            .collect();
        self.counterparts(map, side, &mut matches).await?;
        Ok(matches)
    }

    /// Reads the other record of each: by its pair, else by its key.
    async fn counterparts(
        &self,
        map: &CompiledMap,
        side: Side,
        matches: &mut [Match],
    ) -> Result<(), EngineError> {
        let to = side.other();
        let failed = |error| self.failed(to, format!("read {}", map.table(to)), error);
        let mut places = Vec::new();
        let mut ids = Vec::new();
        let mut unpaired = Vec::new();
        for (place, one) in matches.iter().enumerate() {
            let known = one
                .pair
                .as_ref()
                .and_then(|pair| pair.body.halves[to].record.clone());
            match known {
                Some(id) => {
                    places.push(place);
                    ids.push(id);
                }
                None => unpaired.push(place),
            }
        }
        if !ids.is_empty() {
            let read = self.systems[to]
                .fetch(map.table(to), map.columns(to), &ids)
                .await
                .map_err(failed)?;
            for (place, record) in places.into_iter().zip(read) {
                matches[place].other = record;
            }
        }
        if unpaired.is_empty() {
            return Ok(());
        }
        let rows: Vec<&Row> = unpaired
            .iter()
            .map(|place| &matches[*place].record.row)
            .collect();
        let translations = self.translated(map, side, &rows).await?;
        let company_path = map.company_path(to);
        let mut asked = Vec::new();
        let mut finds = Vec::new();
        for (place, translation) in unpaired.into_iter().zip(translations) {
            let one = &matches[place];
            let Some(mut equal) = map.search_key(side, &one.record.row, &translation) else {
                continue;
            };
            if let (true, Some(path)) = (map.is_per_company(), &company_path)
                && let Some(company) = one.key.parts().into_iter().next()
            {
                equal.push((path.clone(), Value::text(company)));
            }
            asked.push(place);
            finds.push(Find { equal });
        }
        if finds.is_empty() {
            return Ok(());
        }
        let answers = self.systems[to]
            .find(map.table(to), map.columns(to), &finds)
            .await
            .map_err(failed)?;
        for (place, answer) in asked.into_iter().zip(answers) {
            if let Answer::One(record) = answer {
                matches[place].other = Some(*record);
            }
        }
        Ok(())
    }

    /// Translates whole rows of a side.
    async fn translated(
        &self,
        map: &CompiledMap,
        from: Side,
        rows: &[&Row],
    ) -> Result<Vec<duet_map::Translation>, EngineError> {
        let fields = map.all_fields(from);
        let mut resolved = ResolvedLookups::default();
        // The company of a row may stand behind a lookup, and further ones are searched within it.
        for _ in 0..3 {
            let open: Vec<_> = rows
                .iter()
                .flat_map(|row| {
                    let translation = map.translate(from, row, &fields, &resolved, false);
                    translation.waiting.into_iter().map(|waiting| waiting.need)
                })
                .filter(|need| resolved.get(need).is_none())
                .collect();
            if open.is_empty() {
                break;
            }
            resolved.extend(self.resolve(open, Follow::Any).await?);
        }
        Ok(rows
            .iter()
            .map(|row| map.translate(from, row, &fields, &resolved, false))
            .collect())
    }

    /// The fields in which the records of each match differ.
    async fn differing(
        &self,
        map: &CompiledMap,
        matches: &[Match],
    ) -> Result<Vec<FieldSet>, EngineError> {
        let mut differing: Vec<FieldSet> = matches.iter().map(|_| FieldSet::new()).collect();
        let both: Vec<(usize, &Row, &Row)> = matches
            .iter()
            .enumerate()
            .filter_map(|(place, one)| Some((place, &one.record.row, &one.other.as_ref()?.row)))
            .collect();
        for from in Side::BOTH {
            let seen_already = match from {
                Side::Left => FieldSet::new(),
                Side::Right => map.all_fields(Side::Left),
            };
            let rows: Vec<&Row> = both
                .iter()
                .map(|(_, left, right)| if from == Side::Left { *left } else { *right })
                .collect();
            if map.all_fields(from).without(&seen_already).is_empty() {
                continue;
            }
            let translations = self.translated(map, from, &rows).await?;
            for ((place, left, right), mut translation) in both.iter().zip(translations) {
                let (source, target) = match from {
                    Side::Left => (left, right),
                    Side::Right => (right, left),
                };
                translation
                    .columns
                    .retain(|column| !seen_already.contains(column.field));
                let merged = map.merge(from, source, None, Some(target), &translation, None);
                let mut units = FieldSet::new();
                for column in &translation.columns {
                    if !merged.agreed.contains(&column.column) {
                        units.insert(column.field);
                    }
                }
                for waiting in &translation.waiting {
                    if !seen_already.contains(waiting.field) {
                        units.insert(waiting.field);
                    }
                }
                differing[*place] = differing[*place].union(&units);
            }
        }
        Ok(differing)
    }

    /// The records that were modified so lately that their change may not be journaled yet.
    fn recently_modified(&self, matches: &[Match], grace: Duration) -> BTreeSet<RecordId> {
        let grace = SignedDuration::try_from(grace).unwrap_or_default();
        let now = self.clock.now();
        matches
            .iter()
            .flat_map(|one| std::iter::once(&one.record).chain(&one.other))
            .filter(|record| {
                record
                    .modified
                    .is_some_and(|modified| now.duration_since(modified) < grace)
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
        let mut waiting = PerSide::<HashMap<RecordId, duet_store::store::Waiting>>::default();
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

    /// The change that carries a step out; none where nothing is to be done any more.
    async fn repairing(
        &self,
        map: &CompiledMap,
        step: &Step,
    ) -> Result<Option<NewChange>, EngineError> {
        let difference = &step.difference;
        let (side, deletes, recreate) = match &step.action {
            Action::Write { from } => (*from, false, false),
            Action::Create { on } => (on.other(), false, true),
            Action::Delete { on } => (on.other(), true, false),
            Action::Skip { .. } => return Ok(None),
        };
        let tick = self.tick().await?;
        let change = |record: RecordId, kind: ChangeKind, amendment: Amendment| NewChange {
            map: map.id().to_owned(),
            side,
            key: difference.key.clone(),
            record,
            kind,
            tick,
            origin: Origin::Sweep,
            amendment,
        };
        if deletes {
            let amendment = Amendment {
                confirmed: true,
                ..Amendment::default()
            };
            let record = difference.records[side].clone();
            return Ok(record.map(|record| change(record, ChangeKind::Delete, amendment)));
        }
        let Some(id) = difference.records[side].clone() else {
            return Ok(None);
        };
        let read = self.systems[side]
            .fetch(
                map.table(side),
                map.columns(side),
                std::slice::from_ref(&id),
            )
            .await
            .map_err(|error| self.failed(side, format!("read {}", map.table(side)), error))?;
        let Some(record) = read.into_iter().flatten().next() else {
            return Ok(None);
        };
        let kind = ChangeKind::Upsert {
            row: record.row,
            version: record.version,
            modified: record.modified,
            by: record.modified_by,
        };
        let amendment = Amendment {
            repair: true,
            recreate,
            ..Amendment::default()
        };
        Ok(Some(change(id, kind, amendment)))
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
