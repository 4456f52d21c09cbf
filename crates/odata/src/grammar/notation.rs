//! The notation of the rules, and its compilation into a graph.
//!
//! | written | means |
//! |---|---|
//! | `"eq"` | these characters in any letter case |
//! | `'NOT'` | these characters exactly |
//! | `[A-Za-z\xff]` | one byte of these; `\` escapes |
//! | `name` | another rule |
//! | `a b`, `a \| b`, `( … )` | one after the other, either, a group |
//! | `a?`, `a*`, `a+`, `a{2}`, `a{1,3}`, `a{2,}` | optional, repeated |
//! | `a*!` | repeated as often as possible, no less |
//! | `<a b>` | a token: one that breaks off does not count as progress |
//! | `~a` | nothing, and `a` does not match here |

use std::collections::HashMap;

/// A rule's place in the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RuleId(usize);

/// A piece of a definition.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Characters, in any letter case if `fold`.
    Text { bytes: Vec<u8>, fold: bool },
    /// One byte of a set.
    Class(Box<[bool; 256]>),
    /// One after the other.
    Sequence(Vec<Node>),
    /// Either.
    Choice(Vec<Node>),
    /// Repeated; greedy ones take as much as there is.
    Repeat {
        node: Box<Node>,
        least: usize,
        most: usize,
        greedy: bool,
    },
    /// Like the node inside, but a failure within it counts where it starts.
    Token(Box<Node>),
    /// Matches nothing where the node inside does not match.
    Not(Box<Node>),
    /// Another rule.
    Rule(RuleId),
}

/// Rules by name; a rule may be mentioned before it is defined.
#[derive(Debug, Default)]
pub(super) struct Grammar {
    ids: HashMap<String, RuleId>,
    definitions: Vec<Option<Node>>,
    faults: Vec<String>,
}

impl Grammar {
    pub(super) fn define(&mut self, name: &str, definition: &str) {
        let RuleId(at) = self.id(name);
        let mut compiler = Compiler {
            grammar: self,
            bytes: definition.as_bytes(),
            at: 0,
        };
        let node = compiler.choice();
        let complete = compiler.at == compiler.bytes.len();
        if !complete {
            self.faults
                .push(format!("the definition of `{name}` is malformed"));
        }
        if let Some(slot) = self.definitions.get_mut(at)
            && slot.replace(node).is_some()
        {
            self.faults.push(format!("`{name}` is defined twice"));
        }
    }

    fn id(&mut self, name: &str) -> RuleId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = RuleId(self.definitions.len());
        self.definitions.push(None);
        self.ids.insert(name.to_owned(), id);
        id
    }

    pub(super) fn rule(&self, name: &str) -> Option<RuleId> {
        self.ids.get(name).copied()
    }

    pub(super) fn definition(&self, RuleId(at): RuleId) -> Option<&Node> {
        self.definitions.get(at)?.as_ref()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.ids.keys().map(String::as_str)
    }

    /// What is wrong with the definitions, for the test that nothing is.
    #[cfg(test)]
    pub(super) fn faults(&self) -> Vec<String> {
        let undefined = self
            .ids
            .iter()
            .filter(|(_, id)| self.definition(**id).is_none());
        let undefined = undefined.map(|(name, _)| format!("`{name}` is not defined"));
        self.faults.iter().cloned().chain(undefined).collect()
    }
}

struct Compiler<'g, 'd> {
    grammar: &'g mut Grammar,
    bytes: &'d [u8],
    at: usize,
}

impl Compiler<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn choice(&mut self) -> Node {
        let mut choices = vec![self.sequence()];
        while self.eat(b'|') {
            choices.push(self.sequence());
        }
        if choices.len() == 1 {
            choices.remove(0)
        } else {
            Node::Choice(choices)
        }
    }

    fn sequence(&mut self) -> Node {
        let mut nodes = Vec::new();
        self.blanks();
        while let Some(node) = self.item() {
            nodes.push(self.repeated(node));
            self.blanks();
        }
        if nodes.len() == 1 {
            nodes.remove(0)
        } else {
            Node::Sequence(nodes)
        }
    }

    fn item(&mut self) -> Option<Node> {
        match self.peek()? {
            b'(' => {
                self.at += 1;
                let inside = self.choice();
                self.eat(b')').then_some(inside)
            }
            b'<' => {
                self.at += 1;
                let inside = Box::new(self.choice());
                self.eat(b'>').then_some(Node::Token(inside))
            }
            b'~' => {
                self.at += 1;
                Some(Node::Not(Box::new(self.item()?)))
            }
            quote @ (b'"' | b'\'') => {
                self.at += 1;
                let start = self.at;
                while self.peek().is_some_and(|byte| byte != quote) {
                    self.at += 1;
                }
                let bytes = self.bytes.get(start..self.at)?.to_vec();
                self.at += 1;
                Some(Node::Text {
                    bytes,
                    fold: quote == b'"',
                })
            }
            b'[' => {
                self.at += 1;
                Some(self.class())
            }
            byte if byte == b'_' || byte.is_ascii_alphabetic() => {
                let start = self.at;
                let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
                while self.peek().is_some_and(part) {
                    self.at += 1;
                }
                let name = std::str::from_utf8(self.bytes.get(start..self.at)?).ok()?;
                Some(Node::Rule(self.grammar.id(name)))
            }
            _ => None,
        }
    }

    fn class(&mut self) -> Node {
        let mut set = Box::new([false; 256]);
        while let Some(low) = self.class_byte() {
            let ranged = self.peek() == Some(b'-') && self.bytes.get(self.at + 1) != Some(&b']');
            self.at += usize::from(ranged);
            let high = if ranged {
                self.class_byte().unwrap_or(low)
            } else {
                low
            };
            for byte in low..=high {
                if let Some(member) = set.get_mut(usize::from(byte)) {
                    *member = true;
                }
            }
        }
        Node::Class(set)
    }

    /// A byte of a set; `None` after the closing bracket.
    fn class_byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b']' => None,
            b'\\' => {
                let escaped = self.peek()?;
                self.at += 1;
                if escaped != b'x' {
                    return Some(escaped);
                }
                let digits = std::str::from_utf8(self.bytes.get(self.at..self.at + 2)?).ok()?;
                self.at += 2;
                u8::from_str_radix(digits, 16).ok()
            }
            byte => Some(byte),
        }
    }

    fn repeated(&mut self, node: Node) -> Node {
        let (least, most) = match self.peek() {
            Some(b'?') => (0, 1),
            Some(b'*') => (0, usize::MAX),
            Some(b'+') => (1, usize::MAX),
            Some(b'{') => {
                self.at += 1;
                let least = self.number();
                let most = if self.eat(b',') {
                    if self.peek() == Some(b'}') {
                        usize::MAX
                    } else {
                        self.number()
                    }
                } else {
                    least
                };
                (least, most)
            }
            _ => return node,
        };
        self.at += 1;
        let greedy = self.eat(b'!');
        Node::Repeat {
            node: Box::new(node),
            least,
            most,
            greedy,
        }
    }

    fn number(&mut self) -> usize {
        let mut value = 0_usize;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            value = value
                .saturating_mul(10)
                .saturating_add(usize::from(digit - b'0'));
            self.at += 1;
        }
        value
    }
}
