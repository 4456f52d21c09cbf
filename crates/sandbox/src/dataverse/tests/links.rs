//! Many-to-many relationships, and what a deletion does to rows that hang on the deleted one.

use super::*;

impl Stage {
    async fn tied(&self) -> (String, String) {
        let account = self.make("accounts", json!({"name": "A"})).await;
        let lead = self.make("leads", json!({"lastname": "L"})).await;
        let path = format!("accounts({account})/accountleads_association/$ref");
        let body = json!({"@odata.id": format!("{}/leads({lead})", self.root())});
        self.post(&path, body).await.expect(204);
        (account, lead)
    }
}

#[tokio::test]
async fn rows_are_associated_from_either_end() {
    let stage = Stage::new().await;
    let (account, lead) = stage.tied().await;
    let from_account = format!("accounts({account})/accountleads_association");
    assert_eq!(stage.column(&from_account, "lastname").await, ["L"]);
    let from_lead = format!("leads({lead})/accountleads_association");
    assert_eq!(stage.column(&from_lead, "name").await, ["A"]);
    let body = json!({"@odata.id": format!("leads({lead})")});
    stage
        .post(&format!("{from_account}/$ref"), body)
        .await
        .expect_error(412, "0x80040237", "");
}

#[tokio::test]
async fn links_are_expanded_filtered_and_counted() {
    let stage = Stage::new().await;
    let (account, lead) = stage.tied().await;
    stage.make("accounts", json!({"name": "B"})).await;
    let expanded = stage
        .get(&format!(
            "accounts({account})?$expand=accountleads_association($select=lastname)"
        ))
        .await
        .expect(200)
        .json();
    assert_eq!(expanded["accountleads_association"][0]["leadid"], lead);
    let names = stage
        .column(
            "accounts?$filter=accountleads_association/any(l:l/lastname eq 'L')",
            "name",
        )
        .await;
    assert_eq!(names, ["A"]);
    let count = stage
        .get(&format!(
            "accounts({account})/accountleads_association/$count"
        ))
        .await
        .expect(200);
    assert_eq!(count.text, "\u{feff}1");
    let links = stage.get("accountleadscollection").await.expect(200).json();
    assert_eq!(links["value"][0]["leadid"], lead);
}

#[tokio::test]
async fn rows_are_disassociated_by_key_or_by_address() {
    let stage = Stage::new().await;
    let (account, lead) = stage.tied().await;
    let links = format!("accounts({account})/accountleads_association");
    stage
        .delete(&format!("{links}({lead})/$ref"))
        .await
        .expect(204);
    stage
        .delete(&format!("{links}({lead})/$ref"))
        .await
        .expect(404);
    let body = json!({"@odata.id": format!("leads({lead})")});
    stage.post(&format!("{links}/$ref"), body).await.expect(204);
    let address = format!("{links}/$ref?$id={}/leads({lead})", stage.root());
    stage.delete(&address).await.expect(204);
    assert!(stage.column(&links, "lastname").await.is_empty());
}

#[tokio::test]
async fn a_deleted_row_leaves_no_links() {
    let stage = Stage::new().await;
    let (account, lead) = stage.tied().await;
    stage
        .delete(&format!("accounts({account})"))
        .await
        .expect(204);
    let links = stage.get("accountleadscollection").await.expect(200).json();
    assert_eq!(links["value"], json!([]));
    stage.get(&format!("leads({lead})")).await.expect(200);
}

#[tokio::test]
async fn rows_are_made_into_a_collection() {
    let stage = Stage::new().await;
    let account = stage
        .make(
            "accounts",
            json!({"name": "A", "accountleads_association": [{"lastname": "deep"}]}),
        )
        .await;
    let links = format!("accounts({account})/accountleads_association");
    stage
        .post(&links, json!({"lastname": "later"}))
        .await
        .expect(204);
    let mut names = stage.column(&links, "lastname").await;
    names.sort();
    assert_eq!(names, ["deep", "later"]);
    stage
        .post("accountleadscollection", json!({}))
        .await
        .expect_error(400, "0x80040203", "associating");
}

#[tokio::test]
async fn the_metadata_tells_both_ends() {
    let stage = Stage::new().await;
    let path = "EntityDefinitions(LogicalName='lead')/ManyToManyRelationships?\
                $select=SchemaName,IntersectEntityName,Entity1LogicalName";
    let body = stage.get(path).await.expect(200).json();
    let rows = body["value"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["SchemaName"] == "accountleads_association")
        .unwrap();
    assert_eq!(row["IntersectEntityName"], "accountleads");
    assert_eq!(row["Entity1LogicalName"], "account");
    let cast = "RelationshipDefinitions/Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata";
    let all = stage.get(cast).await.expect(200).json();
    assert!(all["value"].as_array().unwrap().len() >= 4);
}

#[tokio::test]
async fn parts_go_with_their_whole() {
    let stage = Stage::new().await;
    let order = stage.make("salesorders", json!({"name": "O"})).await;
    let bind = format!("salesorders({order})");
    let line = json!({"salesorderid@odata.bind": bind, "productdescription": "x"});
    let line = stage.make("salesorderdetails", line).await;
    stage.delete(&bind).await.expect(204);
    stage
        .get(&format!("salesorderdetails({line})"))
        .await
        .expect(404);
}

#[tokio::test]
async fn rows_that_point_to_each_other_all_go() {
    let stage = Stage::new().await;
    let first = stage.make("contacts", json!({"lastname": "1"})).await;
    let bind = |id: &str| json!({"parentcustomerid_contact@odata.bind": format!("contacts({id})")});
    let mut second = bind(&first);
    second["lastname"] = "2".into();
    let second = stage.make("contacts", second).await;
    let path = format!("contacts({first})");
    stage.patch(&path, bind(&second)).await.expect(204);
    stage.delete(&path).await.expect(204);
    stage.get(&format!("contacts({second})")).await.expect(404);
}

#[tokio::test]
async fn accents_do_not_count_in_comparisons() {
    let stage = Stage::new().await;
    stage.make("accounts", json!({"name": "Café Zürich"})).await;
    for filter in [
        "name eq 'CAFE ZURICH'",
        "startswith(name,'cafe')",
        "contains(name,'zur')",
        "primarycontactid eq null and name eq 'cafe\u{301} zurich'",
    ] {
        let filter = filter.replace(
            "primarycontactid eq null",
            "_primarycontactid_value eq null",
        );
        let names = stage
            .column(&format!("accounts?$filter={filter}"), "name")
            .await;
        assert_eq!(names, ["Café Zürich"], "{filter}");
    }
}
