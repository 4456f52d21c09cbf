//! A plain XML element with all that is in it, read from a stream.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::CsdlError;

/// An element: its local name, attributes, children and text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// The name without its namespace prefix.
    pub name: String,
    /// The attributes in order, names as written.
    pub attributes: Vec<(String, String)>,
    /// The elements inside.
    pub children: Vec<Node>,
    /// The text inside, if there are no elements.
    pub text: String,
}

impl Node {
    /// An attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Takes an attribute's value away.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self
            .attributes
            .iter()
            .position(|(known, _)| known == name)?;
        Some(self.attributes.remove(at).1)
    }

    /// The children of a name.
    pub fn children_named<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Node> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// What comes next in a document.
pub(super) enum Step {
    /// An element starts; its children follow. The flag says that it is already closed.
    Open(Node, bool),
    /// An element ends.
    Close,
    /// The document ends.
    End,
}

/// Elements inside elements, so deep.
const MAX_DEPTH: usize = 100;

/// Reads elements from a stream.
pub(super) struct NodeReader<R> {
    reader: Reader<R>,
    buffer: Vec<u8>,
}

impl<R: BufRead> NodeReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            reader: Reader::from_reader(input),
            buffer: Vec::new(),
        }
    }

    pub(super) fn shape(&self, what: impl Into<String>) -> CsdlError {
        CsdlError::Shape {
            offset: self.reader.buffer_position(),
            what: what.into(),
        }
    }

    /// The next start or end of an element; text between them is skipped.
    pub(super) fn step(&mut self) -> Result<Step, CsdlError> {
        loop {
            self.buffer.clear();
            let event = self.reader.read_event_into(&mut self.buffer);
            let offset = self.reader.buffer_position();
            match event.map_err(|source| CsdlError::Xml { offset, source })? {
                Event::Start(start) => return Ok(Step::Open(open(&start, offset)?, false)),
                Event::Empty(start) => return Ok(Step::Open(open(&start, offset)?, true)),
                Event::End(_) => return Ok(Step::Close),
                Event::Eof => return Ok(Step::End),
                _ => {}
            }
        }
    }

    /// Reads all that is inside an element which was just opened.
    pub(super) fn fill(&mut self, root: Node) -> Result<Node, CsdlError> {
        let mut stack = vec![root];
        loop {
            self.buffer.clear();
            let event = self.reader.read_event_into(&mut self.buffer);
            let offset = self.reader.buffer_position();
            match event.map_err(|source| CsdlError::Xml { offset, source })? {
                Event::Start(start) => {
                    if stack.len() >= MAX_DEPTH {
                        return Err(self.shape("elements are nested too deep"));
                    }
                    stack.push(open(&start, offset)?);
                }
                Event::Empty(start) => {
                    let child = open(&start, offset)?;
                    if let Some(parent) = stack.last_mut() {
                        parent.children.push(child);
                    }
                }
                Event::End(_) => {
                    let Some(mut node) = stack.pop() else {
                        return Err(self.shape("no element"));
                    };
                    if !node.children.is_empty() {
                        node.text.clear();
                    }
                    match stack.last_mut() {
                        Some(parent) => parent.children.push(node),
                        None => return Ok(node),
                    }
                }
                Event::Text(text) => push_text(&mut stack, &text.xml10_content()),
                Event::CData(text) => push_text(&mut stack, &text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let resolved = if let Ok(Some(c)) = reference.resolve_char_ref() {
                        Some(c.to_string())
                    } else {
                        let name = reference.xml10_content();
                        resolve_predefined_entity(&name).map(str::to_owned)
                    };
                    match resolved {
                        Some(text) => push_text(&mut stack, &text),
                        None => return Err(self.shape("an entity that XML does not define")),
                    }
                }
                Event::Eof => return Err(self.shape("the document ends inside an element")),
                Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
            }
        }
    }
}

fn push_text(stack: &mut [Node], text: &str) {
    if let Some(node) = stack.last_mut() {
        node.text.push_str(text);
    }
}

fn open(start: &BytesStart<'_>, offset: u64) -> Result<Node, CsdlError> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| CsdlError::Xml {
            offset,
            source: error.into(),
        })?;
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|source| CsdlError::Xml { offset, source })?;
        attributes.push((attribute.key.into_inner().to_owned(), value.into_owned()));
    }
    let name = start.local_name().into_inner().to_owned();
    Ok(Node {
        name,
        attributes,
        ..Node::default()
    })
}
