//! `?sql=`: plain selections from one table, `SELECT TOP 5 a, b FROM account WHERE … ORDER BY …`.
//!
//! The condition is read by the expression parser of `$filter` after its SQL operators were
//! replaced by their OData names, so that both mean the same.

use serde_json::{Map, Value as Json};

use super::errors::{ApiError, ApiResult};
use super::filter::Filters;
use super::model::{ColumnFacts, Table};
use super::selection::{Field, Selection, Total, adds_up, all_fields, column, plain_field, run};
use super::session::{Call, Reply, Session};
use crate::rows::{Order, Sql, quote};

/// Answers a read of a set by SQL.
pub(super) fn read(
    session: &Session<'_>,
    call: &Call,
    table: &Table,
    text: &str,
) -> ApiResult<Reply> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
    };
    parser.expect("SELECT")?;
    let distinct = parser.take("DISTINCT");
    let mut limit = session.settings.page_size;
    if parser.take("TOP") {
        let number = parser.next().and_then(|token| token.text.parse().ok());
        limit = number
            .map(|top: usize| top.min(limit))
            .ok_or_else(|| wrong("TOP needs a number"))?;
    }
    let mut selection = Selection {
        from: Sql::new(format!("{} AS t", quote(table.name())), Vec::new()),
        distinct,
        limit,
        ..Selection::default()
    };
    loop {
        selection.fields.extend(parser.item(table)?);
        if !parser.take(",") {
            break;
        }
    }
    parser.expect("FROM")?;
    let name = parser.next().ok_or_else(|| wrong("FROM needs a table"))?;
    if name.text != table.name() && name.text != table.set() {
        return Err(wrong("the table is not the one that the address names"));
    }
    if parser.take("WHERE") {
        let condition = parser.until(&["ORDER", "GROUP"]);
        let filters = Filters::new(session.model, &call.options.aliases, session.now);
        let text = odata_condition(table, condition)?;
        selection.condition = Some(filters.condition(table, &text)?);
    }
    if parser.take("GROUP") {
        parser.expect("BY")?;
        loop {
            let name = parser
                .next()
                .ok_or_else(|| wrong("GROUP BY needs a column"))?;
            selection.groups.push(sql_of(table, &name.text)?);
            if !parser.take(",") {
                break;
            }
        }
    }
    if parser.take("ORDER") {
        parser.expect("BY")?;
        loop {
            let name = parser
                .next()
                .ok_or_else(|| wrong("ORDER BY needs a column"))?;
            let field = selection
                .fields
                .iter()
                .find(|field| field.name == name.text);
            let by = match field {
                Some(field) => field.sql.clone(),
                None => sql_of(table, &name.text)?,
            };
            let descending = parser.take("DESC");
            if !descending {
                parser.take("ASC");
            }
            selection.order.push(Order { by, descending });
            if !parser.take(",") {
                break;
            }
        }
    }
    if parser.at < tokens.len() {
        return Err(wrong("only plain selections from one table are known"));
    }
    let (rows, _) = run(session, call, &selection)?;
    let mut body = Map::new();
    let context = format!("{}/$metadata#{}", call.root, table.set());
    body.insert("@odata.context".into(), context.into());
    body.insert("value".into(), rows.into_iter().map(Json::Object).collect());
    Ok(Reply::json(Json::Object(body)))
}

fn wrong(detail: &str) -> ApiError {
    ApiError::new(
        axum::http::StatusCode::BAD_REQUEST,
        "0x8004026F",
        format!("The SQL query is not valid: {detail}."),
    )
}

fn sql_of(table: &Table, name: &str) -> ApiResult<Sql> {
    Ok(Sql::new(
        format!("t.{}", quote(&column(table, name)?.name)),
        Vec::new(),
    ))
}

/// A word, a sign, a number or a quoted text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    quoted: bool,
}

fn tokens(text: &str) -> ApiResult<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let mut token = String::from(character);
        let mut quoted = false;
        match character {
            _ if character.is_whitespace() => continue,
            '\'' => {
                token.clear();
                quoted = true;
                loop {
                    match characters.next() {
                        Some('\'') if characters.peek() == Some(&'\'') => {
                            characters.next();
                            token.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => token.push(other),
                        None => return Err(wrong("a quoted text does not end")),
                    }
                }
            }
            '[' => {
                token.clear();
                loop {
                    match characters.next() {
                        Some(']') => break,
                        Some(other) => token.push(other),
                        None => return Err(wrong("a bracket does not end")),
                    }
                }
            }
            '<' | '>' | '!' => {
                if let Some(next @ ('=' | '>')) = characters.peek().copied() {
                    characters.next();
                    token.push(next);
                }
            }
            _ if is_word(character) => {
                while let Some(next) = characters.peek().copied().filter(|next| is_word(*next)) {
                    characters.next();
                    token.push(next);
                }
            }
            _ => {}
        }
        tokens.push(Token {
            text: token,
            quoted,
        });
    }
    Ok(tokens)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.' | '-' | ':')
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<&'t Token> {
        let token = self.tokens.get(self.at);
        self.at += usize::from(token.is_some());
        token
    }

    fn is(&self, word: &str) -> bool {
        let token = self.tokens.get(self.at);
        token.is_some_and(|token| !token.quoted && token.text.eq_ignore_ascii_case(word))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> ApiResult<()> {
        if self.take(word) {
            Ok(())
        } else {
            Err(wrong(&format!("{word} is missing")))
        }
    }

    /// The tokens up to one of some words.
    fn until(&mut self, words: &[&str]) -> &'t [Token] {
        let start = self.at;
        while self.at < self.tokens.len() && !words.iter().any(|word| self.is(word)) {
            self.at += 1;
        }
        &self.tokens[start..self.at]
    }

    /// One item of the selection: `*`, a column or a total, with an alias.
    fn item<'m>(&mut self, table: &'m Table) -> ApiResult<Vec<Field<'m>>> {
        if self.take("*") {
            return Ok(all_fields(table, "t", ""));
        }
        let name = self
            .next()
            .ok_or_else(|| wrong("a column is missing"))?
            .text
            .clone();
        let mut field = if self.take("(") {
            let total = match name.to_ascii_uppercase().as_str() {
                "COUNT" => Total::CountColumn,
                "SUM" => Total::Sum,
                "AVG" => Total::Average,
                "MIN" => Total::Min,
                "MAX" => Total::Max,
                _ => return Err(wrong("an unknown function is called")),
            };
            let total = if self.take("DISTINCT") {
                Total::CountDistinct
            } else {
                total
            };
            let inside = self.next().ok_or_else(|| wrong("a column is missing"))?;
            let (total, inside) = match inside.text.as_str() {
                "*" => (Total::Count, table.id()),
                name => (total, name),
            };
            let inner = column(table, inside)?;
            if matches!(total, Total::Sum | Total::Average) && !adds_up(inner) {
                return Err(wrong("a column cannot be added up"));
            }
            self.expect(")")?;
            Field::total(name.to_lowercase(), total, sql_of(table, inside)?, inner)
        } else {
            plain_field("t", column(table, &name)?, "")
        };
        if self.take("AS") {
            let alias = self.next().ok_or_else(|| wrong("an alias is missing"))?;
            field.name.clone_from(&alias.text);
        }
        Ok(vec![field])
    }
}

/// A condition in the words of `$filter`.
fn odata_condition(table: &Table, tokens: &[Token]) -> ApiResult<String> {
    let mut words: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let following = |offset: usize| {
            tokens
                .get(at + offset)
                .map(|token| token.text.to_ascii_uppercase())
                .unwrap_or_default()
        };
        if token.quoted {
            words.push(quoted(&token.text));
            at += 1;
            continue;
        }
        let upper = token.text.to_ascii_uppercase();
        match upper.as_str() {
            "=" => words.push("eq".into()),
            "<>" | "!=" => words.push("ne".into()),
            "<" => words.push("lt".into()),
            "<=" => words.push("le".into()),
            ">" => words.push("gt".into()),
            ">=" => words.push("ge".into()),
            "AND" | "OR" | "NOT" | "IN" => words.push(upper.to_lowercase()),
            "NULL" => words.push("null".into()),
            "IS" => {
                let not = following(1) == "NOT";
                words.push(if not { "ne" } else { "eq" }.into());
                at += usize::from(not);
            }
            "LIKE" => {
                let pattern = tokens.get(at + 1).filter(|token| token.quoted);
                let pattern = pattern.ok_or_else(|| wrong("LIKE needs a quoted text"))?;
                let subject = words.pop().ok_or_else(|| wrong("LIKE needs a column"))?;
                words.push(like(&subject, &pattern.text)?);
                at += 1;
            }
            "(" | ")" | "," => words.push(token.text.clone()),
            _ => {
                let found = table
                    .column(&token.text)
                    .or_else(|| table.property(&token.text));
                words.push(found.map_or_else(|| token.text.clone(), ColumnFacts::property_name));
            }
        }
        at += 1;
    }
    Ok(words.join(" "))
}

/// `LIKE` as the function of `$filter` that means the same.
fn like(subject: &str, pattern: &str) -> ApiResult<String> {
    let (start, end) = (
        pattern.starts_with('%'),
        pattern.len() > 1 && pattern.ends_with('%'),
    );
    let inner = pattern.strip_prefix('%').unwrap_or(pattern);
    let inner = if end {
        inner.strip_suffix('%').unwrap_or(inner)
    } else {
        inner
    };
    let function = match (start, end) {
        (true, true) => "contains",
        (false, true) => "startswith",
        (true, false) => "endswith",
        (false, false) if pattern.contains(['%', '_', '[']) => {
            return Err(wrong("a LIKE pattern must begin or end with '%'"));
        }
        (false, false) => return Ok(format!("{subject} eq {}", quoted(pattern))),
    };
    Ok(format!("{function}({subject},{})", quoted(inner)))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
