//! What maps and people decide: conflicts, deletions, parked changes. One story a test.

// A panic is how a test fails.
#![allow(clippy::similar_names, reason = "a story has a store")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod model;
#[path = "model/pair.rs"]
mod pair;

use duet_engine::Engine;
use duet_engine::decisions::{self, Choice};
use duet_engine::reconcile::{Action, Class, CompareOptions, Difference};
use duet_map::CompiledMap;
use duet_map::record::RecordId;
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_store::Store;
use duet_store::change::{ParkReason, Parked, ParkedFilter};
use duet_store::conflict::{Conflict, ConflictFilter, ConflictKind, ConflictState};
use jiff::Timestamp;
use pair::Pair;
use rust_decimal::Decimal;
use std::sync::Arc;

fn manual(map: &str) -> String {
    map.replace(
        "deletes: propagate",
        "conflicts: manual\ndeletes: propagate",
    )
}

fn latest(map: &str) -> String {
    map.replace(
        "deletes: propagate",
        "conflicts: latest\ndeletes: propagate",
    )
}

/// A customer that both sides know, under maps that are changed a little.
struct Story {
    pair: Pair,
    engine: Engine,
    customer: RecordId,
    account: RecordId,
}

impl Story {
    async fn begin(change: fn(&str) -> String) -> Self {
        let pair = Pair::new();
        pair.terms("usmf", "Net30");
        let customer = pair.customer("usmf", "US-001", Row::new().with("PaymentTerms", "Net30"));
        let engine = pair.engine_with(change);
        engine.sync().await.unwrap();
        engine.quiesce().await.unwrap();
        let (account, _) = pair.account("US-001").unwrap();
        Self {
            pair,
            engine,
            customer,
            account,
        }
    }

    fn left(&self, columns: Row) {
        self.pair.left.edit("CustomersV3", &self.customer, columns);
    }

    fn right(&self, columns: Row) {
        self.pair.right.edit("accounts", &self.account, columns);
    }

    /// Both sides give the customer another name.
    async fn clash(&self) {
        self.left(Row::new().with("OrganizationName", "Finance says"));
        self.right(Row::new().with("name", "Sales says"));
        self.engine.quiesce().await.unwrap();
    }

    /// The names on the left and on the right.
    fn names(&self) -> (Option<String>, Option<String>) {
        let left = self.pair.left.row("CustomersV3", &self.customer);
        let (_, right) = self.pair.account("US-001").unzip();
        let text = |row: Option<Row>, column: &str| {
            row.and_then(|row| row.value(column).as_str().map(str::to_owned))
        };
        (text(left, "OrganizationName"), text(right, "name"))
    }

    fn assert_both_say(&self, name: &str) {
        let both = Some(name.to_owned());
        assert_eq!(self.names(), (both.clone(), both));
    }

    async fn parked(&self) -> Vec<Parked> {
        let filter = ParkedFilter::default();
        self.pair.store.parked(&filter, 100).await.unwrap()
    }

    async fn conflicts(&self) -> Vec<Conflict> {
        let filter = ConflictFilter::default();
        self.pair.store.conflicts(&filter, 100).await.unwrap()
    }

    /// The only open conflict.
    async fn open(&self) -> Conflict {
        let filter = ConflictFilter {
            open: true,
            ..ConflictFilter::default()
        };
        let mut open = self.pair.store.conflicts(&filter, 100).await.unwrap();
        assert_eq!(open.len(), 1, "{open:#?}");
        open.remove(0)
    }

    fn map(&self) -> Arc<CompiledMap> {
        let maps = self.engine.project().maps();
        let found = maps.iter().find(|map| map.id() == "customers");
        Arc::clone(found.unwrap())
    }

    async fn decide(&self, id: i64, choices: &[Choice]) {
        let store = &*self.pair.store;
        let map = self.map();
        decisions::decide(store, Some(&*map), id, choices, "anna", Timestamp::now())
            .await
            .unwrap();
        self.engine.quiesce().await.unwrap();
    }

    /// Nothing waits, both sides agree and the books balance.
    async fn assert_at_rest(&self) {
        assert_eq!(self.parked().await, []);
        let open = self.conflicts().await;
        assert!(open.iter().all(|one| one.state != ConflictState::Open));
        self.pair.assert_balanced().await;
        let before = self.pair.writes();
        self.engine.quiesce().await.unwrap();
        assert_eq!(self.pair.writes(), before);
    }
}

#[tokio::test]
async fn the_later_edit_wins_and_the_master_where_the_clocks_cannot_tell() {
    for (left, right, winner) in [
        (100, 200, "Sales"),
        (200, 100, "Finance"),
        (100, 103, "Finance"),
    ] {
        let story = Story::begin(latest).await;
        story.pair.left.set_time(left);
        story.pair.right.set_time(right);
        story.clash().await;
        story.assert_both_say(&format!("{winner} says"));
        let conflict = story.conflicts().await.remove(0);
        assert_eq!(conflict.policy, "latest");
        assert_eq!(conflict.state, ConflictState::Decided);
        let second = |side| conflict.touched[side].at.unwrap().as_second();
        assert_eq!((second(Side::Left), second(Side::Right)), (left, right));
        assert_eq!(conflict.touched.right.by.as_deref(), Some("somebody"));
        story.assert_at_rest().await;
    }
}

#[tokio::test]
async fn a_manual_conflict_holds_its_field_and_nothing_else() {
    let story = Story::begin(manual).await;
    let limit = Value::Decimal(Decimal::from(700));
    story.left(Row::new().with("CreditLimit", limit.clone()));
    story.right(Row::new().with("msdyn_onetime", true));
    story.clash().await;

    assert_eq!(
        story.names(),
        (Some("Finance says".into()), Some("Sales says".into()))
    );
    let (_, account) = story.pair.account("US-001").unwrap();
    assert_eq!(account.value("creditlimit"), &limit);
    let customer = story.pair.left.row("CustomersV3", &story.customer).unwrap();
    assert_eq!(customer.value("IsOneTime"), &Value::Symbol("Yes".into()));
    let parked = story.parked().await;
    assert!(parked.iter().all(|one| one.reason == ParkReason::Conflict));
    assert!(
        parked.iter().all(|one| one.code == "DUET2120"),
        "{parked:#?}"
    );
    let open = story.open().await;
    let field = &open.fields[0];
    assert_eq!((open.fields.len(), field.winner), (1, None));
    assert_eq!(field.left.as_str(), Some("Finance says"));
    assert_eq!(field.right.as_str(), Some("Sales says"));
    assert_eq!(
        field.base.as_ref().and_then(Value::as_str),
        Some("Name of US-001")
    );

    // Retrying decides nothing and finds the same conflict.
    let all = ParkedFilter::default();
    story
        .pair
        .store
        .retry(&all, Timestamp::now())
        .await
        .unwrap();
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.open().await.id, open.id);
    assert_eq!(story.conflicts().await.len(), 1);
    story.pair.assert_balanced().await;
}

#[tokio::test]
async fn a_person_takes_either_side_or_a_third_value() {
    let typed = |column: &str| Choice::Typed {
        column: column.to_owned(),
        text: "Both say".to_owned(),
    };
    for (choice, name) in [
        (Choice::All(Side::Left), "Finance says"),
        (Choice::All(Side::Right), "Sales says"),
        (typed("organizationname"), "Both say"),
        (typed("NAME"), "Both say"),
    ] {
        let story = Story::begin(manual).await;
        story.clash().await;
        let open = story.open().await;
        story.decide(open.id, std::slice::from_ref(&choice)).await;
        story.assert_both_say(name);
        let conflict = story.pair.store.conflict(open.id).await.unwrap().unwrap();
        assert_eq!(conflict.state, ConflictState::Resolved, "{choice:?}");
        assert_eq!(conflict.decision.unwrap().by, "anna");
        assert_eq!(story.conflicts().await.len(), 1, "{choice:?}");
        story.assert_at_rest().await;
    }
}

#[tokio::test]
async fn a_decision_holds_for_what_the_person_saw() {
    let story = Story::begin(manual).await;
    story.clash().await;
    let open = story.open().await;
    // Sales goes on editing before the decision is carried out.
    story.right(Row::new().with("name", "Sales insists"));
    story.decide(open.id, &[Choice::All(Side::Left)]).await;
    let again = story.open().await;
    assert_eq!(again.id, open.id);
    assert_eq!(again.fields[0].right.as_str(), Some("Sales insists"));
    assert_eq!(again.decision, None);
    assert_eq!(story.names().1.as_deref(), Some("Sales insists"));
    story.decide(again.id, &[Choice::All(Side::Left)]).await;
    story.assert_both_say("Finance says");
    story.assert_at_rest().await;
}

#[tokio::test]
async fn people_who_come_to_agree_end_the_conflict_themselves() {
    let story = Story::begin(manual).await;
    story.clash().await;
    story.left(Row::new().with("OrganizationName", "Sales says"));
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.conflicts().await[0].state, ConflictState::Gone);
    story.assert_both_say("Sales says");
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_decision_works_after_the_parked_changes_were_discarded() {
    let story = Story::begin(manual).await;
    story.clash().await;
    let all = ParkedFilter::default();
    let now = Timestamp::now();
    let store = &*story.pair.store;
    let discarded = decisions::discard_parked(store, &all, "anna", now)
        .await
        .unwrap();
    assert!(discarded > 0);
    story
        .decide(story.open().await.id, &[Choice::All(Side::Right)])
        .await;
    story.assert_both_say("Sales says");
    story.assert_at_rest().await;
}

#[tokio::test]
async fn records_created_on_both_sides_follow_the_policy_and_an_initial_sync_the_master() {
    let story = Story::begin(manual).await;
    let meet = |number: &str| {
        story.pair.customer("usmf", number, Row::new());
        let company = story.pair.company("usmf");
        story.pair.right.create(
            "accounts",
            Row::new()
                .with("accountnumber", number)
                .with("name", "Sales says")
                .with("customertypecode", 3)
                .with("msdyn_company", company),
        );
    };
    meet("US-002");
    story.engine.quiesce().await.unwrap();
    let open = story.open().await;
    assert_eq!(open.kind, ConflictKind::Meeting);
    assert_eq!(open.fields[0].base, None);
    story.decide(open.id, &[Choice::All(Side::Right)]).await;
    let (_, row) = story.pair.account("US-002").unwrap();
    assert_eq!(row.value("name").as_str(), Some("Sales says"));
    let found = story
        .pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-002");
    let (_, row) = found.unwrap();
    assert_eq!(row.value("OrganizationName").as_str(), Some("Sales says"));

    meet("US-003");
    story.engine.sync().await.unwrap();
    story.engine.quiesce().await.unwrap();
    let (_, row) = story.pair.account("US-003").unwrap();
    assert_eq!(row.value("name").as_str(), Some("Name of US-003"));
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_person_decides_between_a_deletion_and_a_change() {
    for (deleted, stands) in [
        (Side::Right, Side::Left),
        (Side::Right, Side::Right),
        (Side::Left, Side::Right),
        (Side::Left, Side::Left),
    ] {
        let story = Story::begin(str::to_owned).await;
        match deleted {
            Side::Right => {
                story.left(Row::new().with("OrganizationName", "Still alive"));
                story.pair.right.delete("accounts", &story.account);
            }
            Side::Left => {
                story.right(Row::new().with("name", "Still alive"));
                story.pair.left.delete("CustomersV3", &story.customer);
            }
        }
        story.engine.quiesce().await.unwrap();
        let open = story.open().await;
        assert_eq!(open.kind, ConflictKind::Deletion);
        story.decide(open.id, &[Choice::All(stands)]).await;
        if stands == deleted {
            assert_eq!(story.names(), (None, None), "{deleted} {stands}");
        } else {
            story.assert_both_say("Still alive");
        }
        let ended = story.pair.store.conflict(open.id).await.unwrap().unwrap();
        assert_eq!(ended.state, ConflictState::Resolved, "{deleted} {stands}");
        story.assert_at_rest().await;
    }
}

#[tokio::test]
async fn a_value_given_for_a_parked_change_is_checked_and_reaches_both_sides() {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "x".repeat(61).as_str()));
    // A poisoned record never stops the others.
    story.pair.customer("usmf", "US-002", Row::new());
    story.engine.quiesce().await.unwrap();
    assert!(story.pair.account("US-002").is_some());
    let edit = async |text: &str| {
        let [parked] = &story.parked().await[..] else {
            panic!("one change is parked")
        };
        assert_eq!(parked.reason, ParkReason::Validation);
        let (store, map) = (&*story.pair.store, story.map());
        let edits = [("organizationname".to_owned(), text.to_owned())];
        decisions::edit_parked(store, &map, parked.seq, &edits, "anna", Timestamp::now())
            .await
            .unwrap();
        story.engine.quiesce().await.unwrap();
    };
    // What the column cannot hold is refused at once.
    let seq = story.parked().await[0].seq;
    let edits = [("OrganizationName".to_owned(), "y".repeat(70))];
    let (store, map) = (&*story.pair.store, story.map());
    let refused = decisions::edit_parked(store, &map, seq, &edits, "anna", Timestamp::now()).await;
    assert_eq!(refused.unwrap_err().code().to_string(), "DUET2127");
    edit("Short").await;
    story.assert_both_say("Short");
    let told = story.pair.store.activity("us-001", 100).await.unwrap();
    let amended = told.iter().filter(|line| line.outcome == "amended");
    let told: Vec<&str> = amended.map(|line| line.detail.as_str()).collect();
    assert_eq!(told, ["OrganizationName given by anna"]);
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_given_value_that_was_agreed_before_reaches_the_source_all_the_same() {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "x".repeat(61).as_str()));
    story.engine.quiesce().await.unwrap();
    let seq = story.parked().await[0].seq;
    let edits = [("OrganizationName".to_owned(), "Name of US-001".to_owned())];
    let (store, map) = (&*story.pair.store, story.map());
    decisions::edit_parked(store, &map, seq, &edits, "anna", Timestamp::now())
        .await
        .unwrap();
    story.engine.quiesce().await.unwrap();
    story.assert_both_say("Name of US-001");
    story.assert_at_rest().await;
}

#[tokio::test]
async fn what_is_discarded_is_counted_and_gone() {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "x".repeat(61).as_str()));
    story.engine.quiesce().await.unwrap();
    let filter = ParkedFilter {
        reason: Some(ParkReason::Validation),
        ..ParkedFilter::default()
    };
    let (store, now) = (&*story.pair.store, Timestamp::now());
    assert_eq!(
        decisions::discard_parked(store, &filter, "anna", now)
            .await
            .unwrap(),
        1
    );
    let audit = story.pair.store.audit().await.unwrap();
    assert_eq!(
        audit.iter().map(|line| line.boxes.discarded).sum::<u64>(),
        1
    );
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_mass_deletion_waits_until_a_person_confirms_it() {
    let story = Story::begin(str::to_owned).await;
    for number in 0..30 {
        story
            .pair
            .customer("usmf", &format!("C-{number:02}"), Row::new());
    }
    story.engine.quiesce().await.unwrap();
    for number in 0..30 {
        let (id, _) = story.pair.account(&format!("C-{number:02}")).unwrap();
        story.pair.right.delete("accounts", &id);
    }
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.left.rows("CustomersV3").len(), 31);
    let parked = story.parked().await;
    assert_eq!(parked.len(), 30);
    assert!(
        parked
            .iter()
            .all(|one| one.reason == ParkReason::MassDelete)
    );

    // Retrying is no confirmation.
    let (store, now) = (&*story.pair.store, Timestamp::now());
    store.retry(&ParkedFilter::default(), now).await.unwrap();
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.left.rows("CustomersV3").len(), 31);
    let maps = ["customers".to_owned()];
    let held = decisions::held_deletions(store, &maps).await.unwrap();
    assert_eq!((held.len(), held[0].reported), (1, 30));
    let passed = decisions::confirm_deletions(store, &held, "anna", now).await;
    assert_eq!(passed.unwrap(), 30);
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.left.rows("CustomersV3").len(), 1);
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_deletion_deactivates_by_the_columns_that_the_map_names() {
    let story = Story::begin(|map| {
        map.replace(
            "deletes: propagate",
            "deletes: { deactivate: { left: { IsOneTime: yes }, right: { name: Closed } } }",
        )
    })
    .await;
    story.pair.right.delete("accounts", &story.account);
    story.engine.quiesce().await.unwrap();
    let row = story.pair.left.row("CustomersV3", &story.customer).unwrap();
    assert_eq!(row.value("IsOneTime"), &Value::Symbol("Yes".into()));
    // The survivor brings nothing back.
    story.left(Row::new().with("OrganizationName", "Edited later"));
    story.engine.quiesce().await.unwrap();
    assert!(story.pair.account("US-001").is_none());
    story.assert_at_rest().await;
}

#[tokio::test]
async fn old_conflicts_are_forgotten_and_open_ones_never() {
    let story = Story::begin(manual).await;
    story.clash().await;
    let open = story.open().await;
    let later = Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let store = &*story.pair.store;
    assert_eq!(store.forget_conflicts(later, 10).await.unwrap(), 0);
    story.decide(open.id, &[Choice::All(Side::Left)]).await;
    assert_eq!(store.forget_conflicts(later, 10).await.unwrap(), 1);
    assert!(story.conflicts().await.is_empty());
}

#[tokio::test]
async fn missing_records_that_a_person_confirms_are_deleted() {
    let story = Story::begin(str::to_owned).await;
    for number in 0..30 {
        story
            .pair
            .customer("usmf", &format!("C-{number:02}"), Row::new());
    }
    story.engine.quiesce().await.unwrap();
    for (id, row) in story.pair.left.rows("CustomersV3") {
        if row.value("CustomerAccount").as_str() != Some("US-001") {
            story.pair.left.delete("CustomersV3", &id);
        }
    }
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.right.rows("accounts").len(), 31);
    let (store, now) = (&*story.pair.store, Timestamp::now());
    let maps = ["customers".to_owned()];
    let held = decisions::held_deletions(store, &maps).await.unwrap();
    assert_eq!(held[0].missing.as_deref(), Some("more than 20 of 31"));
    decisions::confirm_deletions(store, &held, "anna", now)
        .await
        .unwrap();
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.right.rows("accounts").len(), 1);
    assert!(
        decisions::held_deletions(store, &maps)
            .await
            .unwrap()
            .is_empty()
    );
    story.assert_at_rest().await;
}

/// The counts of the customers: equal, pending, parked, conflicts, drift.
async fn compared(story: &Story) -> ([u64; 5], Vec<Difference>) {
    let options = CompareOptions {
        maps: vec!["customers".to_owned()],
        listed: 100,
        ..CompareOptions::default()
    };
    let found = story.engine.compare(&options).await.unwrap();
    let [map] = &found.maps[..] else {
        panic!("one map")
    };
    let counts = [map.equal, map.pending, map.parked, map.conflicts, map.drift];
    (counts, found.differences)
}

#[tokio::test]
async fn a_comparison_tells_drift_from_what_is_on_its_way() {
    let story = Story::begin(manual).await;
    for number in 0..8 {
        story
            .pair
            .customer("usmf", &format!("C-{number}"), Row::new());
    }
    story.pair.customer("dat", "OUT-1", Row::new());
    story.engine.quiesce().await.unwrap();
    assert_eq!(compared(&story).await.0, [9, 0, 0, 0, 0]);

    story.clash().await;
    story
        .pair
        .customer("usmf", "C-9", Row::new().with("PaymentTerms", "Nowhere"));
    story.engine.quiesce().await.unwrap();
    let (counts, _) = compared(&story).await;
    assert_eq!(counts, [8, 0, 1, 1, 0]);

    // Edits that nobody ever hears of.
    let (account, _) = story.pair.account("C-3").unwrap();
    story
        .pair
        .right
        .edit("accounts", &account, Row::new().with("name", "Drifted"));
    let (account, _) = story.pair.account("C-4").unwrap();
    story.pair.right.delete("accounts", &account);
    let (counts, differences) = compared(&story).await;
    assert_eq!(counts, [6, 0, 1, 1, 2]);
    let drift: Vec<_> = differences
        .iter()
        .filter(|one| one.class == Class::Drift)
        .map(|one| (one.key.to_string(), one.missing, one.fields.join(", ")))
        .collect();
    assert_eq!(
        drift,
        [
            ("usmf / c-3".into(), None, "ORGANIZATIONNAME = name".into()),
            ("usmf / c-4".into(), Some(Side::Right), String::new()),
        ]
    );
}

#[tokio::test]
async fn a_repair_goes_by_the_master_and_deletes_only_when_told() {
    let story = Story::begin(str::to_owned).await;
    for number in 0..4 {
        story
            .pair
            .customer("usmf", &format!("C-{number}"), Row::new());
    }
    story.engine.quiesce().await.unwrap();
    let (drifted, _) = story.pair.account("C-0").unwrap();
    story
        .pair
        .right
        .edit("accounts", &drifted, Row::new().with("name", "Drifted"));
    let (gone, _) = story.pair.account("C-1").unwrap();
    story.pair.right.delete("accounts", &gone);
    let (deleted, _) = story
        .pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "C-2")
        .unwrap();
    story.pair.left.delete("CustomersV3", &deleted);

    let (counts, differences) = compared(&story).await;
    assert_eq!(counts[4], 3, "{differences:#?}");
    let careful = story.engine.plan_repair(&differences, false);
    let skipped = careful
        .iter()
        .filter(|step| matches!(step.action, Action::Skip { .. }));
    assert_eq!((careful.len(), skipped.count()), (3, 1));
    let steps = story.engine.plan_repair(&differences, true);
    assert_eq!(story.engine.journal_repair(&steps).await.unwrap(), 3);
    story.engine.apply_pending().await.unwrap();

    let (_, row) = story.pair.account("C-0").unwrap();
    assert_eq!(row.value("name").as_str(), Some("Name of C-0"));
    assert!(story.pair.account("C-1").is_some());
    assert!(story.pair.account("C-2").is_none());
    let kept = &story.conflicts().await[0].fields[0];
    assert_eq!(kept.right.as_str(), Some("Drifted"));
    assert_eq!(compared(&story).await.0, [4, 0, 0, 0, 0]);
    story.engine.quiesce().await.unwrap();
    assert_eq!(compared(&story).await.0, [4, 0, 0, 0, 0]);
    story.assert_at_rest().await;
}
