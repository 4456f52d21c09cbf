//! Compiles field lines into units that travel as one, and checks that their types go together.

use super::Compiler;
use super::paths::End;
use crate::canonical::same_word;
use crate::codes;
use crate::compiled::{Candidate, Direct, Kind, Lookup, Part, PathEnd, Transform, Unit};
use crate::convert::{Fit, fit, literal};
use crate::file::{Field, Marked};
use crate::schema::ColumnType;
use crate::side::{PerSide, Side};
use crate::value::Value;
use crate::values::ValueMap;

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
            if let Kind::Lookup(lookup) = &mut unit.kind {
                lookup.candidates = self.candidates(lookup);
            }
        }
        self.duplicate_targets(&compiled);
        compiled
    }

    fn field(&mut self, index: usize, field: &Field, compiled: &mut CompiledFields) {
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
        let Some(End::Column(slot)) = self.end(to, written) else {
            let known = self
                .found
                .last()
                .is_some_and(|d| d.place == written.at.place());
            if !known {
                let message = "a constant cannot be written through a lookup".to_owned();
                self.error(codes::BAD_PATH, &written.at, message, Vec::new(), None);
            }
            return;
        };
        let Some(text) = &field.default else { return };
        let ty = self.slots[to][slot].ty.clone();
        match literal(&text.value, &ty) {
            Ok(value) => compiled.units.push(Unit {
                name: field.to_string(),
                flows: PerSide::default(),
                kind: Kind::Constant { to, slot, value },
            }),
            Err(why) => self.bad_default(to, &written.value, &ty, text, why),
        }
    }

    fn bad_default(
        &mut self,
        side: Side,
        column: &str,
        ty: &ColumnType,
        text: &Marked<String>,
        why: String,
    ) {
        self.error(
            codes::BAD_DEFAULT,
            &text.at,
            format!("`{}` cannot stand in `{column}`: {why}", text.value),
            vec![format!("`{column}` on the {side} is a {}", ty.kind())],
            None,
        );
    }

    fn pair(
        &mut self,
        index: usize,
        field: &Field,
        ends: PerSide<End>,
        compiled: &mut CompiledFields,
    ) {
        let types = PerSide::from_fn(|side| self.type_of(side, &ends[side]));
        let Some(transform) = self.transform(field, &types) else {
            return;
        };
        self.check_types(field, &types, &transform);
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
                    kind,
                });
                None
            }
            (End::Column(_), End::Lookup { .. }) => Some(Side::Right),
            (End::Lookup { .. }, End::Column(_)) => Some(Side::Left),
            (End::Lookup { .. }, End::Lookup { .. }) => {
                self.error(
                    codes::BAD_PATH,
                    &field.at,
                    "a field can follow a lookup on one side only".to_owned(),
                    vec!["a lookup is found by a value that the other row itself holds".to_owned()],
                    Some("put the value into a column of one of the tables".to_owned()),
                );
                return;
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
            add_part(side, *slot, part, field, compiled);
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

    /// The value map and defaults with their texts typed by the columns.
    fn transform(&mut self, field: &Field, types: &PerSide<ColumnType>) -> Option<Transform> {
        let before = self.found.len();
        let mut pairs: Vec<PerSide<Value>> = Vec::new();
        for (left, right) in &field.values {
            let texts = PerSide { left, right };
            let values = PerSide::from_fn(|side| match literal(&texts[side].value, &types[side]) {
                Ok(value) => value,
                Err(why) => {
                    let column = self.written(field, side);
                    self.error(
                        codes::UNKNOWN_MEMBER,
                        &texts[side].at,
                        format!(
                            "`{}` cannot be a value of `{column}`: {why}",
                            texts[side].value
                        ),
                        vec![format!(
                            "`{column}` on the {side} is a {}",
                            types[side].kind()
                        )],
                        None,
                    );
                    Value::Null
                }
            });
            pairs.push(values);
        }
        let mut default = PerSide::<Option<Value>>::default();
        if let Some(text) = &field.default {
            for to in Side::BOTH {
                if !field.direction.flows_from(to.other()) {
                    continue;
                }
                match literal(&text.value, &types[to]) {
                    Ok(value) => default[to] = Some(value),
                    Err(why) => {
                        let column = self.written(field, to);
                        self.bad_default(to, &column, &types[to], text, why);
                    }
                }
            }
        }
        if self.found.len() > before {
            return None;
        }
        let values = (!pairs.is_empty()).then(|| {
            self.check_values(field, types, &pairs);
            ValueMap::new(pairs)
        });
        Some(Transform { values, default })
    }

    /// Whether the map covers what the columns can hold, and whether it can be inverted.
    fn check_values(
        &mut self,
        field: &Field,
        types: &PerSide<ColumnType>,
        pairs: &[PerSide<Value>],
    ) {
        for from in Side::BOTH {
            if !field.direction.flows_from(from) {
                continue;
            }
            let mapped = |value: &Value| pairs.iter().any(|pair| like(&pair[from], value));
            let missing: Vec<String> = members(&types[from])
                .into_iter()
                .filter(|value| !mapped(value))
                .map(|value| value.to_string())
                .collect();
            if !missing.is_empty() {
                let column = self.written(field, from);
                self.warn(
                    codes::VALUES_NOT_COVERED,
                    &field.at,
                    format!(
                        "the value map leaves out {} of the values of `{column}`",
                        missing.len()
                    ),
                    vec![format!(
                        "rows that hold one of them will be parked: {}",
                        shortened(&missing)
                    )],
                    Some("add a pair for each value that may occur".to_owned()),
                );
            }
            for (index, pair) in pairs.iter().enumerate() {
                let Some(first) = pairs[..index]
                    .iter()
                    .find(|earlier| like(&earlier[from], &pair[from]))
                else {
                    continue;
                };
                let to = from.other();
                if like(&first[to], &pair[to]) {
                    continue;
                }
                let value = pair[from].to_string();
                self.warn(
                    codes::VALUES_NOT_INVERTIBLE,
                    &field.values[index].0.at,
                    format!("`{value}` of the {from} has several counterparts on the {to}"),
                    vec![format!(
                        "`{value}` always becomes `{}`, the first that is listed",
                        first[to]
                    )],
                    Some("put the one that is meant first".to_owned()),
                );
            }
        }
    }

    /// Whether the values of one column can stand in the other.
    fn check_types(&mut self, field: &Field, types: &PerSide<ColumnType>, transform: &Transform) {
        for from in Side::BOTH {
            let to = from.other();
            if !field.direction.flows_from(from) || transform.values.is_some() {
                continue;
            }
            let (source, target) = (&types[from], &types[to]);
            let notes = vec![
                format!(
                    "`{}` on the {from} is a {}",
                    self.written(field, from),
                    described(source)
                ),
                format!(
                    "`{}` on the {to} is a {}",
                    self.written(field, to),
                    described(target)
                ),
            ];
            let line = field.to_string();
            match fit(source, target) {
                Fit::Never(fix) => {
                    let message =
                        format!("`{line}` joins columns of types that do not go together");
                    self.error(
                        codes::TYPE_CLASH,
                        &field.at,
                        message,
                        notes,
                        Some(fix.to_owned()),
                    );
                    return;
                }
                Fit::Partly(what) => {
                    self.warn(
                        codes::TYPE_CLASH,
                        &field.at,
                        format!("in `{line}`, {what}"),
                        notes.clone(),
                        None,
                    );
                }
                Fit::Whole => {}
            }
            match (source, target) {
                (
                    ColumnType::Text {
                        max_length: Some(long),
                    },
                    ColumnType::Text {
                        max_length: Some(short),
                    },
                ) if long > short => {
                    self.warn(
                        codes::LENGTH_MISMATCH,
                        &field.at,
                        format!("in `{line}`, the {to} holds fewer characters than the {from}"),
                        notes,
                        Some(format!(
                            "texts of more than {short} characters will be parked, never cut"
                        )),
                    );
                }
                (
                    ColumnType::Decimal {
                        scale: Some(long), ..
                    },
                    ColumnType::Decimal {
                        scale: Some(short), ..
                    },
                ) if long > short => {
                    self.warn(
                        codes::SCALE_MISMATCH,
                        &field.at,
                        format!("in `{line}`, the {to} keeps fewer decimals than the {from}"),
                        notes,
                        Some(format!(
                            "numbers are rounded to {short} decimals and compared so"
                        )),
                    );
                }
                _ => {}
            }
        }
    }

    /// The tables in which a lookup's record can be found, each with the paths to search.
    fn candidates(&self, lookup: &Lookup) -> Vec<Candidate> {
        let searching: Vec<usize> = (0..lookup.parts.len())
            .filter(|part| lookup.parts[*part].flows[lookup.side.other()])
            .collect();
        let Some(first) = searching.first() else {
            return Vec::new();
        };
        let tables = lookup.parts[*first]
            .ends
            .iter()
            .map(|end| end.table.as_str());
        tables
            .filter_map(|table| {
                let end_in = |part: &usize| {
                    let end = lookup.parts[*part]
                        .ends
                        .iter()
                        .position(|end| end.table == table)?;
                    Some((*part, end))
                };
                let equal: Option<Vec<_>> = searching.iter().map(end_in).collect();
                let schema = self.sources[lookup.side].table(table);
                Some(Candidate {
                    table: table.to_owned(),
                    striped: schema.is_some_and(|schema| schema.company.is_some()),
                    equal: equal?,
                })
            })
            .collect()
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
            let Kind::Constant { to, slot, .. } = &unit.kind else {
                continue;
            };
            let clash = written.iter().find(|(side, s, ..)| side == to && s == slot);
            if let Some((.., first)) = clash {
                let field = &self.file.fields[*first];
                let column = self.slots[*to][*slot].name.clone();
                let message = format!("`{column}` gets a constant, but `{field}` writes it too");
                let at = field.at.clone();
                let fix = Some("make the constant the field's default".to_owned());
                self.error(codes::DUPLICATE_TARGET, &at, message, Vec::new(), fix);
            }
        }
    }

    /// A field's end as its author wrote it.
    fn written(&self, field: &Field, side: Side) -> String {
        let end = match side {
            Side::Left => &field.left,
            Side::Right => &field.right,
        };
        end.as_ref().map_or(String::new(), |end| end.value.clone())
    }

    /// Lets each column's rule know its counterpart: the narrower scale, the coarser date, and
    /// that letter case does not count in keys and in what lookups are found by.
    pub(super) fn spread_rules(&mut self, units: &[Unit]) {
        for unit in units {
            match &unit.kind {
                Kind::Constant { .. } => {}
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

/// Adds a part to its lookup's unit, which the first part makes.
fn add_part(side: Side, slot: usize, part: Part, field: &Field, compiled: &mut CompiledFields) {
    let existing = compiled
        .units
        .iter_mut()
        .find_map(|unit| match &mut unit.kind {
            Kind::Lookup(lookup) if lookup.side == side && lookup.slot == slot => {
                Some((&mut unit.name, &mut unit.flows, lookup))
            }
            _ => None,
        });
    match existing {
        Some((name, flows, lookup)) => {
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
            kind: Kind::Lookup(Lookup {
                side,
                slot,
                parts: vec![part],
                candidates: Vec::new(),
            }),
        }),
    }
}

/// The values of a column that holds only a few.
fn members(ty: &ColumnType) -> Vec<Value> {
    match ty {
        ColumnType::Bool => vec![Value::Bool(false), Value::Bool(true)],
        ColumnType::Enum { members, .. } => members.iter().cloned().map(Value::Symbol).collect(),
        ColumnType::Choice { options } => options
            .iter()
            .map(|(option, _)| Value::Int(*option))
            .collect(),
        _ => Vec::new(),
    }
}

fn like(a: &Value, b: &Value) -> bool {
    match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => same_word(a, b),
        _ => a == b,
    }
}

/// The first few of a list, and how many follow.
fn shortened(items: &[String]) -> String {
    const SHOWN: usize = 8;
    let head = items
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match items.len().checked_sub(SHOWN) {
        None | Some(0) => head,
        Some(more) => format!("{head} and {more} more"),
    }
}

/// A type with the limit that matters in a message.
fn described(ty: &ColumnType) -> String {
    match ty {
        ColumnType::Text {
            max_length: Some(max),
        } => format!("text of at most {max} characters"),
        ColumnType::Decimal {
            scale: Some(scale), ..
        } => format!("decimal with {scale} decimals"),
        ColumnType::Enum { name, .. } => format!("enumeration ({name})"),
        ty => ty.kind().to_owned(),
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
