//! Maps that are paused, resumed and stopped while both systems are edited.

use crate::stage::{CUSTOMERS, Stage, now};
use crate::story::anna;
use duet_engine::decisions::{self, Choice};
use duet_engine::orders;
use duet_map::side::Side;
use duet_map::value::Row;
use duet_store::Store;
use duet_store::change::{ParkReason, Parked, ParkedFilter};
use duet_store::conflict::{ConflictFilter, ConflictState};
use duet_store::lifecycle::Queue;
use duet_store::store::MapState;

#[tokio::test]
async fn a_paused_map_queues_and_catches_up_and_others_go_on() {
    let stage = Stage::live().await;
    stage.pause(CUSTOMERS).await;
    stage.rename("US-001", "Renamed while paused");
    stage.pair.terms("usmf", "Net60");
    let arrived = |stage: &Stage| {
        let right = &stage.pair.right;
        right
            .find_by("msdyn_paymentterms", "msdyn_name", "Net60")
            .is_some()
    };
    stage
        .until("other maps go on", async || arrived(&stage))
        .await;
    stage
        .until("the change is captured", async || {
            stage.pending(CUSTOMERS).await > 0
        })
        .await;
    assert_eq!(stage.name("US-001").as_deref(), Some("Name of US-001"));

    stage.resume(CUSTOMERS, Queue::CatchUp).await;
    stage.arrives("US-001", "Renamed while paused").await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.end().await;
}

#[tokio::test]
async fn a_pause_outlives_the_process() {
    let stage = Stage::live().await;
    stage.pause(CUSTOMERS).await;
    stage.stop.send(true).unwrap();
    stage.running.await.unwrap().unwrap();
    let pair = stage.pair;
    assert!(
        pair.store
            .map_statuses()
            .await
            .unwrap()
            .iter()
            .any(|status| status.map == CUSTOMERS && status.state == MapState::Paused)
    );
    let engine = pair.engine();
    let found = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001");
    pair.left.edit(
        "CustomersV3",
        &found.unwrap().0,
        Row::new().with("OrganizationName", "Later"),
    );
    engine.quiesce().await.unwrap();
    let (_, row) = pair.account("US-001").unwrap();
    assert_eq!(row.value("name").as_str(), Some("Name of US-001"));
}

#[tokio::test]
async fn a_queue_that_is_kept_parked_waits_and_new_changes_go_live() {
    let stage = Stage::live().await;
    stage.pause(CUSTOMERS).await;
    stage.rename("US-001", "Queued");
    stage
        .until("the change is captured", async || {
            stage.pending(CUSTOMERS).await > 0
        })
        .await;
    stage.resume(CUSTOMERS, Queue::KeepParked).await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.rename("US-002", "Live");
    stage.arrives("US-002", "Live").await;
    assert_eq!(stage.name("US-001").as_deref(), Some("Name of US-001"));
    let held = ParkedFilter {
        reason: Some(ParkReason::Held),
        ..ParkedFilter::default()
    };
    assert_eq!(stage.pair.store.retry(&held, now()).await.unwrap(), 1);
    stage.arrives("US-001", "Queued").await;
    stage.end().await;
}

#[tokio::test]
async fn a_queue_that_is_discarded_never_travels_and_later_edits_bring_only_themselves() {
    let stage = Stage::live().await;
    stage.pause(CUSTOMERS).await;
    stage.rename("US-001", "Discarded");
    stage
        .until("the change is captured", async || {
            stage.pending(CUSTOMERS).await > 0
        })
        .await;
    stage.resume(CUSTOMERS, Queue::Discard).await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    let found = stage
        .pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001");
    let limit = rust_decimal::Decimal::from(700);
    let edit = Row::new().with("CreditLimit", limit);
    stage.pair.left.edit("CustomersV3", &found.unwrap().0, edit);
    stage
        .until("the later edit arrives", async || {
            let (_, row) = stage.pair.account("US-001").unwrap();
            row.value("creditlimit") == Row::new().with("x", limit).value("x")
        })
        .await;
    assert_eq!(stage.name("US-001").as_deref(), Some("Name of US-001"));
    stage.end().await;
}

#[tokio::test]
async fn a_discarded_deletion_takes_its_conflict_along() {
    let stage = Stage::live().await;
    let store = stage.pair.store.clone();
    stage.pause(CUSTOMERS).await;
    stage.rename("US-001", "Still alive");
    let (account, _) = stage.pair.account("US-001").unwrap();
    stage.pair.right.delete("accounts", &account);
    stage.resume(CUSTOMERS, Queue::CatchUp).await;
    let all = ConflictFilter::default();
    let conflicts = async || store.conflicts(&all, 10).await.unwrap();
    stage
        .until("the deletion waits for a person", async || {
            let parked = store.parked(&ParkedFilter::default(), 10).await.unwrap();
            let deletes = |one: &Parked| one.code == "DUET2105";
            parked.iter().any(deletes)
        })
        .await;
    stage.pause(CUSTOMERS).await;
    let open = conflicts().await.remove(0);
    let whole = [Choice::All(Side::Left)];
    decisions::decide(store.as_ref(), None, open.id, &whole, &anna())
        .await
        .unwrap();
    stage.resume(CUSTOMERS, Queue::Discard).await;
    stage
        .until("the conflict ends", async || {
            conflicts().await[0].state == ConflictState::Gone
        })
        .await;
    // What nobody carries out leaves the other record alone.
    let left = &stage.pair.left;
    let customer = left.find_by("CustomersV3", "CustomerAccount", "US-001");
    assert!(customer.is_some());
    stage.end().await;
}

#[tokio::test]
async fn a_stopped_map_reads_its_tables_when_it_starts_and_misses_nothing() {
    let stage = Stage::live().await;
    orders::stop(stage.pair.store.as_ref(), &[CUSTOMERS.to_owned()], now())
        .await
        .unwrap();
    stage.sessions.wake();
    stage.shows(CUSTOMERS, MapState::NotRunning).await;
    stage.rename("US-001", "Renamed while stopped");
    let gone = stage
        .pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-002");
    stage.pair.left.delete("CustomersV3", &gone.unwrap().0);
    stage.pair.terms("usmf", "Net60");
    stage
        .until("other maps go on", async || {
            let right = &stage.pair.right;
            right
                .find_by("msdyn_paymentterms", "msdyn_name", "Net60")
                .is_some()
        })
        .await;
    assert_eq!(stage.pending(CUSTOMERS).await, 0);

    stage.resume(CUSTOMERS, Queue::CatchUp).await;
    stage.arrives("US-001", "Renamed while stopped").await;
    stage
        .until("the deletion arrives", async || {
            stage.pair.account("US-002").is_none()
        })
        .await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.end().await;
}
