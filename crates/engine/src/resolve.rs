//! Resolves what a map needs to know of other records: through pairs, else by reading.
//!
//! A lookup is answered by the pair of the map that owns the referenced table, because that is the
//! record that Duet itself keeps in step; only when no pair answers is the system asked. All needs
//! of a round are answered together, one question a table.
//!
//! A key answers for a pair only while the record has it: a name is read as its own side means it
//! now, and written as the other side calls the record now. While a new key is on its way, whoever
//! refers by the old one waits.

use crate::core::Core;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::company::{company_path, company_table};
use duet_map::lookup::{
    CounterpartNeed, FindNeed, FollowNeed, LookupNeed, Resolution, ResolvedLookups,
};
use duet_map::record::{Key, RecordId};
use duet_map::schema::TableSchema;
use duet_map::side::Side;
use duet_map::value::{Reference, Row, Value};
use duet_store::pair::{Pair, PairState};
use duet_systems::{Find, Found};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// Whether a followed reference has to be a record that is paired already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// Any record will do: only its values are wanted (keys, companies).
    Any,
    /// The other side must know the record: one that its own map still has to bring counts as
    /// missing, so that the change waits for it instead of being refused over there.
    Paired,
}

/// The token under which a change waits for a key of a table to appear.
pub(crate) fn key_token(side: Side, table: &str, key: &Key) -> String {
    format!("key:{side}:{}:{}", table.to_lowercase(), key.0)
}

/// The token under which a change waits for a record to be paired.
pub(crate) fn record_token(side: Side, table: &str, record: &RecordId) -> String {
    format!("record:{side}:{}:{record}", table.to_lowercase())
}

/// The token under which a change waits for its key to be given up by another record.
pub(crate) fn freed_token(map: &str, key: &Key) -> String {
    format!("freed:{map}:{}", key.0)
}

/// The token under which a change waits for a person's decision about its record: the record is
/// deleted here too, or created there again.
pub(crate) fn decided_token(map: &str, key: &Key) -> String {
    format!("decided:{map}:{}", key.0)
}

/// The prefix of tokens that no settlement provides; they are tried again from time to time.
pub(crate) const UNOWNED: &str = "find:";

impl Core {
    /// The tokens that a change waiting for this need waits for.
    pub(crate) fn tokens(&self, need: &LookupNeed) -> Vec<String> {
        match need {
            LookupNeed::Follow(follow) => vec![record_token(
                follow.side,
                &follow.reference.table,
                &RecordId(follow.reference.id.to_string()),
            )],
            LookupNeed::Counterpart(need) => vec![record_token(
                need.side,
                &need.reference.table,
                &RecordId(need.reference.id.to_string()),
            )],
            LookupNeed::Find(find) => {
                let mut tokens: Vec<String> = self
                    .owned_keys(find)
                    .map(|(table, _, key)| key_token(find.side, table, &key))
                    .collect();
                tokens.sort();
                tokens.dedup();
                if tokens.is_empty() {
                    tokens.push(format!("{UNOWNED}{need}"));
                }
                tokens
            }
        }
    }

    /// The keys under which maps of this project would hold the record that is searched.
    pub(crate) fn owned_keys<'a>(
        &'a self,
        need: &'a FindNeed,
    ) -> impl Iterator<Item = (&'a str, &'a str, Key)> + 'a {
        need.candidates.iter().flat_map(move |candidate| {
            self.project
                .owners(need.side, &candidate.table)
                .filter_map(move |owner| {
                    let key = owner.key_of(need.side, candidate, need.company.as_deref())?;
                    Some((candidate.table.as_str(), owner.id(), key))
                })
        })
    }

    /// Answers every need.
    pub(crate) async fn resolve(
        &self,
        needs: impl IntoIterator<Item = LookupNeed>,
        follow: Follow,
    ) -> Result<ResolvedLookups, EngineError> {
        let mut resolved = ResolvedLookups::default();
        let mut finds = Vec::new();
        let mut follows = Vec::new();
        let mut counterparts = Vec::new();
        let mut asked = HashSet::new();
        for need in needs {
            // In the order of asking, so that the same run asks the same questions.
            if !asked.insert(need.clone()) {
                continue;
            }
            match need {
                LookupNeed::Find(need) => finds.push(need),
                LookupNeed::Follow(need) => follows.push(need),
                LookupNeed::Counterpart(need) => counterparts.push(need),
            }
        }
        for need in counterparts {
            let answer = self.counterpart(&need).await?;
            resolved.insert(LookupNeed::Counterpart(need), answer);
        }
        self.resolve_finds(finds, &mut resolved).await?;
        for (need, resolution) in self.resolve_follows(follows, follow).await? {
            resolved.insert(LookupNeed::Follow(need), resolution);
        }
        Ok(resolved)
    }

    /// The record that a record is paired with, in whichever map joins the two tables.
    async fn counterpart(&self, need: &CounterpartNeed) -> Result<Resolution, EngineError> {
        let (side, to) = (need.side, need.side.other());
        let record = RecordId(need.reference.id.to_string());
        let owners: Vec<Arc<CompiledMap>> = self
            .project
            .owners(side, &need.reference.table)
            .filter(|owner| {
                let table = owner.table(to);
                need.tables
                    .iter()
                    .any(|one| one.eq_ignore_ascii_case(table))
            })
            .cloned()
            .collect();
        for owner in owners {
            let pairs = self
                .store
                .pairs_by_record(owner.id(), side, std::slice::from_ref(&record))
                .await?;
            let id = pairs
                .get(&record)
                .filter(|pair| pair.body.state != PairState::Deleted)
                .and_then(|pair| pair.body.halves[to].record.as_ref())
                .and_then(|found| Uuid::parse_str(&found.0).ok());
            if let Some(id) = id {
                return Ok(Resolution::Found(Value::Reference(Reference {
                    table: owner.table(to).to_owned(),
                    id,
                })));
            }
        }
        Ok(Resolution::Missing)
    }

    async fn resolve_finds(
        &self,
        finds: Vec<FindNeed>,
        resolved: &mut ResolvedLookups,
    ) -> Result<(), EngineError> {
        let mut keys: BTreeMap<(String, Side), Vec<Key>> = BTreeMap::new();
        for need in &finds {
            for (_, owner, key) in self.owned_keys(need) {
                let place = (owner.to_owned(), need.side);
                keys.entry(place).or_default().push(key);
            }
        }
        let mut pairs = HashMap::new();
        for ((owner, side), keys) in keys {
            let found = self.store.pairs_by_key(&owner, &keys).await?;
            // Whoever names a record by its key means the one that has it on that side now.
            let renaming = self.renaming(&owner, side.other(), found.values()).await?;
            pairs.insert((owner, side), (found, renaming));
        }

        let mut open = Vec::new();
        for need in finds {
            let by_pair = self.owned_keys(&need).find_map(|(table, owner, key)| {
                let (found, renaming) = pairs.get(&(owner.to_owned(), need.side))?;
                let pair = found.get(&key)?;
                let record = pair.body.halves[need.side].record.as_ref()?;
                if renaming.contains(&key) {
                    let until = freed_token(owner, &key);
                    return Some(Resolution::Renaming { until });
                }
                Some(Resolution::Found(Value::Reference(Reference {
                    table: table.to_owned(),
                    id: Uuid::parse_str(&record.0).ok()?,
                })))
            });
            match by_pair {
                Some(answer) => resolved.insert(LookupNeed::Find(need), answer),
                None => open.push(need),
            }
        }

        // What no pair answers is asked of the system, candidate by candidate.
        let mut round = 0;
        while !open.is_empty() {
            let mut questions: BTreeMap<(Side, String), Vec<(FindNeed, Find)>> = BTreeMap::new();
            for need in open.drain(..) {
                let Some(candidate) = need.candidates.get(round) else {
                    resolved.insert(LookupNeed::Find(need), Resolution::Missing);
                    continue;
                };
                let mut equal = candidate.equal.clone();
                if let Some(company) = &need.company
                    && let Some(path) = self.company_path(need.side, &candidate.table).await?
                {
                    equal.push((path, Value::text(company.clone())));
                }
                let table = candidate.table.clone();
                questions
                    .entry((need.side, table))
                    .or_default()
                    .push((need, Find { equal }));
            }
            for ((side, table), asked) in questions {
                let (needs, finds): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
                let answers = self.systems[side]
                    .find(&table, &[], &finds)
                    .await
                    .map_err(|source| self.failed(side, format!("search {table}"), source))?;
                let by_key = |need: &FindNeed| {
                    self.owned_keys(need)
                        .any(|(searched, ..)| searched == table)
                };
                let strangers = self.strangers(side, &table, &answers).await?;
                for ((need, answer), stranger) in needs.into_iter().zip(answers).zip(strangers) {
                    match answer {
                        Found::None => open.push(need),
                        Found::One(_) if stranger && by_key(&need) => open.push(need),
                        Found::Many(_) => {
                            resolved.insert(LookupNeed::Find(need), Resolution::Ambiguous);
                        }
                        Found::One(record) => {
                            let resolution =
                                Uuid::parse_str(&record.id.0).map_or(Resolution::Missing, |id| {
                                    Resolution::Found(Value::Reference(Reference {
                                        table: table.clone(),
                                        id,
                                    }))
                                });
                            resolved.insert(LookupNeed::Find(need), resolution);
                        }
                    }
                }
            }
            round += 1;
        }
        Ok(())
    }

    /// Which of these records are not who is searched for by a key, although they carry it: they are
    /// linked, and their pairs go by another one. Their own side gave it to them, and the other side,
    /// which asks, calls them something else until that has travelled.
    async fn strangers(
        &self,
        side: Side,
        table: &str,
        found: &[Found],
    ) -> Result<Vec<bool>, EngineError> {
        let id_of = |found: &Found| match found {
            Found::One(record) => Some(record.id.clone()),
            Found::None | Found::Many(_) => None,
        };
        let ids: Vec<RecordId> = found.iter().filter_map(id_of).collect();
        let mut linked = HashSet::new();
        if !ids.is_empty() {
            for owner in self.project.owners(side, table) {
                if !changes_keys(owner, side) {
                    continue;
                }
                let pairs = self.store.pairs_by_record(owner.id(), side, &ids).await?;
                let alive = |pair: &Pair| pair.body.state != PairState::Deleted;
                let alive = pairs.into_iter().filter(|(_, pair)| alive(pair));
                linked.extend(alive.map(|(id, _)| id));
            }
        }
        let is_stranger = |found| id_of(found).is_some_and(|id| linked.contains(&id));
        Ok(found.iter().map(is_stranger).collect())
    }

    /// The path to the company code of a table's rows, where they are striped.
    pub(crate) async fn company_path(
        &self,
        side: Side,
        table: &str,
    ) -> Result<Option<String>, EngineError> {
        let schema = self.schema(side, table).await?;
        let companies = match company_table(&schema) {
            Some(companies) => Some(self.schema(side, companies).await?),
            None => None,
        };
        Ok(company_path(&schema, companies.as_ref()))
    }

    async fn schema(&self, side: Side, table: &str) -> Result<TableSchema, EngineError> {
        self.systems[side]
            .schema(table)
            .await
            .map_err(|source| self.failed(side, format!("describe {table}"), source))
    }

    async fn resolve_follows(
        &self,
        follows: Vec<FollowNeed>,
        mode: Follow,
    ) -> Result<Vec<(FollowNeed, Resolution)>, EngineError> {
        let mut answers = Vec::new();
        let mut by_table: BTreeMap<(Side, String), Vec<FollowNeed>> = BTreeMap::new();
        for need in follows {
            by_table
                .entry((need.side, need.reference.table.clone()))
                .or_default()
                .push(need);
        }
        // The value behind the first step of a path, and the needs that lead further.
        let mut further: Vec<(FollowNeed, FollowNeed)> = Vec::new();
        for ((side, table), needs) in by_table {
            for (need, value) in self.first_step(side, &table, needs, mode).await? {
                let value = match value {
                    Resolution::Found(value) => value,
                    nothing => {
                        answers.push((need, nothing));
                        continue;
                    }
                };
                match (need.path.split_once('.'), value) {
                    (None, value) => answers.push((need, Resolution::Found(value))),
                    (Some((_, rest)), Value::Reference(reference)) => {
                        let next = FollowNeed {
                            side,
                            reference,
                            path: rest.to_owned(),
                        };
                        further.push((need, next));
                    }
                    (Some(_), _) => answers.push((need, Resolution::Found(Value::Null))),
                }
            }
        }
        if !further.is_empty() {
            let mut asked = HashSet::new();
            let next: Vec<FollowNeed> = further
                .iter()
                .map(|(_, next)| next.clone())
                .filter(|next| asked.insert(next.clone()))
                .collect();
            let reached: HashMap<FollowNeed, Resolution> =
                Box::pin(self.resolve_follows(next, mode))
                    .await?
                    .into_iter()
                    .collect();
            for (need, next) in further {
                let resolution = reached.get(&next).cloned().unwrap_or(Resolution::Missing);
                answers.push((need, resolution));
            }
        }
        Ok(answers)
    }

    /// The keys of those of a map's pairs that go by another key than their record of one side has
    /// now: it was changed there, and has yet to travel or waits, or the record is gone.
    ///
    /// Where the key is what identifies the record, nothing has to be read: it never changes.
    async fn renaming(
        &self,
        map: &str,
        side: Side,
        pairs: impl Iterator<Item = &Pair>,
    ) -> Result<HashSet<Key>, EngineError> {
        let owner = self.project.maps().iter().find(|one| one.id() == map);
        let Some(owner) = owner.filter(|owner| changes_keys(owner, side)).cloned() else {
            return Ok(HashSet::new());
        };
        let (ids, keys): (Vec<RecordId>, Vec<Key>) = pairs
            .filter_map(|pair| {
                let record = pair.body.halves[side].record.clone()?;
                Some((record, pair.body.key.clone()))
            })
            .unzip();
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let table = owner.table(side);
        let read = self.systems[side]
            .fetch(table, owner.columns(side), &ids)
            .await
            .map_err(|source| self.failed(side, format!("read {table}"), source))?;
        let rows: Vec<(&RecordId, &Row)> = read
            .iter()
            .flatten()
            .map(|record| (&record.id, &record.row))
            .collect();
        let now = Box::pin(self.compute_keys(&owner, side, &rows)).await?;
        let here: HashSet<&RecordId> = rows.iter().map(|(id, _)| *id).collect();
        let moved = |id: &RecordId, key: &Key| {
            !here.contains(id) || now.get(id).is_some_and(|now| now != key)
        };
        let renaming = ids.iter().zip(keys).filter(|(id, key)| moved(id, key));
        Ok(renaming.map(|(_, key)| key).collect())
    }

    /// Reads the first column of each need's path.
    async fn first_step(
        &self,
        side: Side,
        table: &str,
        mut open: Vec<FollowNeed>,
        mode: Follow,
    ) -> Result<Vec<(FollowNeed, Resolution)>, EngineError> {
        let mut answers = Vec::new();
        let mut brought_by_map = false;
        for owner in self.project.owners(side, table) {
            brought_by_map |= owner.flows(side);
            let records: Vec<RecordId> = open
                .iter()
                .map(|need| RecordId(need.reference.id.to_string()))
                .collect();
            let pairs = self
                .store
                .pairs_by_record(owner.id(), side, &records)
                .await?;
            // What is written there is the key that the record has there now.
            let names = |need: &&FollowNeed| {
                mode == Follow::Paired && owner.key_paths(side).contains(&need.path)
            };
            let of = |need: &FollowNeed| {
                let pair = pairs.get(&RecordId(need.reference.id.to_string()));
                pair.filter(|pair| pair.body.state != PairState::Deleted)
            };
            let linked = open.iter().filter(names).filter_map(of);
            let renaming = self.renaming(owner.id(), side.other(), linked).await?;
            let (held, free): (Vec<_>, Vec<_>) = open.into_iter().partition(|need| {
                names(&need) && of(need).is_some_and(|pair| renaming.contains(&pair.body.key))
            });
            for need in held {
                let key = of(&need).map(|pair| pair.body.key.clone());
                let until = key.map_or_else(String::new, |key| freed_token(owner.id(), &key));
                answers.push((need, Resolution::Renaming { until }));
            }
            open = free;
            // A number that the other side has allocated is on its way here.
            let is_to_come = |need: &FollowNeed| {
                mode == Follow::Paired
                    && owner.allocates() == Some(side.other())
                    && owner.key_paths(side).contains(&need.path)
            };
            let mut still_open = Vec::new();
            for need in open {
                let pair = pairs.get(&RecordId(need.reference.id.to_string()));
                let value = pair
                    .filter(|pair| mode == Follow::Any || pair.body.state != PairState::Deleted)
                    .and_then(|pair| pair.body.halves[side].image.get(first(&need.path)).cloned());
                match value {
                    Some(Value::Null) if is_to_come(&need) => {
                        answers.push((need, Resolution::Missing));
                    }
                    Some(value) => answers.push((need, Resolution::Found(value))),
                    None => still_open.push((pair.is_some(), need)),
                }
            }
            open = Vec::new();
            for (paired, need) in still_open {
                if paired {
                    // Known, but the column is not mapped, or nothing is agreed of it yet: read it,
                    // whatever other maps say.
                    let to_come = is_to_come(&need);
                    let read = self.read_column(side, table, vec![need]).await?;
                    answers.extend(read.into_iter().map(|(need, value)| match value {
                        Resolution::Found(Value::Null) if to_come => (need, Resolution::Missing),
                        value => (need, value),
                    }));
                } else {
                    open.push(need);
                }
            }
        }
        if mode == Follow::Paired && brought_by_map {
            let missing = open.into_iter().map(|need| (need, Resolution::Missing));
            answers.extend(missing);
        } else {
            answers.extend(self.read_column(side, table, open).await?);
        }
        Ok(answers)
    }

    async fn read_column(
        &self,
        side: Side,
        table: &str,
        needs: Vec<FollowNeed>,
    ) -> Result<Vec<(FollowNeed, Resolution)>, EngineError> {
        let mut by_column: BTreeMap<String, Vec<FollowNeed>> = BTreeMap::new();
        for need in needs {
            by_column
                .entry(first(&need.path).to_owned())
                .or_default()
                .push(need);
        }
        let mut answers = Vec::new();
        for (column, needs) in by_column {
            let ids: Vec<RecordId> = needs
                .iter()
                .map(|need| RecordId(need.reference.id.to_string()))
                .collect();
            let columns = [column.clone()];
            let records = self.systems[side]
                .fetch(table, &columns, &ids)
                .await
                .map_err(|source| self.failed(side, format!("read {table}"), source))?;
            for (need, record) in needs.into_iter().zip(records) {
                let answer = record.map_or(Resolution::Missing, |record| {
                    Resolution::Found(record.row.value(&column).clone())
                });
                answers.push((need, answer));
            }
        }
        Ok(answers)
    }
}

/// Whether records of a side may get another key and stay what they are.
pub(crate) fn changes_keys(map: &CompiledMap, side: Side) -> bool {
    let identity = &map.schema(side).primary_key;
    let identifies = |path: &String| {
        identity
            .iter()
            .any(|column| column.eq_ignore_ascii_case(first(path)))
    };
    !map.key_paths(side).iter().all(identifies)
}

fn first(path: &str) -> &str {
    path.split_once('.').map_or(path, |(first, _)| first)
}
