//! What people see who compare a part of the data, follow a record through a conflict, and clear away what
//! is parked: outputs and exit codes of real commands over a real store and the stand-ins.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a test's failure"
)]

mod stage;

use serde_json::{Value, json};
use stage::commands::{Running, ask, json_of, said};
use stage::small_project::set;
use stage::{Stage, key};

async fn edit_customer(stage: &Stage, account: &str, row: &Value) {
    let path =
        format!("CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')?cross-company=true");
    stage.finops.update(&path, row).await.unwrap();
}

async fn edit_account(stage: &Stage, account: &str, row: &Value) {
    let accounts = stage.accounts().await;
    let id = accounts[&key("usmf", account)]["accountid"]
        .as_str()
        .unwrap();
    let path = format!("accounts({id})");
    stage.dataverse.update(&path, row).await.unwrap();
}

/// Accounts of both sides in company USMF, in order.
async fn paired(stage: &Stage) -> Vec<String> {
    let (left, right) = (stage.customers().await, stage.accounts().await);
    let both = right.into_iter().filter(|(key, _)| left.contains_key(key));
    both.filter(|(key, _)| key.starts_with("usmf/"))
        .map(|(_, row)| row["accountnumber"].as_str().unwrap().to_owned())
        .collect()
}

fn figure(compared: &Value, name: &str) -> u64 {
    let maps = compared["maps"].as_array().unwrap();
    maps.iter().map(|map| map[name].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_data_is_compared_and_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    let paired = paired(&stage).await;
    let [first, second, third] = [&paired[0], &paired[1], &paired[2]];
    for account in [first, third] {
        edit_account(&stage, account, &json!({"creditlimit": 4711})).await;
    }
    let compare = |more: &[&str]| {
        let mut arguments = vec!["compare", "--map", "customers", "--json", "--grace", "0s"];
        arguments.extend(more);
        let output = ask(folder, &arguments);
        let told: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        (output.status.code().unwrap(), told)
    };
    let (code, all) = compare(&[]);
    assert_eq!((code, figure(&all, "drift")), (1, 2), "{all:#}");

    let (code, usmf) = compare(&["--company", "USMF"]);
    assert_eq!((code, figure(&usmf, "drift")), (1, 2));
    let (code, frrt) = compare(&["--company", "frrt"]);
    assert_eq!((code, figure(&frrt, "drift")), (0, 0));
    let both = figure(&usmf, "compared") + figure(&frrt, "compared");
    assert_eq!(both, figure(&all, "compared"));
    assert!(figure(&frrt, "compared") > 0);

    let range = ["--from", second, "--to", third];
    let (code, part) = compare(&range);
    assert_eq!((code, figure(&part, "drift")), (1, 1), "{part:#}");
    assert_eq!(figure(&part, "compared"), 2);

    let mut repair = vec!["repair", "--map", "customers", "--apply", "--grace", "0s"];
    repair.extend(range);
    let repaired = ask(folder, &repair);
    assert!(repaired.status.success(), "{}", said(&repaired));
    let (_, all) = compare(&[]);
    assert_eq!(figure(&all, "drift"), 1);
    let story = said(&ask(folder, &["trace", third]));
    assert!(story.contains("creditlimit; by a repair"), "{story}");

    for (arguments, code) in [
        (["compare", "--company", "nowhere"], "DUET5160"),
        (["repair", "--map", "nothing"], "DUET5090"),
    ] {
        let refused = ask(folder, &arguments);
        assert_eq!(refused.status.code(), Some(2));
        assert!(said(&refused).contains(code), "{}", said(&refused));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_followed_through_its_conflicts() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    let account = &paired(&stage).await[0];
    let left = json!({"CreditLimit": 100, "SalesMemo": "calls on Monday"});
    edit_customer(&stage, account, &left).await;
    let right = json!({"creditlimit": 200, "description": "calls on Friday"});
    edit_account(&stage, account, &right).await;
    assert!(ask(folder, &["sync"]).status.success());

    let story = said(&ask(folder, &["trace", account]));
    for part in [
        "CreditLimit: the left stands (master)",
        "now: linked, settled",
        "DUET2120: duet parked show",
        "waits for a person: duet conflicts show",
    ] {
        assert!(story.contains(part), "{part}\n{story}");
    }
    let told = json_of(folder, &["trace", account]);
    assert_eq!(told.as_array().unwrap().len(), 1, "{told:#}");
    assert_eq!(told[0]["conflicts"].as_array().unwrap().len(), 2);
    assert_eq!(told[0]["pair"]["state"], "linked");
    assert!(
        !told.to_string().contains("calls on Friday"),
        "no values: {told:#}"
    );

    // While the map is paused nothing carries a decision out, and a running process might at any moment.
    let open = json_of(folder, &["conflicts", "--open"]);
    let number = &open[0]["id"].to_string();
    assert!(ask(folder, &["pause"]).status.success());
    let running = Running::start(folder);
    let decided = ask(folder, &["conflicts", "resolve", number, "--take", "left"]);
    assert!(said(&decided).contains("SalesMemo as on the left"));
    let again = ask(folder, &["conflicts", "resolve", number, "--take", "right"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(said(&again).contains("DUET2140"), "{}", said(&again));
    assert!(running.end().success());

    // With nobody at work it can be taken back.
    let again = ask(folder, &["conflicts", "resolve", number, "--take", "right"]);
    assert!(again.status.success(), "{}", said(&again));
    assert!(ask(folder, &["resume"]).status.success());
    assert!(ask(folder, &["sync"]).status.success());
    let customers = stage.customers().await;
    assert_eq!(
        customers[&key("usmf", account)]["SalesMemo"],
        "calls on Friday"
    );
    let shown = said(&ask(folder, &["conflicts", "show", number]));
    assert!(shown.contains("right, resolved by"), "{shown}");
    let story = said(&ask(folder, &["trace", account]));
    assert!(!story.contains("waits for a person"), "{story}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_for_one_reason_is_dropped_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    for account in &paired(&stage).await[..3] {
        edit_customer(&stage, account, &json!({"CreditLimit": -1})).await;
    }
    assert!(ask(folder, &["sync"]).status.success());
    let parked = said(&ask(folder, &["parked"]));
    assert!(parked.contains("correct it on the left side"), "{parked}");
    let discard = |more: &[&str]| {
        let mut arguments = vec!["parked", "discard"];
        arguments.extend(more);
        ask(folder, &arguments)
    };
    assert_eq!(discard(&[]).status.code(), Some(2));
    assert_eq!(discard(&["--reason", "validation"]).status.code(), Some(2));
    let none = discard(&["--reason", "mass-delete", "--yes"]);
    assert!(said(&none).contains("No parked change fits"));
    let dropped = discard(&["--reason", "validation", "--map", "customers", "--yes"]);
    assert!(
        said(&dropped).contains("3 changes are discarded"),
        "{}",
        said(&dropped)
    );
    assert!(said(&ask(folder, &["parked"])).contains("Nothing is parked."));
}
