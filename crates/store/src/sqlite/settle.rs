//! How changes end: pair, journal, counters and story in one transaction.

use super::columns::to_nanos;
use super::fault::Fault;
use super::history::{self, Subject};
use super::tally::{Progress, Tally};
use super::{conflicts, deletions, intents, journal, pairs, parking};
use crate::pair::PairState;
use crate::settlement::{Outcome, PairWrite, Settled, Settlement};
use crate::store::Created;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

/// Settles a batch. One whose pair moved leaves no trace; any other failure undoes the batch.
pub(super) fn settle(
    tx: &Connection,
    settlements: &[Settlement],
    now: Timestamp,
) -> Result<Vec<Settled>, Fault> {
    let mut tally = Tally::default();
    let mut provided = BTreeSet::new();
    let mut answers = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        let stands = settle_one(tx, settlement, &mut tally, now)?;
        if stands {
            provided.extend(settlement.provides.iter().map(String::as_str));
        }
        answers.push(if stands {
            Settled::Done
        } else {
            Settled::PairMoved
        });
    }
    // After the whole batch: one of its changes may have been parked for what another provides.
    parking::release(tx, provided, now)?;
    tally.store(tx)?;
    if answers.contains(&Settled::Done) {
        Progress::Settled.store(tx, now)?;
    }
    Ok(answers)
}

/// Settles one change; `false` means that nothing was written.
fn settle_one(
    tx: &Connection,
    settlement: &Settlement,
    tally: &mut Tally,
    now: Timestamp,
) -> Result<bool, Fault> {
    let Some(subject) = Subject::load(tx, settlement.seq)? else {
        return Ok(false);
    };
    // The pair goes first: it is the only step that may refuse, and a refused statement leaves
    // nothing behind, so a settlement that does not stand needs no savepoint to undo it.
    if !pairs::write(tx, &subject.map, &settlement.pair)? {
        return Ok(false);
    }
    if settlement.writes_known {
        intents::end(tx, &subject.map, &subject.key)?;
    }
    let subject = match &settlement.pair {
        PairWrite::Insert(body) => {
            journal::join_partition(tx, &subject.map, body)?;
            Subject {
                key: body.key.0.clone(),
                ..subject
            }
        }
        PairWrite::Update { body, .. }
            if body.key.0 != subject.key && body.state != PairState::Deleted =>
        {
            journal::join_partition(tx, &subject.map, body)?;
            conflicts::move_to(tx, &subject.map, &subject.key, &body.key.0)?;
            Subject {
                key: body.key.0.clone(),
                ..subject
            }
        }
        PairWrite::Keep | PairWrite::Update { .. } => subject,
    };
    if let Some(conflict) = &settlement.conflict {
        conflicts::add_one(tx, &subject, conflict, now)?;
    }
    conflicts::settle_open(tx, &subject, &settlement.open_conflict, now)?;
    if !matches!(settlement.outcome, Outcome::Postponed { .. }) {
        // What a postponed change supersedes stays.
        coalesce(tx, &subject, &settlement.supersedes, tally, now)?;
    }
    let boxes = tally.boxes(&subject.map, subject.side);
    let (word, detail) = match &settlement.outcome {
        Outcome::Applied { writes } => {
            boxes.applied += 1;
            boxes.writes += u64::from(*writes);
            if subject.deletes && *writes > 0 {
                deletions::passed(tx, &subject, now)?;
            }
            ("applied", subject.applied(&settlement.columns))
        }
        Outcome::Echoed => {
            boxes.echoed += 1;
            ("echoed", String::new())
        }
        Outcome::Filtered(why) => {
            boxes.filtered += 1;
            ("filtered", why.clone())
        }
        Outcome::Discarded(why) => {
            boxes.discarded += 1;
            ("discarded", why.clone())
        }
        Outcome::Parked { park, writes } => {
            boxes.writes += u64::from(*writes);
            parking::park(tx, subject.seq, park, now)?;
            let code = park.code.to_string();
            // Some messages begin with their code already.
            let message = park.message.strip_prefix(&code).unwrap_or(&park.message);
            let message = message.trim_start_matches([':', ' ']);
            ("parked", format!("{code}: {message}"))
        }
        Outcome::Postponed { until, code } => {
            postpone(tx, subject.seq, *until)?;
            ("postponed", format!("{code}, until {until}"))
        }
    };
    if !matches!(
        settlement.outcome,
        Outcome::Parked { .. } | Outcome::Postponed { .. }
    ) {
        remove(tx, subject.seq)?;
    }
    history::tell(tx, &subject, word, &detail, now)?;
    Ok(true)
}

/// Ends the changes that a later one made superfluous. Those that are gone already were counted
/// when they went, and those of another record are not superfluous whatever the caller says.
fn coalesce(
    tx: &Connection,
    by: &Subject,
    seqs: &[i64],
    tally: &mut Tally,
    now: Timestamp,
) -> Result<(), Fault> {
    let mut ended = Vec::with_capacity(seqs.len());
    for seq in seqs {
        let Some(earlier) = Subject::load(tx, *seq)? else {
            continue;
        };
        if earlier.seq < by.seq
            && earlier.map == by.map
            && earlier.side == by.side
            && earlier.key == by.key
            && earlier.record == by.record
        {
            remove(tx, earlier.seq)?;
            ended.push(earlier);
        }
    }
    tally.boxes(&by.map, by.side).coalesced += ended.len() as u64;
    let told = ended.len().saturating_sub(history::STORY_LENGTH);
    for earlier in &ended[told..] {
        history::tell(
            tx,
            earlier,
            "coalesced",
            &format!("into change {}", by.seq),
            now,
        )?;
    }
    Ok(())
}

/// Takes a change out of the journal, with its parking.
pub(super) fn remove(tx: &Connection, seq: i64) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM journal WHERE seq = ?1")?
        .execute([seq])?;
    Ok(())
}

fn postpone(tx: &Connection, seq: i64, until: Timestamp) -> Result<(), Fault> {
    parking::unpark(tx, seq)?;
    tx.prepare_cached(
        "UPDATE journal SET state = 'pending', until = ?2, attempts = attempts + 1 WHERE seq = ?1",
    )?
    // Times before 1970 are due like everything else; 0 stands for "at once".
    .execute(params![seq, to_nanos(until).max(0)])?;
    Ok(())
}

/// Counts and tells records that were created because lookups missed them.
pub(super) fn created(tx: &Connection, created: &[Created], now: Timestamp) -> Result<(), Fault> {
    let mut tally = Tally::default();
    for one in created {
        if let Some(subject) = Subject::load(tx, one.seq)? {
            tally.boxes(&subject.map, subject.side).writes += 1;
            history::tell(tx, &subject, "created", &one.told, now)?;
        }
    }
    let provided = created.iter().flat_map(|one| &one.provides);
    parking::release(tx, provided.map(String::as_str), now)?;
    tally.store(tx)
}
