//! Reads expressions by precedence climbing, with a bound on the depth of the tree.
//!
//! From loose to tight: `or`, `and`, `eq ne`, `gt ge lt le`, `add sub`, `mul div divby mod`,
//! `not` and `-`, `has in`, paths. Operators and function names are read in any letter case.

mod json;
mod path;

use super::{BinaryOp, Expr, Function, Json, Path, PathSegment};
use crate::scan::{Scanner, is_identifier_part, is_identifier_start};
use crate::{ParseError, literal};

/// The greatest depth of a tree that [`parse`] builds; deeper text is refused.
pub const MAX_DEPTH: usize = 100;

/// Reads an expression that fills the whole text, which is already percent-decoded.
///
/// ```
/// use duet_odata::expr;
///
/// let filter = expr::parse("Name  eq 'x' and not (Total gt 5.0)")?;
/// assert_eq!(filter.to_string(), "Name eq 'x' and not (Total gt 5.0)");
/// assert_eq!(expr::parse("Name eq").unwrap_err().offset, 7);
/// # Ok::<(), duet_odata::ParseError>(())
/// ```
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(Scanner::new(text));
    let expr = parser.expression()?;
    parser.scanner.expect_end()?;
    Ok(expr)
}

/// An expression with the depth of its tree.
type Tall = (Expr, usize);

pub(crate) struct Parser<'a> {
    pub(crate) scanner: Scanner<'a>,
    depth: usize,
}

/// An operator that stands between two operands.
#[derive(Clone, Copy, PartialEq)]
enum Infix {
    Or,
    And,
    Binary(BinaryOp),
    In,
}

impl Infix {
    fn from_word(word: &str) -> Option<Self> {
        if word.eq_ignore_ascii_case("or") {
            Some(Self::Or)
        } else if word.eq_ignore_ascii_case("and") {
            Some(Self::And)
        } else if word.eq_ignore_ascii_case("in") {
            Some(Self::In)
        } else {
            BinaryOp::from_word(word).map(Self::Binary)
        }
    }

    fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Binary(op) => binary_precedence(op),
            Self::In => PRIMARY,
        }
    }
}

/// The precedence of `not` and of a sign.
pub(super) const UNARY: u8 = 7;
/// The precedence of `has` and `in`.
pub(super) const PRIMARY: u8 = 8;

pub(super) fn binary_precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Eq | BinaryOp::Ne => 3,
        BinaryOp::Gt | BinaryOp::Ge | BinaryOp::Lt | BinaryOp::Le => 4,
        BinaryOp::Add | BinaryOp::Sub => 5,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::DivBy | BinaryOp::Mod => 6,
        BinaryOp::Has => PRIMARY,
    }
}

impl<'a> Parser<'a> {
    pub(crate) fn new(scanner: Scanner<'a>) -> Self {
        Self { scanner, depth: 0 }
    }

    /// Reads an expression with blanks around it.
    pub(crate) fn expression(&mut self) -> Result<Expr, ParseError> {
        self.tall().map(|(expr, _)| expr)
    }

    fn tall(&mut self) -> Result<Tall, ParseError> {
        self.scanner.skip_blanks();
        let found = self.climb(0)?;
        self.scanner.skip_blanks();
        Ok(found)
    }

    /// Reads operands as long as the operators between them bind at least as tight as `least`.
    fn climb(&mut self, least: u8) -> Result<Tall, ParseError> {
        self.depth += 1;
        self.check_depth(self.depth)?;
        let (mut left, mut height) = self.operand()?;
        while let Some((infix, after)) = self.peek_infix()? {
            let precedence = infix.precedence();
            if precedence < least.max(1) {
                break;
            }
            self.scanner.reset(after);
            let (right, right_height) = if infix == Infix::In {
                self.list()?
            } else {
                self.climb(precedence + 1)?
            };
            // Long chains of `and` and `or` are one node; other chains lean to the left.
            let (next, next_height) = match (infix, left) {
                (Infix::And, Expr::And(operands)) if height.1 => (
                    Expr::And(operands).and(right),
                    height.0.max(right_height + 1),
                ),
                (Infix::Or, Expr::Or(operands)) if height.1 => {
                    (Expr::Or(operands).or(right), height.0.max(right_height + 1))
                }
                (infix, left) => {
                    let joined = match infix {
                        Infix::And => Expr::And(vec![left, right]),
                        Infix::Or => Expr::Or(vec![left, right]),
                        Infix::Binary(op) => Expr::binary(op, left, right),
                        Infix::In => Expr::In {
                            value: Box::new(left),
                            list: Box::new(right),
                        },
                    };
                    (joined, height.0.max(right_height) + 1)
                }
            };
            self.check_depth(next_height)?;
            left = next;
            height = (next_height, true);
        }
        self.depth -= 1;
        Ok((left, height.0))
    }

    fn check_depth(&self, depth: usize) -> Result<(), ParseError> {
        if depth > MAX_DEPTH {
            return Err(self.scanner.error(format!(
                "this expression is nested deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(())
    }

    /// The operator that comes next, and the place after it and its blanks.
    fn peek_infix(&mut self) -> Result<Option<(Infix, usize)>, ParseError> {
        let start = self.scanner.pos();
        if !self.scanner.skip_blanks() {
            return Ok(None);
        }
        let word_at = self.scanner.pos();
        let word = self.scanner.take_while(is_identifier_part);
        let infix = Infix::from_word(word);
        let spaced = self.scanner.skip_blanks();
        let after = self.scanner.pos();
        self.scanner.reset(start);
        match infix {
            Some(infix) if spaced || infix == Infix::In => Ok(Some((infix, after))),
            Some(_) => Err(ParseError::new(after, "expected a blank and an operand")),
            // These words end an expression: `price desc`, `a mul b as c`.
            None if matches!(word, "" | "asc" | "desc" | "as" | "with" | "from") => Ok(None),
            None => Err(ParseError::new(
                word_at,
                "expected an operator such as `eq` or `and`",
            )),
        }
    }

    /// An operand; the flag says that it is open to be joined by a further `and` or `or`.
    fn operand(&mut self) -> Result<(Expr, (usize, bool)), ParseError> {
        let start = self.scanner.pos();
        if self.scanner.eat('(') {
            let (inner, height) = self.tall()?;
            self.scanner.expect(')')?;
            return Ok((inner, (height, false)));
        }
        if let Some(literal) = literal::parse_prefix(&mut self.scanner)? {
            return Ok((Expr::Literal(literal), (1, false)));
        }
        match self.scanner.peek() {
            Some('-') => {
                self.scanner.bump();
                self.scanner.skip_blanks();
                let (inner, height) = self.climb(UNARY)?;
                return Ok((Expr::Negate(Box::new(inner)), (height + 1, false)));
            }
            Some('[' | '{' | '"') => {
                let (json, height) = self.json()?;
                return Ok((Expr::Json(json), (height, false)));
            }
            Some('@') => {
                self.scanner.bump();
                return self.alias_or_annotation();
            }
            Some('$') => return self.path().map(|(expr, height)| (expr, (height, false))),
            Some(c) if is_identifier_start(c) => {}
            _ => {
                return Err(self
                    .scanner
                    .error("expected a value, a property or a function"));
            }
        }
        let word = self.scanner.take_while(is_identifier_part);
        if word.eq_ignore_ascii_case("not") && matches!(self.scanner.peek(), Some(' ' | '\t' | '('))
        {
            let spaced = self.scanner.skip_blanks();
            // `not(x)` could be a call; no service names a function so.
            let is_property = spaced && (self.at_infix() || self.at_end());
            if !is_property {
                let (inner, height) = self.climb(UNARY)?;
                return Ok((Expr::Not(Box::new(inner)), (height + 1, false)));
            }
        }
        self.scanner.reset(start);
        let (expr, height) = match self.builtin()? {
            Some(found) => found,
            None => self.path()?,
        };
        Ok((expr, (height, false)))
    }

    /// Whether nothing stands here that an operand could start with.
    fn at_end(&self) -> bool {
        matches!(
            self.scanner.peek(),
            None | Some(')' | ',' | ':' | ']' | '}')
        )
    }

    /// Whether an infix operator stands here, which makes the word before it a property.
    fn at_infix(&mut self) -> bool {
        let start = self.scanner.pos();
        let word = self.scanner.take_while(is_identifier_part);
        let found = Infix::from_word(word).is_some() && self.scanner.peek() == Some(' ');
        self.scanner.reset(start);
        found
    }

    fn alias_or_annotation(&mut self) -> Result<(Expr, (usize, bool)), ParseError> {
        let name = self.qualified_name()?;
        if name.contains('.') {
            let mut segments = vec![PathSegment::Annotation(self.with_qualifier(name)?)];
            let height = self.more_segments(&mut segments)?;
            return Ok((Expr::Path(Path { segments }), (height + 1, false)));
        }
        Ok((Expr::Alias(name), (1, false)))
    }

    fn with_qualifier(&mut self, mut name: String) -> Result<String, ParseError> {
        if self.scanner.eat('#') {
            let qualifier = self.scanner.identifier();
            let qualifier = qualifier.ok_or_else(|| self.scanner.error("expected a qualifier"))?;
            name.push('#');
            name.push_str(qualifier);
        }
        Ok(name)
    }

    /// `a`, or `Ns.a`.
    fn qualified_name(&mut self) -> Result<String, ParseError> {
        let start = self.scanner.pos();
        loop {
            if self.scanner.identifier().is_none() {
                return Err(self.scanner.error("expected a name"));
            }
            let dot = self.scanner.pos();
            if !self.scanner.eat('.') {
                break;
            }
            if !self.scanner.peek().is_some_and(is_identifier_start) {
                self.scanner.reset(dot);
                break;
            }
        }
        Ok(self.scanner.since(start).to_owned())
    }

    /// A call of one of the protocol's own functions; `None`, with nothing consumed, otherwise.
    fn builtin(&mut self) -> Result<Option<Tall>, ParseError> {
        let start = self.scanner.pos();
        let name = self.qualified_name()?;
        if !self.scanner.eat('(') {
            self.scanner.reset(start);
            return Ok(None);
        }
        if name.eq_ignore_ascii_case("case") {
            return self.case().map(Some);
        }
        let test = name.eq_ignore_ascii_case("isof");
        if test || name.eq_ignore_ascii_case("cast") {
            return self.type_call(test).map(Some);
        }
        let Some(function) = Function::from_name(&name) else {
            self.scanner.reset(start);
            return Ok(None);
        };
        let (args, height) = self.arguments()?;
        let (least, most) = function.arity();
        if args.len() < least || args.len() > most {
            let wanted = if least == most {
                least.to_string()
            } else {
                format!("{least} or {most}")
            };
            let message = format!("`{}` takes {wanted} arguments", function.name());
            return Err(ParseError::new(start, message));
        }
        Ok(Some((Expr::Call { function, args }, height + 1)))
    }

    /// Positional arguments up to and with the closing parenthesis.
    fn arguments(&mut self) -> Result<(Vec<Expr>, usize), ParseError> {
        let mut args = Vec::new();
        let mut height = 0;
        self.scanner.skip_blanks();
        if self.scanner.eat(')') {
            return Ok((args, height));
        }
        loop {
            let (arg, arg_height) = self.tall()?;
            height = height.max(arg_height);
            args.push(arg);
            if !self.scanner.eat(',') {
                break;
            }
        }
        self.scanner.expect(')')?;
        Ok((args, height))
    }

    fn case(&mut self) -> Result<Tall, ParseError> {
        let mut branches = Vec::new();
        let mut height = 0;
        loop {
            let (condition, condition_height) = self.tall()?;
            self.scanner.expect(':')?;
            let (value, value_height) = self.tall()?;
            height = height.max(condition_height).max(value_height);
            branches.push((condition, value));
            if !self.scanner.eat(',') {
                break;
            }
        }
        self.scanner.expect(')')?;
        Ok((Expr::Case(branches), height + 1))
    }

    fn type_call(&mut self, test: bool) -> Result<Tall, ParseError> {
        self.scanner.skip_blanks();
        let start = self.scanner.pos();
        if let Ok(type_name) = self.type_name() {
            self.scanner.skip_blanks();
            if self.scanner.eat(')') {
                return Ok((
                    Expr::TypeCall {
                        test,
                        value: None,
                        type_name,
                    },
                    1,
                ));
            }
        }
        self.scanner.reset(start);
        let (value, height) = self.tall()?;
        self.scanner.expect(',')?;
        self.scanner.skip_blanks();
        let type_name = self.type_name()?;
        self.scanner.skip_blanks();
        self.scanner.expect(')')?;
        let value = Some(Box::new(value));
        Ok((
            Expr::TypeCall {
                test,
                value,
                type_name,
            },
            height + 1,
        ))
    }

    /// `Edm.String`, `Ns.Type` or `Collection(Ns.Type)`.
    fn type_name(&mut self) -> Result<String, ParseError> {
        let start = self.scanner.pos();
        if self.scanner.eat_str("Collection(") {
            self.qualified_name()?;
            self.scanner.expect(')')?;
            return Ok(self.scanner.since(start).to_owned());
        }
        let name = self.qualified_name()?;
        if name.contains('.') {
            Ok(name)
        } else {
            Err(ParseError::new(
                start,
                "expected a type name with its namespace",
            ))
        }
    }

    /// What stands to the right of `in`.
    fn list(&mut self) -> Result<Tall, ParseError> {
        let start = self.scanner.pos();
        if self.scanner.eat('(') {
            let (items, height) = self.arguments()?;
            return Ok((Expr::List(items), height + 1));
        }
        let (expr, (height, _)) = self.operand()?;
        match expr {
            Expr::Path(_) | Expr::Alias(_) | Expr::Json(Json::Array(_)) => Ok((expr, height)),
            _ => Err(ParseError::new(start, "expected a list such as `(1,2,3)`")),
        }
    }
}
