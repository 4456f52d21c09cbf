//! What a new project must know of its systems: from flags, or asked on the terminal.
//!
//! A secret is never asked for: a project names the variable of the environment that holds it.

use super::codes;
use crate::exit::Exit;
use crate::failure::Failure;
use duet_map::side::PerSide;
use std::io::{BufRead, Write};

/// How to reach one side, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The environment's address.
    pub url: Option<String>,
    /// The Entra tenant.
    pub tenant: Option<String>,
    /// Where tokens come from, when not from Entra's public address.
    pub token_url: Option<String>,
    /// The application that Duet signs in with.
    pub client_id: Option<String>,
    /// The variable that holds its secret.
    pub secret: Option<String>,
}

/// How to reach one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The environment's address.
    pub url: String,
    /// The Entra tenant.
    pub tenant: String,
    /// Where tokens come from, when not from Entra's public address.
    pub token_url: Option<String>,
    /// The application that Duet signs in with.
    pub client_id: String,
    /// The variable that holds its secret.
    pub secret: String,
}

/// Who answers questions.
pub trait Ask {
    /// Asks; an empty answer takes the proposal. None when nobody can be asked.
    fn ask(&mut self, question: &str, proposal: Option<&str>) -> Option<String>;
}

/// A person at a terminal.
pub struct Person<R, W> {
    /// Where answers come from.
    pub input: R,
    /// Where questions go.
    pub output: W,
}

impl<R: BufRead, W: Write> Ask for Person<R, W> {
    fn ask(&mut self, question: &str, proposal: Option<&str>) -> Option<String> {
        loop {
            let shown = proposal.map_or(String::new(), |proposal| format!(" [{proposal}]"));
            write!(self.output, "{question}{shown}: ").ok()?;
            self.output.flush().ok()?;
            let mut line = String::new();
            if self.input.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let answer = line.trim();
            if !answer.is_empty() {
                return Some(answer.to_owned());
            }
            if let Some(proposal) = proposal {
                return Some(proposal.to_owned());
            }
        }
    }
}

/// Nobody: a script without a terminal.
pub struct Nobody;

impl Ask for Nobody {
    fn ask(&mut self, _: &str, _: Option<&str>) -> Option<String> {
        None
    }
}

/// One thing to know: its question, its flag, and what is taken when nothing else is said.
struct Question<'q> {
    text: String,
    flag: &'q str,
    proposal: Option<String>,
}

/// Completes both sides. What nobody can be asked is named with its flag, all at once.
pub fn complete(known: PerSide<Known>, ask: &mut dyn Ask) -> Result<PerSide<Answers>, Failure> {
    let mut open = Vec::new();
    let mut answer = |given: Option<String>, question: &Question<'_>| {
        given
            .or_else(|| ask.ask(&question.text, question.proposal.as_deref()))
            .or_else(|| question.proposal.clone())
            .unwrap_or_else(|| {
                open.push(question.flag.to_owned());
                String::new()
            })
    };
    let mut side =
        |known: Known, title: &str, side: &str, variable: &str, other: Option<&Answers>| {
            let question = |text: &str, name: &str, proposal: Option<String>| {
                (
                    format!("{title}: {text}"),
                    format!("--{side}-{name}"),
                    proposal,
                )
            };
            let mut get =
                |given: Option<String>,
                 (text, flag, proposal): (String, String, Option<String>)| {
                    answer(
                        given,
                        &Question {
                            text,
                            flag: &flag,
                            proposal,
                        },
                    )
                };
            Answers {
                url: get(known.url, question("address (https://…)", "url", None)),
                tenant: get(
                    known.tenant,
                    question(
                        "Entra tenant",
                        "tenant",
                        other.map(|other| other.tenant.clone()),
                    ),
                ),
                client_id: get(
                    known.client_id,
                    question(
                        "application (client) id",
                        "client-id",
                        other.map(|other| other.client_id.clone()),
                    ),
                ),
                secret: get(
                    known.secret,
                    question(
                        "variable that holds its secret",
                        "secret",
                        Some(variable.to_owned()),
                    ),
                ),
                token_url: known.token_url,
            }
        };
    let left = side(
        known.left,
        "Finance & Operations",
        "left",
        "DUET_LEFT_SECRET",
        None,
    );
    let right = side(
        known.right,
        "Dataverse",
        "right",
        "DUET_RIGHT_SECRET",
        Some(&left),
    );
    if open.is_empty() {
        return Ok(PerSide { left, right });
    }
    Err(Failure::new(
        Exit::Usage,
        codes::NOT_ANSWERED,
        "a new project must know more, and there is no terminal to ask on",
        format!("say it with {}", open.join(", ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(url: &str) -> Known {
        Known {
            url: Some(url.to_owned()),
            ..Known::default()
        }
    }

    #[test]
    fn a_person_is_asked_for_what_flags_leave_open() {
        let input = b"\nhttps://f\ncontoso\nid-1\n\nhttps://d\n\n\nMY_SECRET\n".as_slice();
        let mut output = Vec::new();
        let mut person = Person {
            input,
            output: &mut output,
        };
        let answers = complete(PerSide::default(), &mut person).unwrap();
        assert_eq!(answers.left.url, "https://f");
        assert_eq!(answers.left.secret, "DUET_LEFT_SECRET");
        // The right side proposes what the left one said.
        assert_eq!(answers.right.tenant, "contoso");
        assert_eq!(answers.right.client_id, "id-1");
        assert_eq!(answers.right.secret, "MY_SECRET");
        let asked = String::from_utf8(output).unwrap();
        assert!(
            asked.contains("Dataverse: Entra tenant [contoso]: "),
            "{asked}"
        );
    }

    #[test]
    fn a_script_is_told_every_flag_it_lacks() {
        let sides = PerSide {
            left: known("https://f"),
            right: Known::default(),
        };
        let failure = complete(sides, &mut Nobody).unwrap_err();
        assert_eq!(failure.findings[0].code, codes::NOT_ANSWERED);
        let fix = failure.findings[0].fix.clone().unwrap();
        assert_eq!(
            fix,
            "say it with --left-tenant, --left-client-id, --right-url"
        );
    }
}
