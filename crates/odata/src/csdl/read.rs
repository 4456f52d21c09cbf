//! Reads EDMX from a stream, one type at a time.

use std::io::BufRead;

use super::node::{NodeReader, Step};
use super::{
    ActionImport, Annotation, ComplexType, CsdlError, EntityContainer, EntitySet, EntityType,
    EnumMember, EnumType, FunctionImport, MaxLength, Model, NavigationProperty, Node, Operation,
    OperationKind, Property, Reference, Scale, Schema, Singleton, Term, TypeDefinition, TypeRef,
};

/// One item of a document, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaItem {
    /// A document that this one builds on.
    Reference(Reference),
    /// A schema starts; what follows belongs to it.
    Schema {
        /// Its namespace.
        namespace: String,
        /// Its alias.
        alias: Option<String>,
    },
    /// An entity type.
    EntityType(EntityType),
    /// A complex type.
    ComplexType(ComplexType),
    /// An enumeration.
    EnumType(EnumType),
    /// A type definition.
    TypeDefinition(TypeDefinition),
    /// An action or a function.
    Operation(Operation),
    /// A term.
    Term(Term),
    /// The container.
    Container(EntityContainer),
    /// Annotations of a target elsewhere.
    Annotations {
        /// The target's path.
        target: String,
        /// What is said of it.
        annotations: Vec<Annotation>,
    },
}

/// Reads a document item by item; memory holds one item at a time.
///
/// ```
/// use duet_odata::csdl::{SchemaItem, SchemaItems};
///
/// let xml = r#"<Edmx Version="4.0"><DataServices><Schema Namespace="N">
///     <EntityType Name="A"/><EnumType Name="B"/></Schema></DataServices></Edmx>"#;
/// let mut names = Vec::new();
/// for item in SchemaItems::new(xml.as_bytes()) {
///     if let SchemaItem::EntityType(entity) = item? {
///         names.push(entity.name);
///     }
/// }
/// assert_eq!(names, ["A"]);
/// # Ok::<(), duet_odata::csdl::CsdlError>(())
/// ```
pub struct SchemaItems<R> {
    nodes: NodeReader<R>,
    /// The elements around the next one.
    open: Vec<String>,
    seen_model: bool,
    done: bool,
}

impl<R: BufRead> SchemaItems<R> {
    /// Starts to read a document.
    pub fn new(input: R) -> Self {
        Self {
            nodes: NodeReader::new(input),
            open: Vec::new(),
            seen_model: false,
            done: false,
        }
    }

    fn advance(&mut self) -> Result<Option<SchemaItem>, CsdlError> {
        loop {
            match self.nodes.step()? {
                Step::Open(node, closed) => {
                    if let Some(item) = self.element(node, closed)? {
                        return Ok(Some(item));
                    }
                }
                Step::Close => {
                    self.open.pop();
                }
                Step::End if !self.seen_model => {
                    return Err(self.nodes.shape("there is no element `Schema` in it"));
                }
                Step::End if !self.open.is_empty() => {
                    return Err(self.nodes.shape("the document ends inside an element"));
                }
                Step::End => return Ok(None),
            }
        }
    }

    fn element(&mut self, mut node: Node, closed: bool) -> Result<Option<SchemaItem>, CsdlError> {
        match node.name.as_str() {
            "Edmx" | "DataServices" => {
                if !closed {
                    self.open.push(node.name);
                }
                return Ok(None);
            }
            "Schema" => {
                self.seen_model = true;
                let namespace = node.take("Namespace").unwrap_or_default();
                let alias = node.take("Alias");
                if !closed {
                    self.open.push(node.name);
                }
                return Ok(Some(SchemaItem::Schema { namespace, alias }));
            }
            _ => {}
        }
        let node = if closed { node } else { self.nodes.fill(node)? };
        if node.name == "Reference" {
            return Ok(Some(SchemaItem::Reference(reference(node))));
        }
        if self.open.last().is_none_or(|parent| parent != "Schema") {
            return Ok(None);
        }
        item(node).map_err(|what| self.nodes.shape(what))
    }
}

impl<R: BufRead> Iterator for SchemaItems<R> {
    type Item = Result<SchemaItem, CsdlError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.advance().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Model {
    /// Reads a whole document.
    ///
    /// ```
    /// use duet_odata::csdl::Model;
    ///
    /// let model = Model::read(
    ///     br#"<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
    ///       <edmx:DataServices><Schema Namespace="Ns" Alias="n"
    ///           xmlns="http://docs.oasis-open.org/odata/ns/edm">
    ///         <EntityType Name="Account"><Key><PropertyRef Name="Id"/></Key>
    ///           <Property Name="Id" Type="Edm.Guid" Nullable="false"/>
    ///           <Property Name="Name" Type="Edm.String" MaxLength="100"/></EntityType>
    ///         <EntityContainer Name="C"><EntitySet Name="Accounts" EntityType="n.Account"/>
    ///         </EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"#
    ///         .as_slice(),
    /// )?;
    /// let account = model.type_of_set("Accounts").unwrap();
    /// assert_eq!(model.key_of(account), ["Id"]);
    /// assert_eq!(account.property("Name").unwrap().length_limit(), Some(100));
    /// # Ok::<(), duet_odata::csdl::CsdlError>(())
    /// ```
    pub fn read(input: impl BufRead) -> Result<Self, CsdlError> {
        let mut model = Self::default();
        for item in SchemaItems::new(input) {
            let item = match item? {
                SchemaItem::Reference(reference) => {
                    model.references.push(reference);
                    continue;
                }
                SchemaItem::Schema { namespace, alias } => {
                    model.schemas.push(Schema {
                        namespace,
                        alias,
                        ..Schema::default()
                    });
                    continue;
                }
                item => item,
            };
            let Some(schema) = model.schemas.last_mut() else {
                continue;
            };
            match item {
                SchemaItem::EntityType(found) => schema.entity_types.push(found),
                SchemaItem::ComplexType(found) => schema.complex_types.push(found),
                SchemaItem::EnumType(found) => schema.enum_types.push(found),
                SchemaItem::TypeDefinition(found) => schema.type_definitions.push(found),
                SchemaItem::Operation(found) => schema.operations.push(found),
                SchemaItem::Term(found) => schema.terms.push(found),
                SchemaItem::Container(found) => schema.container = Some(found),
                SchemaItem::Annotations {
                    target,
                    annotations,
                } => {
                    schema.annotations.push((target, annotations));
                }
                SchemaItem::Reference(_) | SchemaItem::Schema { .. } => {}
            }
        }
        Ok(model)
    }
}

/// What is wrong with an element; the caller knows where it stands.
type Fault = String;

fn item(node: Node) -> Result<Option<SchemaItem>, Fault> {
    Ok(Some(match node.name.as_str() {
        "EntityType" => SchemaItem::EntityType(entity_type(node)?),
        "ComplexType" => SchemaItem::ComplexType(complex_type(node)?),
        "EnumType" => SchemaItem::EnumType(enum_type(node)?),
        "TypeDefinition" => {
            let definition = property(node, "UnderlyingType")?;
            SchemaItem::TypeDefinition(TypeDefinition { definition })
        }
        "Action" => SchemaItem::Operation(operation(node, OperationKind::Action)?),
        "Function" => SchemaItem::Operation(operation(node, OperationKind::Function)?),
        "Term" => {
            let mut node = node;
            let applies_to = node.take("AppliesTo");
            let base_term = node.take("BaseTerm");
            let definition = property(node, "Type")?;
            SchemaItem::Term(Term {
                definition,
                applies_to,
                base_term,
            })
        }
        "EntityContainer" => SchemaItem::Container(container(node)?),
        "Annotations" => {
            let target = node.attribute("Target").unwrap_or_default().to_owned();
            let qualifier = node.attribute("Qualifier").map(str::to_owned);
            let mut annotations = Vec::new();
            for child in node.children {
                let mut found = annotation(child);
                found.qualifier = found.qualifier.or_else(|| qualifier.clone());
                annotations.push(found);
            }
            SchemaItem::Annotations {
                target,
                annotations,
            }
        }
        // Elements of other vocabularies say nothing about the model.
        _ => return Ok(None),
    }))
}

fn required(node: &mut Node, attribute: &str) -> Result<String, Fault> {
    node.take(attribute)
        .ok_or_else(|| format!("an element `{}` has no attribute `{attribute}`", node.name))
}

fn truth(node: &mut Node, attribute: &str) -> Option<bool> {
    match node.take(attribute)?.trim() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn number<T: std::str::FromStr>(node: &mut Node, attribute: &str) -> Result<Option<T>, Fault> {
    match node.take(attribute) {
        None => Ok(None),
        Some(text) => match text.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!(
                "the attribute `{attribute}` of `{}` is no number",
                node.name
            )),
        },
    }
}

fn annotation(mut node: Node) -> Annotation {
    let term = node.take("Term").unwrap_or_default();
    let qualifier = node.take("Qualifier");
    let constant = node
        .attributes
        .into_iter()
        .find(|(name, _)| !name.contains(':'));
    Annotation {
        term,
        qualifier,
        constant,
        nodes: node.children,
    }
}

fn reference(mut node: Node) -> Reference {
    let uri = node.take("Uri").unwrap_or_default();
    let includes = node
        .children
        .into_iter()
        .filter(|child| child.name == "Include");
    let includes = includes
        .map(|mut child| {
            (
                child.take("Namespace").unwrap_or_default(),
                child.take("Alias"),
            )
        })
        .collect();
    Reference { uri, includes }
}

fn entity_type(mut node: Node) -> Result<EntityType, Fault> {
    let mut entity = EntityType::new(required(&mut node, "Name")?);
    entity.base_type = node.take("BaseType");
    entity.is_abstract = truth(&mut node, "Abstract").unwrap_or(false);
    entity.is_open = truth(&mut node, "OpenType").unwrap_or(false);
    entity.has_stream = truth(&mut node, "HasStream").unwrap_or(false);
    for child in node.children {
        match child.name.as_str() {
            "Key" => {
                for mut reference in child.children {
                    if reference.name == "PropertyRef" {
                        let path = required(&mut reference, "Name")?;
                        entity.key.push((path, reference.take("Alias")));
                    }
                }
            }
            "Property" => entity.properties.push(property(child, "Type")?),
            "NavigationProperty" => {
                entity
                    .navigation_properties
                    .push(navigation_property(child)?);
            }
            "Annotation" => entity.annotations.push(annotation(child)),
            _ => {}
        }
    }
    Ok(entity)
}

fn complex_type(mut node: Node) -> Result<ComplexType, Fault> {
    let mut complex = ComplexType {
        name: required(&mut node, "Name")?,
        base_type: node.take("BaseType"),
        is_abstract: truth(&mut node, "Abstract").unwrap_or(false),
        is_open: truth(&mut node, "OpenType").unwrap_or(false),
        ..ComplexType::default()
    };
    for child in node.children {
        match child.name.as_str() {
            "Property" => complex.properties.push(property(child, "Type")?),
            "NavigationProperty" => {
                complex
                    .navigation_properties
                    .push(navigation_property(child)?);
            }
            "Annotation" => complex.annotations.push(annotation(child)),
            _ => {}
        }
    }
    Ok(complex)
}

/// Anything with a type and facets; `type_attribute` names the attribute that holds the type.
fn property(mut node: Node, type_attribute: &str) -> Result<Property, Fault> {
    let name = node.take("Name").unwrap_or_default();
    let type_name = required(&mut node, type_attribute)?;
    let mut property = Property::new(name, TypeRef::parse(&type_name));
    property.nullable = truth(&mut node, "Nullable").unwrap_or(true);
    property.max_length = match node.attribute("MaxLength") {
        Some("max" | "Max") => Some(MaxLength::Max),
        _ => number(&mut node, "MaxLength")?.map(MaxLength::Of),
    };
    property.precision = number(&mut node, "Precision")?;
    property.scale = match node.attribute("Scale") {
        Some("variable" | "Variable") => Some(Scale::Variable),
        Some("floating" | "Floating") => Some(Scale::Floating),
        _ => number(&mut node, "Scale")?.map(Scale::Of),
    };
    property.unicode = truth(&mut node, "Unicode");
    property.srid = node.take("SRID");
    property.default_value = node.take("DefaultValue");
    property.annotations = annotations(node.children);
    Ok(property)
}

fn annotations(children: Vec<Node>) -> Vec<Annotation> {
    let children = children
        .into_iter()
        .filter(|child| child.name == "Annotation");
    children.map(annotation).collect()
}

fn navigation_property(mut node: Node) -> Result<NavigationProperty, Fault> {
    let name = required(&mut node, "Name")?;
    let type_name = required(&mut node, "Type")?;
    let mut property = NavigationProperty::new(name, TypeRef::parse(&type_name));
    property.nullable = truth(&mut node, "Nullable").unwrap_or(true);
    property.partner = node.take("Partner");
    property.contains_target = truth(&mut node, "ContainsTarget").unwrap_or(false);
    for mut child in node.children {
        match child.name.as_str() {
            "ReferentialConstraint" => {
                let own = required(&mut child, "Property")?;
                property
                    .constraints
                    .push((own, required(&mut child, "ReferencedProperty")?));
            }
            "OnDelete" => property.on_delete = child.take("Action"),
            "Annotation" => property.annotations.push(annotation(child)),
            _ => {}
        }
    }
    Ok(property)
}

fn enum_type(mut node: Node) -> Result<EnumType, Fault> {
    let mut found = EnumType {
        name: required(&mut node, "Name")?,
        underlying_type: node.take("UnderlyingType"),
        is_flags: truth(&mut node, "IsFlags").unwrap_or(false),
        ..EnumType::default()
    };
    let mut next: i64 = 0;
    for mut child in node.children {
        match child.name.as_str() {
            "Member" => {
                let name = required(&mut child, "Name")?;
                let value = number(&mut child, "Value")?.unwrap_or(next);
                next = value.wrapping_add(1);
                let annotations = annotations(child.children);
                found.members.push(EnumMember {
                    name,
                    value,
                    annotations,
                });
            }
            "Annotation" => found.annotations.push(annotation(child)),
            _ => {}
        }
    }
    Ok(found)
}

fn operation(mut node: Node, kind: OperationKind) -> Result<Operation, Fault> {
    let mut operation = Operation {
        kind,
        name: required(&mut node, "Name")?,
        is_bound: truth(&mut node, "IsBound").unwrap_or(false),
        is_composable: truth(&mut node, "IsComposable").unwrap_or(false),
        entity_set_path: node.take("EntitySetPath"),
        ..Operation::default()
    };
    for child in node.children {
        match child.name.as_str() {
            "Parameter" => operation.parameters.push(property(child, "Type")?),
            "ReturnType" => operation.returns = Some(property(child, "Type")?),
            "Annotation" => operation.annotations.push(annotation(child)),
            _ => {}
        }
    }
    Ok(operation)
}

fn container(mut node: Node) -> Result<EntityContainer, Fault> {
    let mut found = EntityContainer {
        name: required(&mut node, "Name")?,
        extends: node.take("Extends"),
        ..EntityContainer::default()
    };
    for mut child in node.children {
        match child.name.as_str() {
            "EntitySet" => {
                let name = required(&mut child, "Name")?;
                let entity_type = required(&mut child, "EntityType")?;
                let in_service_document = truth(&mut child, "IncludeInServiceDocument");
                let (bindings, annotations) = bindings(child.children)?;
                found.entity_sets.push(EntitySet {
                    name,
                    entity_type,
                    in_service_document,
                    bindings,
                    annotations,
                });
            }
            "Singleton" => {
                let name = required(&mut child, "Name")?;
                let type_name = required(&mut child, "Type")?;
                let nullable = truth(&mut child, "Nullable").unwrap_or(false);
                let (bindings, annotations) = bindings(child.children)?;
                found.singletons.push(Singleton {
                    name,
                    type_name,
                    nullable,
                    bindings,
                    annotations,
                });
            }
            "ActionImport" => found.action_imports.push(ActionImport {
                name: required(&mut child, "Name")?,
                action: required(&mut child, "Action")?,
                entity_set: child.take("EntitySet"),
                annotations: annotations(child.children),
            }),
            "FunctionImport" => found.function_imports.push(FunctionImport {
                name: required(&mut child, "Name")?,
                function: required(&mut child, "Function")?,
                entity_set: child.take("EntitySet"),
                in_service_document: truth(&mut child, "IncludeInServiceDocument"),
                annotations: annotations(child.children),
            }),
            "Annotation" => found.annotations.push(annotation(child)),
            _ => {}
        }
    }
    Ok(found)
}

type Bindings = Vec<(String, String)>;

fn bindings(children: Vec<Node>) -> Result<(Bindings, Vec<Annotation>), Fault> {
    let mut bindings = Vec::new();
    let mut annotations = Vec::new();
    for mut child in children {
        match child.name.as_str() {
            "NavigationPropertyBinding" => {
                let path = required(&mut child, "Path")?;
                bindings.push((path, required(&mut child, "Target")?));
            }
            "Annotation" => annotations.push(annotation(child)),
            _ => {}
        }
    }
    Ok((bindings, annotations))
}
