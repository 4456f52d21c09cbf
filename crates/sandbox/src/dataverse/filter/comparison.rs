//! Comparisons of columns and values as SQL, with the service's view of null and empty text.

use odata::Literal;
use odata::expr::{BinaryOp, Expr, Json};

use super::{Operand, unsupported};
use crate::dataverse::binding::{bind, is_text};
use crate::dataverse::errors::ApiResult;
use crate::rows::Sql;
use crate::schema::Column;

/// The values of a JSON list.
pub(super) fn json_literals(expr: &Expr) -> Option<Vec<Literal>> {
    let Expr::Json(Json::Array(items)) = expr else {
        return None;
    };
    items
        .iter()
        .map(|item| match item {
            Json::Value(literal) => Some(literal.clone()),
            _ => None,
        })
        .collect()
}

/// Whether a column has one of these values.
pub(super) fn member(column: &Sql, kind: &Column, items: &[Literal]) -> ApiResult<Sql> {
    let mut params = column.params.clone();
    for item in items {
        params.push(bind(kind, item)?);
    }
    let marks = vec!["?"; items.len()].join(", ");
    Ok(Sql::new(format!("{} IN ({marks})", column.text), params))
}

/// A comparison of two operands.
pub(super) fn compare(op: BinaryOp, left: Operand<'_>, right: Operand<'_>) -> ApiResult<Sql> {
    match (left, right) {
        (Operand::Column(sql, column), Operand::Literal(literal)) => {
            compare_values(op, sql, column, &literal)
        }
        (Operand::Literal(literal), Operand::Column(sql, column)) => {
            compare_values(mirrored(op), sql, column, &literal)
        }
        (Operand::Column(left, _), Operand::Column(right, _)) => {
            let mut params = left.params;
            params.extend(right.params);
            let sign = match op {
                BinaryOp::Eq => "IS",
                BinaryOp::Ne => "IS NOT",
                other => sign(other)?,
            };
            Ok(Sql::new(
                format!("{} {sign} {}", left.text, right.text),
                params,
            ))
        }
        (Operand::Literal(left), Operand::Literal(right)) => {
            let truth = match op {
                BinaryOp::Eq => left == right,
                BinaryOp::Ne => left != right,
                _ => return Err(unsupported("A comparison of two values")),
            };
            Ok(Sql::new(if truth { "1" } else { "0" }, Vec::new()))
        }
    }
}

/// A comparison of a column with a value.
pub(super) fn compare_values(
    op: BinaryOp,
    sql: Sql,
    column: &Column,
    literal: &Literal,
) -> ApiResult<Sql> {
    let Sql { text, mut params } = sql;
    // The service stores no empty text, so asking for one asks for none.
    let empty = matches!(literal, Literal::String(text) if text.is_empty()) && is_text(column);
    if literal.is_null() || empty {
        let condition = match op {
            BinaryOp::Eq => format!("{text} IS NULL"),
            BinaryOp::Ne => format!("{text} IS NOT NULL"),
            _ => return Ok(Sql::new("0", Vec::new())),
        };
        return Ok(Sql::new(condition, params));
    }
    params.push(bind(column, literal)?);
    let text = match op {
        // What is empty is not equal to something.
        BinaryOp::Ne => format!("{text} IS NOT ?"),
        other => format!("{text} {} ?", sign(other)?),
    };
    Ok(Sql::new(text, params))
}

fn sign(op: BinaryOp) -> ApiResult<&'static str> {
    match op {
        BinaryOp::Eq => Ok("="),
        BinaryOp::Ne => Ok("<>"),
        BinaryOp::Gt => Ok(">"),
        BinaryOp::Ge => Ok(">="),
        BinaryOp::Lt => Ok("<"),
        BinaryOp::Le => Ok("<="),
        other => Err(unsupported(&format!("The operator '{}'", other.word()))),
    }
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Ge => BinaryOp::Le,
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Le => BinaryOp::Ge,
        other => other,
    }
}
