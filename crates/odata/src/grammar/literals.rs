//! Primitive values, in URLs (`…Literal`, percent-encoded) and elsewhere (`…Value`).

use super::Rule;

/// Spatial literals: well-known text between quotes after its prefix.
pub(super) const SPATIAL: &[Rule] = &[
    (
        "geographyCollection",
        "geographyPrefix SQUOTE fullCollectionLiteral SQUOTE",
    ),
    (
        "geographyLineString",
        "geographyPrefix SQUOTE fullLineStringLiteral SQUOTE",
    ),
    (
        "geographyMultiLineString",
        "geographyPrefix SQUOTE fullMultiLineStringLiteral SQUOTE",
    ),
    (
        "geographyMultiPoint",
        "geographyPrefix SQUOTE fullMultiPointLiteral SQUOTE",
    ),
    (
        "geographyMultiPolygon",
        "geographyPrefix SQUOTE fullMultiPolygonLiteral SQUOTE",
    ),
    (
        "geographyPoint",
        "geographyPrefix SQUOTE fullPointLiteral SQUOTE",
    ),
    (
        "geographyPolygon",
        "geographyPrefix SQUOTE fullPolygonLiteral SQUOTE",
    ),
    (
        "geometryCollection",
        "geometryPrefix SQUOTE fullCollectionLiteral SQUOTE",
    ),
    (
        "geometryLineString",
        "geometryPrefix SQUOTE fullLineStringLiteral SQUOTE",
    ),
    (
        "geometryMultiLineString",
        "geometryPrefix SQUOTE fullMultiLineStringLiteral SQUOTE",
    ),
    (
        "geometryMultiPoint",
        "geometryPrefix SQUOTE fullMultiPointLiteral SQUOTE",
    ),
    (
        "geometryMultiPolygon",
        "geometryPrefix SQUOTE fullMultiPolygonLiteral SQUOTE",
    ),
    (
        "geometryPoint",
        "geometryPrefix SQUOTE fullPointLiteral SQUOTE",
    ),
    (
        "geometryPolygon",
        "geometryPrefix SQUOTE fullPolygonLiteral SQUOTE",
    ),
    ("fullCollectionLiteral", "sridLiteral collectionLiteral"),
    ("fullLineStringLiteral", "sridLiteral lineStringLiteral"),
    (
        "fullMultiLineStringLiteral",
        "sridLiteral multiLineStringLiteral",
    ),
    ("fullMultiPointLiteral", "sridLiteral multiPointLiteral"),
    ("fullMultiPolygonLiteral", "sridLiteral multiPolygonLiteral"),
    ("fullPointLiteral", "sridLiteral pointLiteral"),
    ("fullPolygonLiteral", "sridLiteral polygonLiteral"),
    (
        "_spatial",
        "fullCollectionLiteral | fullLineStringLiteral | fullMultiLineStringLiteral \
         | fullMultiPointLiteral | fullMultiPolygonLiteral | fullPointLiteral | fullPolygonLiteral",
    ),
    ("geographyPrefix", r#""geography""#),
    ("geometryPrefix", r#""geometry""#),
    ("sridLiteral", r#""SRID" EQ [0-9]{1,5} SEMI"#),
    (
        "collectionLiteral",
        r#""GeometryCollection(" geoLiteral (COMMA geoLiteral)* CLOSE"#,
    ),
    (
        "geoLiteral",
        "collectionLiteral | lineStringLiteral | multiPointLiteral | multiLineStringLiteral \
         | multiPolygonLiteral | pointLiteral | polygonLiteral",
    ),
    ("lineStringLiteral", r#""LineString" lineStringData"#),
    (
        "lineStringData",
        "OPEN positionLiteral (COMMA positionLiteral)+ CLOSE",
    ),
    (
        "multiLineStringLiteral",
        r#""MultiLineString(" (lineStringData (COMMA lineStringData)*)? CLOSE"#,
    ),
    (
        "multiPointLiteral",
        r#""MultiPoint(" (pointData (COMMA pointData)*)? CLOSE"#,
    ),
    (
        "multiPolygonLiteral",
        r#""MultiPolygon(" (polygonData (COMMA polygonData)*)? CLOSE"#,
    ),
    ("pointLiteral", r#""Point" pointData"#),
    ("pointData", "OPEN positionLiteral CLOSE"),
    (
        "positionLiteral",
        "doubleValue SP doubleValue (SP doubleValue){0,2}",
    ),
    ("polygonLiteral", r#""Polygon" polygonData"#),
    ("polygonData", "OPEN ringLiteral (COMMA ringLiteral)* CLOSE"),
    (
        "ringLiteral",
        "OPEN positionLiteral (COMMA positionLiteral)* CLOSE",
    ),
];

/// Names that earlier editions of the grammar use for the same things.
pub(super) const EARLIER: &[Rule] = &[
    ("binary", "binaryLiteral"),
    ("boolParenExpr", "parenExpr"),
    ("byteValue", "byte"),
    ("dateTimeOffsetValueInUrl", "dateTimeOffsetLiteral"),
    ("dateValue", "date"),
    ("duration", "durationLiteral"),
    ("enum", "enumLiteral"),
    ("enumMemberValue", "int64Value"),
    ("guidValue", "guid"),
    ("nullValue", "null"),
    ("string", "stringLiteral"),
];

pub(super) const RULES: &[Rule] = &[
    (
        "primitiveLiteral",
        "null | boolean | guid | dateTimeOffsetLiteral | date | timeOfDayLiteral | decimalLiteral \
         | stringLiteral | durationLiteral | enumLiteral | binaryLiteral | geographyCollection \
         | geographyLineString | geographyMultiLineString | geographyMultiPoint \
         | geographyMultiPolygon | geographyPoint | geographyPolygon | geometryCollection \
         | geometryLineString | geometryMultiLineString | geometryMultiPoint \
         | geometryMultiPolygon | geometryPoint | geometryPolygon",
    ),
    (
        "primitiveValue",
        "booleanValue | guid | durationValue | dateTimeOffsetValue | date | timeOfDayValue | enumValue \
         | fullCollectionLiteral | fullLineStringLiteral | fullMultiPointLiteral \
         | fullMultiLineStringLiteral | fullMultiPolygonLiteral | fullPointLiteral \
         | fullPolygonLiteral | decimalValue | binaryValue",
    ),
    ("null", "'null'"),
    ("boolean", r#""true" | "false""#),
    (
        "guid",
        "HEXDIG{8} '-' HEXDIG{4} '-' HEXDIG{4} '-' HEXDIG{4} '-' HEXDIG{12}",
    ),
    // Binary values.
    ("binaryLiteral", r#""binary" SQUOTE binaryValue SQUOTE"#),
    ("binaryValue", "(base64char{4})* (base64b16 | base64b8)?"),
    ("base64b16", "base64char{2} [AEIMQUYcgkosw048] '='?"),
    ("base64b8", "base64char [AQgw] '=='?"),
    ("base64char", "[A-Za-z0-9_-]"),
    // Numbers.
    (
        "decimalLiteral",
        r#"SIGN? _digits ('.' _digits)? ("e" SIGN? _digits)? | nanInfinity"#,
    ),
    (
        "decimalValue",
        r#"[+-]? _digits ('.' _digits)? ("e" [+-]? _digits)? | nanInfinity"#,
    ),
    ("_digits", "[0-9]+!"),
    ("doubleLiteral", "decimalLiteral"),
    ("doubleValue", "decimalValue"),
    ("singleLiteral", "decimalLiteral"),
    ("singleValue", "decimalValue"),
    ("nanInfinity", "'NaN' | '-INF' | 'INF'"),
    ("byte", "[0-9]{1,3}"),
    ("sbyteLiteral", "SIGN? [0-9]{1,3}"),
    ("sbyteValue", "[+-]? [0-9]{1,3}"),
    ("int16Literal", "SIGN? [0-9]{1,5}"),
    ("int16Value", "[+-]? [0-9]{1,5}"),
    ("int32Literal", "SIGN? [0-9]{1,10}"),
    ("int32Value", "[+-]? [0-9]{1,10}"),
    ("int64Literal", "SIGN? [0-9]{1,19}"),
    ("int64Value", "[+-]? [0-9]{1,19}"),
    // Strings.
    (
        "stringLiteral",
        "SQUOTE (SQUOTE-in-string | pchar-no-SQUOTE)* SQUOTE",
    ),
    ("SQUOTE-in-string", "SQUOTE SQUOTE"),
    ("stringValue", r"['] ([\x00-\x26\x28-\xff] | ['] ['])* [']"),
    // Dates and times.
    ("date", "year '-' month '-' day"),
    ("year", "'-'? ('0' [0-9]{3} | [1-9] [0-9]{3,})"),
    ("month", "'0' [1-9] | '1' [0-2]"),
    ("day", "'0' [1-9] | [12] [0-9] | '3' [01]"),
    ("hour", "[01] [0-9] | '2' [0-3]"),
    ("minute", "[0-5] [0-9]"),
    ("second", "[0-5] [0-9] | '60'"),
    ("zeroToFiftyNine", "[0-5] [0-9]"),
    ("oneToNine", "[1-9]"),
    ("fractionalSeconds", "[0-9]{1,12}"),
    (
        "dateTimeOffsetLiteral",
        r#"date "T" timeOfDayLiteral ("Z" | SIGN hour COLON minute)"#,
    ),
    (
        "dateTimeOffsetValue",
        r#"date "T" timeOfDayValue ("Z" | [+-] hour ':' minute)"#,
    ),
    (
        "timeOfDayLiteral",
        "hour COLON minute (COLON second ('.' fractionalSeconds)?)?",
    ),
    (
        "timeOfDayValue",
        "hour ':' minute (':' second ('.' fractionalSeconds)?)?",
    ),
    (
        "durationLiteral",
        r#""duration"? SQUOTE durationValue SQUOTE"#,
    ),
    (
        "durationValue",
        r#"'-'? "P" (_digits "D")? ("T" (_digits "H")? (_digits "M")? (_digits ('.' _digits)? "S")?)?"#,
    ),
    // Enumerations.
    (
        "enumLiteral",
        "qualifiedEnumTypeName? SQUOTE singleEnumLiteral (COMMA singleEnumLiteral)* SQUOTE",
    ),
    ("singleEnumLiteral", "enumerationMember | int64Literal"),
    ("enumValue", "singleEnumValue (',' singleEnumValue)*"),
    // Payloads spell it in lower case, URLs in any.
    ("booleanValue", "'true' | 'false'"),
    ("singleEnumValue", "enumerationMember | int64Value"),
];
