//! Prints a map file that reads back equal, in the order and style of the documentation.

use super::{Conflicts, Deletes, End, Field, MapFile, Marked};
use crate::side::Side;
use std::fmt::{self, Write as _};

impl MapFile {
    /// The file's text.
    pub fn to_yaml(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for MapFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "map: {}", scalar(&self.map.value, Context::Block))?;
        writeln!(
            f,
            "version: {}",
            scalar(&self.version.value, Context::Block)
        )?;
        writeln!(f, "why: {}", scalar(&self.why, Context::Block))?;
        writeln!(f, "left: {}", end(&self.ends.left))?;
        writeln!(f, "right: {}", end(&self.ends.right))?;
        writeln!(f, "company: {}", self.company.value.as_str())?;
        let key: Vec<String> = self
            .key
            .iter()
            .map(|part| {
                scalar(
                    &format!("{} = {}", part.left.value, part.right.value),
                    Context::Flow,
                )
            })
            .collect();
        writeln!(f, "key: [{}]", key.join(", "))?;
        writeln!(f, "master: {}", self.master)?;
        if self.conflicts.value != Conflicts::Master {
            writeln!(f, "conflicts: {}", self.conflicts.value.as_str())?;
        }
        print_deletes(f, self)?;
        if let Some(side) = self.allocates {
            writeln!(f, "allocates: {side}")?;
        }
        if self.fields.is_empty() {
            writeln!(f, "fields: []")?;
        } else {
            writeln!(f, "fields:")?;
        }
        for field in &self.fields {
            print_field(f, field)?;
        }
        if !self.assumed.is_empty() {
            writeln!(f, "assumed:")?;
        }
        for note in &self.assumed {
            writeln!(f, "  - {}", scalar(note, Context::Block))?;
        }
        if !self.allow.is_empty() {
            writeln!(f, "allow:")?;
        }
        for allowed in &self.allow {
            let column = allowed.column.as_ref().map_or(String::new(), |column| {
                format!(" column: {},", scalar(column, Context::Flow))
            });
            writeln!(
                f,
                "  - {{ code: {},{column} why: {} }}",
                allowed.code.value,
                scalar(&allowed.why, Context::Flow)
            )?;
        }
        Ok(())
    }
}

/// Value maps up to this many pairs stay on the field's line.
const PAIRS_ON_A_LINE: usize = 4;

/// A value map, or the columns that deactivate a record.
type Pairs = [(Marked<String>, Marked<String>)];

fn print_deletes(f: &mut fmt::Formatter<'_>, file: &MapFile) -> fmt::Result {
    let named = Side::BOTH
        .into_iter()
        .filter(|side| !file.deactivate[*side].is_empty());
    let sides: Vec<String> = named
        .map(|side| format!("{side}: {}", flow(&file.deactivate[side])))
        .collect();
    if file.deletes.value != Deletes::Deactivate || sides.is_empty() {
        return writeln!(f, "deletes: {}", file.deletes.value.as_str());
    }
    writeln!(f, "deletes: {{ deactivate: {{ {} }} }}", sides.join(", "))
}

/// Pairs on one line.
fn flow(pairs: &Pairs) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(left, right)| {
            format!(
                "{}: {}",
                scalar(&left.value, Context::Flow),
                scalar(&right.value, Context::Flow)
            )
        })
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// The long form, which alone can say everything.
fn print_long_field(f: &mut fmt::Formatter<'_>, field: &Field) -> fmt::Result {
    let text = |text: &Option<Marked<String>>| {
        text.as_ref()
            .map(|text| scalar(&text.value, Context::Block))
    };
    let lines = [
        ("left", text(&field.left)),
        (
            "direction",
            Some(format!("\"{}\"", field.direction.symbol())),
        ),
        ("right", text(&field.right)),
        (
            "values",
            (!field.values.is_empty()).then(|| flow(&field.values)),
        ),
        ("default", text(&field.default)),
        ("expression", text(&field.expression)),
        (
            "conflicts",
            field
                .conflicts
                .as_ref()
                .map(|c| c.value.as_str().to_owned()),
        ),
        (
            "else",
            field.create.as_ref().map(|create| {
                if create.columns.is_empty() {
                    "create".to_owned()
                } else {
                    format!("{{ create: {} }}", flow(&create.columns))
                }
            }),
        ),
    ];
    let lines = lines
        .into_iter()
        .filter_map(|(key, value)| Some(format!("{key}: {}", value?)));
    for (place, line) in lines.enumerate() {
        writeln!(f, "  {} {line}", if place == 0 { "-" } else { " " })?;
    }
    Ok(())
}

fn print_field(f: &mut fmt::Formatter<'_>, field: &Field) -> fmt::Result {
    let columns = field.create.iter().any(|create| !create.columns.is_empty());
    if field.conflicts.is_some() || columns {
        return print_long_field(f, field);
    }
    let line = field.to_string();
    if field.values.is_empty() {
        return writeln!(f, "  - {}", scalar(&line, Context::Block));
    }
    let pairs = || {
        field.values.iter().map(|(left, right)| {
            let context = if field.values.len() > PAIRS_ON_A_LINE {
                Context::Block
            } else {
                Context::Flow
            };
            format!(
                "{}: {}",
                scalar(&left.value, context),
                scalar(&right.value, context)
            )
        })
    };
    let key = scalar(&line, Context::Key);
    if field.values.len() > PAIRS_ON_A_LINE {
        writeln!(f, "  - {key}:")?;
        for pair in pairs() {
            writeln!(f, "      {pair}")?;
        }
        Ok(())
    } else {
        let pairs: Vec<String> = pairs().collect();
        writeln!(f, "  - {key}: {{ {} }}", pairs.join(", "))
    }
}

fn end(end: &End) -> String {
    let entity = scalar(&end.entity.value, Context::Flow);
    match &end.filter {
        Some(filter) => format!(
            "{{ entity: {entity}, filter: {} }}",
            scalar(&filter.value, Context::Flow)
        ),
        None => format!("{{ entity: {entity} }}"),
    }
}

/// Where a scalar stands: what is plain in one place needs quotes in another.
#[derive(Clone, Copy, PartialEq)]
enum Context {
    Block,
    Flow,
    Key,
}

/// A scalar, quoted where YAML would read it otherwise. Types need no quotes: nothing is typed.
fn scalar(text: &str, context: Context) -> String {
    let first = text.chars().next();
    let starts_plain =
        first.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '(' | '/' | '.'));
    let breaks = |c: char| {
        c.is_control()
            || matches!(c, '\u{feff}' | '\u{85}' | '\u{2028}' | '\u{2029}')
            || (context == Context::Flow && matches!(c, ',' | '[' | ']' | '{' | '}'))
    };
    let plain = starts_plain
        && !text.chars().any(breaks)
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
        && (context == Context::Block || !text.contains(':'))
        // At the end of a flow's item the next character makes an indicator of them.
        && (context == Context::Block || !text.ends_with(['-', '?']))
        && !text.ends_with(' ')
        && !text.starts_with("...")
        && text.len() < 1000;
    if plain {
        text.to_owned()
    } else if text
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{feff}' | '\u{85}' | '\u{2028}' | '\u{2029}'))
    {
        double_quoted(text)
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
