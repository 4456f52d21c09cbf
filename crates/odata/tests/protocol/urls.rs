//! Paths, keys and query options.

use duet_odata::Literal;
use duet_odata::url::{
    Arguments, KeyPredicate, OptionNames, QueryOptions, RequestUrl, ResourcePath, ResourceSegment,
};
use proptest::prelude::*;

use super::trees;

fn path(text: &str) -> ResourcePath {
    ResourcePath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn paths_of_every_form_print_as_they_were_read() {
    for text in [
        "accounts",
        "accounts(4026be43-6b69-e111-8f65-78e7d1620f5e)",
        "accounts(accountnumber='A%2FB',_parent_value=4026be43-6b69-e111-8f65-78e7d1620f5e)",
        "CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')",
        "Sets(Kind=Ns.E'X',LineNumber=20)",
        "accounts(1)/primarycontactid/$ref",
        "accounts/$count",
        "accounts(1)/name/$value",
        "$metadata",
        "$batch",
        "$entity",
        "$all",
        "$crossjoin(A,B)",
        "$1/name",
        "$100001",
        "$dwa-1.x",
        "WhoAmI()",
        "WhoAmI",
        "RetrieveCurrentOrganization(AccessType=@p1)",
        "accounts/Microsoft.Dynamics.CRM.CreateMultiple",
        "Entities(LogicalName='account')/Attributes/Ns.StringAttributeMetadata",
        "accounts(@key)",
        "F(a=%5B1,2%5D)",
        "accounts/$filter(@f)/$each",
        "accounts/1",
    ] {
        assert_eq!(path(text).to_string(), text);
    }
}

#[test]
fn segments_mean_what_they_say() {
    let found = path("/accounts('it''s%2Ffine')/Ns.Action(x=a%20eq%201)/$value/");
    let [set, action, ResourceSegment::Value] = found.segments.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(set.key(), Some(&KeyPredicate::single("it's/fine")));
    assert!(action.is_qualified());
    let ResourceSegment::Name {
        arguments: Some(Arguments::Named(args)),
        ..
    } = action
    else {
        panic!("{action:?}")
    };
    assert_eq!(args[0].1.to_string(), "a eq 1");
    assert_eq!(path("").segments, []);
    assert_eq!(path("/").segments, []);
    // A careless client leaves the slash as it is.
    assert_eq!(path("accounts('a/b')/name").segments.len(), 2);
    assert_eq!(path("$metadata").segments, [ResourceSegment::Metadata]);
    assert_eq!(
        path("$7").segments,
        [ResourceSegment::ContentId("7".into())]
    );
}

#[test]
fn paths_are_refused_where_they_go_wrong() {
    for (text, offset) in [
        ("accounts(", 9),
        ("accounts('a)", 12),
        ("accounts(1)x", 11),
        ("accounts(a=1,a=2)", 13),
        ("accounts(a=%zz)", 11),
        ("accounts(a=)", 11),
        ("a//b", 2),
        ("a/$", 3),
        ("a/%20(b)", 2),
    ] {
        match ResourcePath::parse(text) {
            Ok(found) => panic!("{text} reads as {found:?}"),
            Err(error) => assert_eq!(error.offset, offset, "{text}: {error}"),
        }
    }
}

fn options(text: &str) -> QueryOptions {
    QueryOptions::parse(text, OptionNames::Exact).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn options_print_in_their_order() {
    for text in [
        "$select=name,accountid,Ns.*,*",
        "$select=address($select=city)",
        "$expand=contacts,parent($select=name;$expand=owner($levels=max))",
        "$expand=contacts($filter=name%20eq%20'a;b)(';$orderby=name%20desc,id;$top=2;$count=true)",
        "$expand=contacts/$ref,*/$count",
        "$filter=contains(name,'a%26b%23%2B')",
        "$orderby=name,length(name)%20desc",
        "$top=5&$skip=10&$count=true",
        "$search=mountain%20AND%20bike",
        "$apply=groupby((a),aggregate(b%20with%20sum%20as%20c))",
        "$compute=price%20mul%202%20as%20double,a%20as%20b&$index=-1&$schemaversion=2.0",
        "$skiptoken=%3Ccookie%20pagenumber=%222%22%20/%3E",
        "$deltatoken=919042%2108%2F22%2F2017",
        "@p1='x'&@p2=%5B1,2%5D",
        "tag=duet&cross-company=true",
    ] {
        let parsed = options(text);
        assert_eq!(options(&parsed.to_string()), parsed, "{text}");
        if !text.contains("%2F") && !text.contains("%21") {
            assert_eq!(parsed.to_string(), text);
        }
    }
}

#[test]
fn encoded_names_plus_signs_and_empty_pieces_are_understood() {
    let parsed = options("&%24select=name&&%24filter=a+eq+%27x%2By%27&");
    assert_eq!(parsed.select.unwrap()[0].path, "name");
    assert_eq!(parsed.filter.unwrap().to_string(), "a eq 'x+y'");
}

#[test]
fn option_names_are_exact_unless_relaxed() {
    let exact = options("$Top=5&top=6");
    assert_eq!(exact.top, None);
    assert_eq!(exact.custom("$Top"), Some("5"));
    let relaxed = QueryOptions::parse("$Top=5&FILTER=a", OptionNames::Relaxed).unwrap();
    assert_eq!(relaxed.top, Some(5));
    assert!(relaxed.filter.is_some());
}

#[test]
fn options_are_refused_where_they_go_wrong() {
    for (text, offset) in [
        ("$filter=name%20eq", 17),
        ("$filter=name%20eq%20%27x", 20),
        ("$top=x", 5),
        ("$top=-1", 5),
        ("$top=1&$top=2", 7),
        ("$count=maybe", 7),
        ("$select=a,,b", 10),
        ("$select=a(b", 11),
        ("$expand=a($select=x;$foo=1)", 20),
        ("$expand=a($filter=x%20eq)", 24),
        ("$expand=a($top=1)b", 17),
        ("$orderby=a%20up", 13),
        ("$orderby=", 9),
        ("a=%f", 2),
        ("@p=(", 4),
    ] {
        match QueryOptions::parse(text, OptionNames::Exact) {
            Ok(found) => panic!("{text} reads as {found:?}"),
            Err(error) => assert_eq!(error.offset, offset, "{text}: {error}"),
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("$expand={}", "a($expand=".repeat(10_000));
    assert!(QueryOptions::parse(&deep, OptionNames::Exact).is_err());
    let closed = format!("$expand={}a{}", "a($expand=".repeat(50), ")".repeat(50));
    assert!(QueryOptions::parse(&closed, OptionNames::Exact).is_err());
}

#[test]
fn urls_are_known_by_their_root_in_every_form() {
    let root = "/api/data/v9.2/";
    for url in [
        "https://org.crm.dynamics.com/api/data/v9.2/accounts(1)?$select=name",
        "http://127.0.0.1:8080/api/data/v9.2/accounts(1)?$select=name",
        "/api/data/v9.2/accounts(1)?$select=name",
        "accounts(1)?$select=name",
        "/accounts(1)?$select=name",
        "accounts(1)?$select=name#part",
    ] {
        let request = RequestUrl::parse(url, root, OptionNames::Exact).unwrap();
        assert_eq!(request.to_string(), "accounts(1)?$select=name", "{url}");
    }
    let request = RequestUrl::parse("$1/nav/$ref", root, OptionNames::Exact).unwrap();
    assert_eq!(
        request.path.segments[0],
        ResourceSegment::ContentId("1".into())
    );
    let service = RequestUrl::parse("https://h/api/data/v9.2", root, OptionNames::Exact).unwrap();
    assert_eq!(service.path.segments, []);
    let error = RequestUrl::parse("/api/data/v9.2/a?$top=x", root, OptionNames::Exact).unwrap_err();
    assert_eq!(error.offset, 22);
}

#[test]
fn keys_carry_typed_values() {
    let key = KeyPredicate::parse(" a = 1 , b = @p ").unwrap();
    assert_eq!(key.to_string(), "a=1,b=@p");
    assert_eq!(
        KeyPredicate::parse("'x'").unwrap(),
        KeyPredicate::single(Literal::from("x"))
    );
    assert!(KeyPredicate::parse("a=1,").is_err());
    assert!(KeyPredicate::parse("a eq 1").is_err());
}

proptest! {
    #[test]
    fn filters_survive_the_url(filter in trees::expression()) {
        let built = QueryOptions { filter: Some(filter), ..QueryOptions::default() };
        prop_assert_eq!(options(&built.to_string()), built);
    }

    #[test]
    fn custom_options_survive_the_url(name in "[a-z-]{1,8}", value in ".*") {
        let built = QueryOptions { custom: vec![(name, value)], ..QueryOptions::default() };
        prop_assert_eq!(options(&built.to_string()), built);
    }

    #[test]
    fn keys_survive_the_url(set in trees::name(), value in trees::literal()) {
        let segment = ResourceSegment::keyed(set, KeyPredicate::single(value));
        let built = ResourcePath { segments: vec![segment] };
        prop_assert_eq!(path(&built.to_string()), built);
    }

    #[test]
    fn no_url_panics(text in ".*") {
        let _ = RequestUrl::parse(&text, "/data", OptionNames::Relaxed);
    }

    #[test]
    fn no_text_like_a_url_panics(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "a", "/", "(", ")", "'", "%27", "%", "$", "$select=", "$expand=", "&", ";", ",",
                "?", "=", "$filter=", "$orderby=", " desc", "*", "@p", "http://h", ".", "Ns.A", "+",
            ]),
            0..20,
        )
    ) {
        let _ = RequestUrl::parse(&words.concat(), "/data", OptionNames::Exact);
    }
}
