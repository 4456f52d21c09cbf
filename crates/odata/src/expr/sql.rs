//! Turns expressions into SQL conditions with bound parameters.
//!
//! No text of the expression ever reaches the SQL: names go through [`Columns`], values become
//! parameters. The meaning is that of [`evaluate`](super::evaluate), except that the database
//! folds letter case by its own rules (SQLite: ASCII only).

use std::fmt::Write as _;

use jiff::Timestamp;

use super::wildcard::{self, Token};
use super::{
    BinaryOp, Collation, Expr, Function, Json, Lambda, LambdaKind, Path, PathSegment, Wildcards,
};
use crate::Literal;

/// The SQL of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// SQLite: `?1`, `COLLATE NOCASE`.
    #[default]
    Sqlite,
    /// PostgreSQL: `$1`, `lower(…)`.
    Postgres,
}

/// How to write the SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlOptions {
    /// The database.
    pub dialect: Dialect,
    /// How strings compare.
    pub collation: Collation,
    /// The number of the first parameter, so that a condition fits into a larger statement.
    pub first_param: usize,
    /// The time that `now()` stands for.
    pub now: Option<Timestamp>,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            collation: Collation::default(),
            first_param: 1,
            now: None,
        }
    }
}

/// A piece of SQL and the values of its parameters, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sql {
    /// The SQL text.
    pub text: String,
    /// The values to bind.
    pub params: Vec<Literal>,
}

/// The SQL of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// An SQL expression, quoted as needed.
    pub sql: String,
    /// Whether it holds text, which compares by the collation.
    pub text: bool,
}

impl Column {
    /// A column of text.
    pub fn text(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            text: true,
        }
    }

    /// A column of any other type.
    pub fn other(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            text: false,
        }
    }
}

/// The SQL of a collection that `any`, `all` or `$count` goes through.
pub struct Collection<'a> {
    /// What follows `FROM`, such as `orders AS m1`.
    pub from: String,
    /// The condition that ties the members to the row, such as `m1.customer = c.id`.
    pub on: String,
    /// The columns of a member.
    pub columns: Box<dyn Columns + 'a>,
}

/// Where the names of an expression lead in a database.
pub trait Columns {
    /// The column at a path such as `name` or `customer/name`; `None` if there is none.
    fn column(&self, path: &str) -> Option<Column>;

    /// The collection at a path; `alias` is a table alias that nothing else uses.
    fn collection(&self, path: &str, alias: &str) -> Option<Collection<'_>> {
        let _ = (path, alias);
        None
    }

    /// What a parameter alias (without `@`) stands for.
    fn alias(&self, name: &str) -> Option<Expr> {
        let _ = name;
        None
    }

    /// Rewrites a call of a service's function, such as `Microsoft.Dynamics.CRM.In`, into an
    /// expression of the protocol's own means.
    fn call(&self, subject: &str, name: &str, args: &[(String, Expr)]) -> Option<Expr> {
        let _ = (subject, name, args);
        None
    }
}

/// Why an expression has no SQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// There is no such column.
    #[error("there is no property `{path}`; check its spelling and letter case")]
    UnknownProperty {
        /// The path that was asked for.
        path: String,
    },
    /// The alias is used but not given.
    #[error("the parameter alias `@{name}` has no value; add `@{name}=…` to the query")]
    UnknownAlias {
        /// The alias without its `@`.
        name: String,
    },
    /// Something of the language that has no SQL here.
    #[error("{what} cannot be translated to SQL")]
    Unsupported {
        /// What it is.
        what: String,
    },
    /// Aliases or rewritten calls that lead back to themselves.
    #[error("an alias or a function stands for itself")]
    Loop,
}

/// Turns a condition into SQL for a `WHERE`.
///
/// ```
/// use duet_odata::expr::{self, Column, Columns, SqlOptions};
///
/// struct Accounts;
/// impl Columns for Accounts {
///     fn column(&self, path: &str) -> Option<Column> {
///         (path == "name").then(|| Column::text("a.name"))
///     }
/// }
///
/// let filter = expr::parse("name ne null and startswith(name,'A')")?;
/// let sql = expr::to_sql(&filter, &Accounts, &SqlOptions::default())?;
/// assert_eq!(sql.text, r"a.name IS NOT NULL AND substr(a.name, 1, length(?1)) = ?1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_sql(expr: &Expr, columns: &dyn Columns, options: &SqlOptions) -> Result<Sql, SqlError> {
    let mut writer = Writer::new(options);
    writer.condition(
        expr,
        &Scope {
            columns,
            variable: None,
        },
        Tight::Whole,
    )?;
    Ok(writer.sql)
}

/// Turns sort keys (expression, descending) into SQL for an `ORDER BY`; nulls come first when
/// ascending and last when descending, as the protocol asks.
pub fn order_by_sql<'a>(
    keys: impl IntoIterator<Item = (&'a Expr, bool)>,
    columns: &dyn Columns,
    options: &SqlOptions,
) -> Result<Sql, SqlError> {
    let mut writer = Writer::new(options);
    for (index, (expr, descending)) in keys.into_iter().enumerate() {
        if index > 0 {
            writer.push(", ");
        }
        let text = writer.value(
            expr,
            &Scope {
                columns,
                variable: None,
            },
        )?;
        let folded = text && options.collation.case_insensitive;
        match options.dialect {
            Dialect::Sqlite if folded => writer.push(" COLLATE NOCASE"),
            _ => {}
        }
        writer.push(match (descending, options.dialect) {
            (false, Dialect::Sqlite) => "",
            (true, Dialect::Sqlite) => " DESC",
            (false, Dialect::Postgres) => " NULLS FIRST",
            (true, Dialect::Postgres) => " DESC NULLS LAST",
        });
    }
    Ok(writer.sql)
}

/// Aliases and rewritten calls may nest, so deep.
const MAX_REWRITES: usize = 8;

/// Where a condition stands, which decides whether it needs parentheses.
#[derive(Clone, Copy, PartialEq)]
enum Tight {
    Whole,
    And,
    Or,
    Inner,
}

struct Scope<'a> {
    columns: &'a dyn Columns,
    variable: Option<(&'a str, &'a dyn Columns, &'a Scope<'a>)>,
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

struct Writer<'o> {
    options: &'o SqlOptions,
    sql: Sql,
    tables: usize,
    rewrites: usize,
}

impl<'o> Writer<'o> {
    fn new(options: &'o SqlOptions) -> Self {
        Self {
            options,
            sql: Sql::default(),
            tables: 0,
            rewrites: 0,
        }
    }

    fn push(&mut self, text: &str) {
        self.sql.text.push_str(text);
    }

    /// Binds a value and returns its placeholder.
    fn bind(&mut self, literal: Literal) -> String {
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
    fn apart(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<(String, bool), SqlError> {
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

    fn condition(&mut self, expr: &Expr, scope: &Scope<'_>, tight: Tight) -> Result<(), SqlError> {
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
        for (index, operand) in operands.iter().enumerate() {
            if index > 0 {
                self.push(word);
            }
            self.condition(operand, scope, own)?;
        }
        if wrap {
            self.push(")");
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
    fn value(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<bool, SqlError> {
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
    fn like(&mut self, subject: &str, tokens: &[Token], negated: bool) -> Result<(), SqlError> {
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
        self.push("(");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.push(" OR ");
            }
            self.comparison(BinaryOp::Eq, value, item, scope)?;
        }
        self.push(")");
        Ok(())
    }

    fn call(
        &mut self,
        function: Function,
        args: &[Expr],
        scope: &Scope<'_>,
    ) -> Result<bool, SqlError> {
        if function == Function::Now {
            let Some(now) = self.options.now else {
                return unsupported("`now()` without a clock");
            };
            let placeholder = self.bind(Literal::DateTimeOffset(now));
            self.push(&placeholder);
            return Ok(false);
        }
        if matches!(
            function,
            Function::Contains | Function::StartsWith | Function::EndsWith
        ) && let [subject, Expr::Literal(Literal::String(text))] = args
        {
            return self.search(function, subject, text, scope).map(|()| false);
        }
        let mut sql = Vec::with_capacity(args.len());
        for arg in args {
            sql.push(self.apart(arg, scope)?.0);
        }
        let postgres = self.options.dialect == Dialect::Postgres;
        let (text, result) = match (function, sql.as_slice()) {
            (Function::ToLower, [a]) => (true, format!("lower({a})")),
            (Function::ToUpper, [a]) => (true, format!("upper({a})")),
            (Function::Trim, [a]) => (true, format!("trim({a})")),
            (Function::Length, [a]) => (false, format!("length({a})")),
            (Function::Concat, [a, b]) => (true, format!("({a} || {b})")),
            (Function::IndexOf, [a, b]) => (false, format!("({} - 1)", self.position(a, b))),
            (Function::Contains, [a, b]) => (false, format!("{} > 0", self.position(a, b))),
            (Function::StartsWith, [a, b]) => (false, format!("{} = 1", self.position(a, b))),
            (Function::Substring, [a, start]) => (true, format!("substr({a}, ({start}) + 1)")),
            (Function::Substring, [a, start, length]) => {
                (true, format!("substr({a}, ({start}) + 1, {length})"))
            }
            (Function::Round, [a]) => (false, format!("round({a})")),
            (Function::Floor, [a]) => (false, format!("floor({a})")),
            (Function::Ceiling, [a]) => (false, format!("ceil({a})")),
            (Function::Date, [a]) if postgres => (false, format!("({a})::date")),
            (Function::Time, [a]) if postgres => (false, format!("({a})::time")),
            (Function::Date, [a]) => (false, format!("date({a})")),
            (Function::Time, [a]) => (false, format!("time({a})")),
            (_, [a]) => (false, self.date_part(function, a)?),
            _ => return unsupported(&format!("`{}`", function.name())),
        };
        self.push(&result);
        Ok(text)
    }

    /// The place of `b` in `a`, counted from one, zero if it is not there.
    fn position(&self, a: &str, b: &str) -> String {
        let (a, b) = if self.options.collation.case_insensitive {
            (format!("lower({a})"), format!("lower({b})"))
        } else {
            (a.to_owned(), b.to_owned())
        };
        match self.options.dialect {
            Dialect::Sqlite => format!("instr({a}, {b})"),
            Dialect::Postgres => format!("strpos({a}, {b})"),
        }
    }

    fn date_part(&self, function: Function, a: &str) -> Result<String, SqlError> {
        let (format, field) = match function {
            Function::Year => ("%Y", "YEAR"),
            Function::Month => ("%m", "MONTH"),
            Function::Day => ("%d", "DAY"),
            Function::Hour => ("%H", "HOUR"),
            Function::Minute => ("%M", "MINUTE"),
            Function::Second => ("%S", "SECOND"),
            other => return unsupported(&format!("`{}`", other.name())),
        };
        Ok(match self.options.dialect {
            Dialect::Sqlite => format!("CAST(strftime('{format}', {a}) AS INTEGER)"),
            Dialect::Postgres => format!("CAST(floor(EXTRACT({field} FROM {a})) AS integer)"),
        })
    }

    /// `contains` and its kin with a constant text.
    fn search(
        &mut self,
        function: Function,
        subject: &Expr,
        text: &str,
        scope: &Scope<'_>,
    ) -> Result<(), SqlError> {
        let (subject, _) = self.apart(subject, scope)?;
        let collation = self.options.collation;
        if collation.case_insensitive || collation.wildcards == Wildcards::Like {
            let mut tokens = collation.search_pattern(text);
            if function != Function::StartsWith {
                tokens.insert(0, Token::Any);
            }
            if function != Function::EndsWith {
                tokens.push(Token::Any);
            }
            return self.like(&subject, &tokens, false);
        }
        let placeholder = self.bind(Literal::String(text.to_owned()));
        let sql = match function {
            Function::StartsWith => {
                format!("substr({subject}, 1, length({placeholder})) = {placeholder}")
            }
            // A negative start counts from the end in SQLite only.
            Function::EndsWith => format!(
                "substr({subject}, length({subject}) - length({placeholder}) + 1) = {placeholder}"
            ),
            _ => format!("{} > 0", self.position(&subject, &placeholder)),
        };
        self.push(&sql);
        Ok(())
    }
}

fn unsupported<T>(what: &str) -> Result<T, SqlError> {
    Err(SqlError::Unsupported {
        what: what.to_owned(),
    })
}
