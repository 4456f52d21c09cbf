//! Whole reads.

use crate::house::{create, group, group_columns, house_with, stored};
use crate::stand_in::columns;
use duet_map::record::{Record, RecordId};
use duet_map::value::{Row, Value};
use duet_sandbox::finops::{NextLink, Settings};
use duet_systems::{Class, Cursor, FinOps, SnapshotRequest, System, codes};
use std::collections::BTreeSet;

/// Reads a table whole.
async fn snapshot(
    finops: &FinOps,
    table: &str,
    names: &[String],
    companies: &[&str],
) -> (Vec<Record>, Option<Cursor>) {
    let mut request = SnapshotRequest {
        table: table.into(),
        columns: names.to_vec(),
        companies: columns(companies),
        after: None,
    };
    let mut records = Vec::new();
    loop {
        let page = finops.snapshot(&request).await.unwrap();
        records.extend(page.records);
        if page.next.is_none() {
            return (records, page.changes_from);
        }
        assert!(page.changes_from.is_none());
        request.after = page.next;
    }
}

#[tokio::test]
async fn a_whole_read_pages_over_companies_and_ends_with_a_cursor() {
    for next_link in [NextLink::SkipToken, NextLink::Skip] {
        let settings = Settings {
            page_size: 3,
            next_link,
            ..Settings::default()
        };
        let house = house_with(settings, |config| config.page_size = 4).await;
        let mut expected = BTreeSet::new();
        for company in ["usmf", "frrt", "dat"] {
            for n in 0..5 {
                let name = format!("it's * {n}");
                stored(house.write_group(create(group(company, &name))).await);
                expected.insert((
                    company,
                    format!("dataAreaId='{company}',CustomerGroupId='it''s * {n}'"),
                ));
            }
        }
        let (records, cursor) =
            snapshot(&house.finops, "CustomerGroups", &group_columns(), &[]).await;
        let ids: Vec<&str> = records.iter().map(|record| record.id.0.as_str()).collect();
        assert_eq!(ids.len(), 15);
        assert_eq!(
            ids.iter().copied().collect::<BTreeSet<_>>(),
            expected.iter().map(|(_, id)| id.as_str()).collect()
        );
        // What the read has shown is no news afterwards.
        let changes = house.changes(cursor.unwrap()).await;
        assert_eq!((changes.seen, changes.more), (Vec::new(), false));

        let (records, _) = snapshot(
            &house.finops,
            "CustomerGroups",
            &group_columns(),
            &["USMF", "dat"],
        )
        .await;
        assert_eq!(records.len(), 10);
        let request = SnapshotRequest {
            table: "CustomerGroups".into(),
            columns: Vec::new(),
            companies: Vec::new(),
            after: None,
        };
        let keys = house.finops.keys(&request).await.unwrap();
        assert!(keys.changes_from.is_none() && keys.next.is_some());
        assert!(keys.records.iter().all(|record| record.row.is_empty()));
    }
}

#[tokio::test]
async fn an_enumeration_in_the_key_is_paged_through_as_well() {
    let house = house_with(Settings::default(), |config| config.page_size = 2).await;
    let schema = house.finops.schema("NameAffixes").await.unwrap();
    assert!(
        schema.primary_key.iter().any(|name| name == "Type"),
        "{:?}",
        schema.primary_key
    );
    let text_key = schema
        .primary_key
        .iter()
        .find(|name| *name != "Type")
        .unwrap()
        .clone();
    let duet_map::schema::ColumnType::Enum { members, .. } = &schema.column("Type").unwrap().ty
    else {
        panic!("no enumeration")
    };
    let mut expected = 0;
    for n in 0..3 {
        for symbol in members.iter().take(2) {
            let row = Row::new()
                .with(text_key.clone(), format!("A{n}").as_str())
                .with("Type", Value::Symbol(symbol.clone()));
            let created = stored(
                house
                    .write_one("NameAffixes", &schema.primary_key, create(row))
                    .await,
            );
            let fetched = house
                .finops
                .fetch(
                    "NameAffixes",
                    &schema.primary_key,
                    std::slice::from_ref(&created.id),
                )
                .await
                .unwrap();
            assert_eq!(fetched, [Some(created)]);
            expected += 1;
        }
    }
    let (records, _) = snapshot(&house.finops, "NameAffixes", &schema.primary_key, &[]).await;
    let ids: BTreeSet<&RecordId> = records.iter().map(|record| &record.id).collect();
    assert_eq!(ids.len(), expected);
}

#[tokio::test]
async fn an_entity_without_a_time_of_modification_has_no_changes() {
    let house = house_with(Settings::default(), |config| {
        config.default_modified_columns.clear();
    })
    .await;
    assert!(
        !house
            .finops
            .schema("CustomerGroups")
            .await
            .unwrap()
            .tracks_changes
    );
    let error = house
        .finops
        .changes_from_now("CustomerGroups", &[])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Class::FixMap, codes::NOT_TRACKED)
    );
    let (_, cursor) = snapshot(&house.finops, "CustomerGroups", &[], &[]).await;
    assert_eq!(cursor, None);
}
