//! Links below a service's root, percent-encoded as RFC 3986 asks.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

/// What a query value may not hold as it is. `+` is among it, because services read it as a space.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b',')
    .remove(b':')
    .remove(b'$')
    .remove(b'*')
    .remove(b'/')
    .remove(b'!');

/// What a key in a path may not hold as it is.
const KEY: &AsciiSet = &QUERY.remove(b'=').add(b'/').add(b'*').add(b':');

/// A link under construction: path, then query options in the order they are added.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    text: String,
    has_query: bool,
}

impl Link {
    /// A link to a path that needs no encoding: an entity set or a metadata path.
    pub(crate) fn to(path: impl Into<String>) -> Self {
        Self {
            text: path.into(),
            has_query: false,
        }
    }

    /// A link to a record by its key predicate.
    pub(crate) fn record(set: &str, predicate: &str) -> Self {
        Self::to(format!("{set}({})", utf8_percent_encode(predicate, KEY)))
    }

    /// Adds a query option.
    #[must_use]
    pub(crate) fn option(mut self, name: &str, value: &str) -> Self {
        let separator = if self.has_query { '&' } else { '?' };
        self.has_query = true;
        // Writing to a string cannot fail.
        let _ = write!(
            self.text,
            "{separator}{name}={}",
            utf8_percent_encode(value, QUERY)
        );
        self
    }

    /// Adds a query option where there is one.
    #[must_use]
    pub(crate) fn option_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.option(name, value),
            None => self,
        }
    }

    /// The finished link.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_out_of_a_query() {
        let link = Link::to("accounts")
            .option("$select", "name,accountid")
            .option("$filter", "name eq 'A&B #1+2 100% /ü'")
            .option_if("tag", None)
            .into_text();
        assert_eq!(
            link,
            "accounts?$select=name,accountid&$filter=name%20eq%20'A%26B%20%231%2B2%20100%25%20/%C3%BC'"
        );
    }

    #[test]
    fn values_cannot_break_out_of_a_key() {
        let link = Link::record(
            "CustomersV3",
            "dataAreaId='usmf',CustomerAccount='A/B?c#d&e%'",
        );
        assert_eq!(
            link.into_text(),
            "CustomersV3(dataAreaId='usmf',CustomerAccount='A%2FB%3Fc%23d%26e%25')"
        );
    }
}
