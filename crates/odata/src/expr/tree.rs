//! The tree of an expression.

use super::Function;
use crate::Literal;
use crate::url::KeyPredicate;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A value.
    Literal(Literal),
    /// A property, a navigation, a lambda over a collection, or a call of a service's function.
    Path(Path),
    /// A parameter alias, without its `@`.
    Alias(String),
    /// `not x`.
    Not(Box<Expr>),
    /// `-x`.
    Negate(Box<Expr>),
    /// `a and b and c`; two operands or more.
    And(Vec<Expr>),
    /// `a or b or c`; two operands or more.
    Or(Vec<Expr>),
    /// A comparison or a calculation.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// What stands before it.
        left: Box<Expr>,
        /// What stands after it.
        right: Box<Expr>,
    },
    /// `x in list`, where the list is a [`List`](Self::List), a JSON array, an alias or a path.
    In {
        /// The value that is looked for.
        value: Box<Expr>,
        /// Where it is looked for.
        list: Box<Expr>,
    },
    /// `(1,2,3)`, to the right of `in`.
    List(Vec<Expr>),
    /// A call of one of the protocol's own functions.
    Call {
        /// The function.
        function: Function,
        /// Its arguments, as many as the function takes.
        args: Vec<Expr>,
    },
    /// `case(condition:value,…)`.
    Case(Vec<(Expr, Expr)>),
    /// `cast([x,]Type)` or `isof([x,]Type)`.
    TypeCall {
        /// Whether it tests (`isof`) rather than converts (`cast`).
        test: bool,
        /// The value; without it the row itself.
        value: Option<Box<Expr>>,
        /// The qualified type name, `Edm.String` or `Collection(Ns.Type)`.
        type_name: String,
    },
    /// A JSON array or object.
    Json(Json),
}

impl Expr {
    /// The path of a property of the row itself: `Expr::property("name")`.
    pub fn property(name: impl Into<String>) -> Self {
        Self::Path(Path {
            segments: vec![PathSegment::Name(name.into())],
        })
    }

    /// A comparison or calculation of two expressions.
    pub fn binary(op: BinaryOp, left: Self, right: Self) -> Self {
        Self::Binary {
            op,
            left: Box::new(left),
            right: Box::new(right),
        }
    }

    /// `left and right`; flattens conjunctions, so that many of them stay one level deep.
    #[must_use]
    pub fn and(self, right: Self) -> Self {
        match self {
            Self::And(mut operands) => {
                operands.push(right);
                Self::And(operands)
            }
            left => Self::And(vec![left, right]),
        }
    }

    /// `left or right`; flattens disjunctions.
    #[must_use]
    pub fn or(self, right: Self) -> Self {
        match self {
            Self::Or(mut operands) => {
                operands.push(right);
                Self::Or(operands)
            }
            left => Self::Or(vec![left, right]),
        }
    }
}

impl From<Literal> for Expr {
    fn from(literal: Literal) -> Self {
        Self::Literal(literal)
    }
}

/// An operator between two expressions, `and`, `or` and `in` apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the operator that it is named after")]
pub enum BinaryOp {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Has,
    Add,
    Sub,
    Mul,
    Div,
    DivBy,
    Mod,
}

impl BinaryOp {
    const ALL: [Self; 13] = [
        Self::Eq,
        Self::Ne,
        Self::Gt,
        Self::Ge,
        Self::Lt,
        Self::Le,
        Self::Has,
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::DivBy,
        Self::Mod,
    ];

    /// The word that stands for it in a URL.
    pub fn word(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Has => "has",
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Div => "div",
            Self::DivBy => "divby",
            Self::Mod => "mod",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|op| op.word().eq_ignore_ascii_case(word))
    }

    /// Whether the result is true or false.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Eq | Self::Ne | Self::Gt | Self::Ge | Self::Lt | Self::Le | Self::Has
        )
    }
}

/// Steps from the row to a value: `customer/address/city`, `orders/any(o:o/total gt 5)`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path {
    /// The steps, at least one.
    pub segments: Vec<PathSegment>,
}

impl Path {
    /// The name, if the path is one property of the row itself.
    pub fn as_name(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [PathSegment::Name(name)] => Some(name),
            _ => None,
        }
    }
}

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq)]
pub enum PathSegment {
    /// A property, a navigation property, a lambda's variable, `$it`, `$this` or `$root`.
    Name(String),
    /// A qualified type name: the value seen as that type.
    Cast(String),
    /// A key of one value in parentheses after a name.
    Key(KeyPredicate),
    /// A function of the service with its named arguments. A key with column names is spelt the
    /// same and reads as this.
    Function {
        /// Its name, with or without a namespace.
        name: String,
        /// The arguments in the order of the text.
        args: Vec<(String, Expr)>,
    },
    /// `any(…)` or `all(…)`.
    Lambda(Lambda),
    /// `$count`, with what may be narrowed inside its parentheses kept as text.
    Count(Option<String>),
    /// An annotation, `@Ns.Term` or `@Ns.Term#Qualifier`, without the `@`.
    Annotation(String),
}

/// A condition over the members of a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Lambda {
    /// Whether one or every member must satisfy it.
    pub kind: LambdaKind,
    /// The variable and the condition; `any()` has none and asks for a member of any kind.
    pub condition: Option<(String, Box<Expr>)>,
}

/// Whether one or every member must satisfy a [`Lambda`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LambdaKind {
    /// At least one.
    Any,
    /// Every one, or there is none.
    All,
}

/// A JSON value inside an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// Null, a boolean, a number or a string.
    Value(Literal),
    /// `[a,b]`.
    Array(Vec<Json>),
    /// `{"a":1}`, in the order of the text.
    Object(Vec<(String, Json)>),
    /// An expression in the place of a value.
    Expr(Box<Expr>),
}
