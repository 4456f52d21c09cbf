//! Places in the order of a table's key, as OData filters: what comes after a row.
//!
//! Pages are cut by key, not by a service's own links: a link may count rows, and then rows that
//! come or go meanwhile shift the next page and something is skipped.

use duet_map::schema::{Column, ColumnType};
use odata::Literal;

/// How a service is asked for equality: `column eq literal` and what it needs besides.
pub(crate) type Equal = fn(&str, &Literal) -> String;

/// The most rows that a page makes room for because they may tie.
const MOST_TIES: usize = 5000;

/// `column eq literal`.
pub(crate) fn equal(column: &str, literal: &Literal) -> String {
    format!("{column} eq {literal}")
}

/// Rows that come after a row in the order of a time of modification, where there is one, and of
/// the key. Enumerations have no order, so with one of them in the key rows that differ in nothing
/// else come again.
pub(crate) fn past(
    modified: Option<(&str, &Literal)>,
    key: &[(&Column, Literal)],
    equal: Equal,
) -> Option<String> {
    let ordered = key
        .iter()
        .filter(|(column, _)| is_ordered(column))
        .map(|(column, literal)| (column.name.as_str(), literal));
    let complete = key.iter().all(|(column, _)| is_ordered(column));
    let place: Vec<(&str, &Literal)> = modified.into_iter().chain(ordered).collect();
    after(&place, !complete, equal)
}

/// Rows that come after a row in the order of these columns. With `or_same` the row itself too.
fn after(place: &[(&str, &Literal)], or_same: bool, equal: Equal) -> Option<String> {
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
pub(crate) fn all(conditions: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let conditions: Vec<String> = conditions.into_iter().flatten().collect();
    (!conditions.is_empty()).then(|| conditions.join(" and "))
}

/// How many rows can tie in the order of a key at most, less one: those that differ in nothing
/// but what has no order. A page that has room for them always leads on.
pub(crate) fn ties<'c>(key: impl Iterator<Item = &'c Column>) -> usize {
    let combinations: usize = key
        .map(|column| match &column.ty {
            ColumnType::Enum { members, .. } => members.len().max(1),
            ColumnType::Bool => 2,
            _ => 1,
        })
        .fold(1, usize::saturating_mul);
    combinations.min(MOST_TIES) - 1
}

/// Whether services order and compare a column by more than equality.
fn is_ordered(column: &Column) -> bool {
    !matches!(column.ty, ColumnType::Enum { .. } | ColumnType::Bool)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, ty: ColumnType) -> Column {
        Column {
            name: name.into(),
            ty,
            required: true,
            create: true,
            update: false,
            empty: None,
        }
    }

    fn text(name: &str) -> Column {
        column(name, ColumnType::Text { max_length: None })
    }

    #[test]
    fn a_place_in_a_composite_order_is_a_ladder_of_comparisons() {
        let (company, account, line) = (text("dataAreaId"), text("CustomerAccount"), text("Line"));
        let place = [
            (&company, Literal::from("usmf")),
            (&account, Literal::from("O'Neil")),
            (&line, Literal::from(20_i64)),
        ];
        insta::assert_snapshot!(
            past(None, &place, equal).unwrap(),
            @"(dataAreaId gt 'usmf' or (dataAreaId eq 'usmf' and CustomerAccount gt 'O''Neil') or (dataAreaId eq 'usmf' and CustomerAccount eq 'O''Neil' and Line gt 20))"
        );
        assert_eq!(past(None, &[], equal), None);
    }

    #[test]
    fn a_time_of_modification_comes_first() {
        let id = text("Id");
        let at = Literal::DateTimeOffset("2026-03-01T12:00:00Z".parse().unwrap());
        insta::assert_snapshot!(
            past(Some(("Modified", &at)), &[(&id, Literal::from("A"))], equal).unwrap(),
            @"(Modified gt 2026-03-01T12:00:00Z or (Modified eq 2026-03-01T12:00:00Z and Id gt 'A'))"
        );
    }

    #[test]
    fn what_has_no_order_is_met_again_rather_than_missed() {
        let kind = ColumnType::Enum {
            name: "Kind".into(),
            members: vec!["A".into(), "B".into(), "C".into()],
        };
        let (id, kind) = (text("Id"), column("Kind", kind));
        let place = [(&id, Literal::from("A")), (&kind, Literal::from("B"))];
        insta::assert_snapshot!(past(None, &place, equal).unwrap(), @"Id ge 'A'");
        assert_eq!(ties([&id, &kind].into_iter()), 2);
        assert_eq!(ties([&id].into_iter()), 0);
    }
}
