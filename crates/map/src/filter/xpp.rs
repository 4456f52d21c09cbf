//! The X++ query-range dialect: `((PartyType == "Person") && !(Name like "A*"))`.
//!
//! [`parse()`] reads it into `OData`'s expression tree, [`print()`] writes such a tree as F&O's query
//! ranges want it, every condition in its own parentheses. Values are texts in double quotes,
//! numbers, dates as `23\06\2021` and enumeration members as `AccountType::Customer`.

use super::FilterError;
use super::text::Pattern;
use crate::words::a;
use jiff::civil::Date;
use odata::Literal;
use odata::expr::{BinaryOp, Expr, Function};
use rust_decimal::Decimal;

/// Deeper nesting than any filter needs; keeps the stack safe from hostile text.
const MAX_DEPTH: usize = 64;

/// Reads a query range.
pub fn parse(text: &str) -> Result<Expr, FilterError> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    let expr = parser.any_of()?;
    parser.skip_blanks();
    if parser.at < text.len() {
        return Err(parser.error("the filter should end here, or go on with `&&` or `||`"));
    }
    Ok(expr)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// One side of a comparison.
enum Operand {
    Column(String),
    Value(Literal),
}

impl Parser<'_> {
    fn any_of(&mut self) -> Result<Expr, FilterError> {
        let mut expr = self.all_of()?;
        while self.accept("||") {
            expr = expr.or(self.all_of()?);
        }
        Ok(expr)
    }

    fn all_of(&mut self) -> Result<Expr, FilterError> {
        let mut expr = self.condition()?;
        while self.accept("&&") {
            expr = expr.and(self.condition()?);
        }
        Ok(expr)
    }

    fn condition(&mut self) -> Result<Expr, FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("the filter is nested too deeply"));
        }
        let expr = if self.accept("(") {
            let inner = self.any_of()?;
            if !self.accept(")") {
                return Err(self.error("a `)` is missing here"));
            }
            inner
        } else if self.peek() == Some('!') && !self.rest().starts_with("!=") {
            self.at += 1;
            Expr::Not(Box::new(self.condition()?))
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn comparison(&mut self) -> Result<Expr, FilterError> {
        let left = self.operand()?;
        self.skip_blanks();
        let at = self.at;
        if let Some(after) = word_ahead(self.rest(), "like") {
            self.at += after;
            let Operand::Column(column) = left else {
                return Err(fault(at, "only a column can stand before `like`"));
            };
            self.skip_blanks();
            let at = self.at;
            let Operand::Value(Literal::String(pattern)) = self.operand()? else {
                return Err(fault(at, "`like` needs a text in double quotes"));
            };
            return Ok(Pattern::from_wildcards(&pattern).into_expr(&column));
        }
        let operators = [
            ("==", BinaryOp::Eq),
            ("!=", BinaryOp::Ne),
            ("<>", BinaryOp::Ne),
            ("<=", BinaryOp::Le),
            (">=", BinaryOp::Ge),
            ("=", BinaryOp::Eq),
            ("<", BinaryOp::Lt),
            (">", BinaryOp::Gt),
        ];
        let Some((_, op)) = operators.into_iter().find(|(sign, _)| self.accept(sign)) else {
            return Err(self.error(
                "a comparison is missing here: `==`, `!=`, `<`, `<=`, `>`, `>=` or `like`",
            ));
        };
        let right = self.operand()?;
        Ok(Expr::binary(op, expr_of(left), expr_of(right)))
    }

    fn operand(&mut self) -> Result<Operand, FilterError> {
        match self.peek() {
            Some('"') => self
                .quoted('"')
                .map(|text| Operand::Value(Literal::String(text))),
            Some('\'') => self
                .quoted('\'')
                .map(|text| Operand::Value(Literal::String(text))),
            Some(c) if c.is_ascii_digit() || c == '-' => self.number_or_date().map(Operand::Value),
            Some(c) if c.is_alphabetic() || c == '_' => {
                let name = self.name();
                if self.rest().starts_with("::") {
                    self.at += 2;
                    let members = self.name();
                    if members.is_empty() {
                        return Err(self.error("the enumeration's member is missing after `::`"));
                    }
                    return Ok(Operand::Value(Literal::Enum {
                        type_name: Some(name),
                        members,
                    }));
                }
                Ok(match name.as_str() {
                    "true" => Operand::Value(Literal::Bool(true)),
                    "false" => Operand::Value(Literal::Bool(false)),
                    "null" => Operand::Value(Literal::Null),
                    _ => Operand::Column(name),
                })
            }
            _ => Err(self.error("a column or a value is missing here")),
        }
    }

    fn name(&mut self) -> String {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        self.at += end;
        name
    }

    fn quoted(&mut self, quote: char) -> Result<String, FilterError> {
        let start = self.at;
        let mut text = String::new();
        let mut letters = self.text[start + 1..].char_indices();
        while let Some((offset, letter)) = letters.next() {
            if letter == '\\' {
                match letters.next() {
                    Some((_, escaped)) => text.push(escaped),
                    None => break,
                }
            } else if letter == quote {
                self.at = start + 1 + offset + 1;
                return Ok(text);
            } else {
                text.push(letter);
            }
        }
        Err(fault(start, "this quote is never closed"))
    }

    fn number_or_date(&mut self) -> Result<Literal, FilterError> {
        let start = self.at;
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '.' | '\\')))
            .unwrap_or(rest.len());
        let word = rest[..end].to_owned();
        self.at += end;
        if word.contains('\\') {
            let mut parts = word.split('\\');
            let mut part = || parts.next().and_then(|p| p.parse::<i16>().ok());
            let date = (|| {
                let (day, month, year) = (part()?, part()?, part()?);
                Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
            })();
            let whole = word.matches('\\').count() == 2;
            return date
                .filter(|_| whole)
                .map(Literal::Date)
                .ok_or_else(|| fault(start, "a date is written day\\month\\year: `23\\06\\2021`"));
        }
        if let Ok(number) = word.parse::<i64>() {
            return Ok(Literal::Int(number));
        }
        word.parse::<Decimal>()
            .map(Literal::Decimal)
            .map_err(|_| fault(start, "this is no number"))
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn accept(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        let there = self.rest().starts_with(sign);
        if there {
            self.at += sign.len();
        }
        there
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_blanks();
        self.rest().chars().next()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn error(&self, message: &str) -> FilterError {
        fault(self.at, message)
    }
}

fn expr_of(operand: Operand) -> Expr {
    match operand {
        Operand::Column(name) => Expr::property(name),
        Operand::Value(literal) => Expr::Literal(literal),
    }
}

/// The bytes of `word` if the text begins with it as a whole word.
fn word_ahead(text: &str, word: &str) -> Option<usize> {
    let start = text.get(..word.len())?;
    let next = text.get(word.len()..)?.chars().next();
    let ends = next.is_none_or(|c| !(c.is_alphanumeric() || c == '_'));
    (start.eq_ignore_ascii_case(word) && ends).then_some(word.len())
}

fn fault(offset: usize, message: &str) -> FilterError {
    FilterError {
        offset,
        message: message.to_owned(),
    }
}

/// Prints a tree as a query range; the error names what the dialect cannot say.
pub fn print(expr: &Expr) -> Result<String, String> {
    match expr {
        Expr::And(items) => joined(items, " && "),
        Expr::Or(items) => joined(items, " || "),
        Expr::Not(inner) => {
            let inner = print(inner)?;
            Ok(format!("(!{inner})"))
        }
        Expr::Binary { op, left, right } => {
            let sign = match op {
                BinaryOp::Eq => "==",
                BinaryOp::Ne => "!=",
                BinaryOp::Lt => "<",
                BinaryOp::Le => "<=",
                BinaryOp::Gt => ">",
                BinaryOp::Ge => ">=",
                other => return Err(format!("an X++ query range has no `{}`", other.word())),
            };
            Ok(format!("({} {sign} {})", operand(left)?, operand(right)?))
        }
        Expr::Call { function, args } => {
            let pattern = match (function, args.as_slice()) {
                (
                    Function::StartsWith
                    | Function::EndsWith
                    | Function::Contains
                    | Function::MatchesPattern,
                    [Expr::Path(path), Expr::Literal(Literal::String(text))],
                ) => path.as_name().zip(Pattern::of_call(*function, text)),
                _ => None,
            };
            let (column, pattern) = pattern
                .ok_or_else(|| format!("an X++ query range has no `{}`", function.name()))?;
            let wildcards = pattern
                .to_wildcards()
                .ok_or("an X++ query range cannot look for `*` or `?` itself")?;
            Ok(format!("({column} like {})", quoted(&wildcards)))
        }
        _ => Err("an X++ query range holds only comparisons, `&&`, `||` and `!`".to_owned()),
    }
}

fn joined(items: &[Expr], sign: &str) -> Result<String, String> {
    let parts: Result<Vec<String>, String> = items.iter().map(print).collect();
    Ok(format!("({})", parts?.join(sign)))
}

fn operand(expr: &Expr) -> Result<String, String> {
    match expr {
        Expr::Path(path) => match path.as_name() {
            Some(name) => Ok(name.to_owned()),
            None => Err("an X++ query range cannot follow a lookup".to_owned()),
        },
        Expr::Literal(literal) => match literal {
            Literal::String(text) => Ok(quoted(text)),
            Literal::Int(number) => Ok(number.to_string()),
            Literal::Decimal(number) => Ok(number.to_string()),
            Literal::Bool(yes) => Ok(yes.to_string()),
            Literal::Null => Ok("null".to_owned()),
            Literal::Date(date) => Ok(format!(
                "{:02}\\{:02}\\{:04}",
                date.day(),
                date.month(),
                date.year()
            )),
            Literal::Enum {
                type_name: Some(name),
                members,
            } => Ok(format!("{name}::{members}")),
            other => Err(format!(
                "an X++ query range cannot write {}",
                a(other.kind())
            )),
        },
        _ => Err("an X++ query range compares columns with values only".to_owned()),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn again(text: &str) -> String {
        print(&parse(text).unwrap()).unwrap()
    }

    #[test]
    fn documented_filters_are_read_and_printed() {
        insta::assert_snapshot!(
            [
                again("((PartyType == \"Person\"))"),
                again("(AssociatedContactType = 1)"),
                again("((A == \"Note\") || (A == \"URL\"))"),
                again("(name like \"A*\")"),
                again("(!(name like \"*A*\"))"),
                again("(name like \"A*B?\")"),
                again("(AccountType == AccountType::Customer)"),
                again(r"(TransactionDate <= 23\06\2021)"),
                again("((n > 1000) && (n <= 2000.50))"),
                again(r#"(Name != "say \"hi\" \\")"#),
            ]
            .join("\n"),
            @r#"
        (PartyType == "Person")
        (AssociatedContactType == 1)
        ((A == "Note") || (A == "URL"))
        (name like "A*")
        (!(name like "*A*"))
        (name like "A*B?")
        (AccountType == AccountType::Customer)
        (TransactionDate <= 23\06\2021)
        ((n > 1000) && (n <= 2000.50))
        (Name != "say \"hi\" \\")
        "#
        );
    }

    #[test]
    fn it_becomes_the_same_tree_as_odata() {
        for (xpp, odata) in [
            ("(A == \"x\")", "A eq 'x'"),
            ("((A > 1) && (B <= 2))", "A gt 1 and B le 2"),
            ("(name like \"A*\")", "startswith(name,'A')"),
            ("(!(name like \"*A*\"))", "not contains(name,'A')"),
            (r"(D <= 23\06\2021)", "D le 2021-06-23"),
        ] {
            assert_eq!(parse(xpp).unwrap().to_string(), odata);
        }
    }

    #[test]
    fn errors_carry_their_offset() {
        let told = |text: &str| parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                told(""),
                told("(A == )"),
                told("(A \"x\")"),
                told("(A == \"x\""),
                told("(A == \"x)"),
                told("(A == 1) B"),
                told("(A == T::)"),
                told(r"(A == 1\2)"),
                told(&"(".repeat(1000)),
            ]
            .join("\n"),
            @r"
        at offset 0: a column or a value is missing here
        at offset 6: a column or a value is missing here
        at offset 3: a comparison is missing here: `==`, `!=`, `<`, `<=`, `>`, `>=` or `like`
        at offset 9: a `)` is missing here
        at offset 6: this quote is never closed
        at offset 9: the filter should end here, or go on with `&&` or `||`
        at offset 9: the enumeration's member is missing after `::`
        at offset 6: a date is written day\month\year: `23\06\2021`
        at offset 64: the filter is nested too deeply
        "
        );
    }

    fn filters() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            "[ -~]{0,6}".prop_map(|text| quoted(&text)),
            any::<i64>().prop_map(|number| number.to_string()),
            (1i8..=28, 1i8..=12, 1i16..=9999)
                .prop_map(|(d, m, y)| format!("{d:02}\\{m:02}\\{y:04}")),
            "[A-Z][a-z]{1,4}::[A-Z][a-z]{1,4}",
        ];
        let sign = prop_oneof![Just("=="), Just("!="), Just("<"), Just(">="), Just("=")];
        let compare = ("C[a-z_]{0,5}", sign, value).prop_map(|(c, s, v)| format!("({c} {s} {v})"));
        let like =
            ("C[a-z_]{0,5}", "[ -~]{0,6}").prop_map(|(c, p)| format!("({c} like {})", quoted(&p)));
        prop_oneof![compare, like].prop_recursive(4, 20, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|x| format!("(!{x})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
                (inner.clone(), inner).prop_map(|(a, b)| format!("({a} || {b})")),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(text in filters()) {
            let tree = parse(&text).unwrap();
            let printed = print(&tree).unwrap();
            prop_assert_eq!(parse(&printed).unwrap(), tree);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_likely_text_panics(text in r#"[()!&|=<>"'a-b:\\0-9 -]{0,30}"#) {
            let _ = parse(&text);
        }
    }
}
