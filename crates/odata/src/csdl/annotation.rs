//! Annotations of a model.

use super::Node;

/// What a term says of an element of the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotation {
    /// The term's qualified name, such as `Org.OData.Core.V1.Description`.
    pub term: String,
    /// Its qualifier, where the same term stands several times.
    pub qualifier: Option<String>,
    /// A constant value with its kind: (`String`, `Bool`, `Int`, `EnumMember`, `Path` …, text).
    pub constant: Option<(String, String)>,
    /// A value that is an expression, and annotations of the annotation.
    pub nodes: Vec<Node>,
}

impl Annotation {
    /// An annotation with a constant value of a kind such as `String`.
    pub fn constant(
        term: impl Into<String>,
        kind: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        let constant = Some((kind.into(), text.into()));
        Self {
            term: term.into(),
            constant,
            ..Self::default()
        }
    }

    /// The text of a constant value of any kind, given as an attribute or as an element.
    pub fn text(&self) -> Option<&str> {
        match &self.constant {
            Some((_, text)) => Some(text),
            None => match self.nodes.as_slice() {
                [node, ..] if node.children.is_empty() => Some(&node.text),
                _ => None,
            },
        }
    }

    /// A boolean value; a tagging term without a value is true.
    pub fn as_bool(&self) -> Option<bool> {
        match self.text() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => None,
            None => self.nodes.is_empty().then_some(true),
        }
    }
}
