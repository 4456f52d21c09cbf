//! Writes conditions and values as SQL.

use std::fmt::Write as _;

use super::{Columns, Dialect, Sql, SqlError, SqlOptions, unsupported};
use crate::Literal;
use crate::expr::wildcard::{self, Token};
use crate::expr::{BinaryOp, Expr, Json, Lambda, LambdaKind, Path, PathSegment};

/// Aliases and rewritten calls may nest, so deep.
const MAX_REWRITES: usize = 8;

/// Longer chains of `AND` and `OR` are halved.
const MAX_LINKS: usize = 100;

/// Where a condition stands, which decides whether it needs parentheses.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Tight {
    Whole,
    And,
    Or,
    Inner,
}

pub(super) struct Scope<'a> {
    pub(super) columns: &'a dyn Columns,
    pub(super) variable: Option<(&'a str, &'a dyn Columns, &'a Scope<'a>)>,
}

impl Scope<'_> {
    fn member(&self, name: &str) -> Option<&dyn Columns> {
        let mut scope = self;
        while let Some((variable, columns, outer)) = scope.variable {
            if variable == name {
                return Some(columns);
            }
            scope = outer;
        }
        None
    }

    /// The columns that a path starts from and the path from there.
    fn start(&self, segments: &[PathSegment]) -> Result<(&dyn Columns, String), SqlError> {
        let mut columns = self.columns;
        let mut text = String::new();
        for (index, segment) in segments.iter().enumerate() {
            let step = match segment {
                PathSegment::Name(name) if index == 0 => match self.member(name) {
                    Some(member) => {
                        columns = member;
                        continue;
                    }
                    None if name == "$it" => continue,
                    None => name.clone(),
                },
                PathSegment::Name(name) | PathSegment::Cast(name) => name.clone(),
                PathSegment::Annotation(name) => format!("@{name}"),
                _ => return unsupported("this path"),
            };
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(&step);
        }
        if text.is_empty() {
            text.push_str("$it");
        }
        Ok((columns, text))
    }
}

pub(super) struct Writer<'o> {
    pub(super) options: &'o SqlOptions,
    pub(super) sql: Sql,
    tables: usize,
    rewrites: usize,
}

impl<'o> Writer<'o> {
    pub(super) fn new(options: &'o SqlOptions) -> Self {
        Self {
            options,
            sql: Sql::default(),
            tables: 0,
            rewrites: 0,
        }
    }

    pub(super) fn push(&mut self, text: &str) {
        self.sql.text.push_str(text);
    }

    /// Binds a value and returns its placeholder.
    pub(super) fn bind(&mut self, literal: Literal) -> String {
        let number = self
            .options
            .first_param
            .saturating_add(self.sql.params.len());
        self.sql.params.push(literal);
        match self.options.dialect {
            Dialect::Sqlite => format!("?{number}"),
            Dialect::Postgres => format!("${number}"),
        }
    }

    /// Writes the SQL of an expression apart and returns it, and whether it is text.
    pub(super) fn apart(
        &mut self,
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Result<(String, bool), SqlError> {
        let kept = std::mem::take(&mut self.sql.text);
        let text = self.value(expr, scope);
        let written = std::mem::replace(&mut self.sql.text, kept);
        Ok((written, text?))
    }

    /// Follows an alias or a rewritten call, but not in circles.
    fn rewritten<T>(
        &mut self,
        then: impl FnOnce(&mut Self) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        if self.rewrites >= MAX_REWRITES {
            return Err(SqlError::Loop);
        }
        self.rewrites += 1;
        let result = then(self);
        self.rewrites -= 1;
        result
    }

    pub(super) fn condition(
        &mut self,
        expr: &Expr,
        scope: &Scope<'_>,
        tight: Tight,
    ) -> Result<(), SqlError> {
        match expr {
            Expr::And(operands) => self.chain(operands, " AND ", scope, tight, Tight::And),
            Expr::Or(operands) => self.chain(operands, " OR ", scope, tight, Tight::Or),
            Expr::Not(inner) => {
                self.push("NOT (");
                self.condition(inner, scope, Tight::Whole)?;
                self.push(")");
                Ok(())
            }
            Expr::Alias(name) => {
                let expr = scope.columns.alias(name);
                let expr = expr.ok_or_else(|| SqlError::UnknownAlias { name: name.clone() })?;
                self.rewritten(|writer| writer.condition(&expr, scope, tight))
            }
            Expr::Literal(Literal::Bool(truth)) => {
                self.push(if *truth { "1=1" } else { "1=0" });
                Ok(())
            }
            Expr::Literal(Literal::Null) => {
                self.push("NULL");
                Ok(())
            }
            Expr::Path(path) if self.path_condition(path, scope)? => Ok(()),
            other => self.value(other, scope).map(|_| ()),
        }
    }

    fn chain(
        &mut self,
        operands: &[Expr],
        word: &str,
        scope: &Scope<'_>,
        tight: Tight,
        own: Tight,
    ) -> Result<(), SqlError> {
        let wrap = tight != Tight::Whole && tight != own;
        if wrap {
            self.push("(");
        }
        self.links(operands, word, scope, own)?;
        if wrap {
            self.push(")");
        }
        Ok(())
    }

    /// The links of a chain. Databases bound the depth of an expression and read a long chain as
    /// a deep one, so it is halved until its pieces are short.
    fn links(
        &mut self,
        operands: &[Expr],
        word: &str,
        scope: &Scope<'_>,
        own: Tight,
    ) -> Result<(), SqlError> {
        if operands.len() > MAX_LINKS
            && let Some((first, second)) = operands.split_at_checked(operands.len() / 2)
        {
            self.push("(");
            self.links(first, word, scope, own)?;
            self.push(")");
            self.push(word);
            self.push("(");
            self.links(second, word, scope, own)?;
            self.push(")");
            return Ok(());
        }
        for (index, operand) in operands.iter().enumerate() {
            if index > 0 {
                self.push(word);
            }
            self.condition(operand, scope, own)?;
        }
        Ok(())
    }

    /// Writes a lambda or a service's function; `false`, with nothing written, for other paths.
    fn path_condition(&mut self, path: &Path, scope: &Scope<'_>) -> Result<bool, SqlError> {
        let Some((last, before)) = path.segments.split_last() else {
            return Ok(false);
        };
        match last {
            PathSegment::Lambda(lambda) => self.lambda(lambda, before, scope).map(|()| true),
            PathSegment::Function { name, args } => {
                let (columns, subject) = if before.is_empty() {
                    (scope.columns, String::new())
                } else {
                    scope.start(before)?
                };
                let Some(expr) = columns.call(&subject, name, args) else {
                    return unsupported(&format!("the function `{name}`"));
                };
                self.rewritten(|writer| writer.condition(&expr, scope, Tight::Inner))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn lambda(
        &mut self,
        lambda: &Lambda,
        before: &[PathSegment],
        scope: &Scope<'_>,
    ) -> Result<(), SqlError> {
        let (columns, path) = scope.start(before)?;
        self.tables += 1;
        let alias = format!("member{}", self.tables);
        let collection = columns.collection(&path, &alias);
        let collection = collection.ok_or(SqlError::UnknownProperty { path })?;
        let all = lambda.kind == LambdaKind::All;
        let _ = write!(
            self.sql.text,
            "{}EXISTS (SELECT 1 FROM {} WHERE {}",
            if all { "NOT " } else { "" },
            collection.from,
            collection.on
        );
        if let Some((variable, condition)) = &lambda.condition {
            let inner = Scope {
                columns: scope.columns,
                variable: Some((variable, collection.columns.as_ref(), scope)),
            };
            self.push(" AND (");
            self.condition(condition, &inner, Tight::Whole)?;
            self.push(if all { ") IS NOT TRUE" } else { ")" });
        }
        self.push(")");
        Ok(())
    }

    /// Writes a value and says whether it is text.
    pub(super) fn value(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<bool, SqlError> {
        match expr {
            Expr::Literal(Literal::Null) => {
                self.push("NULL");
                Ok(false)
            }
            Expr::Literal(literal) | Expr::Json(Json::Value(literal)) => {
                let text = matches!(literal, Literal::String(_) | Literal::Enum { .. });
                let placeholder = self.bind(literal.clone());
                self.push(&placeholder);
                Ok(text)
            }
            Expr::Path(path) => self.path(path, scope),
            Expr::Alias(name) => {
                let expr = scope.columns.alias(name);
                let expr = expr.ok_or_else(|| SqlError::UnknownAlias { name: name.clone() })?;
                self.rewritten(|writer| writer.value(&expr, scope))
            }
            Expr::And(_) | Expr::Or(_) | Expr::Not(_) => {
                self.condition(expr, scope, Tight::Inner)?;
                Ok(false)
            }
            Expr::Negate(inner) => {
                self.push("-(");
                self.value(inner, scope)?;
                self.push(")");
                Ok(false)
            }
            Expr::Binary { op, left, right } if op.is_comparison() => {
                self.comparison(*op, left, right, scope)?;
                Ok(false)
            }
            Expr::Binary { op, left, right } => self.calculation(*op, left, right, scope),
            Expr::In { value, list } => {
                self.contained(value, list, scope)?;
                Ok(false)
            }
            Expr::Call { function, args } => self.call(*function, args, scope),
            Expr::Case(branches) => {
                let mut text = false;
                self.push("CASE");
                for (condition, value) in branches {
                    self.push(" WHEN ");
                    self.condition(condition, scope, Tight::Whole)?;
                    self.push(" THEN ");
                    text |= self.value(value, scope)?;
                }
                self.push(" END");
                Ok(text)
            }
            Expr::TypeCall { .. } => unsupported("a type cast or type test"),
            Expr::List(_) | Expr::Json(_) => unsupported("a list outside of `in`"),
        }
    }

    fn path(&mut self, path: &Path, scope: &Scope<'_>) -> Result<bool, SqlError> {
        if let Some((PathSegment::Count(None), before)) = path.segments.split_last() {
            let (columns, path) = scope.start(before)?;
            self.tables += 1;
            let alias = format!("member{}", self.tables);
            let collection = columns.collection(&path, &alias);
            let collection = collection.ok_or(SqlError::UnknownProperty { path })?;
            let (from, on) = (collection.from, collection.on);
            let _ = write!(self.sql.text, "(SELECT count(*) FROM {from} WHERE {on})");
            return Ok(false);
        }
        if self.path_condition(path, scope)? {
            return Ok(false);
        }
        let (columns, path) = scope.start(&path.segments)?;
        let column = columns
            .column(&path)
            .ok_or(SqlError::UnknownProperty { path })?;
        self.push(&column.sql);
        Ok(column.text)
    }

    fn calculation(
        &mut self,
        op: BinaryOp,
        left: &Expr,
        right: &Expr,
        scope: &Scope<'_>,
    ) -> Result<bool, SqlError> {
        let sign = match op {
            BinaryOp::Add => " + ",
            BinaryOp::Sub => " - ",
            BinaryOp::Mul => " * ",
            BinaryOp::Mod => " % ",
            _ => " / ",
        };
        self.push("(");
        if op == BinaryOp::DivBy {
            self.push("1.0 * ");
        }
        self.value(left, scope)?;
        self.push(sign);
        self.value(right, scope)?;
        self.push(")");
        Ok(false)
    }

    fn comparison(
        &mut self,
        op: BinaryOp,
        left: &Expr,
        right: &Expr,
        scope: &Scope<'_>,
    ) -> Result<(), SqlError> {
        let null = |expr: &Expr| matches!(expr, Expr::Literal(Literal::Null));
        if matches!(op, BinaryOp::Eq | BinaryOp::Ne) && (null(left) || null(right)) {
            let tested = if null(right) { left } else { right };
            let (sql, _) = self.apart(tested, scope)?;
            self.push(&sql);
            self.push(if op == BinaryOp::Eq {
                " IS NULL"
            } else {
                " IS NOT NULL"
            });
            return Ok(());
        }
        if matches!(op, BinaryOp::Eq | BinaryOp::Ne)
            && let Expr::Literal(Literal::String(text)) = right
            && let Some(tokens) = self.options.collation.equality_pattern(text)
        {
            let (subject, is_text) = self.apart(left, scope)?;
            if is_text {
                return self.like(&subject, &tokens, op == BinaryOp::Ne);
            }
            self.push(&subject);
            let placeholder = self.bind(Literal::String(text.clone()));
            self.push(if op == BinaryOp::Eq { " = " } else { " <> " });
            self.push(&placeholder);
            return Ok(());
        }
        let sign = match op {
            BinaryOp::Eq => " = ",
            BinaryOp::Ne => " <> ",
            BinaryOp::Gt => " > ",
            BinaryOp::Ge => " >= ",
            BinaryOp::Lt => " < ",
            BinaryOp::Le => " <= ",
            _ => return unsupported("`has`"),
        };
        let (left, left_text) = self.apart(left, scope)?;
        let (right, right_text) = self.apart(right, scope)?;
        self.compare_sql(&left, sign, &right, left_text || right_text);
        Ok(())
    }

    fn compare_sql(&mut self, left: &str, sign: &str, right: &str, text: bool) {
        let fold = text && self.options.collation.case_insensitive;
        let sql = match (fold, self.options.dialect) {
            (false, _) => format!("{left}{sign}{right}"),
            (true, Dialect::Sqlite) => format!("{left}{sign}{right} COLLATE NOCASE"),
            (true, Dialect::Postgres) => format!("lower({left}){sign}lower({right})"),
        };
        self.push(&sql);
    }

    /// Writes `subject LIKE pattern`, or its negation.
    pub(super) fn like(
        &mut self,
        subject: &str,
        tokens: &[Token],
        negated: bool,
    ) -> Result<(), SqlError> {
        let Some(pattern) = wildcard::to_sql_like(tokens) else {
            return unsupported("a pattern with a set of characters");
        };
        let fold = self.options.collation.case_insensitive;
        if self.options.dialect == Dialect::Sqlite && !fold {
            return unsupported("a pattern that minds letter case");
        }
        let placeholder = self.bind(Literal::String(pattern));
        let word = match (self.options.dialect, fold) {
            (Dialect::Postgres, true) => "ILIKE",
            _ => "LIKE",
        };
        let not = if negated { "NOT " } else { "" };
        let _ = write!(
            self.sql.text,
            "{subject} {not}{word} {placeholder} ESCAPE '\\'"
        );
        Ok(())
    }

    fn contained(&mut self, value: &Expr, list: &Expr, scope: &Scope<'_>) -> Result<(), SqlError> {
        let items: Vec<Expr> = match list {
            Expr::List(items) => items.clone(),
            Expr::Json(Json::Array(items)) => {
                let item = |item: &Json| match item {
                    Json::Value(literal) => Ok(Expr::Literal(literal.clone())),
                    Json::Expr(expr) => Ok(expr.as_ref().clone()),
                    _ => unsupported("a nested array or object in `in`"),
                };
                items.iter().map(item).collect::<Result<_, _>>()?
            }
            Expr::Alias(name) => {
                let list = scope.columns.alias(name);
                let list = list.ok_or_else(|| SqlError::UnknownAlias { name: name.clone() })?;
                return self.rewritten(|writer| writer.contained(value, &list, scope));
            }
            _ => return unsupported("this list of `in`"),
        };
        if items.is_empty() {
            self.push("1=0");
            return Ok(());
        }
        // Plain values become one list; nulls, patterns and expressions are compared one by one.
        let (plain, odd): (Vec<&Expr>, Vec<&Expr>) =
            items.iter().partition(|item| self.is_plain(item));
        let wrap = odd.len() + usize::from(!plain.is_empty()) > 1;
        self.push(if wrap { "(" } else { "" });
        if !plain.is_empty() {
            self.listed(value, &plain, scope)?;
        }
        for (index, item) in odd.into_iter().enumerate() {
            if index > 0 || !plain.is_empty() {
                self.push(" OR ");
            }
            self.comparison(BinaryOp::Eq, value, item, scope)?;
        }
        self.push(if wrap { ")" } else { "" });
        Ok(())
    }

    /// Whether an item of a list is a value that means just itself.
    fn is_plain(&self, item: &Expr) -> bool {
        match item {
            Expr::Literal(Literal::String(text)) => {
                self.options.collation.equality_pattern(text).is_none()
            }
            Expr::Literal(literal) => !literal.is_null(),
            _ => false,
        }
    }

    /// Writes `value IN (…)`.
    fn listed(&mut self, value: &Expr, items: &[&Expr], scope: &Scope<'_>) -> Result<(), SqlError> {
        let (subject, mut text) = self.apart(value, scope)?;
        let mut placeholders = Vec::with_capacity(items.len());
        for item in items {
            let (placeholder, item_is_text) = self.apart(item, scope)?;
            text |= item_is_text;
            placeholders.push(placeholder);
        }
        let fold = text && self.options.collation.case_insensitive;
        let list = match (fold, self.options.dialect) {
            (true, Dialect::Postgres) => {
                let folded = placeholders.iter().map(|item| format!("lower({item})"));
                format!(
                    "lower({subject}) IN ({})",
                    folded.collect::<Vec<_>>().join(", ")
                )
            }
            (true, Dialect::Sqlite) => {
                format!("{subject} COLLATE NOCASE IN ({})", placeholders.join(", "))
            }
            (false, _) => format!("{subject} IN ({})", placeholders.join(", ")),
        };
        self.push(&list);
        Ok(())
    }
}
