//! Missing: creates what lookups point at and nobody has, where their lines say `else create`.
//!
//! 1. A record that its own map is about to bring is waited for.
//! 2. Under one lock for all maps it is searched again, so that no two rounds create it.
//! 3. It is created by the key that it was searched by. An outcome that is unknown ends the round:
//!    the next one searches first, and a repeated request carries the same identifier.
//!
//! The new record is captured like any other; the map that owns its table pairs it, or links it when
//! it brings the row itself.

use super::passes;
use crate::core::Core;
use crate::error::EngineError;
use crate::resolve::Follow;
use duet_map::CompiledMap;
use duet_map::creation::NewRecord;
use duet_map::lookup::{FindNeed, LookupNeed, Resolution, ResolvedLookups};
use duet_map::record::{Key, RecordId};
use duet_map::side::Side;
use duet_map::value::{Reference, Value};
use duet_store::store::Created;
use duet_systems::{Class, Write, Written};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// The name space of the identifiers that Duet chooses for records that lookups miss.
const MISSED: Uuid = Uuid::from_u128(0x6475_6574_2d6d_6973_7365_642d_6964_7300);

/// A record that a change wants created.
pub(super) struct Wanted {
    /// The change.
    pub(super) seq: i64,
    /// The field whose lookup misses it.
    pub(super) field: usize,
    /// What was searched.
    pub(super) need: FindNeed,
}

/// Why records were not created, by what was searched.
pub(super) type Refusals = HashMap<LookupNeed, String>;

/// A create that is ready to go.
struct Ready {
    seq: i64,
    need: FindNeed,
    write: Write,
}

impl Core {
    /// Creates what is wanted and missing. The answers to the questions for it go to `resolved`.
    pub(super) async fn create_missing(
        &self,
        map: &CompiledMap,
        wanted: Vec<Wanted>,
        resolved: &mut ResolvedLookups,
    ) -> Result<Refusals, EngineError> {
        let mut refusals = Refusals::new();
        let _alone = self.creating.lock().await;
        let wanted = self.not_on_their_way(wanted).await?;
        let needs = wanted.iter().map(|one| LookupNeed::Find(one.need.clone()));
        resolved.extend(self.resolve(needs, Follow::Any).await?);
        let mut open = Vec::new();
        for one in wanted {
            let need = LookupNeed::Find(one.need.clone());
            if resolved.get(&need) != Some(&Resolution::Missing) {
                continue;
            }
            match map.new_record(one.field, &one.need) {
                None => {}
                Some(Err(problem)) => drop(refusals.insert(need, problem.to_string())),
                Some(Ok(record)) => open.push((one, record)),
            }
        }
        let mut ready = self.with_companies(map, open).await?;
        while let Some(first) = ready.first() {
            let (side, table) = (first.need.side, table_of(&first.need).to_owned());
            let (batch, others): (Vec<_>, Vec<_>) = ready
                .into_iter()
                .partition(|one| one.need.side == side && table_of(&one.need) == table);
            ready = others;
            self.create_in(side, &table, batch, resolved, &mut refusals)
                .await?;
        }
        Ok(refusals)
    }

    /// One of each record, those left out that their own map is about to bring.
    async fn not_on_their_way(&self, wanted: Vec<Wanted>) -> Result<Vec<Wanted>, EngineError> {
        let mut asked = HashSet::new();
        let wanted: Vec<Wanted> = wanted
            .into_iter()
            .filter(|one| asked.insert(one.need.clone()))
            .collect();
        let mut keys: BTreeMap<(&str, Side), Vec<Key>> = BTreeMap::new();
        for one in &wanted {
            for (_, owner, key) in self.owned_keys(&one.need) {
                let from = one.need.side.other();
                keys.entry((owner, from)).or_default().push(key);
            }
        }
        let mut coming: HashSet<(String, Key)> = HashSet::new();
        for ((owner, from), keys) in keys {
            let pending = self.store.pending_upserts(owner, from, &keys).await?;
            coming.extend(pending.into_keys().map(|key| (owner.to_owned(), key)));
        }
        let comes = |one: &Wanted| {
            self.owned_keys(&one.need)
                .any(|(_, owner, key)| coming.contains(&(owner.to_owned(), key)))
        };
        let stays: Vec<bool> = wanted.iter().map(|one| !comes(one)).collect();
        let kept = wanted.into_iter().zip(stays);
        Ok(kept
            .filter_map(|(one, stays)| stays.then_some(one))
            .collect())
    }

    /// The creates, each with the reference to its company. One whose company is missing waits.
    async fn with_companies(
        &self,
        map: &CompiledMap,
        open: Vec<(Wanted, NewRecord)>,
    ) -> Result<Vec<Ready>, EngineError> {
        let companies = open
            .iter()
            .filter_map(|(_, record)| Some(record.company.as_ref()?.1.clone()));
        let companies = self.resolve(companies, Follow::Any).await?;
        let mut ready = Vec::with_capacity(open.len());
        for (one, mut record) in open {
            if let Some((column, need)) = record.company {
                let Some(Resolution::Found(company)) = companies.get(&need) else {
                    continue;
                };
                record.row.set(column, company.clone());
            }
            let id = self.systems[one.need.side].accepts_ids().then(|| {
                let what = LookupNeed::Find(one.need.clone());
                let name = format!("{}/{}/{what}", map.id(), one.seq);
                RecordId(Uuid::new_v5(&MISSED, name.as_bytes()).to_string())
            });
            let row = record.row;
            ready.push(Ready {
                seq: one.seq,
                need: one.need,
                write: Write::Create { id, row },
            });
        }
        Ok(ready)
    }

    /// Creates records of one table and reads the answers.
    async fn create_in(
        &self,
        side: Side,
        table: &str,
        batch: Vec<Ready>,
        resolved: &mut ResolvedLookups,
        refusals: &mut Refusals,
    ) -> Result<(), EngineError> {
        let writes = batch.iter().map(|one| one.write.clone()).collect();
        let answers = self.systems[side].write(table, &[], writes).await;
        let (mut created, mut twins, mut failure) = (Vec::new(), Vec::new(), None);
        for (one, answer) in batch.into_iter().zip(answers) {
            let need = LookupNeed::Find(one.need);
            match answer {
                Ok(Written::Stored(record)) => {
                    created.push(Created {
                        seq: one.seq,
                        told: need.to_string(),
                        provides: self.tokens(&need),
                    });
                    if let Ok(id) = Uuid::parse_str(&record.id.0) {
                        let table = table.to_owned();
                        let found = Value::Reference(Reference { table, id });
                        resolved.insert(need, Resolution::Found(found));
                    }
                }
                Ok(Written::Deleted) => {}
                Err(error) if error.class == Class::Duplicate => twins.push((need, error)),
                Err(error) if passes(error.class) || error.outcome_unknown => {
                    failure = Some(error);
                }
                Err(error) => drop(refusals.insert(need, error.message)),
            }
        }
        if !created.is_empty() {
            self.store.created(created, self.clock.now()).await?;
            self.wake_all_maps();
        }
        if let Some(source) = failure {
            return Err(self.failed(side, format!("create a record of {table}"), source));
        }
        if !twins.is_empty() {
            // Somebody was faster; what they created answers.
            let needs = twins.iter().map(|(need, _)| need.clone());
            resolved.extend(self.resolve(needs, Follow::Any).await?);
        }
        for (need, error) in twins {
            if resolved.get(&need) == Some(&Resolution::Missing) {
                refusals.insert(need, error.message);
            }
        }
        Ok(())
    }
}

fn table_of(need: &FindNeed) -> &str {
    need.candidates
        .first()
        .map_or("", |candidate| candidate.table.as_str())
}
