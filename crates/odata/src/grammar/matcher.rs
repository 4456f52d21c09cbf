//! Matches text against a grammar by following every reading at once.
//!
//! For a rule and a start it computes all places where a match may end, once; so ambiguity,
//! which the published grammar is full of, costs no exponential search.

use std::collections::HashMap;
use std::rc::Rc;

use super::notation::{Grammar, Node, RuleId};

/// Why a text does not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// No reading got beyond this byte.
    At(usize),
    /// The work was given up near this byte.
    TooComplex(usize),
}

/// Rules inside rules, so deep.
const MAX_DEPTH: usize = 400;
/// Steps of work, so many.
const MAX_STEPS: usize = 2_000_000;

/// Whether the whole input matches the rule.
pub(super) fn matches(grammar: &Grammar, rule: RuleId, input: &[u8]) -> Result<(), Failure> {
    let mut matcher = Matcher {
        grammar,
        input,
        known: HashMap::new(),
        furthest: 0,
        depth: 0,
        steps: 0,
    };
    let ends = matcher.rule(rule, 0)?;
    if ends.contains(&input.len()) {
        return Ok(());
    }
    // A reading may be complete before the end of the text, and nothing may follow it.
    let complete = ends.iter().copied().max().unwrap_or(0);
    Err(Failure::At(matcher.furthest.max(complete)))
}

/// Places where a match may end, in ascending order, each once.
type Ends = Vec<usize>;

struct Matcher<'g, 'i> {
    grammar: &'g Grammar,
    input: &'i [u8],
    known: HashMap<(RuleId, usize), Rc<[usize]>>,
    furthest: usize,
    depth: usize,
    steps: usize,
}

impl Matcher<'_, '_> {
    fn rule(&mut self, rule: RuleId, start: usize) -> Result<Rc<[usize]>, Failure> {
        if let Some(ends) = self.known.get(&(rule, start)) {
            return Ok(Rc::clone(ends));
        }
        if self.depth >= MAX_DEPTH {
            return Err(Failure::TooComplex(start));
        }
        let grammar = self.grammar;
        let Some(node) = grammar.definition(rule) else {
            return Err(Failure::At(start));
        };
        self.depth += 1;
        let ends: Rc<[usize]> = self.node(node, start)?.into();
        self.depth -= 1;
        self.known.insert((rule, start), Rc::clone(&ends));
        Ok(ends)
    }

    fn node(&mut self, node: &Node, start: usize) -> Result<Ends, Failure> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(Failure::TooComplex(start));
        }
        match node {
            Node::Text { bytes, fold } => Ok(self.text(bytes, *fold, start)),
            Node::Class(set) => {
                let matched = self.in_class(set, start);
                self.reached(start + usize::from(matched));
                Ok(if matched { vec![start + 1] } else { Vec::new() })
            }
            Node::Sequence(nodes) => {
                let mut ends = vec![start];
                for node in nodes {
                    let mut next = Vec::new();
                    for end in ends {
                        next.extend(self.node(node, end)?);
                    }
                    self.steps += next.len();
                    ends = sorted(next);
                    if ends.is_empty() {
                        break;
                    }
                }
                Ok(ends)
            }
            Node::Choice(nodes) => {
                let mut ends = Vec::new();
                for node in nodes {
                    ends.extend(self.node(node, start)?);
                }
                self.steps += ends.len();
                Ok(sorted(ends))
            }
            Node::Repeat {
                node,
                least,
                most,
                greedy,
            } => {
                let ends = self.repeat(node, *least, *most, start)?;
                Ok(if *greedy {
                    ends.last().copied().into_iter().collect()
                } else {
                    ends
                })
            }
            Node::Token(node) => {
                let before = self.furthest;
                let ends = self.node(node, start)?;
                if ends.is_empty() {
                    self.furthest = before.max(start);
                }
                Ok(ends)
            }
            Node::Not(node) => {
                let before = self.furthest;
                let absent = self.node(node, start)?.is_empty();
                self.furthest = before;
                Ok(if absent { vec![start] } else { Vec::new() })
            }
            Node::Rule(rule) => Ok(self.rule(*rule, start)?.to_vec()),
        }
    }

    fn reached(&mut self, at: usize) {
        self.furthest = self.furthest.max(at);
    }

    fn in_class(&self, set: &[bool; 256], at: usize) -> bool {
        self.input
            .get(at)
            .is_some_and(|byte| set.get(usize::from(*byte)) == Some(&true))
    }

    fn text(&mut self, bytes: &[u8], fold: bool, start: usize) -> Ends {
        for (offset, wanted) in bytes.iter().enumerate() {
            let found = self.input.get(start + offset);
            let same = found.is_some_and(|found| {
                if fold {
                    found.eq_ignore_ascii_case(wanted)
                } else {
                    found == wanted
                }
            });
            if !same {
                // A word is there or not: half of one is no progress.
                self.reached(start);
                return Vec::new();
            }
        }
        self.reached(start + bytes.len());
        vec![start + bytes.len()]
    }

    fn repeat(
        &mut self,
        node: &Node,
        least: usize,
        most: usize,
        start: usize,
    ) -> Result<Ends, Failure> {
        if let Node::Class(set) = node {
            let mut count = 0;
            while count < most && self.in_class(set, start + count) {
                count += 1;
            }
            self.reached(start + count);
            self.steps += count;
            return Ok(if count < least {
                Vec::new()
            } else {
                (start + least..=start + count).collect()
            });
        }
        let mut ends = Vec::new();
        let mut seen = vec![start];
        let mut frontier = vec![start];
        let mut count = 0;
        loop {
            if count >= least {
                ends.extend_from_slice(&frontier);
            }
            if count >= most || frontier.is_empty() {
                return Ok(sorted(ends));
            }
            let mut next = Vec::new();
            for at in frontier {
                next.extend(self.node(node, at)?);
            }
            self.steps += next.len() + seen.len() / 16;
            next = sorted(next);
            count += 1;
            // Once enough are counted, a place that was seen before leads nowhere new.
            if count >= least {
                next.retain(|end| seen.binary_search(end).is_err() || count == least);
                seen.extend_from_slice(&next);
                seen = sorted(seen);
            }
            frontier = next;
        }
    }
}

fn sorted(mut ends: Ends) -> Ends {
    ends.sort_unstable();
    ends.dedup();
    ends
}
