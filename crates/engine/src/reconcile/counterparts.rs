//! Counterparts: the records of a page that take part, each with the other side's record.

use super::compare::CompareOptions;
use crate::capture::unresolved_key;
use crate::core::Core;
use crate::error::EngineError;
use crate::resolve::Follow;
use duet_map::CompiledMap;
use duet_map::lookup::ResolvedLookups;
use duet_map::record::{Key, Record, RecordId};
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_store::pair::{Pair, PairState};
use duet_systems::{Find, Found};

/// A row of one side with what was found of it on the other.
pub(super) struct Match {
    pub(super) record: Record,
    pub(super) pair: Option<Pair>,
    pub(super) key: Key,
    pub(super) other: Option<Record>,
}

impl Core {
    /// The records of a page that take part, each with its counterpart.
    pub(super) async fn matches(
        &self,
        map: &CompiledMap,
        side: Side,
        records: Vec<Record>,
        options: &CompareOptions,
    ) -> Result<Vec<Match>, EngineError> {
        let nothing = ResolvedLookups::default();
        let needs: Vec<_> = records
            .iter()
            .filter_map(|record| map.company_need(side, &record.row, &nothing))
            .collect();
        let scopes = self.resolve(needs, Follow::Any).await?;
        let asked = |company: &str| {
            let companies = &options.companies;
            companies.is_empty()
                || companies
                    .iter()
                    .any(|one| one.eq_ignore_ascii_case(company))
        };
        let inside = |record: &Record| {
            let company = || map.company(side, &record.row, &scopes);
            map.passes(side, &record.row)
                && (!map.is_per_company()
                    || company().is_some_and(|company| {
                        self.project.covers_company(&company) && asked(&company)
                    }))
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
                let pair = pairs.get(&record.id).filter(|pair| !is_reborn(pair, side));
                let pair = pair.cloned();
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
            // A pair that ended and left one record, or stands outside the filter, is not kept in step.
            .filter(|one| {
                one.pair
                    .as_ref()
                    .is_none_or(|pair| pair.body.state == PairState::Linked)
            })
            .filter(|one| options.keys.contains(map, &one.key))
            .collect();
        self.counterparts(map, side, &mut matches).await?;
        Ok(matches)
    }

    /// Left records that outlived their pairs, each with the new record of the right that carries its
    /// key. Nothing has brought the two together yet.
    pub(super) async fn met_survivors(
        &self,
        map: &CompiledMap,
        right: &[Match],
    ) -> Result<Vec<Match>, EngineError> {
        let met = |one: &&Match| one.pair.is_none() && one.other.is_some();
        let ids: Vec<RecordId> = right
            .iter()
            .filter(met)
            .filter_map(|one| Some(one.other.as_ref()?.id.clone()))
            .collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let pairs = self
            .store
            .pairs_by_record(map.id(), Side::Left, &ids)
            .await?;
        let survives = |id: &RecordId| {
            let pair = pairs.get(id);
            pair.is_some_and(|pair| {
                pair.body.state == PairState::Deleted && !is_reborn(pair, Side::Left)
            })
        };
        Ok(right
            .iter()
            .filter(met)
            .filter_map(|one| {
                let left = one.other.clone().filter(|left| survives(&left.id))?;
                Some(Match {
                    record: left,
                    pair: None,
                    key: one.key.clone(),
                    other: Some(one.record.clone()),
                })
            })
            .collect())
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
            if let Found::One(record) = answer {
                matches[place].other = Some(*record);
            }
        }
        Ok(())
    }
}

/// Whether both records of a pair were deleted: one that exists again is another, as for live sync.
fn is_reborn(pair: &Pair, side: Side) -> bool {
    pair.body.state == PairState::Deleted && pair.body.halves[side.other()].record.is_some()
}
