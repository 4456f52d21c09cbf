//! Changes by time of modification and by delta links.

use crate::service::{House, Manners, house, house_with};
use crate::stand_in::columns;
use duet_systems::{Changes, ChangesRequest, Class, Cursor, Seen, System, SystemError, codes};
use std::time::Duration;

async fn changes(house: &House, since: Cursor) -> Result<Changes, SystemError> {
    let request = ChangesRequest {
        table: "Items".into(),
        columns: columns(&["Name", "Big"]),
        companies: Vec::new(),
        since,
    };
    house.odata.changes(&request).await
}

fn told(changes: &Changes) -> Vec<String> {
    let mut told: Vec<String> = changes
        .seen
        .iter()
        .map(|seen| match seen {
            Seen::Upserted(record) => format!("{} {}", record.id, record.row.value("Name")),
            Seen::Deleted(id) => format!("{id} deleted"),
        })
        .collect();
    told.sort();
    told
}

/// All changes since a cursor, page after page.
async fn all(house: &House, mut since: Cursor) -> (Vec<String>, Cursor) {
    let mut every = Vec::new();
    loop {
        let read = changes(house, since).await.unwrap();
        every.extend(told(&read));
        since = read.next;
        if !read.more {
            return (every, since);
        }
    }
}

#[tokio::test]
async fn what_was_modified_is_told_once() {
    let house = house(Manners::default()).await;
    for n in 0..10 {
        house.put(&format!("R-{n}"), "old");
    }
    let (records, since) = house.snapshot("Items").await.unwrap();
    assert_eq!(records.len(), 10);
    let (told, since) = all(&house, since.unwrap()).await;
    assert_eq!(told, [""; 0], "the whole read has told them");
    house.put("R-3", "new");
    house.put("R-8", "new");
    let (told, since) = all(&house, since).await;
    assert_eq!(told, ["'R-3' new", "'R-8' new"]);
    let (told, _) = all(&house, since).await;
    assert_eq!(told, [""; 0]);
}

#[tokio::test]
async fn a_service_that_leaves_the_order_out_is_found_out() {
    let manners = Manners {
        ignores_order: true,
        ..Manners::default()
    };
    let house = house(manners).await;
    house.put("A", "1");
    house.put("B", "1");
    let since = house
        .odata
        .changes_from_now("Items", &columns(&["Name"]))
        .await;
    house.put("A", "2");
    // The row that was modified last stands first.
    let error = match since {
        Ok(since) => changes(&house, since).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!((error.class, error.code), (Class::Bug, codes::PAGES));
}

fn tracking() -> Manners {
    Manners {
        deltas: true,
        page: Some(3),
        ..Manners::default()
    }
}

#[tokio::test]
async fn delta_links_tell_changes_and_deletions() {
    for partial in [false, true] {
        let manners = Manners {
            partial_deltas: partial,
            ..tracking()
        };
        let house = house_with(manners, |config| config.deltas = Some(true)).await;
        assert!(house.odata.reports_deletes());
        for n in 0..7 {
            house.put(&format!("R-{n}"), "old");
        }
        let (records, since) = house.snapshot("Items").await.unwrap();
        assert_eq!(records.len(), 7);
        house.put("R-3", "new");
        house.remove("R-5");
        house.put("R-9", "made");
        let (told, since) = all(&house, since.unwrap()).await;
        assert_eq!(told, ["'R-3' new", "'R-5' deleted", "'R-9' made"]);
        let (told, _) = all(&house, since).await;
        assert_eq!(told, [""; 0]);
    }
}

#[tokio::test]
async fn a_delta_link_that_is_too_old_has_the_table_read_again() {
    let house = house_with(tracking(), |config| config.deltas = Some(true)).await;
    let (_, since) = house.snapshot("Items").await.unwrap();
    house.state.lock().unwrap().manners.forgets_deltas = true;
    let error = changes(&house, since.unwrap()).await.unwrap_err();
    assert_eq!(error.class, Class::CursorExpired);
}

#[tokio::test]
async fn a_table_whose_changes_cannot_be_told_says_what_to_do() {
    let house = house_with(Manners::default(), |config| config.deltas = Some(true)).await;
    let promised = house.snapshot("Items").await.unwrap_err();
    assert_eq!(
        (promised.class, promised.code),
        (Class::FixMap, codes::NO_CHANGES)
    );
    let house = crate::service::house(Manners::default()).await;
    assert!(!house.odata.schema("Numbers").await.unwrap().tracks_changes);
    let error = house
        .odata
        .changes_from_now("Numbers", &columns(&["Name"]))
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @"DUET3061: the changes of `Numbers` cannot be read: it has no delta links and no column that tells when a row was modified; name one under `modified` of the connection in duet.yaml");
}

#[tokio::test]
async fn a_cursor_of_another_kind_is_no_cursor() {
    let house = house_with(Manners::default(), |config| {
        config.overlap = Duration::from_secs(5);
    })
    .await;
    for text in ["", "{}", "x", r#"{"v":9,"link":"/","columns":[]}"#] {
        let error = changes(&house, Cursor(text.into())).await.unwrap_err();
        assert_eq!(error.class, Class::CursorExpired, "{text}");
    }
}
