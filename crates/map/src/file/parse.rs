//! Reads a map file: every key known, every word out of its list, every line readable.
//!
//! All findings are collected, so that an author sees them at once.

use super::notation::{self, Direction, Line, Operand};
use super::yaml::{self, Content, Node};
use super::{
    Allowed, Company, Conflicts, Create, Deletes, End, Field, KeyPart, MapFile, Mark, Marked,
};
use crate::codes;
use crate::diagnostic::{Code, Diagnostic, Place, Severity};
use crate::near;
use crate::side::{PerSide, Side};
use std::sync::Arc;

const KEYS: [&str; 14] = [
    "map",
    "version",
    "why",
    "left",
    "right",
    "company",
    "key",
    "master",
    "conflicts",
    "deletes",
    "allocates",
    "fields",
    "assumed",
    "allow",
];
const END_KEYS: [&str; 2] = ["entity", "filter"];
const ALLOW_KEYS: [&str; 3] = ["code", "column", "why"];
const FIELD_KEYS: [&str; 8] = [
    "left",
    "right",
    "direction",
    "values",
    "default",
    "expression",
    "conflicts",
    "else",
];
const DELETES: [Deletes; 3] = [Deletes::Propagate, Deletes::Ignore, Deletes::Deactivate];

impl MapFile {
    /// Reads the text of a map file. `file_name` is how the user calls it; it stands in every
    /// finding. On failure all findings are returned.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Vec<Diagnostic>> {
        let root = yaml::read(text, file_name).map_err(|error| vec![error.into()])?;
        let mut reader = Reader { found: Vec::new() };
        let file = reader.file(&root);
        match file {
            Some(file) if reader.found.is_empty() => Ok(file),
            _ => Err(reader.found),
        }
    }
}

struct Reader {
    found: Vec<Diagnostic>,
}

/// A mapping's entries by known key.
struct Entries<'a> {
    at: &'a Place,
    of: &'a [(Node, Node)],
}

impl<'a> Entries<'a> {
    fn get(&self, key: &str) -> Option<&'a Node> {
        self.of
            .iter()
            .find(|(k, _)| matches!(&k.content, Content::Text { text, .. } if text == key))
            .map(|(_, value)| value)
    }
}

impl Reader {
    fn file(&mut self, root: &Node) -> Option<MapFile> {
        let entries = self.entries(root, &KEYS, "a map file")?;
        let map = self.required(&entries, "map").and_then(|n| self.text(n));
        let version = self
            .required(&entries, "version")
            .and_then(|n| self.text(n));
        let why = self.required(&entries, "why").and_then(|n| self.text(n));
        let left = self.required(&entries, "left").and_then(|n| self.end(n));
        let right = self.required(&entries, "right").and_then(|n| self.end(n));
        let company = self.required(&entries, "company").and_then(|n| {
            let words = [Company::PerCompany, Company::Shared].map(|c| (c.as_str(), c));
            let value = self.word(n, &words)?;
            Some(Marked {
                value,
                at: n.mark(),
            })
        });
        let sides = Side::BOTH.map(|side| (side.as_str(), side));
        let master = self
            .required(&entries, "master")
            .and_then(|n| self.word(n, &sides));
        let conflicts = match entries.get("conflicts") {
            None => Some(Marked::default()),
            Some(node) => self.conflicts(node),
        };
        let deletes = match entries.get("deletes") {
            None => Some((Marked::unplaced(Deletes::Ignore), PerSide::default())),
            Some(node) => self.deletes(node),
        };
        let allocates = match entries.get("allocates") {
            None => Some(None),
            Some(node) => self.word(node, &sides).map(Some),
        };
        let key = self.required(&entries, "key").map(|n| self.key(n));
        let fields = self.required(&entries, "fields").map(|n| self.fields(n));
        let assumed = entries.get("assumed").map_or(Vec::new(), |node| {
            let texts = self.list(node).iter().filter_map(|n| self.text(n));
            texts.map(|text| text.value).collect()
        });
        let allow = entries.get("allow").map_or(Vec::new(), |node| {
            let items = self.list(node).iter();
            items.filter_map(|item| self.allowed(item)).collect()
        });
        Some(MapFile {
            map: map?,
            version: version?,
            why: why?.value,
            ends: PerSide {
                left: left?,
                right: right?,
            },
            company: company?,
            key: key?,
            master: master?,
            conflicts: conflicts?,
            deletes: deletes.as_ref()?.0.clone(),
            deactivate: deletes?.1,
            allocates: allocates?,
            fields: fields?,
            assumed,
            allow,
        })
    }

    fn allowed(&mut self, node: &Node) -> Option<Allowed> {
        let entries = self.entries(node, &ALLOW_KEYS, "an accepted finding")?;
        let code = self.required(&entries, "code").and_then(|n| {
            let text = self.text(n)?;
            let code = text.value.parse().ok();
            if code.is_none() {
                let message = format!("`{}` is no code", text.value);
                let fix = "write the finding's code, for example `DUET1051`";
                self.report(codes::UNKNOWN_WORD, &n.at, message, Some(fix.to_owned()));
            }
            Some(Marked {
                value: code?,
                at: n.mark(),
            })
        });
        let why = self.required(&entries, "why").and_then(|n| self.text(n));
        let column = match entries.get("column") {
            Some(node) => Some(self.text(node)?.value),
            None => None,
        };
        Some(Allowed {
            code: code?,
            column,
            why: why?.value,
        })
    }

    fn end(&mut self, node: &Node) -> Option<End> {
        let entries = self.entries(node, &END_KEYS, "a side")?;
        let entity = self
            .required(&entries, "entity")
            .and_then(|n| self.text(n))?;
        let filter = match entries.get("filter") {
            Some(node) => Some(self.text(node)?),
            None => None,
        };
        Some(End { entity, filter })
    }

    fn conflicts(&mut self, node: &Node) -> Option<Marked<Conflicts>> {
        let value = self.word(node, &Conflicts::ALL.map(|c| (c.as_str(), c)))?;
        Some(Marked {
            value,
            at: node.mark(),
        })
    }

    /// A word, or `{ deactivate: { right: { statecode: 1 } } }`.
    #[allow(clippy::type_complexity)] // A local shape of two parts of the file.
    fn deletes(
        &mut self,
        node: &Node,
    ) -> Option<(
        Marked<Deletes>,
        PerSide<Vec<(Marked<String>, Marked<String>)>>,
    )> {
        let marked = |value| Marked {
            value,
            at: node.mark(),
        };
        if !matches!(node.content, Content::Mapping(_)) {
            let value = self.word(node, &DELETES.map(|d| (d.as_str(), d)))?;
            return Some((marked(value), PerSide::default()));
        }
        let entries = self.entries(node, &["deactivate"], "`deletes`")?;
        let sides = self.required(&entries, "deactivate")?;
        let entries = self.entries(sides, &["left", "right"], "`deactivate`")?;
        let mut columns = PerSide::default();
        for side in Side::BOTH {
            if let Some(node) = entries.get(side.as_str()) {
                columns[side] = self.values(node)?;
            }
        }
        Some((marked(Deletes::Deactivate), columns))
    }

    fn key(&mut self, node: &Node) -> Vec<KeyPart> {
        let items = self.list(node);
        if items.is_empty() {
            self.report(
                codes::WRONG_SHAPE,
                &node.at,
                "the key has no columns".to_owned(),
                Some("name at least one pair: `key: [CUSTOMERACCOUNT = accountnumber]`".to_owned()),
            );
        }
        items
            .iter()
            .filter_map(|item| self.key_part(item))
            .collect()
    }

    fn key_part(&mut self, node: &Node) -> Option<KeyPart> {
        let line = self.line(node)?;
        let fix = "write `LEFT = right.path`; the field's own line says which way it travels";
        let (Operand::Path(left), Operand::Path(right), Direction::Both, None) =
            (line.left.0, line.right.0, line.direction, &line.default)
        else {
            self.report(
                codes::BAD_NOTATION,
                &node.at,
                "a key part names one column on each side".to_owned(),
                Some(fix.to_owned()),
            );
            return None;
        };
        Some(KeyPart {
            left: marked(left, node.part(line.left.1.0, line.left.1.1)),
            right: marked(right, node.part(line.right.1.0, line.right.1.1)),
        })
    }

    fn fields(&mut self, node: &Node) -> Vec<Field> {
        let items = self.list(node);
        items.iter().filter_map(|item| self.field(item)).collect()
    }

    fn field(&mut self, node: &Node) -> Option<Field> {
        match &node.content {
            Content::Text { .. } => {
                let line = self.line(node)?;
                self.assemble(node, line, Vec::new())
            }
            Content::Mapping(entries) => match entries.as_slice() {
                [(line_node, values)] if !is_long_form(line_node) => {
                    let line = self.line(line_node)?;
                    let values = self.values(values)?;
                    self.assemble(line_node, line, values)
                }
                _ => self.long_field(node),
            },
            Content::List(_) => {
                self.shape(node, "a field line such as `A = b`");
                None
            }
        }
    }

    /// Puts a short-form line together and checks that its parts go with its arrow.
    fn assemble(
        &mut self,
        node: &Node,
        line: Line,
        values: Vec<(Marked<String>, Marked<String>)>,
    ) -> Option<Field> {
        let mut default = line
            .default
            .map(|(text, part)| marked(text, node.part(part.0, part.1)));
        let mut expression = None;
        let mut operand = |side: Side, (operand, part): (Operand, notation::Part)| {
            let place = node.part(part.0, part.1);
            match operand {
                Operand::Path(path) => Some(marked(path, place)),
                Operand::None => None,
                Operand::Expression(text) => {
                    expression = Some(marked(text, place));
                    None
                }
                Operand::Constant(text) => {
                    if default.is_some() {
                        self.report(
                            codes::BAD_NOTATION,
                            &place,
                            format!("a constant on the {side} and a default are one too many"),
                            Some("keep the constant, drop the default".to_owned()),
                        );
                    }
                    default = Some(marked(text, place));
                    None
                }
            }
        };
        let left = operand(Side::Left, line.left);
        let right = operand(Side::Right, line.right);
        let field = Field {
            at: node.mark(),
            left,
            right,
            direction: line.direction,
            values,
            default,
            expression,
            conflicts: None,
            create: line.create.map(|part| Create {
                at: Mark(Some(Arc::new(node.part(part.0, part.1)))),
                columns: Vec::new(),
            }),
        };
        let arrow = node.part(line.arrow.0, line.arrow.1);
        self.check_field(&field, &arrow).then_some(field)
    }

    fn long_field(&mut self, node: &Node) -> Option<Field> {
        let entries = self.entries(node, &FIELD_KEYS, "a field")?;
        let path = |reader: &mut Self, key: &str| match entries.get(key) {
            None => Some(None),
            Some(node) => reader.text(node).map(Some),
        };
        let left = path(self, "left")?;
        let right = path(self, "right")?;
        let default = path(self, "default")?;
        let expression = path(self, "expression")?;
        let arrow = self.required(&entries, "direction")?;
        let symbols = Direction::ALL.map(|d| (d.symbol(), d));
        let direction = self.word(arrow, &symbols)?;
        let values = match entries.get("values") {
            Some(node) => self.values(node)?,
            None => Vec::new(),
        };
        let conflicts = match entries.get("conflicts") {
            Some(node) => Some(self.conflicts(node)?),
            None => None,
        };
        let create = match entries.get("else") {
            Some(node) => Some(self.create(node)?),
            None => None,
        };
        let field = Field {
            at: node.mark(),
            left,
            right,
            direction,
            values,
            default,
            expression,
            conflicts,
            create,
        };
        self.check_field(&field, &arrow.at).then_some(field)
    }

    /// Whether the arrow, the operands, the value map and the default go together.
    fn check_field(&mut self, field: &Field, arrow: &Place) -> bool {
        let symbol = field.direction.symbol();
        let counterpart = field.direction.counterpart().symbol();
        let empty_side = match (&field.left, &field.right) {
            (Some(_), Some(_)) => None,
            (None, Some(_)) => Some(Side::Left),
            (Some(_), None) => Some(Side::Right),
            (None, None) => {
                self.report(
                    codes::BAD_NOTATION,
                    arrow,
                    "no column stands on either side".to_owned(),
                    Some("name the column that the constant is written to".to_owned()),
                );
                return false;
            }
        };
        let trouble = if field.expression.is_some() {
            expression_trouble(field, empty_side)
        } else if let Some(side) = empty_side {
            let wanted = match side {
                Side::Left => Direction::ToRightTransformed,
                Side::Right => Direction::ToLeftTransformed,
            };
            if field.default.is_none() {
                let fix = format!("put the constant in quotes on the {side}");
                Some((
                    format!("the {side} side has no column and no constant"),
                    fix,
                ))
            } else if field.direction != wanted {
                let message = format!("a constant on the {side} cannot travel `{symbol}`");
                Some((message, format!("write `{}`", wanted.symbol())))
            } else if field.conflicts.is_some() {
                let fix = "drop `conflicts`: a constant is written to new records only";
                Some(("a constant cannot conflict".to_owned(), fix.to_owned()))
            } else if field.create.is_some() {
                let fix = "drop `else create`";
                Some(("a constant points at no record".to_owned(), fix.to_owned()))
            } else if field.values.is_empty() {
                None
            } else {
                let fix = "write the mapped value as the constant";
                Some(("a constant needs no value map".to_owned(), fix.to_owned()))
            }
        } else if field.direction.is_transformed() {
            (field.values.is_empty() && field.default.is_none()).then(|| {
                let message = format!(
                    "`{symbol}` promises a transform, but there is no value map or default"
                );
                (message, format!("add one, or write `{counterpart}`"))
            })
        } else if !field.values.is_empty() || field.default.is_some() {
            let message = format!("`{symbol}` takes values as they are, but a transform is given");
            Some((message, format!("write `{counterpart}`")))
        } else {
            None
        };
        match trouble {
            None => true,
            Some((message, fix)) => {
                self.report(codes::BAD_NOTATION, arrow, message, Some(fix));
                false
            }
        }
    }

    /// Reads `create`, or `{ create: { column: value } }`.
    fn create(&mut self, node: &Node) -> Option<Create> {
        let at = node.mark();
        if matches!(node.content, Content::Text { .. }) {
            return self.word(node, &[("create", ())]).map(|()| Create {
                at,
                columns: Vec::new(),
            });
        }
        let entries = self.entries(node, &["create"], "`else`")?;
        let columns = self.required(&entries, "create")?;
        let columns = self.values(columns)?;
        Some(Create { at, columns })
    }

    fn values(&mut self, node: &Node) -> Option<Vec<(Marked<String>, Marked<String>)>> {
        let Content::Mapping(entries) = &node.content else {
            self.shape(node, "pairs such as `{ no: False, yes: True }`");
            return None;
        };
        self.refuse_repeats(entries);
        let mut values = Vec::with_capacity(entries.len());
        for (left, right) in entries {
            values.push((self.text(left)?, self.text(right)?));
        }
        Some(values)
    }

    fn line(&mut self, node: &Node) -> Option<Line> {
        let text = self.text(node)?;
        notation::read(&text.value)
            .map_err(|error| {
                let place = node.part(error.part.0, error.part.1);
                self.report(codes::BAD_NOTATION, &place, error.message, Some(error.fix));
            })
            .ok()
    }

    fn entries<'a>(&mut self, node: &'a Node, known: &[&str], of: &str) -> Option<Entries<'a>> {
        let Content::Mapping(entries) = &node.content else {
            self.shape(
                node,
                &format!("{of} with the keys `{}`", known.join("`, `")),
            );
            return None;
        };
        self.refuse_repeats(entries);
        for (key, _) in entries {
            match &key.content {
                Content::Text { text, .. } if known.contains(&text.as_str()) => {}
                Content::Text { text, .. } => self.report(
                    codes::UNKNOWN_KEY,
                    &key.at,
                    format!("{of} has no key `{text}`"),
                    near::suggestion(text, known),
                ),
                _ => self.shape(key, "a word as key"),
            }
        }
        Some(Entries {
            at: &node.at,
            of: entries,
        })
    }

    fn refuse_repeats(&mut self, entries: &[(Node, Node)]) {
        let text = |node: &Node| match &node.content {
            Content::Text { text, .. } => Some(text.clone()),
            _ => None,
        };
        for (index, (key, _)) in entries.iter().enumerate() {
            let Some(name) = text(key) else { continue };
            if entries[..index]
                .iter()
                .any(|(earlier, _)| text(earlier).as_ref() == Some(&name))
            {
                self.report(
                    codes::REPEATED_KEY,
                    &key.at,
                    format!("`{name}` stands here twice"),
                    Some("keep one of them".to_owned()),
                );
            }
        }
    }

    fn required<'a>(&mut self, entries: &Entries<'a>, key: &str) -> Option<&'a Node> {
        let found = entries.get(key);
        if found.is_none() {
            self.report(
                codes::MISSING_KEY,
                entries.at,
                format!("the key `{key}` is missing"),
                Some(example(key).to_owned()),
            );
        }
        found
    }

    fn list<'a>(&mut self, node: &'a Node) -> &'a [Node] {
        if let Content::List(items) = &node.content {
            items
        } else {
            self.shape(node, "a list");
            &[]
        }
    }

    fn text(&mut self, node: &Node) -> Option<Marked<String>> {
        match &node.content {
            Content::Text { text, quoted } if *quoted || !text.is_empty() => {
                Some(marked(text.clone(), node.at.clone()))
            }
            _ => {
                self.shape(node, "a text");
                None
            }
        }
    }

    fn word<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node)?.value;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.report(
                codes::UNKNOWN_WORD,
                &node.at,
                format!("`{text}` is not one of the words that may stand here"),
                Some(format!("use one of: `{}`", known.join("`, `"))),
            );
        }
        found.map(|(_, value)| *value)
    }

    fn shape(&mut self, node: &Node, wanted: &str) {
        let message = format!("here is {}, wanted is {wanted}", node.kind());
        self.report(codes::WRONG_SHAPE, &node.at, message, None);
    }

    fn report(&mut self, code: Code, at: &Place, message: String, fix: Option<String>) {
        self.found.push(Diagnostic {
            code,
            severity: Severity::Error,
            message,
            place: Some(at.clone()),
            notes: Vec::new(),
            fix,
        });
    }
}

/// Whether a mapping with this first key is a field's long form, not a line with a value map.
/// What does not go with an expression: it has no inverse, so it travels one way.
fn expression_trouble(field: &Field, empty_side: Option<Side>) -> Option<(String, String)> {
    let symbol = field.direction.symbol();
    let wanted = match empty_side {
        Some(Side::Left) => Direction::ToRightTransformed,
        Some(Side::Right) => Direction::ToLeftTransformed,
        None => {
            let message = "an expression and two columns are one too many".to_owned();
            return Some((
                message,
                "drop the column that the expression stands for".to_owned(),
            ));
        }
    };
    if field.direction != wanted {
        let message = format!("an expression cannot travel `{symbol}`: it has no inverse");
        let fix = format!(
            "write `{}`, and a line of its own for the way back",
            wanted.symbol()
        );
        return Some((message, fix));
    }
    let more = !field.values.is_empty() || field.default.is_some() || field.create.is_some();
    more.then(|| {
        (
            "an expression takes no value map, no default and no `else`".to_owned(),
            "use `case(…)` or `Duet.or(value='…')` inside it".to_owned(),
        )
    })
}

fn is_long_form(key: &Node) -> bool {
    matches!(&key.content, Content::Text { text, .. } if FIELD_KEYS.contains(&text.as_str()))
}

fn marked(value: String, place: Place) -> Marked<String> {
    Marked {
        value,
        at: Mark(Some(Arc::new(place))),
    }
}

/// How a missing key is written.
fn example(key: &str) -> &'static str {
    match key {
        "map" => "add `map: customers-v3.accounts`",
        "version" => "add `version: 1.0.0`",
        "why" => "add `why:` with a sentence on what the map is good for",
        "left" => "add `left: { entity: CustomersV3 }`",
        "right" => "add `right: { entity: accounts }`",
        "company" => "add `company: per-company` or `company: shared`",
        "key" => "add `key: [CUSTOMERACCOUNT = accountnumber]`",
        "master" => "add `master: left` or `master: right`",
        "entity" => "add `entity:` with the table's name",
        "deactivate" => "add `deactivate: { right: { statecode: 1 } }`",
        "create" => "write `create`, or add `create: { msdyn_description: New }`",
        "code" => "add `code:` with the code of the finding",
        "direction" => "add `direction: \"=\"` or another arrow",
        _ => "add it",
    }
}
