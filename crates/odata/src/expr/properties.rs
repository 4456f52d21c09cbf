//! Lists the properties that an expression reads.

use super::{Expr, Json, Path, PathSegment};

/// The paths that the expression reads, each once, in the order of the text.
///
/// Paths inside a lambda are given from the row: `orders/any(o:o/total gt 5)` reads
/// `orders/total`. Casts and `$count` are kept, keys are not.
///
/// ```
/// use duet_odata::expr;
///
/// let filter = expr::parse("name eq 'x' and orders/any(o:o/total gt limit)")?;
/// assert_eq!(expr::properties(&filter), ["name", "orders/total", "limit"]);
/// # Ok::<(), duet_odata::ParseError>(())
/// ```
pub fn properties(expr: &Expr) -> Vec<String> {
    let mut found = Vec::new();
    visit(expr, &mut Vec::new(), &mut found);
    found
}

/// A lambda's variable and the path that it stands for.
type Scope = Vec<(String, String)>;

fn visit(expr: &Expr, scope: &mut Scope, found: &mut Vec<String>) {
    match expr {
        Expr::Literal(_) | Expr::Alias(_) => {}
        Expr::Path(path) => visit_path(path, scope, found),
        Expr::Not(inner) | Expr::Negate(inner) => visit(inner, scope, found),
        Expr::And(items) | Expr::Or(items) | Expr::List(items) => {
            for item in items {
                visit(item, scope, found);
            }
        }
        Expr::Binary { left, right, .. } => {
            visit(left, scope, found);
            visit(right, scope, found);
        }
        Expr::In { value, list } => {
            visit(value, scope, found);
            visit(list, scope, found);
        }
        Expr::Call { args, .. } => {
            for arg in args {
                visit(arg, scope, found);
            }
        }
        Expr::Case(branches) => {
            for (condition, value) in branches {
                visit(condition, scope, found);
                visit(value, scope, found);
            }
        }
        Expr::TypeCall { value, .. } => {
            if let Some(value) = value {
                visit(value, scope, found);
            }
        }
        Expr::Json(json) => visit_json(json, scope, found),
    }
}

fn visit_json(json: &Json, scope: &mut Scope, found: &mut Vec<String>) {
    match json {
        Json::Value(_) => {}
        Json::Array(items) => {
            for item in items {
                visit_json(item, scope, found);
            }
        }
        Json::Object(members) => {
            for (_, value) in members {
                visit_json(value, scope, found);
            }
        }
        Json::Expr(expr) => visit(expr, scope, found),
    }
}

fn visit_path(path: &Path, scope: &mut Scope, found: &mut Vec<String>) {
    let mut text = String::new();
    for (index, segment) in path.segments.iter().enumerate() {
        match segment {
            PathSegment::Name(name) if index == 0 => {
                let known = scope.iter().rev().find(|(variable, _)| variable == name);
                match known {
                    Some((_, stands_for)) => text.clone_from(stands_for),
                    None if name == "$it" => {}
                    None => text.clone_from(name),
                }
            }
            PathSegment::Name(name) | PathSegment::Cast(name) => push(&mut text, name),
            PathSegment::Annotation(name) => push(&mut text, &format!("@{name}")),
            PathSegment::Count(_) => push(&mut text, "$count"),
            PathSegment::Key(_) => {}
            PathSegment::Function { args, .. } => {
                // The function's own subject, if any, is read as well as its arguments.
                record(&text, found);
                text.clear();
                for (_, value) in args {
                    visit(value, scope, found);
                }
            }
            PathSegment::Lambda(lambda) => {
                let mark = found.len();
                if let Some((variable, condition)) = &lambda.condition {
                    scope.push((variable.clone(), text.clone()));
                    visit(condition, scope, found);
                    scope.pop();
                }
                if found.len() == mark {
                    record(&text, found);
                }
                text.clear();
            }
        }
    }
    record(&text, found);
}

fn push(text: &mut String, step: &str) {
    if !text.is_empty() {
        text.push('/');
    }
    text.push_str(step);
}

fn record(text: &str, found: &mut Vec<String>) {
    if !text.is_empty() && !found.iter().any(|known| known == text) {
        found.push(text.to_owned());
    }
}
