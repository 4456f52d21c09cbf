//! Compiles field lines into units that travel as one, and checks that their types go together.

use super::Compiler;
use super::paths::End;
use super::twins::candidates;
use crate::codes;
use crate::compiled::{
    Candidate, Computed, Direct, Kind, Lookup, Part, PathEnd, Transform, TwinPart, Unit,
};
use crate::convert::literal;
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::expression::Expression;
use crate::file::{Conflicts, Field, Marked};
use crate::schema::ColumnType;
use crate::side::{PerSide, Side};

/// The units, and for the key the lines they came from.
#[derive(Default)]
pub(super) struct CompiledFields {
    pub(super) units: Vec<Unit>,
    pub(super) lines: Vec<CompiledLine>,
}

/// One line of the file after its ends were resolved.
pub(super) struct CompiledLine {
    /// Index of the line in the file.
    pub(super) field: usize,
    pub(super) ends: PerSide<End>,
    pub(super) transform: Transform,
}

impl Compiler<'_> {
    /// Compiles every line; what is wrong is reported and left out.
    pub(super) fn fields(&mut self) -> CompiledFields {
        let mut compiled = CompiledFields::default();
        for (index, field) in self.file.fields.iter().enumerate() {
            self.field(index, field, &mut compiled);
        }
        for unit in &mut compiled.units {
            match &mut unit.kind {
                Kind::Lookup(lookup) => lookup.candidates = self.candidates(lookup),
                Kind::Twins(twins) => self.twin_candidates(twins),
                _ => {}
            }
        }
        self.shared_lookups(&compiled.units);
        self.creations(&mut compiled);
        self.duplicate_targets(&compiled);
        compiled
    }

    fn field(&mut self, index: usize, field: &Field, compiled: &mut CompiledFields) {
        if let Some(text) = &field.expression {
            if let Some((to, written)) = written_end(field) {
                self.computed(field, to, written, text, compiled);
            }
            return;
        }
        match (&field.left, &field.right) {
            (None, Some(written)) => self.constant(field, Side::Right, written, compiled),
            (Some(written), None) => self.constant(field, Side::Left, written, compiled),
            (Some(left), Some(right)) => {
                let ends = (self.end(Side::Left, left), self.end(Side::Right, right));
                if let (Some(left), Some(right)) = ends {
                    let ends = PerSide { left, right };
                    self.pair(index, field, ends, compiled);
                }
            }
            (None, None) => {}
        }
    }

    fn constant(
        &mut self,
        field: &Field,
        to: Side,
        written: &Marked<String>,
        compiled: &mut CompiledFields,
    ) {
        let Some(slot) = self.written_column(to, written, "a constant") else {
            return;
        };
        let Some(text) = &field.default else { return };
        let ty = self.slots[to][slot].ty.clone();
        match literal(&text.value, &ty) {
            Ok(value) => compiled.units.push(Unit {
                name: field.to_string(),
                flows: PerSide::default(),
                policy: self.file.conflicts.value,
                kind: Kind::Constant { to, slot, value },
            }),
            Err(why) => self.bad_default(to, &written.value, &ty, text, &why),
        }
    }

    /// The column that a constant or an expression writes.
    fn written_column(&mut self, to: Side, written: &Marked<String>, what: &str) -> Option<usize> {
        if let Some(End::Column(slot)) = self.end(to, written) {
            return Some(slot);
        }
        let known = self
            .found
            .last()
            .is_some_and(|d| d.place == written.at.place());
        if !known {
            let message = format!("{what} cannot be written through a lookup");
            self.error(codes::BAD_PATH, &written.at, message, Vec::new(), None);
        }
        None
    }

    fn computed(
        &mut self,
        field: &Field,
        to: Side,
        written: &Marked<String>,
        text: &Marked<String>,
        compiled: &mut CompiledFields,
    ) {
        let from = to.other();
        let tree = match Expression::parse(&text.value) {
            Ok(tree) => tree,
            Err(error) => {
                let mut at = text.at.place();
                if let Some(place) = &mut at {
                    // The text begins behind its parenthesis.
                    let before = text.value.get(..error.offset).unwrap_or(&text.value);
                    place.column += 1 + before.chars().count();
                    place.length = 1;
                }
                return self.found.push(bad_expression(at, &error.message));
            }
        };
        let names = Expression::names(&tree);
        if names.is_empty() {
            let why = "it reads no column; write a constant in quotes";
            return self.found.push(bad_expression(text.at.place(), why));
        }
        let (mut reads, mut columns) = (Vec::new(), Vec::new());
        for name in names {
            let Some(slot) = self.column(from, &name, &text.at) else {
                return;
            };
            let ty = self.slots[from][slot].ty.clone();
            if matches!(ty, ColumnType::Lookup { .. }) {
                let why = format!("`{name}` is a lookup, which an expression cannot read");
                return self.found.push(bad_expression(text.at.place(), &why));
            }
            columns.push((name, self.slots[from][slot].name.clone(), ty));
            reads.push(slot);
        }
        let expression = Expression::new(tree, columns);
        if let Err(error) = expression.probe() {
            let why = error.to_string();
            return self.found.push(bad_expression(text.at.place(), &why));
        }
        let Some(slot) = self.written_column(to, written, "an expression") else {
            return;
        };
        compiled.units.push(Unit {
            name: field.to_string(),
            flows: PerSide::from_fn(|side| side == from),
            policy: self.policy(field),
            kind: Kind::Computed(Computed {
                to,
                slot,
                reads,
                expression,
            }),
        });
    }

    fn pair(
        &mut self,
        index: usize,
        field: &Field,
        ends: PerSide<End>,
        compiled: &mut CompiledFields,
    ) {
        let types = PerSide::from_fn(|side| self.type_of(side, &ends[side]));
        if let (End::Column(left), End::Column(right)) = (&ends.left, &ends.right)
            && let (ColumnType::Lookup { .. }, ColumnType::Lookup { .. }) =
                (&types.left, &types.right)
        {
            let slots = PerSide {
                left: *left,
                right: *right,
            };
            if self.twins(field, slots, None, compiled) {
                compiled.lines.push(CompiledLine {
                    field: index,
                    ends,
                    transform: Transform::default(),
                });
            }
            return;
        }
        let Some(transform) = self.transform(field, &types) else {
            return;
        };
        self.check_types(field, &types, &transform, &ends);
        let flows = PerSide::from_fn(|side| field.direction.flows_from(side));
        let lookup_side = match (&ends.left, &ends.right) {
            (End::Column(left), End::Column(right)) => {
                let slots = PerSide {
                    left: *left,
                    right: *right,
                };
                let scale = narrower(&types);
                let kind = Kind::Direct(Direct {
                    slots,
                    transform: transform.clone(),
                    scale,
                });
                compiled.units.push(Unit {
                    name: field.to_string(),
                    flows,
                    policy: self.policy(field),
                    kind,
                });
                None
            }
            (End::Column(_), End::Lookup { .. }) => Some(Side::Right),
            (End::Lookup { .. }, End::Column(_)) => Some(Side::Left),
            (
                End::Lookup {
                    slot: left,
                    ends: behind_left,
                    ..
                },
                End::Lookup {
                    slot: right,
                    ends: behind_right,
                    ..
                },
            ) => {
                let slots = PerSide {
                    left: *left,
                    right: *right,
                };
                let part = TwinPart {
                    flows,
                    ends: PerSide {
                        left: behind_left.clone(),
                        right: behind_right.clone(),
                    },
                    transform: transform.clone(),
                };
                self.twins(field, slots, Some(part), compiled);
                None
            }
        };
        if let Some(side) = lookup_side
            && let (End::Lookup { slot, ends, direct }, End::Column(plain)) =
                (&ends[side], &ends[side.other()])
        {
            let part = Part {
                plain: *plain,
                flows,
                ends: ends.clone(),
                direct: *direct,
                transform: transform.clone(),
            };
            let policy = self.policy(field);
            add_part(side, *slot, part, field, policy, compiled);
        }
        compiled.lines.push(CompiledLine {
            field: index,
            ends,
            transform,
        });
    }

    pub(super) fn type_of(&self, side: Side, end: &End) -> ColumnType {
        match end {
            End::Column(slot) => self.slots[side][*slot].ty.clone(),
            End::Lookup { slot, ends, .. } => ends
                .first()
                .map_or_else(|| self.slots[side][*slot].ty.clone(), |end| end.ty.clone()),
        }
    }

    /// The tables in which a lookup's record can be found, each with the paths to search.
    fn candidates(&self, lookup: &Lookup) -> Vec<Candidate> {
        let searching: Vec<usize> = (0..lookup.parts.len())
            .filter(|part| lookup.parts[*part].flows[lookup.side.other()])
            .collect();
        let searching: Vec<(usize, &[PathEnd])> = searching
            .into_iter()
            .map(|part| (part, lookup.parts[part].ends.as_slice()))
            .collect();
        candidates(self.sources[lookup.side], &searching)
    }

    fn duplicate_targets(&mut self, compiled: &CompiledFields) {
        let mut written: Vec<(Side, usize, bool, usize)> = Vec::new();
        for line in &compiled.lines {
            let field = &self.file.fields[line.field];
            for to in Side::BOTH {
                if !field.direction.flows_from(to.other()) {
                    continue;
                }
                // Several columns may help to find one lookup, and several lookups may name one
                // column; two plain fields may not.
                let (slot, through_lookup) = match (&line.ends[to], &line.ends[to.other()]) {
                    (End::Lookup { .. }, _) => continue,
                    (End::Column(slot), End::Lookup { .. }) => (*slot, true),
                    (End::Column(slot), End::Column(_)) => (*slot, false),
                };
                let earlier = written
                    .iter()
                    .find(|(side, s, ..)| *side == to && *s == slot)
                    .copied();
                let column = self.slots[to][slot].name.clone();
                if let Some((.., shared, first)) = earlier {
                    let other = self.file.fields[first].to_string();
                    let notes = vec![format!("`{other}` writes `{column}` too")];
                    if shared || through_lookup {
                        self.warn(
                            codes::SHARED_TARGET,
                            &field.at,
                            format!("`{field}` writes `{column}`, which another field writes"),
                            notes,
                            Some("rows in which the two disagree will be parked".to_owned()),
                        );
                    } else {
                        self.error(
                            codes::DUPLICATE_TARGET,
                            &field.at,
                            format!("`{field}` writes `{column}`, which another field writes"),
                            notes,
                            Some("let one of them travel the other way only".to_owned()),
                        );
                    }
                }
                written.push((to, slot, through_lookup, line.field));
            }
        }
        for unit in &compiled.units {
            let (Kind::Constant { to, slot, .. } | Kind::Computed(Computed { to, slot, .. })) =
                &unit.kind
            else {
                continue;
            };
            let clash = written.iter().find(|(side, s, ..)| side == to && s == slot);
            if let Some((.., first)) = clash {
                let field = &self.file.fields[*first];
                let column = self.slots[*to][*slot].name.clone();
                let message = format!(
                    "`{}` writes `{column}`, but `{field}` writes it too",
                    unit.name
                );
                let at = field.at.clone();
                let fix = match &unit.kind {
                    Kind::Computed(_) => "keep one of them",
                    _ => "make the constant the field's default",
                };
                let fix = Some(fix.to_owned());
                self.error(codes::DUPLICATE_TARGET, &at, message, Vec::new(), fix);
            }
        }
    }

    /// Lets each column's rule know its counterpart: the narrower scale, the coarser date, and
    /// that letter case does not count in keys and in what lookups are found by.
    pub(super) fn spread_rules(&mut self, units: &[Unit]) {
        for unit in units {
            match &unit.kind {
                Kind::Constant { .. } => {}
                Kind::Computed(computed) => {
                    for slot in &computed.reads {
                        self.slots[computed.to.other()][*slot].flows_out = true;
                    }
                }
                Kind::Direct(direct) => {
                    let day = Side::BOTH
                        .iter()
                        .any(|s| self.slots[*s][direct.slots[*s]].rule.day);
                    for side in Side::BOTH {
                        let slot = &mut self.slots[side][direct.slots[side]];
                        slot.rule.scale = narrower_of(slot.rule.scale, direct.scale);
                        slot.rule.day |= day && matches!(slot.ty, ColumnType::DateTime);
                        slot.flows_out |= unit.flows[side];
                    }
                }
                Kind::Twins(twins) => {
                    for side in Side::BOTH {
                        self.slots[side][twins.slots[side]].flows_out |= unit.flows[side];
                    }
                }
                Kind::Lookup(lookup) => {
                    self.slots[lookup.side][lookup.slot].flows_out |= unit.flows[lookup.side];
                    for part in &lookup.parts {
                        let slot = &mut self.slots[lookup.side.other()][part.plain];
                        slot.rule.fold = true;
                        slot.flows_out |= part.flows[lookup.side.other()];
                    }
                }
            }
        }
    }
}

/// The end that a line with an expression writes.
fn written_end(field: &Field) -> Option<(Side, &Marked<String>)> {
    match (&field.left, &field.right) {
        (None, Some(right)) => Some((Side::Right, right)),
        (Some(left), None) => Some((Side::Left, left)),
        _ => None,
    }
}

fn bad_expression(place: Option<Place>, why: &str) -> Diagnostic {
    Diagnostic {
        code: codes::BAD_EXPRESSION,
        severity: Severity::Error,
        message: format!("the expression does not work: {why}"),
        place,
        notes: vec![
            "an expression is written as OData writes one, with columns of the other side"
                .to_owned(),
        ],
        fix: None,
    }
}

/// Adds a part to its lookup's unit, which the first part makes.
fn add_part(
    side: Side,
    slot: usize,
    part: Part,
    field: &Field,
    policy: Conflicts,
    compiled: &mut CompiledFields,
) {
    let existing = compiled
        .units
        .iter_mut()
        .find_map(|unit| match &mut unit.kind {
            Kind::Lookup(lookup) if lookup.side == side && lookup.slot == slot => {
                Some((&mut unit.name, &mut unit.flows, &mut unit.policy, lookup))
            }
            _ => None,
        });
    match existing {
        Some((name, flows, strictest, lookup)) => {
            // They travel as one, so the most careful of their policies counts for all.
            *strictest = (*strictest).max(policy);
            name.push_str(", ");
            name.push_str(&field.to_string());
            for side in Side::BOTH {
                flows[side] |= part.flows[side];
            }
            lookup.parts.push(part);
        }
        None => compiled.units.push(Unit {
            name: field.to_string(),
            flows: part.flows,
            policy,
            kind: Kind::Lookup(Lookup {
                side,
                slot,
                parts: vec![part],
                candidates: Vec::new(),
                creation: None,
            }),
        }),
    }
}

fn narrower(types: &PerSide<ColumnType>) -> Option<u32> {
    let scale = |ty: &ColumnType| match ty {
        ColumnType::Decimal { scale, .. } => *scale,
        _ => None,
    };
    narrower_of(scale(&types.left), scale(&types.right))
}

fn narrower_of(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (scale, None) | (None, scale) => scale,
    }
}

/// Where a path ends, for the key.
pub(super) fn ends_of(end: &End) -> &[PathEnd] {
    match end {
        End::Column(_) => &[],
        End::Lookup { ends, .. } => ends,
    }
}
