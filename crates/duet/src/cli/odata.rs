//! `duet odata`: look into OData texts with the grammar that Duet itself uses.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::Terminal;
use clap::{Args, Subcommand, ValueEnum};
use odata::url::{KeyPredicate, OptionNames, QueryOptions, ResourcePath};
use odata::{Literal, ParseError, expr};
use serde_json::json;

/// Arguments of `duet odata`.
#[derive(Debug, Args)]
pub struct OdataArgs {
    #[command(subcommand)]
    command: OdataCommand,
}

#[derive(Debug, Subcommand)]
enum OdataCommand {
    /// Parse a text by a rule of the OData grammar
    #[command(after_help = "\
Examples:
  duet odata parse --rule filter 'customertypecode eq 3'
  duet odata parse --rule keyPredicate \"dataAreaId='usmf',CustomerAccount='US-001'\"

Exit code 0 when the text fits the rule, 1 with the offset of the first byte that does not.")]
    Parse(ParseArgs),
}

#[derive(Debug, Args)]
struct ParseArgs {
    /// The rule
    #[arg(long)]
    rule: Rule,
    /// The text
    #[arg(value_name = "INPUT", allow_hyphen_values = true)]
    input: String,
}

/// Rules of the grammar, by the names that the standard gives them.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rule {
    /// A condition or any other expression
    #[value(name = "filter", aliases = ["commonExpr", "boolCommonExpr"])]
    Filter,
    /// A primitive value as it stands in a URL
    #[value(name = "primitiveLiteral")]
    PrimitiveLiteral,
    /// What stands between the parentheses after a set
    #[value(name = "keyPredicate")]
    KeyPredicate,
    /// The path below the service root
    #[value(name = "resourcePath")]
    ResourcePath,
    /// What follows the question mark
    #[value(name = "queryOptions")]
    QueryOptions,
}

/// Parses and shows how the text was read.
pub fn run(args: &OdataArgs, terminal: Terminal) -> Result<Exit, Failure> {
    let OdataCommand::Parse(args) = &args.command;
    match read(args.rule, &args.input) {
        Ok(tree) => {
            terminal.data(&json!({"accepted": true, "tree": tree}), |_| tree.clone());
            Ok(Exit::Done)
        }
        Err(error) => {
            let body = json!({"accepted": false, "offset": error.offset, "message": error.message});
            terminal.data(&body, |_| {
                let caret = args.input.get(..error.offset).unwrap_or("").chars().count();
                format!("{}\n{}^ {error}", args.input, " ".repeat(caret))
            });
            Ok(Exit::Findings)
        }
    }
}

/// The tree of a text, spelled out.
fn read(rule: Rule, input: &str) -> Result<String, ParseError> {
    Ok(match rule {
        Rule::Filter => format!("{:#?}", expr::parse(input)?),
        Rule::PrimitiveLiteral => format!("{:#?}", Literal::parse(input)?),
        Rule::KeyPredicate => format!("{:#?}", KeyPredicate::parse(input)?),
        Rule::ResourcePath => format!("{:#?}", ResourcePath::parse(input)?),
        Rule::QueryOptions => {
            format!("{:#?}", QueryOptions::parse(input, OptionNames::Relaxed)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_accepts_and_rejects() {
        let cases = [
            (Rule::Filter, "a eq 1 and b ne 'x'", "a eq"),
            (Rule::PrimitiveLiteral, "2024-01-31", "2024-13"),
            (Rule::KeyPredicate, "a='1',b=2", "a='1',"),
            (Rule::ResourcePath, "accounts(1)/name", "accounts(1"),
            (Rule::QueryOptions, "$top=1", "$top=one"),
        ];
        for (rule, good, bad) in cases {
            assert!(read(rule, good).is_ok(), "{rule:?} {good}");
            assert!(read(rule, bad).is_err(), "{rule:?} {bad}");
        }
    }
}
