//! Two systems that normalise differently: each pair of habits ends in agreement or parked as
//! oscillating, after a number of writes that is counted here and told in the book.

use crate::pair::Pair;
use crate::rewriting::{capitals, rewritten, small_letters};
use duet_engine::Settings;
use duet_map::side::Side;
use duet_map::value::Row;
use duet_simulation::system::{ModelSystem, Rewriting};
use duet_store::change::ParkReason;
use std::fmt::Write;

fn trimmed(table: &str, row: &mut Row) {
    rewritten(table, row, |name| name.trim().to_owned());
}

fn cut(table: &str, row: &mut Row) {
    rewritten(table, row, |name| name.chars().take(8).collect());
}

fn dot(table: &str, row: &mut Row) {
    rewritten(table, row, |name| format!("{name}."));
}

fn mark(table: &str, row: &mut Row) {
    rewritten(table, row, |name| format!("{name}!"));
}

fn keeps(_: &str, _: &mut Row) {}

/// What the left system does to names, what the right one does, what a person enters, and where.
struct Habits {
    left: (&'static str, Rewriting),
    right: (&'static str, Rewriting),
    entered: &'static str,
    on: Side,
    /// Writes until it ends, and how: the name that both agree on, or none.
    ends: (u64, Option<&'static str>),
}

const AS_IT_IS: (&str, Rewriting) = ("keeps it", keeps);
const UPPER: (&str, Rewriting) = ("upper case", capitals);
const LOWER: (&str, Rewriting) = ("lower case", small_letters);
const TRIM: (&str, Rewriting) = ("trims", trimmed);
const CUT: (&str, Rewriting) = ("cuts at 8", cut);
const DOT: (&str, Rewriting) = ("appends `.`", dot);
const MARK: (&str, Rewriting) = ("appends `!`", mark);

const fn habits(
    left: (&'static str, Rewriting),
    right: (&'static str, Rewriting),
    (entered, on): (&'static str, Side),
    ends: (u64, Option<&'static str>),
) -> Habits {
    Habits {
        left,
        right,
        entered,
        on,
        ends,
    }
}

const ACME_LEFT: (&str, Side) = (" Acme Trading ", Side::Left);
const ACME_RIGHT: (&str, Side) = (" Acme Trading ", Side::Right);

const CASES: [Habits; 14] = [
    habits(AS_IT_IS, AS_IT_IS, ACME_LEFT, (1, Some(" Acme Trading "))),
    habits(UPPER, TRIM, ACME_LEFT, (2, Some("ACME TRADING"))),
    habits(UPPER, TRIM, ACME_RIGHT, (2, Some("ACME TRADING"))),
    habits(UPPER, CUT, ACME_LEFT, (2, Some(" ACME TR"))),
    habits(TRIM, CUT, ACME_LEFT, (2, Some("Acme Tra"))),
    habits(TRIM, CUT, ACME_RIGHT, (2, Some("Acme Tr"))),
    habits(AS_IT_IS, DOT, ACME_LEFT, (2, Some(" Acme Trading ."))),
    habits(AS_IT_IS, DOT, ACME_RIGHT, (1, Some(" Acme Trading ."))),
    habits(UPPER, DOT, ACME_LEFT, (2, Some(" ACME TRADING ."))),
    habits(CUT, DOT, ACME_LEFT, (5, None)),
    habits(UPPER, LOWER, ACME_LEFT, (5, None)),
    habits(UPPER, LOWER, ACME_RIGHT, (5, None)),
    habits(MARK, DOT, ACME_LEFT, (5, None)),
    habits(MARK, DOT, ACME_RIGHT, (5, None)),
];

/// A customer on both sides, and an edit of its name by a person. Returns the writes that follow and
/// the name that both sides have in the end, unless the change is parked as oscillating.
async fn play(case: &Habits) -> (u64, Option<String>) {
    let pair = Pair::shaped(
        |left| ModelSystem::rewriting(left, case.left.1),
        |right| ModelSystem::rewriting(right, case.right.1),
    );
    let nameless = Row::new().with("OrganizationName", duet_map::value::Value::Null);
    let customer = pair.customer("usmf", "US-001", nameless);
    let engine = pair.engine();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    let (_, account) = pair.first();
    let before = pair.writes();
    match case.on {
        Side::Left => {
            let name = Row::new().with("OrganizationName", case.entered);
            pair.left.edit("CustomersV3", &customer, name);
        }
        Side::Right => {
            let name = Row::new().with("name", case.entered);
            pair.right.edit("accounts", &account, name);
        }
    }
    engine.quiesce().await.unwrap();
    let after = pair.writes();

    let parked = pair.parked().await;
    let left = pair.left.row("CustomersV3", &customer).unwrap();
    let right = pair.right.row("accounts", &account).unwrap();
    let left = left.value("OrganizationName").as_str();
    let right = right.value("name").as_str();
    let name = match &parked[..] {
        [] => {
            assert_eq!(left, right, "at rest and yet apart");
            left.map(str::to_owned)
        }
        [parked] => {
            assert_eq!(parked.reason, ParkReason::Oscillating, "{parked:?}");
            None
        }
        more => panic!("{more:#?}"),
    };
    pair.assert_balanced().await;
    // At rest nothing is written any more, nor is it by an engine that starts anew.
    pair.engine().quiesce().await.unwrap();
    assert_eq!(pair.writes(), after);
    ((after.0 - before.0) + (after.1 - before.1), name)
}

#[tokio::test]
async fn two_habits_end_in_agreement_or_parked_after_a_counted_number_of_writes() {
    let bound = u64::from(Settings::default().bounces) + 1;
    for case in &CASES {
        let (writes, name) = play(case).await;
        let habits = format!("{} / {} from the {}", case.left.0, case.right.0, case.on);
        assert_eq!((writes, name.as_deref()), case.ends, "{habits}");
        assert!(writes <= bound, "{habits}: {writes} writes");
    }
}

#[tokio::test]
async fn every_edit_of_a_quarrelling_pair_has_the_same_bound_and_others_go_on() {
    let pair = Pair::shaped(
        |left| left.rewriting(capitals),
        |right| right.rewriting(small_letters),
    );
    let engine = pair.engine();
    engine.sync().await.unwrap();
    let customer = pair.customer("usmf", "US-001", Row::new());
    engine.quiesce().await.unwrap();
    for round in 0..3 {
        let before = pair.writes();
        let name = Row::new().with("OrganizationName", format!("Edit {round}").as_str());
        pair.left.edit("CustomersV3", &customer, name);
        let description = Row::new().with("Description", format!("Terms {round}").as_str());
        let terms = pair.terms("usmf", &format!("Net{round}"));
        pair.left.edit("PaymentTerms", &terms, description);
        engine.quiesce().await.unwrap();
        let after = pair.writes();
        // Five for the name, and one for the terms that nobody rewrites.
        assert_eq!((after.0 - before.0) + (after.1 - before.1), 5 + 1);
        let arrived =
            pair.right
                .find_by("msdyn_paymentterms", "msdyn_name", &format!("Net{round}"));
        assert!(arrived.is_some(), "a quarrel holds up nobody else");
        assert_eq!(pair.parked().await.len(), 1);
    }
}

#[test]
fn the_book_tells_these_figures() {
    let mut table =
        String::from("| left | right | entered on | writes | ends |\n|---|---|---|---|---|\n");
    for case in &CASES {
        let (writes, name) = case.ends;
        let ends = name.map_or_else(|| "parked".to_owned(), |name| format!("`{name}`"));
        let (left, right, on) = (case.left.0, case.right.0, case.on);
        writeln!(table, "| {left} | {right} | {on} | {writes} | {ends} |").unwrap();
    }
    let book = include_str!("../../../../docs/explanation/oscillation.md");
    assert!(
        book.contains(&table),
        "docs/explanation/oscillation.md is to say:\n{table}"
    );
}
