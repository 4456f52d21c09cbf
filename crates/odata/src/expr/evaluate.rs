//! Computes an expression over a row, with SQL's three-valued logic.
//!
//! A comparison with a value that is null is unknown, and unknown is `Literal::Null`; only
//! `x eq null` and `x ne null`, written with the literal, test for null and are never unknown.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;

use super::{
    BinaryOp, Collation, Expr, Function, Json, Lambda, LambdaKind, Path, PathSegment, arithmetic,
    convert, evaluate_call, wildcard,
};
use crate::Literal;

/// A row that an expression is computed over.
pub trait Properties {
    /// The value at a path such as `name` or `customer/name`; null is `Literal::Null`, a
    /// property that the row's type does not have is `None`. A member of a collection of plain
    /// values answers to `$it`.
    fn get(&self, path: &str) -> Option<Literal>;

    /// The members of the collection at a path, for `any`, `all` and `$count`.
    fn collection(&self, path: &str) -> Option<Vec<&dyn Properties>> {
        let _ = path;
        None
    }

    /// What the parameter alias of this name (without `@`) stands for.
    fn alias(&self, name: &str) -> Option<Expr> {
        let _ = name;
        None
    }

    /// The time that `now()` gives; without it `now()` is an error.
    fn now(&self) -> Option<Timestamp> {
        None
    }

    /// Calls a function of the service, such as `Microsoft.Dynamics.CRM.In`, bound to the value
    /// at `subject` (empty: to the row itself).
    fn call(
        &self,
        subject: &str,
        name: &str,
        args: &[(String, Expr)],
    ) -> Option<Result<Literal, EvalError>> {
        let _ = (subject, name, args);
        None
    }
}

/// Why an expression has no value. Values themselves are never told: they may be personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The row's type has no such property.
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
    /// The service has no such function.
    #[error("there is no function `{name}` here")]
    UnknownFunction {
        /// The function's name as written.
        name: String,
    },
    /// Two values that do not go together.
    #[error("`{operator}` cannot take a {left} and a {right}")]
    Operands {
        /// The operator or function.
        operator: &'static str,
        /// The kind of the first value.
        left: &'static str,
        /// The kind of the second value.
        right: &'static str,
    },
    /// One value of the wrong kind.
    #[error("`{operator}` cannot take a {kind}")]
    Operand {
        /// The operator or function.
        operator: &'static str,
        /// The kind of the value.
        kind: &'static str,
    },
    /// A condition that is neither true nor false.
    #[error("a condition must be true or false, this one is a {kind}")]
    NotCondition {
        /// The kind of its value.
        kind: &'static str,
    },
    /// Something of the language that is not computed here.
    #[error("{what} cannot be evaluated here")]
    Unsupported {
        /// What it is.
        what: String,
    },
    /// A regular expression that is none.
    #[error("`matchespattern` needs a regular expression, and this is none")]
    Pattern,
    /// `now()` without a clock.
    #[error("`now()` needs a clock, and none was given")]
    NoClock,
    /// A result beyond its type.
    #[error("a calculation is out of range")]
    Overflow,
    /// A division by zero.
    #[error("a number is divided by zero")]
    DivisionByZero,
    /// Aliases that stand for each other.
    #[error("the parameter alias `@{name}` stands for itself")]
    AliasLoop {
        /// The alias without its `@`.
        name: String,
    },
}

/// Computes an expression over a row; an unknown truth is `Literal::Null`.
///
/// ```
/// use duet_odata::{Literal, expr};
///
/// struct Row;
/// impl expr::Properties for Row {
///     fn get(&self, path: &str) -> Option<Literal> {
///         match path {
///             "name" => Some("Fabrikam".into()),
///             "fax" => Some(Literal::Null),
///             _ => None,
///         }
///     }
/// }
///
/// let dataverse = expr::Collation::DATAVERSE;
/// let filter = expr::parse("name eq 'FABRIKAM' and fax eq null")?;
/// assert!(expr::matches(&filter, &Row, &dataverse)?);
/// let unknown = expr::parse("fax eq '1'")?;
/// assert_eq!(expr::evaluate(&unknown, &Row, &dataverse)?, Literal::Null);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn evaluate(
    expr: &Expr,
    row: &dyn Properties,
    collation: &Collation,
) -> Result<Literal, EvalError> {
    Scope {
        row,
        collation: *collation,
        variable: None,
        aliases: 0,
    }
    .value(expr)
}

/// Whether a row satisfies a condition; unknown counts as no, as in SQL's `WHERE`.
pub fn matches(
    expr: &Expr,
    row: &dyn Properties,
    collation: &Collation,
) -> Result<bool, EvalError> {
    match evaluate(expr, row, collation)? {
        Literal::Bool(truth) => Ok(truth),
        Literal::Null => Ok(false),
        other => Err(EvalError::NotCondition { kind: other.kind() }),
    }
}

/// Aliases may stand for aliases, so deep.
const MAX_ALIASES: usize = 8;

#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    row: &'a dyn Properties,
    collation: Collation,
    variable: Option<&'a Variable<'a>>,
    aliases: usize,
}

struct Variable<'a> {
    name: &'a str,
    member: &'a dyn Properties,
    outer: Option<&'a Variable<'a>>,
}

impl Scope<'_> {
    fn value(&self, expr: &Expr) -> Result<Literal, EvalError> {
        match expr {
            Expr::Literal(literal) | Expr::Json(Json::Value(literal)) => Ok(literal.clone()),
            Expr::Path(path) => self.path(path),
            Expr::Alias(name) => self.aliased(name, Self::value),
            Expr::Not(inner) => Ok(truth_literal(self.truth(inner)?.map(|truth| !truth))),
            Expr::Negate(inner) => arithmetic::negate(&self.value(inner)?),
            Expr::And(operands) => self.chain(operands, false),
            Expr::Or(operands) => self.chain(operands, true),
            Expr::Binary { op, left, right } if op.is_comparison() => {
                self.comparison(*op, left, right).map(truth_literal)
            }
            Expr::Binary { op, left, right } => {
                arithmetic::calculate(*op, &*self.operand(left)?, &*self.operand(right)?)
            }
            Expr::In { value, list } => self.contained(value, list).map(truth_literal),
            Expr::Call { function, args } => self.call(*function, args),
            Expr::Case(branches) => {
                for (condition, value) in branches {
                    if self.truth(condition)? == Some(true) {
                        return self.value(value);
                    }
                }
                Ok(Literal::Null)
            }
            Expr::TypeCall {
                test,
                value: Some(value),
                type_name,
            } => self.type_call(*test, value, type_name),
            Expr::TypeCall { value: None, .. } => unsupported("the row's own type"),
            Expr::List(_) => unsupported("a list outside of `in`"),
            Expr::Json(_) => unsupported("a JSON array or object"),
        }
    }

    /// Like [`value`](Self::value), without copying a literal of the expression.
    pub(super) fn operand<'e>(&self, expr: &'e Expr) -> Result<Cow<'e, Literal>, EvalError> {
        match expr {
            Expr::Literal(literal) => Ok(Cow::Borrowed(literal)),
            other => self.value(other).map(Cow::Owned),
        }
    }

    fn truth(&self, expr: &Expr) -> Result<Option<bool>, EvalError> {
        match self.value(expr)? {
            Literal::Bool(truth) => Ok(Some(truth)),
            Literal::Null => Ok(None),
            other => Err(EvalError::NotCondition { kind: other.kind() }),
        }
    }

    fn type_call(&self, test: bool, value: &Expr, type_name: &str) -> Result<Literal, EvalError> {
        let value = self.operand(value)?;
        let result = if test {
            convert::is_of(&value, type_name).map(Literal::Bool)
        } else {
            convert::cast(&value, type_name)
        };
        result.map_or_else(|| unsupported(&format!("the type `{type_name}`")), Ok)
    }

    /// `and` and `or`: the `deciding` truth of one operand decides the whole.
    fn chain(&self, operands: &[Expr], deciding: bool) -> Result<Literal, EvalError> {
        let mut result = Some(!deciding);
        for operand in operands {
            match self.truth(operand)? {
                Some(truth) if truth == deciding => return Ok(Literal::Bool(deciding)),
                Some(_) => {}
                None => result = None,
            }
        }
        Ok(truth_literal(result))
    }

    pub(super) fn aliased<T>(
        &self,
        name: &str,
        then: impl FnOnce(&Self, &Expr) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        if self.aliases >= MAX_ALIASES {
            return Err(EvalError::AliasLoop {
                name: name.to_owned(),
            });
        }
        let expr = self.row.alias(name);
        let expr = expr.ok_or_else(|| EvalError::UnknownAlias {
            name: name.to_owned(),
        })?;
        then(
            &Self {
                aliases: self.aliases + 1,
                ..*self
            },
            &expr,
        )
    }

    fn comparison(
        &self,
        op: BinaryOp,
        left: &Expr,
        right: &Expr,
    ) -> Result<Option<bool>, EvalError> {
        let (a, b) = (self.operand(left)?, self.operand(right)?);
        let tests_null = is_null(left) || is_null(right);
        match op {
            BinaryOp::Eq if tests_null => return Ok(Some(a.is_null() && b.is_null())),
            BinaryOp::Ne if tests_null => return Ok(Some(a.is_null() != b.is_null())),
            _ => {}
        }
        self.compare(op, &a, &b)
    }

    pub(super) fn compare(
        &self,
        op: BinaryOp,
        a: &Literal,
        b: &Literal,
    ) -> Result<Option<bool>, EvalError> {
        if a.is_null() || b.is_null() {
            return Ok(None);
        }
        let mismatch = || EvalError::Operands {
            operator: op.word(),
            left: a.kind(),
            right: b.kind(),
        };
        if op == BinaryOp::Has {
            return has(a, b).map(Some).ok_or_else(mismatch);
        }
        if matches!(op, BinaryOp::Eq | BinaryOp::Ne)
            && let (Literal::String(text), Literal::String(pattern)) = (a, b)
            && let Some(tokens) = self
                .collation
                .equality_pattern(&self.collation.fold(pattern))
        {
            let fits = wildcard::matches(&tokens, &self.collation.fold(text));
            return Ok(Some(fits == (op == BinaryOp::Eq)));
        }
        let Some(order) = self.collation.compare(a, b) else {
            // NaN is not equal to anything, itself included, and not a type error.
            let nan = |x: &Literal| matches!(x, Literal::Double(value) if value.is_nan());
            if nan(a) || nan(b) {
                return Ok(Some(op == BinaryOp::Ne));
            }
            return Err(mismatch());
        };
        Ok(Some(match op {
            BinaryOp::Eq => order == Ordering::Equal,
            BinaryOp::Ne => order != Ordering::Equal,
            BinaryOp::Gt => order == Ordering::Greater,
            BinaryOp::Ge => order != Ordering::Less,
            BinaryOp::Lt => order == Ordering::Less,
            _ => order != Ordering::Greater,
        }))
    }

    /// The row that a path starts from and the path from there.
    pub(super) fn start(&self, path: &Path) -> Result<(&dyn Properties, String), EvalError> {
        self.start_of(&path.segments)
    }

    fn start_of(&self, segments: &[PathSegment]) -> Result<(&dyn Properties, String), EvalError> {
        let mut row = self.row;
        let mut text = String::new();
        for (index, segment) in segments.iter().enumerate() {
            let name = match segment {
                PathSegment::Name(name) if index == 0 => {
                    if let Some(member) = self.member(name) {
                        row = member;
                        continue;
                    }
                    if name == "$it" {
                        continue;
                    }
                    Cow::Borrowed(name)
                }
                PathSegment::Name(name) | PathSegment::Cast(name) => Cow::Borrowed(name),
                PathSegment::Annotation(name) => Cow::Owned(format!("@{name}")),
                _ => return unsupported("this path"),
            };
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(&name);
        }
        Ok((row, text))
    }

    fn member(&self, name: &str) -> Option<&dyn Properties> {
        let mut next = self.variable;
        while let Some(variable) = next {
            if variable.name == name {
                return Some(variable.member);
            }
            next = variable.outer;
        }
        None
    }

    fn path(&self, path: &Path) -> Result<Literal, EvalError> {
        if let Some(name) = path.as_name()
            && self.variable.is_none()
            && name != "$it"
        {
            return get(self.row, name);
        }
        let Some((last, before)) = path.segments.split_last() else {
            return unsupported("an empty path");
        };
        match last {
            PathSegment::Count(None) => {
                let (row, text) = self.start_of(before)?;
                let members = row.collection(&text);
                let members = members.ok_or(EvalError::UnknownProperty { path: text })?;
                i64::try_from(members.len())
                    .map(Literal::Int)
                    .map_err(|_| EvalError::Overflow)
            }
            PathSegment::Lambda(lambda) => {
                let (row, text) = self.start_of(before)?;
                let members = row.collection(&text);
                let members = members.ok_or(EvalError::UnknownProperty { path: text })?;
                self.lambda(lambda, &members).map(truth_literal)
            }
            PathSegment::Function { name, args } => {
                let (row, subject) = self.start_of(before)?;
                let result = row.call(&subject, name, args);
                result.unwrap_or_else(|| Err(EvalError::UnknownFunction { name: name.clone() }))
            }
            _ => {
                let (row, text) = self.start_of(&path.segments)?;
                get(row, if text.is_empty() { "$it" } else { &text })
            }
        }
    }

    fn lambda(
        &self,
        lambda: &Lambda,
        members: &[&dyn Properties],
    ) -> Result<Option<bool>, EvalError> {
        let Some((name, condition)) = &lambda.condition else {
            return Ok(Some(!members.is_empty()));
        };
        let deciding = lambda.kind == LambdaKind::Any;
        let mut result = Some(!deciding);
        for member in members {
            let variable = Variable {
                name,
                member: *member,
                outer: self.variable,
            };
            let inner = Scope {
                variable: Some(&variable),
                ..*self
            };
            match inner.truth(condition)? {
                Some(truth) if truth == deciding => return Ok(Some(deciding)),
                Some(_) => {}
                None => result = None,
            }
        }
        Ok(result)
    }

    fn call(&self, function: Function, args: &[Expr]) -> Result<Literal, EvalError> {
        if function == Function::Now {
            return self
                .row
                .now()
                .map(Literal::DateTimeOffset)
                .ok_or(EvalError::NoClock);
        }
        if matches!(function, Function::HasSubset | Function::HasSubsequence) {
            return self.contains_all(function, args).map(Literal::Bool);
        }
        let values: Vec<Cow<'_, Literal>> = args
            .iter()
            .map(|arg| self.operand(arg))
            .collect::<Result<_, _>>()?;
        if values.iter().any(|value| value.is_null()) {
            return Ok(Literal::Null);
        }
        evaluate_call::compute(function, &values, self.collation)
    }
}

fn get(row: &dyn Properties, path: &str) -> Result<Literal, EvalError> {
    row.get(path).ok_or_else(|| EvalError::UnknownProperty {
        path: path.to_owned(),
    })
}

pub(super) fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(Literal::Null))
}

fn truth_literal(truth: Option<bool>) -> Literal {
    truth.map_or(Literal::Null, Literal::Bool)
}

pub(super) fn unsupported<T>(what: &str) -> Result<T, EvalError> {
    Err(EvalError::Unsupported {
        what: what.to_owned(),
    })
}

/// Whether every flag of `b` is set in `a`.
fn has(a: &Literal, b: &Literal) -> Option<bool> {
    if let (Literal::Int(a), Literal::Int(b)) = (a, b) {
        return Some(a & b == *b);
    }
    let set: Vec<&str> = a.as_str()?.split(',').map(str::trim).collect();
    Some(
        b.as_str()?
            .split(',')
            .all(|flag| set.contains(&flag.trim())),
    )
}
