//! Types value maps and defaults, and checks that the types of a field's two ends go together.

use super::Compiler;
use super::paths::End;
use crate::canonical::same_word;
use crate::codes;
use crate::compiled::Transform;
use crate::convert::{Fit, fit, literal};
use crate::file::{Field, Marked};
use crate::schema::ColumnType;
use crate::side::{PerSide, Side};
use crate::value::{Row, Value};
use crate::values::ValueMap;
use crate::words::a;

impl Compiler<'_> {
    /// The value map and defaults with their texts typed by the columns.
    pub(super) fn transform(
        &mut self,
        field: &Field,
        types: &PerSide<ColumnType>,
    ) -> Option<Transform> {
        let before = self.found.len();
        let mut pairs: Vec<PerSide<Value>> = Vec::new();
        for (left, right) in &field.values {
            let texts = PerSide { left, right };
            let values = PerSide::from_fn(|side| match literal(&texts[side].value, &types[side]) {
                Ok(value) => value,
                Err(why) => {
                    let column = written(field, side);
                    self.error(
                        codes::UNKNOWN_MEMBER,
                        &texts[side].at,
                        format!(
                            "`{}` cannot be a value of `{column}`: {why}",
                            texts[side].value
                        ),
                        vec![format!(
                            "`{column}` on the {side} is {}",
                            a(types[side].kind())
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
                        let column = written(field, to);
                        self.bad_default(to, &column, &types[to], text, &why);
                    }
                }
            }
        }
        if self.found.len() > before {
            return None;
        }
        // `{ 1/1/1900: blank }` says how either side writes nothing, and nothing about other values.
        let nothing = |pair: &PerSide<Value>| Side::BOTH.iter().all(|side| pair[*side].is_null());
        let says_something = !pairs.iter().all(nothing);
        let values = says_something.then(|| {
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
                .filter(|value| !mapped(value) && self.can_occur(from, field, value))
                .map(|value| value.to_string())
                .collect();
            if !missing.is_empty() {
                let column = written(field, from);
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

    /// Whether a row with this value can pass its side's filter, as far as a filter on this column
    /// alone tells.
    fn can_occur(&self, side: Side, field: &Field, value: &Value) -> bool {
        let Some(filter) = &self.filters[side] else {
            return true;
        };
        let Some(column) = self.schemas[side].column(&written(field, side)) else {
            return true;
        };
        let alone = filter.columns().iter().all(|name| *name == column.name);
        !alone || filter.holds(&Row::new().with(column.name.clone(), value.clone()))
    }

    /// Whether the values of one column can stand in the other.
    pub(super) fn check_types(
        &mut self,
        field: &Field,
        types: &PerSide<ColumnType>,
        transform: &Transform,
        ends: &PerSide<End>,
    ) {
        for from in Side::BOTH {
            let to = from.other();
            if !field.direction.flows_from(from) || transform.values.is_some() {
                continue;
            }
            let (source, target) = (&types[from], &types[to]);
            let notes = vec![
                format!(
                    "`{}` on the {from} is {}",
                    written(field, from),
                    a(&described(source))
                ),
                format!(
                    "`{}` on the {to} is {}",
                    written(field, to),
                    a(&described(target))
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
            // What a lookup is found by is as long as its own record allows, on both sides.
            if ends.left.is_lookup() || ends.right.is_lookup() {
                continue;
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

    pub(super) fn bad_default(
        &mut self,
        side: Side,
        column: &str,
        ty: &ColumnType,
        text: &Marked<String>,
        why: &str,
    ) {
        self.error(
            codes::BAD_DEFAULT,
            &text.at,
            format!("`{}` cannot stand in `{column}`: {why}", text.value),
            vec![format!("`{column}` on the {side} is {}", a(ty.kind()))],
            None,
        );
    }
}

/// A field's end as its author wrote it.
fn written(field: &Field, side: Side) -> String {
    let end = match side {
        Side::Left => &field.left,
        Side::Right => &field.right,
    };
    end.as_ref().map_or(String::new(), |end| end.value.clone())
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
