//! Rows translated and merged per second on one core, through the out-of-the-box Customers V3 map.
//!
//! `update` is the live road of one edited row: diff, needs, translate, merge, check and the new
//! image. `create` is the initial sync's: key, needs, translate of every field, check and image.

#![allow(missing_docs, reason = "made by criterion's macros")]
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

#[path = "../tests/published/mod.rs"]
mod published;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use duet_map::{
    CompiledMap, LookupNeed, MapFile, Reference, Resolution, ResolvedLookups, Row, Side, Value,
};
use std::hint::black_box;
use uuid::Uuid;

const FILE: &str = include_str!("../../../solutions/finance/customers-v3.accounts.yaml");
const ROWS: u32 = 1000;

fn customer(number: u32) -> Row {
    let symbol = |text: &str| Value::Symbol(text.to_owned());
    Row::new()
        .with("dataAreaId", "usmf")
        .with("CustomerAccount", format!("US-{number:06}").as_str())
        .with("CreditLimit", Value::Decimal((number * 10).into()))
        .with("SalesCurrencyCode", "USD")
        .with(
            "SalesMemo",
            "Prefers a call before delivery, pays within terms.",
        )
        .with("CreditLimitIsMandatory", symbol("Yes"))
        .with("CreditRating", "Good")
        .with("CustomerGroupId", "30")
        .with("IdentificationNumber", Value::Null)
        .with("InvoiceAccount", "")
        .with("IsOneTimeCustomer", symbol("No"))
        .with("OnHoldStatus", symbol("No"))
        .with("PartyCountry", "USA")
        .with("PartyState", "WA")
        .with("PaymentDay", "")
        .with("PaymentMethod", "CHECK")
        .with("PaymentSchedule", "")
        .with("PaymentTerms", "Net30")
        .with("PaymentTermsBaseDays", 0)
        .with("TaxExemptNumber", "")
        .with("VendorAccount", "")
        .with("PartyType", symbol("Organization"))
        .with("PartyNumber", format!("{number:09}").as_str())
        .with("ContactPersonId", "")
        .with("SalesTaxGroup", "WA")
}

/// A world in which every reference exists.
fn answers(needs: &[LookupNeed]) -> ResolvedLookups {
    let answer = |need: &LookupNeed| match need {
        LookupNeed::Find(find) => Value::Reference(Reference {
            table: find.candidates[0].table.clone(),
            id: Uuid::from_u128(7),
        }),
        LookupNeed::Follow(_) | LookupNeed::Counterpart(_) => Value::from("usmf"),
    };
    needs
        .iter()
        .map(|need| (need.clone(), Resolution::Found(answer(need))))
        .collect()
}

fn translate_merge(criterion: &mut Criterion) {
    let file = MapFile::parse(FILE, "customers-v3.accounts.yaml").unwrap();
    let (map, _) =
        CompiledMap::compile(&file, published::finops(), published::dataverse()).unwrap();
    let every = map.all_fields(Side::Left);
    let rows: Vec<Row> = (0..ROWS).map(customer).collect();
    let resolved: Vec<ResolvedLookups> = rows
        .iter()
        .map(|row| answers(&map.needs(Side::Left, row, &every, true)))
        .collect();
    let images: Vec<(Row, Row)> = rows
        .iter()
        .zip(&resolved)
        .map(|(row, resolved)| {
            let translation = map.translate(Side::Left, row, &every, resolved, true);
            assert!(
                translation.waiting.is_empty() && translation.problems.is_empty(),
                "{translation:?}"
            );
            let merged = map.merge(Side::Left, row, None, None, &translation, None);
            (map.image(Side::Left, row), merged.write)
        })
        .collect();
    let edited: Vec<Row> = rows
        .iter()
        .map(|row| {
            row.clone()
                .with("SalesMemo", "Wants invoices by mail.")
                .with("PaymentTerms", "Net60")
        })
        .collect();
    let edits: Vec<ResolvedLookups> = edited
        .iter()
        .map(|row| answers(&map.needs(Side::Left, row, &every, false)))
        .collect();

    let mut group = criterion.benchmark_group("translate_merge");
    group.throughput(Throughput::Elements(ROWS.into()));
    group.bench_function("create", |bencher| {
        bencher.iter(|| {
            for (row, resolved) in rows.iter().zip(&resolved) {
                let key = map.key(Side::Left, row, resolved);
                let needs = map.needs(Side::Left, row, &every, true);
                let translation = map.translate(Side::Left, row, &every, resolved, true);
                let merged = map.merge(Side::Left, row, None, None, &translation, None);
                let problems = map.check(Side::Right, &merged.write, true);
                let image = map.settle_image(Side::Right, None, &merged.write, &merged.write);
                let _ = black_box((key.is_ok(), needs, problems, image));
            }
        });
    });
    group.bench_function("update", |bencher| {
        bencher.iter(|| {
            for ((row, (left, right)), resolved) in edited.iter().zip(&images).zip(&edits) {
                let changed = map.diff(Side::Left, row, left);
                let needs = map.needs(Side::Left, row, &changed, false);
                let translation = map.translate(Side::Left, row, &changed, resolved, false);
                let merged = map.merge(
                    Side::Left,
                    row,
                    Some(right),
                    Some(right),
                    &translation,
                    Some(left),
                );
                let problems = map.check(Side::Right, &merged.write, false);
                let image = map.settle_image(Side::Right, Some(right), &merged.write, right);
                black_box((needs, problems, image));
            }
        });
    });
    group.bench_function("echo", |bencher| {
        bencher.iter(|| {
            for (row, (left, _)) in rows.iter().zip(&images) {
                black_box(map.diff(Side::Left, row, left).is_empty());
            }
        });
    });
    group.finish();
}

criterion_group!(benches, translate_merge);
criterion_main!(benches);
