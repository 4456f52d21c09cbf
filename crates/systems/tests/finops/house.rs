//! A stand-in with a connector to it, and the rows that most tests write.

use crate::stand_in::{CLIENT, ImpatientClock, SECRET, columns};
use duet_map::record::{Record, RecordId};
use duet_map::value::Row;
use duet_sandbox::auth::{Client, SignIn};
use duet_sandbox::clock::Clock;
use duet_sandbox::finops::{FinOps as Sandbox, FinOpsConfig as SandboxConfig, Settings};
use duet_sandbox::http::Running;
use duet_systems::{
    Changes, ChangesRequest, Cursor, EntraSignIn, FinOps, FinOpsConfig, System, SystemError, Write,
    Written,
};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A stand-in and a connector to it.
pub(crate) struct House {
    pub(crate) sandbox: Sandbox,
    pub(crate) running: Running,
    /// By how many seconds the stand-in's clock is late.
    pub(crate) late: Arc<AtomicI64>,
    pub(crate) clock: ImpatientClock,
    pub(crate) finops: FinOps,
}

pub(crate) async fn house() -> House {
    house_with(Settings::default(), |_| ()).await
}

pub(crate) async fn house_with(
    settings: Settings,
    change: impl FnOnce(&mut FinOpsConfig),
) -> House {
    let late = Arc::new(AtomicI64::new(0));
    let lateness = Arc::clone(&late);
    let sandbox = Sandbox::open(SandboxConfig {
        settings,
        clock: Clock::new(move || {
            Timestamp::now() - SignedDuration::from_secs(lateness.load(Ordering::SeqCst))
        }),
        sign_in: SignIn {
            clients: vec![Client::new(CLIENT, SECRET)],
            ..SignIn::default()
        },
        ..SandboxConfig::default()
    })
    .unwrap();
    let running = sandbox.serve().await.unwrap();
    let clock = ImpatientClock::default();
    let mut config = config(&running);
    change(&mut config);
    let finops = config.build_with(clock.timing()).unwrap();
    House {
        sandbox,
        running,
        late,
        clock,
        finops,
    }
}

pub(crate) fn config(running: &Running) -> FinOpsConfig {
    let url: url::Url = running.url().parse().unwrap();
    let mut sign_in = EntraSignIn::new("tenant", CLIENT, SecretString::from(SECRET));
    sign_in.authority = Some(url.clone());
    FinOpsConfig::new("finance", url, sign_in)
}

/// Columns that most tests read.
pub(crate) fn group_columns() -> Vec<String> {
    columns(&["dataAreaId", "CustomerGroupId", "Description"])
}

pub(crate) fn group(company: &str, id: &str) -> Row {
    Row::new()
        .with("dataAreaId", company)
        .with("CustomerGroupId", id)
        .with("Description", "A group")
}

pub(crate) fn create(row: Row) -> Write {
    Write::Create { id: None, row }
}

pub(crate) fn stored(written: Result<Written, SystemError>) -> Record {
    match written.unwrap() {
        Written::Stored(record) => *record,
        Written::Deleted => panic!("deleted instead of stored"),
    }
}

impl House {
    pub(crate) async fn write_one(
        &self,
        table: &str,
        columns: &[String],
        write: Write,
    ) -> Result<Written, SystemError> {
        let mut results = self.finops.write(table, columns, vec![write]).await;
        assert_eq!(results.len(), 1);
        results.pop().unwrap()
    }

    pub(crate) async fn write_group(&self, write: Write) -> Result<Written, SystemError> {
        self.write_one("CustomerGroups", &group_columns(), write)
            .await
    }

    /// What a customer refers to.
    pub(crate) async fn seed_references(&self) {
        self.write_group(create(group("usmf", "10"))).await.unwrap();
        let row = Row::new()
            .with("CurrencyCode", "USD")
            .with("Name", "US dollar");
        self.write_one("Currencies", &[], create(row))
            .await
            .unwrap();
    }

    pub(crate) async fn changes(&self, since: Cursor) -> Changes {
        self.finops
            .changes(&ChangesRequest {
                table: "CustomerGroups".into(),
                columns: group_columns(),
                companies: Vec::new(),
                since,
            })
            .await
            .unwrap()
    }
}

pub(crate) fn id(company: &str, group: &str) -> RecordId {
    RecordId(format!("dataAreaId='{company}',CustomerGroupId='{group}'"))
}
