//! Resource paths, and the context URLs that describe a response.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    ("odataUri", "serviceRoot odataRelativeUri?"),
    (
        "serviceRoot",
        r#"("https" | "http") '://' host (':' port)? '/' (segment-nz '/')*"#,
    ),
    (
        "odataRelativeUri",
        "'$batch' ('?' batchOptions)? | '$entity' '?' entityOptions \
         | '$entity' '/' _named '?' entityCastOptions | '$metadata' ('?' metadataOptions)? context? \
         | resourcePath ('?' queryOptions?)?",
    ),
    // A set, a singleton, an action or a function: all begin with a name.
    (
        "resourcePath",
        "odataIdentifier functionParameters? _navigation? | crossjoin querySegment? \
         | '$all' ('/' _named)?",
    ),
    // Whatever may follow a value, of whatever kind it is.
    ("_navigation", "collectionNavigation | singleNavigation"),
    (
        "collectionNavigation",
        "('/' _named)? collectionNavPath | '/' _named",
    ),
    (
        "collectionNavPath",
        "(simpleKey | compoundKey | _keySegments) singleNavigation? \
         | filterInPath collectionNavigation? | each boundOperation? | boundOperation | count | ref \
         | querySegment",
    ),
    (
        "singleNavigation",
        "('/' _named)? singleNavPath | '/' _named",
    ),
    (
        "singleNavPath",
        "'/' propertyPath | boundOperation | ref | value | querySegment",
    ),
    ("propertyPath", "odataIdentifier _navigation?"),
    (
        "collectionPath",
        "count | boundOperation | ordinalIndex | querySegment",
    ),
    ("primitivePath", "value | boundOperation | querySegment"),
    (
        "complexColPath",
        "collectionPath | '/' _named collectionPath?",
    ),
    ("complexPath", "complexNavPath | '/' _named complexNavPath?"),
    (
        "complexNavPath",
        "'/' propertyPath | boundOperation | querySegment",
    ),
    ("filterInPath", "'/$filter' OPEN boolCommonExpr CLOSE"),
    ("each", "'/$each'"),
    ("count", "'/$count'"),
    ("ref", "'/$ref'"),
    ("value", "'/$value'"),
    ("querySegment", "'/$query'"),
    ("ordinalIndex", "'/' '-'? [0-9]+"),
    // Keys.
    ("keyPredicate", "simpleKey | compoundKey | keyPathSegments"),
    (
        "simpleKey",
        "OPEN (parameterAlias | keyPropertyValue) CLOSE",
    ),
    (
        "compoundKey",
        "OPEN keyValuePair (COMMA keyValuePair)* CLOSE",
    ),
    (
        "keyValuePair",
        "odataIdentifier EQ (parameterAlias | keyPropertyValue)",
    ),
    ("keyPathSegments", "('/' keyPathLiteral)+"),
    ("keyPathLiteral", "pchar*"),
    // Inside a longer path a segment that starts with a dollar sign is never a key.
    (
        "_keySegments",
        "('/' ([A-Za-z0-9._~&'=!()*+,;:@-] | pct-encoded) pchar* | '/')+",
    ),
    (
        "keyPropertyValue",
        "boolean | guid | dateTimeOffsetLiteral | date | timeOfDayLiteral | decimalLiteral \
         | stringLiteral | durationLiteral | enumLiteral",
    ),
    // Calls.
    (
        "boundOperation",
        "'/' _named (functionParameters _navigation? | querySegment)?",
    ),
    ("boundActionCall", "_named"),
    ("boundEntityFunctionCall", "_named functionParameters"),
    ("boundEntityColFunctionCall", "_named functionParameters"),
    ("boundComplexFunctionCall", "_named functionParameters"),
    ("boundComplexColFunctionCall", "_named functionParameters"),
    ("boundPrimitiveFunctionCall", "_named functionParameters"),
    ("boundPrimitiveColFunctionCall", "_named functionParameters"),
    ("boundFunctionCallNoParens", "_named"),
    (
        "entityFunctionImportCall",
        "odataIdentifier functionParameters",
    ),
    (
        "entityColFunctionImportCall",
        "odataIdentifier functionParameters",
    ),
    (
        "complexFunctionImportCall",
        "odataIdentifier functionParameters",
    ),
    (
        "complexColFunctionImportCall",
        "odataIdentifier functionParameters",
    ),
    (
        "primitiveFunctionImportCall",
        "odataIdentifier functionParameters",
    ),
    (
        "primitiveColFunctionImportCall",
        "odataIdentifier functionParameters",
    ),
    (
        "functionParameters",
        "OPEN (BWS functionParameter (BWS COMMA BWS functionParameter)*)? BWS CLOSE",
    ),
    (
        "functionParameter",
        "parameterName EQ (parameterAlias | primitiveLiteral)",
    ),
    ("parameterAlias", "AT odataIdentifier"),
    (
        "crossjoin",
        "'$crossjoin' OPEN odataIdentifier (COMMA odataIdentifier)* CLOSE",
    ),
    // Context URLs.
    ("context", "'#' contextFragment"),
    (
        "contextFragment",
        "'Collection($ref)' | '$ref' | 'Collection(Edm.EntityType)' | 'Collection(Edm.ComplexType)' \
         | odataIdentifier (navigation containmentNavigation* ('/' _qualified)?)? selectList? \
         | qualifiedTypeName selectList? | entitySet ('/$deletedEntity' | '/$link' | '/$deletedLink') \
         | entitySet contextKeyPredicate '/' contextPropertyPath selectList? \
         | entitySet selectList? ('/$entity' | '/$delta')?",
    ),
    (
        "entitySet",
        "odataIdentifier containmentNavigation* ('/' _qualified)?",
    ),
    (
        "containmentNavigation",
        "contextKeyPredicate ('/' _qualified)? navigation",
    ),
    (
        "navigation",
        "('/' odataIdentifier ('/' _qualified)?)* '/' odataIdentifier",
    ),
    (
        "contextKeyPredicate",
        "'(' (contextKeyValue | contextKeyValuePair (',' contextKeyValuePair)*) ')'",
    ),
    ("contextKeyValuePair", "odataIdentifier EQ contextKeyValue"),
    (
        "contextKeyValue",
        "boolean | guid | dateTimeOffsetValue | date | timeOfDayValue | decimalValue | stringValue \
         | durationValue | enumValue",
    ),
    (
        "contextPropertyPath",
        "odataIdentifier (('/' _qualified)? '/' contextPropertyPath)?",
    ),
    (
        "selectList",
        "'(' (selectListItem (',' selectListItem)*)? ')'",
    ),
    (
        "selectListItem",
        "'*' | allOperationsInSchema \
         | (_qualified '/')? (qualifiedActionName | qualifiedFunctionName | selectListProperty)",
    ),
    (
        "selectListProperty",
        "odataIdentifier | (odataIdentifier | annotationInFragment) '+'? selectList? \
         | (odataIdentifier | annotationInFragment) ('/' _qualified)? ('/' selectListProperty)?",
    ),
    ("qualifiedActionName", "_qualified"),
    (
        "qualifiedFunctionName",
        "_qualified ('(' parameterName (',' parameterName)* ')')?",
    ),
    (
        "annotationInFragment",
        "AT _named ('#' annotationQualifier)?",
    ),
    ("complexAnnotationInFragment", "annotationInFragment"),
    ("entityAnnotationInFragment", "annotationInFragment"),
];
