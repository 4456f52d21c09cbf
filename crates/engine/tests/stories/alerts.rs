//! A side that is down, errors that add up, and maps that go on when the cause is gone.

use crate::stage::{CUSTOMERS, Stage, settings};
use duet_engine::Settings;
use duet_engine::alerts::{Action, Rule};
use duet_map::value::Row;
use duet_store::Store;
use duet_store::lifecycle::Queue;
use duet_store::store::MapState;
use std::time::Duration;

#[tokio::test]
async fn a_side_that_is_down_holds_up_nobody_and_its_backlog_drains_in_order() {
    let stage = Stage::live().await;
    stage.pair.right.set_down(true);
    for number in 0..20 {
        stage.rename("US-001", &format!("Name {number}"));
        let account = format!("NEW-{number}");
        stage.pair.customer("usmf", &account, Row::new());
    }
    stage
        .until("changes queue", async || {
            stage.pending(CUSTOMERS).await >= 20
        })
        .await;
    let asked = stage.pair.right.asked();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The breaker lets a probe pass from time to time, not a request for every task and change.
    let asked = stage.pair.right.asked() - asked;
    assert!(asked < 60, "{asked} requests at a side that is down");
    stage.pair.right.set_down(false);
    stage.arrives("US-001", "Name 19").await;
    stage
        .until("new customers arrive", async || {
            stage.pair.account("NEW-19").is_some()
        })
        .await;
    stage.at_rest().await;
    let parked = stage.pair.parked().await;
    assert!(parked.is_empty(), "{parked:?}");
    stage.end().await;
}

#[tokio::test]
async fn a_rule_pauses_a_map_at_once_and_it_goes_on_when_a_person_says_so() {
    let stage = Stage::live().await;
    stage.office.settings.lock().unwrap().alerts = vec![Rule {
        when: "2 application errors in 5min".parse().unwrap(),
        then: Action::Pause,
        maps: Vec::new(),
    }];
    assert!(stage.reload().await.changed);
    stage.shows(CUSTOMERS, MapState::Running).await;
    let long = "x".repeat(500);
    for account in ["US-001", "US-002"] {
        stage.rename(account, &long);
    }
    stage.shows(CUSTOMERS, MapState::ErrorPaused).await;
    let alerts = stage.pair.store.alerts(10).await.unwrap();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].map.as_deref(), Some(CUSTOMERS));
    let (_, reason) = stage.state(CUSTOMERS).await;
    assert!(reason.unwrap().contains("2 application errors in 5m"));
    for account in ["US-001", "US-002"] {
        stage.rename(account, "Short again");
    }
    stage.resume(CUSTOMERS, Queue::CatchUp).await;
    stage.arrives("US-001", "Short again").await;
    stage.arrives("US-002", "Short again").await;
    stage.end().await;
}

#[tokio::test]
async fn a_map_that_a_rule_paused_goes_on_by_itself_when_the_cause_is_gone() {
    let stage = Stage::live_with(Settings {
        trial_after: Duration::from_millis(1),
        alerts: vec![Rule {
            when: "2 application errors in 200ms".parse().unwrap(),
            then: Action::Pause,
            maps: vec![CUSTOMERS.to_owned()],
        }],
        ..settings()
    })
    .await;
    let long = "x".repeat(500);
    for account in ["US-001", "US-002"] {
        stage.rename(account, &long);
    }
    stage.shows(CUSTOMERS, MapState::ErrorPaused).await;
    for account in ["US-001", "US-002"] {
        stage.rename(account, "Short again");
    }
    stage.arrives("US-001", "Short again").await;
    stage.arrives("US-002", "Short again").await;
    stage.shows(CUSTOMERS, MapState::Running).await;
    stage.end().await;
}

#[tokio::test]
async fn errors_count_on_when_the_maps_are_read_again() {
    let stage = Stage::live_with(Settings {
        alerts: vec![Rule {
            when: "2 application errors in 5min".parse().unwrap(),
            then: Action::Pause,
            maps: Vec::new(),
        }],
        ..settings()
    })
    .await;
    let long = "x".repeat(500);
    stage.rename("US-001", &long);
    stage
        .until("the first error is parked", async || {
            !stage.pair.parked().await.is_empty()
        })
        .await;
    stage.change_map("version: 1.0.0", "version: 1.1.0");
    assert!(stage.reload().await.changed);
    stage.rename("US-002", &long);
    stage.shows(CUSTOMERS, MapState::ErrorPaused).await;
    for account in ["US-001", "US-002"] {
        stage.rename(account, "Short again");
    }
    stage.resume(CUSTOMERS, Queue::CatchUp).await;
    stage.arrives("US-002", "Short again").await;
    stage.end().await;
}
