//! Intents: creates whose key the other side allocates are never sent twice.
//!
//! Before such a create is sent, what it asks for is durable. When the answer never came, the
//! record that it may have made is looked for before anything is sent again.

use super::deliver::{Attempt, Ready};
use super::intake::Arrival;
use super::settle::provides;
use super::{Errand, ended, parked};
use crate::core::Core;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::lookup::ResolvedLookups;
use duet_map::record::{Record, RecordId};
use duet_map::side::{PerSide, Side};
use duet_map::value::Row;
use duet_store::change::ParkReason;
use duet_store::pair::{Half, PairBody, PairState};
use duet_store::settlement::{Outcome, PairWrite, Settlement};
use duet_store::store::Intent;
use duet_systems::{Found, Write};

impl Core {
    /// Holds back records that look like what a create of our own asked for whose answer never
    /// came: until its outcome is looked up, nobody knows whose they are.
    pub(super) async fn hold_back_own(
        &self,
        map: &CompiledMap,
        arrivals: Vec<Arrival>,
        settlements: &mut Vec<Settlement>,
    ) -> Result<Vec<Arrival>, EngineError> {
        let Some(to) = map.allocates() else {
            return Ok(arrivals);
        };
        let unpaired = |arrival: &Arrival| {
            arrival.pair.is_none() && arrival.change.change.side == to && arrival.row.is_some()
        };
        if !arrivals.iter().any(unpaired) {
            return Ok(arrivals);
        }
        let open = self.store.open_intents(map.id(), to).await?;
        let mut free = Vec::with_capacity(arrivals.len());
        let mut recognised = Vec::new();
        for arrival in arrivals {
            let own = arrival
                .row
                .as_ref()
                .filter(|_| unpaired(&arrival))
                .and_then(|(row, _)| Some((row, open.iter().find(|one| answers(map, one, row))?)));
            if let Some((row, intent)) = own {
                // People may change the record before its outcome is looked up, but not its key.
                let mut intent = intent.clone();
                for column in map.key_paths(to) {
                    intent.row.set(column.clone(), row.value(&column).clone());
                }
                recognised.push(intent);
                let outcome = Outcome::Postponed {
                    until: self.due_again(arrival.change.attempts, None),
                    code: Code(4105).to_string(),
                };
                settlements.push(ended(&arrival.change, outcome));
            } else {
                free.push(arrival);
            }
        }
        if !recognised.is_empty() {
            self.store.add_intents(recognised).await?;
        }
        Ok(free)
    }

    /// Makes intents durable before creates whose key the other side allocates, and looks up the
    /// outcome of creates that were sent before and never answered.
    pub(super) async fn declare_intents(
        &self,
        map: &CompiledMap,
        to: Side,
        ready: Vec<Ready>,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Vec<Ready>, EngineError> {
        if map.allocates() != Some(to) {
            return Ok(ready);
        }
        let (creates, mut others): (Vec<Ready>, Vec<Ready>) = ready.into_iter().partition(|one| {
            matches!(one.write, Write::Create { .. })
                && crate::capture::is_unresolved(&one.errand.key)
        });
        let seqs: Vec<i64> = creates
            .iter()
            .flat_map(|one| {
                std::iter::once(one.errand.change.seq)
                    .chain(one.errand.change.supersedes.iter().copied())
            })
            .collect();
        let known = self.store.intents(&seqs).await?;
        let mut declared = Vec::new();
        for one in creates {
            let seqs = std::iter::once(one.errand.change.seq)
                .chain(one.errand.change.supersedes.iter().copied());
            let Some(intent) = seqs.into_iter().find_map(|seq| known.get(&seq)) else {
                declared.push(Intent {
                    seq: one.errand.change.seq,
                    map: map.id().to_owned(),
                    to,
                    row: one.merged.write.clone(),
                    at: self.clock.now(),
                });
                others.push(one);
                continue;
            };
            let outcome = match self.outcome_of(map, to, intent).await {
                Err(EngineError::System { source, .. }) => {
                    let outcome = self.unreached(&one.errand, &source);
                    attempts.push(Attempt::Ended(Box::new(one.errand.ends(outcome).into())));
                    continue;
                }
                outcome => outcome?,
            };
            match outcome {
                Found::None => others.push(one),
                Found::One(record) => {
                    let tick = self.tick().await?;
                    let settlement = self.adopt(map, one.errand, &intent.row, &record, tick);
                    attempts.push(Attempt::Ended(Box::new(settlement.into())));
                }
                Found::Many(_) => {
                    let message = format!(
                        "a create was sent to {} and never answered, and several records \
                             there look like it; delete the ones that should not be, then retry",
                        map.table(to)
                    );
                    let outcome = parked(ParkReason::Fault, Code(4105), message);
                    attempts.push(Attempt::Ended(Box::new(one.errand.ends(outcome).into())));
                }
            }
        }
        if !declared.is_empty() {
            self.settings.failpoints.reach("before-intents");
            self.store.add_intents(declared).await?;
            self.settings.failpoints.reach("after-intents");
        }
        Ok(others)
    }

    /// Links the record that an earlier attempt created. The source may have changed since, so the
    /// change stays due: with the pair in place it finds out what is still to be written.
    fn adopt(
        &self,
        map: &CompiledMap,
        errand: Errand,
        sent: &Row,
        record: &Record,
        tick: i64,
    ) -> Settlement {
        let (from, to) = (errand.from, errand.to());
        let nothing = ResolvedLookups::default();
        let key = map
            .key(to, &record.row, &nothing)
            .unwrap_or_else(|_| errand.key.clone());
        let mut halves = PerSide::<Half>::default();
        // What was sent is agreed; what the system added, the number first of all, travels back.
        let keys = map.key_paths(to);
        let mut image = map.image(to, sent);
        image
            .0
            .retain(|column, value| !value.is_null() && !keys.contains(column));
        halves[from].record = Some(errand.change.change.record.clone());
        halves[to] = Half {
            record: Some(record.id.clone()),
            image,
            version: None,
            written: tick,
            wrote: record.version.clone(),
            wrote_columns: sent.iter().map(|(column, _)| column.to_owned()).collect(),
            rewrote: Row::new(),
        };
        let now = self.clock.now();
        let body = PairBody {
            key,
            state: PairState::Linked,
            halves,
            bounces: 0,
            settled_at: now,
        };
        let provides = provides(map, &body);
        let outcome = Outcome::Postponed {
            until: now,
            code: Code(4105).to_string(),
        };
        let mut settlement = errand.ends(outcome);
        settlement.pair = PairWrite::Insert(body);
        settlement.provides = provides;
        settlement
    }

    /// Looks for a record that an earlier create may have made: one that carries every value that
    /// was sent and belongs to no pair.
    async fn outcome_of(
        &self,
        map: &CompiledMap,
        to: Side,
        intent: &Intent,
    ) -> Result<Found, EngineError> {
        // A record that was recognised when it was read is searched by its key.
        let mut keys = map.key_paths(to);
        keys.extend(
            map.schema(to)
                .company
                .clone()
                .filter(|_| map.is_per_company()),
        );
        let recognised = keys
            .iter()
            .all(|column| !intent.row.value(column).is_null());
        let equal = intent
            .row
            .iter()
            .filter(|(_, value)| !value.is_null())
            .filter(|(column, _)| !recognised || keys.iter().any(|key| key == column))
            .map(|(column, value)| (column.to_owned(), value.clone()))
            .collect();
        let found = self.systems[to]
            .find(
                map.table(to),
                map.columns(to),
                &[duet_systems::Find { equal }],
            )
            .await
            .map_err(|error| self.failed(to, format!("search {}", map.table(to)), error))?
            .into_iter()
            .next()
            .unwrap_or(Found::None);
        let ids: Vec<RecordId> = match &found {
            Found::None => return Ok(found),
            Found::One(record) => vec![record.id.clone()],
            Found::Many(ids) => ids.clone(),
        };
        let paired = self.store.pairs_by_record(map.id(), to, &ids).await?;
        let free: Vec<RecordId> = ids
            .into_iter()
            .filter(|id| !paired.contains_key(id))
            .collect();
        match (free.as_slice(), found) {
            ([], _) => Ok(Found::None),
            ([_], Found::One(record)) => Ok(Found::One(record)),
            ([id], _) => {
                let read = self.systems[to]
                    .fetch(map.table(to), map.columns(to), std::slice::from_ref(id))
                    .await
                    .map_err(|error| self.failed(to, format!("read {}", map.table(to)), error))?;
                Ok(read
                    .into_iter()
                    .flatten()
                    .next()
                    .map_or(Found::None, |record| Found::One(Box::new(record))))
            }
            (_, _) => Ok(Found::Many(free)),
        }
    }
}

/// Whether a row holds everything that an intent asked for, or the key under which its record was
/// recognised before.
fn answers(map: &CompiledMap, intent: &Intent, row: &Row) -> bool {
    let (asked, image) = (map.image(intent.to, &intent.row), map.image(intent.to, row));
    let holds = |column: &str| {
        let asked = asked.value(column);
        asked.is_null() || image.value(column) == asked
    };
    let keys = map.key_paths(intent.to);
    if keys.iter().all(|column| !asked.value(column).is_null()) {
        return keys.iter().all(|column| holds(column));
    }
    asked.iter().all(|(column, _)| holds(column))
}
