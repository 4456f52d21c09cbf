//! Texts that each rule accepts and refuses.

use std::collections::HashSet;

use super::{expressions, grammar, literals, names, parse_rule, rule_names};

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
    for name in names::IDENTIFIERS {
        check(&[(
            name,
            &["Name", "_1", "%C3%9Cber", "Über"],
            &["", "1a", "a.b", "a-b", "a%20"],
        )]);
    }
}

#[test]
fn earlier_names_mean_the_same() {
    for (earlier, name) in literals::EARLIER {
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
    for (rule, function, least, most) in expressions::METHODS {
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
        .chain(names::IDENTIFIERS.iter().copied())
        .chain(literals::EARLIER.iter().map(|(rule, _)| *rule))
        .chain(expressions::METHODS.iter().map(|(rule, ..)| *rule))
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

const CHARACTERS: &[Case] = &[
    ("ALPHA", &["a", "Z"], &["", "1", "ab"]),
    ("DIGIT", &["0", "9"], &["", "a", "12"]),
    ("HEXDIG", &["0", "f", "F"], &["g", ""]),
    ("A-to-F", &["A", "f"], &["0", "g"]),
    ("DQUOTE", &["\""], &["'", "%22"]),
    ("SP", &[" "], &["", "\t"]),
    ("HTAB", &["\t"], &["", " "]),
    ("VCHAR", &["!", "~"], &[" ", "\n"]),
    ("obs-text", &["\u{80}"], &["a"]),
    ("unreserved", &["a", "-", "~"], &["$", "%41"]),
    ("pct-encoded", &["%20", "%aF"], &["%2", "%zz", "20"]),
    ("other-delims", &["!", "*", ";"], &["$", "&", "'", "="]),
    ("sub-delims", &["$", "&", "'", "="], &["/", "@"]),
    ("pchar", &["a", "%20", ":", "@", "'"], &["/", "?", " ", ""]),
    ("pct-encoded-no-SQUOTE", &["%20", "%37"], &["%27"]),
    ("pct-encoded-no-DQUOTE", &["%20", "%27"], &["%22"]),
    (
        "pct-encoded-unescaped",
        &["%20", "%5B"],
        &["%22", "%5C", "%5c"],
    ),
    ("pchar-no-SQUOTE", &["a", "%20", "&"], &["'", "%27", "/"]),
    ("qchar-no-AMP", &["a", "=", "?", "/", "'"], &["&", "#", " "]),
    ("qchar-no-AMP-EQ", &["a", "$", "@"], &["=", "&"]),
    (
        "qchar-no-AMP-EQ-AT-DOLLAR",
        &["a", "'"],
        &["=", "&", "@", "$"],
    ),
    ("qchar-no-AMP-SQUOTE", &["a", "=", "%27"], &["&", "'"]),
    ("qchar-no-AMP-DQUOTE", &["a", "'"], &["&", "%22"]),
    ("qchar-unescaped", &["a", "%20"], &["%5C", "%22", "\\"]),
    ("RWS", &[" ", "\t", "%20%09 "], &["", "+"]),
    ("BWS", &["", " ", "%20"], &["a", "\n"]),
    ("OWS", &["", " \t"], &["%20"]),
    ("BWS-h", &["", " \t"], &["%20"]),
    ("EQ-h", &["=", " = "], &["", "=="]),
    ("AT", &["@", "%40"], &["a"]),
    ("COLON", &[":", "%3A", "%3a"], &[";"]),
    ("COMMA", &[",", "%2C"], &[";"]),
    ("EQ", &["="], &["%3D", "eq"]),
    ("HASH", &["%23"], &["#"]),
    ("SIGN", &["-", "%2B"], &["+", ""]),
    ("SEMI", &[";", "%3B"], &[","]),
    ("STAR", &["*", "%2A"], &["+"]),
    ("SQUOTE", &["'", "%27"], &["\"", "''"]),
    ("OPEN", &["(", "%28"], &[")"]),
    ("CLOSE", &[")", "%29"], &["("]),
];

const URIS: &[Case] = &[
    (
        "URI",
        &["http://h/p?q#f", "urn:a:b", "mailto:a@b"],
        &["//h", "1a:b", ":x"],
    ),
    ("hier-part", &["//h/p", "/p", "p/q"], &["//[", ""]),
    ("scheme", &["http", "a+b-c.1"], &["1a", ""]),
    (
        "authority",
        &["u:p@h:80", "h", "[::1]:8080"],
        &["h:x", "a@b@c"],
    ),
    ("userinfo", &["a:b", "", "%40"], &["a@b"]),
    (
        "host",
        &["h.example", "127.0.0.1", "[::1]", ""],
        &["a/b", "[::1"],
    ),
    ("port", &["80", ""], &["8a"]),
    ("reg-name", &["example.com", ""], &["a b", "a:1"]),
    ("IP-literal", &["[::1]", "[v1.x]"], &["::1", "[1.2.3.4]"]),
    ("IPvFuture", &["v1.a", "VF.:"], &["v.a", "v1"]),
    (
        "IPv6address",
        &[
            "1:2:3:4:5:6:7:8",
            "::",
            "::1",
            "1::",
            "1:2::7:8",
            "::2:3:4:5:6:7:8",
            "1:2:3:4:5:6::8",
            "1:2:3:4:5::1.2.3.4",
            "1:2:3:4::6:1.2.3.4",
            "1:2:3::5:6:7:8",
            "1:2::4:5:6:7:8",
            "1::3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
        ],
        &[
            "1:2:3:4:5:6:7",
            "1::2::3",
            "12345::",
            "1:2:3:4:5:6:7:8:9",
            ":::",
        ],
    ),
    ("h16", &["0", "ffff"], &["", "12345", "g"]),
    ("ls32", &["1:2", "1.2.3.4"], &["1", "1:2:3"]),
    (
        "IPv4address",
        &["0.0.0.0", "255.199.99.9"],
        &["256.0.0.1", "1.2.3", "01.2.3.4"],
    ),
    (
        "dec-octet",
        &["0", "99", "199", "249", "255"],
        &["256", "300", "00", ""],
    ),
    ("path-abempty", &["", "/a/b", "//"], &["a"]),
    ("path-absolute", &["/", "/a/b"], &["//a", ""]),
    ("path-rootless", &["a/b", "a:b"], &["/a", ""]),
    ("segment", &["", "a'b"], &["a/b"]),
    ("segment-nz", &["a"], &["", "a/b"]),
    ("query", &["", "a=b&c?/"], &["#"]),
    ("fragment", &["", "a/b?"], &["#"]),
    ("IRI-in-header", &["http://h/a(1)", "ü"], &["", "a b"]),
    ("IRI-in-query", &["http://h/a(1)"], &["", "a&b"]),
];

const LITERALS: &[Case] = &[
    (
        "primitiveLiteral",
        &[
            "null",
            "true",
            "42",
            "-1.5e3",
            "INF",
            "'it''s'",
            "%27a%27",
            "2024-01-31",
            "2024-01-31T10:00:00Z",
            "10:00",
            "4026be43-6b69-e111-8f65-78e7d1620f5e",
            "duration'P1D'",
            "'P1D'",
            "Ns.Colour'Red,Blue'",
            "binary'SGk='",
            "geography'SRID=0;Point(1.5 -2)'",
            "geometry'SRID=0;Polygon((0 0,1 0,1 1,0 0))'",
        ],
        &["", "Null", "x", "'open", "1.", "a eq b", "binary'*'"],
    ),
    (
        "primitiveValue",
        &[
            "true",
            "-5",
            "P1D",
            "2024-01-31T10:00:00+01:00",
            "Red,Blue",
            "SRID=0;Point(1 2)",
            "-_8",
        ],
        &["'a'", "a b"],
    ),
    ("null", &["null"], &["NULL", "nul"]),
    ("boolean", &["true", "FALSE"], &["1", "yes"]),
    (
        "guid",
        &[
            "4026be43-6b69-e111-8f65-78e7d1620f5e",
            "4026BE43-6B69-E111-8F65-78E7D1620F5E",
        ],
        &[
            "4026be43",
            "{4026be43-6b69-e111-8f65-78e7d1620f5e}",
            "4026be43-6b69-e111-8f65-78e7d1620f5",
        ],
    ),
    (
        "binaryLiteral",
        &["binary'SGVs'", "BINARY'SGk'", "binary''"],
        &["binary'a'", "X'00'"],
    ),
    (
        "binaryValue",
        &["", "SGVs", "SGk=", "SGk", "_-8="],
        &["S", "SGl", "a+b/", "SGk=="],
    ),
    ("base64b16", &["SGk", "SGk="], &["SGl", "SG"]),
    ("base64b8", &["SA", "SA=="], &["SB", "SA="]),
    ("base64char", &["a", "-", "_"], &["+", "/", "="]),
    (
        "decimalLiteral",
        &["1", "-1.50", "%2B1", "1e-3", "NaN", "-INF"],
        &["+1", ".5", "1.", "inf"],
    ),
    (
        "decimalValue",
        &["1", "+1.50", "1E3", "INF"],
        &["%2B1", "1,5"],
    ),
    ("doubleLiteral", &["1.5e300"], &["1e", ""]),
    ("doubleValue", &["+1.5e300"], &["--1"]),
    ("singleLiteral", &["1.5"], &["1.5f"]),
    ("singleValue", &["-INF"], &["+INF"]),
    ("nanInfinity", &["NaN", "INF", "-INF"], &["nan", "+INF"]),
    ("byte", &["0", "255"], &["-1", "1000"]),
    ("sbyteLiteral", &["-128", "%2B1"], &["+1", "1000"]),
    ("sbyteValue", &["-128", "+1"], &["%2B1"]),
    ("int16Literal", &["-32768"], &["123456"]),
    ("int16Value", &["+32767"], &["123456"]),
    ("int32Literal", &["-2147483648"], &["12345678901"]),
    ("int32Value", &["+2147483647"], &["1.0"]),
    (
        "int64Literal",
        &["-9223372036854775808"],
        &["12345678901234567890"],
    ),
    (
        "int64Value",
        &["+9223372036854775807"],
        &["12345678901234567890"],
    ),
    (
        "stringLiteral",
        &["''", "'a'", "'O''Neil'", "%27a%27%27b%27", "'a%20b'"],
        &["'", "'a'b'", "'a b'", "\"a\"", "'a/b'"],
    ),
    ("SQUOTE-in-string", &["''", "%27'"], &["'"]),
    (
        "stringValue",
        &["'a b/c'", "'O''Neil'", "''"],
        &["'a'b'", "a"],
    ),
    (
        "date",
        &["2024-01-31", "-0044-03-15", "12024-01-01", "0000-01-01"],
        &["24-01-31", "2024-1-31", "01234-01-01"],
    ),
    (
        "year",
        &["2024", "-0001", "0000", "12024"],
        &["24", "01234"],
    ),
    ("month", &["01", "12"], &["00", "13", "1"]),
    ("day", &["01", "29", "31"], &["00", "32"]),
    ("hour", &["00", "23"], &["24", "1"]),
    ("minute", &["00", "59"], &["60"]),
    ("second", &["00", "59", "60"], &["61"]),
    ("zeroToFiftyNine", &["00", "59"], &["60"]),
    ("oneToNine", &["1", "9"], &["0", "10"]),
    (
        "fractionalSeconds",
        &["1", "123456789012"],
        &["", "1234567890123"],
    ),
    (
        "dateTimeOffsetLiteral",
        &[
            "2024-01-31T10:00Z",
            "2024-01-31t10%3A00%3A00.5z",
            "2024-01-31T10:00:00%2B01:00",
            "-0001-01-01T00:00-01:00",
        ],
        &[
            "2024-01-31T10:00",
            "2024-01-31T10:00+01:00",
            "2024-01-31 10:00Z",
        ],
    ),
    (
        "dateTimeOffsetValue",
        &["2024-01-31T10:00:00+01:00", "2024-01-31T10:00Z"],
        &["2024-01-31T10%3A00Z", "2024-01-31"],
    ),
    (
        "timeOfDayLiteral",
        &["10:00", "10%3A00:59.123"],
        &["10", "10:60", "10:00:00."],
    ),
    ("timeOfDayValue", &["10:00:60"], &["10%3A00"]),
    (
        "durationLiteral",
        &["duration'P1DT2H3M4.5S'", "'PT1S'", "DURATION'-P1D'"],
        &["duration'1D'", "P1D"],
    ),
    (
        "durationValue",
        &["P1D", "-PT1H", "PT0.5S", "P"],
        &["P1Y", "P1DT1.5H", "1D", "PT1S1M"],
    ),
    (
        "enumLiteral",
        &["Ns.Colour'Red'", "Ns.Colour'Red,2'", "'Red'", "A.B.C'-1'"],
        &[
            "Colour'Red'",
            "Ns.Colour''",
            "Ns.Colour'Red,'",
            "Ns.Colour\"Red\"",
        ],
    ),
    ("singleEnumLiteral", &["Red", "5", "-5"], &["", "Red,Blue"]),
    ("enumValue", &["Red", "Red,+2"], &["", "Red;Blue"]),
    ("singleEnumValue", &["Red", "+2"], &["%2B2"]),
    (
        "geographyPrefix",
        &["geography", "Geography"],
        &["geometry"],
    ),
    ("geometryPrefix", &["geometry"], &["geography"]),
    (
        "sridLiteral",
        &["SRID=0;", "srid=12345%3B"],
        &["SRID=;", "SRID=123456;", "SRID=1"],
    ),
    (
        "positionLiteral",
        &["1 2", "-1.5 +2e3", "1 2 3", "1 2 3 4"],
        &["1", "1,2", "1 2 3 4 5"],
    ),
    ("pointData", &["(1 2)", "%281 2%29"], &["()", "1 2"]),
    (
        "pointLiteral",
        &["Point(1 2)", "POINT(1 2)"],
        &["Point (1 2)"],
    ),
    ("lineStringData", &["(1 2,3 4)"], &["(1 2)"]),
    (
        "lineStringLiteral",
        &["LineString(1 2,3 4%2C5 6)"],
        &["LineString()"],
    ),
    ("ringLiteral", &["(1 2,3 4,1 2)"], &["()"]),
    (
        "polygonData",
        &["((0 0,1 0,0 0))", "((0 0),(1 1))"],
        &["(0 0)"],
    ),
    (
        "polygonLiteral",
        &["Polygon((0 0,1 0,0 0))"],
        &["Polygon(0 0)"],
    ),
    (
        "multiPointLiteral",
        &["MultiPoint()", "MultiPoint((1 2),(3 4))"],
        &["MultiPoint(1 2)"],
    ),
    (
        "multiLineStringLiteral",
        &["MultiLineString()", "MultiLineString((1 2,3 4))"],
        &["MultiLineString((1 2))"],
    ),
    (
        "multiPolygonLiteral",
        &["MultiPolygon()", "MultiPolygon(((0 0,1 0,0 0)))"],
        &["MultiPolygon((0 0))"],
    ),
    (
        "collectionLiteral",
        &["GeometryCollection(Point(1 2),GeometryCollection(Point(1 2)))"],
        &["GeometryCollection()", "GeographyCollection(Point(1 2))"],
    ),
    (
        "geoLiteral",
        &["Point(1 2)", "MultiPoint()"],
        &["Circle(1 2)"],
    ),
    ("fullPointLiteral", &["SRID=0;Point(1 2)"], &["Point(1 2)"]),
    (
        "fullLineStringLiteral",
        &["SRID=0;LineString(1 2,3 4)"],
        &["LineString(1 2,3 4)"],
    ),
    (
        "fullPolygonLiteral",
        &["SRID=0;Polygon((0 0,1 0,0 0))"],
        &["SRID=0;Point(1 2)"],
    ),
    (
        "fullMultiPointLiteral",
        &["SRID=0;MultiPoint()"],
        &["MultiPoint()"],
    ),
    (
        "fullMultiLineStringLiteral",
        &["SRID=0;MultiLineString()"],
        &["MultiLineString()"],
    ),
    (
        "fullMultiPolygonLiteral",
        &["SRID=0;MultiPolygon()"],
        &["MultiPolygon()"],
    ),
    (
        "fullCollectionLiteral",
        &["SRID=0;GeometryCollection(Point(1 2))"],
        &["SRID=0;"],
    ),
    (
        "geographyPoint",
        &["geography'SRID=0;Point(1 2)'"],
        &["geometry'SRID=0;Point(1 2)'", "geography'Point(1 2)'"],
    ),
    (
        "geographyLineString",
        &["geography'SRID=0;LineString(1 2,3 4)'"],
        &["geography'SRID=0;LineString(1 2)'"],
    ),
    (
        "geographyPolygon",
        &["geography'SRID=0;Polygon((0 0,1 0,0 0))'"],
        &["geography'SRID=0;Polygon()'"],
    ),
    (
        "geographyMultiPoint",
        &["geography'SRID=0;MultiPoint((1 2))'"],
        &["geography'SRID=0;MultiPoint'"],
    ),
    (
        "geographyMultiLineString",
        &["geography'SRID=0;MultiLineString()'"],
        &["geography'SRID=0;LineString()'"],
    ),
    (
        "geographyMultiPolygon",
        &["geography'SRID=0;MultiPolygon()'"],
        &["geography'SRID=0;Polygon()'"],
    ),
    (
        "geographyCollection",
        &["geography'SRID=0;GeometryCollection(Point(1 2))'"],
        &["geography''"],
    ),
    (
        "geometryPoint",
        &["geometry%27SRID=0;Point(1 2)%27"],
        &["geography'SRID=0;Point(1 2)'"],
    ),
    (
        "geometryLineString",
        &["geometry'SRID=0;LineString(1 2,3 4)'"],
        &["geometry'SRID=0;LineString(1 2)'"],
    ),
    (
        "geometryPolygon",
        &["geometry'SRID=0;Polygon((0 0,1 0,0 0))'"],
        &["geometry'SRID=0;Polygon()'"],
    ),
    (
        "geometryMultiPoint",
        &["geometry'SRID=0;MultiPoint()'"],
        &["geometry'SRID=0;Point()'"],
    ),
    (
        "geometryMultiLineString",
        &["geometry'SRID=0;MultiLineString()'"],
        &["geometry'MultiLineString()'"],
    ),
    (
        "geometryMultiPolygon",
        &["geometry'SRID=0;MultiPolygon()'"],
        &["geometry'MultiPolygon()'"],
    ),
    (
        "geometryCollection",
        &["geometry'SRID=0;GeometryCollection(Point(1 2))'"],
        &["geometry''"],
    ),
];

const NAMES: &[Case] = &[
    (
        "odataIdentifier",
        &["Name", "_", "a1", "%C3%9Cber"],
        &["", "1", "a b", "a."],
    ),
    (
        "identifierLeadingCharacter",
        &["a", "_", "%C3%9C", "ü"],
        &["1", "%20"],
    ),
    ("identifierCharacter", &["a", "1", "_"], &["-", "."]),
    ("namespace", &["A", "A.B.C"], &["", "A.", ".A"]),
    ("qualifiedEntityTypeName", &["Ns.Type", "A.B.C"], &["Type"]),
    ("qualifiedComplexTypeName", &["Ns.Type"], &["Type"]),
    ("qualifiedTypeDefinitionName", &["Ns.Type"], &["Type"]),
    ("qualifiedEnumTypeName", &["Ns.Type"], &["Type"]),
    (
        "optionallyQualifiedEntityTypeName",
        &["Ns.Type", "Type"],
        &[".Type"],
    ),
    (
        "optionallyQualifiedComplexTypeName",
        &["Ns.Type", "Type"],
        &["Type."],
    ),
    (
        "singleQualifiedTypeName",
        &["Ns.Type", "Edm.String"],
        &["Type"],
    ),
    (
        "qualifiedTypeName",
        &["Ns.Type", "Collection(Edm.String)"],
        &["Collection(String)", "String"],
    ),
    (
        "optionallyQualifiedTypeName",
        &["Type", "Collection(Type)", "Edm.Guid"],
        &["Collection()"],
    ),
    (
        "primitiveTypeName",
        &["Edm.String", "Edm.GeographyPoint", "Edm.Geometry"],
        &["edm.String", "Edm.Text", "Edm.GeographyText"],
    ),
    (
        "abstractSpatialTypeName",
        &["Geography", "Geometry"],
        &["geography"],
    ),
    (
        "concreteSpatialTypeName",
        &["Point", "MultiPolygon"],
        &["point"],
    ),
];

const PATHS: &[Case] = &[
    (
        "odataUri",
        &[
            "http://host/service/",
            "HTTPS://host:443/a/b/Products(1)/Name/$value",
            "http://host/Categories(1)/Products?$filter=Price%20gt%205&$top=3",
            "http://host/$metadata#Products/$entity",
            "http://host/$batch",
            "http://[::1]:8080/Products",
        ],
        &[
            "ftp://host/",
            "host/Products",
            "http://host",
            "http://host/$Metadata",
            "http://host/a b",
        ],
    ),
    (
        "serviceRoot",
        &["http://host/", "https://host:1/a/b/"],
        &["http://host", "http://host/a"],
    ),
    (
        "odataRelativeUri",
        &[
            "$batch",
            "$batch?$format=json",
            "$entity?$id=Products(1)",
            "$entity/Ns.Type?$id=a&$select=b",
            "$metadata?$format=xml",
            "Products?",
            "$metadata#Products",
        ],
        &["$entity", "$batch?$top=1", "$BATCH", "/Products"],
    ),
    (
        "resourcePath",
        &[
            "Products",
            "Products(1)",
            "Products/$count",
            "Func(a=1)/Name",
            "Func()",
            "$crossjoin(A,B)",
            "$all",
            "$all/Ns.Type",
            "Products/Ns.Sub/$filter(@f)/$each",
            "Products/1/Name",
            "Products/Ns.Act",
        ],
        &["", "$crossjoin()", "Products(", "$ALL", "1Products"],
    ),
    (
        "collectionNavigation",
        &[
            "(1)",
            "/Ns.Type",
            "/Ns.Type(1)/Name",
            "/$count",
            "/$filter(a%20eq%201)(1)",
        ],
        &["", "Name", "(1"],
    ),
    (
        "collectionNavPath",
        &[
            "(1)/Name",
            "/$ref",
            "/$each/Ns.Act",
            "/$query",
            "/Ns.F(a=1)",
        ],
        &["", "$ref"],
    ),
    (
        "singleNavigation",
        &["/Name", "/Ns.Type/Name", "/$value"],
        &["", "Name"],
    ),
    (
        "singleNavPath",
        &["/Name", "/$ref", "/$value", "/$query", "/Ns.F()"],
        &["", "/$nosuch"],
    ),
    (
        "propertyPath",
        &["Name", "Address/City", "Orders(1)/Date", "Photo/$value"],
        &["", "/Name"],
    ),
    (
        "collectionPath",
        &["/$count", "/0", "/-1", "/Ns.F()", "/$query"],
        &["", "/$value", "/ 1"],
    ),
    ("primitivePath", &["/$value", "/Ns.F()"], &["/$count", ""]),
    (
        "complexColPath",
        &["/$count", "/Ns.Type", "/Ns.Type/$count"],
        &["", "/$value"],
    ),
    (
        "complexPath",
        &["/City", "/Ns.Type", "/Ns.Type/City"],
        &["", "/$count"],
    ),
    (
        "complexNavPath",
        &["/City", "/Ns.F()", "/$query"],
        &["", "/$ref"],
    ),
    (
        "filterInPath",
        &["/$filter(@f)", "/$filter(a%20eq%201)"],
        &["/$filter()", "/$Filter(a)"],
    ),
    ("each", &["/$each"], &["$each", "/$EACH"]),
    ("count", &["/$count"], &["/$Count", "$count"]),
    ("ref", &["/$ref"], &["/$REF"]),
    ("value", &["/$value"], &["/$Value"]),
    ("querySegment", &["/$query"], &["/query"]),
    ("ordinalIndex", &["/0", "/-12"], &["/a", "0"]),
    (
        "keyPredicate",
        &["(1)", "(a=1,b='x')", "/1", "/a/b", "(@k)"],
        &["()", "(a=)", "1"],
    ),
    (
        "simpleKey",
        &["(1)", "('x')", "(@a)", "%281%29"],
        &["(a=1)", "(null)"],
    ),
    (
        "compoundKey",
        &["(a=1)", "(a=@x,b=2024-01-31)"],
        &["(1)", "(a=1,)"],
    ),
    ("keyValuePair", &["a='x'", "a=@p"], &["a", "='x'"]),
    ("keyPathSegments", &["/1", "/a/b"], &["", "1"]),
    ("keyPathLiteral", &["", "a'b", "%2F"], &["/"]),
    (
        "keyPropertyValue",
        &["true", "-5", "1.5", "'x'", "duration'P1D'", "Ns.E'A'"],
        &["null", "binary'SGk'", "a"],
    ),
    (
        "boundOperation",
        &[
            "/Ns.Act",
            "/Act",
            "/Ns.F(a=1)/Name",
            "/Ns.F/$query",
            "/Ns.F()(1)",
        ],
        &["Ns.Act", "/"],
    ),
    ("boundActionCall", &["Ns.Act", "Act"], &["Ns.", "Act()"]),
    ("boundEntityFunctionCall", &["Ns.F(a=1)"], &["Ns.F"]),
    ("boundEntityColFunctionCall", &["F()"], &["F"]),
    ("boundComplexFunctionCall", &["F()"], &["F("]),
    ("boundComplexColFunctionCall", &["F()"], &["F)"]),
    ("boundPrimitiveFunctionCall", &["F(a=@b)"], &["F(a)"]),
    ("boundPrimitiveColFunctionCall", &["F()"], &["()"]),
    ("boundFunctionCallNoParens", &["Ns.F", "F"], &["F()"]),
    (
        "entityFunctionImportCall",
        &["F()", "F(a=1)"],
        &["Ns.F()", "F"],
    ),
    ("entityColFunctionImportCall", &["F()"], &["F"]),
    ("complexFunctionImportCall", &["F()"], &["F"]),
    ("complexColFunctionImportCall", &["F()"], &["F"]),
    ("primitiveFunctionImportCall", &["F()"], &["F"]),
    ("primitiveColFunctionImportCall", &["F()"], &["F"]),
    (
        "functionParameters",
        &["()", "(a=1)", "( a=1 , b='x' )"],
        &["(1)", "(a=1"],
    ),
    (
        "functionParameter",
        &["a=1", "a=@b", "a=null"],
        &["a", "a=b"],
    ),
    ("parameterAlias", &["@a", "%40a"], &["a", "@"]),
    (
        "crossjoin",
        &["$crossjoin(A)", "$crossjoin(A,B)"],
        &["$crossjoin()", "$crossjoin(A B)"],
    ),
    (
        "context",
        &["#Products", "#Collection($ref)"],
        &["Products", "#"],
    ),
    (
        "contextFragment",
        &[
            "$ref",
            "Collection(Edm.EntityType)",
            "Edm.String",
            "Collection(Ns.Type)",
            "Products",
            "Products/$entity",
            "Products(Name,Category(Id))/$delta",
            "Products/$deletedEntity",
            "Products(1)/Name",
            "Products(1)/Items/$entity",
            "Me/Orders",
            "Customers/Ns.Vip(Name)/$entity",
        ],
        &["", "Products/$foo", "Products(", "collection($ref)"],
    ),
    (
        "entitySet",
        &["Products", "Products(1)/Items", "Products/Ns.Type"],
        &["", "Products/"],
    ),
    (
        "containmentNavigation",
        &["(1)/Items", "(1)/Ns.Type/Items"],
        &["(1)", "/Items"],
    ),
    (
        "navigation",
        &["/Items", "/Address/Country", "/Address/Ns.Type/Country"],
        &["Items", "/"],
    ),
    (
        "contextKeyPredicate",
        &["(1)", "(a=1,b='x y')"],
        &["()", "(a b)"],
    ),
    ("contextKeyValuePair", &["a=1"], &["a", "1"]),
    (
        "contextKeyValue",
        &["1", "'a b'", "2024-01-31T10:00:00+01:00", "P1D"],
        &["a b", ""],
    ),
    (
        "contextPropertyPath",
        &["Name", "Address/City", "Address/Ns.Type/City"],
        &["", "/Name"],
    ),
    (
        "selectList",
        &["()", "(*)", "(Name,Ns.*,Orders(Id),Orders+)"],
        &["", "(Name", "(,)"],
    ),
    (
        "selectListItem",
        &["*", "Ns.*", "Ns.Type/Name", "Ns.F(a,b)", "Name"],
        &["", "a,b"],
    ),
    (
        "selectListProperty",
        &["Name", "Orders+(Id)", "Address/Ns.Type/City", "@Ns.Term"],
        &["", "+"],
    ),
    ("qualifiedActionName", &["Ns.Act"], &["Act"]),
    (
        "qualifiedFunctionName",
        &["Ns.F", "Ns.F(a,b)"],
        &["F", "Ns.F()"],
    ),
    (
        "annotationInFragment",
        &["@Ns.Term", "@Term#q"],
        &["Ns.Term", "@Ns.Term%23q"],
    ),
    ("complexAnnotationInFragment", &["@Ns.Term"], &["@"]),
    ("entityAnnotationInFragment", &["@Ns.Term"], &["@"]),
];

const OPTIONS: &[Case] = &[
    (
        "queryOptions",
        &["$top=1", "$top=1&$skip=2&x=y", "@p='x'&$filter=a%20eq%20@p"],
        &["", "$top=1&", "$nosuch=1"],
    ),
    (
        "queryOption",
        &["$top=1", "@a=1", "a=b", "flag"],
        &["$nosuch=1", ""],
    ),
    ("batchOptions", &["$format=json", "a=b&c=d"], &["$top=1"]),
    ("batchOption", &["$format=json", "a=b"], &["$top=1"]),
    (
        "metadataOptions",
        &["$format=xml", "annotations=true"],
        &["$top=1"],
    ),
    ("metadataOption", &["$format=xml"], &["$select=a"]),
    (
        "entityOptions",
        &["$id=Products(1)", "a=b&id=X&$format=json"],
        &["a=b", "$id="],
    ),
    ("entityIdOption", &["$format=json", "a=b"], &["$expand=a"]),
    (
        "entityCastOptions",
        &["$id=X&$select=a", "$expand=b&$id=X"],
        &["$select=a"],
    ),
    (
        "entityCastOption",
        &["$select=a", "$expand=b", "c=d"],
        &["$top=1"],
    ),
    (
        "systemQueryOption",
        &["$top=1", "search=x", "$apply=identity", "$index=-1"],
        &["top", "$Nosuch=1"],
    ),
    ("id", &["$id=Products(1)", "id=x"], &["$id=", "$id"]),
    ("skip", &["$skip=5", "SKIP=5"], &["$skip=-1", "$skip="]),
    ("top", &["$top=0"], &["$top=a"]),
    ("index", &["$index=5", "index=-5"], &["$index=a"]),
    (
        "inlinecount",
        &["$count=true", "count=FALSE"],
        &["$count=1"],
    ),
    (
        "levels",
        &["$levels=1", "levels=max"],
        &["$levels=0", "$levels=min"],
    ),
    (
        "format",
        &[
            "$format=json",
            "$format=application/json;odata.metadata=full",
            "format=XML",
        ],
        &["$format=", "$format=csv"],
    ),
    (
        "schemaversion",
        &["$schemaversion=*", "$schemaversion=1.0-a"],
        &["$schemaversion="],
    ),
    (
        "deltatoken",
        &["$deltatoken=919042%2108"],
        &["deltatoken=a", "$deltatoken="],
    ),
    (
        "skiptoken",
        &["$skiptoken=a=b"],
        &["skiptoken=a", "$skiptoken="],
    ),
    (
        "filter",
        &["$filter=a%20eq%201", "filter=b"],
        &["$filter=", "$filter=a%20eq"],
    ),
    (
        "orderby",
        &["$orderby=a", "$orderby=a%20desc,b asc", "orderby=length(a)"],
        &["$orderby=", "$orderby=a%20up"],
    ),
    (
        "orderbyItem",
        &["a", "a desc", "a add b%20asc"],
        &["", "a  desc b"],
    ),
    (
        "compute",
        &["$compute=a mul b as c", "compute=a as b,c as d"],
        &["$compute=a", "$compute="],
    ),
    ("computeItem", &["a mul b%20as%20c"], &["a as", "as c"]),
    (
        "expand",
        &[
            "$expand=*",
            "$expand=a,b/c",
            "$expand=*/$ref",
            "$expand=*($levels=2)",
            "$expand=a($select=b;$filter=c%20eq%201;$expand=d($top=1))",
            "$expand=a/$ref($top=1)",
            "$expand=a/$count($search=x)",
            "$expand=Ns.Type/a/Ns.Sub",
            "$expand=$value",
            "$expand=@Ns.Term",
        ],
        &[
            "$expand=",
            "$expand=a()",
            "$expand=*/$count",
            "$expand=a($nosuch=1)",
            "$expand=a,",
        ],
    ),
    ("expandItem", &["$value", "a", "Ns.Type/a"], &["", "a,b"]),
    (
        "expandPath",
        &["*", "a/b", "a($top=1;$skip=2)"],
        &["a(", "a/$value"],
    ),
    (
        "expandCountOption",
        &["$filter=a", "$search=b"],
        &["$top=1"],
    ),
    (
        "expandRefOption",
        &["$top=1", "$orderby=a", "$count=true"],
        &["$select=a"],
    ),
    (
        "expandOption",
        &[
            "$select=a",
            "$levels=max",
            "@a=1",
            "$compute=a as b",
            "$apply=identity",
        ],
        &["$format=json"],
    ),
    (
        "select",
        &[
            "$select=a",
            "$select=*",
            "$select=a,b/c,Ns.*",
            "$select=Ns.F(a,b)",
            "$select=a($filter=b;$top=1)",
            "$select=Ns.Type/a",
            "select=@Ns.Term",
        ],
        &["$select=", "$select=a,", "$select=a()"],
    ),
    (
        "selectItem",
        &["*", "Ns.*", "a", "Ns.Act", "Ns.Type/Ns.Act"],
        &["", "**"],
    ),
    (
        "selectProperty",
        &["a", "a($top=1)", "a/b/c", "a/Ns.T($select=b)"],
        &["", "a/", "a($expand=b)"],
    ),
    ("selectPath", &["a", "a/Ns.T", "@Ns.Term"], &["", "a/b/c"]),
    ("selectOptionPC", &["$filter=a", "$top=1"], &["$select=a"]),
    (
        "selectOption",
        &["$select=a", "$compute=a as b", "@p=1"],
        &["$expand=a"],
    ),
    ("allOperationsInSchema", &["Ns.*", "A.B.%2A"], &["*", "Ns."]),
    ("optionallyQualifiedActionName", &["Ns.Act", "Act"], &[""]),
    (
        "optionallyQualifiedFunctionName",
        &["Ns.F", "F(a,b)"],
        &["F()"],
    ),
    ("parameterNames", &["a", "a,b"], &["", "a,"]),
    (
        "search",
        &[
            "$search=mountain bike",
            "$search=a%20AND%20NOT%20b",
            "search=%22a%20b%22 OR (c d)",
            "$search='a b'",
        ],
        &["$search=", "$search=(a", "$search=\"open"],
    ),
    (
        "searchExpr",
        &["a", "a OR b AND c", "NOT a", "(a)", "AND", "a*"],
        &["", "a )", "\"\""],
    ),
    ("searchParenExpr", &["(a)", "( a OR b )"], &["()", "a"]),
    (
        "searchNegateExpr",
        &["NOT a", "NOT (a b)"],
        &["not a", "NOT", "NOTa"],
    ),
    ("searchOrExpr", &[" OR a"], &["OR a", " or a", " OR "]),
    ("searchAndExpr", &[" AND a", " a"], &["AND a", ""]),
    ("searchPhrase", &["\"a b\"", "%22a%22"], &["\"\"", "a"]),
    ("searchWord", &["a", "a'b", "%C3%BC"], &["'a", "a b", "a;b"]),
    ("searchChar", &["a", "!", "%20"], &["(", "%22", ";"]),
    ("searchExpr-incomplete", &["'a b'", "''"], &["a", "'a"]),
    (
        "aliasAndValue",
        &["@a=1", "@a=[1,2]", "@a=b eq c"],
        &["a=1", "@a"],
    ),
    ("nameAndValue", &["a=1", "a={\"b\":1}"], &["@a=1", "a="]),
    (
        "parameterValue",
        &["1", "[1]", "{}", "a add b"],
        &["", "[1"],
    ),
    (
        "customQueryOption",
        &["a", "a=", "a=b=c", "cross-company=true"],
        &["$a=b", "@a=b", "a&b"],
    ),
    ("customName", &["a", "a$@"], &["$a", "a=b"]),
    ("customValue", &["", "a=b"], &["&"]),
    (
        "annotationInQuery",
        &["@Ns.Term", "@Term", "@Ns.Term%23q"],
        &["Ns.Term", "@Ns.Term#q"],
    ),
    ("complexAnnotationInQuery", &["@Ns.Term"], &["@"]),
    ("entityAnnotationInQuery", &["@Ns.Term"], &["@"]),
    ("primitiveAnnotationInQuery", &["@Ns.Term"], &["@"]),
    ("primitiveColAnnotationInQuery", &["@Ns.Term"], &["@"]),
];

const EXPRESSIONS: &[Case] = &[
    (
        "commonExpr",
        &[
            "a",
            "a eq 1 and not (b gt 2 or c lt 3)",
            "-a add 5 mul b divby 2",
            "not contains(a,'x')",
            "Style has Ns.Pattern'Yellow'",
            "Style has Ns.Pattern'Yellow' and a eq 1",
            "a in (1,2) or b",
            "a in ()",
            "a in b",
            "Items/any(d:d/Quantity gt 100)",
            "Items/all(d:d/Lines/any(l:l/Qty gt d/Min))",
            "Items/$count gt 5",
            "Items/$count($filter=a;$search=b) gt 5",
            "Items(1)/Name eq 'x'",
            "Items/1/Name eq 'x'",
            "Items/$filter(a eq 1)/any()",
            "$it/Name eq $root/Products(1)/Name",
            "$these/aggregate(Amount with max)",
            "Ns.Type/Name eq 'x'",
            "Ns.F(a=@p,b=[1,2]) eq 1",
            "cast(a,Edm.String) eq 'x'",
            "isof(Ns.Type)",
            "case(a eq 1:'x',true:'y')",
            "@p eq @q",
            "@Ns.Term%23q eq 1",
            "{\"a\":1}",
            "a%20eq%20'x'",
            "geo.distance(a,geography'SRID=0;Point(1 2)') lt 5",
        ],
        &[
            "",
            "a eq",
            "eq b",
            "a  b",
            "(a",
            "a has b",
            "a in (b)c",
            "a has Ns.E'X' eq 1",
            "a=b",
            "'x",
            "a &b",
        ],
    ),
    ("boolCommonExpr", &["a eq 1", "true"], &["", "a and"]),
    ("parenExpr", &["(a)", "( a eq 1 )", "%28a%29"], &["a", "()"]),
    ("listExpr", &["()", "(1)", "( 1 , 'x' )"], &["(a)", "1,2"]),
    ("negateExpr", &["-a", "- a", "-(5)"], &["a", "-"]),
    ("notExpr", &["not a", "NOT (a)"], &["nota", "not"]),
    (
        "andExpr",
        &[" and a", "%20and%20a eq 1"],
        &["and a", " and"],
    ),
    ("orExpr", &[" or a"], &["or a"]),
    ("eqExpr", &[" eq a"], &["eq a", " eq"]),
    ("neExpr", &[" ne a"], &[" eq a"]),
    ("ltExpr", &[" lt a"], &[" le a"]),
    ("leExpr", &[" le a"], &[" lt a"]),
    ("gtExpr", &[" gt a"], &[" gt"]),
    ("geExpr", &[" ge a"], &[" gea"]),
    ("inExpr", &[" in (1,2)", " in a"], &[" in", " in (1,"]),
    (
        "hasExpr",
        &[" has Ns.E'A'", " has 'A'"],
        &[" has a", " has 1"],
    ),
    ("addExpr", &[" add 1"], &[" + 1"]),
    ("subExpr", &[" sub 1"], &[" add 1"]),
    ("mulExpr", &[" mul 1"], &[" mul"]),
    ("divExpr", &[" div 1"], &[" divby 1"]),
    ("divbyExpr", &[" divby 1"], &[" div 1"]),
    ("modExpr", &[" mod 1"], &["mod 1"]),
    (
        "isofExpr",
        &["isof(Ns.Type)", "isof(a, Edm.String)"],
        &["isof()", "isof(a,b,c)"],
    ),
    (
        "castExpr",
        &["cast(Ns.Type)", "cast(a,Collection(Edm.String))"],
        &["cast()", "cast a"],
    ),
    (
        "rootExpr",
        &[
            "$root/Products",
            "$root/Products(1)/Name",
            "$root/F(a=1)/Name",
            "$root/Me/Name",
        ],
        &["$root", "root/Products", "$ROOT/Products"],
    ),
    (
        "firstMemberExpr",
        &["a", "$it", "$this/a", "@p/a", "d/a", "$these/$count"],
        &["", "$that"],
    ),
    (
        "memberExpr",
        &["a", "Ns.Type/a", "Ns.F()", "@Ns.Term"],
        &["", "/a"],
    ),
    (
        "directMemberExpr",
        &["a", "Ns.F(a=1)", "@Ns.Term"],
        &["", "(a)"],
    ),
    (
        "propertyPathExpr",
        &["a", "a/b/c", "a(1)/b", "a/$count", "a/Ns.Type"],
        &["", "a/$value"],
    ),
    (
        "annotationExpr",
        &["@Ns.Term", "@Ns.Term/a", "@Ns.Term/any(d:d)"],
        &["@", "a"],
    ),
    ("inscopeVariableExpr", &["$it", "@p", "d"], &["", "$x"]),
    ("implicitVariableExpr", &["$it", "$this"], &["$IT", "it"]),
    (
        "collectionNavigationExpr",
        &["(1)", "/Ns.Type(1)/a", "/$count", "/any()", "/1/a"],
        &["", "(1"],
    ),
    (
        "collectionNavNoCastExpr",
        &["(1)/a", "/$filter(a)(1)", "/all(d:d)"],
        &["", "()"],
    ),
    ("singleNavigationExpr", &["/a", "/Ns.Type/a"], &["a", "/"]),
    (
        "filterExpr",
        &["/$filter(a eq 1)"],
        &["/$filter()", "/filter(a)"],
    ),
    (
        "complexColPathExpr",
        &["/$count", "/Ns.Type", "/Ns.Type/any()"],
        &["", "Ns.Type"],
    ),
    (
        "collectionPathExpr",
        &[
            "/$count",
            "/any(d:d)",
            "/Ns.F()",
            "/aggregate($count)",
            "/$count($filter=a)",
        ],
        &["", "/$count()", "/$value"],
    ),
    (
        "complexPathExpr",
        &["/a", "/Ns.Type", "/Ns.Type/a"],
        &["", "a"],
    ),
    (
        "primitivePathExpr",
        &["/", "/@Ns.Term", "/Ns.F()"],
        &["", "/$value"],
    ),
    (
        "boundFunctionExpr",
        &["Ns.F()", "F(a=b)"],
        &["Ns.F", "F(1)"],
    ),
    (
        "functionExpr",
        &["Ns.F(a=1)/b", "F( a=b , c=d )"],
        &["F", "F(a)"],
    ),
    (
        "functionExprParameters",
        &["()", "(a=b eq c)"],
        &["(1)", ""],
    ),
    (
        "functionExprParameter",
        &["a=1", "a=@p", "a={}", "a=b"],
        &["a", "=1"],
    ),
    (
        "anyExpr",
        &["any()", "any(d:d/a eq 1)", "ANY( d : d )"],
        &["any", "any(d)", "all(d:d)"],
    ),
    ("allExpr", &["all(d:d/a eq 1)"], &["all()", "all(d)"]),
    ("lambdaPredicateExpr", &["d/a eq 1"], &[""]),
    (
        "methodCallExpr",
        &["now()", "contains(a,b)", "case(a:b)", "isdefined(a)"],
        &["nosuch(a)", "now"],
    ),
    (
        "boolMethodCallExpr",
        &["contains(a,b)", "endswith(a,'x')", "hassubset(a,b)"],
        &["length(a)"],
    ),
    (
        "caseMethodCallExpr",
        &["case(a:b)", "case( a eq 1 : 2 , true : 3 )"],
        &["case()", "case(a)", "case(a:b,)"],
    ),
    ("arrayOrObject", &["[]", "{}", "%5B1%5D"], &["1", "[}"]),
    (
        "array",
        &["[]", "[ 1 , \"a\" , [] ]", "[a add b]"],
        &["[", "[1,]"],
    ),
    (
        "object",
        &["{}", "{\"a\":1,\"b\":{}}", "%7B%22a%22%3A1%7D"],
        &["{a:1}", "{\"a\"}", "{,}"],
    ),
    ("member", &["\"a\":1", "\"a\" : \"b\""], &["a:1", "\"a\""]),
    ("valueInUrl", &["\"a\"", "1", "a eq b"], &["", "\"a"]),
    ("begin-object", &["{", " %7B "], &["}"]),
    ("end-object", &["}", " %7D"], &["} "]),
    ("begin-array", &["[", " %5B "], &["]"]),
    ("end-array", &["]", " %5D"], &["] "]),
    ("quotation-mark", &["\"", "%22"], &["'"]),
    ("name-separator", &[":", " : ", "%3A"], &[""]),
    ("value-separator", &[",", " , ", "%2C"], &[""]),
    (
        "stringInUrl",
        &["\"\"", "%22a b%22", "\"\\n\\u00fc\\\"\""],
        &["\"", "\"\\x\"", "'a'"],
    ),
    (
        "charInJSON",
        &["a", " ", "{", "\\n", "\\u00FC", "%5C%22", "\\\\", "\\%2F"],
        &["\"", "\\", "\\u00", "\\N"],
    ),
    ("qchar-JSON-special", &[" ", "[", "}"], &["\"", "a"]),
    ("escape", &["\\", "%5C"], &["/"]),
];

const APPLY: &[Case] = &[
    (
        "apply",
        &[
            "$apply=aggregate(Amount with sum as Total)",
            "$apply=groupby((Customer/Country,Product/Name),aggregate($count as Sales))",
            "apply=filter(Amount gt 1)/groupby((rollup(A,B)))",
            "$apply=concat(topcount(2,Amount),aggregate(Amount))",
        ],
        &[
            "$apply=",
            "$apply=nosuch(a)",
            "$apply=aggregate()",
            "$apply=groupby(a)",
        ],
    ),
    (
        "applyExpr",
        &[
            "identity",
            "identity/identity",
            "search(a b)/skip(1)/top(2)",
        ],
        &["", "identity/"],
    ),
    (
        "applyTrafo",
        &["identity", "compute(a add b as c)", "Ns.F(a=1)"],
        &["identity()", ""],
    ),
    (
        "preservingTrafo",
        &["identity", "topsum(a,b)", "orderby(a desc)"],
        &["aggregate(a)"],
    ),
    (
        "hierarchyTrafo",
        &["ancestors($root/A,H,p,identity)", "Ns.F()"],
        &["identity"],
    ),
    ("preservingTrafos", &["identity/top(1)"], &["identity/"]),
    ("hierarchyTrafos", &["Ns.F()/Ns.G()"], &["Ns.F()/"]),
    (
        "aggregateTrafo",
        &["aggregate(a)", "aggregate( a with sum as b , $count as c )"],
        &["aggregate()", "Aggregate(a)"],
    ),
    (
        "aggregateExpr",
        &[
            "a",
            "a with sum as b",
            "a mul b with max as c",
            "a/$count as b",
            "a with countdistinct as b",
            "a with Ns.Custom as b",
            "a with average from b with sum as c",
            "a/b from c as d",
        ],
        &["", "a with", "a with nosuch as b", "a with sum"],
    ),
    ("aggregatableExpr", &["a add b"], &[""]),
    (
        "aggregatableExpW",
        &["a with sum", "a/Ns.T/b with min"],
        &["a", "a sum"],
    ),
    (
        "aggregateWith",
        &[" with sum", " with Ns.M"],
        &["with sum", " WITH sum"],
    ),
    ("nonprimAggWith", &[" with countdistinct"], &[" with sum"]),
    (
        "aggregateFrom",
        &[" from a with sum", " from a,b with sum from c with max"],
        &[" from a", ""],
    ),
    (
        "customFrom",
        &[" from a", " from a with sum from b"],
        &["from a"],
    ),
    (
        "aggregateMethod",
        &["sum", "min", "max", "average", "countdistinct", "Ns.M"],
        &["SUM", "avg"],
    ),
    ("nonprimAggMethod", &["countdistinct", "Ns.M"], &["sum"]),
    (
        "aggregateCount",
        &["$count", "a/$count", "Ns.T/a/$count"],
        &["count", "/$count"],
    ),
    ("aggregateCustom", &["a", "a/b"], &["", "a/"]),
    (
        "aggregateFunctionExpr",
        &[
            "a with sum",
            "$count",
            "a",
            "a with countdistinct from b with sum",
        ],
        &["", "a as b"],
    ),
    ("asAlias", &[" as a"], &["as a", " AS a"]),
    ("aggrPathPrefix", &["a/b", "Ns.T/a"], &["a/", ""]),
    ("aggrPropStep", &["a", "a/Ns.T"], &["", "a/b/c"]),
    ("aggrPropPath", &["a/b/Ns.T/c"], &["/a"]),
    ("aggrPrimPath", &["a", "a/b/c"], &["", "a/"]),
    ("aggrCastPath", &["Ns.T", "T"], &["", "Ns."]),
    ("nestPropPath", &["a", "a/Ns.T/b"], &["", "/a"]),
    ("snglPropPath", &["a/b"], &["a/"]),
    ("snglPrimPath", &["a/Ns.T/b"], &["a//b"]),
    ("groupingProperty", &["a", "Ns.T/a/b"], &["", "a,b"]),
    ("groupingProperties", &["a", "a , b"], &["a,"]),
    ("collectionExpr", &["$these/$count", "5"], &[""]),
    (
        "currCollectionExpr",
        &["$these/$count", "$these/any(d:d)"],
        &["$these", "$THESE/$count"],
    ),
    (
        "computeTrafo",
        &["compute(a as b)", "compute( a as b , c as d )"],
        &["compute(a)", "compute()"],
    ),
    ("computeExpr", &["a add b as c"], &["a as"]),
    (
        "bottomcountTrafo",
        &["bottomcount(2,a)"],
        &["bottomcount(2)"],
    ),
    (
        "bottompercentTrafo",
        &["bottompercent( 50 , a )"],
        &["bottompercent()"],
    ),
    ("bottomsumTrafo", &["bottomsum(10,a)"], &["bottomsum 10,a"]),
    ("topcountTrafo", &["topcount(2,a)"], &["TOPCOUNT(2,a)"]),
    (
        "toppercentTrafo",
        &["toppercent(2,a)"],
        &["toppercent(2,a,b)"],
    ),
    ("topsumTrafo", &["topsum(2,a)"], &["topsum"]),
    (
        "concatTrafo",
        &[
            "concat(identity,identity)",
            "concat(identity/top(1), skip(1))",
        ],
        &["concat(identity)"],
    ),
    (
        "nestTrafo",
        &["nest(identity as a)", "addnested(a/b,identity as c)"],
        &["nest(identity)", "addnested(a)"],
    ),
    ("nestPath", &["a", "a/b/Ns.T", "Ns.T/a"], &["", "/a"]),
    (
        "nestApplyExpr",
        &["identity as a", "identity as a,top(1) as b"],
        &["identity"],
    ),
    (
        "joinTrafo",
        &["join(a as b)", "join(a/Ns.T as b,identity)"],
        &["join(a)", "join()"],
    ),
    ("outerjoinTrafo", &["outerjoin(a as b)"], &["outerjoin(a)"]),
    ("joinProperty", &["a", "a/Ns.T", "@Ns.Term"], &["", "a/b/c"]),
    (
        "ancestorsTrafo",
        &[
            "ancestors($root/A,H,p,filter(a),2,keep start)",
            "ancestors($root/A,H,p,identity)",
        ],
        &["ancestors($root/A,H,p)", "ancestors(A,H,p,identity)"],
    ),
    (
        "descendantsTrafo",
        &["descendants($root/A,H,p,identity,identity,1)"],
        &["descendants()"],
    ),
    (
        "traverseTrafo",
        &[
            "traverse($root/A,H,p,preorder)",
            "traverse($root/A,H,p,postorder,identity,a desc,b)",
        ],
        &["traverse($root/A,H,p,inorder)"],
    ),
    (
        "recHierReference",
        &["$root/A,H,p", "$root/A(1)/B , H , a/b"],
        &["$root/A,H", "A,H,p"],
    ),
    ("recHierPropertyPath", &["a/b", "Ns.T/a"], &[""]),
    (
        "filterTrafo",
        &["filter(a eq 1)"],
        &["filter()", "filter a"],
    ),
    (
        "searchTrafo",
        &["search(a OR b)", "search( 'a' )"],
        &["search()"],
    ),
    (
        "groupbyTrafo",
        &["groupby((a))", "groupby((a,b/c),identity)"],
        &["groupby(a)", "groupby(())"],
    ),
    ("groupbyList", &["(a)", "( a , rollup(b,c) )"], &["()", "a"]),
    (
        "groupbyElement",
        &["a", "rollup(H)", "rolluprecursive($root/A,H,p)"],
        &["", "rollup()"],
    ),
    (
        "rollupLevels",
        &["rollup(a,b)", "rollup(H)"],
        &["rollup()", "rollup(a,)"],
    ),
    ("rollupUnnamedHier", &["a,b", "a/b , c"], &["a", ""]),
    (
        "rollupRecursive",
        &[
            "rolluprecursive($root/A,H,p)",
            "rolluprecursive($root/A,H,p,Ns.F())",
        ],
        &["rolluprecursive(H)"],
    ),
    ("identityTrafo", &["identity"], &["Identity", "identity()"]),
    ("topTrafo", &["top(5)"], &["top()", "top(-1)"]),
    ("skipTrafo", &["skip( 5 )"], &["skip(a)"]),
    (
        "orderbyTrafo",
        &["orderby(a)", "orderby(a desc , b)"],
        &["orderby()"],
    ),
    ("customFunction", &["Ns.F()", "Ns.F(a=1)"], &["F()", "Ns.F"]),
    (
        "isdefinedExpr",
        &["isdefined(a)", "isdefined( a/b )"],
        &["isdefined()", "isdefined(1)"],
    ),
];

const HEADERS: &[Case] = &[
    (
        "header",
        &[
            "Prefer: return=minimal",
            "odata-version:4.01",
            "Content-ID: 1",
        ],
        &["Accept: a", "Prefer:"],
    ),
    ("asyncresult", &["AsyncResult: 200"], &["AsyncResult: 20"]),
    (
        "content-id",
        &["Content-ID: a-1"],
        &["Content-ID:", "Content-ID: a b"],
    ),
    ("request-id", &["1", "a.b~c"], &["", "a/b"]),
    (
        "isolation",
        &["OData-Isolation: snapshot", "isolation:snapshot"],
        &["Isolation: none"],
    ),
    (
        "odata-entityid",
        &["OData-EntityID: http://h/a(1)"],
        &["OData-EntityID:"],
    ),
    (
        "odata-error",
        &["OData-Error: {\"code\":\"x\"}"],
        &["OData-Error: {}", "OData-Error: x"],
    ),
    (
        "odata-maxversion",
        &["OData-MaxVersion: 4.0", "OData-MaxVersion:10.25"],
        &["OData-MaxVersion: 4"],
    ),
    (
        "odata-version",
        &["OData-Version: 4.0", "OData-Version: 4.01"],
        &["OData-Version: 3.0", "OData-Version: 4.00"],
    ),
    (
        "prefer",
        &[
            "Prefer: return=representation",
            "Prefer: respond-async, wait=10,odata.maxpagesize=5",
        ],
        &["Prefer: nosuch", "Prefer: ,"],
    ),
    (
        "preference",
        &["return=minimal", "odata.track-changes", "wait=1"],
        &["", "return"],
    ),
    (
        "allowEntityReferencesPreference",
        &["allow-entityreferences", "odata.allow-entityreferences"],
        &["allow"],
    ),
    (
        "callbackPreference",
        &[
            "callback; url=\"http://h/\"",
            "odata.callback;url = \"urn:a\"",
        ],
        &["callback", "callback;url=a"],
    ),
    (
        "continueOnErrorPreference",
        &["continue-on-error", "odata.continue-on-error=true"],
        &["continue-on-error=1"],
    ),
    (
        "includeAnnotationsPreference",
        &[
            "odata.include-annotations=\"*\"",
            "include-annotations=\"Ns.*,-Ns.T#q\"",
        ],
        &["include-annotations=*", "include-annotations=\"\""],
    ),
    ("annotationsList", &["*", "Ns.T,-Ns.*"], &["", "a,"]),
    (
        "annotationIdentifier",
        &["*", "-Ns.T#q", "A.B.*"],
        &["T", "-"],
    ),
    ("excludeOperator", &["-"], &["+"]),
    (
        "maxpagesizePreference",
        &["maxpagesize=5", "odata.maxpagesize = 50"],
        &["maxpagesize=0", "maxpagesize"],
    ),
    (
        "omitValuesPreference",
        &["omit-values=nulls", "omit-values=defaults"],
        &["omit-values=all"],
    ),
    ("respondAsyncPreference", &["respond-async"], &["respond"]),
    (
        "returnPreference",
        &["return=representation", "return = minimal"],
        &["return=Minimal", "return"],
    ),
    (
        "trackChangesPreference",
        &["track-changes", "odata.track-changes"],
        &["track"],
    ),
    ("waitPreference", &["wait=10"], &["wait=", "wait=1.5"]),
];
