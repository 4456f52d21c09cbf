//! A small reader of XML elements, for `FetchXML` and the settings of webhooks.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// An element with what is inside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

/// How deeply elements may nest.
const DEPTH: usize = 64;

impl Element {
    /// Reads a document; its outermost element.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        loop {
            let closed = match reader.read_event().ok()? {
                Event::Start(start) if open.len() < DEPTH => {
                    open.push(Self::open(&start)?);
                    continue;
                }
                Event::Empty(start) => Self::open(&start)?,
                Event::End(_) => open.pop()?,
                Event::Text(text) => {
                    open.last_mut()?.text.push_str(text.trim());
                    continue;
                }
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref().ok()? {
                        Some(character) => character.to_string(),
                        None => resolve_predefined_entity(&reference)?.to_owned(),
                    };
                    open.last_mut()?.text.push_str(&resolved);
                    continue;
                }
                Event::Decl(_) | Event::Comment(_) => continue,
                _ => return None,
            };
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None => return Some(closed),
            }
        }
    }

    fn open(start: &BytesStart<'_>) -> Option<Self> {
        let name = start.name().as_ref().to_owned();
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            let key = attribute.key.as_ref().to_owned();
            let value = quick_xml::escape::unescape(&attribute.value)
                .ok()?
                .into_owned();
            attributes.push((key, value));
        }
        Some(Self {
            name,
            attributes,
            ..Self::default()
        })
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether an attribute says yes.
    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.attribute(name), Some("true" | "1"))
    }

    /// The elements inside with a name.
    pub(super) fn named<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_nest_with_attributes_and_text() {
        let text =
            "<?xml version='1.0'?><a x='1 &lt; 2'><b/><!-- c --><b y=\"q\">t &amp; &#65;</b></a>";
        let element = Element::read(text).unwrap();
        assert_eq!(element.attribute("x"), Some("1 < 2"));
        let inner: Vec<_> = element.named("b").collect();
        assert_eq!(inner.len(), 2);
        assert_eq!(inner[1].text.replace(' ', ""), "t&A");
    }

    #[test]
    fn broken_documents_are_none() {
        for text in [
            "",
            "<a>",
            "<a></b>",
            "x",
            "</a>",
            "<a b=c/>",
            &"<a>".repeat(100),
        ] {
            assert_eq!(Element::read(text), None, "{text}");
        }
    }
}
