//! Recognises text by the rules of the OData 4.01 grammar, each under its published name.
//!
//! The parsers of this crate build trees and are generous; this module builds nothing and is
//! exact: it says whether a text fits a rule such as `commonExpr` or `odataUri`. It works on
//! percent-encoded text, as the published grammar does. The rules stand in tables by subject, in
//! a notation of our own (`notation`), and one matcher interprets them (`matcher`).

mod apply;
mod expressions;
mod headers;
mod literals;
mod matcher;
mod names;
mod notation;
mod options;
mod paths;
#[cfg(test)]
mod tests;
mod uri;

use std::sync::OnceLock;

use crate::ParseError;
use notation::Grammar;

/// A rule: its published name and its definition.
type Rule = (&'static str, &'static str);

fn grammar() -> &'static Grammar {
    static GRAMMAR: OnceLock<Grammar> = OnceLock::new();
    GRAMMAR.get_or_init(|| {
        let mut grammar = Grammar::default();
        let tables = [
            uri::RULES,
            names::RULES,
            literals::RULES,
            literals::SPATIAL,
            literals::EARLIER,
            paths::RULES,
            options::RULES,
            expressions::RULES,
            apply::RULES,
            headers::RULES,
        ];
        for (name, definition) in tables.into_iter().flatten() {
            grammar.define(name, definition);
        }
        for name in names::IDENTIFIERS {
            grammar.define(name, "odataIdentifier");
        }
        for (name, function, least, most) in expressions::METHODS {
            grammar.define(name, &expressions::method(function, *least, *most));
        }
        grammar
    })
}

/// Whether the whole `input`, percent-encoded, fits the rule of this name.
///
/// The error's offset is the furthest place that any reading of the text reached. Text that is
/// nested or ambiguous beyond reason is refused rather than worked on forever.
///
/// ```
/// use duet_odata::grammar::parse_rule;
///
/// assert!(parse_rule("commonExpr", "Name%20eq%20'x'").is_ok());
/// assert_eq!(parse_rule("date", "2024-13-01").unwrap_err().offset, 6);
/// ```
pub fn parse_rule(rule: &str, input: &str) -> Result<(), ParseError> {
    let grammar = grammar();
    // Names with an underscore in front are steps of ours between the published rules.
    let found = grammar.rule(rule).filter(|_| !rule.starts_with('_'));
    let found = found.ok_or_else(|| {
        ParseError::new(
            0,
            format!("there is no rule `{rule}`; see the names of the OData ABNF"),
        )
    })?;
    matcher::matches(grammar, found, input.as_bytes()).map_err(|failure| match failure {
        matcher::Failure::At(offset) => ParseError::new(
            offset,
            format!("the text does not fit the rule `{rule}` here"),
        ),
        matcher::Failure::TooComplex(offset) => ParseError::new(
            offset,
            "the text is nested too deep or too long to be checked",
        ),
    })
}

/// Whether a text is what may stand between the quotes of a spatial literal.
pub(crate) fn check_spatial(text: &str) -> Result<(), ParseError> {
    let grammar = grammar();
    let matched = match grammar.rule("_spatial") {
        Some(rule) => matcher::matches(grammar, rule, text.as_bytes()),
        None => Ok(()),
    };
    matched.map_err(|failure| {
        let (matcher::Failure::At(offset) | matcher::Failure::TooComplex(offset)) = failure;
        ParseError::new(offset, "expected a place such as `SRID=0;Point(1.5 2)`")
    })
}

/// The names that [`parse_rule`] knows, in the order of the alphabet.
pub fn rule_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = grammar()
        .names()
        .filter(|name| !name.starts_with('_'))
        .collect();
    names.sort_unstable();
    names
}
