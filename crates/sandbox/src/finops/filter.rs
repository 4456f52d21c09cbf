//! `$filter` as F&O understands it (protocol reference B2), translated to SQL.
//!
//! The expression is first rewritten property by property, so that literals have the stored form of
//! the property they are compared with; what the service does not know (functions, `in`, `has`,
//! lambdas, order on enums) is refused by name.

use odata::Literal;
use odata::expr::{self, BinaryOp, Collation, Column, Columns, Expr, SqlOptions};
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value as Json;

use super::Settings;
use super::error::Refused;
use super::values;
use crate::rows::{Sql, Value, quote};
use crate::schema::{Entity, Field, FieldKind, FinOpsSchema};

/// Marks a property whose literal holds wildcards: only then does it compare as a pattern.
const PATTERN: &str = "pattern ";

/// What a filter is read against.
pub(super) struct Reader<'a> {
    pub(super) schema: &'a FinOpsSchema,
    pub(super) settings: &'a Settings,
    pub(super) entity: &'a Entity,
}

impl Reader<'_> {
    /// The SQL condition of a filter; its parameters are numbered from one, so it must stand before
    /// all others.
    pub(super) fn sql(&self, filter: &Expr) -> Result<Sql, Refused> {
        let rewritten = self.condition(filter)?;
        let options = SqlOptions {
            collation: Collation::FINOPS,
            ..SqlOptions::default()
        };
        let sql = expr::to_sql(&rewritten, self, &options)
            .map_err(|error| Refused::request(error.to_string()))?;
        Ok(Sql::new(
            sql.text,
            sql.params.into_iter().map(bound).collect(),
        ))
    }

    fn condition(&self, expr: &Expr) -> Result<Expr, Refused> {
        Ok(match expr {
            Expr::And(operands) => Expr::And(self.conditions(operands)?),
            Expr::Or(operands) => Expr::Or(self.conditions(operands)?),
            Expr::Not(inner) => Expr::Not(Box::new(self.condition(inner)?)),
            Expr::Binary { op, left, right } if op.is_comparison() => {
                self.comparison(*op, left, right)?
            }
            Expr::Literal(Literal::Bool(truth)) => Expr::Literal(Literal::Bool(*truth)),
            other => return Err(unsupported(other)),
        })
    }

    fn conditions(&self, operands: &[Expr]) -> Result<Vec<Expr>, Refused> {
        operands
            .iter()
            .map(|operand| self.condition(operand))
            .collect()
    }

    fn comparison(&self, op: BinaryOp, left: &Expr, right: &Expr) -> Result<Expr, Refused> {
        if op == BinaryOp::Has {
            return Err(Refused::request("The operator 'has' is not supported."));
        }
        let (subject, field, literal, op) = match (self.field(left)?, self.field(right)?) {
            (Some(field), None) => (left, field, right, op),
            (None, Some(field)) => (right, field, left, mirrored(op)),
            // Two properties, or a calculation: numbers only, compared as they are stored.
            _ => {
                return Ok(Expr::binary(op, self.number(left)?, self.number(right)?));
            }
        };
        if matches!(field.kind, FieldKind::Enum { .. })
            && !matches!(op, BinaryOp::Eq | BinaryOp::Ne)
        {
            return Err(Refused::request(format!(
                "A binary operator with incompatible types was detected: enum property '{}' can \
                 only be compared with 'eq' and 'ne'.",
                field.name
            )));
        }
        let Expr::Literal(literal) = literal else {
            return Ok(Expr::binary(op, subject.clone(), self.number(literal)?));
        };
        let wanted = self.literal(field, literal)?;
        let pattern = matches!(field.kind, FieldKind::String { .. })
            && matches!(op, BinaryOp::Eq | BinaryOp::Ne)
            && wanted.as_str().is_some_and(|text| text.contains('*'));
        let name = if pattern {
            format!("{PATTERN}{}", field.name)
        } else {
            field.name.clone()
        };
        Ok(Expr::binary(
            op,
            Expr::property(name),
            Expr::Literal(wanted),
        ))
    }

    /// The field that an expression is, if it is one.
    fn field(&self, expr: &Expr) -> Result<Option<&Field>, Refused> {
        let Expr::Path(path) = expr else {
            return Ok(None);
        };
        let Some(name) = path.as_name() else {
            return Err(unsupported(expr));
        };
        find(self.entity, name).map(Some)
    }

    /// A number: a property of a numeric type, a literal, or a calculation with such.
    fn number(&self, expr: &Expr) -> Result<Expr, Refused> {
        Ok(match expr {
            Expr::Path(_) => {
                self.field(expr)?;
                expr.clone()
            }
            // SQL calculates with floating point numbers, so it compares with one as well.
            Expr::Literal(Literal::Decimal(number)) => {
                Expr::Literal(Literal::Double(number.to_f64().unwrap_or(f64::NAN)))
            }
            Expr::Literal(_) => expr.clone(),
            Expr::Negate(inner) => Expr::Negate(Box::new(self.number(inner)?)),
            Expr::Binary { op, left, right } if !op.is_comparison() => {
                Expr::binary(*op, self.number(left)?, self.number(right)?)
            }
            other => return Err(unsupported(other)),
        })
    }

    /// A literal in the stored form of a field.
    fn literal(&self, field: &Field, literal: &Literal) -> Result<Literal, Refused> {
        if let (FieldKind::Enum { name }, Literal::String(_)) = (&field.kind, literal) {
            return Err(Refused::request(format!(
                "A binary operator with incompatible types was detected: compare '{}' with \
                 Microsoft.Dynamics.DataEntities.{name}'…', not with a string.",
                field.name
            )));
        }
        if let (FieldKind::String { .. }, Literal::String(text)) = (&field.kind, literal) {
            // Longer than the field or not, it is only looked for.
            return Ok(Literal::String(text.trim_end_matches(' ').to_owned()));
        }
        let value = values::read(
            self.schema,
            self.settings,
            self.entity,
            field,
            &json(literal),
        )?;
        Ok(match value {
            Value::Integer(number) => Literal::Int(number),
            Value::Text(text) => match &field.kind {
                FieldKind::Real => values::decimal(&text).map_or(Literal::Null, Literal::Decimal),
                _ => Literal::String(text),
            },
            _ => Literal::Null,
        })
    }
}

impl Columns for Reader<'_> {
    fn column(&self, path: &str) -> Option<Column> {
        if let Some(name) = path.strip_prefix(PATTERN) {
            return Some(Column::text(format!("t.{}", quote(name))));
        }
        let field = self.entity.fields.iter().find(|field| field.name == path)?;
        // The stored collations compare as the service does and use the indexes; a column that is
        // declared as text here would be folded a second time.
        Some(Column::other(format!("t.{}", quote(&field.name))))
    }
}

/// The field with this exact name.
pub(super) fn find<'a>(entity: &'a Entity, name: &str) -> Result<&'a Field, Refused> {
    entity
        .fields
        .iter()
        .find(|field| field.name == name)
        .ok_or_else(|| {
            Refused::request(format!(
                "Could not find a property named '{name}' on type \
             'Microsoft.Dynamics.DataEntities.{}'.",
                entity.name
            ))
        })
}

/// A literal of a URL as if it had been sent in a body.
pub(super) fn json(literal: &Literal) -> Json {
    match literal {
        Literal::Null => Json::Null,
        Literal::Bool(truth) => Json::Bool(*truth),
        Literal::Int(number) => Json::from(*number),
        Literal::Decimal(number) => number.to_string().parse().map_or(Json::Null, Json::Number),
        Literal::String(text) => Json::String(text.clone()),
        Literal::Enum { members, .. } => Json::String(members.clone()),
        other => Json::String(other.to_string()),
    }
}

fn bound(literal: Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(truth) => Value::Integer(i64::from(truth)),
        Literal::Int(number) => Value::Integer(number),
        Literal::Decimal(number) => Value::Text(number.normalize().to_string()),
        Literal::Double(number) => Value::Real(number),
        Literal::String(text) => Value::Text(text),
        other => Value::Text(other.to_string()),
    }
}

/// The operator with its sides exchanged.
fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Ge => BinaryOp::Le,
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Le => BinaryOp::Ge,
        same => same,
    }
}

fn unsupported(expr: &Expr) -> Refused {
    let what = match expr {
        Expr::Call { function, .. } => format!(
            "The function '{}' is not supported; compare with a pattern such as '*text*'.",
            function.name()
        ),
        Expr::In { .. } => "The operator 'in' is not supported.".to_owned(),
        Expr::Path(_) => "Only properties of the entity itself can be filtered by.".to_owned(),
        _ => "This filter expression is not supported.".to_owned(),
    };
    Refused::request(what)
}
