//! Reads YAML into a tree of texts with places; nothing is typed, so `no` stays `no`.
//!
//! Anchors, aliases and tags are refused: a map file is data that people compare line by line.

use crate::codes;
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::file::Mark;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::sync::Arc;

/// Deeper nesting than any map file needs.
const MAX_DEPTH: usize = 16;

/// A node of the tree.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Place,
    pub(crate) content: Content,
}

/// Why a text is no YAML that a map file can be.
#[derive(Debug)]
pub(crate) struct YamlError {
    place: Place,
    message: String,
    fix: Option<&'static str>,
}

impl From<YamlError> for Diagnostic {
    fn from(error: YamlError) -> Self {
        Self {
            code: codes::NOT_YAML,
            severity: Severity::Error,
            message: format!("this is not readable as YAML: {}", error.message),
            place: Some(error.place),
            notes: Vec::new(),
            fix: error.fix.map(str::to_owned),
        }
    }
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Content {
    Text { text: String, quoted: bool },
    List(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    pub(crate) fn mark(&self) -> Mark {
        Mark(Some(Arc::new(self.at.clone())))
    }

    /// What to call it in an error.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Text { text, quoted } if text.is_empty() && !quoted => "nothing",
            Content::Text { .. } => "a text",
            Content::List(_) => "a list",
            Content::Mapping(_) => "a mapping",
        }
    }

    /// The place of a piece of this text, counted in characters of the text. Exact for texts on
    /// one line without escapes, which is what field lines are.
    pub(crate) fn part(&self, start: usize, length: usize) -> Place {
        let quote = usize::from(matches!(&self.content, Content::Text { quoted: true, .. }));
        Place {
            file: self.at.file.clone(),
            line: self.at.line,
            column: self.at.column + quote + start,
            length: length.max(1),
        }
    }
}

/// Reads the one document of a file.
pub(crate) fn read(text: &str, file: &str) -> Result<Node, YamlError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        file,
    };
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (Event::StreamEnd | Event::DocumentEnd, span) => {
                return Err(reader.error(span, "the file is empty", Some("write a map into it")));
            }
            (event, span) => {
                let root = reader.node(event, span, 0)?;
                reader.finish()?;
                return Ok(root);
            }
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    file: &'a str,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = error.marker();
                Err(YamlError {
                    place: self.place(at.line(), at.col(), 1),
                    message: error.info().to_owned(),
                    fix: None,
                })
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, YamlError> {
        if depth > MAX_DEPTH {
            return Err(self.error(span, "the nesting is too deep for a map file", None));
        }
        let start = self.place(span.start.line(), span.start.col(), span.len());
        match event {
            Event::Scalar(text, style, 0, None) => {
                let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
                let text = text.into_owned();
                Ok(Node {
                    at: start,
                    content: Content::Text { text, quoted },
                })
            }
            Event::SequenceStart(0, None) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                Ok(Node {
                    at: start,
                    content: Content::List(items),
                })
            }
            Event::MappingStart(0, None) => {
                let mut entries = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, _) => break,
                        (event, span) => {
                            let key = self.node(event, span, depth + 1)?;
                            let (event, span) = self.next()?;
                            entries.push((key, self.node(event, span, depth + 1)?));
                        }
                    }
                }
                Ok(Node {
                    at: start,
                    content: Content::Mapping(entries),
                })
            }
            Event::StreamEnd | Event::DocumentEnd => {
                Err(self.error(span, "the file ends in the middle", None))
            }
            _ => Err(self.error(
                span,
                "map files have no anchors, aliases or tags",
                Some("write the value out; quote a text that begins with `&`, `*` or `!`"),
            )),
        }
    }

    /// Nothing may follow the document.
    fn finish(&mut self) -> Result<(), YamlError> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentEnd | Event::Nothing, _) => {}
                (_, span) => {
                    return Err(self.error(
                        span,
                        "a second document begins here",
                        Some("keep one map in a file"),
                    ));
                }
            }
        }
    }

    fn place(&self, line: usize, column: usize, length: usize) -> Place {
        Place {
            file: self.file.to_owned(),
            line: line.max(1),
            column: column + 1,
            length: length.max(1),
        }
    }

    fn error(&self, span: Span, message: &str, fix: Option<&'static str>) -> YamlError {
        YamlError {
            place: self.place(span.start.line(), span.start.col(), span.len()),
            message: message.to_owned(),
            fix,
        }
    }
}
