//! `duet conflicts`: fields that both sides changed, who won, and what waits for a person.

use super::Global;
use super::order::{carried_out, decider, take_up};
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::project;
use crate::terminal::{Terminal, table};
use clap::{Args, Subcommand};
use duet_engine::decisions::{self, Choice};
use duet_map::side::Side;
use duet_store::Store;
use duet_store::conflict::{
    Conflict, ConflictFilter, ConflictKind, ConflictState, FieldConflict, Stands,
};

/// Arguments of `duet conflicts`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  duet conflicts
  duet conflicts --open --map finance/customers-v3.accounts --json
  duet conflicts show 7
  duet conflicts resolve 7 --take left

The values of both sides are shown here, and only here: they are business data."
)]
pub struct ConflictsArgs {
    #[command(subcommand)]
    command: Option<ConflictsCommand>,
    /// Only of this map
    #[arg(long, value_name = "MAP")]
    map: Option<String>,
    /// Only records whose key contains this text
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// Only those that wait for a person
    #[arg(long)]
    open: bool,
    /// Most conflicts to list
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: usize,
}

/// What to do with one conflict.
#[derive(Debug, Subcommand)]
pub enum ConflictsCommand {
    /// Show one conflict: all values, who, when, and how it ended
    Show(ShowArgs),
    /// Decide an open conflict
    Resolve(ResolveArgs),
}

/// Arguments of `duet conflicts show`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  duet conflicts show 7 --json")]
pub struct ShowArgs {
    /// The number of the conflict
    id: i64,
}

/// Arguments of `duet conflicts resolve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet conflicts resolve 7 --take left
  duet conflicts resolve 7 --take right --take CREDITLIMIT=left
  duet conflicts resolve 7 --set 'name=Contoso Ltd'

A decision holds for the values that `show` shows; what was edited since waits for a new one.
A running `duet run` carries it out by itself; otherwise the next `duet sync` or `duet run` does.")]
pub struct ResolveArgs {
    /// The number of the conflict
    id: i64,
    /// Whose value stands: of everything, or of one column
    #[arg(long, value_name = "SIDE|COLUMN=SIDE", required_unless_present = "set")]
    take: Vec<String>,
    /// A value for both sides, as the column's own side spells it
    #[arg(long, value_name = "COLUMN=VALUE")]
    set: Vec<String>,
    /// Who decides, for the record's story; the user of this terminal if left out
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Lists conflict records newest first, shows one or decides one.
pub async fn run(
    args: ConflictsArgs,
    global: &Global,
    terminal: Terminal,
) -> Result<Exit, Failure> {
    match args.command {
        Some(ConflictsCommand::Show(args)) => show(&args, global, terminal).await,
        Some(ConflictsCommand::Resolve(args)) => resolve(args, global, terminal).await,
        None => list(args, global, terminal).await,
    }
}

async fn list(args: ConflictsArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let store = project::open_store_to_read(&config)?;
    let filter = ConflictFilter {
        map: args.map,
        open: args.open,
        key_contains: args.key,
    };
    let conflicts = store.conflicts(&filter, args.limit).await?;
    terminal.data(&conflicts, |conflicts| text(conflicts));
    Ok(Exit::Done)
}

async fn show(args: &ShowArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let store = project::open_store_to_read(&config)?;
    let Some(conflict) = store.conflict(args.id).await? else {
        let why = "does not exist";
        return Err(decisions::DecisionError::NotOpen { id: args.id, why }.into());
    };
    terminal.data(&conflict, whole);
    Ok(Exit::Done)
}

async fn resolve(args: ResolveArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let choices = choices(&args.take, &args.set)?;
    let config = project::config(global)?;
    let decider = decider(args.by);
    let (conflict, running) = if args.set.is_empty() {
        let store = project::open_store(&config)?;
        not_under_way(&config, &*store, args.id).await?;
        let conflict = decisions::decide(&*store, None, args.id, &choices, &decider).await?;
        (conflict, take_up(&config, &*store).await)
    } else {
        // Only the map knows how either side spells a typed value.
        let prepared = project::prepare(&config, terminal).await?;
        let store = prepared.store();
        not_under_way(&config, &*store, args.id).await?;
        let map = match store.conflict(args.id).await? {
            Some(conflict) => Some(prepared.map(&conflict.map)?),
            None => None,
        };
        let conflict = decisions::decide(&*store, map, args.id, &choices, &decider).await?;
        (conflict, take_up(&config, &*store).await)
    };
    terminal.data(&conflict, |conflict| {
        format!(
            "Conflict {} of {} is decided: {}.{}",
            conflict.id,
            conflict.key,
            decided(conflict),
            carried_out(running)
        )
    });
    Ok(Exit::Done)
}

/// Refuses to decide again what a running process is about to carry out.
async fn not_under_way(config: &Config, store: &dyn Store, id: i64) -> Result<(), Failure> {
    let Some(conflict) = store.conflict(id).await? else {
        return Ok(());
    };
    match decisions::under_way(store, &conflict).await? {
        Some(by) if conflict.state == ConflictState::Open && project::is_claimed(config) => {
            Err(decisions::DecisionError::UnderWay { id, by }.into())
        }
        _ => Ok(()),
    }
}

/// Reads `--take` and `--set`.
fn choices(take: &[String], set: &[String]) -> Result<Vec<Choice>, Failure> {
    let mut choices = Vec::new();
    for text in take {
        choices.push(match text.split_once('=') {
            None => Choice::All(side(text)?),
            Some((column, word)) => Choice::Field {
                column: column.to_owned(),
                side: side(word)?,
            },
        });
    }
    for text in set {
        let (column, text) = assignment(text)?;
        choices.push(Choice::Typed { column, text });
    }
    Ok(choices)
}

fn side(text: &str) -> Result<Side, Failure> {
    text.parse()
        .map_err(|message: String| Failure::new(Exit::Usage, codes::NO_ASSIGNMENT, message, None))
}

/// Reads `COLUMN=VALUE`.
pub fn assignment(text: &str) -> Result<(String, String), Failure> {
    let parts = text
        .split_once('=')
        .filter(|(column, _)| !column.trim().is_empty());
    let (column, value) = parts.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            codes::NO_ASSIGNMENT,
            format!("`{text}` is not of the form COLUMN=VALUE"),
            "write `OrganizationName=Contoso`, in quotes where it has blanks".to_owned(),
        )
    })?;
    Ok((column.trim().to_owned(), value.to_owned()))
}

/// What stands of the field in this place, and by whose word.
fn state(conflict: &Conflict, place: usize) -> String {
    let field = &conflict.fields[place];
    let decided = conflict.decision.as_ref().map(|decision| {
        let stands = match (decision.side, decision.fields.get(place)) {
            (Some(side), _) => format!("{side}, "),
            (None, Some(Stands::Side(side))) => format!("{side}, "),
            (None, Some(Stands::Value(values))) => format!("`{}`, ", values.left),
            (None, None) => String::new(),
        };
        (stands, &decision.by)
    });
    match (conflict.state, field.winner, decided) {
        (ConflictState::Open, _, Some((stands, by))) => format!("{stands}decided by {by}"),
        (ConflictState::Open, _, None) => "open".to_owned(),
        (ConflictState::Decided, Some(side), _) => {
            let policy = field.policy.as_ref().unwrap_or(&conflict.policy);
            format!("{side} ({policy})")
        }
        (ConflictState::Decided, None, _) => conflict.policy.clone(),
        (ConflictState::Resolved, _, Some((stands, by))) => format!("{stands}resolved by {by}"),
        (ConflictState::Resolved, _, None) => "resolved".to_owned(),
        (ConflictState::Gone, ..) => "gone".to_owned(),
    }
}

/// The side that deleted the record, in a conflict between a deletion and a change.
fn deleted_on(conflict: &Conflict) -> Option<Side> {
    let lacks = |side: Side| {
        conflict
            .fields
            .iter()
            .all(|field| field.value(side).is_null())
    };
    let by_deletion = conflict.kind == ConflictKind::Deletion;
    Side::BOTH
        .into_iter()
        .find(|side| by_deletion && lacks(*side) && !lacks(side.other()))
}

fn value(conflict: &Conflict, field: &FieldConflict, side: Side) -> String {
    if deleted_on(conflict) == Some(side) {
        "(deleted)".to_owned()
    } else {
        field.value(side).to_string()
    }
}

/// What was decided, in a few words.
fn decided(conflict: &Conflict) -> String {
    let Some(decision) = &conflict.decision else {
        return String::new();
    };
    if let Some(side) = decision.side {
        return match deleted_on(conflict) {
            Some(deleted) if deleted == side => format!("the deletion on the {side} stands"),
            Some(_) => format!("the record on the {side} stands, and comes back on the other side"),
            None => format!("what the {side} did stands"),
        };
    }
    let fields = conflict.fields.iter().zip(&decision.fields);
    let told: Vec<String> = fields
        .map(|(field, stands)| match stands {
            Stands::Side(side) => format!("{} as on the {side}", field.left_column),
            Stands::Value(_) => format!("{} as typed", field.left_column),
        })
        .collect();
    told.join(", ")
}

fn text(conflicts: &[Conflict]) -> String {
    if conflicts.is_empty() {
        return "No conflicts.".to_owned();
    }
    let rows = conflicts
        .iter()
        .flat_map(|conflict| {
            conflict.fields.iter().enumerate().map(|(place, field)| {
                vec![
                    conflict.id.to_string(),
                    conflict.at.strftime("%F %T").to_string(),
                    conflict.map.clone(),
                    conflict.key.to_string(),
                    field.left_column.clone(),
                    state(conflict, place),
                    value(conflict, field, Side::Left),
                    value(conflict, field, Side::Right),
                ]
            })
        })
        .collect();
    let header = [
        "number", "at (UTC)", "map", "record", "field", "outcome", "left", "right",
    ];
    let mut text = table(&header, &[0], rows);
    let undecided =
        |conflict: &Conflict| conflict.state == ConflictState::Open && conflict.decision.is_none();
    if conflicts.iter().any(undecided) {
        text.push_str("\n\nTo decide: duet conflicts resolve NUMBER --take left|right");
    }
    text
}

fn whole(conflict: &Conflict) -> String {
    let mut lines = vec![
        format!("conflict  {} ({:?})", conflict.id, conflict.kind).to_lowercase(),
        format!("record    {} of {}", conflict.key, conflict.map),
        format!("found     {} UTC", conflict.at.strftime("%F %T")),
        format!("policy    {}", conflict.policy),
    ];
    for side in Side::BOTH {
        let touch = &conflict.touched[side];
        if touch.at.is_some() || touch.by.is_some() {
            let at = touch
                .at
                .map_or("?".to_owned(), |at| at.strftime("%F %T UTC").to_string());
            let by = touch.by.as_deref().unwrap_or("an unknown user");
            lines.push(format!("{:<9} changed by {by} at {at}", side.as_str()));
        }
    }
    if let Some(decision) = &conflict.decision {
        lines.push(format!(
            "decided   by {} at {} UTC",
            decision.by,
            decision.at.strftime("%F %T")
        ));
    }
    if let Some(how) = &conflict.ended_how {
        lines.push(format!("ended     {how}"));
    }
    let rows = conflict
        .fields
        .iter()
        .enumerate()
        .map(|(place, field)| {
            vec![
                field.left_column.clone(),
                field.right_column.clone(),
                field
                    .base
                    .as_ref()
                    .map_or("-".to_owned(), ToString::to_string),
                value(conflict, field, Side::Left),
                value(conflict, field, Side::Right),
                state(conflict, place),
            ]
        })
        .collect();
    lines.push(String::new());
    let header = [
        "left column",
        "right column",
        "before",
        "left",
        "right",
        "outcome",
    ];
    lines.push(table(&header, &[], rows));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use duet_map::record::Key;
    use duet_map::side::PerSide;
    use duet_store::conflict::{Decision, Touch};
    use jiff::Timestamp;

    fn conflict() -> Conflict {
        Conflict {
            id: 7,
            map: "customers".to_owned(),
            key: Key::from_parts(&["usmf".to_owned(), "us-001".to_owned()]),
            at: Timestamp::from_second(1_700_000_000).unwrap(),
            kind: ConflictKind::Fields,
            state: ConflictState::Open,
            policy: "manual".to_owned(),
            fields: vec![FieldConflict {
                left_column: "OrganizationName".to_owned(),
                right_column: "name".to_owned(),
                base: Some("Contoso".into()),
                left: "Contoso Ltd".into(),
                right: "Contoso Inc".into(),
                winner: None,
                policy: None,
            }],
            touched: PerSide {
                left: Touch::default(),
                right: Touch {
                    by: Some("alba".to_owned()),
                    at: Timestamp::from_second(1_699_999_000).ok(),
                },
            },
            decision: None,
            ended_at: None,
            ended_how: None,
        }
    }

    #[test]
    fn conflicts_are_listed_and_shown_with_all_values() {
        insta::assert_snapshot!(text(&[conflict()]), @"
        NUMBER  AT (UTC)             MAP        RECORD         FIELD             OUTCOME  LEFT         RIGHT
             7  2023-11-14 22:13:20  customers  usmf / us-001  OrganizationName  open     Contoso Ltd  Contoso Inc

        To decide: duet conflicts resolve NUMBER --take left|right
        ");
        insta::assert_snapshot!(whole(&conflict()), @"
        conflict  7 (fields)
        record    usmf / us-001 of customers
        found     2023-11-14 22:13:20 UTC
        policy    manual
        right     changed by alba at 2023-11-14 21:56:40 UTC

        LEFT COLUMN       RIGHT COLUMN  BEFORE   LEFT         RIGHT        OUTCOME
        OrganizationName  name          Contoso  Contoso Ltd  Contoso Inc  open
        ");
    }

    #[test]
    fn what_stands_is_told_of_policies_people_and_deletions() {
        let mut one = conflict();
        one.state = ConflictState::Decided;
        one.fields[0].winner = Some(Side::Left);
        one.fields[0].policy = Some("latest: the times do not tell, so the master".to_owned());
        assert_eq!(
            state(&one, 0),
            "left (latest: the times do not tell, so the master)"
        );
        one.state = ConflictState::Resolved;
        let decision = |side, fields| Decision {
            by: "anna".to_owned(),
            at: one.at,
            side,
            fields,
        };
        let (by_side, typed) = (
            decision(None, vec![Stands::Side(Side::Right)]),
            decision(
                None,
                vec![Stands::Value(PerSide::from_fn(|_| "Both".into()))],
            ),
        );
        let deletion = decision(Some(Side::Left), Vec::new());
        let told = |one: &Conflict| (state(one, 0), decided(one));
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        one.decision = Some(by_side);
        assert_eq!(
            told(&one),
            pair(
                "right, resolved by anna",
                "OrganizationName as on the right"
            )
        );
        one.decision = Some(typed);
        assert_eq!(
            told(&one),
            pair("`Both`, resolved by anna", "OrganizationName as typed")
        );
        one.kind = ConflictKind::Deletion;
        one.fields[0].left = duet_map::value::Value::Null;
        one.decision = Some(deletion);
        assert_eq!(
            told(&one),
            pair("left, resolved by anna", "the deletion on the left stands")
        );
        assert_eq!(value(&one, &one.fields[0], Side::Left), "(deleted)");
    }

    #[test]
    fn choices_are_sides_and_assignments() {
        let read = |take: &[&str], set: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            let (take, set): (Vec<String>, Vec<String>) = (owned(take), owned(set));
            choices(&take, &set)
        };
        let read_all = read(&["left", "name=right"], &["City=A=B"]).unwrap();
        assert_eq!(
            read_all,
            [
                Choice::All(Side::Left),
                Choice::Field {
                    column: "name".to_owned(),
                    side: Side::Right
                },
                Choice::Typed {
                    column: "City".to_owned(),
                    text: "A=B".to_owned()
                },
            ]
        );
        assert!(read(&["middle"], &[]).is_err());
        assert!(read(&[], &["=x"]).is_err());
    }
}
