//! A stand-in with a connector to it, and the rows that most tests write.

use crate::stand_in::{CLIENT, ImpatientClock, SECRET, columns};
use duet_map::record::{Record, RecordId};
use duet_map::value::{Reference, Row, Value};
use duet_sandbox::auth::{Client, SignIn};
use duet_sandbox::dataverse::{Config as SandboxConfig, Dataverse as Sandbox, Settings};
use duet_sandbox::http::Running;
use duet_systems::{
    Changes, ChangesRequest, Cursor, Dataverse, DataverseConfig, EntraSignIn, Seen,
    SnapshotRequest, System, SystemError, Write, Written,
};
use secrecy::SecretString;
use uuid::Uuid;

/// A stand-in and a connector to it.
pub(crate) struct House {
    pub(crate) sandbox: Sandbox,
    pub(crate) running: Running,
    pub(crate) clock: ImpatientClock,
    pub(crate) dataverse: Dataverse,
}

pub(crate) async fn house() -> House {
    house_with(|_| (), |_| ()).await
}

pub(crate) async fn house_with(
    settle: impl FnOnce(&mut Settings),
    change: impl FnOnce(&mut DataverseConfig),
) -> House {
    let sign_in = SignIn {
        clients: vec![Client::new(CLIENT, SECRET)],
        ..SignIn::default()
    };
    let schema = duet_sandbox::schema::dataverse().unwrap();
    let mut config = SandboxConfig::new(schema, sign_in);
    settle(&mut config.settings);
    let sandbox = Sandbox::open(config).unwrap();
    let running = sandbox.serve().await.unwrap();
    let clock = ImpatientClock::default();
    let mut config = config_for(&running);
    change(&mut config);
    let dataverse = config.build_with(clock.timing()).unwrap();
    House {
        sandbox,
        running,
        clock,
        dataverse,
    }
}

pub(crate) fn config_for(running: &Running) -> DataverseConfig {
    let url: url::Url = running.url().parse().unwrap();
    let mut sign_in = EntraSignIn::new("tenant", CLIENT, SecretString::from(SECRET));
    sign_in.authority = Some(url.clone());
    DataverseConfig::new("sales", url, sign_in)
}

pub(crate) fn guid(n: u128) -> Uuid {
    Uuid::from_u128(0x4026_be43_6b69_e111_8f65_78e7_d162_0000 + n)
}

pub(crate) fn id(n: u128) -> RecordId {
    RecordId(guid(n).to_string())
}

pub(crate) fn reference(table: &str, id: Uuid) -> Value {
    Value::Reference(Reference {
        table: table.into(),
        id,
    })
}

pub(crate) fn account(name: &str) -> Row {
    Row::new().with("name", name)
}

pub(crate) fn create(n: u128, row: Row) -> Write {
    Write::Create {
        id: Some(id(n)),
        row,
    }
}

pub(crate) fn update(n: u128, row: Row) -> Write {
    Write::Update {
        id: id(n),
        row,
        if_version: None,
    }
}

pub(crate) fn delete(n: u128) -> Write {
    Write::Delete {
        id: id(n),
        if_version: None,
    }
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
        names: &[String],
        write: Write,
    ) -> Result<Written, SystemError> {
        let mut results = self.dataverse.write(table, names, vec![write]).await;
        assert_eq!(results.len(), 1);
        results.pop().unwrap()
    }

    pub(crate) async fn write_account(&self, write: Write) -> Result<Written, SystemError> {
        self.write_one("accounts", &columns(&["name"]), write).await
    }

    pub(crate) async fn changes(&self, since: Cursor) -> Changes {
        self.dataverse
            .changes(&ChangesRequest {
                table: "accounts".into(),
                columns: columns(&["name"]),
                companies: Vec::new(),
                since,
            })
            .await
            .unwrap()
    }

    /// Follows changes to their end.
    pub(crate) async fn all_changes(&self, mut since: Cursor) -> (Vec<Seen>, Cursor) {
        let mut seen = Vec::new();
        loop {
            let changes = self.changes(since).await;
            seen.extend(changes.seen);
            since = changes.next;
            if !changes.more {
                return (seen, since);
            }
        }
    }

    pub(crate) async fn snapshot(
        &self,
        table: &str,
        names: &[String],
    ) -> (Vec<Record>, Option<Cursor>, usize) {
        let mut request = SnapshotRequest {
            table: table.into(),
            columns: names.to_vec(),
            companies: Vec::new(),
            after: None,
        };
        let (mut records, mut pages) = (Vec::new(), 0);
        loop {
            let page = self.dataverse.snapshot(&request).await.unwrap();
            records.extend(page.records);
            pages += 1;
            if page.next.is_none() {
                return (records, page.changes_from, pages);
            }
            assert!(page.changes_from.is_none());
            request.after = page.next;
        }
    }
}
