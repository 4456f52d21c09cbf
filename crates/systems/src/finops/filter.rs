//! Filters as the service understands them: comparisons with `and` and `or`, nothing else.

use super::metadata::COMPANY;
use duet_map::schema::{Column, ColumnType};
use odata::Literal;

/// `column eq literal`. An asterisk in a text would make the service compare by pattern, so such a
/// text is taken between two bounds.
pub(super) fn equal(column: &str, literal: &Literal) -> String {
    match literal {
        Literal::String(text) if text.contains('*') => {
            format!("({column} ge {literal} and {column} le {literal})")
        }
        _ => format!("{column} eq {literal}"),
    }
}

/// Only rows of these companies; `None` for all.
pub(super) fn companies(companies: &[String]) -> Option<String> {
    let terms: Vec<String> = companies
        .iter()
        .map(|company| equal(COMPANY, &Literal::String(company.to_lowercase())))
        .collect();
    match terms.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        several => Some(format!("({})", several.join(" or "))),
    }
}

/// Rows that come after a row in the order of these columns. With `or_same` the row itself too.
pub(super) fn after(place: &[(&str, &Literal)], or_same: bool) -> Option<String> {
    let mut alternatives = Vec::with_capacity(place.len());
    for (depth, (column, literal)) in place.iter().enumerate() {
        let mut terms: Vec<String> = place
            .iter()
            .take(depth)
            .map(|(column, literal)| equal(column, literal))
            .collect();
        let last = depth + 1 == place.len();
        let comparison = if last && or_same { "ge" } else { "gt" };
        terms.push(format!("{column} {comparison} {literal}"));
        alternatives.push(match terms.as_slice() {
            [only] => only.clone(),
            several => format!("({})", several.join(" and ")),
        });
    }
    match alternatives.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        several => Some(format!("({})", several.join(" or "))),
    }
}

/// All of these conditions.
pub(super) fn all(conditions: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let conditions: Vec<String> = conditions.into_iter().flatten().collect();
    (!conditions.is_empty()).then(|| conditions.join(" and "))
}

/// Whether the service orders and compares a column by more than equality.
pub(super) fn is_ordered(column: &Column) -> bool {
    !matches!(column.ty, ColumnType::Enum { .. } | ColumnType::Bool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_composite_order_is_a_ladder_of_comparisons() {
        let company = Literal::from("usmf");
        let account = Literal::from("O'Neil");
        let line = Literal::from(20_i64);
        let place = [
            ("dataAreaId", &company),
            ("CustomerAccount", &account),
            ("LineNumber", &line),
        ];
        insta::assert_snapshot!(
            after(&place, false).unwrap(),
            @"(dataAreaId gt 'usmf' or (dataAreaId eq 'usmf' and CustomerAccount gt 'O''Neil') or (dataAreaId eq 'usmf' and CustomerAccount eq 'O''Neil' and LineNumber gt 20))"
        );
        insta::assert_snapshot!(after(&place[..1], true).unwrap(), @"dataAreaId ge 'usmf'");
        assert_eq!(after(&[], false), None);
    }

    #[test]
    fn an_asterisk_is_no_pattern() {
        insta::assert_snapshot!(
            equal("Name", &Literal::from("A*")),
            @"(Name ge 'A*' and Name le 'A*')"
        );
    }

    #[test]
    fn companies_are_alternatives() {
        assert_eq!(companies(&[]), None);
        insta::assert_snapshot!(companies(&["USMF".into()]).unwrap(), @"dataAreaId eq 'usmf'");
        insta::assert_snapshot!(
            companies(&["usmf".into(), "frrt".into()]).unwrap(),
            @"(dataAreaId eq 'usmf' or dataAreaId eq 'frrt')"
        );
    }
}
