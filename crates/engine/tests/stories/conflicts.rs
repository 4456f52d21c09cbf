//! Conflicts: what a policy decides, and what people decide.

use crate::story::{Story, anna};
use duet_engine::decisions::{self, Choice, Decider};
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_store::Store;
use duet_store::change::{ParkReason, ParkedFilter};
use duet_store::conflict::{ConflictKind, ConflictState, FieldConflict};
use jiff::Timestamp;
use rust_decimal::Decimal;

pub fn manual(map: &str) -> String {
    map.replace(
        "deletes: propagate",
        "conflicts: manual\ndeletes: propagate",
    )
}

pub fn latest(map: &str) -> String {
    map.replace(
        "deletes: propagate",
        "conflicts: latest\ndeletes: propagate",
    )
}

fn at_second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test]
async fn the_later_edit_wins_and_the_master_where_the_clocks_cannot_tell() {
    let finance: fn(&str) -> String = latest;
    let sales: fn(&str) -> String = |map| latest(map).replace("master: left", "master: right");
    for (master, left, right, winner) in [
        (finance, 100, 200, "Sales"),
        (finance, 200, 100, "Finance"),
        (finance, 100, 103, "Finance"),
        (sales, 103, 100, "Sales"),
    ] {
        let story = Story::begin(master).await;
        story.pair.left.set_clock(at_second(left));
        story.pair.right.set_clock(at_second(right));
        story.clash().await;
        story.assert_both_say(&format!("{winner} says"));
        let conflict = story.conflicts().await.remove(0);
        assert_eq!(conflict.policy, "latest");
        assert_eq!(conflict.state, ConflictState::Decided);
        let why = conflict.fields[0].policy.as_deref();
        let too_close = i64::abs(left - right) < 5;
        assert_eq!(why == Some("latest"), !too_close, "{why:?}");
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
async fn a_conflict_remembers_people_and_not_our_own_writes() {
    let story = Story::begin(manual).await;
    story.pair.left.set_clock(at_second(100));
    story.pair.right.set_clock(at_second(90));
    story.clash().await;
    // Another field of the record is written to the right meanwhile, by us.
    story.pair.right.set_clock(at_second(200));
    story.left(Row::new().with("CreditLimit", Value::Decimal(Decimal::from(700))));
    story.engine.quiesce().await.unwrap();
    let (_, account) = story.pair.account("US-001").unwrap();
    assert_eq!(
        account.value("creditlimit"),
        &Value::Decimal(Decimal::from(700))
    );
    let open = story.open().await;
    let second = |side| open.touched[side].at.map(Timestamp::as_second);
    assert_eq!(
        (second(Side::Left), second(Side::Right)),
        (Some(100), Some(90))
    );
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
async fn a_typed_value_that_one_side_cannot_hold_is_refused() {
    let story = Story::begin(manual).await;
    story.clash().await;
    let open = story.open().await;
    // Finance holds 80 characters, sales 60.
    for length in [70, 90] {
        let choice = Choice::Typed {
            column: "organizationname".to_owned(),
            text: "y".repeat(length),
        };
        let (store, map) = (&*story.pair.store, story.map());
        let choices = std::slice::from_ref(&choice);
        let refused = decisions::decide(store, Some(&*map), open.id, choices, &anna()).await;
        assert_eq!(refused.unwrap_err().code().to_string(), "DUET2127");
    }
    story.decide(open.id, &[Choice::All(Side::Left)]).await;
    story.assert_at_rest().await;
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
    let store = &*story.pair.store;
    let discarded = decisions::discard_parked(store, &all, &anna())
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
async fn a_record_created_again_adopts_the_one_that_somebody_created_there_meanwhile() {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "Still alive"));
    story.pair.right.delete("accounts", &story.account);
    story.engine.quiesce().await.unwrap();
    let open = story.open().await;
    let store = &*story.pair.store;
    decisions::decide(
        store,
        Some(&*story.map()),
        open.id,
        &[Choice::All(Side::Left)],
        &anna(),
    )
    .await
    .unwrap();
    let company = story.pair.company("usmf");
    let newcomer = story.pair.right.create(
        "accounts",
        Row::new()
            .with("accountnumber", "US-001")
            .with("name", "Sales says")
            .with("customertypecode", 3)
            .with("msdyn_company", company),
    );
    story.engine.quiesce().await.unwrap();
    story.assert_both_say("Still alive");
    assert_eq!(story.pair.account("US-001").unwrap().0, newcomer);
    let told = story.conflicts().await;
    let name = |one: &FieldConflict| one.right_column == "name";
    let meeting = told.iter().find(|one| one.kind == ConflictKind::Meeting);
    assert!(meeting.unwrap().fields.iter().any(name), "{told:#?}");
    let renamed = Row::new().with("name", "Renamed");
    story.pair.right.edit("accounts", &newcomer, renamed);
    story.engine.quiesce().await.unwrap();
    story.assert_both_say("Renamed");
    story.assert_at_rest().await;
}

#[tokio::test]
async fn a_decision_can_be_taken_back_before_it_is_carried_out_and_leaves_nothing_behind() {
    for stands in Side::BOTH {
        let story = Story::begin(str::to_owned).await;
        story.left(Row::new().with("OrganizationName", "Still alive"));
        story.pair.right.delete("accounts", &story.account);
        story.engine.quiesce().await.unwrap();
        let open = story.open().await;
        let store = &*story.pair.store;
        assert_eq!(decisions::under_way(store, &open).await.unwrap(), None);
        let first = [Choice::All(stands.other())];
        let bert = Decider::new("bert", Timestamp::now());
        let decided = decisions::decide(store, None, open.id, &first, &bert).await;
        let under_way = decisions::under_way(store, &decided.unwrap()).await;
        assert_eq!(under_way.unwrap().as_deref(), Some("bert"));

        story.decide(open.id, &[Choice::All(stands)]).await;
        match stands {
            Side::Left => story.assert_both_say("Still alive"),
            Side::Right => assert_eq!(story.names(), (None, None)),
        }
        let ended = store.conflict(open.id).await.unwrap().unwrap();
        assert_eq!(ended.decision.unwrap().by, "anna");
        story.assert_at_rest().await;
    }
}

#[tokio::test]
async fn an_image_that_nobody_read_is_no_second_record_of_a_key() {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "Still alive"));
    story.pair.right.delete("accounts", &story.account);
    story.engine.quiesce().await.unwrap();
    let store = &*story.pair.store;
    let edit = ParkedFilter {
        side: Some(Side::Left),
        ..ParkedFilter::default()
    };
    let discarded = decisions::discard_parked(store, &edit, &anna()).await;
    assert_eq!(discarded.unwrap(), 1);
    // Both images are set in motion; the record of one of them is gone, and its pair gets another.
    story
        .decide(story.open().await.id, &[Choice::All(Side::Left)])
        .await;
    story.assert_both_say("Still alive");
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
