//! Names. Only a model can tell a set from a property or a function, so to the grammar nearly all
//! of them are identifiers.

use super::Rule;

/// Rules that are just an identifier.
pub(super) const IDENTIFIERS: &[&str] = &[
    "action",
    "actionImport",
    "annotationQualifier",
    "complexColFunction",
    "complexColFunctionImport",
    "complexColProperty",
    "complexFunction",
    "complexFunctionImport",
    "complexProperty",
    "complexTypeName",
    "computedProperty",
    "customAggregate",
    "entityColFunction",
    "entityColFunctionImport",
    "entityColNavigationProperty",
    "entityFunction",
    "entityFunctionImport",
    "entityNavigationProperty",
    "entitySetName",
    "entityTypeName",
    "enumerationMember",
    "enumerationTypeName",
    "expressionAlias",
    "function",
    "keyPropertyAlias",
    "lambdaVariableExpr",
    "namespacePart",
    "navigationProperty",
    "parameterName",
    "primitiveColFunction",
    "primitiveColFunctionImport",
    "primitiveColProperty",
    "primitiveFunction",
    "primitiveFunctionImport",
    "primitiveKeyProperty",
    "primitiveNonKeyProperty",
    "primitiveProperty",
    "recHierQualifier",
    "rollupNamedHier",
    "singleTypeName",
    "singletonEntity",
    "streamProperty",
    "termName",
    "typeDefinitionName",
    "actionImportCall",
    "functionImportCallNoParens",
];

pub(super) const RULES: &[Rule] = &[
    // Letters beyond ASCII come bare or as the percent-encoded bytes of their UTF-8.
    (
        "identifierLeadingCharacter",
        r"[A-Za-z_] | obs-text | <'%' [C-Fc-f] HEXDIG ('%' [89ABab] HEXDIG)+!>",
    ),
    (
        "identifierCharacter",
        r"[A-Za-z_0-9] | obs-text | <'%' [C-Fc-f] HEXDIG ('%' [89ABab] HEXDIG)+!>",
    ),
    (
        "odataIdentifier",
        "identifierLeadingCharacter identifierCharacter{0,127}!",
    ),
    ("namespace", "odataIdentifier ('.' odataIdentifier)*"),
    // A name after its namespace, and one that may go without.
    ("_qualified", "namespace '.' odataIdentifier"),
    ("_named", "(namespace '.')? odataIdentifier"),
    ("qualifiedEntityTypeName", "_qualified"),
    ("qualifiedComplexTypeName", "_qualified"),
    ("qualifiedTypeDefinitionName", "_qualified"),
    ("qualifiedEnumTypeName", "_qualified"),
    ("optionallyQualifiedEntityTypeName", "_named"),
    ("optionallyQualifiedComplexTypeName", "_named"),
    ("singleQualifiedTypeName", "_qualified | primitiveTypeName"),
    (
        "qualifiedTypeName",
        "singleQualifiedTypeName | 'Collection' OPEN singleQualifiedTypeName CLOSE",
    ),
    (
        "optionallyQualifiedTypeName",
        "singleQualifiedTypeName | singleTypeName \
         | 'Collection' OPEN (singleQualifiedTypeName | singleTypeName) CLOSE",
    ),
    (
        "primitiveTypeName",
        "'Edm.' ('Binary' | 'Boolean' | 'Byte' | 'Date' | 'DateTimeOffset' | 'Decimal' | 'Double' \
         | 'Duration' | 'Guid' | 'Int16' | 'Int32' | 'Int64' | 'SByte' | 'Single' | 'Stream' \
         | 'String' | 'TimeOfDay' | abstractSpatialTypeName concreteSpatialTypeName?)",
    ),
    ("abstractSpatialTypeName", "'Geography' | 'Geometry'"),
    (
        "concreteSpatialTypeName",
        "'Collection' | 'LineString' | 'MultiLineString' | 'MultiPoint' | 'MultiPolygon' \
         | 'Point' | 'Polygon'",
    ),
];
