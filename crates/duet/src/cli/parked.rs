//! `duet parked`: the changes that wait for something; showing, mending and dropping one.

use super::Global;
use super::conflicts::assignment;
use super::order::{carried_out, decider, take_up};
use crate::confirmation::confirm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project;
use crate::terminal::{Terminal, table};
use clap::{Args, Subcommand, ValueEnum};
use duet_engine::decisions::{self, DecisionError};
use duet_map::value::Value;
use duet_store::change::{ChangeKind, ParkReason, Parked, ParkedFilter};
use serde::Serialize;
use serde_json::json;

/// Which parked changes are meant.
#[derive(Debug, Args)]
pub struct Selection {
    /// Only of this map
    #[arg(long, value_name = "MAP")]
    map: Option<String>,
    /// Only with this reason
    #[arg(long, value_name = "REASON")]
    reason: Option<Reason>,
    /// Only records whose key contains this text
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// Only the change with this number
    #[arg(long, value_name = "NUMBER")]
    number: Option<i64>,
}

/// Why a change is parked, as typed on a command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Reason {
    /// A record that it refers to is not there yet
    WaitingForKey,
    /// A value breaks a rule of the other side
    Validation,
    /// Both sides changed the same field and a person has to decide
    Conflict,
    /// The other system refused the write
    Refused,
    /// Retries did not help
    Fault,
    /// The pair keeps bouncing between the sides
    Oscillating,
    /// Kept aside when its map was resumed
    Held,
    /// One of so many deletions that a person has to confirm them
    MassDelete,
}

impl From<Reason> for ParkReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::WaitingForKey => Self::WaitingForKey,
            Reason::Validation => Self::Validation,
            Reason::Conflict => Self::Conflict,
            Reason::Refused => Self::Refused,
            Reason::Fault => Self::Fault,
            Reason::Oscillating => Self::Oscillating,
            Reason::Held => Self::Held,
            Reason::MassDelete => Self::MassDelete,
        }
    }
}

impl From<Selection> for ParkedFilter {
    fn from(selection: Selection) -> Self {
        Self {
            map: selection.map,
            reason: selection.reason.map(ParkReason::from),
            side: None,
            seq: selection.number,
            key_contains: selection.key,
        }
    }
}

/// Arguments of `duet parked`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  duet parked
  duet parked --reason waiting-for-key
  duet parked --map finance/customers-v3.accounts --json
  duet parked show 4711
  duet parked edit 4711 'OrganizationName=Contoso Ltd'
  duet parked discard 4711 --yes
  duet parked discard --reason mass-delete --map customers"
)]
pub struct ParkedArgs {
    #[command(subcommand)]
    command: Option<ParkedCommand>,
    #[command(flatten)]
    selection: Selection,
    /// Most changes to list
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: usize,
    /// End with exit code 1 when anything is parked
    #[arg(long)]
    fail: bool,
}

/// What to do with parked changes.
#[derive(Debug, Subcommand)]
pub enum ParkedCommand {
    /// Show one change with the values that it carries
    Show(ShowArgs),
    /// Give columns other values for this one change, and try it again
    Edit(EditArgs),
    /// Drop changes for good; they are counted as discarded
    Discard(DiscardArgs),
}

/// Arguments of `duet parked show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  duet parked show 4711

The values are business data and shown here only.")]
pub struct ShowArgs {
    /// The number of the change
    number: i64,
}

/// Arguments of `duet parked edit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  duet parked edit 4711 'OrganizationName=Contoso Ltd' CREDITLIMIT=5000

Columns are those of the side that the change comes from. The value goes through every check again;
where the field travels both ways, it is written to both sides.")]
pub struct EditArgs {
    /// The number of the change
    number: i64,
    /// Columns with their values
    #[arg(required = true, value_name = "COLUMN=VALUE")]
    values: Vec<String>,
    /// Who decides, for the record's story; the user of this terminal if left out
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Arguments of `duet parked discard`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  duet parked discard 4711 4712 --yes
  duet parked discard --reason mass-delete --map finance/customers-v3.accounts

The records stay as they are on both sides. The next edit of one brings its differences along.")]
pub struct DiscardArgs {
    /// The numbers of the changes
    #[arg(
        value_name = "NUMBER",
        required_unless_present_any = ["map", "reason", "key"],
        conflicts_with_all = ["map", "reason", "key"]
    )]
    numbers: Vec<i64>,
    /// All of this map
    #[arg(long, value_name = "MAP")]
    map: Option<String>,
    /// All with this reason
    #[arg(long, value_name = "REASON")]
    reason: Option<Reason>,
    /// All of records whose key contains this text
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Who decides, for the record's story; the user of this terminal if left out
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Lists parked changes, oldest first; shows, mends or drops some.
pub async fn run(args: ParkedArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    match args.command {
        Some(ParkedCommand::Show(args)) => show(&args, global, terminal).await,
        Some(ParkedCommand::Edit(args)) => edit(args, global, terminal).await,
        Some(ParkedCommand::Discard(args)) => discard(args, global, terminal).await,
        None => list(args, global, terminal).await,
    }
}

/// One parked change with its values.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    parked: Parked,
    /// What happened to the record.
    kind: &'static str,
    /// The columns of its own side.
    columns: Vec<ShownColumn>,
}

#[derive(Debug, Serialize)]
struct ShownColumn {
    column: String,
    value: Value,
    /// The value that a person gave for this change.
    #[serde(skip_serializing_if = "Option::is_none")]
    given: Option<Value>,
}

fn only(number: i64) -> ParkedFilter {
    ParkedFilter {
        seq: Some(number),
        ..ParkedFilter::default()
    }
}

async fn show(args: &ShowArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let store = project::open_store_to_read(&config)?;
    let parked = store.parked(&only(args.number), 1).await?.pop();
    let (Some(parked), Some(change)) = (parked, store.change(args.number).await?) else {
        return Err(DecisionError::NotParked { seq: args.number }.into());
    };
    let given = change.change.amendment.columns;
    let (kind, columns) = match change.change.kind {
        ChangeKind::Delete => ("deleted", Vec::new()),
        ChangeKind::Upsert { row, .. } => {
            let columns = row.iter().map(|(column, value)| ShownColumn {
                column: column.to_owned(),
                value: value.clone(),
                given: given.get(column).cloned(),
            });
            ("created or changed", columns.collect())
        }
    };
    let shown = Shown {
        parked,
        kind,
        columns,
    };
    terminal.data(&shown, whole);
    Ok(Exit::Done)
}

fn whole(shown: &Shown) -> String {
    let parked = &shown.parked;
    let mut lines = vec![
        format!("change    {} ({})", parked.seq, shown.kind),
        format!(
            "record    {} of {}, from the {}",
            parked.key, parked.map, parked.side
        ),
        format!(
            "since     {} UTC, tried {}",
            parked.since.strftime("%F %T"),
            match parked.attempts {
                1 => "once".to_owned(),
                count => format!("{count} times"),
            }
        ),
        format!(
            "why       {}: {}",
            parked.code,
            without_code(&parked.message, &parked.code)
        ),
    ];
    for token in &parked.waits_for {
        lines.push(format!("waits for {token}"));
    }
    if !shown.columns.is_empty() {
        let rows = shown
            .columns
            .iter()
            .map(|column| {
                let given = column.given.as_ref();
                vec![
                    column.column.clone(),
                    column.value.to_string(),
                    given.map_or_else(String::new, ToString::to_string),
                ]
            })
            .collect();
        lines.push(String::new());
        lines.push(table(
            &["column", "value", "given for this change"],
            &[],
            rows,
        ));
    }
    lines.join("\n")
}

async fn edit(args: EditArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let edits = args
        .values
        .iter()
        .map(|text| assignment(text))
        .collect::<Result<Vec<_>, _>>()?;
    let config = project::config(global)?;
    let prepared = project::prepare(&config, terminal).await?;
    let store = prepared.store();
    let Some(change) = store.change(args.number).await? else {
        return Err(DecisionError::NotParked { seq: args.number }.into());
    };
    let map = prepared.map(&change.change.map)?;
    let decider = decider(args.by);
    let columns = decisions::edit_parked(&*store, map, args.number, &edits, &decider).await?;
    let running = take_up(&config, &*store).await;
    terminal.data(&json!({"edited": args.number, "columns": columns}), |_| {
        format!(
            "Change {} goes on with the given {}.{}",
            args.number,
            columns.join(", "),
            carried_out(running)
        )
    });
    Ok(Exit::Done)
}

async fn discard(args: DiscardArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let store = project::open_store(&config)?;
    let numbers = if args.numbers.is_empty() {
        let filter = ParkedFilter {
            map: args.map,
            reason: args.reason.map(ParkReason::from),
            key_contains: args.key,
            ..ParkedFilter::default()
        };
        // What is parked after the question was asked is not part of the answer.
        let parked = store.parked(&filter, usize::MAX).await?;
        parked.into_iter().map(|parked| parked.seq).collect()
    } else {
        args.numbers
    };
    if numbers.is_empty() {
        terminal.data(&json!({"discarded": 0}), |_| {
            "No parked change fits; `duet parked` lists them.".to_owned()
        });
        return Ok(Exit::Done);
    }
    let what = match numbers.len() {
        1 => "1 parked change will be dropped for good".to_owned(),
        count => format!("{count} parked changes will be dropped for good"),
    };
    confirm(terminal, &what, "discard", args.yes)?;
    let decider = decider(args.by);
    let mut discarded = 0;
    for number in &numbers {
        let dropped = decisions::discard_parked(&*store, &only(*number), &decider).await?;
        if dropped == 0 {
            return Err(DecisionError::NotParked { seq: *number }.into());
        }
        discarded += dropped;
    }
    terminal.data(&json!({"discarded": discarded}), |_| match discarded {
        1 => "1 change is discarded; both records stay as they are.".to_owned(),
        count => format!("{count} changes are discarded; the records stay as they are."),
    });
    Ok(Exit::Done)
}

async fn list(args: ParkedArgs, global: &Global, terminal: Terminal) -> Result<Exit, Failure> {
    let config = project::config(global)?;
    let store = project::open_store_to_read(&config)?;
    let parked = store.parked(&args.selection.into(), args.limit).await?;
    let exit = if args.fail && !parked.is_empty() {
        Exit::Findings
    } else {
        Exit::Done
    };
    terminal.data(&parked, |parked| text(parked));
    if parked.len() == args.limit {
        terminal.say("There may be more: raise --limit.");
    }
    Ok(exit)
}

fn text(parked: &[Parked]) -> String {
    if parked.is_empty() {
        return "Nothing is parked.".to_owned();
    }
    let rows = parked
        .iter()
        .map(|change| {
            vec![
                change.seq.to_string(),
                change.map.clone(),
                change.side.to_string(),
                change.key.to_string(),
                change.code.clone(),
                without_code(&change.message, &change.code),
            ]
        })
        .collect();
    let mut text = table(
        &["number", "map", "from", "record", "code", "what to do"],
        &[0],
        rows,
    );
    text.push_str("\n\nLook closer: duet parked show NUMBER. Once mended: duet retry --number NUMBER, or duet retry.");
    text
}

/// The message without the code that stands in the column before it.
fn without_code(message: &str, code: &str) -> String {
    message
        .strip_prefix(code)
        .unwrap_or(message)
        .trim_start_matches([':', ' '])
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use duet_map::record::{Key, RecordId};
    use duet_map::side::Side;
    use jiff::Timestamp;

    #[test]
    fn a_parked_change_is_shown_with_what_it_carries() {
        let shown = Shown {
            parked: Parked {
                seq: 4711,
                map: "customers".to_owned(),
                side: Side::Left,
                key: Key::from_parts(&["usmf".to_owned(), "us-001".to_owned()]),
                record: RecordId("us-001".to_owned()),
                reason: ParkReason::Validation,
                code: "DUET2002".to_owned(),
                message: "DUET2002 name (ORGANIZATIONNAME = name): too long".to_owned(),
                waits_for: vec!["key:left:terms".to_owned()],
                since: Timestamp::from_second(1_700_000_000).unwrap(),
                attempts: 2,
            },
            kind: "created or changed",
            columns: vec![
                ShownColumn {
                    column: "CustomerAccount".to_owned(),
                    value: "US-001".into(),
                    given: None,
                },
                ShownColumn {
                    column: "OrganizationName".to_owned(),
                    value: "Contoso Entertainment".into(),
                    given: Some("Contoso".into()),
                },
            ],
        };
        insta::assert_snapshot!(whole(&shown), @"
        change    4711 (created or changed)
        record    usmf / us-001 of customers, from the left
        since     2023-11-14 22:13:20 UTC, tried 2 times
        why       DUET2002: name (ORGANIZATIONNAME = name): too long
        waits for key:left:terms

        COLUMN            VALUE                  GIVEN FOR THIS CHANGE
        CustomerAccount   US-001
        OrganizationName  Contoso Entertainment  Contoso
        ");
    }
}
