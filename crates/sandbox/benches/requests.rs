//! How many requests a second the stand-ins answer, over HTTP on the loopback address.
//!
//! `cargo bench -p duet-sandbox` prints, for each kind of request, requests (or for a batch and a
//! page, rows) a second of one client that waits for every answer.

#![expect(
    clippy::unwrap_used,
    reason = "a bench ends at the first thing that goes wrong"
)]

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use duet_sandbox::auth::{Client, SignIn};
use duet_sandbox::dataverse::{Config, Dataverse};
use duet_sandbox::finops::{FinOps, FinOpsConfig};
use duet_sandbox::http::Running;
use duet_sandbox::schema;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const ROWS: usize = 2000;

/// A served stand-in and a client that is signed in.
struct Stage {
    running: Running,
    http: reqwest::Client,
    token: String,
    root: &'static str,
}

impl Stage {
    async fn of(running: Running, root: &'static str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let form = "grant_type=client_credentials&client_id=app&client_secret=s&scope=x/.default";
        let url = format!("{}/t/oauth2/v2.0/token", running.url());
        let answer = http.post(url).body(form).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        Self {
            token: body["access_token"].as_str().unwrap().to_owned(),
            running,
            http,
            root,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{}{path}", self.running.url(), self.root);
        self.http.request(method, url).bearer_auth(&self.token)
    }
}

async fn done(request: RequestBuilder) {
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.bytes().await.unwrap();
}

fn sign_in() -> SignIn {
    SignIn {
        clients: vec![Client::new("app", "s")],
        ..SignIn::default()
    }
}

/// Measures one kind of request; `make` builds the next one.
fn measure(
    group: &mut BenchmarkGroup<'_, criterion::measurement::WallTime>,
    runtime: &Runtime,
    name: &str,
    rows: u64,
    make: impl Fn() -> RequestBuilder,
) {
    group.throughput(Throughput::Elements(rows));
    group.bench_function(name, |bencher| {
        bencher.to_async(runtime).iter(|| done(make()));
    });
}

/// A batch of creates in one change set.
fn batch(url: &str, rows: usize, row: impl Fn() -> Value) -> String {
    let mut body = String::from("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n");
    for id in 1..=rows {
        let row = row();
        // Writing into a string cannot fail.
        let _ = write!(
            body,
            "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: {id}\r\n\r\nPOST {url} HTTP/1.1\r\nContent-Type: application/json\r\n\
             \r\n{row}\r\n"
        );
    }
    body.push_str("--c--\r\n--b--\r\n");
    body
}

fn dataverse(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (stage, ids) = runtime.block_on(async {
        let config = Config::new(schema::dataverse().unwrap(), sign_in());
        let dataverse = Dataverse::open(config).unwrap();
        let rows = (0..ROWS).map(|n| json!({"name": format!("Account {n}"), "creditlimit": n}));
        let ids = dataverse.insert_all("account", rows.collect()).unwrap();
        let running = dataverse.serve().await.unwrap();
        (Stage::of(running, "/api/data/v9.2/").await, ids)
    });
    let next = AtomicU64::new(0);
    let id = || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        &ids[usize::try_from(number).unwrap() % ids.len()]
    };
    let mut group = criterion.benchmark_group("dataverse");
    measure(&mut group, &runtime, "read by key", 1, || {
        let path = format!("accounts({})?$select=name,creditlimit", id());
        stage.request(Method::GET, &path)
    });
    measure(&mut group, &runtime, "page of 100", 1, || {
        stage
            .request(Method::GET, "accounts?$select=name,creditlimit")
            .header("prefer", "odata.maxpagesize=100")
    });
    measure(&mut group, &runtime, "create", 1, || {
        let row = json!({"name": "New", "creditlimit": 5});
        stage.request(Method::POST, "accounts").json(&row)
    });
    measure(&mut group, &runtime, "update", 1, || {
        let path = format!("accounts({})", id());
        let row = json!({"creditlimit": next.load(Ordering::Relaxed)});
        stage.request(Method::PATCH, &path).json(&row)
    });
    measure(&mut group, &runtime, "batch of 100 creates", 100, || {
        let row = || json!({"name": "New", "creditlimit": 5});
        stage
            .request(Method::POST, "$batch")
            .header("content-type", "multipart/mixed; boundary=b")
            .body(batch("/api/data/v9.2/accounts", 100, row))
    });
    group.finish();
}

fn finops(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let next = AtomicU64::new(0);
    let fields = |row: Value| match row {
        Value::Object(fields) => fields,
        _ => unreachable!("rows are objects"),
    };
    let customer = |account: String| {
        json!({"dataAreaId": "usmf", "CustomerAccount": account, "CustomerGroupId": "10",
               "PartyType": "Organization", "OrganizationName": "Contoso"})
    };
    let stage = runtime.block_on(async {
        let finops = FinOps::open(FinOpsConfig {
            sign_in: sign_in(),
            ..FinOpsConfig::default()
        })
        .unwrap();
        let currency = json!({"CurrencyCode": "USD", "Name": "USD"});
        finops.insert("Currencies", [fields(currency)]).unwrap();
        let group = json!({"dataAreaId": "usmf", "CustomerGroupId": "10"});
        finops.insert("CustomerGroups", [fields(group)]).unwrap();
        let rows = (0..ROWS).map(|n| fields(customer(format!("US-{n:06}"))));
        finops.insert("CustomersV3", rows).unwrap();
        let running = finops.serve().await.unwrap();
        Stage::of(running, "/data/").await
    });
    let key = || {
        let number = next.fetch_add(1, Ordering::Relaxed) % ROWS as u64;
        format!("CustomersV3(dataAreaId='usmf',CustomerAccount='US-{number:06}')")
    };
    let fresh = || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        customer(format!("N-{number}"))
    };
    let mut group = criterion.benchmark_group("finops");
    measure(&mut group, &runtime, "read by key", 1, || {
        let path = format!("{}?$select=OrganizationName,CreditLimit", key());
        stage.request(Method::GET, &path)
    });
    measure(&mut group, &runtime, "page of 100", 1, || {
        let path = "CustomersV3?$select=CustomerAccount,OrganizationName";
        stage
            .request(Method::GET, path)
            .header("prefer", "odata.maxpagesize=100")
    });
    measure(&mut group, &runtime, "create", 1, || {
        stage.request(Method::POST, "CustomersV3").json(&fresh())
    });
    measure(&mut group, &runtime, "update", 1, || {
        let row = json!({"CreditLimit": next.load(Ordering::Relaxed)});
        stage.request(Method::PATCH, &key()).json(&row)
    });
    measure(&mut group, &runtime, "batch of 100 creates", 100, || {
        stage
            .request(Method::POST, "$batch")
            .header("content-type", "multipart/mixed; boundary=b")
            .body(batch("/data/CustomersV3", 100, fresh))
    });
    group.finish();
}

criterion_group!(benches, dataverse, finops);
criterion_main!(benches);
