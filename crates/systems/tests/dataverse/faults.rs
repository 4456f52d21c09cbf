//! What happens when the way or the service fails.

use crate::house::{account, create, delete, house, stored};
use crate::stand_in::columns;
use duet_sandbox::faults::{Fault, Rule};
use duet_systems::{Class, System, Written};
use std::time::Duration;

#[tokio::test]
async fn short_failures_are_not_noticed() {
    let house = house().await;
    house.dataverse.schema("accounts").await.unwrap();
    let faults = house.sandbox.faults();
    faults.add(Rule {
        retry_after: Some(3),
        count: Some(2),
        ..Rule::always(Fault::TooManyRequests)
    });
    faults.add(Rule::once(Fault::Unavailable));
    faults.add(Rule::once(Fault::DropBeforeCommit));
    stored(house.write_account(create(1, account("A"))).await);
    assert!(house.clock.slept().contains(&Duration::from_secs(3)));
    // Committed, but the answer got lost: repeating it is refused, which must not look final.
    faults.add(Rule {
        method: Some("POST".into()),
        ..Rule::once(Fault::DropAfterCommit)
    });
    let error = house
        .write_account(create(2, account("B")))
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Duplicate);
    assert!(error.outcome_unknown);
    faults.add(Rule {
        method: Some("POST".into()),
        ..Rule::once(Fault::DropAfterCommit)
    });
    assert_eq!(
        house.write_account(delete(2)).await.unwrap(),
        Written::Deleted
    );
}

#[tokio::test]
async fn a_torn_batch_is_finished() {
    let house = house().await;
    house.dataverse.schema("accounts").await.unwrap();
    house.sandbox.faults().add(Rule {
        after: Some(3),
        ..Rule::once(Fault::TornBatch)
    });
    let writes = (0..6).map(|n| create(n, account(&n.to_string()))).collect();
    let results = house
        .dataverse
        .write("accounts", &columns(&["name"]), writes)
        .await;
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Ok(written) => assert!(n >= 3, "{written:?}"),
            Err(error) => {
                assert_eq!(error.class, Class::Duplicate);
                assert!(error.outcome_unknown && n < 3);
            }
        }
    }
    let (records, ..) = house.snapshot("accounts", &[]).await;
    assert_eq!(records.len(), 6);
}

#[tokio::test]
async fn a_revoked_token_is_renewed_without_a_word() {
    let house = house().await;
    house.dataverse.probe().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let tokens = format!("{}/_sandbox/tokens", house.running.url());
    http.delete(tokens)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    stored(house.write_account(create(1, account("A"))).await);
    // By our clock the next one is about to expire, so it is renewed before anyone asks.
    house.clock.advance(Duration::from_mins(58));
    stored(house.write_account(create(2, account("B"))).await);
}
