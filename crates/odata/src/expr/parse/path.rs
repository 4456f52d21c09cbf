//! Reads paths: properties, casts, keys, lambdas, counts, functions of a service.

use super::{Parser, Tall};
use crate::expr::{Expr, Lambda, LambdaKind, Path, PathSegment};
use crate::scan::is_identifier_part;
use crate::url::{KeyPredicate, read_key};
use crate::{ParseError, literal};

/// The variable and the condition of a lambda.
type Condition = (String, Box<Expr>);

impl Parser<'_> {
    pub(super) fn path(&mut self) -> Result<Tall, ParseError> {
        let mut segments = Vec::new();
        let mut height = 0;
        if self.scanner.eat('$') {
            let word = self.scanner.take_while(is_identifier_part);
            match word {
                "it" | "this" | "root" => segments.push(PathSegment::Name(format!("${word}"))),
                "count" => segments.push(PathSegment::Count(self.count_options()?)),
                _ => return Err(self.scanner.error("expected `$it`, `$this` or `$root`")),
            }
        } else {
            height = self.segment(&mut segments)?;
        }
        let more = self.more_segments(&mut segments)?;
        Ok((Expr::Path(Path { segments }), height.max(more) + 1))
    }

    pub(super) fn more_segments(
        &mut self,
        segments: &mut Vec<PathSegment>,
    ) -> Result<usize, ParseError> {
        let mut height = 0;
        while self.scanner.eat('/') {
            if self.scanner.eat_str("$count") {
                segments.push(PathSegment::Count(self.count_options()?));
            } else if self.scanner.eat('@') {
                let name = self.qualified_name()?;
                segments.push(PathSegment::Annotation(self.with_qualifier(name)?));
            } else {
                height = height.max(self.segment(segments)?);
            }
        }
        Ok(height)
    }

    /// The text inside the parentheses of `$count(…)`, quotes respected.
    fn count_options(&mut self) -> Result<Option<String>, ParseError> {
        if !self.scanner.eat('(') {
            return Ok(None);
        }
        let start = self.scanner.pos();
        let mut open = 1_usize;
        loop {
            match self.scanner.peek() {
                None => return Err(self.scanner.error("expected `)`")),
                Some('\'') => {
                    literal::quoted(&mut self.scanner)?;
                    continue;
                }
                Some('(') => open += 1,
                Some(')') => open -= 1,
                Some(_) => {}
            }
            if open == 0 {
                let text = self.scanner.since(start).to_owned();
                self.scanner.bump();
                return Ok(Some(text));
            }
            self.scanner.bump();
        }
    }

    fn segment(&mut self, segments: &mut Vec<PathSegment>) -> Result<usize, ParseError> {
        let name = self.qualified_name()?;
        if !self.scanner.eat('(') {
            segments.push(if name.contains('.') {
                PathSegment::Cast(name)
            } else {
                PathSegment::Name(name)
            });
            return Ok(0);
        }
        let kind = match name.as_str() {
            _ if segments.is_empty() => None,
            _ if name.eq_ignore_ascii_case("any") => Some(LambdaKind::Any),
            _ if name.eq_ignore_ascii_case("all") => Some(LambdaKind::All),
            _ => None,
        };
        if let Some(kind) = kind {
            let (condition, height) = self.lambda(kind)?;
            segments.push(PathSegment::Lambda(Lambda { kind, condition }));
            return Ok(height);
        }
        self.key_or_arguments(name, segments)
    }

    fn lambda(&mut self, kind: LambdaKind) -> Result<(Option<Condition>, usize), ParseError> {
        self.scanner.skip_blanks();
        if kind == LambdaKind::Any && self.scanner.eat(')') {
            return Ok((None, 0));
        }
        let variable = self.scanner.identifier();
        let variable = variable.ok_or_else(|| self.scanner.error("expected a variable"))?;
        let variable = variable.to_owned();
        self.scanner.skip_blanks();
        self.scanner.expect(':')?;
        let (condition, height) = self.tall()?;
        self.scanner.expect(')')?;
        Ok((Some((variable, Box::new(condition))), height))
    }

    /// After `name(`: named arguments of a function or a key, or one key value.
    fn key_or_arguments(
        &mut self,
        name: String,
        segments: &mut Vec<PathSegment>,
    ) -> Result<usize, ParseError> {
        let start = self.scanner.pos();
        self.scanner.skip_blanks();
        if self.scanner.eat(')') {
            segments.push(PathSegment::Function {
                name,
                args: Vec::new(),
            });
            return Ok(0);
        }
        let named = self.scanner.identifier().is_some() && {
            self.scanner.skip_blanks();
            self.scanner.peek() == Some('=')
        };
        self.scanner.reset(start);
        if !named {
            let key: KeyPredicate = read_key(&mut self.scanner)?;
            self.scanner.expect(')')?;
            segments.push(PathSegment::Name(name));
            segments.push(PathSegment::Key(key));
            return Ok(0);
        }
        let mut args = Vec::new();
        let mut height = 0;
        loop {
            self.scanner.skip_blanks();
            let parameter = self.scanner.identifier();
            let parameter = parameter.ok_or_else(|| self.scanner.error("expected a parameter"))?;
            let parameter = parameter.to_owned();
            self.scanner.skip_blanks();
            self.scanner.expect('=')?;
            let (value, value_height) = self.tall()?;
            height = height.max(value_height);
            args.push((parameter, value));
            if !self.scanner.eat(',') {
                break;
            }
        }
        self.scanner.expect(')')?;
        segments.push(PathSegment::Function { name, args });
        Ok(height)
    }
}
