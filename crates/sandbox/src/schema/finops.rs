//! The shape of F&O data entities: fields, keys, enums, relations and the rules that fill fields in.

use serde::{Deserialize, Serialize};

use super::is_off;

/// All entities and enums of the Finance & Operations stand-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinOpsSchema {
    /// Entities in the order of their names.
    pub entities: Vec<Entity>,
    /// Enums in the order of their names.
    pub enums: Vec<EnumType>,
}

impl FinOpsSchema {
    /// The entity with this collection name (`CustomersV3`), case-sensitive as in `/data` URLs.
    pub fn collection(&self, name: &str) -> Option<&Entity> {
        self.entities
            .iter()
            .find(|entity| entity.collection == name)
    }

    /// The entity with this public name (`CustomerV3`).
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.iter().find(|entity| entity.name == name)
    }

    /// The enum with this name.
    pub fn enum_type(&self, name: &str) -> Option<&EnumType> {
        self.enums.iter().find(|candidate| candidate.name == name)
    }
}

/// One data entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// Public name, the entity type: `CustomerV3`.
    pub name: String,
    /// Public collection name, the entity set: `CustomersV3`.
    pub collection: String,
    /// What data management calls it: `Customers V3`.
    pub title: String,
    /// Name in the application object tree: `CustCustomerV3Entity`. Empty where it is not published.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub object: String,
    /// Whether rows belong to one company, through the key field `dataAreaId`.
    pub per_company: bool,
    /// Key fields, `dataAreaId` first. Not published: inferred from the integration keys.
    pub keys: Vec<String>,
    /// The field that says when a row was last written, for incremental reads. Which entities
    /// expose one, and under which name, is not published: assumed for all.
    pub modified_field: String,
    /// The number sequence that fills a blank key in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_sequence: Option<NumberSequence>,
    /// What fills blank fields in on a write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defaults: Vec<DefaultRule>,
    /// Fields, `dataAreaId` first, then in the published order.
    pub fields: Vec<Field>,
    /// References to other entities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<Relation>,
}

impl Entity {
    /// The field with this name, whatever its case.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// Whether this field is part of the key.
    pub fn is_key(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key == name)
    }
}

/// One field of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name in its real casing.
    pub name: String,
    /// Type. Never published: inferred, so always assumed.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// A write that leaves it blank is refused.
    #[serde(default, skip_serializing_if = "is_off")]
    pub mandatory: bool,
    /// The system computes it; a value sent by a client is ignored.
    #[serde(default, skip_serializing_if = "is_off")]
    pub read_only: bool,
    /// The field itself, or its casing, is not published.
    #[serde(default, skip_serializing_if = "is_off")]
    pub assumed: bool,
}

/// Type of a field. Every type has an empty value, for F&O knows no null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Text; empty `""`.
    String {
        /// Longest value, in characters; 0 for no limit.
        max_length: u32,
    },
    /// 32 bits; empty 0.
    Int,
    /// 64 bits; empty 0.
    Int64,
    /// An exact decimal; empty 0.
    Real,
    /// A date, on the wire at noon UTC; empty `1900-01-01T12:00:00Z`.
    Date,
    /// A moment; empty `1900-01-01T00:00:00Z`.
    UtcDateTime,
    /// A symbol of an enum; empty is the member of value 0.
    Enum {
        /// Name of the enum.
        name: String,
    },
    /// A GUID; empty is all zeros.
    Guid,
}

/// An enum: the symbols that travel as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnumType {
    /// `NoYes`
    pub name: String,
    /// Members by value.
    pub members: Vec<EnumMember>,
    /// Not published: derived from the value maps.
    #[serde(default, skip_serializing_if = "is_off")]
    pub assumed: bool,
}

impl EnumType {
    /// The member with this symbol, whatever its case.
    pub fn member(&self, symbol: &str) -> Option<&EnumMember> {
        self.members
            .iter()
            .find(|member| member.name.eq_ignore_ascii_case(symbol))
    }
}

/// One symbol of an enum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnumMember {
    /// The symbol: `CreditCard`.
    pub name: String,
    /// Its number, which never travels.
    pub value: i64,
}

/// How blank keys are filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberSequence {
    /// The field that gets the number.
    pub field: String,
    /// Text before the digits: `C-`.
    pub prefix: String,
    /// Number of digits.
    pub width: u32,
}

/// One rule of `defaultRow`: fills a field in when a write leaves it blank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRule {
    /// The field that is filled in.
    pub field: String,
    /// Where the value comes from.
    pub source: DefaultSource,
}

/// Where a default comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefaultSource {
    /// The accounting currency of the row's company.
    CompanyCurrency,
    /// The language of the row's company.
    CompanyLanguage,
    /// Another field of the same row.
    Field(String),
    /// A constant.
    Value(String),
}

/// A reference to a row of another entity, checked on a write unless its fields are blank.
/// Where both entities are per company, the companies must agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Navigation property.
    pub name: String,
    /// Collection name of the referenced entity.
    pub entity: String,
    /// The fields that must agree.
    pub fields: Vec<RelationField>,
}

/// A pair of fields that must agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationField {
    /// Field of the referencing entity.
    pub from: String,
    /// Field of the referenced entity.
    pub to: String,
}
