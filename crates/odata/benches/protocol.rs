//! How fast the hot parts of the protocol are: filters, batches, models, rows.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark may panic and is not an API"
)]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use duet_odata::Literal;
use duet_odata::batch::{BatchRequest, PartRequest, RequestPart};
use duet_odata::csdl::{Model, SchemaItems};
use duet_odata::expr::{self, Collation, Properties, SqlOptions};
use duet_odata::payload::Page;

const FILTER: &str = "dataAreaId eq 'usmf' and (contains(name,'bike') or startswith(name,'A')) \
                      and creditlimit gt 1000.50 and statecode in (0,1,2) \
                      and createdon ge 2024-01-31T00:00:00Z and not (fax eq null)";

struct Row;

impl Properties for Row {
    fn get(&self, path: &str) -> Option<Literal> {
        Some(match path {
            "dataAreaId" => "usmf".into(),
            "name" => "Adventure bikes".into(),
            "creditlimit" => Literal::Int(5000),
            "statecode" => Literal::Int(2),
            "createdon" => Literal::DateTimeOffset(jiff::Timestamp::UNIX_EPOCH),
            "fax" => Literal::Null,
            _ => return None,
        })
    }
}

struct Table;

impl expr::Columns for Table {
    fn column(&self, path: &str) -> Option<expr::Column> {
        Some(expr::Column::text(format!("t.{path}")))
    }
}

fn filters(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("filter");
    group.bench_function("parse", |bencher| {
        bencher.iter(|| expr::parse(black_box(FILTER)));
    });
    let tree = expr::parse(FILTER).unwrap();
    group.bench_function("print", |bencher| {
        bencher.iter(|| black_box(&tree).to_string());
    });
    group.bench_function("evaluate", |bencher| {
        bencher.iter(|| expr::matches(black_box(&tree), &Row, &Collation::DATAVERSE));
    });
    group.bench_function("to_sql", |bencher| {
        bencher.iter(|| expr::to_sql(black_box(&tree), &Table, &SqlOptions::default()));
    });
    group.finish();
}

fn batches(criterion: &mut Criterion) {
    let body = format!("{{\"name\":\"{}\"}}", "x".repeat(400));
    let request = |id: usize| {
        PartRequest::new("PATCH", format!("accounts(accountnumber='{id}')"))
            .with_id(id.to_string())
            .with_json(body.clone())
    };
    let batch = BatchRequest {
        parts: vec![RequestPart::ChangeSet((0..1000).map(request).collect())],
    };
    let encoded = batch.encode("7f3a");
    let mut group = criterion.benchmark_group("batch of 1000");
    group.throughput(Throughput::Bytes(
        u64::try_from(encoded.body.len()).unwrap(),
    ));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| black_box(&batch).encode("7f3a"));
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| BatchRequest::decode(&encoded.content_type, black_box(&encoded.body)));
    });
    group.finish();
}

/// A document of at least `size` bytes, of types with forty properties each.
fn document(size: usize) -> String {
    let mut xml = String::from(
        "<edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\">\
         <edmx:DataServices><Schema Namespace=\"Microsoft.Dynamics.DataEntities\">",
    );
    let mut number = 0;
    while xml.len() < size {
        write!(
            xml,
            "<EntityType Name=\"Entity{number}\"><Key><PropertyRef Name=\"F0\"/></Key>"
        )
        .unwrap();
        for field in 0..40 {
            write!(
                xml,
                "<Property Name=\"F{field}\" Type=\"Edm.String\" Nullable=\"false\">\
                 <Annotation Term=\"Microsoft.Dynamics.OData.Core.V1.LabelId\" \
                 String=\"@SYS{field}\"/></Property>"
            )
            .unwrap();
        }
        xml.push_str("</EntityType>");
        number += 1;
    }
    xml.push_str("</Schema></edmx:DataServices></edmx:Edmx>");
    xml
}

fn models(criterion: &mut Criterion) {
    let small = document(1_000_000);
    let large = document(50_000_000);
    let mut group = criterion.benchmark_group("model");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(u64::try_from(small.len()).unwrap()));
    group.bench_function("read 1 MB", |bencher| {
        bencher.iter(|| Model::read(black_box(small.as_bytes())));
    });
    let model = Model::read(small.as_bytes()).unwrap();
    group.bench_function("write 1 MB", |bencher| {
        bencher.iter(|| black_box(&model).to_xml());
    });
    group.throughput(Throughput::Bytes(u64::try_from(large.len()).unwrap()));
    group.bench_function("stream 50 MB", |bencher| {
        bencher.iter(|| SchemaItems::new(black_box(large.as_bytes())).count());
    });
    group.finish();
}

fn rows(criterion: &mut Criterion) {
    let row = r#"{"@odata.etag":"W/\"502186\"","accountid":"7eb682f1-ca75-e511-80d4-00155d2a68d1","name":"Adventure Works","creditlimit":20000.0000,"statecode":0,"statecode@OData.Community.Display.V1.FormattedValue":"Active","createdon":"2023-04-07T21:59:01Z","versionnumber":502186}"#;
    let count = 1000;
    let body = format!("{{\"value\":[{}]}}", vec![row; count].join(","));
    let page = Page::parse(body.as_bytes()).unwrap();
    let mut group = criterion.benchmark_group("JSON rows");
    group.throughput(Throughput::Elements(u64::try_from(count).unwrap()));
    group.bench_function("read", |bencher| {
        bencher.iter(|| Page::parse(black_box(body.as_bytes())));
    });
    group.bench_function("write", |bencher| {
        bencher.iter(|| serde_json::to_vec(&black_box(&page).to_json()));
    });
    group.finish();
}

criterion_group!(benches, filters, batches, models, rows);
criterion_main!(benches);
