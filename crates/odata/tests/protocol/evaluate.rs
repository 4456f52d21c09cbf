//! Evaluation over rows, with null as SQL has it.

use std::collections::HashMap;

use duet_odata::Literal;
use duet_odata::expr::{self, Collation, EvalError, Expr, Properties, Wildcards};

#[derive(Default)]
struct Row {
    values: HashMap<String, Literal>,
    collections: HashMap<String, Vec<Row>>,
    aliases: HashMap<String, Expr>,
}

impl Row {
    fn with(mut self, name: &str, literal: &str) -> Self {
        self.values
            .insert(name.to_owned(), Literal::parse(literal).unwrap());
        self
    }

    fn with_rows(mut self, name: &str, rows: Vec<Row>) -> Self {
        self.collections.insert(name.to_owned(), rows);
        self
    }
}

impl Properties for Row {
    fn get(&self, path: &str) -> Option<Literal> {
        self.values.get(path).cloned()
    }

    fn collection(&self, path: &str) -> Option<Vec<&dyn Properties>> {
        let rows = self.collections.get(path)?;
        Some(rows.iter().map(|row| row as &dyn Properties).collect())
    }

    fn alias(&self, name: &str) -> Option<Expr> {
        self.aliases.get(name).cloned()
    }

    fn now(&self) -> Option<jiff::Timestamp> {
        "2026-11-23T12:00:00Z".parse().ok()
    }

    fn call(
        &self,
        _subject: &str,
        name: &str,
        args: &[(String, Expr)],
    ) -> Option<Result<Literal, EvalError>> {
        (name == "Ns.Twice").then(|| match args {
            [(_, Expr::Literal(Literal::Int(value)))] => Ok(Literal::Int(value * 2)),
            _ => Err(EvalError::Overflow),
        })
    }
}

fn row() -> Row {
    let order = |total: &str| Row::default().with("total", total).with("note", "null");
    let tag = |text: &str| Row::default().with("$it", text);
    Row::default()
        .with("name", "'Fabrikam, Inc.'")
        .with("fax", "null")
        .with("credit", "20000.0000")
        .with("employees", "50")
        .with("ratio", "2.5e0")
        .with("active", "true")
        .with("id", "4026be43-6b69-e111-8f65-78e7d1620f5e")
        .with("created", "2024-01-31T22:30:15.5Z")
        .with("day", "2024-01-31")
        .with("opens", "08:30:00")
        .with("took", "duration'PT90S'")
        .with("hold", "Ns.NoYes'Yes'")
        .with("flags", "Ns.F'Red, Blue'")
        .with("owner/name", "'Ann'")
        .with_rows("orders", vec![order("5"), order("15"), order("null")])
        .with_rows("none", vec![])
        .with_rows("tags", vec![tag("'a'"), tag("'b'")])
}

fn value(text: &str) -> Result<Literal, EvalError> {
    expr::evaluate(&expr::parse(text).unwrap(), &row(), &Collation::default())
}

#[track_caller]
fn is(text: &str, literal: &str) {
    let wanted = Literal::parse(literal).unwrap();
    assert_eq!(
        value(text).unwrap_or_else(|error| panic!("{text}: {error}")),
        wanted,
        "{text}"
    );
}

#[test]
fn null_is_unknown_except_to_the_literal_null() {
    is("fax eq null", "true");
    is("fax ne null", "false");
    is("name eq null", "false");
    is("name ne null", "true");
    is("null eq null", "true");
    is("fax eq 'x'", "null");
    is("fax ne 'x'", "null");
    is("fax gt 'x'", "null");
    is("not (fax eq 'x')", "null");
    is("fax eq 'x' and 1 eq 2", "false");
    is("fax eq 'x' and 1 eq 1", "null");
    is("fax eq 'x' or 1 eq 1", "true");
    is("fax eq 'x' or 1 eq 2", "null");
    is("fax eq fax", "null");
    is("length(fax)", "null");
    is("1 add null", "null");
    is("fax in ('a',null)", "true");
    is("name in ('a',null)", "false");
    is("fax in ('a')", "null");
    is("name in ('a',fax)", "null");
}

#[test]
fn values_of_one_kind_compare() {
    is("credit eq 20000", "true");
    is("employees lt 50.5", "true");
    is("ratio eq 2.5", "true");
    is("name eq 'fabrikam, inc.'", "false");
    is("id eq 4026be43-6b69-e111-8f65-78e7d1620f5e", "true");
    is("created gt 2024-01-31", "true");
    is("created eq 2024-01-31T23:30:15.5+01:00", "true");
    is("day le 2024-01-31", "true");
    is("opens lt 09:00", "true");
    is("took eq duration'PT1M30S'", "true");
    is("hold eq Ns.NoYes'Yes'", "true");
    is("hold eq 'Yes'", "true");
    is("hold ne Ns.NoYes'No'", "true");
    is("flags has Ns.F'Blue'", "true");
    is("flags has Ns.F'Green'", "false");
    is("6 has 2", "true");
    is("NaN eq NaN", "false");
    is("employees lt INF", "true");
    is("active", "true");
    is("owner/name eq 'Ann'", "true");
    is("$it/employees eq 50", "true");
    is("employees in (1,50)", "true");
    is("employees in [1,50]", "true");
    is("'a' in tags", "true");
    is("'c' in tags", "false");
}

#[test]
fn values_of_different_kinds_are_an_error() {
    assert_eq!(
        value("name gt 5"),
        Err(EvalError::Operands {
            operator: "gt",
            left: "string",
            right: "whole number"
        })
    );
    assert!(value("name and active").is_err());
    assert!(value("tolower(5)").is_err());
    assert!(value("-name").is_err());
    assert!(value("name add 1").is_err());
    assert!(value("id eq '4026be43-6b69-e111-8f65-78e7d1620f5e'").is_err());
    assert_eq!(
        value("nosuch eq 1"),
        Err(EvalError::UnknownProperty {
            path: "nosuch".into()
        })
    );
    assert_eq!(
        value("@p eq 1"),
        Err(EvalError::UnknownAlias { name: "p".into() })
    );
    assert_eq!(
        value("Ns.F()"),
        Err(EvalError::UnknownFunction {
            name: "Ns.F".into()
        })
    );
}

#[test]
fn errors_do_not_tell_values() {
    for text in ["name gt 5", "-name", "name and active", "created add name"] {
        assert!(!value(text).unwrap_err().to_string().contains("Fabrikam"));
    }
}

#[test]
fn calculation_is_exact_and_never_wraps() {
    is("7 div 2", "3");
    is("7 divby 2", "3.5");
    is("7 mod 4", "3");
    is("credit mul 0.1", "2000.00000");
    is("0.1 add 0.2", "0.3");
    is("-employees", "-50");
    is("created add took", "2024-01-31T22:31:45.5Z");
    is("created sub took", "2024-01-31T22:28:45.5Z");
    is("created sub 2024-01-31T22:30:15Z", "duration'PT0.5S'");
    is("day sub 2024-01-01", "duration'P30D'");
    is("took mul 2", "duration'PT3M'");
    is("1e0 add 1", "2e0");
    assert_eq!(value("9223372036854775807 add 1"), Err(EvalError::Overflow));
    assert_eq!(value("1 div 0"), Err(EvalError::DivisionByZero));
    assert_eq!(value("1.5 mod 0"), Err(EvalError::DivisionByZero));
    assert_eq!(
        value("-9223372036854775808 div -1"),
        Err(EvalError::Overflow)
    );
}

#[test]
fn functions() {
    is("contains(name,'brik')", "true");
    is("startswith(name,'Fab') and endswith(name,'Inc.')", "true");
    is("indexof(name,'k')", "5");
    is("indexof(name,'z')", "-1");
    is("substring(name,3)", "'rikam, Inc.'");
    is("substring(name,0,3)", "'Fab'");
    is("substring(name,-4)", "'Inc.'");
    is("substring('äöü',1,1)", "'ö'");
    is("length('äöü')", "3");
    is("toupper(owner/name)", "'ANN'");
    is("concat(concat(owner/name,'-'),'x')", "'Ann-x'");
    is("trim('  x ')", "'x'");
    is("year(created)", "2024");
    is(
        "hour(created) add minute(created) add second(created)",
        "67",
    );
    is("fractionalseconds(created)", "0.5");
    is("date(created) eq day", "true");
    is("time(created)", "22:30:15.5");
    is("day(day)", "31");
    is("now()", "2026-11-23T12:00:00Z");
    is("round(2.5)", "3.0");
    is("floor(-2.5)", "-3.0");
    is("ceiling(2.1)", "3.0");
    is("totalseconds(took)", "90.0");
    is("case(employees gt 100 : 'big',true : 'small')", "'small'");
    is("case(employees gt 100 : 'big')", "null");
    is("Ns.Twice(x=21)", "42");
}

#[test]
fn casts_and_type_tests() {
    for (text, literal) in [
        ("cast('42',Edm.Int32)", "42"),
        ("cast('12x',Edm.Int32)", "null"),
        ("cast(300,Edm.Byte)", "null"),
        ("cast(2.5,Edm.Int64)", "3"),
        ("cast(-2.5,Edm.Int64)", "-3"),
        ("cast(1,Edm.Decimal) div 4", "0.25"),
        ("cast(2024-01-31,Edm.String)", "'2024-01-31'"),
        ("cast('2024-01-31',Edm.Date) gt 2024-01-01", "true"),
        ("cast(duration'PT1M',Edm.String)", "'PT1M'"),
        ("cast('PT1M',Edm.Duration)", "duration'PT1M'"),
        ("cast('O''Neil',Edm.String)", "'O''Neil'"),
        ("cast(null,Edm.String)", "null"),
        ("cast(true,Edm.Date)", "null"),
        ("isof(1,Edm.Byte)", "true"),
        ("isof(256,Edm.Byte)", "false"),
        ("isof('1',Edm.Int32)", "false"),
        ("isof(null,Edm.String)", "false"),
    ] {
        is(text, literal);
    }
    assert!(matches!(
        value("cast('x',Sales.Pattern)"),
        Err(EvalError::Unsupported { .. })
    ));
}

#[test]
fn collections_within_collections() {
    for (text, literal) in [
        ("hassubset([4,1,3],[3,4])", "true"),
        ("hassubset([4,1,3],[3,3])", "false"),
        ("hassubset([1,1],[1,1])", "true"),
        ("hassubset([1],[])", "true"),
        ("hassubset([\"a\",null],[null])", "true"),
        ("hassubsequence([4,1,3],[4,3])", "true"),
        ("hassubsequence([4,1,3],[3,4])", "false"),
        ("hassubsequence([4,1,3],[4,4])", "false"),
    ] {
        is(text, literal);
    }
}

#[test]
fn patterns() {
    is("matchesPattern('Alfreds Futterkiste','^A.*e$')", "true");
    is("matchesPattern('Berglunds','^A')", "false");
    is("matchesPattern(null,'^A')", "null");
    assert_eq!(value("matchesPattern('x','(')"), Err(EvalError::Pattern));
}

#[test]
fn lambdas_and_counts() {
    is("orders/any()", "true");
    is("none/any()", "false");
    is("orders/any(o:o/total gt 10)", "true");
    is("orders/any(o:o/total gt 20)", "null");
    is("orders/all(o:o/total gt 1)", "null");
    is("orders/all(o:o/total gt 5)", "false");
    is("none/all(o:o/total gt 5)", "true");
    is("orders/any(o:o/total lt employees)", "true");
    is(
        "orders/any(o:tags/any(t:t eq 'b' and o/total eq 15))",
        "true",
    );
    is("orders/$count eq 3", "true");
    is("tags/any(t:t eq 'a')", "true");
}

#[test]
fn collations_change_how_strings_match() {
    let matches = |text: &str, collation: &Collation| {
        expr::matches(&expr::parse(text).unwrap(), &row(), collation).unwrap()
    };
    let dataverse = Collation::DATAVERSE;
    assert!(matches("name eq 'FABRIKAM, INC.'", &dataverse));
    assert!(matches("contains(name,'BRIK')", &dataverse));
    assert!(matches("startswith(name,'f%m')", &dataverse));
    assert!(matches("contains(name,'[x-z,]')", &dataverse));
    assert!(matches("name eq 'fab%'", &dataverse));
    assert!(matches(
        "id eq '4026BE43-6B69-E111-8F65-78E7D1620F5E'",
        &dataverse
    ));
    let finops = Collation::FINOPS;
    assert!(matches("name eq '*BRIK*'", &finops));
    assert!(matches("name ne '*x'", &finops));
    assert!(!matches("name eq 'brik*'", &finops));
    assert!(!matches("name eq 'fab%'", &finops));
    assert!(!matches(
        "name eq '*brik*'",
        &Collation {
            wildcards: Wildcards::None,
            ..finops
        }
    ));
}

#[test]
fn aliases_are_followed_but_not_in_circles() {
    let mut row = row();
    row.aliases
        .insert("a".into(), expr::parse("employees").unwrap());
    row.aliases
        .insert("l".into(), expr::parse("[1,50]").unwrap());
    row.aliases
        .insert("loop".into(), expr::parse("@loop").unwrap());
    let evaluate =
        |text: &str| expr::evaluate(&expr::parse(text).unwrap(), &row, &Collation::default());
    assert_eq!(evaluate("@a eq 50"), Ok(Literal::Bool(true)));
    assert_eq!(evaluate("employees in @l"), Ok(Literal::Bool(true)));
    assert_eq!(
        evaluate("@loop"),
        Err(EvalError::AliasLoop {
            name: "loop".into()
        })
    );
}
