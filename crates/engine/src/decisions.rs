//! What people decide about conflicts and parked changes.
//!
//! A decision is only written down here; the road carries it out like any other change. It holds for
//! exactly what the person saw: whatever was edited since waits for a decision of its own. Each
//! decision is one transaction: whatever happens to the process, it is taken, or it is still open.

use crate::failpoint::Failpoints;
use crate::resolve::{decided_token, freed_token};
use crate::snapshot::{confirmed_cursor, held_cursor};
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::record::Key;
use duet_map::side::Side;
use duet_map::typed::TypedError;
use duet_map::value::Row;
use duet_store::change::{
    Amendment, ChangeKind, NewChange, Origin, ParkReason, Parked, ParkedFilter,
};
use duet_store::conflict::{
    Conflict, ConflictKind, ConflictState, Decision, FieldConflict, Stands,
};
use duet_store::store::Capture;
use duet_store::{Store, StoreError};
use jiff::Timestamp;
use serde::Serialize;

/// Who decides, and when.
#[derive(Debug, Clone)]
pub struct Decider {
    /// The person, for the record's story.
    pub by: String,
    /// The moment.
    pub at: Timestamp,
    /// What happens at [`DECISION_POINTS`](crate::failpoint::DECISION_POINTS); nothing by default.
    pub failpoints: Failpoints,
}

impl Decider {
    /// A person who decides now.
    pub fn new(by: impl Into<String>, at: Timestamp) -> Self {
        Self {
            by: by.into(),
            at,
            failpoints: Failpoints::default(),
        }
    }

    /// Awaits the transaction that a decision is.
    async fn takes<T>(
        &self,
        transaction: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.failpoints.reach("before-decision");
        let answer = transaction.await?;
        self.failpoints.reach("after-decision");
        Ok(answer)
    }
}

/// One thing that a person chooses in a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Everything as this side has it; for a deletion, the deed of this side.
    All(Side),
    /// One field as this side has it, by its column on either side.
    Field {
        /// The column.
        column: String,
        /// The side.
        side: Side,
    },
    /// One field as typed, by its column on either side and in that side's spelling.
    Typed {
        /// The column.
        column: String,
        /// The value.
        text: String,
    },
}

/// Why a decision cannot be taken down.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// There is no such conflict, or it is over.
    #[error("DUET2123: conflict {id} {why}; `duet conflicts --open` lists what waits")]
    NotOpen {
        /// The conflict.
        id: i64,
        /// What it is instead.
        why: &'static str,
    },
    /// It was decided, and the changes that carry that out are about to be applied.
    #[error(
        "DUET2140: conflict {id} was decided by {by}, and the decision is on its way; look at the \
         record once it has arrived, and edit what should be otherwise"
    )]
    UnderWay {
        /// The conflict.
        id: i64,
        /// Who decided it.
        by: String,
    },
    /// The choices do not fit the conflict.
    #[error("DUET2124: {message}")]
    Misfit {
        /// What does not fit, and what would.
        message: String,
    },
    /// No change with this number is parked.
    #[error("DUET2125: no change {seq} is parked; `duet parked` lists the changes that wait")]
    NotParked {
        /// The number.
        seq: i64,
    },
    /// A typed value cannot be used.
    #[error(transparent)]
    Typed(#[from] TypedError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DecisionError {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::NotOpen { .. } => Code(2123),
            Self::UnderWay { .. } => Code(2140),
            Self::Misfit { .. } => Code(2124),
            Self::NotParked { .. } => Code(2125),
            Self::Typed(error) => error.code,
            Self::Store(error) => error.code(),
        }
    }

    fn misfit(message: impl Into<String>) -> Self {
        Self::Misfit {
            message: message.into(),
        }
    }
}

/// Takes down what a person decides about an open conflict. `map` is needed for typed values only.
/// Returns the conflict with the decision; the engine that runs carries it out. A decision may be taken
/// back while nobody does: where an engine runs, ask [`under_way`] first.
pub async fn decide(
    store: &dyn Store,
    map: Option<&CompiledMap>,
    id: i64,
    choices: &[Choice],
    decider: &Decider,
) -> Result<Conflict, DecisionError> {
    let not_open = |why| DecisionError::NotOpen { id, why };
    let conflict = store.conflict(id).await?;
    let conflict = conflict.ok_or_else(|| not_open("does not exist"))?;
    if conflict.state != ConflictState::Open {
        return Err(not_open("is over"));
    }
    let mut decision = Decision {
        by: decider.by.clone(),
        at: decider.at,
        side: None,
        fields: Vec::new(),
    };
    if conflict.kind == ConflictKind::Deletion {
        let [Choice::All(side)] = choices else {
            return Err(DecisionError::misfit(
                "one side deleted the record; choose `--take left` or `--take right` as a whole",
            ));
        };
        decision.side = Some(*side);
    } else {
        decision.fields = stands(&conflict, map, choices)?;
    }
    let token = decided_token(&conflict.map, &conflict.key);
    let changes = set_in_motion(store, &conflict, &token).await?;
    let written = store.decide(id, decision.clone(), changes, vec![token]);
    if !decider.takes(written).await? {
        return Err(not_open("is over"));
    }
    Ok(Conflict {
        decision: Some(decision),
        ..conflict
    })
}

/// What stands of each field; every field needs a choice.
fn stands(
    conflict: &Conflict,
    map: Option<&CompiledMap>,
    choices: &[Choice],
) -> Result<Vec<Stands>, DecisionError> {
    let named = |field: &FieldConflict, column: &str| {
        Side::BOTH
            .into_iter()
            .find(|side| field.column(*side).eq_ignore_ascii_case(column))
    };
    for choice in choices {
        let (Choice::Field { column, .. } | Choice::Typed { column, .. }) = choice else {
            continue;
        };
        if !conflict
            .fields
            .iter()
            .any(|field| named(field, column).is_some())
        {
            return Err(DecisionError::misfit(format!(
                "`{column}` is not contested in this conflict; contested are {}",
                columns(&conflict.fields)
            )));
        }
    }
    let mut stands = Vec::with_capacity(conflict.fields.len());
    for field in &conflict.fields {
        // The last choice that names the field counts, else the one for everything.
        let own = choices.iter().rev().find_map(|choice| match choice {
            Choice::Field { column, side } => named(field, column).map(|_| Ok(Stands::Side(*side))),
            Choice::Typed { column, text } => {
                named(field, column).map(|side| typed(map, field, side, text))
            }
            Choice::All(_) => None,
        });
        let all = || {
            choices.iter().rev().find_map(|choice| match choice {
                Choice::All(side) => Some(Ok(Stands::Side(*side))),
                Choice::Field { .. } | Choice::Typed { .. } => None,
            })
        };
        let Some(chosen) = own.or_else(all) else {
            return Err(DecisionError::misfit(format!(
                "nothing is chosen for {}; add `--take {}=left` or `right`, or `--set`",
                columns(std::slice::from_ref(field)),
                field.left_column
            )));
        };
        stands.push(chosen?);
    }
    Ok(stands)
}

fn typed(
    map: Option<&CompiledMap>,
    field: &FieldConflict,
    side: Side,
    text: &str,
) -> Result<Stands, DecisionError> {
    let map = map.ok_or_else(|| {
        DecisionError::misfit("a typed value needs the map, which this project does not have")
    })?;
    let typed = map.typed_for_both(side, field.column(side), text)?;
    Ok(Stands::Value(typed.values))
}

fn columns(fields: &[FieldConflict]) -> String {
    let names: Vec<String> = fields
        .iter()
        .map(|field| format!("{} / {}", field.left_column, field.right_column))
        .collect();
    names.join(", ")
}

/// Changes that carry a decision out where none waits for it: somebody discarded them.
async fn set_in_motion(
    store: &dyn Store,
    conflict: &Conflict,
    token: &String,
) -> Result<Vec<NewChange>, DecisionError> {
    let parked = of_key(store, &conflict.map, &conflict.key).await?;
    if parked.iter().any(|parked| parked.waits_for.contains(token)) {
        return Ok(Vec::new());
    }
    if under_way(store, conflict).await?.is_some() {
        // What carries out the decision before this one carries out this one.
        return Ok(Vec::new());
    }
    let pairs = store
        .pairs_by_key(&conflict.map, std::slice::from_ref(&conflict.key))
        .await?;
    let Some(pair) = pairs.get(&conflict.key) else {
        return Ok(Vec::new());
    };
    // Whichever side has something to say carries it out; what the other one says is an echo.
    let change = |side: Side| {
        let half = &pair.body.halves[side];
        Some(NewChange {
            map: conflict.map.clone(),
            side,
            key: conflict.key.clone(),
            record: half.record.clone()?,
            // As old as can be, so that it is read again.
            kind: ChangeKind::Upsert {
                row: half.image.clone(),
                version: None,
                modified: None,
                by: None,
            },
            tick: 0,
            origin: Origin::Live,
            amendment: Amendment::default(),
        })
    };
    Ok(Side::BOTH.into_iter().filter_map(change).collect())
}

/// Who decided a conflict, while changes of its record that carry the decision out are about to be
/// applied. A second decision could come too late for them, and would be taken for carried out.
pub async fn under_way(
    store: &dyn Store,
    conflict: &Conflict,
) -> Result<Option<String>, DecisionError> {
    let Some(decision) = &conflict.decision else {
        return Ok(None);
    };
    let pairs = store
        .pairs_by_key(&conflict.map, std::slice::from_ref(&conflict.key))
        .await?;
    let Some(pair) = pairs.get(&conflict.key) else {
        return Ok(None);
    };
    for side in Side::BOTH {
        let record = pair.body.halves[side].record.as_slice();
        let waiting = store.waiting(&conflict.map, side, record).await?;
        if waiting.values().any(|waiting| waiting.pending) {
            return Ok(Some(decision.by.clone()));
        }
    }
    Ok(None)
}

async fn of_key(store: &dyn Store, map: &str, key: &Key) -> Result<Vec<Parked>, StoreError> {
    let filter = ParkedFilter {
        map: Some(map.to_owned()),
        reason: Some(ParkReason::Conflict),
        key_contains: Some(key.to_string()),
        ..ParkedFilter::default()
    };
    let mut parked = store.parked(&filter, usize::MAX).await?;
    parked.retain(|parked| parked.key == *key);
    Ok(parked)
}

/// Gives columns of a parked change other values, for this one change, and makes it pending: it goes
/// through every check again. `edits` are columns of its own side with values in its spelling.
/// Returns the columns as their system spells them.
pub async fn edit_parked(
    store: &dyn Store,
    map: &CompiledMap,
    seq: i64,
    edits: &[(String, String)],
    decider: &Decider,
) -> Result<Vec<String>, DecisionError> {
    let filter = ParkedFilter {
        seq: Some(seq),
        ..ParkedFilter::default()
    };
    let parked = store.parked(&filter, 1).await?;
    let change = store.change(seq).await?;
    let (Some(_), Some(change)) = (parked.first(), change) else {
        return Err(DecisionError::NotParked { seq });
    };
    if change.change.kind == ChangeKind::Delete {
        return Err(DecisionError::misfit(
            "the change is a deletion and has no values; retry or discard it",
        ));
    }
    let mut columns = Row::new();
    for (column, text) in edits {
        let (column, value) = map.typed_for_change(change.change.side, column, text)?;
        columns.set(column, value);
    }
    let names: Vec<String> = columns.iter().map(|(name, _)| name.to_owned()).collect();
    let mut amendment = change.change.amendment;
    amendment.columns.0.extend(columns.0);
    let told = format!("{} given by {}", names.join(", "), decider.by);
    let amended = store.amend(&filter, amendment, &told, decider.at);
    if decider.takes(amended).await? == 0 {
        return Err(DecisionError::NotParked { seq });
    }
    Ok(names)
}

/// Ends parked changes as discarded; a deletion leaves the other record alone from then on. Returns how
/// many there were.
pub async fn discard_parked(
    store: &dyn Store,
    filter: &ParkedFilter,
    decider: &Decider,
) -> Result<u64, DecisionError> {
    let why = format!("by {}", decider.by);
    let parked = store.parked(filter, usize::MAX).await?;
    let ends = |one: &Parked| {
        [
            freed_token(&one.map, &one.key),
            decided_token(&one.map, &one.key),
        ]
    };
    let provides = parked.iter().flat_map(ends).collect();
    let discarded = store.discard(filter, &why, provides, decider.at);
    Ok(decider.takes(discarded).await?)
}

/// Makes parked changes pending again as they are. Returns how many there were.
pub async fn retry_parked(
    store: &dyn Store,
    filter: &ParkedFilter,
    decider: &Decider,
) -> Result<u64, DecisionError> {
    Ok(decider.takes(store.retry(filter, decider.at)).await?)
}

/// Deletions of one map and side that wait for a confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldDeletions {
    /// The map.
    pub map: String,
    /// The side on which the records were deleted.
    pub side: Side,
    /// Deletions that the system reported and that are parked.
    pub reported: u64,
    /// What a comparison of key sets found missing, in words; `None` when it holds nothing back.
    pub missing: Option<String>,
}

/// The deletions of these maps that wait for a confirmation.
pub async fn held_deletions(
    store: &dyn Store,
    maps: &[String],
) -> Result<Vec<HeldDeletions>, DecisionError> {
    let mut held = Vec::new();
    for map in maps {
        let filter = ParkedFilter {
            map: Some(map.clone()),
            reason: Some(ParkReason::MassDelete),
            ..ParkedFilter::default()
        };
        let parked = store.parked(&filter, usize::MAX).await?;
        for side in Side::BOTH {
            let one = HeldDeletions {
                map: map.clone(),
                side,
                reported: parked.iter().filter(|one| one.side == side).count() as u64,
                missing: store.cursor(&held_cursor(side, map)).await?,
            };
            if one.reported > 0 || one.missing.is_some() {
                held.push(one);
            }
        }
    }
    Ok(held)
}

/// Lets held deletions pass: reported ones become pending, and the next comparison of key sets
/// journals what it finds missing. Returns how many became pending. Each map and side is a decision of
/// its own: one that was not taken is still held and asks again.
pub async fn confirm_deletions(
    store: &dyn Store,
    held: &[HeldDeletions],
    decider: &Decider,
) -> Result<u64, DecisionError> {
    let mut passed = 0;
    let mut cursors = Vec::new();
    for one in held {
        if one.missing.is_some() {
            let name = confirmed_cursor(one.side, &one.map);
            cursors.push((name, Some(decider.by.clone())));
        }
        let filter = ParkedFilter {
            map: Some(one.map.clone()),
            reason: Some(ParkReason::MassDelete),
            side: Some(one.side),
            ..ParkedFilter::default()
        };
        let amendment = Amendment {
            confirmed: true,
            ..Amendment::default()
        };
        let told = format!("deletion confirmed by {}", decider.by);
        let amended = store.amend(&filter, amendment, &told, decider.at);
        passed += decider.takes(amended).await?;
    }
    let confirmed = Capture {
        cursors,
        ..Capture::default()
    };
    decider.takes(store.journal(confirmed, decider.at)).await?;
    Ok(passed)
}
