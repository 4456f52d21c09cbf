//! Writes a model as EDMX that validates against the published CSDL XML schema.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::{
    Annotation, EntityContainer, MaxLength, Model, NavigationProperty, Node, Operation,
    OperationKind, Property, Scale, Schema,
};

impl Model {
    /// The model as an EDMX document, indented by two blanks.
    ///
    /// ```
    /// use duet_odata::csdl::{EntityType, Model, Property, Schema, TypeRef};
    ///
    /// let mut account = EntityType::new("account");
    /// account.properties.push(Property::new("name", TypeRef::single("Edm.String")));
    /// let schema = Schema {
    ///     namespace: "Ns".into(),
    ///     entity_types: vec![account],
    ///     ..Schema::default()
    /// };
    /// let model = Model { schemas: vec![schema], ..Model::default() };
    /// let xml = model.to_xml();
    /// assert!(xml.contains(r#"<Property Name="name" Type="Edm.String"/>"#));
    /// assert_eq!(Model::read(xml.as_bytes())?, model);
    /// # Ok::<(), duet_odata::csdl::CsdlError>(())
    /// ```
    pub fn to_xml(&self) -> String {
        let mut xml = Xml::default();
        xml.text
            .push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
        let edmx = [
            ("Version", Some("4.0")),
            (
                "xmlns:edmx",
                Some("http://docs.oasis-open.org/odata/ns/edmx"),
            ),
        ];
        xml.element("edmx:Edmx", &edmx, |xml| {
            for reference in &self.references {
                xml.element("edmx:Reference", &[("Uri", Some(&reference.uri))], |xml| {
                    for (namespace, alias) in &reference.includes {
                        let attributes = [
                            ("Namespace", Some(namespace.as_str())),
                            ("Alias", alias.as_deref()),
                        ];
                        xml.element("edmx:Include", &attributes, |_| {});
                    }
                });
            }
            xml.element("edmx:DataServices", &[], |xml| {
                self.schemas.iter().for_each(|schema| xml.schema(schema));
            });
        });
        xml.text
    }
}

/// An attribute that is left out if it has no value.
type Attribute<'a> = (&'a str, Option<&'a str>);

#[derive(Default)]
struct Xml {
    text: String,
    depth: usize,
}

fn flag(value: bool) -> Option<&'static str> {
    value.then_some("true")
}

fn word(value: Option<bool>) -> Option<&'static str> {
    value.map(|value| if value { "true" } else { "false" })
}

impl Xml {
    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
    }

    fn open(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        self.indent();
        let _ = write!(self.text, "<{name}");
        for (name, value) in attributes {
            if let Some(value) = value {
                let _ = write!(self.text, " {name}=\"{}\"", attribute_text(value));
            }
        }
    }

    fn element(
        &mut self,
        name: &str,
        attributes: &[Attribute<'_>],
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        self.text.push_str(">\n");
        let start = self.text.len();
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        if self.text.len() == start {
            self.text.truncate(start - 2);
            self.text.push_str("/>\n");
        } else {
            self.indent();
            let _ = writeln!(self.text, "</{name}>");
        }
    }

    fn schema(&mut self, schema: &Schema) {
        let attributes = [
            ("Namespace", Some(schema.namespace.as_str())),
            ("Alias", schema.alias.as_deref()),
            ("xmlns", Some("http://docs.oasis-open.org/odata/ns/edm")),
        ];
        self.element("Schema", &attributes, |xml| {
            for entity in &schema.entity_types {
                let attributes = [
                    ("Name", Some(entity.name.as_str())),
                    ("BaseType", entity.base_type.as_deref()),
                    ("Abstract", flag(entity.is_abstract)),
                    ("OpenType", flag(entity.is_open)),
                    ("HasStream", flag(entity.has_stream)),
                ];
                xml.element("EntityType", &attributes, |xml| {
                    if !entity.key.is_empty() {
                        xml.element("Key", &[], |xml| {
                            for (path, alias) in &entity.key {
                                let attributes =
                                    [("Name", Some(path.as_str())), ("Alias", alias.as_deref())];
                                xml.element("PropertyRef", &attributes, |_| {});
                            }
                        });
                    }
                    xml.properties(&entity.properties, &entity.navigation_properties);
                    xml.annotations(&entity.annotations);
                });
            }
            for complex in &schema.complex_types {
                let attributes = [
                    ("Name", Some(complex.name.as_str())),
                    ("BaseType", complex.base_type.as_deref()),
                    ("Abstract", flag(complex.is_abstract)),
                    ("OpenType", flag(complex.is_open)),
                ];
                xml.element("ComplexType", &attributes, |xml| {
                    xml.properties(&complex.properties, &complex.navigation_properties);
                    xml.annotations(&complex.annotations);
                });
            }
            for found in &schema.enum_types {
                let attributes = [
                    ("Name", Some(found.name.as_str())),
                    ("UnderlyingType", found.underlying_type.as_deref()),
                    ("IsFlags", flag(found.is_flags)),
                ];
                xml.element("EnumType", &attributes, |xml| {
                    for member in &found.members {
                        let value = member.value.to_string();
                        let attributes = [
                            ("Name", Some(member.name.as_str())),
                            ("Value", Some(&*value)),
                        ];
                        xml.element("Member", &attributes, |xml| {
                            xml.annotations(&member.annotations);
                        });
                    }
                    xml.annotations(&found.annotations);
                });
            }
            for found in &schema.type_definitions {
                xml.typed("TypeDefinition", "UnderlyingType", &found.definition, &[]);
            }
            schema
                .operations
                .iter()
                .for_each(|operation| xml.operation(operation));
            for term in &schema.terms {
                let more = [
                    ("BaseTerm", term.base_term.as_deref()),
                    ("AppliesTo", term.applies_to.as_deref()),
                ];
                xml.typed("Term", "Type", &term.definition, &more);
            }
            if let Some(container) = &schema.container {
                xml.container(container);
            }
            for (target, annotations) in &schema.annotations {
                xml.element("Annotations", &[("Target", Some(target))], |xml| {
                    xml.annotations(annotations);
                });
            }
        });
    }

    fn properties(&mut self, properties: &[Property], navigation: &[NavigationProperty]) {
        for property in properties {
            self.typed("Property", "Type", property, &[]);
        }
        for property in navigation {
            let type_name = property.type_ref.to_string();
            let nullable = (!property.nullable && !property.type_ref.collection).then_some("false");
            let attributes = [
                ("Name", Some(property.name.as_str())),
                ("Type", Some(&*type_name)),
                ("Nullable", nullable),
                ("Partner", property.partner.as_deref()),
                ("ContainsTarget", flag(property.contains_target)),
            ];
            self.element("NavigationProperty", &attributes, |xml| {
                for (own, referenced) in &property.constraints {
                    let attributes = [
                        ("Property", Some(own.as_str())),
                        ("ReferencedProperty", Some(referenced.as_str())),
                    ];
                    xml.element("ReferentialConstraint", &attributes, |_| {});
                }
                if let Some(action) = &property.on_delete {
                    xml.element("OnDelete", &[("Action", Some(action))], |_| {});
                }
                xml.annotations(&property.annotations);
            });
        }
    }

    /// Anything with a type and facets.
    fn typed(
        &mut self,
        element: &str,
        type_attribute: &str,
        property: &Property,
        more: &[Attribute<'_>],
    ) {
        let type_name = property.type_ref.to_string();
        let max_length = property.max_length.map(|length| match length {
            MaxLength::Max => "max".to_owned(),
            MaxLength::Of(length) => length.to_string(),
        });
        let precision = property.precision.map(|digits| digits.to_string());
        let scale = property.scale.map(|scale| match scale {
            Scale::Of(digits) => digits.to_string(),
            Scale::Variable => "variable".to_owned(),
            Scale::Floating => "floating".to_owned(),
        });
        let named = !property.name.is_empty();
        let mut attributes = vec![
            ("Name", named.then_some(property.name.as_str())),
            (type_attribute, Some(&*type_name)),
            ("Nullable", (!property.nullable).then_some("false")),
            ("MaxLength", max_length.as_deref()),
            ("Precision", precision.as_deref()),
            ("Scale", scale.as_deref()),
            ("Unicode", word(property.unicode)),
            ("SRID", property.srid.as_deref()),
            ("DefaultValue", property.default_value.as_deref()),
        ];
        attributes.extend_from_slice(more);
        self.element(element, &attributes, |xml| {
            xml.annotations(&property.annotations);
        });
    }

    fn operation(&mut self, operation: &Operation) {
        let element = match operation.kind {
            OperationKind::Action => "Action",
            OperationKind::Function => "Function",
        };
        let attributes = [
            ("Name", Some(operation.name.as_str())),
            ("IsBound", flag(operation.is_bound)),
            ("IsComposable", flag(operation.is_composable)),
            ("EntitySetPath", operation.entity_set_path.as_deref()),
        ];
        self.element(element, &attributes, |xml| {
            for parameter in &operation.parameters {
                xml.typed("Parameter", "Type", parameter, &[]);
            }
            if let Some(returns) = &operation.returns {
                xml.typed("ReturnType", "Type", returns, &[]);
            }
            xml.annotations(&operation.annotations);
        });
    }

    fn container(&mut self, container: &EntityContainer) {
        let attributes = [
            ("Name", Some(container.name.as_str())),
            ("Extends", container.extends.as_deref()),
        ];
        self.element("EntityContainer", &attributes, |xml| {
            for set in &container.entity_sets {
                let attributes = [
                    ("Name", Some(set.name.as_str())),
                    ("EntityType", Some(set.entity_type.as_str())),
                    ("IncludeInServiceDocument", word(set.in_service_document)),
                ];
                xml.element("EntitySet", &attributes, |xml| {
                    xml.bindings(&set.bindings);
                    xml.annotations(&set.annotations);
                });
            }
            for singleton in &container.singletons {
                let attributes = [
                    ("Name", Some(singleton.name.as_str())),
                    ("Type", Some(singleton.type_name.as_str())),
                    ("Nullable", flag(singleton.nullable)),
                ];
                xml.element("Singleton", &attributes, |xml| {
                    xml.bindings(&singleton.bindings);
                    xml.annotations(&singleton.annotations);
                });
            }
            for import in &container.action_imports {
                let attributes = [
                    ("Name", Some(import.name.as_str())),
                    ("Action", Some(import.action.as_str())),
                    ("EntitySet", import.entity_set.as_deref()),
                ];
                xml.element("ActionImport", &attributes, |xml| {
                    xml.annotations(&import.annotations);
                });
            }
            for import in &container.function_imports {
                let attributes = [
                    ("Name", Some(import.name.as_str())),
                    ("Function", Some(import.function.as_str())),
                    ("EntitySet", import.entity_set.as_deref()),
                    ("IncludeInServiceDocument", word(import.in_service_document)),
                ];
                xml.element("FunctionImport", &attributes, |xml| {
                    xml.annotations(&import.annotations);
                });
            }
            xml.annotations(&container.annotations);
        });
    }

    fn bindings(&mut self, bindings: &[(String, String)]) {
        for (path, target) in bindings {
            let attributes = [
                ("Path", Some(path.as_str())),
                ("Target", Some(target.as_str())),
            ];
            self.element("NavigationPropertyBinding", &attributes, |_| {});
        }
    }

    fn annotations(&mut self, annotations: &[Annotation]) {
        for annotation in annotations {
            let mut attributes = vec![
                ("Term", Some(annotation.term.as_str())),
                ("Qualifier", annotation.qualifier.as_deref()),
            ];
            if let Some((kind, text)) = &annotation.constant {
                attributes.push((kind, Some(text)));
            }
            self.element("Annotation", &attributes, |xml| {
                annotation.nodes.iter().for_each(|node| xml.node(node));
            });
        }
    }

    fn node(&mut self, node: &Node) {
        let attributes: Vec<Attribute<'_>> = node
            .attributes
            .iter()
            .map(|(name, value)| (&**name, Some(&**value)))
            .collect();
        if node.children.is_empty() && !node.text.is_empty() {
            self.open(&node.name, &attributes);
            let _ = writeln!(self.text, ">{}</{}>", escape(node.text.as_str()), node.name);
            return;
        }
        self.element(&node.name, &attributes, |xml| {
            node.children.iter().for_each(|child| xml.node(child));
        });
    }
}

/// Blanks other than spaces would be read back as spaces, so they become character references.
fn attribute_text(value: &str) -> String {
    escape(value).replace('\n', "&#10;").replace('\t', "&#9;")
}
