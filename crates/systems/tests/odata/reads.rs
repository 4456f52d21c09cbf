//! Whole reads.

use crate::service::{Manners, Stored, house};
use duet_systems::{Class, codes};
use serde_json::json;

fn codes_of(records: &[duet_map::record::Record]) -> Vec<String> {
    records.iter().map(|record| record.id.0.clone()).collect()
}

#[tokio::test]
async fn every_row_is_read_once_whatever_comes_and_goes_between_pages() {
    // The service's own pages are behind offsets, which shift with every row that comes or goes.
    fn happens(rows: &mut Vec<Stored>) {
        if rows.len().is_multiple_of(2) {
            rows.retain(|stored| stored.row["Code"] != "0-early");
        } else {
            let mut early = rows[0].clone();
            early.row.insert("Code".into(), "0-early".into());
            rows.insert(0, early);
        }
    }
    let manners = Manners {
        page: Some(3),
        between_pages: Some(happens),
        ..Manners::default()
    };
    let house = house(manners).await;
    let wanted: Vec<String> = (10..30).map(|n| format!("'R-{n}'")).collect();
    for n in 10..30 {
        house.put(&format!("R-{n}"), "row");
    }
    let (records, _) = house.snapshot("Items").await.unwrap();
    let read: Vec<String> = codes_of(&records)
        .into_iter()
        .filter(|code| code != "'0-early'")
        .collect();
    assert_eq!(read, wanted);
}

#[tokio::test]
async fn a_page_that_comes_again_ends_the_read_with_an_error() {
    let manners = Manners {
        page: Some(3),
        ignores_filter: true,
        ..Manners::default()
    };
    let house = house(manners).await;
    for n in 0..9 {
        house.put(&format!("R-{n}"), "row");
    }
    let error = house.snapshot("Items").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Bug, codes::PAGES));
    insta::assert_snapshot!(error.message, @"`service` sent the same page of `Items` twice, so reading would never end; nothing of it is taken for a change. Check that the service filters and orders by the key");
}

#[tokio::test]
async fn rows_out_of_order_end_the_read_with_an_error() {
    let manners = Manners {
        ignores_order: true,
        ..Manners::default()
    };
    let house = house(manners).await;
    for (place, number) in [5, 3, 9].into_iter().enumerate() {
        house.put(&format!("R-{place}"), "row");
        let mut state = house.state.lock().unwrap();
        state.rows[place].row.insert("Id".into(), json!(number));
    }
    let error = house.snapshot("Numbers").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Bug, codes::PAGES));
}
