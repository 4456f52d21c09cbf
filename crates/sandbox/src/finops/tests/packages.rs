//! The package API: real archives in and out, runs that are polled, error files, queues (B7).

use std::io::{Cursor, Read as _, Write as _};

use super::*;
use crate::finops::{Project, ProjectEntity};

const MANIFEST: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<DataManagementPackageManifest xmlns:i="http://www.w3.org/2001/XMLSchema-instance"
    xmlns="http://schemas.microsoft.com/dynamics/2015/01/DataManagement">
<DefinitionGroupName>In</DefinitionGroupName><Description>d</Description><PackageEntityList>
<DataManagementPackageEntityData><DefaultRefreshType>FullPush</DefaultRefreshType>
<Disable>false</Disable><EntityMapList>MAPS</EntityMapList><EntityName>Customers V3</EntityName>
<ExecutionUnit>1</ExecutionUnit><InputFilePath>Customers V3.csv</InputFilePath>
<LevelInExecutionUnit>1</LevelInExecutionUnit><SequenceInLevel>1</SequenceInLevel>
<SkipStaging>false</SkipStaging><SourceFormat>CSV-Unicode</SourceFormat>
</DataManagementPackageEntityData></PackageEntityList></DataManagementPackageManifest>"#;

/// An archive with a manifest that maps `fields`, and one data file.
fn package(fields: &[&str], csv: &str) -> Vec<u8> {
    let mut maps = String::new();
    for field in fields {
        maps.push_str("<EntityMap><ArrayIndex>0</ArrayIndex><EntityField>");
        maps.push_str(field);
        maps.push_str("</EntityField><XMLField>");
        maps.push_str(field);
        maps.push_str("</XMLField></EntityMap>");
    }
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, content) in [
        ("Manifest.xml", MANIFEST.replace("MAPS", &maps).as_str()),
        ("PackageHeader.xml", "<a/>"),
        ("Customers V3.csv", csv),
    ] {
        archive.start_file(name, options).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const FIELDS: [&str; 4] = [
    "CUSTOMERACCOUNT",
    "CUSTOMERGROUPID",
    "PARTYTYPE",
    "ORGANIZATIONNAME",
];

impl Sandbox {
    async fn act(&self, action: &str, body: Value) -> Value {
        let path = format!(
            "/data/DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities.{action}"
        );
        let answer = self.post(&path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{action}: {}", answer.text);
        answer.json()["value"].clone()
    }

    async fn upload(&self, bytes: Vec<u8>) -> String {
        let room = self
            .act("GetAzureWriteUrl", json!({"uniqueFileName": "a.zip"}))
            .await;
        let room: Value = serde_json::from_str(room.as_str().unwrap()).unwrap();
        let url = room["BlobUrl"].as_str().unwrap().to_owned();
        let put = self.http.put(&url).header("x-ms-blob-type", "BlockBlob");
        let answer = put.body(bytes).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        url
    }

    /// Polls until a run is over; gives its state.
    async fn outcome(&self, id: &str) -> String {
        for _ in 0..10_000 {
            let state = self
                .act("GetExecutionSummaryStatus", json!({"executionId": id}))
                .await;
            if state != "Executing" {
                return state.as_str().unwrap().to_owned();
            }
            tokio::task::yield_now().await;
        }
        panic!("the run does not end");
    }

    async fn import(&self, bytes: Vec<u8>, id: &str) -> String {
        let url = self.upload(bytes).await;
        let given = self
            .act(
                "ImportFromPackage",
                json!({"packageUrl": url, "definitionGroupId": "In", "executionId": id,
                       "execute": true, "overwrite": true, "legalEntityId": "FRRT"}),
            )
            .await;
        assert_eq!(given, id);
        let first = self
            .act("GetExecutionSummaryStatus", json!({"executionId": id}))
            .await;
        assert_eq!(first, "Executing", "the first question comes too early");
        self.outcome(id).await
    }

    async fn export(&self, id: &str) -> Vec<(String, String)> {
        self.act(
            "ExportToPackage",
            json!({"definitionGroupId": "out", "packageName": "p", "executionId": id,
                   "reExecute": true, "legalEntityId": "usmf"}),
        )
        .await;
        assert_eq!(self.outcome(id).await, "Succeeded");
        let url = self
            .act("GetExportedPackageUrl", json!({"executionId": id}))
            .await;
        let answer = self.http.get(url.as_str().unwrap()).send().await.unwrap();
        unpacked(&answer.bytes().await.unwrap())
    }

    async fn with_project(change_tracking: bool) -> Self {
        let project = Project {
            name: "Out".to_owned(),
            entities: vec![ProjectEntity {
                entity: "Customers V3".to_owned(),
                fields: ["CustomerAccount", "OrganizationName", "CreditLimit"]
                    .map(str::to_owned)
                    .to_vec(),
                change_tracking,
            }],
        };
        let sandbox = Self::with(FinOpsConfig {
            projects: vec![project],
            ..config()
        })
        .await;
        sandbox.add_groups();
        sandbox
    }
}

fn unpacked(bytes: &[u8]) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|at| {
            let mut file = archive.by_index(at).unwrap();
            let name = file.name().unwrap().into_owned();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (name, text)
        })
        .collect()
}

#[tokio::test]
async fn a_package_is_imported_into_its_company() {
    let sandbox = Sandbox::with_groups().await;
    sandbox.insert_customer("frrt", "C1");
    let csv = "CUSTOMERACCOUNT,CUSTOMERGROUPID,PARTYTYPE,ORGANIZATIONNAME\r\n\
               c1,10,Organization,\"Changed, Inc.\"\r\nC2,10,1,New\r\n";
    let state = sandbox.import(package(&FIELDS, csv), "run 1").await;
    assert_eq!(state, "Succeeded");
    let rows = sandbox.finops.rows("CustomersV3").unwrap();
    let names: Vec<_> = rows
        .iter()
        .map(|row| (row["dataAreaId"].clone(), row["OrganizationName"].clone()))
        .collect();
    assert_eq!(
        names,
        [
            (json!("frrt"), json!("Changed, Inc.")),
            (json!("frrt"), json!("New"))
        ]
    );
    assert_eq!(
        sandbox
            .act("GetExecutionErrors", json!({"executionId": "run 1"}))
            .await,
        "[]"
    );
}

#[tokio::test]
async fn rows_that_are_refused_stand_in_the_error_files() {
    let sandbox = Sandbox::with_groups().await;
    let csv = "CUSTOMERACCOUNT,CUSTOMERGROUPID,PARTYTYPE,ORGANIZATIONNAME\n\
               A,10,Organization,fine\nB,99,Organization,no group\nC,10,Nonsense,no type\n";
    let state = sandbox.import(package(&FIELDS, csv), "r").await;
    assert_eq!(state, "PartiallySucceeded");
    let run = json!({"executionId": "r", "entityName": "Customers V3"});
    let errors = sandbox.act("GetExecutionErrors", run.clone()).await;
    let errors: Vec<Value> = serde_json::from_str(errors.as_str().unwrap()).unwrap();
    assert_eq!(errors.len(), 2);
    let made = sandbox
        .act("GenerateImportTargetErrorKeysFile", run.clone())
        .await;
    assert_eq!(made, true);
    let first = sandbox
        .act("GetImportTargetErrorKeysFileUrl", run.clone())
        .await;
    assert_eq!(first, "", "the file is still being made");
    let url = sandbox
        .act("GetImportTargetErrorKeysFileUrl", run.clone())
        .await;
    let answer = sandbox.http.get(url.as_str().unwrap()).send().await;
    let text = answer.unwrap().text().await.unwrap();
    assert!(text.contains("CUSTOMERACCOUNT,ERRORMESSAGE"), "{text}");
    assert!(text.contains("\nB,"), "{text}");
    let url = sandbox.act("GetImportStagingErrorFileUrl", run).await;
    let answer = sandbox.http.get(url.as_str().unwrap()).send().await;
    let text = answer.unwrap().text().await.unwrap();
    assert!(text.contains("C,10,Nonsense"), "{text}");
    assert_eq!(sandbox.finops.count("CustomersV3").unwrap(), 1);
}

#[tokio::test]
async fn packages_that_cannot_be_used_fail_and_tell_why() {
    let sandbox = Sandbox::with_groups().await;
    assert_eq!(sandbox.import(b"no zip".to_vec(), "a").await, "Failed");
    let errors = sandbox
        .act("GetExecutionErrors", json!({"executionId": "a"}))
        .await;
    assert!(errors.as_str().unwrap().contains("zip"), "{errors}");
    let csv = "CUSTOMERACCOUNT\nX\n";
    let state = sandbox
        .import(package(&["CUSTOMERACCOUNT"], csv), "b")
        .await;
    assert_eq!(state, "Failed", "the row lacks its group");
    // Without a mapping nothing is staged.
    let state = sandbox.import(package(&[], csv), "c").await;
    assert_eq!(state, "Succeeded");
    assert_eq!(sandbox.finops.count("CustomersV3").unwrap(), 0);
    let unknown = json!({"executionId": "nobody"});
    let state = sandbox.act("GetExecutionSummaryStatus", unknown).await;
    assert_eq!(state, "Unknown");
}

#[tokio::test]
async fn an_import_that_is_not_to_run_waits() {
    let sandbox = Sandbox::with_groups().await;
    let url = sandbox.upload(package(&FIELDS, "CUSTOMERACCOUNT\n")).await;
    let body = json!({"packageUrl": url, "definitionGroupId": "In", "executionId": "",
                      "execute": false, "overwrite": true, "legalEntityId": "usmf"});
    let id = sandbox.act("ImportFromPackageAsync", body).await;
    let run = json!({"executionId": id});
    assert_eq!(
        sandbox.act("GetExecutionSummaryStatus", run).await,
        "NotRun"
    );
}

#[tokio::test]
async fn an_export_is_a_package_that_can_be_imported() {
    let sandbox = Sandbox::with_project(false).await;
    sandbox.insert_customer("usmf", "C1");
    sandbox.insert_customer("frrt", "C2");
    let files = sandbox.export("e").await;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["Manifest.xml", "PackageHeader.xml", "Customers V3.csv"]
    );
    assert!(files[0].1.contains("<EntityField>CUSTOMERACCOUNT<"));
    assert_eq!(
        files[2].1,
        "\u{feff}CUSTOMERACCOUNT,ORGANIZATIONNAME,CREDITLIMIT\r\nC1,Name C1,0\r\n"
    );
    // Without change tracking the next one is whole again.
    assert_eq!(sandbox.export("f").await[2].1, files[2].1);
}

#[tokio::test]
async fn change_tracking_exports_what_changed_since() {
    let sandbox = Sandbox::with_project(true).await;
    sandbox.insert_customer("usmf", "C1");
    sandbox.insert_customer("usmf", "C2");
    let lines = |files: &[(String, String)]| files[2].1.lines().count() - 1;
    assert_eq!(lines(&sandbox.export("1").await), 2);
    assert_eq!(lines(&sandbox.export("2").await), 0);
    let path = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='C2')";
    sandbox.patch(path, json!({"CreditLimit": 5})).await;
    let changed = sandbox.export("3").await;
    assert_eq!(lines(&changed), 1);
    assert!(changed[2].1.contains("C2,Name C2,5"), "{}", changed[2].1);
    let reset = json!({"entityName": "Customers V3", "projectName": "Out"});
    assert_eq!(sandbox.act("ResetVersionToken", reset).await, true);
    assert_eq!(lines(&sandbox.export("4").await), 2);
}

#[tokio::test]
async fn blobs_come_in_blocks_and_go_in_ranges() {
    let sandbox = Sandbox::start().await;
    let room = sandbox
        .act("GetAzureWriteUrl", json!({"uniqueFileName": "a.zip"}))
        .await;
    let room: Value = serde_json::from_str(room.as_str().unwrap()).unwrap();
    let url = room["BlobUrl"].as_str().unwrap();
    let put = |url: String, body: &'static str| sandbox.http.put(url).body(body).send();
    for (id, body) in [("AA%3D%3D", "hel"), ("BB%3D%3D", "lo")] {
        let answer = put(format!("{url}&comp=block&blockid={id}"), body).await;
        assert_eq!(answer.unwrap().status(), StatusCode::CREATED);
    }
    let list = "<?xml version='1.0'?><BlockList><Latest>AA==</Latest><Latest>BB==</Latest>\
                </BlockList>";
    let answer = put(format!("{url}&comp=blocklist"), list).await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let part = sandbox.http.get(url).header("x-ms-range", "bytes=1-3");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 1-3/5");
    assert_eq!(part.text().await.unwrap(), "ell");
    let unsigned = url.split_once("&sig=").unwrap().0;
    let answer = sandbox.http.get(unsigned).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_queue_gives_a_message_until_it_is_acknowledged() {
    let sandbox = Sandbox::with_project(false).await;
    sandbox.insert_customer("usmf", "C1");
    let feed = json!({"activity": "act", "project": "Out"});
    let answer = sandbox.post("/_sandbox/recurring", feed).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    let message = sandbox.get("/api/connector/dequeue/act").await;
    assert_eq!(message.status, StatusCode::OK);
    let message = message.json();
    let url = message["DownloadLocation"].as_str().unwrap();
    let file = sandbox.http.get(url).send().await.unwrap();
    assert_eq!(unpacked(&file.bytes().await.unwrap()).len(), 3);
    let again = sandbox.get("/api/connector/dequeue/act").await;
    assert_eq!(again.status, StatusCode::NO_CONTENT);
    let path = "/api/connector/ack/act";
    let answer = sandbox.post(path, message.clone()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = sandbox.post(path, message).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_file_is_enqueued_and_its_message_followed() {
    let sandbox = Sandbox::with_groups().await;
    let url = format!(
        "{}/api/connector/enqueue/act?entity=Customers%20V3&company=frrt",
        sandbox.running.url()
    );
    let csv = "CustomerAccount,CustomerGroupId,PartyType\nQ1,10,Person\n";
    let post = sandbox.http.post(url).bearer_auth(&sandbox.token).body(csv);
    let id: Value = post.send().await.unwrap().json().await.unwrap();
    let mut state = Value::Null;
    for _ in 0..10_000 {
        state = sandbox
            .act("GetMessageStatus", json!({"messageId": id}))
            .await;
        if state != "Processing" {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(state, "Processed");
    let rows = sandbox.finops.rows("CustomersV3").unwrap();
    assert_eq!(rows[0]["dataAreaId"], "frrt");
}
