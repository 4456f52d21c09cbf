//! The protocol as a user of the crate sees it, one module for each subject.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its failure")]

mod batch;
mod csdl;
mod evaluate;
mod expressions;
mod literals;
mod payloads;
mod sql;
mod trees;
mod urls;
