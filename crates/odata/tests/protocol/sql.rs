//! Translation to SQL.

use duet_odata::expr::{
    self, Collation, Collection, Column, Columns, Dialect, Expr, SqlError, SqlOptions, Wildcards,
};

struct Accounts;

impl Columns for Accounts {
    fn column(&self, path: &str) -> Option<Column> {
        match path {
            "name" | "city" => Some(Column::text(format!("a.{path}"))),
            "owner/name" => Some(Column::text("o.name")),
            "credit" | "active" | "created" => Some(Column::other(format!("a.{path}"))),
            _ => None,
        }
    }

    fn collection(&self, path: &str, alias: &str) -> Option<Collection<'_>> {
        (path == "orders").then(|| Collection {
            from: format!("orders AS {alias}"),
            on: format!("{alias}.account = a.id"),
            columns: Box::new(Orders {
                alias: alias.to_owned(),
            }),
        })
    }

    fn alias(&self, name: &str) -> Option<Expr> {
        match name {
            "p" => expr::parse("'x'").ok(),
            "list" => expr::parse("[1,2]").ok(),
            "loop" => expr::parse("@loop").ok(),
            _ => None,
        }
    }

    fn call(&self, _subject: &str, name: &str, args: &[(String, Expr)]) -> Option<Expr> {
        match (name, args) {
            ("Ns.Both", [(_, a), (_, b)]) => Some(a.clone().and(b.clone())),
            _ => None,
        }
    }
}

struct Orders {
    alias: String,
}

impl Columns for Orders {
    fn column(&self, path: &str) -> Option<Column> {
        (path == "total").then(|| Column::other(format!("{}.total", self.alias)))
    }
}

fn translate(text: &str, options: SqlOptions) -> Result<String, SqlError> {
    let sql = expr::to_sql(&expr::parse(text).unwrap(), &Accounts, &options)?;
    let params: Vec<String> = sql.params.iter().map(ToString::to_string).collect();
    Ok(format!("{} | {}", sql.text, params.join(" ")))
}

fn sqlite(text: &str) -> String {
    let collation = Collation {
        case_insensitive: true,
        ..Collation::default()
    };
    translate(
        text,
        SqlOptions {
            collation,
            ..SqlOptions::default()
        },
    )
    .unwrap()
}

#[test]
fn values_are_bound_and_never_written() {
    insta::assert_snapshot!(
        sqlite("name eq 'x''; drop table' and (credit gt 5 or not (active eq true))"),
        @r"a.name = ?1 COLLATE NOCASE AND (a.credit > ?2 OR NOT (a.active = ?3)) | 'x''; drop table' 5 true"
    );
    insta::assert_snapshot!(
        sqlite("name eq null or null ne city or owner/name eq @p"),
        @"a.name IS NULL OR a.city IS NOT NULL OR o.name = ?1 COLLATE NOCASE | 'x'"
    );
    insta::assert_snapshot!(
        sqlite("name in ('a',null) and credit in @list and credit in ()"),
        @"(a.name COLLATE NOCASE IN (?1) OR a.name IS NULL) AND a.credit IN (?2, ?3) AND 1=0 | 'a' 1 2"
    );
}

#[test]
fn wide_conditions_stay_shallow() {
    let wide = vec!["credit eq 1"; 10_000].join(" or ");
    let sql = sqlite(&wide);
    let deepest = sql
        .chars()
        .fold((0, 0), |(now, most): (i32, i32), c| match c {
            '(' => (now + 1, most.max(now + 1)),
            ')' => (now - 1, most),
            _ => (now, most),
        });
    assert_eq!(deepest.0, 0);
    assert!(deepest.1 < 10);
    let star = SqlOptions {
        collation: Collation::FINOPS,
        ..SqlOptions::default()
    };
    insta::assert_snapshot!(
        translate("not (name in ('a','b*','c'))", star).unwrap(),
        @r"NOT ((a.name COLLATE NOCASE IN (?1, ?2) OR a.name LIKE ?3 ESCAPE '\')) | 'a' 'c' 'b%'"
    );
}

#[test]
fn searches_become_patterns_with_their_signs_escaped() {
    insta::assert_snapshot!(
        sqlite("contains(name,'50%') and startswith(name,'a') and endswith(tolower(name),'z')"),
        @r"a.name LIKE ?1 ESCAPE '\' AND a.name LIKE ?2 ESCAPE '\' AND lower(a.name) LIKE ?3 ESCAPE '\' | '%50\%%' 'a%' '%z'"
    );
    insta::assert_snapshot!(
        translate("contains(name,'50%')", SqlOptions::default()).unwrap(),
        @"instr(a.name, ?1) > 0 | '50%'"
    );
    let star = SqlOptions {
        collation: Collation::FINOPS,
        ..SqlOptions::default()
    };
    insta::assert_snapshot!(
        translate("name eq '*retail*' and name ne 'a*'", star).unwrap(),
        @r"a.name LIKE ?1 ESCAPE '\' AND a.name NOT LIKE ?2 ESCAPE '\' | '%retail%' 'a%'"
    );
    let like = SqlOptions {
        collation: Collation {
            wildcards: Wildcards::Like,
            ..Collation::DATAVERSE
        },
        dialect: Dialect::Postgres,
        ..SqlOptions::default()
    };
    insta::assert_snapshot!(
        translate("contains(name,'a_%')", like).unwrap(),
        @r"a.name ILIKE $1 ESCAPE '\' | '%a_%%'"
    );
}

#[test]
fn lambdas_become_exists() {
    insta::assert_snapshot!(
        sqlite("orders/any(o:o/total gt 5 and name eq 'x') and orders/all(o:o/total gt 1)"),
        @"EXISTS (SELECT 1 FROM orders AS member1 WHERE member1.account = a.id AND (member1.total > ?1 AND a.name = ?2 COLLATE NOCASE)) AND NOT EXISTS (SELECT 1 FROM orders AS member2 WHERE member2.account = a.id AND (member2.total > ?3) IS NOT TRUE) | 5 'x' 1"
    );
    insta::assert_snapshot!(
        sqlite("orders/any() and orders/$count gt 2"),
        @"EXISTS (SELECT 1 FROM orders AS member1 WHERE member1.account = a.id) AND (SELECT count(*) FROM orders AS member2 WHERE member2.account = a.id) > ?1 | 2"
    );
}

#[test]
fn dialects_differ_where_they_must() {
    let postgres = SqlOptions {
        dialect: Dialect::Postgres,
        collation: Collation {
            case_insensitive: true,
            ..Collation::default()
        },
        first_param: 3,
        now: "2026-11-23T12:00:00Z".parse().ok(),
    };
    insta::assert_snapshot!(
        translate("name eq 'x' and year(created) eq 2024 and created lt now()", postgres).unwrap(),
        @"lower(a.name) = lower($3) AND CAST(floor(EXTRACT(YEAR FROM a.created)) AS integer) = $4 AND a.created < $5 | 'x' 2024 2026-11-23T12:00:00Z"
    );
    insta::assert_snapshot!(
        sqlite("year(created) eq 2024 and (credit add 1) mul 2 gt credit divby 3"),
        @"CAST(strftime('%Y', a.created) AS INTEGER) = ?1 AND ((a.credit + ?2) * ?3) > (1.0 * a.credit / ?4) | 2024 1 2 3"
    );
}

#[test]
fn what_has_no_sql_is_an_error() {
    let options = SqlOptions::default();
    assert_eq!(
        translate("nosuch eq 1", options),
        Err(SqlError::UnknownProperty {
            path: "nosuch".into()
        })
    );
    assert_eq!(
        translate("@q eq 1", options),
        Err(SqlError::UnknownAlias { name: "q".into() })
    );
    assert_eq!(translate("@loop", options), Err(SqlError::Loop));
    for text in [
        "Ns.F()",
        "name has Ns.E'A'",
        "now() gt created",
        "cast(name,Edm.Int32) eq 1",
    ] {
        assert!(
            matches!(translate(text, options), Err(SqlError::Unsupported { .. })),
            "{text}"
        );
    }
}

#[test]
fn a_service_rewrites_its_own_functions() {
    insta::assert_snapshot!(
        sqlite("Ns.Both(a=credit gt 1,b=active) or active"),
        @"(a.credit > ?1 AND a.active) OR a.active | 1"
    );
}

#[test]
fn nulls_sort_first_everywhere() {
    let key = expr::parse("name").unwrap();
    let total = expr::parse("credit").unwrap();
    let keys = [(&key, false), (&total, true)];
    let collation = Collation {
        case_insensitive: true,
        ..Collation::default()
    };
    let options = SqlOptions {
        collation,
        ..SqlOptions::default()
    };
    let sql = expr::order_by_sql(keys, &Accounts, &options).unwrap();
    assert_eq!(sql.text, "a.name COLLATE NOCASE, a.credit DESC");
    let options = SqlOptions {
        dialect: Dialect::Postgres,
        ..SqlOptions::default()
    };
    let sql = expr::order_by_sql(keys, &Accounts, &options).unwrap();
    assert_eq!(sql.text, "a.name NULLS FIRST, a.credit DESC NULLS LAST");
}
