//! Change tracking (A9).

use super::*;

const TRACK: (&str, &str) = ("prefer", "odata.track-changes");

async fn start(stage: &Stage, path: &str) -> (Json, String) {
    let answer = stage.send("GET", path, &[TRACK], None).await.expect(200);
    assert_eq!(
        answer.header("preference-applied"),
        Some("odata.track-changes")
    );
    let body = answer.json();
    let link = body["@odata.deltaLink"].as_str().unwrap().to_owned();
    (body, link)
}

#[tokio::test]
async fn a_delta_lists_changes_by_version_and_then_deletions() {
    let stage = Stage::new().await;
    let gone = stage.make("accounts", json!({"name": "Gone"})).await;
    let kept = stage.make("accounts", json!({"name": "Kept"})).await;
    let (first, link) = start(&stage, "accounts?$select=name").await;
    assert_eq!(first["value"].as_array().unwrap().len(), 2);
    assert_eq!(
        first["@odata.context"],
        format!("{}/$metadata#accounts(name)", stage.root())
    );
    assert!(link.starts_with(&format!(
        "{}/accounts?$select=name&$deltatoken=",
        stage.root()
    )));
    assert!(
        link.contains("%21") && link.contains("%2f") && link.contains("%3a"),
        "{link}"
    );

    let new = stage.make("accounts", json!({"name": "New"})).await;
    stage.delete(&format!("accounts({gone})")).await.expect(204);
    stage
        .patch(&format!("accounts({kept})"), json!({"name": "Kept 2"}))
        .await
        .expect(204);
    let brief = stage.make("accounts", json!({"name": "Brief"})).await;
    stage
        .delete(&format!("accounts({brief})"))
        .await
        .expect(204);

    let count = link.replace("accounts?", "accounts/$count?");
    assert_eq!(stage.get(&count).await.expect(200).text, "\u{feff}4");
    let delta = stage.get(&link).await.expect(200).json();
    assert_eq!(
        delta["@odata.context"],
        format!("{}/$metadata#accounts(name)/$delta", stage.root())
    );
    let value = delta["value"].as_array().unwrap();
    let ids: Vec<&str> = value
        .iter()
        .map(|entry| {
            entry["accountid"]
                .as_str()
                .or(entry["id"].as_str())
                .unwrap()
        })
        .collect();
    assert_eq!(ids, [&new, &kept, &gone, &brief]);
    assert_eq!(value[1]["name"], "Kept 2");
    assert_eq!(
        value[2],
        json!({
            "@odata.context": format!("{}/$metadata#accounts/$deletedEntity", stage.root()),
            "id": gone, "reason": "deleted",
        })
    );
    let again = stage
        .get(delta["@odata.deltaLink"].as_str().unwrap())
        .await
        .expect(200)
        .json();
    assert_eq!(again["value"], json!([]));
    let (fresh, _) = start(&stage, "accounts?$select=name").await;
    assert!(
        fresh["value"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["reason"] == Json::Null)
    );
}

#[tokio::test]
async fn pages_of_a_tracked_read_lose_nothing_that_changes_meanwhile() {
    let stage = Stage::new().await;
    let mut ids = Vec::new();
    for at in 0..5 {
        ids.push(
            stage
                .make("accounts", json!({"name": format!("A{at}")}))
                .await,
        );
    }
    let headers = [("prefer", "odata.track-changes,odata.maxpagesize=2")];
    let mut next = "accounts?$select=name".to_owned();
    let mut names = Vec::new();
    let link = loop {
        let body = stage
            .send("GET", &next, &headers, None)
            .await
            .expect(200)
            .json();
        for row in body["value"].as_array().unwrap() {
            names.push(row["name"].as_str().unwrap().to_owned());
        }
        if names.len() == 2 {
            stage
                .patch(&format!("accounts({})", ids[0]), json!({"name": "B0"}))
                .await
                .expect(204);
        }
        match body["@odata.nextLink"].as_str() {
            Some(link) => {
                assert_eq!(body["@odata.deltaLink"], Json::Null);
                link.clone_into(&mut next);
            }
            None => break body["@odata.deltaLink"].as_str().unwrap().to_owned(),
        }
    };
    assert_eq!(names.len(), 5);
    let delta = stage.get(&link).await.expect(200).json();
    assert_eq!(delta["value"][0]["name"], "B0");

    for id in &ids[1..] {
        stage.delete(&format!("accounts({id})")).await.expect(204);
    }
    stage
        .patch(&format!("accounts({})", ids[0]), json!({"name": "C0"}))
        .await
        .expect(204);
    let small = [("prefer", "odata.maxpagesize=2")];
    let mut next = Some(delta["@odata.deltaLink"].as_str().unwrap().to_owned());
    let mut sizes = Vec::new();
    while let Some(url) = next {
        let body = stage
            .send("GET", &url, &small, None)
            .await
            .expect(200)
            .json();
        sizes.push(body["value"].as_array().unwrap().len());
        next = body["@odata.nextLink"].as_str().map(ToOwned::to_owned);
    }
    assert_eq!(sizes, [2, 2, 1]);
}

#[tokio::test]
async fn what_tracking_cannot_do_is_said() {
    let stage = Stage::new().await;
    for option in [
        "$filter=name eq 'x'",
        "$orderby=name",
        "$expand=primarycontactid",
        "$top=1",
    ] {
        let name = option.split('=').next().unwrap();
        let answer = stage
            .send("GET", &format!("accounts?{option}"), &[TRACK], None)
            .await;
        let text = format!(
            "The \"{name}\" query parameter isn't supported when Change Tracking is enabled."
        );
        answer.expect_error(400, "0x80060888", &text);
    }
    let answer = stage.send("GET", "sdkmessages", &[TRACK], None).await;
    answer.expect_error(
        400,
        "0x80072491",
        "Entity sdkmessage isn't enabled for change tracking.",
    );
}

#[tokio::test]
async fn tokens_expire_with_time_and_on_request() {
    let stage = Stage::new().await;
    let text = "Please perform a full sync.";
    let old = "accounts?$deltatoken=1000%2108%2f22%2f2017%2008%3a10%3a44";
    stage.get(old).await.expect_error(400, "0x80044352", text);
    let (_, link) = start(&stage, "accounts").await;
    stage.get(&link).await.expect(200);
    let rule = json!({"fault": "expire-delta-tokens", "count": 1});
    stage.control("POST", "faults", rule).await.expect(204);
    stage.get(&link).await.expect_error(400, "0x80044352", text);
    stage.get(&link).await.expect(200);
    stage
        .control("POST", "delta/expire", json!({}))
        .await
        .expect(200);
    stage.get(&link).await.expect_error(400, "0x80044352", text);
    let (_, link) = start(&stage, "accounts").await;
    stage.get(&link).await.expect(200);
}
