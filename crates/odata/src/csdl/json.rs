//! Reads CSDL JSON, the other representation of a model.
//!
//! Its defaults differ from XML's: a property is a string and not null unless it says otherwise.
//! Annotations whose value is structured become the elements that XML would have.

use serde_json::{Map, Value};

use super::{
    ActionImport, Annotation, ComplexType, EntityContainer, EntitySet, EntityType, EnumMember,
    EnumType, FunctionImport, MaxLength, Model, NavigationProperty, Node, Operation, OperationKind,
    Property, Reference, Scale, Schema, Singleton, Term, TypeDefinition, TypeRef,
};
use crate::payload::{PayloadError, object};

impl Model {
    /// Reads a document of CSDL JSON.
    ///
    /// ```
    /// use duet_odata::csdl::Model;
    ///
    /// let model = Model::from_json(
    ///     br#"{"$Version":"4.01","$EntityContainer":"N.C","N":{
    ///       "A":{"$Kind":"EntityType","$Key":["id"],"id":{"$Type":"Edm.Int32"},
    ///            "name":{"$Nullable":true,"$MaxLength":40}},
    ///       "C":{"$Kind":"EntityContainer","As":{"$Collection":true,"$Type":"N.A"}}}}"#,
    /// )?;
    /// let entity = model.type_of_set("As").unwrap();
    /// assert_eq!(model.key_of(entity), ["id"]);
    /// assert_eq!(entity.property("name").unwrap().type_ref.name, "Edm.String");
    /// # Ok::<(), duet_odata::payload::PayloadError>(())
    /// ```
    pub fn from_json(document: &[u8]) -> Result<Self, PayloadError> {
        let mut model = Self::default();
        for (name, value) in object(document)? {
            let Value::Object(members) = value else {
                continue;
            };
            if name == "$Reference" {
                model.references.extend(members.into_iter().map(reference));
            } else if !name.starts_with('$') && !name.starts_with('@') {
                model.schemas.push(schema(name, members)?);
            }
        }
        if model.schemas.is_empty() {
            return Err(PayloadError::Shape {
                what: "has no schema in it",
            });
        }
        Ok(model)
    }
}

type Members = Map<String, Value>;

fn text(members: &Members, name: &str) -> Option<String> {
    members.get(name)?.as_str().map(str::to_owned)
}

fn flag(members: &Members, name: &str) -> bool {
    members.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn small(members: &Members, name: &str) -> Option<u32> {
    members
        .get(name)?
        .as_u64()
        .and_then(|value| u32::try_from(value).ok())
}

/// The members whose names are the model's own, not the format's.
fn named(members: Members) -> impl Iterator<Item = (String, Value)> {
    members
        .into_iter()
        .filter(|(name, _)| !name.contains(['$', '@']))
}

fn reference((uri, value): (String, Value)) -> Reference {
    let includes = value.get("$Include").and_then(Value::as_array);
    let include = |value: &Value| {
        let name = value.get("$Namespace")?.as_str()?.to_owned();
        Some((
            name,
            value
                .get("$Alias")
                .and_then(Value::as_str)
                .map(str::to_owned),
        ))
    };
    let includes = includes.map(|list| list.iter().filter_map(include).collect());
    Reference {
        uri,
        includes: includes.unwrap_or_default(),
    }
}

fn schema(namespace: String, members: Members) -> Result<Schema, PayloadError> {
    let mut schema = Schema {
        namespace,
        alias: text(&members, "$Alias"),
        ..Schema::default()
    };
    if let Some(Value::Object(targets)) = members.get("$Annotations") {
        for (target, value) in targets {
            if let Value::Object(members) = value {
                schema
                    .annotations
                    .push((target.clone(), annotations(members, "")));
            }
        }
    }
    for (name, value) in named(members) {
        match value {
            Value::Array(overloads) => {
                for overload in overloads {
                    if let Value::Object(members) = overload {
                        schema.operations.push(operation(name.clone(), &members)?);
                    }
                }
            }
            Value::Object(members) => item(&mut schema, name, members)?,
            _ => {}
        }
    }
    Ok(schema)
}

fn item(schema: &mut Schema, name: String, members: Members) -> Result<(), PayloadError> {
    match members.get("$Kind").and_then(Value::as_str) {
        Some("EntityType") => schema.entity_types.push(entity_type(name, members)),
        Some("ComplexType") => {
            let annotations = annotations(&members, "");
            let mut found = ComplexType {
                name,
                base_type: text(&members, "$BaseType"),
                is_abstract: flag(&members, "$Abstract"),
                is_open: flag(&members, "$OpenType"),
                annotations,
                ..ComplexType::default()
            };
            (found.properties, found.navigation_properties) = properties(members);
            schema.complex_types.push(found);
        }
        Some("EnumType") => schema.enum_types.push(enum_type(name, &members)),
        Some("TypeDefinition") => {
            let mut definition = property(name, &members, "$UnderlyingType");
            // A type definition does not say whether its values may be null.
            definition.nullable = true;
            schema.type_definitions.push(TypeDefinition { definition });
        }
        Some("Term") => {
            let applies_to = match members.get("$AppliesTo") {
                Some(Value::Array(kinds)) => {
                    let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
                    Some(kinds.join(" "))
                }
                _ => text(&members, "$AppliesTo"),
            };
            let base_term = text(&members, "$BaseTerm");
            let definition = property(name, &members, "$Type");
            schema.terms.push(Term {
                definition,
                applies_to,
                base_term,
            });
        }
        Some("EntityContainer") => schema.container = Some(container(name, members)),
        // A container and its kin say what they are; nothing else may leave it out.
        _ => {
            return Err(PayloadError::Shape {
                what: "has a schema element without a known `$Kind`",
            });
        }
    }
    Ok(())
}

fn entity_type(name: String, members: Members) -> EntityType {
    let mut entity = EntityType::new(name);
    entity.base_type = text(&members, "$BaseType");
    entity.is_abstract = flag(&members, "$Abstract");
    entity.is_open = flag(&members, "$OpenType");
    entity.has_stream = flag(&members, "$HasStream");
    entity.annotations = annotations(&members, "");
    if let Some(Value::Array(key)) = members.get("$Key") {
        for part in key {
            match part {
                Value::String(path) => entity.key.push((path.clone(), None)),
                Value::Object(aliased) => {
                    for (alias, path) in aliased {
                        if let Some(path) = path.as_str() {
                            entity.key.push((path.to_owned(), Some(alias.clone())));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    (entity.properties, entity.navigation_properties) = properties(members);
    entity
}

fn properties(members: Members) -> (Vec<Property>, Vec<NavigationProperty>) {
    let mut plain = Vec::new();
    let mut navigation = Vec::new();
    for (name, value) in named(members) {
        let Value::Object(members) = value else {
            continue;
        };
        if members.get("$Kind").and_then(Value::as_str) == Some("NavigationProperty") {
            navigation.push(navigation_property(name, &members));
        } else {
            plain.push(property(name, &members, "$Type"));
        }
    }
    (plain, navigation)
}

fn type_ref(members: &Members, type_member: &str) -> TypeRef {
    let name = text(members, type_member).unwrap_or_else(|| "Edm.String".to_owned());
    TypeRef {
        name,
        collection: flag(members, "$Collection"),
    }
}

fn property(name: String, members: &Members, type_member: &str) -> Property {
    let mut property = Property::new(name, type_ref(members, type_member));
    property.nullable = flag(members, "$Nullable");
    property.max_length = members
        .get("$MaxLength")
        .and_then(Value::as_u64)
        .map(MaxLength::Of);
    property.precision = small(members, "$Precision");
    property.scale = match members.get("$Scale") {
        Some(Value::String(text)) if text == "floating" => Some(Scale::Floating),
        Some(Value::String(_)) => Some(Scale::Variable),
        _ => small(members, "$Scale").map(Scale::Of),
    };
    property.unicode = members.get("$Unicode").and_then(Value::as_bool);
    let bare = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    property.srid = members.get("$SRID").map(bare);
    property.default_value = members.get("$DefaultValue").map(bare);
    property.annotations = annotations(members, "");
    property
}

fn navigation_property(name: String, members: &Members) -> NavigationProperty {
    let mut property = NavigationProperty::new(name, type_ref(members, "$Type"));
    property.nullable = flag(members, "$Nullable") || property.type_ref.collection;
    property.partner = text(members, "$Partner");
    property.contains_target = flag(members, "$ContainsTarget");
    property.on_delete = text(members, "$OnDelete");
    if let Some(Value::Object(constraints)) = members.get("$ReferentialConstraint") {
        property.constraints = pairs(constraints);
    }
    property.annotations = annotations(members, "");
    property
}

/// Names with a text each; annotations between them are left out.
fn pairs(members: &Members) -> Vec<(String, String)> {
    let pair = |(name, value): (&String, &Value)| {
        let plain = !name.contains('@');
        plain.then(|| Some((name.clone(), value.as_str()?.to_owned())))?
    };
    members.iter().filter_map(pair).collect()
}

fn enum_type(name: String, members: &Members) -> EnumType {
    let mut found = EnumType {
        name,
        underlying_type: text(members, "$UnderlyingType"),
        is_flags: flag(members, "$IsFlags"),
        annotations: annotations(members, ""),
        ..EnumType::default()
    };
    for (name, value) in members {
        if let Some(value) = value.as_i64().filter(|_| !name.contains(['$', '@'])) {
            let annotations = annotations(members, name);
            found.members.push(EnumMember {
                name: name.clone(),
                value,
                annotations,
            });
        }
    }
    found
}

fn operation(name: String, members: &Members) -> Result<Operation, PayloadError> {
    let kind = match members.get("$Kind").and_then(Value::as_str) {
        Some("Action") => OperationKind::Action,
        Some("Function") => OperationKind::Function,
        _ => {
            return Err(PayloadError::Shape {
                what: "has an operation without a known `$Kind`",
            });
        }
    };
    let mut found = Operation {
        kind,
        name,
        is_bound: flag(members, "$IsBound"),
        is_composable: flag(members, "$IsComposable"),
        entity_set_path: text(members, "$EntitySetPath"),
        annotations: annotations(members, ""),
        ..Operation::default()
    };
    if let Some(Value::Array(parameters)) = members.get("$Parameter") {
        for parameter in parameters.iter().filter_map(Value::as_object) {
            let name = text(parameter, "$Name").unwrap_or_default();
            found.parameters.push(property(name, parameter, "$Type"));
        }
    }
    if let Some(Value::Object(returned)) = members.get("$ReturnType") {
        found.returns = Some(property(String::new(), returned, "$Type"));
    }
    Ok(found)
}

fn container(name: String, members: Members) -> EntityContainer {
    let mut found = EntityContainer {
        name,
        extends: text(&members, "$Extends"),
        annotations: annotations(&members, ""),
        ..EntityContainer::default()
    };
    for (name, value) in named(members) {
        let Value::Object(members) = value else {
            continue;
        };
        let annotations = annotations(&members, "");
        let entity_set = text(&members, "$EntitySet");
        let in_service_document = members
            .get("$IncludeInServiceDocument")
            .and_then(Value::as_bool);
        let bindings = match members.get("$NavigationPropertyBinding") {
            Some(Value::Object(bindings)) => pairs(bindings),
            _ => Vec::new(),
        };
        if let Some(action) = text(&members, "$Action") {
            found.action_imports.push(ActionImport {
                name,
                action,
                entity_set,
                annotations,
            });
        } else if let Some(function) = text(&members, "$Function") {
            found.function_imports.push(FunctionImport {
                name,
                function,
                entity_set,
                in_service_document,
                annotations,
            });
        } else if let Some(type_name) = text(&members, "$Type") {
            if flag(&members, "$Collection") {
                found.entity_sets.push(EntitySet {
                    name,
                    entity_type: type_name,
                    in_service_document,
                    bindings,
                    annotations,
                });
            } else {
                let nullable = flag(&members, "$Nullable");
                found.singletons.push(Singleton {
                    name,
                    type_name,
                    nullable,
                    bindings,
                    annotations,
                });
            }
        }
    }
    found
}

/// The annotations of an element (`""`) or of a member that has no object of its own.
fn annotations(members: &Members, target: &str) -> Vec<Annotation> {
    let mut found = Vec::new();
    for (name, value) in members {
        let Some((annotated, term)) = name.split_once('@') else {
            continue;
        };
        if annotated != target || term.contains('@') {
            continue;
        }
        let (term, qualifier) = match term.split_once('#') {
            Some((term, qualifier)) => (term, Some(qualifier.to_owned())),
            None => (term, None),
        };
        let constant = constant(value);
        let nodes = if constant.is_some() {
            Vec::new()
        } else {
            vec![node(value)]
        };
        found.push(Annotation {
            term: term.to_owned(),
            qualifier,
            constant,
            nodes,
        });
    }
    found
}

/// A value that XML has as an attribute.
fn constant(value: &Value) -> Option<(String, String)> {
    let (kind, text) = match value {
        Value::String(text) => ("String", text.clone()),
        Value::Bool(truth) => ("Bool", truth.to_string()),
        Value::Number(number) if number.is_i64() => ("Int", number.to_string()),
        Value::Number(number) => ("Decimal", number.to_string()),
        Value::Object(members) if members.len() == 1 => {
            ("Path", members.get("$Path")?.as_str()?.to_owned())
        }
        _ => return None,
    };
    Some((kind.to_owned(), text))
}

/// A value as the element that XML has for it.
fn node(value: &Value) -> Node {
    match value {
        Value::Null => Node {
            name: "Null".to_owned(),
            ..Node::default()
        },
        Value::Array(items) => Node {
            name: "Collection".to_owned(),
            children: items.iter().map(node).collect(),
            ..Node::default()
        },
        Value::Object(members) if constant(value).is_none() => {
            let mut record = Node {
                name: "Record".to_owned(),
                ..Node::default()
            };
            for (name, value) in members {
                match (name.as_str(), value.as_str()) {
                    ("@type" | "@odata.type", Some(text)) => {
                        let type_name = text.rsplit('#').next().unwrap_or(text).to_owned();
                        record.attributes.push(("Type".to_owned(), type_name));
                    }
                    (name, _) if name.contains('@') => {}
                    _ => record.children.push(property_value(name, value)),
                }
            }
            record
        }
        value => {
            let (name, text) = constant(value).unwrap_or_default();
            Node {
                name,
                text,
                ..Node::default()
            }
        }
    }
}

fn property_value(name: &str, value: &Value) -> Node {
    let mut found = Node {
        name: "PropertyValue".to_owned(),
        ..Node::default()
    };
    found
        .attributes
        .push(("Property".to_owned(), name.to_owned()));
    match constant(value) {
        Some(constant) => found.attributes.push(constant),
        None => found.children.push(node(value)),
    }
    found
}
