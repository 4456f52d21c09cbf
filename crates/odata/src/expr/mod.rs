//! Expressions: what stands in `$filter`, `$orderby`, `$compute` and parameter aliases.
//!
//! [`parse`] makes an [`Expr`] from text, `Display` prints the canonical text that reads back as
//! the same tree, [`evaluate`] computes it over a row, [`to_sql`] turns it into SQL with bound
//! parameters, [`properties`] lists the columns it needs. Depth is bounded ([`MAX_DEPTH`]), so
//! none of these can exhaust the stack.

mod arithmetic;
mod compare;
mod convert;
mod evaluate;
mod evaluate_call;
mod function;
mod membership;
mod parse;
mod print;
mod properties;
mod sql;
mod tree;
mod wildcard;

pub use compare::{Collation, Wildcards};
pub use evaluate::{EvalError, Properties, evaluate, matches};
pub use function::Function;
pub(crate) use parse::Parser;
pub use parse::{MAX_DEPTH, parse};
pub use properties::properties;
pub use sql::{
    Collection, Column, Columns, Dialect, Sql, SqlError, SqlOptions, order_by_sql, to_sql,
};
pub use tree::{BinaryOp, Expr, Json, Lambda, LambdaKind, Path, PathSegment};
