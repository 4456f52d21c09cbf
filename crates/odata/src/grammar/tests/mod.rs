//! Texts that each rule accepts and refuses.

mod apply;
mod characters;
mod expressions;
mod headers;
mod literals;
mod names;
mod options;
mod paths;
mod uris;

use std::collections::HashSet;

use apply::APPLY;
use characters::CHARACTERS;
use expressions::EXPRESSIONS;
use headers::HEADERS;
use literals::LITERALS;
use names::NAMES;
use options::OPTIONS;
use paths::PATHS;
use uris::URIS;

use super::{grammar, parse_rule, rule_names};

/// A rule, texts that fit it, texts that do not.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// Checks every case before it fails, so that one run shows all that is wrong.
#[track_caller]
fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (rule, accepted, refused) in cases {
        for text in *accepted {
            if let Err(error) = parse_rule(rule, text) {
                wrong.push(format!("{rule} refuses {text:?}: {error}"));
            }
        }
        for text in *refused {
            match parse_rule(rule, text) {
                Ok(()) => wrong.push(format!("{rule} accepts {text:?}")),
                Err(error) => assert!(error.offset <= text.len(), "{rule} {text:?}"),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_definition_is_sound() {
    assert_eq!(grammar().faults(), [] as [String; 0]);
}

#[test]
fn unknown_rules_are_named() {
    assert!(
        parse_rule("nosuch", "")
            .unwrap_err()
            .message
            .contains("nosuch")
    );
    assert!(parse_rule("_term", "").is_err());
}

#[test]
fn characters_and_uris() {
    check(CHARACTERS);
    check(URIS);
}

#[test]
fn literals_and_names() {
    check(LITERALS);
    check(NAMES);
    for name in super::names::IDENTIFIERS {
        check(&[(
            name,
            &["Name", "_1", "%C3%9Cber", "Über"],
            &["", "1a", "a.b", "a-b", "a%20"],
        )]);
    }
}

#[test]
fn earlier_names_mean_the_same() {
    for (earlier, name) in super::literals::EARLIER {
        for text in [
            "null",
            "true",
            "5",
            "'a'",
            "(a)",
            "2024-01-31",
            "'P1D'",
            "Ns.E'A'",
            "x y",
        ] {
            assert_eq!(
                parse_rule(earlier, text).is_ok(),
                parse_rule(name, text).is_ok(),
                "{earlier} {text}"
            );
        }
    }
}

#[test]
fn paths_and_options() {
    check(PATHS);
    check(OPTIONS);
}

#[test]
fn expressions_and_calls() {
    check(EXPRESSIONS);
    for (rule, function, least, most) in super::expressions::METHODS {
        let call = |count: usize| format!("{function}({})", vec!["a"; count].join(", "));
        for count in *least..=*most {
            assert_eq!(parse_rule(rule, &call(count)), Ok(()), "{rule}");
            assert_eq!(parse_rule("commonExpr", &call(count)), Ok(()), "{rule}");
        }
        assert!(parse_rule(rule, &call(most + 1)).is_err(), "{rule}");
        assert!(
            least
                .checked_sub(1)
                .is_none_or(|few| parse_rule(rule, &call(few)).is_err())
        );
        assert!(
            parse_rule(rule, &format!("{function}x()")).is_err(),
            "{rule}"
        );
        assert_eq!(
            parse_rule(rule, &call(*least).to_uppercase()),
            Ok(()),
            "{rule}"
        );
    }
}

#[test]
fn transformations_and_headers() {
    check(APPLY);
    check(HEADERS);
}

#[test]
fn no_rule_goes_untested() {
    let tables = [
        CHARACTERS,
        URIS,
        LITERALS,
        NAMES,
        PATHS,
        OPTIONS,
        EXPRESSIONS,
        APPLY,
        HEADERS,
    ];
    let tested: HashSet<&str> = tables
        .into_iter()
        .flatten()
        .inspect(|(rule, accepted, refused)| {
            assert!(!accepted.is_empty() && !refused.is_empty(), "{rule}");
        })
        .map(|(rule, ..)| *rule)
        .chain(super::names::IDENTIFIERS.iter().copied())
        .chain(super::literals::EARLIER.iter().map(|(rule, _)| *rule))
        .chain(super::expressions::METHODS.iter().map(|(rule, ..)| *rule))
        .collect();
    let missing: Vec<&str> = rule_names()
        .into_iter()
        .filter(|rule| !tested.contains(rule))
        .collect();
    assert_eq!(missing, [] as [&str; 0]);
}

#[test]
fn offsets_point_at_the_first_thing_that_fits_no_reading() {
    for (rule, text, offset) in [
        ("guid", "4026be43-6b69", 13),
        ("date", "2024-02-3x", 9),
        ("commonExpr", "a eq", 4),
        ("commonExpr", "a eq 'x", 7),
        ("filter", "$filter=a%20xx%20b", 12),
        ("top", "$top=1x", 6),
        ("odataIdentifier", "", 0),
        ("boolean", "trueish", 4),
        // Half a word, half an encoded letter, half an option are no progress.
        ("top", "$tip=1", 0),
        ("enumValue", "Solid%2CYellow", 5),
        ("expand", "$expand=A/$ref($levels=4)", 15),
    ] {
        assert_eq!(
            parse_rule(rule, text).unwrap_err().offset,
            offset,
            "{rule} {text}"
        );
    }
}

#[test]
fn depth_and_work_are_bounded() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(parse_rule("commonExpr", &nested(50)), Ok(()));
    assert!(parse_rule("commonExpr", &nested(50_000)).is_err());
    let wide = vec!["a eq 1"; 200].join(" or ");
    assert_eq!(parse_rule("commonExpr", &wide), Ok(()));
    assert!(parse_rule("commonExpr", &"a/".repeat(20_000)).is_err());
}
