//! Reads JSON inside expressions.

use super::Parser;
use crate::expr::{Expr, Json};
use crate::{Literal, ParseError};

impl Parser<'_> {
    pub(super) fn json(&mut self) -> Result<(Json, usize), ParseError> {
        self.depth += 1;
        self.check_depth(self.depth)?;
        self.scanner.skip_blanks();
        let found = match self.scanner.peek() {
            Some('[') => self.json_array(),
            Some('{') => self.json_object(),
            Some('"') => self
                .json_string()
                .map(|text| (Json::Value(Literal::String(text)), 1)),
            _ => {
                let (expr, height) = self.climb(0)?;
                match expr {
                    Expr::Literal(literal) => Ok((Json::Value(literal), 1)),
                    Expr::Json(json) => Ok((json, height)),
                    expr => Ok((Json::Expr(Box::new(expr)), height + 1)),
                }
            }
        };
        self.depth -= 1;
        found
    }

    fn json_array(&mut self) -> Result<(Json, usize), ParseError> {
        self.scanner.expect('[')?;
        let mut items = Vec::new();
        let mut height = 0;
        self.scanner.skip_blanks();
        if !self.scanner.eat(']') {
            loop {
                let (item, item_height) = self.json()?;
                height = height.max(item_height);
                items.push(item);
                self.scanner.skip_blanks();
                if !self.scanner.eat(',') {
                    break;
                }
            }
            self.scanner.expect(']')?;
        }
        Ok((Json::Array(items), height + 1))
    }

    fn json_object(&mut self) -> Result<(Json, usize), ParseError> {
        self.scanner.expect('{')?;
        let mut members = Vec::new();
        let mut height = 0;
        self.scanner.skip_blanks();
        if !self.scanner.eat('}') {
            loop {
                self.scanner.skip_blanks();
                let name = self.json_string()?;
                self.scanner.skip_blanks();
                self.scanner.expect(':')?;
                let (value, value_height) = self.json()?;
                height = height.max(value_height);
                members.push((name, value));
                self.scanner.skip_blanks();
                if !self.scanner.eat(',') {
                    break;
                }
            }
            self.scanner.expect('}')?;
        }
        Ok((Json::Object(members), height + 1))
    }

    /// A double-quoted JSON string with its escapes.
    fn json_string(&mut self) -> Result<String, ParseError> {
        let start = self.scanner.pos();
        self.scanner.expect('"')?;
        loop {
            match self.scanner.bump() {
                None => return Err(ParseError::new(start, "this string has no closing quote")),
                Some('"') => break,
                Some('\\') => {
                    self.scanner.bump();
                }
                Some(_) => {}
            }
        }
        serde_json::from_str(self.scanner.since(start))
            .map_err(|_| ParseError::new(start, "expected a JSON string"))
    }
}
