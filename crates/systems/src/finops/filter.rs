//! Filters as the service understands them: comparisons with `and` and `or`, nothing else.

use super::metadata::COMPANY;
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

#[cfg(test)]
mod tests {
    use super::*;

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
