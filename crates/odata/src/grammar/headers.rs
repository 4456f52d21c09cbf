//! Headers with their names.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    (
        "header",
        "asyncresult | content-id | isolation | odata-entityid | odata-error | odata-maxversion \
         | odata-version | prefer",
    ),
    ("asyncresult", r#""AsyncResult:" OWS [0-9]{3}"#),
    ("content-id", r#""Content-ID:" OWS request-id"#),
    ("request-id", "unreserved+"),
    ("isolation", r#""OData-"? "Isolation:" OWS "snapshot""#),
    ("odata-entityid", r#""OData-EntityID:" OWS IRI-in-header"#),
    (
        "odata-error",
        r#""OData-Error:" OWS '{' DQUOTE 'code' DQUOTE ':' [\x20-\x7e]*"#,
    ),
    (
        "odata-maxversion",
        r#""OData-MaxVersion:" OWS [0-9]+ '.' [0-9]+"#,
    ),
    ("odata-version", r#""OData-Version:" OWS '4.0' [1-9]?"#),
    (
        "prefer",
        r#""Prefer:" OWS preference (OWS ',' OWS preference)*"#,
    ),
    (
        "preference",
        "allowEntityReferencesPreference | callbackPreference | continueOnErrorPreference \
         | includeAnnotationsPreference | maxpagesizePreference | omitValuesPreference \
         | respondAsyncPreference | returnPreference | trackChangesPreference | waitPreference",
    ),
    (
        "allowEntityReferencesPreference",
        r#""odata."? "allow-entityreferences""#,
    ),
    (
        "callbackPreference",
        r#""odata."? "callback" OWS ';' OWS "url" EQ-h DQUOTE URI DQUOTE"#,
    ),
    (
        "continueOnErrorPreference",
        r#""odata."? "continue-on-error" (EQ-h boolean)?"#,
    ),
    (
        "includeAnnotationsPreference",
        r#""odata."? "include-annotations" EQ-h DQUOTE annotationsList DQUOTE"#,
    ),
    (
        "annotationsList",
        "annotationIdentifier (',' annotationIdentifier)*",
    ),
    (
        "annotationIdentifier",
        "excludeOperator? (STAR | namespace '.' (termName | STAR)) ('#' odataIdentifier)?",
    ),
    ("excludeOperator", "'-'"),
    (
        "maxpagesizePreference",
        r#""odata."? "maxpagesize" EQ-h [1-9] [0-9]*"#,
    ),
    (
        "omitValuesPreference",
        r#""omit-values" EQ-h ("nulls" | "defaults")"#,
    ),
    ("respondAsyncPreference", r#""respond-async""#),
    (
        "returnPreference",
        r#""return" EQ-h ('representation' | 'minimal')"#,
    ),
    ("trackChangesPreference", r#""odata."? "track-changes""#),
    ("waitPreference", r#""wait" EQ-h [0-9]+"#),
];
