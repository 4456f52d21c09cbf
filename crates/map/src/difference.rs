//! What is different between two maps by what they mean: the order of lines, keys and value pairs,
//! letter case of columns, spacing and comments do not count.
//!
//! [`between`] lists the differences; each prints as a line that a person can read.

use crate::file::{End, Field, KeyPart, MapFile, Marked};
use crate::filter::Dialect;
use crate::side::Side;
use serde::Serialize;
use std::fmt;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is about: `version`, `left filter`, `key`, or the ends of a field line.
    pub about: String,
    /// What the first map says; `None` where it says nothing.
    pub before: Option<String>,
    /// What the second map says; `None` where it says nothing.
    pub after: Option<String>,
}

/// `+` for what was added, `-` for what was removed, `~` for what was changed.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = &self.about;
        match (&self.before, &self.after) {
            (None, Some(after)) => write!(f, "+ {about}: {after}"),
            (Some(before), None) => write!(f, "- {about}: {before}"),
            (before, after) => {
                let told = |text: &Option<String>| text.clone().unwrap_or_default();
                write!(f, "~ {about}: {} → {}", told(before), told(after))
            }
        }
    }
}

/// Everything that differs between two maps, in the order of a map file.
pub fn between(before: &MapFile, after: &MapFile) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut changed = |about: &str, before: String, after: String| {
        if before != after {
            found.push(Difference {
                about: about.to_owned(),
                before: Some(before).filter(|text| !text.is_empty()),
                after: Some(after).filter(|text| !text.is_empty()),
            });
        }
    };
    let header = |file: &MapFile| -> Vec<(&'static str, String)> {
        vec![
            ("map", file.map.value.clone()),
            ("version", file.version.value.clone()),
            ("why", file.why.clone()),
            ("company", file.company.value.as_str().to_owned()),
            ("master", file.master.to_string()),
            ("conflicts", file.conflicts.value.as_str().to_owned()),
            ("deletes", file.deletes.value.as_str().to_owned()),
            ("deactivate on the left", sorted(&file.deactivate.left)),
            ("deactivate on the right", sorted(&file.deactivate.right)),
            (
                "allocates",
                file.allocates
                    .map_or_else(String::new, |side| side.to_string()),
            ),
        ]
    };
    for ((about, before), (_, after)) in header(before).into_iter().zip(header(after)) {
        changed(about, before, after);
    }
    for side in Side::BOTH {
        let (one, other) = (&before.ends[side], &after.ends[side]);
        if !one.entity.value.eq_ignore_ascii_case(&other.entity.value) {
            changed(
                &format!("{side} entity"),
                one.entity.value.clone(),
                other.entity.value.clone(),
            );
        }
        if !same_filter(one, other) {
            changed(&format!("{side} filter"), filter(one), filter(other));
        }
    }
    if !same_set(&before.key, &after.key, same_key) {
        changed("key", key(before), key(after));
    }
    found.extend(fields(&before.fields, &after.fields));
    found
}

/// Pairs in the order of their names, as they are compared.
fn sorted(pairs: &[(Marked<String>, Marked<String>)]) -> String {
    let mut pairs: Vec<String> = pairs
        .iter()
        .map(|(column, value)| format!("{}: {}", column.value, value.value))
        .collect();
    pairs.sort();
    pairs.join(", ")
}

fn filter(end: &End) -> String {
    end.filter
        .as_ref()
        .map_or_else(String::new, |filter| filter.value.clone())
}

/// Whether two filters let the same rows pass, as far as their form tells: the same tree in either
/// dialect.
fn same_filter(one: &End, other: &End) -> bool {
    let (one, other) = (filter(one), filter(other));
    let tree = |text: &str| Dialect::of(text).parse(text).ok();
    one == other || (tree(&one).is_some() && tree(&one) == tree(&other))
}

fn key(file: &MapFile) -> String {
    let parts: Vec<String> = file
        .key
        .iter()
        .map(|part| format!("{} = {}", part.left.value, part.right.value))
        .collect();
    parts.join(", ")
}

fn same_key(one: &KeyPart, other: &KeyPart) -> bool {
    one.left.value.eq_ignore_ascii_case(&other.left.value)
        && one.right.value.eq_ignore_ascii_case(&other.right.value)
}

fn same_set<T>(one: &[T], other: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    one.len() == other.len() && one.iter().all(|a| other.iter().any(|b| same(a, b)))
}

/// Lines by the columns that they join: those of both maps that are equal go first, then lines over
/// the same columns are changes of each other, and the rest was removed or added.
fn fields(before: &[Field], after: &[Field]) -> Vec<Difference> {
    let mut left_over: Vec<&Field> = after.iter().collect();
    let mut unlike: Vec<&Field> = Vec::new();
    for field in before {
        match left_over.iter().position(|other| same_field(field, other)) {
            Some(at) => drop(left_over.remove(at)),
            None => unlike.push(field),
        }
    }
    let mut found = Vec::new();
    for field in unlike {
        let other = left_over
            .iter()
            .position(|other| same_ends(field, other))
            .map(|at| left_over.remove(at));
        found.push(Difference {
            about: ends(field),
            before: Some(line(field)),
            after: other.map(line),
        });
    }
    found.extend(left_over.into_iter().map(|field| Difference {
        about: ends(field),
        before: None,
        after: Some(line(field)),
    }));
    found
}

/// The line as a person writes it, its value map included.
fn line(field: &Field) -> String {
    let values: Vec<String> = field
        .values
        .iter()
        .map(|(left, right)| format!("{}: {}", left.value, right.value))
        .collect();
    let line = match values.as_slice() {
        [] => field.to_string(),
        _ => format!("{field}: {{ {} }}", values.join(", ")),
    };
    let line = match &field.create {
        Some(create) if !create.columns.is_empty() => {
            format!("{line} {{ {} }}", sorted(&create.columns))
        }
        _ => line,
    };
    match &field.conflicts {
        Some(policy) => format!("{line} (conflicts: {})", policy.value.as_str()),
        None => line,
    }
}

fn ends(field: &Field) -> String {
    let end = |end: &Option<Marked<String>>| {
        end.as_ref()
            .map_or_else(|| "constant".to_owned(), |end| end.value.clone())
    };
    format!("{} ↔ {}", end(&field.left), end(&field.right))
}

fn same_ends(one: &Field, other: &Field) -> bool {
    let lower = |field: &Field| ends(field).to_lowercase();
    lower(one) == lower(other)
}

fn same_field(one: &Field, other: &Field) -> bool {
    same_ends(one, other)
        && one.direction == other.direction
        && one.default == other.default
        && one.conflicts == other.conflicts
        && one.expression == other.expression
        && created(one) == created(other)
        // Where a value has several counterparts the first listed counts: their order means
        // something.
        && same_set(&one.values, &other.values, |a, b| a == b)
        && (one.values == other.values || (is_bijective(one) && is_bijective(other)))
}

/// What the line creates where a lookup's record is missing.
fn created(field: &Field) -> Option<String> {
    field.create.as_ref().map(|create| sorted(&create.columns))
}

/// Whether no value stands twice on either side of the value map.
fn is_bijective(field: &Field) -> bool {
    let repeats = |index: usize, (left, right): &(_, _)| {
        field.values[..index]
            .iter()
            .any(|(l, r)| l == left || r == right)
    };
    !field
        .values
        .iter()
        .enumerate()
        .any(|(index, pair)| repeats(index, pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
map: a
version: 1.0.0
why: Test.
left: { entity: L, filter: '(Type == \"Person\")' }
right: { entity: r }
company: shared
key: [A = a, B = b]
master: left
fields:
  - A = a
  - B = b
  - C >< c: { no: False, yes: True }
  - D > d
";

    fn told(after: &str) -> String {
        let one = MapFile::parse(MAP, "one").unwrap();
        let other = MapFile::parse(after, "other").unwrap();
        let lines: Vec<String> = between(&one, &other)
            .iter()
            .map(ToString::to_string)
            .collect();
        lines.join("\n")
    }

    #[test]
    fn order_case_and_dialect_mean_nothing() {
        let other = "\
# A comment.
map: a
why: Test.
version: 1.0.0
key: [b = b, A = a]
left: { filter: Type eq 'Person', entity: l }
right: { entity: r }
company: shared
master: left
fields:
  - D > d
  - left: c
    direction: '><'
    right: C
    values: { yes: True, no: False }
  - B = b
  - A = a
";
        assert_eq!(told(other), "");
    }

    #[test]
    fn lines_are_added_removed_and_changed() {
        let other = MAP
            .replace("1.0.0", "1.1.0")
            .replace("D > d", "D = d")
            .replace("yes: True", "yes: Yes")
            .replace("  - B = b\n", "  - E << \"x\"\n")
            .replace("Person", "Team");
        insta::assert_snapshot!(told(&other), @r#"
        ~ version: 1.0.0 → 1.1.0
        ~ left filter: (Type == "Person") → (Type == "Team")
        - B ↔ b: B = b
        ~ C ↔ c: C >< c: { no: False, yes: True } → C >< c: { no: False, yes: Yes }
        ~ D ↔ d: D > d → D = d
        + E ↔ constant: E << "x"
        "#);
    }

    #[test]
    fn in_a_map_of_many_to_one_the_order_of_pairs_counts() {
        let one = MAP.replace("no: False, yes: True", "a: x, b: x");
        let other = MAP.replace("no: False, yes: True", "b: x, a: x");
        let one = MapFile::parse(&one, "one").unwrap();
        let other = MapFile::parse(&other, "other").unwrap();
        assert_eq!(between(&one, &other).len(), 1);
    }
}
