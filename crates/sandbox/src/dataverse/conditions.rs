//! The condition operators of `FetchXML` and `QueryExpression` as SQL.

use super::binding::literal_of;
use super::errors::{ApiError, ApiResult};
use crate::rows::{Sql, Value};
use crate::schema::Column;

/// The condition that an operator in `FetchXML`'s spelling puts on a column, whose SQL is `sql`, for
/// `user`.
pub(super) fn condition_sql(
    column: &Column,
    sql: &str,
    operator: &str,
    values: &[&str],
    user: &str,
) -> ApiResult<Sql> {
    let bind = |text: &str| literal_of(column, text);
    let first = || -> ApiResult<Value> {
        let text = values.first().ok_or_else(|| {
            ApiError::malformed(format!("The operator '{operator}' needs a value."))
        })?;
        bind(text)
    };
    let compared =
        |sign: &str| -> ApiResult<Sql> { Ok(Sql::new(format!("{sql} {sign} ?"), vec![first()?])) };
    let like = |pattern: String, negated: bool| {
        let not = if negated { "NOT " } else { "" };
        Sql::new(
            format!("{not}tsql_like({sql}, ?)"),
            vec![Value::Text(pattern)],
        )
    };
    let text = || values.first().copied().unwrap_or_default();
    Ok(match operator {
        "eq" => compared("=")?,
        "ne" | "neq" => compared("IS NOT")?,
        "lt" => compared("<")?,
        "le" => compared("<=")?,
        "gt" => compared(">")?,
        "ge" | "on-or-after" => compared(">=")?,
        "null" => Sql::new(format!("{sql} IS NULL"), Vec::new()),
        "not-null" => Sql::new(format!("{sql} IS NOT NULL"), Vec::new()),
        "like" => like(text().to_owned(), false),
        "not-like" => like(text().to_owned(), true),
        "begins-with" => like(format!("{}%", text()), false),
        "not-begin-with" => like(format!("{}%", text()), true),
        "ends-with" => like(format!("%{}", text()), false),
        "not-end-with" => like(format!("%{}", text()), true),
        "in" | "not-in" => {
            let params: Vec<Value> = values
                .iter()
                .map(|text| bind(text))
                .collect::<ApiResult<_>>()?;
            let marks = vec!["?"; params.len()].join(", ");
            let not = if operator == "in" { "" } else { "NOT " };
            Sql::new(format!("{sql} {not}IN ({marks})"), params)
        }
        "between" | "not-between" => {
            let [low, high] = values else {
                return Err(ApiError::malformed(format!(
                    "'{operator}' takes two values."
                )));
            };
            let not = if operator == "between" { "" } else { "NOT " };
            Sql::new(
                format!("{sql} {not}BETWEEN ? AND ?"),
                vec![bind(low)?, bind(high)?],
            )
        }
        "eq-userid" | "ne-userid" => {
            let user = Value::Text(user.to_owned());
            let sign = if operator == "eq-userid" {
                "="
            } else {
                "IS NOT"
            };
            Sql::new(format!("{sql} {sign} ?"), vec![user])
        }
        other => {
            return Err(ApiError::malformed(format!(
                "The condition operator '{other}' is not supported."
            )));
        }
    })
}

/// The `FetchXML` spelling of an operator of `QueryExpression`.
pub(super) fn fetch_operator(name: &str) -> ApiResult<&'static str> {
    Ok(match name {
        "Equal" => "eq",
        "NotEqual" => "ne",
        "GreaterThan" => "gt",
        "GreaterEqual" => "ge",
        "LessThan" => "lt",
        "LessEqual" => "le",
        "Like" => "like",
        "NotLike" => "not-like",
        "In" => "in",
        "NotIn" => "not-in",
        "Between" => "between",
        "NotBetween" => "not-between",
        "Null" => "null",
        "NotNull" => "not-null",
        "BeginsWith" => "begins-with",
        "DoesNotBeginWith" => "not-begin-with",
        "EndsWith" => "ends-with",
        "DoesNotEndWith" => "not-end-with",
        "OnOrAfter" => "on-or-after",
        "EqualUserId" => "eq-userid",
        "NotEqualUserId" => "ne-userid",
        other => {
            return Err(ApiError::malformed(format!(
                "The condition operator '{other}' is not supported."
            )));
        }
    })
}
