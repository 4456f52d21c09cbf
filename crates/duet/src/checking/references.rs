//! What rows of a sample refer to: whether the record is on the other side, or will be brought there.
//!
//! A page of rows asks its questions together, as the engine does, and answers them by reading the
//! two systems. A record that the other side misses is no fault while the map of its table can bring
//! it: then it stands on the side of the rows under the same key. Pairs are not looked at, because a
//! check needs no store.

use crate::failure::Failure;
use duet_map::CompiledMap;
use duet_map::lookup::{FindNeed, FollowNeed, LookupNeed, Resolution, ResolvedLookups};
use duet_map::record::RecordId;
use duet_map::side::{PerSide, Side};
use duet_map::value::{Reference, Row, Value};
use duet_systems::{Find, Found, System};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// How often answers may raise further questions: the company, then what lies in it.
const ROUNDS: usize = 3;

/// What a page of rows knows of other records.
pub(super) struct References<'a> {
    pub(super) maps: &'a [CompiledMap],
    pub(super) systems: &'a PerSide<Arc<dyn System>>,
}

impl References<'_> {
    /// Answers every question that translating these rows raises.
    pub(super) async fn answers(
        &self,
        map: &CompiledMap,
        from: Side,
        rows: &[&Row],
    ) -> Result<ResolvedLookups, Failure> {
        let fields = map.all_fields(from);
        let mut resolved = ResolvedLookups::new();
        for _ in 0..ROUNDS {
            let mut open: HashSet<LookupNeed> = HashSet::new();
            for row in rows {
                let translation = map.translate(from, row, &fields, &resolved, true);
                let waiting = translation.waiting.into_iter().map(|waiting| waiting.need);
                open.extend(waiting.filter(|need| resolved.get(need).is_none()));
            }
            if open.is_empty() {
                break;
            }
            let (mut finds, mut follows) = (Vec::new(), Vec::new());
            for need in open {
                match need {
                    LookupNeed::Find(need) => finds.push(need),
                    LookupNeed::Follow(need) => follows.push(need),
                    // Only pairs know.
                    LookupNeed::Counterpart(_) => {
                        resolved.insert(need, Resolution::Missing);
                    }
                }
            }
            self.find(finds, &mut resolved).await?;
            for need in follows {
                let answer = self.follow(&need).await?;
                resolved.insert(LookupNeed::Follow(need), answer);
            }
        }
        Ok(resolved)
    }

    /// Searches records, one question a table.
    async fn find(
        &self,
        needs: Vec<FindNeed>,
        resolved: &mut ResolvedLookups,
    ) -> Result<(), Failure> {
        let mut open = needs;
        let mut place = 0;
        while !open.is_empty() {
            let mut questions: BTreeMap<(Side, String), Vec<(FindNeed, Find)>> = BTreeMap::new();
            for need in open.drain(..) {
                let Some(candidate) = need.candidates.get(place) else {
                    resolved.insert(LookupNeed::Find(need), Resolution::Missing);
                    continue;
                };
                let table = candidate.table.clone();
                let mut equal = candidate.equal.clone();
                if let (Some(path), Some(company)) =
                    (self.company_path(need.side, &table), &need.company)
                {
                    equal.push((path, Value::text(company.clone())));
                }
                let asked = questions.entry((need.side, table)).or_default();
                asked.push((need, Find { equal }));
            }
            for ((side, table), asked) in questions {
                let (needs, finds): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
                let found = self.ask(side, &table, &finds).await?;
                for (need, found) in needs.into_iter().zip(found) {
                    let resolution = match found {
                        Found::None => {
                            open.push(need);
                            continue;
                        }
                        Found::Many(_) => Resolution::Ambiguous,
                        Found::One(record) => {
                            Uuid::parse_str(&record.id.0).map_or(Resolution::Missing, |id| {
                                let table = table.clone();
                                Resolution::Found(Value::Reference(Reference { table, id }))
                            })
                        }
                    };
                    resolved.insert(LookupNeed::Find(need), resolution);
                }
            }
            place += 1;
        }
        Ok(())
    }

    async fn ask(&self, side: Side, table: &str, finds: &[Find]) -> Result<Vec<Found>, Failure> {
        let found = self.systems[side].find(table, &[], finds).await;
        found.map_err(|error| Failure::system(&format!("{table} cannot be searched"), &error))
    }

    /// Where the company of a table's rows stands, as a map of that table says.
    fn company_path(&self, side: Side, table: &str) -> Option<String> {
        let mut owners = self.maps.iter();
        let owner = owners.find(|map| map.table(side).eq_ignore_ascii_case(table))?;
        owner.company_path(side)
    }

    /// Reads what stands at the other end of a reference, step by step.
    async fn follow(&self, need: &FollowNeed) -> Result<Resolution, Failure> {
        let mut reference = need.reference.clone();
        let mut path = need.path.as_str();
        loop {
            let (column, rest) = path
                .split_once('.')
                .map_or((path, None), |(column, rest)| (column, Some(rest)));
            let columns = [column.to_owned()];
            let ids = [RecordId(reference.id.to_string())];
            let read = self.systems[need.side]
                .fetch(&reference.table, &columns, &ids)
                .await
                .map_err(|error| {
                    let doing = format!("{} cannot be read", reference.table);
                    Failure::system(&doing, &error)
                })?;
            let Some(record) = read.into_iter().flatten().next() else {
                return Ok(Resolution::Missing);
            };
            let value = record.row.value(column).clone();
            match (rest, value) {
                (None, value) => return Ok(Resolution::Found(value)),
                (Some(rest), Value::Reference(next)) => {
                    reference = next;
                    path = rest;
                }
                (Some(_), _) => return Ok(Resolution::Found(Value::Null)),
            }
        }
    }

    /// Those of these searches whose record the side of the rows does not have either, so that no map
    /// can bring it. Where no map of the table sends rows from there, that is so by itself.
    pub(super) async fn nowhere(
        &self,
        from: Side,
        missing: Vec<FindNeed>,
    ) -> Result<HashSet<FindNeed>, Failure> {
        let mut questions: BTreeMap<String, Vec<(FindNeed, Find)>> = BTreeMap::new();
        let mut nowhere = HashSet::new();
        for need in missing {
            match self.at_home(from, &need) {
                Some((table, find)) => questions.entry(table).or_default().push((need, find)),
                None => drop(nowhere.insert(need)),
            }
        }
        for (table, asked) in questions {
            let (needs, finds): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            let found = self.ask(from, &table, &finds).await?;
            let absent = needs.into_iter().zip(found);
            nowhere
                .extend(absent.filter_map(|(need, found)| (found == Found::None).then_some(need)));
        }
        Ok(nowhere)
    }

    /// Where the record of a search would stand on the side of the rows.
    fn at_home(&self, from: Side, need: &FindNeed) -> Option<(String, Find)> {
        need.candidates.iter().find_map(|candidate| {
            self.maps
                .iter()
                .filter(|map| map.flows(from))
                .find_map(|owner| {
                    owner.key_of(need.side, candidate, need.company.as_deref())?;
                    let there = owner.key_paths(need.side);
                    let here = owner.key_paths(from);
                    let mut equal: Vec<(String, Value)> = Vec::with_capacity(here.len() + 1);
                    for (there, here) in there.iter().zip(here) {
                        let asked = candidate.equal.iter();
                        let (_, value) = asked
                            .clone()
                            .find(|(path, _)| path.eq_ignore_ascii_case(there))?;
                        equal.push((here, value.clone()));
                    }
                    if let (Some(path), Some(company)) = (owner.company_path(from), &need.company) {
                        equal.push((path, Value::text(company.clone())));
                    }
                    Some((owner.table(from).to_owned(), Find { equal }))
                })
        })
    }
}
