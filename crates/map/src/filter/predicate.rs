//! A filter compiled against a table: columns known, values typed, ready to judge rows.
//!
//! Null and empty text are the same, symbols and texts compare without regard to case (as F&O and
//! Dataverse do), and a column that cannot be empty counts as its type's empty value.

use super::text::Pattern;
use crate::canonical::Rule;
use crate::codes;
use crate::convert::literal;
use crate::diagnostic::Code;
use crate::expression::Expression;
use crate::near;
use crate::schema::{Column, ColumnType, LookupTarget, TableSchema};
use crate::value::{Reference, Row, Value};
use crate::words::a as with_article;
use odata::Literal;
use odata::expr::{BinaryOp, Expr, Function, Path};
use std::cmp::Ordering;

/// A condition over rows.
#[derive(Debug, Clone)]
pub(crate) enum Predicate {
    All(Vec<Predicate>),
    Any(Vec<Predicate>),
    Not(Box<Predicate>),
    /// The column is, or is not, one of these values.
    OneOf {
        column: Operand,
        values: Vec<Value>,
    },
    /// Order between the column and a value.
    Ordered {
        column: Operand,
        op: BinaryOp,
        value: Value,
    },
    /// Order or equality between two columns.
    Columns {
        left: Operand,
        op: BinaryOp,
        right: Operand,
    },
    /// The column's text looks like this.
    Like {
        column: Operand,
        pattern: Pattern,
    },
    /// What no simpler form can say, computed for each row.
    Computed(Box<Expression>),
    /// True or false whatever the row.
    Always(bool),
}

/// A column that a filter reads.
#[derive(Debug, Clone)]
pub(crate) struct Operand {
    pub(super) name: String,
    pub(super) rule: Rule,
}

/// Why a filter does not go with its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterProblem {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) fix: Option<String>,
}

impl Predicate {
    /// Compiles a filter against its table.
    pub(crate) fn compile(expr: &Expr, schema: &TableSchema) -> Result<Self, FilterProblem> {
        let compile_all = |items: &[Expr]| -> Result<Vec<Self>, FilterProblem> {
            items
                .iter()
                .map(|item| Self::compile(item, schema))
                .collect()
        };
        match expr {
            Expr::And(items) => compile_all(items).map(Self::All),
            Expr::Or(items) => compile_all(items).map(Self::Any),
            Expr::Not(inner) => Ok(Self::Not(Box::new(Self::compile(inner, schema)?))),
            Expr::Literal(Literal::Bool(yes)) => Ok(Self::Always(*yes)),
            Expr::Path(path) => {
                let column = find(path, schema)?;
                let value = typed(&Literal::Bool(true), column)?;
                Ok(Self::OneOf {
                    column: operand(column),
                    values: vec![value],
                })
            }
            Expr::Binary { op, left, right } => comparison(*op, left, right, schema)
                .or_else(|problem| computed(expr, schema).unwrap_or(Err(problem))),
            Expr::In { value, list } => match (value.as_ref(), list.as_ref()) {
                (Expr::Path(path), Expr::List(items)) => {
                    let column = find(path, schema)?;
                    let value = |item: &Expr| match item {
                        Expr::Literal(literal) => typed(literal, column),
                        _ => Err(unsupported("a list that holds more than values")),
                    };
                    let values: Result<_, _> = items.iter().map(value).collect();
                    Ok(Self::OneOf {
                        column: operand(column),
                        values: values?,
                    })
                }
                _ => Err(unsupported("this form of `in`")),
            },
            Expr::Call { function, args } => like(*function, args, schema)
                .or_else(|problem| computed(expr, schema).unwrap_or(Err(problem))),
            Expr::Case(_) => {
                computed(expr, schema).unwrap_or_else(|| Err(unsupported("this expression")))
            }
            _ => Err(unsupported("this expression")),
        }
    }

    /// Whether the row satisfies the condition.
    pub(crate) fn holds(&self, row: &Row) -> bool {
        match self {
            Self::All(items) => items.iter().all(|item| item.holds(row)),
            Self::Any(items) => items.iter().any(|item| item.holds(row)),
            Self::Not(inner) => !inner.holds(row),
            Self::OneOf { column, values } => {
                let found = row.value(&column.name);
                values.iter().any(|value| column.rule.same(found, value))
            }
            Self::Ordered { column, op, value } => {
                ordered(&column.value(row), *op, &column.rule.canonical(value))
            }
            Self::Columns { left, op, right } => match op {
                BinaryOp::Eq => left
                    .rule
                    .same(row.value(&left.name), row.value(&right.name)),
                BinaryOp::Ne => !left
                    .rule
                    .same(row.value(&left.name), row.value(&right.name)),
                _ => ordered(&left.value(row), *op, &right.value(row)),
            },
            Self::Like { column, pattern } => {
                let text = row
                    .value(&column.name)
                    .as_str()
                    .unwrap_or("")
                    .to_lowercase();
                pattern.matches(&text)
            }
            Self::Computed(expression) => expression
                .value(row, &ColumnType::Bool, None)
                .is_ok_and(|value| value == Value::Bool(true)),
            Self::Always(yes) => *yes,
        }
    }

    /// The columns that the condition reads.
    pub(crate) fn columns(&self) -> Vec<&str> {
        match self {
            Self::All(items) | Self::Any(items) => items.iter().flat_map(Self::columns).collect(),
            Self::Not(inner) => inner.columns(),
            Self::OneOf { column, .. }
            | Self::Ordered { column, .. }
            | Self::Like { column, .. } => {
                vec![&column.name]
            }
            Self::Columns { left, right, .. } => vec![&left.name, &right.name],
            Self::Computed(expression) => expression.columns(),
            Self::Always(_) => Vec::new(),
        }
    }
}

/// A condition with functions in it, as an expression; `None` where it has none, so that the reason
/// of the simpler form stands.
fn computed(expr: &Expr, schema: &TableSchema) -> Option<Result<Predicate, FilterProblem>> {
    if !Expression::calls(expr) {
        return None;
    }
    let names = Expression::names(expr);
    let columns = names.into_iter().map(|name| {
        let column = schema.column(&name)?;
        let plain = !matches!(column.ty, ColumnType::Lookup { .. });
        plain.then(|| (name, column.name.clone(), column.ty.clone()))
    });
    let expression = Expression::new(expr.clone(), columns.collect::<Option<_>>()?);
    Some(match expression.probe() {
        Ok(()) => Ok(Predicate::Computed(Box::new(expression))),
        Err(error) => Err(FilterProblem {
            code: codes::FILTER_VALUE,
            message: error.to_string(),
            fix: None,
        }),
    })
}

impl Operand {
    /// The canonical value, with the type's empty value for nothing.
    fn value(&self, row: &Row) -> Value {
        let value = self.rule.canonical(row.value(&self.name));
        match (&value, &self.rule.empty) {
            (Value::Null, Some(empty)) => self.rule.canonical(empty),
            _ => value,
        }
    }
}

fn operand(column: &Column) -> Operand {
    Operand {
        name: column.name.clone(),
        rule: Rule {
            fold: true,
            ..Rule::of(column)
        },
    }
}

fn comparison(
    op: BinaryOp,
    left: &Expr,
    right: &Expr,
    schema: &TableSchema,
) -> Result<Predicate, FilterProblem> {
    match (left, right) {
        (Expr::Path(a), Expr::Path(b)) => {
            let (a, b) = (find(a, schema)?, find(b, schema)?);
            if a.ty.kind() != b.ty.kind() {
                return Err(FilterProblem {
                    code: codes::FILTER_VALUE,
                    message: format!(
                        "`{}` is {} and `{}` {}: they cannot be compared",
                        a.name,
                        with_article(a.ty.kind()),
                        b.name,
                        with_article(b.ty.kind())
                    ),
                    fix: None,
                });
            }
            comparable(op, a)?;
            Ok(Predicate::Columns {
                left: operand(a),
                op,
                right: operand(b),
            })
        }
        (Expr::Path(path), Expr::Literal(literal)) => with_value(op, path, literal, schema),
        (Expr::Literal(literal), Expr::Path(path)) => {
            with_value(mirrored(op), path, literal, schema)
        }
        _ => Err(unsupported(
            "a comparison that is not of a column with a value",
        )),
    }
}

fn with_value(
    op: BinaryOp,
    path: &Path,
    literal: &Literal,
    schema: &TableSchema,
) -> Result<Predicate, FilterProblem> {
    let column = find(path, schema)?;
    comparable(op, column)?;
    if matches!(op, BinaryOp::Eq | BinaryOp::Ne) {
        let equal = Predicate::OneOf {
            values: records(literal, column)
                .map_or_else(|| Ok(vec![typed(literal, column)?]), Ok)?,
            column: operand(column),
        };
        return Ok(if op == BinaryOp::Eq {
            equal
        } else {
            Predicate::Not(Box::new(equal))
        });
    }
    Ok(Predicate::Ordered {
        value: typed(literal, column)?,
        column: operand(column),
        op,
    })
}

/// Refuses operators that mean nothing for the column's type.
fn comparable(op: BinaryOp, column: &Column) -> Result<(), FilterProblem> {
    let unordered = matches!(
        column.ty,
        ColumnType::Enum { .. } | ColumnType::Bool | ColumnType::Guid | ColumnType::Lookup { .. }
    );
    match op {
        BinaryOp::Eq | BinaryOp::Ne => Ok(()),
        BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge if !unordered => Ok(()),
        BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => Err(FilterProblem {
            code: codes::FILTER_VALUE,
            message: format!(
                "`{}` is {}, which has no order",
                column.name,
                with_article(column.ty.kind())
            ),
            fix: Some("compare it for equality".to_owned()),
        }),
        other => Err(unsupported(&format!("`{}`", other.word()))),
    }
}

fn like(
    function: Function,
    args: &[Expr],
    schema: &TableSchema,
) -> Result<Predicate, FilterProblem> {
    let [Expr::Path(path), Expr::Literal(Literal::String(text))] = args else {
        return Err(unsupported(&format!("this use of `{}`", function.name())));
    };
    let column = find(path, schema)?;
    if !matches!(column.ty, ColumnType::Text { .. }) {
        return Err(FilterProblem {
            code: codes::FILTER_VALUE,
            message: format!(
                "`{}` is {}, not a text",
                column.name,
                with_article(column.ty.kind())
            ),
            fix: Some("compare it for equality".to_owned()),
        });
    }
    match Pattern::of_call(function, text) {
        Some(pattern) => Ok(Predicate::Like {
            column: operand(column),
            pattern: pattern.folded(),
        }),
        None => Err(unsupported(&format!("this use of `{}`", function.name()))),
    }
}

/// The column that a path names; `_x_value` is the lookup `x`.
fn find<'a>(path: &Path, schema: &'a TableSchema) -> Result<&'a Column, FilterProblem> {
    let Some(name) = path.as_name() else {
        return Err(FilterProblem {
            code: codes::FILTER_COLUMN,
            message: "a filter cannot follow a lookup".to_owned(),
            fix: Some("filter on a column of the table itself".to_owned()),
        });
    };
    let raw = name
        .strip_prefix('_')
        .and_then(|n| n.strip_suffix("_value"));
    let found = schema.column(name).or_else(|| schema.column(raw?));
    found.ok_or_else(|| FilterProblem {
        code: codes::FILTER_COLUMN,
        message: format!(
            "the filter names `{name}`, which {} does not have",
            schema.name
        ),
        fix: near::nearest(name, schema.columns.values().map(|c| c.name.as_str()))
            .map(|near| format!("did you mean `{near}`?")),
    })
}

/// A lookup compared with an identifier: the record of that identifier in any of its tables.
fn records(literal: &Literal, column: &Column) -> Option<Vec<Value>> {
    let (Literal::Guid(id), ColumnType::Lookup { targets }) = (literal, &column.ty) else {
        return None;
    };
    let record = |table: &LookupTarget| {
        Value::Reference(Reference {
            table: table.table.clone(),
            id: *id,
        })
    };
    Some(targets.iter().map(record).collect())
}

/// The literal as a value of the column's type.
fn typed(value: &Literal, column: &Column) -> Result<Value, FilterProblem> {
    use ColumnType as T;
    let problem = |message: String| FilterProblem {
        code: codes::FILTER_VALUE,
        message: format!(
            "the filter compares `{}` with what it can never hold: {message}",
            column.name
        ),
        fix: None,
    };
    match (value, &column.ty) {
        (Literal::Null, _) => Ok(Value::Null),
        (Literal::String(text), _) if text.is_empty() => Ok(Value::Null),
        // F&O lets a range give a member by its number.
        (Literal::Int(index), T::Enum { members, name }) => usize::try_from(*index)
            .ok()
            .and_then(|index| members.get(index))
            .map(|member| Value::Symbol(member.clone()))
            .ok_or_else(|| {
                problem(format!(
                    "the enumeration {name} has {} members, counted from 0",
                    members.len()
                ))
            }),
        (Literal::Bool(yes), T::Enum { .. }) => {
            literal(if *yes { "yes" } else { "no" }, &column.ty).map_err(problem)
        }
        (Literal::Bool(yes), T::Bool) => Ok(Value::Bool(*yes)),
        (Literal::Guid(id), T::Guid) => Ok(Value::Guid(*id)),
        (Literal::Date(date), T::Date | T::DateTime) => {
            literal(&date.to_string(), &column.ty).map_err(problem)
        }
        (Literal::DateTimeOffset(at), T::DateTime) => Ok(Value::DateTime(*at)),
        (Literal::DateTimeOffset(at), T::Date) => Ok(Value::Date(crate::canonical::day_of(*at))),
        (Literal::Int(number), T::Int { .. } | T::Choice { .. } | T::Decimal { .. } | T::Bool) => {
            literal(&number.to_string(), &column.ty).map_err(problem)
        }
        (Literal::Decimal(number), T::Decimal { .. }) => Ok(Value::Decimal(*number)),
        (Literal::Enum { members, .. }, T::Enum { .. } | T::Text { .. }) => {
            literal(members, &column.ty).map_err(problem)
        }
        (Literal::String(text), T::Text { .. }) => Ok(Value::text(text.as_str())),
        (Literal::String(text), ty) if !matches!(ty, T::Lookup { .. }) => {
            literal(text, ty).map_err(problem)
        }
        (other, ty) => Err(problem(format!(
            "{} where the column is {}",
            with_article(other.kind()),
            with_article(ty.kind())
        ))),
    }
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Le => BinaryOp::Ge,
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Ge => BinaryOp::Le,
        other => other,
    }
}

/// Nothing stands in no order to anything.
fn ordered(a: &Value, op: BinaryOp, b: &Value) -> bool {
    let order = match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
        _ => return false,
    };
    match op {
        BinaryOp::Lt => order == Ordering::Less,
        BinaryOp::Le => order != Ordering::Greater,
        BinaryOp::Gt => order == Ordering::Greater,
        BinaryOp::Ge => order != Ordering::Less,
        _ => false,
    }
}

fn unsupported(what: &str) -> FilterProblem {
    FilterProblem {
        code: codes::FILTER_SYNTAX,
        message: format!("a map's filter cannot use {what}"),
        fix: Some("use comparisons of columns with values, `and`, `or`, `not`, `in`, `startswith`, `endswith`, `contains`".to_owned()),
    }
}
