//! Contested fields and records: what decides them, and what is remembered of it.
//!
//! A field that both sides changed is decided by its policy, or by a person whose decision stands in
//! the open conflict of the pair. A deletion that met a change is always a person's to decide. What
//! nobody has decided waits, and nothing of it is agreed meanwhile.

use super::deliver::Situation;
use super::freshness::is_own_write;
use super::settle::{End, Landing};
use super::target::{Target, takes_place};
use super::{Errand, Upsert, Wish};
use crate::core::Core;
use crate::resolve::{decided_token, freed_token};
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_map::field_set::FieldSet;
use duet_map::file::Conflicts;
use duet_map::merge::{Meeting, Merged, MergedConflict, Ruling};
use duet_map::side::{PerSide, Side};
use duet_map::value::{Row, Value};
use duet_store::change::{Amendment, ChangeKind, NewChange, Origin, Park, ParkReason};
use duet_store::conflict::{
    Conflict, ConflictKind, FieldConflict, NewConflict, OpenConflict, Touch,
};
use duet_store::settlement::Outcome;
use jiff::{SignedDuration, Timestamp};

/// The side whose deed a person chose in a conflict between a deletion and a change.
pub(super) fn decided_side(conflict: &Conflict) -> Option<Side> {
    conflict
        .decision
        .as_ref()
        .and_then(|decision| decision.side)
}

impl Core {
    /// Merges an upsert into its target, as policies and people say.
    pub(super) fn merge(
        &self,
        map: &CompiledMap,
        errand: &Errand,
        upsert: &Upsert,
        target: &Target,
        now: Option<&Row>,
    ) -> Merged {
        let repairs = errand.change.change.amendment.repair;
        let from = errand.from;
        // A repair meets the other record as if for the first time; one that takes the place of the
        // pair's own is met for the first time.
        let halves = errand
            .pair
            .as_ref()
            .filter(|_| !repairs && !takes_place(errand, target))
            .map(|pair| &pair.body.halves);
        let mut decisions = errand
            .conflict
            .as_ref()
            .map(|conflict| conflict.decisions())
            .unwrap_or_default();
        for decision in &mut decisions {
            let column = &decision.columns[from];
            if upsert.truth.get(column) == Some(&decision.seen[from]) {
                decision.seen[from] = upsert.row.value(column).clone();
            }
        }
        let ruling = Ruling {
            latest: self.later(from, upsert.touch.at, read_touch(errand, target).at),
            master_only: repairs
                || errand.pair.is_none() && errand.change.change.origin == Origin::Initial,
            decisions: &decisions,
        };
        let meeting = Meeting {
            from,
            source_row: &upsert.row,
            source_image: halves.map(|halves| &halves[from].image),
            base: halves.map(|halves| &halves[from.other()].image),
            current: now,
            translation: &upsert.translation,
        };
        let mut merged = map.merge_under(&meeting, &ruling);
        for conflict in &mut merged.conflicts {
            tell_truth(from, upsert, conflict);
        }
        give_back(map, errand, upsert, &mut merged);
        merged
    }

    /// The side that was modified later, where the two times are further apart than the clocks may
    /// be.
    fn later(
        &self,
        from: Side,
        source: Option<Timestamp>,
        target: Option<Timestamp>,
    ) -> Option<Side> {
        let apart = source?.duration_since(target?);
        let skew = SignedDuration::try_from(self.settings.clock_skew).unwrap_or_default();
        if apart > skew {
            Some(from)
        } else if apart < -skew {
            Some(from.other())
        } else {
            None
        }
    }
}

/// A value that a person gave for this one change stands on neither side yet: a conflict is about what
/// does, which the other side's changes see as well.
fn tell_truth(from: Side, upsert: &Upsert, conflict: &mut MergedConflict) {
    let (column, value) = match from {
        Side::Left => (&conflict.left_column, &mut conflict.left),
        Side::Right => (&conflict.right_column, &mut conflict.right),
    };
    if let Some(truth) = upsert.truth.get(column) {
        *value = truth.clone();
    }
}

/// A value that a person gave for this one change stands on neither side yet: from the target it
/// travels back to the source.
fn give_back(map: &CompiledMap, errand: &Errand, upsert: &Upsert, merged: &mut Merged) {
    let columns = upsert.truth.iter().map(|(column, _)| column);
    let amended = map.fields_reading(errand.from, columns);
    for ours in &upsert.translation.columns {
        let stands =
            merged.write.get(&ours.column).is_some() || merged.agreed.contains(&ours.column);
        if amended.contains(ours.field) && map.field_flows(ours.field, errand.to()) && stands {
            merged.given.push(ours.column.clone());
        }
    }
}

/// Who modified the record that was read, and when. Unknown after a write of our own.
fn read_touch(errand: &Errand, target: &Target) -> Touch {
    match target {
        Target::Read(record)
            if !is_own_write(errand.pair.as_ref(), errand.to(), record.version.as_ref()) =>
        {
            Touch {
                by: record.modified_by.clone(),
                at: record.modified,
            }
        }
        _ => Touch::default(),
    }
}

impl Upsert {
    /// Lets the fields wait that a person has to decide; everything else goes on.
    pub(super) fn hold(&mut self, map: &CompiledMap, errand_key: &duet_map::Key, held: &FieldSet) {
        if held.is_empty() {
            return;
        }
        let message = format!(
            "both sides changed {}; `duet conflicts` shows both values, and `duet conflicts resolve` \
             decides",
            map.field_names(held).join(", ")
        );
        let token = decided_token(map.id(), errand_key);
        self.later = Some(match self.later.take() {
            None => {
                let park = Park {
                    reason: ParkReason::Conflict,
                    code: Code(2120),
                    message,
                    waits_for: vec![token],
                };
                (held.clone(), park)
            }
            Some((fields, mut park)) => {
                park.message = format!("{}; {message}", park.message);
                park.waits_for.push(token);
                (fields.union(held), park)
            }
        });
    }
}

/// What a merge leaves to remember: what policies decided, and what becomes of the open conflict.
pub(super) fn remember(
    errand: &Errand,
    target: &Target,
    merged: &Merged,
) -> (Option<NewConflict>, OpenConflict) {
    let of = |fields: Vec<&MergedConflict>, touched: fn(&Errand, &Target) -> PerSide<Touch>| {
        if fields.is_empty() {
            return None;
        }
        let mut policies: Vec<Conflicts> = fields.iter().map(|field| field.policy).collect();
        policies.sort_unstable();
        policies.dedup();
        let policies: Vec<&str> = policies.into_iter().map(Conflicts::as_str).collect();
        Some(NewConflict {
            kind: if errand.pair.is_some() && !takes_place(errand, target) {
                ConflictKind::Fields
            } else {
                ConflictKind::Meeting
            },
            policy: policies.join(", "),
            fields: fields.into_iter().map(field_conflict).collect(),
            touched: touched(errand, target),
        })
    };
    let undecided = |conflict: &&MergedConflict| conflict.winner.is_none() && !conflict.decided;
    let by_policy = |conflict: &&MergedConflict| conflict.winner.is_some() && !conflict.decided;
    let waits = of(merged.conflicts.iter().filter(undecided).collect(), touched);
    // The open conflict becomes what still waits: what a person decided of it needs its own record.
    let carried_out = |conflict: &&MergedConflict| conflict.decided && waits.is_some();
    let ended = |conflict: &&MergedConflict| by_policy(conflict) || carried_out(conflict);
    // What a policy decided shows the times that it went by.
    let decided = of(merged.conflicts.iter().filter(ended).collect(), touched_now);

    let to = errand.to();
    let settled = |column: &str| {
        merged.write.get(column).is_some()
            || merged.agreed.iter().any(|agreed| agreed == column)
            || merged
                .conflicts
                .iter()
                .any(|one| !merged.held.contains(one.field) && column_of(one, to) == column)
    };
    let open = match (waits, errand.conflict.as_deref()) {
        (Some(mut waits), Some(open)) if open.kind != ConflictKind::Deletion => {
            // What this change says nothing about still waits.
            let others = open.fields.iter().filter(|field| {
                let column = field.column(to);
                !settled(column) && waits.fields.iter().all(|new| new.column(to) != column)
            });
            let others: Vec<FieldConflict> = others.cloned().collect();
            waits.fields.extend(others);
            OpenConflict::Waits(waits)
        }
        (Some(waits), _) => OpenConflict::Waits(waits),
        (None, Some(open))
            if open.kind == ConflictKind::Deletion
                || open.fields.iter().all(|field| settled(field.column(to))) =>
        {
            if open.decision.is_some() {
                OpenConflict::Resolved
            } else {
                OpenConflict::Gone("both sides agree".to_owned())
            }
        }
        (None, _) => OpenConflict::Keep,
    };
    (decided, open)
}

fn column_of(conflict: &MergedConflict, side: Side) -> &str {
    match side {
        Side::Left => &conflict.left_column,
        Side::Right => &conflict.right_column,
    }
}

fn field_conflict(field: &MergedConflict) -> FieldConflict {
    FieldConflict {
        left_column: field.left_column.clone(),
        right_column: field.right_column.clone(),
        base: field.base.clone(),
        left: field.left.clone(),
        right: field.right.clone(),
        winner: field.winner,
        policy: field.winner.map(|_| match (field.decided, field.policy) {
            (true, _) => "a person".to_owned(),
            (false, Conflicts::Latest) if field.fell_back => {
                "latest: the times do not tell, so the master".to_owned()
            }
            (false, policy) => policy.as_str().to_owned(),
        }),
    }
}

/// Who modified the two records, and when, as they stand now. Unknown after a write of our own.
fn touched_now(errand: &Errand, target: &Target) -> PerSide<Touch> {
    let mut touched = PerSide::default();
    if let Wish::Upsert(upsert) = &errand.wish {
        touched[errand.from] = upsert.touch.clone();
    }
    touched[errand.to()] = read_touch(errand, target);
    touched
}

/// The same, for a person who has to decide.
fn touched(errand: &Errand, target: &Target) -> PerSide<Touch> {
    let mut touched = touched_now(errand, target);
    // What an open conflict remembers outlives our own writes of other fields.
    if let Some(open) = errand.conflict.as_deref() {
        for side in Side::BOTH {
            if touched[side] == Touch::default() {
                touched[side] = open.touched[side].clone();
            }
        }
    }
    touched
}

/// What a deletion would take with it: the fields that changed on the surviving side.
fn endangered(
    map: &CompiledMap,
    survivor: Side,
    row: &Row,
    image: Option<&Row>,
) -> Vec<FieldConflict> {
    let Some(image) = image else {
        return Vec::new();
    };
    let changed = map.diff(survivor, row, image);
    changed
        .iter()
        .map(|field| {
            let mut one = FieldSet::new();
            one.insert(field);
            let columns = PerSide::from_fn(|side| map.column_names(side, &one).first().cloned());
            let column = columns[survivor].clone().unwrap_or_default();
            let value = row.value(&column).clone();
            let (left, right) = match survivor {
                Side::Left => (value, Value::Null),
                Side::Right => (Value::Null, value),
            };
            FieldConflict {
                left_column: columns.left.clone().unwrap_or_default(),
                right_column: columns.right.clone().unwrap_or_default(),
                base: image.get(&column).cloned(),
                left,
                right,
                winner: None,
                policy: None,
            }
        })
        .collect()
}

/// A changed record whose counterpart was deleted. `Ok`: create it again.
pub(super) fn changed_and_deleted(
    map: &CompiledMap,
    errand: Errand,
    target: Target,
) -> Result<Situation, Box<End>> {
    let (from, to) = (errand.from, errand.to());
    let Wish::Upsert(upsert) = &errand.wish else {
        return Ok(Situation { errand, target });
    };
    if upsert.recreates {
        return Ok(Situation {
            errand,
            target: Target::Absent,
        });
    }
    let decided = errand.conflict.as_deref().and_then(decided_side);
    if decided == Some(to)
        && let Some(deletion) = deletion_of(map, &errand, to)
    {
        let why = "a person chose the deletion over this change".to_owned();
        return Err(Box::new(End {
            settlement: errand.ends(Outcome::Discarded(why)),
            still_to_come: Some(Box::new(deletion)),
        }));
    }
    let image = errand
        .pair
        .as_ref()
        .map(|pair| &pair.body.halves[from].image);
    let conflict = NewConflict {
        kind: ConflictKind::Deletion,
        policy: Conflicts::Manual.as_str().to_owned(),
        fields: endangered(map, from, &upsert.row, image),
        touched: touched(&errand, &target),
    };
    let message = format!(
        "the record was changed on the {from} side and deleted on the {to} side; decide with \
         `duet conflicts resolve`, delete it here too, or create it there again"
    );
    Err(Box::new(undecided(
        map,
        errand,
        Code(2104),
        message,
        conflict,
    )))
}

/// A deletion that meets a change of the other record. `Ok`: the deletion stands.
pub(super) fn deleted_and_changed(
    map: &CompiledMap,
    errand: Errand,
    target: Target,
) -> Result<Situation, Box<End>> {
    let (from, to) = (errand.from, errand.to());
    let Target::Read(record) = &target else {
        return Ok(Situation { errand, target });
    };
    let image = errand.pair.as_ref().map(|pair| &pair.body.halves[to].image);
    let fields = endangered(map, to, &record.row, image);
    if fields.is_empty() {
        return Ok(Situation { errand, target });
    }
    let known = errand
        .conflict
        .as_deref()
        .filter(|conflict| conflict.kind == ConflictKind::Deletion);
    match known.and_then(decided_side) {
        // What was decided about is still what stands there.
        Some(side) if side == from && known.is_some_and(|known| still_stands(known, &fields)) => {
            return Ok(Situation { errand, target });
        }
        Some(side) if side == to => {
            let change = Box::new(NewChange {
                map: map.id().to_owned(),
                side: to,
                key: errand.key.clone(),
                record: record.id.clone(),
                kind: ChangeKind::Upsert {
                    row: record.row.clone(),
                    version: record.version.clone(),
                    modified: record.modified,
                    by: record.modified_by.clone(),
                },
                tick: 0,
                origin: Origin::Live,
                amendment: Amendment {
                    recreate: true,
                    ..Amendment::default()
                },
            });
            let why = "a person chose the other side's change over this deletion".to_owned();
            return Err(Box::new(End {
                settlement: errand.ends(Outcome::Discarded(why)),
                still_to_come: Some(change),
            }));
        }
        _ => {}
    }
    let conflict = NewConflict {
        kind: ConflictKind::Deletion,
        policy: Conflicts::Manual.as_str().to_owned(),
        fields,
        touched: touched(&errand, &target),
    };
    let message = format!(
        "the record was deleted on the {from} side and changed on the {to} side; decide with \
         `duet conflicts resolve`, delete it there too, or create it here again"
    );
    // A record that was created here again may wait for the key: it is what decides now.
    let freed = freed_token(map.id(), &errand.key);
    let mut end = undecided(map, errand, Code(2105), message, conflict);
    end.settlement.provides.push(freed);
    Err(Box::new(end))
}

/// The deletion on a side of an errand's pair, as a change of its own.
fn deletion_of(map: &CompiledMap, errand: &Errand, side: Side) -> Option<NewChange> {
    let pair = errand.pair.as_ref()?;
    Some(NewChange {
        map: map.id().to_owned(),
        side,
        key: pair.body.key.clone(),
        record: pair.body.halves[side].record.clone()?,
        kind: ChangeKind::Delete,
        tick: errand.looked,
        origin: Origin::Live,
        amendment: Amendment {
            confirmed: true,
            ..Amendment::default()
        },
    })
}

/// Parks a change until a person has decided between a deletion here and a change there.
fn undecided(
    map: &CompiledMap,
    errand: Errand,
    code: Code,
    message: String,
    conflict: NewConflict,
) -> End {
    let park = Park {
        reason: ParkReason::Conflict,
        code,
        message,
        waits_for: vec![decided_token(map.id(), &errand.key)],
    };
    let mut settlement = errand.ends(Outcome::Parked { park, writes: 0 });
    settlement.open_conflict = OpenConflict::Waits(conflict);
    settlement.into()
}

/// What becomes of the open conflict of a pair whose record leaves the map's filter: nothing travels
/// until it is back, and then both are compared anew.
pub(super) fn left_filter(conflict: Option<&Conflict>) -> OpenConflict {
    match conflict {
        None => OpenConflict::Keep,
        Some(_) => OpenConflict::Gone("the record left the map's filter".to_owned()),
    }
}

/// What becomes of an open conflict when the company of its record has left the scope.
pub(super) fn left_scope(conflict: Option<&Conflict>) -> OpenConflict {
    match conflict {
        None => OpenConflict::Keep,
        Some(_) => OpenConflict::Gone("its company left the scope".to_owned()),
    }
}

/// Releases what waits for the decision of a conflict that is over.
pub(super) fn decision_over(map: &CompiledMap, conflict: Option<&Conflict>) -> Vec<String> {
    let token = conflict.map(|conflict| decided_token(map.id(), &conflict.key));
    token.into_iter().collect()
}

/// Whether a deletion would take what a person saw when deciding.
fn still_stands(known: &Conflict, fields: &[FieldConflict]) -> bool {
    // The value before may be nothing or unknown, which a conflict record does not keep apart.
    let seen = |field: &FieldConflict| {
        (
            PerSide::from_fn(|side| field.column(side).to_owned()),
            PerSide::from_fn(|side| field.value(side).clone()),
        )
    };
    known.fields.iter().map(seen).eq(fields.iter().map(seen))
}

/// What becomes of a pair's open conflict when the pair ends.
pub(super) fn ended_with_pair(errand: &Errand) -> OpenConflict {
    match errand.conflict.as_deref() {
        None => OpenConflict::Keep,
        Some(conflict) if conflict.decision.is_some() => OpenConflict::Resolved,
        Some(_) => OpenConflict::Gone("the record was deleted".to_owned()),
    }
}

impl Landing {
    /// Whether the other record is a new one in an old pair.
    pub(super) fn recreated(&self) -> bool {
        let absent = matches!(self.target, Target::Absent);
        absent && self.errand.recreates() || takes_place(&self.errand, &self.target)
    }
}
