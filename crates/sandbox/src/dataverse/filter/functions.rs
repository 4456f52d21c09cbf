//! The service's own query functions: `In`, `Between`, `ContainValues`, `On`, `LastXHours` and
//! their relatives (protocol reference A8).

use jiff::ToSpan;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use odata::Literal;
use odata::expr::{BinaryOp, Expr, Json};

use super::comparison::{compare_values, json_literals, member};
use super::{Filters, Operand, Scope, joined, unsupported};
use crate::dataverse::binding::bind;
use crate::dataverse::errors::{ApiError, ApiResult};
use crate::rows::{Sql, Value, quote};
use crate::schema::{Column, ColumnKind, DateBehavior};

impl<'a> Filters<'a> {
    /// The service's own query functions.
    pub(super) fn function(
        &self,
        scope: &Scope<'a>,
        name: &str,
        args: &[(String, Expr)],
    ) -> ApiResult<Sql> {
        let short = name.rsplit('.').next().unwrap_or(name);
        let argument = |wanted: &str| {
            let found = args.iter().find(|(name, _)| name == wanted);
            found.map(|(_, expr)| expr).ok_or_else(|| {
                ApiError::malformed(format!(
                    "The function '{short}' needs the argument '{wanted}'."
                ))
            })
        };
        let property = match argument("PropertyName")? {
            Expr::Literal(Literal::String(text))
            | Expr::Json(Json::Value(Literal::String(text))) => text.clone(),
            _ => return Err(ApiError::malformed("'PropertyName' must be a string.")),
        };
        // The functions know lookups by their logical name too.
        let known = scope
            .table
            .property(&property)
            .or_else(|| scope.table.column(&property));
        let column = known.ok_or_else(|| ApiError::no_property(&property, scope.table.name()))?;
        let sql = Sql::new(
            format!("{}.{}", scope.alias, quote(&column.name)),
            Vec::new(),
        );
        let values = || -> ApiResult<Vec<Literal>> {
            let list = argument("PropertyValues")?;
            let list = match list {
                Expr::Alias(name) => self.alias(name)?,
                other => other.clone(),
            };
            json_literals(&list)
                .ok_or_else(|| ApiError::malformed("'PropertyValues' must be a list of strings."))
        };
        let single = || -> ApiResult<Literal> {
            match self.operand(scope, argument("PropertyValue")?)? {
                Operand::Literal(literal) => Ok(literal),
                Operand::Column(..) => Err(unsupported("A column as 'PropertyValue'")),
            }
        };
        let negated = |condition: Sql| {
            Sql::new(
                format!("({}) IS NOT TRUE", condition.text),
                condition.params,
            )
        };
        match short {
            "In" => member(&sql, column, &values()?),
            "NotIn" => Ok(negated(member(&sql, column, &values()?)?)),
            "Between" | "NotBetween" => {
                let bounds = values()?;
                let [low, high] = bounds.as_slice() else {
                    return Err(ApiError::malformed(format!("'{short}' takes two values.")));
                };
                let params = vec![bind(column, low)?, bind(column, high)?];
                let text = format!("{} BETWEEN ? AND ?", sql.text);
                let condition = Sql::new(text, params);
                Ok(if short == "Between" {
                    condition
                } else {
                    negated(condition)
                })
            }
            "ContainValues" => any_of(&sql, column, &values()?),
            "DoesNotContainValues" => Ok(negated(any_of(&sql, column, &values()?)?)),
            "OnOrAfter" => compare_values(BinaryOp::Ge, sql, column, &single()?),
            "OnOrBefore" => {
                let end = self.day_after(column, &single()?)?;
                Ok(Sql::new(format!("{} < ?", sql.text), vec![end]))
            }
            "On" => {
                let day = single()?;
                let end = self.day_after(column, &day)?;
                let text = format!("{0} >= ? AND {0} < ?", sql.text);
                Ok(Sql::new(text, vec![bind(column, &day)?, end]))
            }
            "Today" => self.days(&sql, column, 0, 1),
            "Yesterday" => self.days(&sql, column, -1, 0),
            "Tomorrow" => self.days(&sql, column, 1, 2),
            "Last7Days" => self.days(&sql, column, -7, 1),
            "Next7Days" => self.days(&sql, column, 0, 8),
            _ => {
                let Literal::Int(amount) = single()? else {
                    return Err(ApiError::malformed(format!("'{short}' takes a number.")));
                };
                self.relative(short, amount, &sql, column)
            }
        }
    }

    /// `LastXHours` and its relatives.
    fn relative(&self, name: &str, amount: i64, sql: &Sql, column: &Column) -> ApiResult<Sql> {
        let now = TimeZone::UTC.to_datetime(self.now);
        let (past, unit) = if let Some(unit) = name.strip_prefix("LastX") {
            (true, unit)
        } else if let Some(unit) = name.strip_prefix("NextX") {
            (false, unit)
        } else if let Some(unit) = name.strip_prefix("OlderThanX") {
            let edge = shifted(&now, unit, -amount)?;
            return Ok(Sql::new(
                format!("{} < ?", sql.text),
                vec![bind_time(column, &edge)],
            ));
        } else {
            return Err(ApiError::malformed(format!(
                "An unknown function with name 'Microsoft.Dynamics.CRM.{name}' was found."
            )));
        };
        let edge = shifted(&now, unit, if past { -amount } else { amount })?;
        let (from, to) = if past { (&edge, &now) } else { (&now, &edge) };
        let params = vec![bind_time(column, from), bind_time(column, to)];
        Ok(Sql::new(format!("{0} >= ? AND {0} <= ?", sql.text), params))
    }

    /// From the start of the day `from` days from now to the start of the day `to` days from now.
    fn days(&self, sql: &Sql, column: &Column, from: i64, to: i64) -> ApiResult<Sql> {
        let now = TimeZone::UTC.to_datetime(self.now);
        let today = now.date().to_datetime(Time::midnight());
        let params = vec![
            bind_time(column, &shifted(&today, "Days", from)?),
            bind_time(column, &shifted(&today, "Days", to)?),
        ];
        Ok(Sql::new(format!("{0} >= ? AND {0} < ?", sql.text), params))
    }

    #[expect(
        clippy::unused_self,
        reason = "a step of the translation like the others"
    )]
    fn day_after(&self, column: &Column, day: &Literal) -> ApiResult<Value> {
        let day = match day {
            Literal::Date(date) => *date,
            Literal::DateTimeOffset(time) => TimeZone::UTC.to_datetime(*time).date(),
            Literal::String(text) => text
                .parse()
                .map_err(|_| ApiError::malformed("'PropertyValue' must be a date."))?,
            _ => return Err(ApiError::malformed("'PropertyValue' must be a date.")),
        };
        let next = day.tomorrow().map_err(|_| unsupported("This date"))?;
        bind(column, &Literal::Date(next))
    }
}

/// Whether a column of several choices has one of these.
fn any_of(sql: &Sql, column: &Column, items: &[Literal]) -> ApiResult<Sql> {
    if !matches!(column.kind, ColumnKind::MultiSelect { .. }) {
        return Err(ApiError::malformed(format!(
            "The column '{}' does not hold several choices.",
            column.name
        )));
    }
    let conditions = items.iter().map(|item| {
        // Stored as "1,3": with a comma at either end every number stands between two.
        let params = vec![bind(column, item)?];
        let text = format!("instr(',' || {} || ',', ',' || ? || ',') > 0", sql.text);
        Ok(Sql::new(text, params))
    });
    joined(conditions, " OR ")
}

fn shifted(from: &DateTime, unit: &str, amount: i64) -> ApiResult<DateTime> {
    let amount = i32::try_from(amount).unwrap_or(i32::MAX);
    let span = match unit {
        "Minutes" => i64::from(amount).minutes(),
        "Hours" => amount.hours(),
        "Days" => amount.days(),
        "Weeks" => amount.weeks(),
        "Months" => amount.months(),
        "Years" => i16::try_from(amount).unwrap_or(i16::MAX).years(),
        _ => return Err(unsupported(&format!("The unit '{unit}'"))),
    };
    from.checked_add(span)
        .map_err(|_| ApiError::malformed("The time is out of range."))
}

fn bind_time(column: &Column, time: &DateTime) -> Value {
    match &column.kind {
        ColumnKind::DateTime {
            behavior: DateBehavior::DateOnly,
        } => Value::Text(time.date().to_string()),
        _ => Value::Text(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
    }
}
