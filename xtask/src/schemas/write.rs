//! Writes a schema as JSON that diffs well: one column, field, key or member a line.

use serde_json::Value;

/// Renders a schema file.
pub(crate) fn render(schema: &Value) -> String {
    let mut text = String::new();
    render_into(schema, 0, &mut text);
    text.push('\n');
    text
}

/// Lists that hold the leaves: their items stand on one line each.
const LEAVES: &[&str] = &[
    "columns",
    "keys",
    "fields",
    "members",
    "relations",
    "defaults",
];

fn render_into(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(members) => {
            text.push_str("{\n");
            for (index, (name, member)) in members.iter().enumerate() {
                indent(depth + 1, text);
                text.extend(["\"", name, "\": "]);
                match member {
                    Value::Array(items) if LEAVES.contains(&name.as_str()) => {
                        leaves(items, depth + 1, text);
                    }
                    other => render_into(other, depth + 1, text),
                }
                text.push_str(if index + 1 < members.len() {
                    ",\n"
                } else {
                    "\n"
                });
            }
            indent(depth, text);
            text.push('}');
        }
        Value::Array(items) => {
            text.push_str("[\n");
            for (index, item) in items.iter().enumerate() {
                indent(depth + 1, text);
                render_into(item, depth + 1, text);
                text.push_str(if index + 1 < items.len() { ",\n" } else { "\n" });
            }
            indent(depth, text);
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

fn leaves(items: &[Value], depth: usize, text: &mut String) {
    if items.iter().all(Value::is_string) {
        text.push_str(&Value::Array(items.to_vec()).to_string());
        return;
    }
    text.push_str("[\n");
    for (index, item) in items.iter().enumerate() {
        indent(depth + 1, text);
        text.push_str(&item.to_string());
        text.push_str(if index + 1 < items.len() { ",\n" } else { "\n" });
    }
    indent(depth, text);
    text.push(']');
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}
