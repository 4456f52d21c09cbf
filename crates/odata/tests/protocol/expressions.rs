//! Expressions: parse, print, errors, bounds.

use duet_odata::expr::{self, Expr, MAX_DEPTH};
use proptest::prelude::*;

use super::trees;

fn prints(text: &str, printed: &str) {
    let tree = expr::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(tree.to_string(), printed, "{text}");
    assert_eq!(expr::parse(printed).unwrap(), tree, "{text}");
}

#[test]
fn canonical_text_keeps_the_tree() {
    for text in [
        "name eq 'x'",
        "a eq 1 and b ne 2 or c gt 3",
        "(a or b) and c",
        "not contains(name,'x')",
        "not (a eq 1)",
        "-a add 5 gt -5",
        "- 5",
        "- -5",
        "--a",
        "-- 5",
        "a sub (b sub c)",
        "a mul (b add c) mod 2 eq 0",
        "a divby 2 gt 1.5",
        "Style has Ns.Pattern'Yellow'",
        "name in ('a','b')",
        "name in ()",
        "name in @names",
        "name in [\"a\",\"b\"]",
        "name in Others/Names",
        "primarycontactid/fullname eq 'x'",
        "orders/any()",
        "orders/any(o:o/total gt 5 and o/lines/all(l:l/qty ge limit))",
        "orders/$count gt 2",
        "orders/$count($filter=total gt 5;$search=x) gt 2",
        "$it/a eq $root/Accounts(1)/name",
        "$this gt 5",
        "Microsoft.Dynamics.CRM.In(PropertyName='a',PropertyValues=[\"x\",\"y\"])",
        "Microsoft.Dynamics.CRM.Today(PropertyName='createdon')",
        "item/Ns.Vip/level eq 2",
        "Ns.Vip/level eq 2",
        "cast(Ns.Type)/x eq 1",
        "isof(item,Ns.Vip)",
        "cast(a,Edm.String) eq '1'",
        "case(a eq 12 : 'x',true : 'y') eq 'x'",
        "@p1 eq 5",
        "@Core.Description eq 'x'",
        "name/@Core.Description#short eq 'x'",
        "geo.distance(place,geography'SRID=0;Point(1 2)') lt 0.5",
        "AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Picklist'",
        "createdon ge 2024-01-31T00:00:00Z and day eq 2024-01-31",
        "accountid eq 4026be43-6b69-e111-8f65-78e7d1620f5e",
        "year(createdon) eq 2024 and now() gt createdon",
        "substring(name,1,2) eq 'b' and length(trim(concat(a,b))) gt 1",
        "data eq {\"a\":1,\"b\":[true,null,\"x\"]}",
        "Ünicode eq 'ß'",
    ] {
        // `cast(…)/x` is no expression of the grammar; everything else is.
        if text.starts_with("cast(Ns.Type)/") {
            assert!(expr::parse(text).is_err());
            continue;
        }
        prints(text, text);
    }
}

#[test]
fn other_spellings_have_one_canonical_form() {
    for (text, printed) in [
        ("  name   EQ  'x'  ", "name eq 'x'"),
        ("CONTAINS( name , 'x' )", "contains(name,'x')"),
        ("((a)) AND (b)", "a and b"),
        ("not(a)", "not a"),
        ("(a eq 1) and (b eq 2)", "a eq 1 and b eq 2"),
        ("name in ( 'a' , 'b' )", "name in ('a','b')"),
        ("name in('a')", "name in ('a')"),
        ("orders/any( o : o/x eq 1 )", "orders/any(o:o/x eq 1)"),
        ("a add b add c", "a add b add c"),
        ("(a and b) and c", "(a and b) and c"),
        ("not a eq b", "not a eq b"),
        ("case(a:1,truE:2)", "case(a : 1,true : 2)"),
        ("- a", "-a"),
        ("-(5)", "- 5"),
        ("-(-5)", "- -5"),
    ] {
        prints(text, printed);
    }
}

#[test]
fn words_of_the_language_may_be_properties() {
    for text in [
        "not eq 5",
        "date eq 2024-01-31",
        "contains eq 'x'",
        "any eq 1",
        "null/x eq 1",
        "case(a eq not : 1,not : 2)",
    ] {
        prints(text, text);
    }
}

#[test]
fn errors_say_where() {
    for (text, offset) in [
        ("", 0),
        ("   ", 3),
        ("name eq", 7),
        ("name eq ", 8),
        ("name eqq 'x'", 5),
        ("name eq 'x", 8),
        ("name eq 'x' and", 15),
        ("(name eq 'x'", 12),
        ("name eq 'x')", 11),
        ("contains(name)", 0),
        ("year(a,b)", 0),
        ("name in 5", 8),
        ("orders/any(o o/x)", 13),
        ("orders/all()", 11),
        ("a/", 2),
        ("a//b", 2),
        ("$foo", 4),
        ("f(a=1", 5),
        ("x eq [1,", 8),
        ("x eq {\"a\" 1}", 10),
        ("x eq {a:1}", 6),
        ("cast(a,b)", 7),
        ("a eq 1 b eq 2", 7),
    ] {
        match expr::parse(text) {
            Ok(tree) => panic!("{text} reads as {tree:?}"),
            Err(error) => assert_eq!(error.offset, offset, "{text}: {error}"),
        }
    }
}

#[test]
fn depth_is_bounded_and_width_is_not() {
    for deep in [
        "(".repeat(100_000),
        "not ".repeat(100_000),
        "-".repeat(100_000),
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "tolower(".repeat(100_000),
        "a/any(x:".repeat(100_000),
        "f(a=".repeat(100_000),
        format!("a{}", " add a".repeat(100_000)),
        format!("a{}", " eq a".repeat(100_000)),
    ] {
        assert!(expr::parse(&deep).is_err());
    }
    // What is printed is never deeper than what was read.
    for operand in ["a", " 5", " -5"] {
        let deepest = format!("{}{operand}", "-".repeat(MAX_DEPTH - 1));
        let printed = expr::parse(&deepest).unwrap().to_string();
        assert!(expr::parse(&printed).is_ok());
    }
    let fits = MAX_DEPTH - 1;
    assert!(expr::parse(&format!("{}a{}", "(".repeat(fits), ")".repeat(fits))).is_ok());
    let wide = vec!["a eq 1"; 20_000].join(" or ");
    let Expr::Or(operands) = expr::parse(&wide).unwrap() else {
        panic!("not a disjunction")
    };
    assert_eq!(operands.len(), 20_000);
}

proptest! {
    #[test]
    fn printed_trees_read_back(tree in trees::expression()) {
        let printed = tree.to_string();
        let read = expr::parse(&printed);
        prop_assert_eq!(read.as_ref().ok(), Some(&tree), "{} {:?}", printed, read.as_ref().err());
    }

    #[test]
    fn no_text_panics(text in ".*") {
        let _ = expr::parse(&text);
    }

    #[test]
    fn no_text_like_an_expression_panics(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "a", "b/c", " eq ", " and ", " or ", "not ", "(", ")", "'x'", "5", "-", ",", " in ",
                "any(", "/", ":", "@p", "$it", "$count", "[", "]", "{", "}", "\"s\"", "Ns.F(", "=",
                "contains(", " ", "case(", "cast(", "Edm.String", "2024-01-31", "null", " add ",
            ]),
            0..24,
        )
    ) {
        let text = words.concat();
        if let Ok(tree) = expr::parse(&text) {
            let printed = tree.to_string();
            prop_assert_eq!(expr::parse(&printed).unwrap(), tree, "{} {}", text, printed);
        }
    }
}
