//! Expressions: no panic in parsing, printing, evaluating and translating; round trips.
#![no_main]

use duet_odata::expr::{self, Collation, Column, Columns, Properties, SqlOptions};
use duet_odata::Literal;
use libfuzzer_sys::fuzz_target;

/// A row that has every property, its kind chosen by the length of the name.
struct Row;

impl Properties for Row {
    fn get(&self, path: &str) -> Option<Literal> {
        Some(match path.len() % 5 {
            0 => Literal::Null,
            1 => Literal::Int(5),
            2 => Literal::from("text"),
            3 => Literal::Bool(true),
            _ => Literal::Double(f64::MAX),
        })
    }

    fn collection(&self, _: &str) -> Option<Vec<&dyn Properties>> {
        Some(vec![self])
    }
}

impl Columns for Row {
    fn column(&self, _: &str) -> Option<Column> {
        Some(Column::text("c"))
    }
}

fuzz_target!(|text: &str| {
    let Ok(tree) = expr::parse(text) else { return };
    let printed = tree.to_string();
    let again = expr::parse(&printed).expect("what is printed reads back");
    assert_eq!(again.to_string(), printed);
    let _ = expr::properties(&tree);
    for collation in [Collation::default(), Collation::DATAVERSE, Collation::FINOPS] {
        let _ = expr::evaluate(&tree, &Row, &collation);
        let _ = expr::to_sql(&tree, &Row, &SqlOptions { collation, ..SqlOptions::default() });
    }
});
