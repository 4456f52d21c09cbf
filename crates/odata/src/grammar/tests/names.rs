//! Names: texts that each rule accepts and refuses.

use super::Case;

pub(super) const NAMES: &[Case] = &[
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
