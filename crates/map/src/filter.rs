//! Filters: which rows a map takes, in either of two dialects over one tree.
//!
//! F&O's maps are written as X++ query ranges ([`xpp`]), Dataverse's and everyone else's in
//! `OData`'s `$filter`. Both become [`odata::expr::Expr`]; the compiler turns that into a
//! predicate over rows. Either dialect may stand on either side: their operators differ, so
//! [`Dialect::of`] can tell them apart.

mod predicate;
mod reach;
mod text;
pub mod xpp;

use odata::expr::Expr;

pub(crate) use predicate::Predicate;
pub(crate) use reach::{Known, Verdict, alike};

/// The language a filter is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// F&O's query range: `((PartyType == "Person"))`.
    Xpp,
    /// `OData`: `customertypecode eq 3`.
    OData,
}

/// Text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at offset {offset}: {message}")]
pub struct FilterError {
    /// Bytes from the start of the filter to what could not be read.
    pub offset: usize,
    /// What was expected there, without the text itself.
    pub message: String,
}

impl Dialect {
    /// The dialect of a filter, told by its operators: `OData` spells them as words, X++ as signs.
    pub fn of(filter: &str) -> Self {
        let mut quoted = false;
        let sign = filter.chars().any(|c| {
            quoted ^= c == '\'';
            !quoted && matches!(c, '"' | '=' | '<' | '>' | '!' | '&' | '|' | '\\')
        });
        let like = filter
            .split_whitespace()
            .any(|word| word.eq_ignore_ascii_case("like"));
        if sign || like { Self::Xpp } else { Self::OData }
    }

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xpp => "X++ query range",
            Self::OData => "OData $filter",
        }
    }

    /// Reads a filter of this dialect.
    pub fn parse(self, filter: &str) -> Result<Expr, FilterError> {
        match self {
            Self::Xpp => xpp::parse(filter),
            Self::OData => odata::expr::parse(filter).map_err(|error| FilterError {
                offset: error.offset,
                message: error.message,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_filters_tell_their_dialect() {
        for filter in [
            "((PartyType == \"Organization\"))",
            "(AssociatedContactType = 1)",
            "(name like \"A*\")",
            "((CURRENCYCODE != \"999\"))",
        ] {
            assert_eq!(Dialect::of(filter), Dialect::Xpp, "{filter}");
        }
        for filter in [
            "customertypecode eq 3",
            "msdyn_sellable eq true  and msdyn_contactpersonid ne null",
            "(objecttypecode eq 'a=b' or objecttypecode eq 'it''s \"so\"')",
            "startswith(name,'A')",
        ] {
            assert_eq!(Dialect::of(filter), Dialect::OData, "{filter}");
        }
    }
}
