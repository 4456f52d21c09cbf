//! The parts of a model, as plain data.

use std::fmt::{self, Display, Formatter};

use super::Annotation;

/// Everything that a service's `$metadata` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Model {
    /// Other documents that this one builds on.
    pub references: Vec<Reference>,
    /// The schemas.
    pub schemas: Vec<Schema>,
}

/// A document that a model builds on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reference {
    /// Where it is.
    pub uri: String,
    /// The namespaces that it brings in, with their aliases.
    pub includes: Vec<(String, Option<String>)>,
}

/// One namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// Its name, such as `Microsoft.Dynamics.CRM`.
    pub namespace: String,
    /// A short name for it, such as `mscrm`.
    pub alias: Option<String>,
    /// Types with a key.
    pub entity_types: Vec<EntityType>,
    /// Structured types without a key.
    pub complex_types: Vec<ComplexType>,
    /// Enumerations.
    pub enum_types: Vec<EnumType>,
    /// Primitive types under names of their own.
    pub type_definitions: Vec<TypeDefinition>,
    /// Actions and functions.
    pub operations: Vec<Operation>,
    /// Terms of annotations.
    pub terms: Vec<Term>,
    /// What the service offers; at most one schema has it.
    pub container: Option<EntityContainer>,
    /// Annotations that stand apart from their targets: (target, annotations).
    pub annotations: Vec<(String, Vec<Annotation>)>,
}

/// The type of a property or parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct TypeRef {
    /// The qualified name, such as `Edm.String`.
    pub name: String,
    /// Whether it is a collection of these.
    pub collection: bool,
}

impl TypeRef {
    /// A single value of the type.
    pub fn single(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            collection: false,
        }
    }

    /// A collection of values of the type.
    pub fn collection(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            collection: true,
        }
    }

    /// Reads `Edm.String` or `Collection(Edm.String)`.
    pub fn parse(text: &str) -> Self {
        let inside = text
            .strip_prefix("Collection(")
            .and_then(|text| text.strip_suffix(')'));
        match inside {
            Some(inside) => Self::collection(inside.trim()),
            None => Self::single(text.trim()),
        }
    }
}

impl Display for TypeRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.collection {
            write!(f, "Collection({})", self.name)
        } else {
            f.write_str(&self.name)
        }
    }
}

/// A type whose instances have a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntityType {
    /// The name without its namespace.
    pub name: String,
    /// The type that it extends, qualified.
    pub base_type: Option<String>,
    /// Whether only types that extend it have instances.
    pub is_abstract: bool,
    /// Whether instances may have properties that are not declared.
    pub is_open: bool,
    /// Whether instances are media.
    pub has_stream: bool,
    /// The key's properties (paths, with an alias for those of complex properties).
    pub key: Vec<(String, Option<String>)>,
    /// The properties.
    pub properties: Vec<Property>,
    /// The navigation properties.
    pub navigation_properties: Vec<NavigationProperty>,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

impl EntityType {
    /// A type of this name and nothing else.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// A property of the type itself, not of its base.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties
            .iter()
            .find(|property| property.name == name)
    }

    /// A navigation property of the type itself, not of its base.
    pub fn navigation_property(&self, name: &str) -> Option<&NavigationProperty> {
        self.navigation_properties
            .iter()
            .find(|property| property.name == name)
    }
}

/// A structured type without a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComplexType {
    /// The name without its namespace.
    pub name: String,
    /// The type that it extends, qualified.
    pub base_type: Option<String>,
    /// Whether only types that extend it have instances.
    pub is_abstract: bool,
    /// Whether instances may have properties that are not declared.
    pub is_open: bool,
    /// The properties.
    pub properties: Vec<Property>,
    /// The navigation properties.
    pub navigation_properties: Vec<NavigationProperty>,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

/// How long a text or a binary value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxLength {
    /// As long as the service can store.
    Max,
    /// So many characters or bytes.
    Of(u64),
}

/// How many digits may follow the decimal point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// At most so many.
    Of(u32),
    /// Any number, within the precision.
    Variable,
    /// A decimal floating-point number.
    Floating,
}

/// A property, with the facets of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// The name.
    pub name: String,
    /// The type.
    pub type_ref: TypeRef,
    /// Whether it may be null; for a collection, whether its members may.
    pub nullable: bool,
    /// The greatest length.
    pub max_length: Option<MaxLength>,
    /// Significant digits, or digits of a fractional second.
    pub precision: Option<u32>,
    /// Digits after the point.
    pub scale: Option<Scale>,
    /// Whether text may go beyond ASCII; true unless said otherwise.
    pub unicode: Option<bool>,
    /// The spatial reference system, a number or `variable`.
    pub srid: Option<String>,
    /// The value where none is given.
    pub default_value: Option<String>,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

impl Property {
    /// A nullable property without facets.
    pub fn new(name: impl Into<String>, type_ref: TypeRef) -> Self {
        Self {
            name: name.into(),
            type_ref,
            nullable: true,
            max_length: None,
            precision: None,
            scale: None,
            unicode: None,
            srid: None,
            default_value: None,
            annotations: Vec::new(),
        }
    }

    /// The greatest length where there is a definite one.
    pub fn length_limit(&self) -> Option<u64> {
        match self.max_length {
            Some(MaxLength::Of(length)) => Some(length),
            _ => None,
        }
    }

    /// The digits after the point where there is a definite number.
    pub fn scale_limit(&self) -> Option<u32> {
        match self.scale {
            Some(Scale::Of(digits)) => Some(digits),
            _ => None,
        }
    }
}

/// A way from one type to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavigationProperty {
    /// The name.
    pub name: String,
    /// The type that it leads to.
    pub type_ref: TypeRef,
    /// Whether there may be no such row.
    pub nullable: bool,
    /// The navigation property that leads back.
    pub partner: Option<String>,
    /// Whether the rows exist only inside this one.
    pub contains_target: bool,
    /// Which property here equals which one there.
    pub constraints: Vec<(String, String)>,
    /// What happens to this row when the other is deleted: `Cascade`, `None`, `SetNull` ….
    pub on_delete: Option<String>,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

impl NavigationProperty {
    /// A nullable navigation property without a partner.
    pub fn new(name: impl Into<String>, type_ref: TypeRef) -> Self {
        Self {
            name: name.into(),
            type_ref,
            nullable: true,
            partner: None,
            contains_target: false,
            constraints: Vec::new(),
            on_delete: None,
            annotations: Vec::new(),
        }
    }
}

/// An enumeration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnumType {
    /// The name without its namespace.
    pub name: String,
    /// The integer type beneath; `Edm.Int32` unless said otherwise.
    pub underlying_type: Option<String>,
    /// Whether a value may combine members.
    pub is_flags: bool,
    /// The members.
    pub members: Vec<EnumMember>,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

impl EnumType {
    /// The value of a member.
    pub fn value_of(&self, member: &str) -> Option<i64> {
        self.members
            .iter()
            .find(|known| known.name == member)
            .map(|known| known.value)
    }
}

/// A member of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnumMember {
    /// The name.
    pub name: String,
    /// The value; where the document gives none, the one after the last member's.
    pub value: i64,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

/// A primitive type under a name of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeDefinition {
    /// The type as a property of its name would have it, facets and all.
    pub definition: Property,
}

/// Whether an operation may change data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OperationKind {
    /// It may; called with POST.
    #[default]
    Action,
    /// It may not; called with GET.
    Function,
}

/// An action or a function; several may share a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Operation {
    /// Action or function.
    pub kind: OperationKind,
    /// The name without its namespace.
    pub name: String,
    /// Whether the first parameter is what it is called on.
    pub is_bound: bool,
    /// Whether a function's result may be followed by more of a path.
    pub is_composable: bool,
    /// The path from the binding parameter to the set of the result.
    pub entity_set_path: Option<String>,
    /// The parameters in order.
    pub parameters: Vec<Parameter>,
    /// The result's type (with the name left empty); none if there is no result.
    pub returns: Option<Property>,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

/// A parameter: like a property, it has a name, a type and facets.
pub type Parameter = Property;

/// A term of annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Its name, type, facets and default.
    pub definition: Property,
    /// The kinds of element that it may be applied to.
    pub applies_to: Option<String>,
    /// The term that it specialises.
    pub base_term: Option<String>,
}

/// What a service offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntityContainer {
    /// The name without its namespace.
    pub name: String,
    /// The container that it extends.
    pub extends: Option<String>,
    /// Sets of rows.
    pub entity_sets: Vec<EntitySet>,
    /// Single rows.
    pub singletons: Vec<Singleton>,
    /// Actions that are called on the service itself.
    pub action_imports: Vec<ActionImport>,
    /// Functions that are called on the service itself.
    pub function_imports: Vec<FunctionImport>,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

/// A set of rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntitySet {
    /// The name in URLs.
    pub name: String,
    /// The qualified type of its rows.
    pub entity_type: String,
    /// Whether the service document lists it; true unless said otherwise.
    pub in_service_document: Option<bool>,
    /// Where its navigation properties lead: (path, set).
    pub bindings: Vec<(String, String)>,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

/// A single row with a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Singleton {
    /// The name in URLs.
    pub name: String,
    /// Its qualified type.
    pub type_name: String,
    /// Whether it may be absent.
    pub nullable: bool,
    /// Where its navigation properties lead: (path, set).
    pub bindings: Vec<(String, String)>,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

/// An action under a name of the service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionImport {
    /// The name in URLs.
    pub name: String,
    /// The qualified action.
    pub action: String,
    /// The set of its result.
    pub entity_set: Option<String>,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

/// A function under a name of the service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FunctionImport {
    /// The name in URLs.
    pub name: String,
    /// The qualified function.
    pub function: String,
    /// The set of its result.
    pub entity_set: Option<String>,
    /// Whether the service document lists it.
    pub in_service_document: Option<bool>,
    /// What is said of it.
    pub annotations: Vec<Annotation>,
}

impl Model {
    /// The container, if a schema has one.
    pub fn container(&self) -> Option<&EntityContainer> {
        self.schemas
            .iter()
            .find_map(|schema| schema.container.as_ref())
    }

    /// A set by its name in URLs.
    pub fn entity_set(&self, name: &str) -> Option<&EntitySet> {
        self.container()?
            .entity_sets
            .iter()
            .find(|set| set.name == name)
    }

    /// An entity type by its qualified name, with the namespace or its alias.
    pub fn entity_type(&self, qualified: &str) -> Option<&EntityType> {
        let (schema, name) = self.schema_of(qualified)?;
        schema.entity_types.iter().find(|known| known.name == name)
    }

    /// A complex type by its qualified name.
    pub fn complex_type(&self, qualified: &str) -> Option<&ComplexType> {
        let (schema, name) = self.schema_of(qualified)?;
        schema.complex_types.iter().find(|known| known.name == name)
    }

    /// An enumeration by its qualified name.
    pub fn enum_type(&self, qualified: &str) -> Option<&EnumType> {
        let (schema, name) = self.schema_of(qualified)?;
        schema.enum_types.iter().find(|known| known.name == name)
    }

    /// The type of a set's rows.
    pub fn type_of_set(&self, name: &str) -> Option<&EntityType> {
        self.entity_type(&self.entity_set(name)?.entity_type)
    }

    /// A type and the types that it extends, itself first.
    pub fn with_bases<'m>(&'m self, entity: &'m EntityType) -> Vec<&'m EntityType> {
        let mut chain = vec![entity];
        let mut next = entity.base_type.as_deref();
        while let Some(base) = next.and_then(|name| self.entity_type(name)) {
            // A type cannot extend itself; a broken document may say so.
            if chain.iter().any(|known| std::ptr::eq(*known, base)) {
                break;
            }
            chain.push(base);
            next = base.base_type.as_deref();
        }
        chain
    }

    /// The key's properties, which a base type may declare.
    pub fn key_of<'m>(&'m self, entity: &'m EntityType) -> Vec<&'m str> {
        let chain = self.with_bases(entity);
        let keyed = chain.into_iter().find(|known| !known.key.is_empty());
        keyed.map_or_else(Vec::new, |known| {
            known.key.iter().map(|(path, _)| &**path).collect()
        })
    }

    fn schema_of<'n>(&self, qualified: &'n str) -> Option<(&Schema, &'n str)> {
        let (namespace, name) = qualified.rsplit_once('.')?;
        let schema = self.schemas.iter().find(|schema| {
            schema.namespace == namespace || schema.alias.as_deref() == Some(namespace)
        });
        schema.map(|schema| (schema, name))
    }
}
