//! Findings and failures as people read them: the line, the place in it, the code, the next step.

use annotate_snippets::{AnnotationKind, Element, Level, Padding, Renderer, Snippet};
use duet_map::diagnostic::{Diagnostic, Place, Severity};
use std::collections::HashMap;

/// Renders findings; reads each file that they point into once.
pub struct Render {
    renderer: Renderer,
    sources: HashMap<String, Option<String>>,
}

impl Render {
    /// With colour for a terminal, without for everything else.
    pub fn new(colour: bool) -> Self {
        Self {
            renderer: if colour {
                Renderer::styled()
            } else {
                Renderer::plain()
            },
            sources: HashMap::new(),
        }
    }

    /// Adds the text of a file, for one that is not on disk.
    pub fn add_source(&mut self, file: &str, text: &str) {
        self.sources.insert(file.to_owned(), Some(text.to_owned()));
    }

    /// One finding.
    pub fn diagnostic(&mut self, diagnostic: &Diagnostic) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let mut elements: Vec<Element<'_>> = Vec::new();
        if let Some(place) = &diagnostic.place {
            let source = self
                .sources
                .entry(place.file.clone())
                .or_insert_with(|| std::fs::read_to_string(&place.file).ok());
            // The line with a secret in it is not shown again.
            let shown = source
                .as_deref()
                .filter(|_| diagnostic.code != crate::config::codes::INLINE_SECRET);
            match shown.and_then(|text| line_of(text, place)) {
                Some((line, span)) => elements.push(
                    Snippet::source(line)
                        .line_start(place.line)
                        .path(place.file.as_str())
                        .annotation(AnnotationKind::Primary.span(span))
                        .into(),
                ),
                None => elements.push(
                    annotate_snippets::Origin::path(place.file.as_str())
                        .line(place.line)
                        .char_column(place.column)
                        .into(),
                ),
            }
        } else if !diagnostic.notes.is_empty() || diagnostic.fix.is_some() {
            elements.push(Padding.into());
        }
        for note in &diagnostic.notes {
            elements.push(Level::NOTE.message(note.as_str()).into());
        }
        if let Some(fix) = &diagnostic.fix {
            elements.push(Level::HELP.message(fix.as_str()).into());
        }
        let group = level
            .primary_title(diagnostic.message.as_str())
            .id(diagnostic.code.to_string())
            .elements(elements);
        self.renderer.render(&[group])
    }
}

/// The line that a place points at, and the bytes in it that are meant.
fn line_of<'t>(text: &'t str, place: &Place) -> Option<(&'t str, std::ops::Range<usize>)> {
    let line = text.lines().nth(place.line.checked_sub(1)?)?;
    let byte = |column: usize| {
        line.char_indices()
            .nth(column)
            .map_or(line.len(), |(byte, _)| byte)
    };
    let start = byte(place.column.saturating_sub(1));
    let end = byte(place.column.saturating_sub(1) + place.length.max(1));
    Some((line, start..end))
}
