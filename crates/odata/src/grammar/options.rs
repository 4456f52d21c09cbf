//! Query options. Those of the protocol go with and without their dollar sign.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    ("queryOptions", "queryOption ('&' queryOption)*"),
    (
        "queryOption",
        "systemQueryOption | aliasAndValue | nameAndValue | customQueryOption",
    ),
    ("batchOptions", "batchOption ('&' batchOption)*"),
    ("batchOption", "format | customQueryOption"),
    ("metadataOptions", "metadataOption ('&' metadataOption)*"),
    ("metadataOption", "format | customQueryOption"),
    (
        "entityOptions",
        "(entityIdOption '&')* id ('&' entityIdOption)*",
    ),
    ("entityIdOption", "format | customQueryOption"),
    (
        "entityCastOptions",
        "(entityCastOption '&')* id ('&' entityCastOption)*",
    ),
    ("entityCastOption", "entityIdOption | expand | select"),
    (
        "systemQueryOption",
        "compute | deltatoken | expand | filter | format | id | inlinecount | orderby \
         | schemaversion | search | select | skip | skiptoken | top | index | apply",
    ),
    ("id", r#"<'$'? "id"> EQ IRI-in-query"#),
    ("skip", r#"<'$'? "skip"> EQ [0-9]+"#),
    ("top", r#"<'$'? "top"> EQ [0-9]+"#),
    ("index", r#"<'$'? "index"> EQ '-'? [0-9]+"#),
    ("inlinecount", r#"<'$'? "count"> EQ boolean"#),
    ("levels", r#"<'$'? "levels"> EQ ([1-9] [0-9]* | "max")"#),
    (
        "format",
        r#"<'$'? "format"> EQ ("atom" | "json" | "xml" | pchar+ '/' pchar+)"#,
    ),
    (
        "schemaversion",
        r#"<'$'? "schemaversion"> EQ (STAR | unreserved+)"#,
    ),
    ("deltatoken", r#""$deltatoken" EQ qchar-no-AMP+"#),
    ("skiptoken", r#""$skiptoken" EQ qchar-no-AMP+"#),
    // $filter, $orderby, $compute.
    ("filter", r#"<'$'? "filter"> EQ boolCommonExpr"#),
    (
        "orderby",
        r#"<'$'? "orderby"> EQ orderbyItem (COMMA orderbyItem)*"#,
    ),
    ("orderbyItem", r#"commonExpr (RWS ("asc" | "desc"))?"#),
    (
        "compute",
        r#"<'$'? "compute"> EQ computeItem (COMMA computeItem)*"#,
    ),
    ("computeItem", r#"commonExpr RWS "as" RWS computedProperty"#),
    // $expand.
    (
        "expand",
        r#"<'$'? "expand"> EQ expandItem (COMMA expandItem)*"#,
    ),
    ("expandItem", r#""$value" | (_named '/')? expandPath"#),
    (
        "expandPath",
        "STAR (ref | OPEN levels CLOSE)? \
         | (odataIdentifier | annotationInQuery) ('/' _named)? \
           (ref (OPEN expandRefOption (SEMI expandRefOption)* CLOSE)? \
           | count (OPEN expandCountOption (SEMI expandCountOption)* CLOSE)? \
           | OPEN expandOption (SEMI expandOption)* CLOSE)? \
         | (_named | annotationInQuery) '/' expandPath",
    ),
    ("expandCountOption", "filter | search"),
    (
        "expandRefOption",
        "expandCountOption | orderby | skip | top | inlinecount",
    ),
    (
        "expandOption",
        "expandRefOption | select | expand | compute | levels | aliasAndValue | apply",
    ),
    // $select.
    (
        "select",
        r#"<'$'? "select"> EQ selectItem (COMMA selectItem)*"#,
    ),
    (
        "selectItem",
        "STAR | allOperationsInSchema \
         | (_named '/')? (selectProperty | _named | optionallyQualifiedFunctionName)",
    ),
    (
        "selectProperty",
        "(odataIdentifier | annotationInQuery) (OPEN selectOptionPC (SEMI selectOptionPC)* CLOSE)? \
         | selectPath (OPEN selectOption (SEMI selectOption)* CLOSE | '/' selectProperty)?",
    ),
    (
        "selectPath",
        "(odataIdentifier | annotationInQuery) ('/' _named)?",
    ),
    (
        "selectOptionPC",
        "filter | search | inlinecount | orderby | skip | top",
    ),
    (
        "selectOption",
        "selectOptionPC | compute | select | aliasAndValue",
    ),
    ("allOperationsInSchema", "namespace '.' STAR"),
    ("optionallyQualifiedActionName", "_named"),
    (
        "optionallyQualifiedFunctionName",
        "_named (OPEN parameterNames CLOSE)?",
    ),
    ("parameterNames", "parameterName (COMMA parameterName)*"),
    // $search.
    (
        "search",
        r#"<'$'? "search"> EQ BWS (searchExpr | searchExpr-incomplete)"#,
    ),
    (
        "searchExpr",
        "_searchUnit ((RWS 'OR' RWS | RWS ('AND' RWS)?) _searchUnit)*",
    ),
    (
        "_searchUnit",
        "searchParenExpr | searchNegateExpr | searchPhrase | searchWord",
    ),
    ("searchParenExpr", "OPEN BWS searchExpr BWS CLOSE"),
    ("searchNegateExpr", "'NOT' RWS searchExpr"),
    ("searchOrExpr", "RWS 'OR' RWS searchExpr"),
    ("searchAndExpr", "RWS ('AND' RWS)? searchExpr"),
    (
        "searchPhrase",
        "quotation-mark (qchar-no-AMP-DQUOTE | SP)+ quotation-mark",
    ),
    ("searchWord", "searchChar (searchChar | SQUOTE)*"),
    (
        "searchChar",
        "[A-Za-z0-9._~!*+,:@/?$=-] | pct-encoded-no-DQUOTE",
    ),
    (
        "searchExpr-incomplete",
        "SQUOTE (SQUOTE-in-string | qchar-no-AMP-SQUOTE | quotation-mark | SP)* SQUOTE",
    ),
    // Everything else.
    ("aliasAndValue", "parameterAlias EQ parameterValue"),
    ("nameAndValue", "parameterName EQ parameterValue"),
    ("parameterValue", "arrayOrObject | commonExpr"),
    ("customQueryOption", "customName (EQ customValue)?"),
    ("customName", "qchar-no-AMP-EQ-AT-DOLLAR qchar-no-AMP-EQ*"),
    ("customValue", "qchar-no-AMP*"),
    ("annotationInQuery", "AT _named (HASH annotationQualifier)?"),
    ("complexAnnotationInQuery", "annotationInQuery"),
    ("entityAnnotationInQuery", "annotationInQuery"),
    ("primitiveAnnotationInQuery", "annotationInQuery"),
    ("primitiveColAnnotationInQuery", "annotationInQuery"),
];
