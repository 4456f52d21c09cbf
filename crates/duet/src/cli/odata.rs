//! `duet odata`: look into OData texts with the grammar that Duet itself uses.
//!
//! `parse` says whether a text fits a rule of the published grammar, under the name that the
//! standard gives the rule; for the rules that Duet builds trees of, it shows the tree. `rules`
//! lists the names.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::Terminal;
use clap::{Args, Subcommand};
use odata::url::{self, KeyPredicate, OptionNames, QueryOptions, ResourcePath};
use odata::{Literal, ParseError, expr, grammar};
use serde_json::json;

/// Arguments of `duet odata`.
#[derive(Debug, Args)]
pub struct OdataArgs {
    #[command(subcommand)]
    command: OdataCommand,
}

#[derive(Debug, Subcommand)]
enum OdataCommand {
    /// Check a text against a rule of the OData grammar
    #[command(after_help = "\
Examples:
  duet odata parse --rule filter '$filter=customertypecode eq 3'
  duet odata parse --rule commonExpr --tree \"contains(name,'Contoso')\"
  duet odata parse --rule keyPredicate \"(dataAreaId='usmf',CustomerAccount='US-001')\"

The text stands as in a URL: `%20` for a blank is accepted, and `%27` is a quote.
Exit code 0 when the text fits the rule, 1 with the offset of the first byte that does not.")]
    Parse(ParseArgs),
    /// List the rules of the OData grammar
    #[command(after_help = "Example:\n  duet odata rules")]
    Rules,
}

#[derive(Debug, Args)]
struct ParseArgs {
    /// The rule, by its name in the OData ABNF
    #[arg(long, value_parser = rule)]
    rule: &'static str,
    /// Also show how Duet reads the text, for expressions, literals, keys, paths and options
    #[arg(long)]
    tree: bool,
    /// The text
    #[arg(value_name = "INPUT", allow_hyphen_values = true)]
    input: String,
}

/// The rule that a name means, in any letter case, as names in ABNF are.
fn rule(name: &str) -> Result<&'static str, String> {
    let names = grammar::rule_names();
    if let Some(found) = names.iter().find(|rule| rule.eq_ignore_ascii_case(name)) {
        return Ok(found);
    }
    let near = names
        .into_iter()
        .min_by_key(|rule| strsim::damerau_levenshtein(&rule.to_lowercase(), &name.to_lowercase()))
        .unwrap_or_default();
    Err(format!(
        "no rule of this name, the nearest is `{near}`; `duet odata rules` lists them"
    ))
}

/// Checks a text, or lists the rules.
pub fn run(args: &OdataArgs, terminal: Terminal) -> Result<Exit, Failure> {
    match &args.command {
        OdataCommand::Parse(args) => Ok(parse(args, terminal)),
        OdataCommand::Rules => {
            terminal.data(&json!(grammar::rule_names()), |_| {
                grammar::rule_names().join("\n")
            });
            Ok(Exit::Done)
        }
    }
}

fn parse(args: &ParseArgs, terminal: Terminal) -> Exit {
    if let Err(error) = grammar::parse_rule(args.rule, &args.input) {
        let body = json!({
            "accepted": false,
            "rule": args.rule,
            "offset": error.offset,
            "message": error.message,
        });
        terminal.data(&body, |_| {
            let caret = args.input.get(..error.offset).unwrap_or("").chars().count();
            format!("{}\n{}^ {error}", args.input, " ".repeat(caret))
        });
        return Exit::Findings;
    }
    let tree = if args.tree {
        tree(args.rule, &args.input)
    } else {
        None
    };
    let tree = tree.map(|tree| tree.unwrap_or_else(|error| error.to_string()));
    let body = json!({"accepted": true, "rule": args.rule, "tree": tree});
    terminal.data(&body, |_| {
        tree.unwrap_or_else(|| format!("fits the rule `{}`", args.rule))
    });
    Exit::Done
}

/// How Duet reads a text, spelled out; `None` for rules that it builds no tree of.
fn tree(rule: &str, input: &str) -> Option<Result<String, ParseError>> {
    let plain = || url::decode_query(input);
    let read = match rule {
        "commonExpr" | "boolCommonExpr" => plain()
            .and_then(|text| expr::parse(&text))
            .map(|tree| format!("{tree:#?}")),
        "primitiveLiteral" => plain()
            .and_then(|text| Literal::parse(&text))
            .map(|tree| format!("{tree:#?}")),
        "keyPredicate" => {
            let inside = input
                .strip_prefix('(')
                .and_then(|rest| rest.strip_suffix(')'));
            KeyPredicate::parse(inside.unwrap_or(input)).map(|tree| format!("{tree:#?}"))
        }
        "resourcePath" => ResourcePath::parse(input).map(|tree| format!("{tree:#?}")),
        "queryOptions" | "filter" | "orderby" | "select" | "expand" | "compute" | "search"
        | "top" | "skip" | "apply" => {
            QueryOptions::parse(input, OptionNames::Relaxed).map(|tree| format!("{tree:#?}"))
        }
        _ => return None,
    };
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_near_ones_suggested() {
        assert_eq!(rule("boolcommonexpr"), Ok("boolCommonExpr"));
        assert!(rule("fliter").unwrap_err().contains("`filter`"));
    }

    #[test]
    fn trees_are_built_of_what_the_rule_accepts() {
        let cases = [
            ("commonExpr", "a%20eq%201 and b ne 'x'"),
            ("primitiveLiteral", "2024-01-31"),
            ("keyPredicate", "(a='1',b=2)"),
            ("resourcePath", "accounts(1)/name"),
            ("queryOptions", "$top=1"),
            ("filter", "$filter=a eq 1"),
            ("orderby", "$orderby=a desc"),
        ];
        for (rule, text) in cases {
            assert_eq!(grammar::parse_rule(rule, text), Ok(()), "{rule} {text}");
            let read = tree(rule, text).expect(rule);
            assert!(read.is_ok(), "{rule} {text}: {read:?}");
        }
        assert!(tree("guid", "x").is_none());
    }
}
