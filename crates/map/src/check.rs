//! Checks a row against what its table promises, before anything is sent.

use crate::codes;
use crate::compiled::{CompiledMap, Kind, Unit};
use crate::diagnostic::Code;
use crate::problem::Problem;
use crate::schema::ColumnType;
use crate::side::Side;
use crate::value::{Row, Value};
use crate::words::a;

impl CompiledMap {
    /// What the system of side `to` would refuse in this write: types, lengths, ranges, options,
    /// members, columns that cannot be written, required columns that would be empty. For a
    /// `create`, required columns of the map that are absent count as empty.
    pub fn check(&self, to: Side, row: &Row, create: bool) -> Vec<Problem> {
        let schema = self.schema(to);
        let mut problems = Vec::new();
        for (name, value) in row.iter() {
            let Some(column) = schema.column(name) else {
                let message = format!("{} has no such column", schema.name);
                problems.push(self.refused(
                    to,
                    name,
                    codes::NO_SUCH_COLUMN,
                    message,
                    "compile the map again against the table as it is now",
                ));
                continue;
            };
            if let Some((code, message, fix)) = objection(&column.ty, value) {
                problems.push(self.refused(to, &column.name, code, message, fix));
            } else if !(if create { column.create } else { column.update }) {
                let when = if create {
                    "a new record"
                } else {
                    "an existing record"
                };
                let message = format!("it cannot be written in {when}");
                problems.push(self.refused(
                    to,
                    &column.name,
                    codes::NOT_WRITABLE,
                    message,
                    "let the field travel the other way only, or change the record by hand",
                ));
            } else if value.is_null()
                && column.required
                && column.empty.is_none()
                && !self.may_be_allocated(to, name)
            {
                problems.push(self.required(to, &column.name));
            }
        }
        if create {
            for slot in &self.slots[to] {
                let absent =
                    slot.required && slot.rule.empty.is_none() && row.get(&slot.name).is_none();
                let takes = schema
                    .column(&slot.name)
                    .is_some_and(|column| column.create);
                if absent && takes && !self.may_be_allocated(to, &slot.name) {
                    problems.push(self.required(to, &slot.name));
                }
            }
        }
        problems
    }

    /// Whether the column is a key that its own system may choose.
    fn may_be_allocated(&self, side: Side, column: &str) -> bool {
        let in_key = || {
            self.key
                .iter()
                .any(|part| self.slots[side][part.at[side].slot()].name == column)
        };
        self.allocates() == Some(side) && in_key()
    }

    fn required(&self, side: Side, column: &str) -> Problem {
        let message = "it is required and would be empty".to_owned();
        self.refused(
            side,
            column,
            codes::REQUIRED_EMPTY,
            message,
            "fill it on the other side, or give the field a default",
        )
    }

    fn refused(&self, side: Side, column: &str, code: Code, message: String, fix: &str) -> Problem {
        let slot = self.slots[side].iter().position(|slot| slot.name == column);
        let touches = |unit: &&Unit| match &unit.kind {
            Kind::Constant { to, slot: own, .. } => *to == side && Some(*own) == slot,
            Kind::Computed(computed) => slot.is_some_and(|s| computed.slots(side).contains(&s)),
            Kind::Direct(direct) => Some(direct.slots[side]) == slot,
            Kind::Twins(twins) => Some(twins.slots[side]) == slot,
            Kind::Lookup(lookup) if lookup.side == side => Some(lookup.slot) == slot,
            Kind::Lookup(lookup) => lookup.parts.iter().any(|part| Some(part.plain) == slot),
        };
        let unit = self.units.iter().find(touches);
        let is_company = self
            .company
            .as_ref()
            .is_some_and(|company| Some(company[side].slot()) == slot);
        Problem {
            code,
            field: match unit {
                Some(unit) => unit.name.clone(),
                None if is_company => "company".to_owned(),
                None => column.to_owned(),
            },
            column: column.to_owned(),
            message,
            fix: Some(fix.replace("the other side", &format!("the {} side", side.other()))),
        }
    }
}

/// What a column of this type has against a value.
pub(crate) fn objection(ty: &ColumnType, value: &Value) -> Option<(Code, String, &'static str)> {
    use ColumnType as T;
    let option = "correct the value, or add the option to the table";
    match (ty, value) {
        (_, Value::Null)
        | (T::Bool, Value::Bool(_))
        | (T::Date, Value::Date(_))
        | (T::DateTime, Value::DateTime(_))
        | (T::Guid, Value::Guid(_)) => None,
        (T::Int { min, max }, Value::Int(number)) => (!(*min..=*max).contains(number)).then(|| {
            let message = format!("the number is outside {min} to {max}");
            (codes::OUT_OF_RANGE, message, "correct it on the other side")
        }),
        (T::Decimal { min, max, .. }, Value::Decimal(number)) => {
            let below = min
                .filter(|min| number < min)
                .map(|min| format!("the number is less than {min}"));
            let above = || {
                max.filter(|max| number > max)
                    .map(|max| format!("the number is greater than {max}"))
            };
            let message = below.or_else(above)?;
            Some((codes::OUT_OF_RANGE, message, "correct it on the other side"))
        }
        (T::Text { max_length }, Value::Text(text)) => {
            let length = text.chars().count();
            let max = max_length.filter(|max| length > *max as usize)?;
            let message = format!("the text has {length} characters, the column holds {max}");
            Some((
                codes::TOO_LONG,
                message,
                "shorten it on the other side, or widen the column",
            ))
        }
        (T::Choice { options }, Value::Int(number)) => {
            let known = options.iter().any(|(option, _)| option == number);
            (!known).then(|| {
                let message = format!("{number} is none of its {} options", options.len());
                (codes::NO_SUCH_OPTION, message, option)
            })
        }
        (T::Enum { members, name }, Value::Symbol(symbol)) => {
            let known = members
                .iter()
                .any(|member| member.eq_ignore_ascii_case(symbol));
            (!known).then(|| {
                let message = format!("`{symbol}` is no member of {name}");
                (codes::NO_SUCH_OPTION, message, option)
            })
        }
        (T::Lookup { targets }, Value::Reference(reference)) => {
            let known = targets
                .iter()
                .any(|t| t.table.eq_ignore_ascii_case(&reference.table));
            (!known).then(|| {
                let message = format!("it cannot point at a record of {}", reference.table);
                (
                    codes::NOT_CONVERTIBLE,
                    message,
                    "check the map's lookup path",
                )
            })
        }
        (ty, value) => {
            let message = format!(
                "{} cannot stand in a column of type {}",
                a(value.kind()),
                ty.kind()
            );
            Some((codes::NOT_CONVERTIBLE, message, "add a value map"))
        }
    }
}
