//! What a service says of its own model: annotations by target and term, whatever aliases the
//! document uses.

use odata::csdl::{Annotation, Model, Node};
use std::collections::HashMap;

/// Every annotation of a model, those inside elements and those that stand apart.
pub(super) struct Annotations<'m> {
    /// Namespaces by their aliases.
    aliases: HashMap<&'m str, &'m str>,
    /// By target, whose namespace is written out.
    apart: HashMap<String, Vec<&'m Annotation>>,
}

/// The annotations of one element.
pub(super) struct Said<'a, 'm> {
    all: &'a Annotations<'m>,
    inside: &'m [Annotation],
    apart: &'a [&'m Annotation],
}

impl<'m> Annotations<'m> {
    pub(super) fn of(model: &'m Model) -> Self {
        let mut aliases = HashMap::new();
        for (namespace, alias) in model.references.iter().flat_map(|other| &other.includes) {
            if let Some(alias) = alias {
                aliases.insert(alias.as_str(), namespace.as_str());
            }
        }
        for schema in &model.schemas {
            if let Some(alias) = &schema.alias {
                aliases.insert(alias, &schema.namespace);
            }
        }
        let mut all = Self {
            aliases,
            apart: HashMap::new(),
        };
        for (target, annotations) in model.schemas.iter().flat_map(|schema| &schema.annotations) {
            let target = all.target(target);
            all.apart.entry(target).or_default().extend(annotations);
        }
        all
    }

    /// What is said of an element: the annotations inside it, and those that name it as target.
    pub(super) fn said(&self, target: &str, inside: &'m [Annotation]) -> Said<'_, 'm> {
        Said {
            all: self,
            inside,
            apart: self.apart.get(target).map_or(&[], Vec::as_slice),
        }
    }

    /// A target with its namespace written out: `Self.Container/Set` → `shop.Container/Set`.
    fn target(&self, target: &str) -> String {
        match target.split_once('/') {
            Some((first, rest)) => format!("{}/{rest}", self.qualified(first)),
            None => self.qualified(target),
        }
    }

    /// A qualified name with its namespace written out.
    pub(super) fn qualified(&self, name: &str) -> String {
        match name.rsplit_once('.') {
            Some((alias, name)) if self.aliases.contains_key(alias) => {
                format!("{}.{name}", self.aliases[alias])
            }
            _ => name.to_owned(),
        }
    }
}

impl<'m> Said<'_, 'm> {
    /// The annotation by a term of the standard's vocabularies: `Core.V1.Computed`.
    fn term(&self, term: &str) -> Option<&'m Annotation> {
        let wanted = format!("Org.OData.{term}");
        self.inside
            .iter()
            .chain(self.apart.iter().copied())
            .find(|annotation| self.all.qualified(&annotation.term) == wanted)
    }

    /// Whether a tagging term stands here and is not denied.
    pub(super) fn is(&self, term: &str) -> bool {
        self.term(term)
            .is_some_and(|annotation| annotation.as_bool() != Some(false))
    }

    /// A boolean: the term's own value, or that of a property of its record.
    pub(super) fn flag(&self, term: &str, property: &str) -> Option<bool> {
        let annotation = self.term(term)?;
        let of_record = annotation
            .nodes
            .iter()
            .find_map(|node| value_in(node, property));
        match of_record {
            Some(text) => text.parse().ok(),
            None => annotation.as_bool().filter(|_| annotation.nodes.is_empty()),
        }
    }

    /// The text of a constant.
    pub(super) fn text(&self, term: &str) -> Option<&'m str> {
        self.term(term)?.text()
    }

    /// The sets of columns that `Core.V1.AlternateKeys` names.
    pub(super) fn alternate_keys(&self) -> Vec<Vec<String>> {
        let Some(annotation) = self.term("Core.V1.AlternateKeys") else {
            return Vec::new();
        };
        let mut keys = Vec::new();
        for record in annotation.nodes.iter().flat_map(|node| &node.children) {
            let mut names = Vec::new();
            values_in(record, "Name", &mut names);
            if !names.is_empty() {
                keys.push(names);
            }
        }
        keys
    }
}

/// The text of a `PropertyValue` somewhere in a tree of elements.
fn value_in(node: &Node, property: &str) -> Option<String> {
    let mut found = Vec::new();
    values_in(node, property, &mut found);
    found.into_iter().next()
}

fn values_in(node: &Node, property: &str, found: &mut Vec<String>) {
    if node.name == "PropertyValue" && node.attribute("Property") == Some(property) {
        let constant = node
            .attributes
            .iter()
            .find(|(name, _)| name != "Property")
            .map(|(_, value)| value.clone());
        let inner = || node.children.first().map(|child| child.text.clone());
        found.extend(constant.or_else(inner).filter(|text| !text.is_empty()));
    }
    for child in &node.children {
        values_in(child, property, found);
    }
}
