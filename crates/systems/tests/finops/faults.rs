//! What happens when the way or the service fails.

use crate::house::{create, group, group_columns, house, id, stored};
use duet_map::value::{Row, Value};
use duet_sandbox::faults::{Fault, Rule};
use duet_systems::{Class, System, Write, Written, codes};
use std::time::Duration;

#[tokio::test]
async fn patience_is_kept_and_short_failures_are_not_noticed() {
    let house = house().await;
    stored(house.write_group(create(group("usmf", "1"))).await);
    let faults = house.sandbox.faults();
    faults.add(Rule {
        retry_after: Some(7),
        count: Some(2),
        ..Rule::always(Fault::TooManyRequests)
    });
    faults.add(Rule::once(Fault::DropBeforeCommit));
    faults.add(Rule::once(Fault::Unavailable));
    let update = |text: &str| Write::Update {
        id: id("usmf", "1"),
        row: Row::new().with("Description", text),
        if_version: None,
    };
    stored(house.write_group(update("one")).await);
    stored(house.write_group(update("two")).await);
    assert!(house.clock.slept().contains(&Duration::from_secs(7)));

    faults.add(Rule {
        retry_after: Some(300),
        ..Rule::once(Fault::TooManyRequests)
    });
    let error = house.write_group(update("three")).await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Wait, codes::THROTTLED));
    assert_eq!(error.retry_after, Some(Duration::from_mins(5)));
    assert!(!error.outcome_unknown);
    // Nobody else goes on meanwhile, and nobody waits that long either.
    let error = house
        .finops
        .fetch("CustomerGroups", &[], &[id("usmf", "1")])
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Wait);
    house.clock.advance(Duration::from_mins(5));
    stored(house.write_group(update("three")).await);
}

#[tokio::test]
async fn a_create_whose_answer_got_lost_is_never_sent_again() {
    for (fault, rows) in [(Fault::DropBeforeCommit, 0), (Fault::DropAfterCommit, 1)] {
        let house = house().await;
        house.finops.schema("CustomerGroups").await.unwrap();
        house.sandbox.faults().add(Rule::once(fault));
        let error = house
            .write_group(create(group("usmf", "1")))
            .await
            .unwrap_err();
        assert_eq!((error.class, error.code), (Class::Retry, codes::LOST));
        assert!(error.outcome_unknown);
        assert_eq!(house.sandbox.count("CustomerGroups").unwrap(), rows);
    }
}

#[tokio::test]
async fn a_deletion_whose_answer_got_lost_is_done_once() {
    let house = house().await;
    house.write_group(create(group("usmf", "1"))).await.unwrap();
    house
        .sandbox
        .faults()
        .add(Rule::once(Fault::DropAfterCommit));
    let delete = Write::Delete {
        id: id("usmf", "1"),
        if_version: None,
    };
    assert_eq!(house.write_group(delete).await.unwrap(), Written::Deleted);
    assert_eq!(house.sandbox.count("CustomerGroups").unwrap(), 0);
}

#[tokio::test]
async fn a_torn_batch_tells_what_it_does_not_know() {
    let house = house().await;
    house.finops.schema("CustomerGroups").await.unwrap();
    house.sandbox.faults().add(Rule {
        after: Some(2),
        ..Rule::once(Fault::TornBatch)
    });
    let writes = (0..4)
        .map(|n| create(group("usmf", &n.to_string())))
        .collect();
    let results = house
        .finops
        .write("CustomerGroups", &group_columns(), writes)
        .await;
    assert_eq!(results.len(), 4);
    for result in results {
        assert!(result.unwrap_err().outcome_unknown);
    }
    assert_eq!(house.sandbox.count("CustomerGroups").unwrap(), 2);

    // Updates are sent again until all is known.
    house.sandbox.faults().add(Rule {
        after: Some(1),
        ..Rule::once(Fault::TornBatch)
    });
    let writes = (0..2)
        .map(|n| Write::Update {
            id: id("usmf", &n.to_string()),
            row: Row::new().with("Description", "torn"),
            if_version: None,
        })
        .collect();
    for result in house
        .finops
        .write("CustomerGroups", &group_columns(), writes)
        .await
    {
        assert_eq!(
            stored(result).row.value("Description"),
            &Value::from("torn")
        );
    }
}

#[tokio::test]
async fn a_read_that_fails_part_way_fails_whole() {
    let house = house().await;
    house.write_group(create(group("usmf", "1"))).await.unwrap();
    house.sandbox.faults().add(Rule::always(Fault::Unavailable));
    let error = house
        .finops
        .fetch("CustomerGroups", &[], &[id("usmf", "1")])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::Retry, codes::UNAVAILABLE)
    );
    assert!(!error.outcome_unknown);
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_renewed_without_a_word() {
    let house = house().await;
    house.finops.probe().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let tokens = format!("{}/_sandbox/tokens", house.running.url());
    http.delete(tokens)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    stored(house.write_group(create(group("usmf", "1"))).await);
    // By our clock the token is about to expire, so it is renewed before anyone asks.
    house.clock.advance(Duration::from_mins(58));
    stored(house.write_group(create(group("usmf", "2"))).await);
}

#[tokio::test]
async fn a_stand_in_that_is_gone_is_unreachable() {
    let house = house().await;
    house.finops.probe().await.unwrap();
    house.running.shutdown().await;
    let error = house
        .finops
        .changes_from_now("CustomerGroups", &[])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::Retry, codes::UNREACHABLE)
    );
    assert!(!error.outcome_unknown);
}
