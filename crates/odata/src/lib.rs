//! The `OData` v4 protocol for both ends of the wire, without a network.
//!
#![doc = include_str!("../README.md")]

pub mod batch;
pub mod csdl;
mod error;
pub mod expr;
pub mod grammar;
pub mod headers;
pub mod literal;
pub mod payload;
mod scan;
pub mod url;

pub use error::ParseError;
pub use literal::Literal;
