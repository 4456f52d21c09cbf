//! A service with bad manners: nothing is lost, nothing is done twice, and the error says what to do.

use crate::service::{BatchManners, Manners, all_columns, create, house, house_with, id, stored};
use duet_map::value::{Row, Value};
use duet_systems::odata::{Batches, Creates};
use duet_systems::{Class, Find, Found, System, Write, codes};

fn with_batch(batch: BatchManners) -> Manners {
    Manners {
        batch,
        ..Manners::default()
    }
}

#[tokio::test]
async fn a_service_is_asked_which_batches_it_takes() {
    for batch in [
        BatchManners::Works,
        BatchManners::FromHost,
        BatchManners::Missing,
        BatchManners::DropsBefore,
        BatchManners::DropsAfter,
    ] {
        let house = house(with_batch(batch)).await;
        let writes = (0..5).map(|n| create(&format!("N-{n}"), "new")).collect();
        for result in house.write(writes).await {
            stored(result);
        }
        assert_eq!(house.rows().len(), 5, "{batch:?}");
        assert!(house.fetch("N-3").await.unwrap().is_some());
        let posts = |line: &&String| line.starts_with("POST");
        let seen = house.state.lock().unwrap().seen.clone();
        assert_eq!(seen.iter().filter(posts).count(), 5, "{batch:?}");
    }
}

#[tokio::test]
async fn a_batch_that_breaks_on_its_way_loses_nothing_and_doubles_nothing() {
    for creates in [Creates::Post, Creates::Put] {
        for batch in [BatchManners::DropsBefore, BatchManners::DropsAfter] {
            let manners = Manners {
                upserts: true,
                ..with_batch(batch)
            };
            // The configuration says that batches are taken, so nobody asks.
            let house = house_with(manners, |config| {
                config.batches = Batches::Relative;
                config.creates = creates;
            })
            .await;
            let results = house
                .write(vec![create("A", "one"), create("B", "two")])
                .await;
            for result in results {
                let error = result.unwrap_err();
                if batch == BatchManners::DropsAfter {
                    // The record is there: the caller reads it and goes on.
                    assert_eq!(error.class, Class::Duplicate, "{creates:?}");
                } else {
                    assert_eq!((error.class, error.code), (Class::Retry, codes::LOST));
                    assert!(error.outcome_unknown);
                }
            }
            let there = usize::from(batch == BatchManners::DropsAfter) * 2;
            assert_eq!(house.rows().len(), there, "{creates:?} {batch:?}");
            // Reads come through alone.
            house.put("C", "three");
            assert!(house.fetch("C").await.unwrap().is_some());
            // The caller tries again what is not there.
            house.state.lock().unwrap().manners.batch = BatchManners::Works;
            for write in [create("A", "one"), create("B", "two")] {
                let again = house.write_one(write).await;
                assert!(again.is_ok() || again.unwrap_err().class == Class::Duplicate);
            }
            assert_eq!(house.rows(), ["A one", "B two", "C three"]);
        }
    }
}

#[tokio::test]
async fn a_batch_that_nobody_takes_says_so_and_no_record_counts_as_gone() {
    let house = house_with(with_batch(BatchManners::Missing), |config| {
        config.batches = Batches::Absolute;
    })
    .await;
    house.put("A", "one");
    let error = house.write_one(create("B", "two")).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::FixAccess, codes::NO_BATCH)
    );
    assert!(!error.outcome_unknown);
    // A read is sent alone; 404 for the batch is no 404 for the record.
    assert!(house.fetch("A").await.unwrap().is_some());
}

#[tokio::test]
async fn links_that_a_batch_does_not_take_are_no_missing_records() {
    let house = house_with(with_batch(BatchManners::FromHost), |config| {
        config.batches = Batches::Ask;
    })
    .await;
    house.put("A", "one");
    assert!(house.fetch("A").await.unwrap().is_some());
    assert!(house.fetch("B").await.unwrap().is_none());
}

#[tokio::test]
async fn a_service_that_ignores_versions_is_not_relied_upon() {
    let manners = Manners {
        ignores_if_match: true,
        ..Manners::default()
    };
    let house = house(manners).await;
    stored(house.write_one(create("A", "one")).await);
    // The engine reads a record again just before it writes wherever this is false.
    assert!(!house.odata.checks_versions());
}

#[tokio::test]
async fn a_service_that_demands_a_version_gets_one() {
    for header_etags in [false, true] {
        let manners = Manners {
            demands_versions: true,
            header_etags,
            ..Manners::default()
        };
        let house = house(manners).await;
        house.put("A", "one");
        let update = |if_version| Write::Update {
            id: id("A"),
            row: Row::new().with("Name", "two"),
            if_version,
        };
        let demanded = house.write_one(update(None)).await.unwrap_err();
        // The caller reads the record again, and with it its version.
        assert_eq!(
            (demanded.class, demanded.code),
            (Class::Moved, codes::VERSION_DEMANDED)
        );
        let read = house.fetch("A").await.unwrap().unwrap();
        assert!(read.version.is_some(), "{header_etags}");
        stored(house.write_one(update(read.version)).await);
        assert_eq!(house.rows(), ["A two"]);
    }
}

#[tokio::test]
async fn a_search_that_nobody_filters_finds_no_stranger() {
    let manners = Manners {
        ignores_filter: true,
        ..Manners::default()
    };
    let house = house(manners).await;
    house.put("A", "one");
    let find = Find {
        equal: vec![("Code".into(), Value::text("Z"))],
    };
    let found = house.odata.find("Items", &all_columns(), &[find]).await;
    assert_eq!(found.unwrap(), [Found::None]);
}

#[tokio::test]
async fn what_answers_without_metadata_is_no_service() {
    let house = house_with(Manners::default(), |config| {
        config.url = config.url.join("/elsewhere").unwrap();
    })
    .await;
    let error = house.odata.probe().await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::FixMap, codes::NO_TABLE));
    assert!(house.clock.slept().is_empty());
}
