//! Prints an expression in its one canonical form, with parentheses only where they are needed.

use std::fmt::{self, Display, Formatter, Write as _};

use super::parse::{PRIMARY, UNARY, binary_precedence};
use super::{Expr, Json, Lambda, LambdaKind, Path, PathSegment};
use crate::Literal;

/// Tighter than every operator.
const ATOM: u8 = 9;

fn precedence(expr: &Expr) -> u8 {
    match expr {
        Expr::Or(operands) | Expr::And(operands) if operands.len() < 2 => ATOM,
        Expr::Or(_) => 1,
        Expr::And(_) => 2,
        Expr::Binary { op, .. } => binary_precedence(*op),
        Expr::Not(_) | Expr::Negate(_) => UNARY,
        Expr::In { .. } => PRIMARY,
        _ => ATOM,
    }
}

/// Prints an operand, in parentheses if it binds looser than `least`.
fn operand(f: &mut Formatter<'_>, expr: &Expr, least: u8) -> fmt::Result {
    if precedence(expr) < least {
        write!(f, "({expr})")
    } else {
        write!(f, "{expr}")
    }
}

fn chain(f: &mut Formatter<'_>, operands: &[Expr], word: &str, own: u8) -> fmt::Result {
    for (index, expr) in operands.iter().enumerate() {
        if index > 0 {
            write!(f, " {word} ")?;
        }
        operand(f, expr, own + 1)?;
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => write!(f, "{literal}"),
            Self::Path(path) => write!(f, "{path}"),
            Self::Alias(name) => write!(f, "@{name}"),
            Self::Not(inner) => {
                f.write_str("not ")?;
                operand(f, inner, UNARY)
            }
            Self::Negate(inner) => {
                f.write_char('-')?;
                // `-5` would read back as a literal; the blank keeps the sign apart.
                if starts_with_literal(inner) {
                    f.write_char(' ')?;
                }
                operand(f, inner, UNARY)
            }
            Self::And(operands) => chain(f, operands, "and", 2),
            Self::Or(operands) => chain(f, operands, "or", 1),
            Self::Binary { op, left, right } => {
                let own = binary_precedence(*op);
                operand(f, left, own)?;
                write!(f, " {} ", op.word())?;
                operand(f, right, own + 1)
            }
            Self::In { value, list } => {
                operand(f, value, PRIMARY)?;
                write!(f, " in {list}")
            }
            Self::List(items) => {
                f.write_char('(')?;
                comma_separated(f, items)?;
                f.write_char(')')
            }
            Self::Call { function, args } => {
                write!(f, "{}(", function.name())?;
                comma_separated(f, args)?;
                f.write_char(')')
            }
            Self::Case(branches) => {
                f.write_str("case(")?;
                for (index, (condition, value)) in branches.iter().enumerate() {
                    if index > 0 {
                        f.write_char(',')?;
                    }
                    // Without the blanks `12:30` would read back as a time of day.
                    write!(f, "{condition} : {value}")?;
                }
                f.write_char(')')
            }
            Self::TypeCall {
                test,
                value,
                type_name,
            } => {
                f.write_str(if *test { "isof(" } else { "cast(" })?;
                if let Some(value) = value {
                    write!(f, "{value},")?;
                }
                write!(f, "{type_name})")
            }
            Self::Json(json) => write!(f, "{json}"),
        }
    }
}

/// Whether the text after a minus sign would begin with the word of a literal.
fn looks_like_infinity(path: &Path) -> bool {
    matches!(path.segments.first(), Some(PathSegment::Name(name)) if name == "INF")
}

/// Whether the leftmost thing printed is a literal, which would take the sign for its own.
fn starts_with_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) => true,
        Expr::Path(path) => looks_like_infinity(path),
        Expr::Binary { left, .. } => starts_with_literal(left),
        Expr::In { value, .. } => starts_with_literal(value),
        _ => false,
    }
}

fn comma_separated<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_char(',')?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            if index > 0 && !matches!(segment, PathSegment::Key(_)) {
                f.write_char('/')?;
            }
            write!(f, "{segment}")?;
        }
        Ok(())
    }
}

impl Display for PathSegment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) | Self::Cast(name) => f.write_str(name),
            Self::Key(key) => write!(f, "({key})"),
            Self::Function { name, args } => {
                write!(f, "{name}(")?;
                for (index, (parameter, value)) in args.iter().enumerate() {
                    if index > 0 {
                        f.write_char(',')?;
                    }
                    write!(f, "{parameter}={value}")?;
                }
                f.write_char(')')
            }
            Self::Lambda(lambda) => write!(f, "{lambda}"),
            Self::Count(None) => f.write_str("$count"),
            Self::Count(Some(options)) => write!(f, "$count({options})"),
            Self::Annotation(name) => write!(f, "@{name}"),
        }
    }
}

impl Display for Lambda {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            LambdaKind::Any => "any(",
            LambdaKind::All => "all(",
        })?;
        if let Some((variable, condition)) = &self.condition {
            write!(f, "{variable}:{condition}")?;
        }
        f.write_char(')')
    }
}

impl Display for Json {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(Literal::String(text)) => {
                f.write_str(&serde_json::Value::String(text.clone()).to_string())
            }
            Self::Value(literal) => write!(f, "{literal}"),
            Self::Array(items) => {
                f.write_char('[')?;
                comma_separated(f, items)?;
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        f.write_char(',')?;
                    }
                    write!(f, "{}:{value}", serde_json::Value::String(name.clone()))?;
                }
                f.write_char('}')
            }
            Self::Expr(expr) => {
                let text = expr.to_string();
                // What starts like JSON would be read as JSON and end there.
                if text.starts_with(['[', '{', '"']) {
                    write!(f, "({text})")
                } else {
                    f.write_str(&text)
                }
            }
        }
    }
}
