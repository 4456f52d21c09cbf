//! `$filter` and `$orderby` as SQL over the stored rows (protocol reference A8).
//!
//! The expression tree comes from `odata`; here its names meet the model: navigation becomes a
//! subquery, a lambda an `EXISTS`, the service's own [`functions`] plain conditions. Text compares
//! without case; `%`, `_` and `[]` are wildcards in `contains`, `startswith` and `endswith`, as they
//! are in the service.

mod comparison;
mod functions;

use std::cell::Cell;
use std::collections::HashMap;

use jiff::Timestamp;
use odata::Literal;
use odata::expr::{Expr, Function, Lambda, LambdaKind, Path, PathSegment, parse};

use self::comparison::{compare, json_literals, member};
use super::binding::{collate, is_text};
use super::errors::{ApiError, ApiResult};
use super::model::{Model, Table, Tie, target_column};
use crate::rows::{Order, Sql, Value, quote};
use crate::schema::{Column, ColumnKind};

/// Translates expressions about the rows of a model.
pub(super) struct Filters<'a> {
    model: &'a Model,
    aliases: &'a HashMap<String, String>,
    now: Timestamp,
    subqueries: Cell<usize>,
}

/// What a name refers to at a place in an expression.
#[derive(Clone)]
struct Scope<'a> {
    table: &'a Table,
    alias: String,
    variables: Vec<(String, &'a Table, String)>,
}

/// One side of a comparison.
enum Operand<'a> {
    Column(Sql, &'a Column),
    Literal(Literal),
}

impl<'a> Filters<'a> {
    pub(super) fn new(
        model: &'a Model,
        aliases: &'a HashMap<String, String>,
        now: Timestamp,
    ) -> Self {
        Self {
            model,
            aliases,
            now,
            subqueries: Cell::new(0),
        }
    }

    /// The condition of a `$filter` over `table`, whose row is called `t`.
    pub(super) fn condition(&self, table: &'a Table, text: &str) -> ApiResult<Sql> {
        let tree = parse(text).map_err(|error| ApiError::malformed(error.to_string()))?;
        let scope = Scope {
            table,
            alias: "t".into(),
            variables: Vec::new(),
        };
        self.boolean(&scope, &tree, 0)
    }

    /// The terms of an `$orderby` over `table`.
    pub(super) fn order(
        &self,
        table: &'a Table,
        terms: &[(String, bool)],
    ) -> ApiResult<Vec<Order>> {
        let scope = Scope {
            table,
            alias: "t".into(),
            variables: Vec::new(),
        };
        terms
            .iter()
            .map(|(text, descending)| {
                let tree = parse(text).map_err(|error| ApiError::malformed(error.to_string()))?;
                let Expr::Path(path) = &tree else {
                    return Err(ApiError::malformed("$orderby takes columns only."));
                };
                let (by, _) = self.column(&scope, path)?;
                Ok(Order {
                    by,
                    descending: *descending,
                })
            })
            .collect()
    }

    fn boolean(&self, scope: &Scope<'a>, expr: &Expr, depth: usize) -> ApiResult<Sql> {
        if depth > 100 {
            return Err(ApiError::malformed("The filter is nested too deeply."));
        }
        let inner = |expr| self.boolean(scope, expr, depth + 1);
        match expr {
            Expr::And(operands) => joined(operands.iter().map(inner), " AND "),
            Expr::Or(operands) => joined(operands.iter().map(inner), " OR "),
            Expr::Not(operand) => {
                let operand = inner(operand)?;
                Ok(Sql::new(format!("NOT ({})", operand.text), operand.params))
            }
            Expr::Binary { op, left, right } if op.is_comparison() => {
                let (left, right) = (self.operand(scope, left)?, self.operand(scope, right)?);
                compare(*op, left, right)
            }
            Expr::In { value, list } => self.within(scope, value, list),
            Expr::Call { function, args } => self.text_function(scope, *function, args),
            Expr::Path(path) => self.path_condition(scope, path, depth),
            Expr::Alias(name) => {
                let tree = self.alias(name)?;
                self.boolean(scope, &tree, depth + 1)
            }
            Expr::Literal(Literal::Bool(truth)) => {
                Ok(Sql::new(if *truth { "1" } else { "0" }, Vec::new()))
            }
            _ => Err(unsupported("The filter holds an expression")),
        }
    }

    fn alias(&self, name: &str) -> ApiResult<Expr> {
        let text = self.aliases.get(&format!("@{name}")).ok_or_else(|| {
            ApiError::malformed(format!("The parameter alias '@{name}' has no value."))
        })?;
        parse(text).map_err(|error| ApiError::malformed(error.to_string()))
    }

    fn operand(&self, scope: &Scope<'a>, expr: &Expr) -> ApiResult<Operand<'a>> {
        match expr {
            Expr::Literal(literal) => Ok(Operand::Literal(literal.clone())),
            Expr::Negate(inner) => match self.operand(scope, inner)? {
                Operand::Literal(Literal::Int(number)) => {
                    Ok(Operand::Literal(Literal::Int(number.saturating_neg())))
                }
                Operand::Literal(Literal::Decimal(number)) => {
                    Ok(Operand::Literal(Literal::Decimal(-number)))
                }
                _ => Err(unsupported("The filter negates something that")),
            },
            Expr::Path(path) => {
                let (sql, column) = self.column(scope, path)?;
                Ok(Operand::Column(sql, column))
            }
            Expr::Alias(name) => {
                let tree = self.alias(name)?;
                if matches!(tree, Expr::Alias(_)) {
                    return Err(ApiError::malformed("A parameter alias names another one."));
                }
                self.operand(scope, &tree)
            }
            _ => Err(unsupported("The filter compares an expression that")),
        }
    }

    /// The SQL of the column at a path; navigation on the way becomes subqueries.
    fn column(&self, scope: &Scope<'a>, path: &Path) -> ApiResult<(Sql, &'a Column)> {
        let mut names = Vec::new();
        for segment in &path.segments {
            match segment {
                PathSegment::Name(name) => names.push(name.as_str()),
                // A polymorphic lookup may be narrowed by a cast; its name says the same here.
                PathSegment::Cast(_) => {}
                _ => return Err(unsupported("The filter has a path that")),
            }
        }
        let mut table = scope.table;
        let mut alias = scope.alias.as_str();
        if let Some(first) = names.first() {
            let variable = scope
                .variables
                .iter()
                .rev()
                .find(|(name, ..)| name == first);
            if let Some((_, variable_table, variable_alias)) = variable {
                (table, alias) = (variable_table, variable_alias);
                names.remove(0);
            } else if *first == "$it" {
                names.remove(0);
            }
        }
        let Some((last, steps)) = names.split_last() else {
            return Err(unsupported("The filter compares a row and"));
        };
        self.navigate(table, alias, steps, last)
    }

    fn navigate(
        &self,
        table: &'a Table,
        alias: &str,
        steps: &[&str],
        last: &str,
    ) -> ApiResult<(Sql, &'a Column)> {
        let Some((step, rest)) = steps.split_first() else {
            let column = table
                .property(last)
                .ok_or_else(|| ApiError::no_property(last, table.name()))?;
            let sql = Sql::new(format!("{alias}.{}", quote(&column.name)), Vec::new());
            return Ok((sql, column));
        };
        let (lookup, target) = table
            .navigation(step)
            .into_iter()
            .find_map(|(column, target)| Some((column, self.model.table(&target.table)?)))
            .ok_or_else(|| ApiError::no_property(step, table.name()))?;
        let inner_alias = self.next_alias();
        let (inner, column) = self.navigate(target, &inner_alias, rest, last)?;
        let text = format!(
            "(SELECT {} FROM {} AS {inner_alias} WHERE {inner_alias}.{} = {alias}.{} AND \
             {alias}.{} = ?){}",
            inner.text,
            quote(target.name()),
            quote(target.id()),
            quote(&lookup.name),
            quote(&target_column(&lookup.name)),
            // A subquery forgets how its column compares.
            collate(column),
        );
        let mut params = inner.params;
        params.push(Value::Text(target.name().into()));
        Ok((Sql::new(text, params), column))
    }

    fn next_alias(&self) -> String {
        self.subqueries.set(self.subqueries.get() + 1);
        format!("n{}", self.subqueries.get())
    }

    fn within(&self, scope: &Scope<'a>, subject: &Expr, list: &Expr) -> ApiResult<Sql> {
        let Operand::Column(column, kind) = self.operand(scope, subject)? else {
            return Err(unsupported("The left side of 'in'"));
        };
        let items: Vec<Literal> = match list {
            Expr::List(items) => items
                .iter()
                .map(|item| match self.operand(scope, item)? {
                    Operand::Literal(literal) => Ok(literal),
                    Operand::Column(..) => Err(unsupported("A column within 'in'")),
                })
                .collect::<ApiResult<_>>()?,
            other => json_literals(other).ok_or_else(|| unsupported("The list of 'in'"))?,
        };
        member(&column, kind, &items)
    }

    fn text_function(
        &self,
        scope: &Scope<'a>,
        function: Function,
        args: &[Expr],
    ) -> ApiResult<Sql> {
        let pattern = |text: &str| match function {
            Function::Contains => Some(format!("%{text}%")),
            Function::StartsWith => Some(format!("{text}%")),
            Function::EndsWith => Some(format!("%{text}")),
            _ => None,
        };
        let [subject, text] = args else {
            return Err(unsupported(&format!("The function '{}'", function.name())));
        };
        if pattern("").is_none() {
            return Err(unsupported(&format!("The function '{}'", function.name())));
        }
        match (self.operand(scope, subject)?, self.operand(scope, text)?) {
            (Operand::Column(column, kind), Operand::Literal(Literal::String(text)))
                if is_text(kind) =>
            {
                let mut params = column.params;
                params.push(pattern(&text).map_or(Value::Null, Value::Text));
                Ok(Sql::new(format!("tsql_like({}, ?)", column.text), params))
            }
            _ => Err(ApiError::malformed(format!(
                "No function signature for the function with name '{}' matches the specified \
                 arguments.",
                function.name()
            ))),
        }
    }

    fn path_condition(&self, scope: &Scope<'a>, path: &Path, depth: usize) -> ApiResult<Sql> {
        match path.segments.split_last() {
            Some((PathSegment::Lambda(lambda), way)) => self.lambda(scope, way, lambda, depth),
            Some((PathSegment::Function { name, args }, [])) => self.function(scope, name, args),
            _ => {
                // A column of yes or no stands for itself.
                let (column, kind) = self.column(scope, path)?;
                if matches!(kind.kind, ColumnKind::Boolean) {
                    return Ok(Sql::new(format!("{} = 1", column.text), column.params));
                }
                Err(unsupported("A condition that is no comparison"))
            }
        }
    }

    fn lambda(
        &self,
        scope: &Scope<'a>,
        way: &[PathSegment],
        lambda: &Lambda,
        depth: usize,
    ) -> ApiResult<Sql> {
        let [PathSegment::Name(name)] = way else {
            return Err(unsupported("A lambda over this path"));
        };
        let collection = scope
            .table
            .collection(name)
            .ok_or_else(|| ApiError::no_property(name, scope.table.name()))?;
        let members = self.model.table(&collection.table);
        let members = members.ok_or_else(|| ApiError::no_property(name, scope.table.name()))?;
        let alias = self.next_alias();
        let owner_id = format!("{}.{}", scope.alias, quote(scope.table.id()));
        let mut condition = match &collection.by {
            Tie::Lookup(column) => Sql::new(
                format!(
                    "{alias}.{} = {owner_id} AND {alias}.{} = ?",
                    quote(column),
                    quote(&target_column(column)),
                ),
                vec![Value::Text(scope.table.name().into())],
            ),
            Tie::Links {
                intersect,
                near,
                far,
            } => Sql::new(
                format!(
                    "{alias}.{} IN (SELECT {} FROM {} WHERE {} = {owner_id})",
                    quote(members.id()),
                    quote(far),
                    quote(intersect),
                    quote(near),
                ),
                Vec::new(),
            ),
        };
        let all = lambda.kind == LambdaKind::All;
        if let Some((variable, inner)) = &lambda.condition {
            let mut inside = scope.clone();
            inside
                .variables
                .push((variable.clone(), members, alias.clone()));
            let inner = self.boolean(&inside, inner, depth + 1)?;
            // "All" is that none fails; unknown counts as failing.
            let inner = if all {
                Sql::new(format!("({}) IS NOT TRUE", inner.text), inner.params)
            } else {
                inner
            };
            condition = condition.and(inner);
        }
        let text = format!(
            "{}EXISTS (SELECT 1 FROM {} AS {alias} WHERE {})",
            if all { "NOT " } else { "" },
            quote(members.name()),
            condition.text
        );
        Ok(Sql::new(text, condition.params))
    }
}

fn joined(conditions: impl Iterator<Item = ApiResult<Sql>>, separator: &str) -> ApiResult<Sql> {
    let mut texts = Vec::new();
    let mut params = Vec::new();
    for condition in conditions {
        let condition = condition?;
        texts.push(format!("({})", condition.text));
        params.extend(condition.params);
    }
    Ok(Sql::new(texts.join(separator), params))
}

fn unsupported(what: &str) -> ApiError {
    ApiError::malformed(format!("{what} is not supported."))
}
