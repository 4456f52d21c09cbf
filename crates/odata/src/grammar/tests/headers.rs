//! Headers: texts that each rule accepts and refuses.

use super::Case;

pub(super) const HEADERS: &[Case] = &[
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
