//! Creates, updates, upserts, deletes, links (A3 to A7).

use super::*;
use crate::counters::WriteKind::{Create, Update};

const RETURN: (&str, &str) = ("prefer", "return=representation");

#[tokio::test]
async fn a_created_row_is_named_in_the_answer_and_can_be_read() {
    let stage = Stage::new().await;
    let created = stage
        .post("accounts", json!({"name": "A", "creditlimit": 12.5}))
        .await
        .expect(204);
    let id = created.id();
    let address = format!("{}/accounts({id})", stage.root());
    assert_eq!(created.header("odata-entityid"), Some(address.as_str()));
    assert_eq!(created.text, "");
    let read = stage
        .get(&format!("accounts({id})?$select=name,creditlimit"))
        .await
        .expect(200);
    let text = read.text.clone();
    assert!(text.contains("\"creditlimit\":12.5000"), "{text}");
    let body = read.json();
    let context = format!(
        "{}/$metadata#accounts(name,creditlimit)/$entity",
        stage.root()
    );
    assert_eq!(body["@odata.context"], context);
    assert_eq!(body["accountid"], id);
    assert!(body["@odata.etag"].as_str().unwrap().starts_with("W/\""));
    // A money column brings its currency along.
    assert!(
        body.as_object()
            .unwrap()
            .contains_key("_transactioncurrencyid_value")
    );
    assert_eq!(body.as_object().unwrap().len(), 6, "{body}");
}

#[tokio::test]
async fn a_preferred_representation_comes_with_201_or_200() {
    let stage = Stage::new().await;
    let created = stage.send(
        "POST",
        "accounts?$select=name",
        &[RETURN],
        Some(json!({"name": "A"})),
    );
    let created = created.await.expect(201);
    assert_eq!(
        created.header("preference-applied"),
        Some("return=representation")
    );
    assert!(created.header("odata-entityid").is_none());
    let body = created.json();
    let path = format!(
        "accounts({})?$select=name",
        body["accountid"].as_str().unwrap()
    );
    let updated = stage
        .send("PATCH", &path, &[RETURN], Some(json!({"name": "B"})))
        .await
        .expect(200);
    assert_eq!(updated.json()["name"], "B");
    assert_eq!(
        updated.header("etag"),
        updated.json()["@odata.etag"].as_str()
    );
    let new = format!("accounts({})", uuid::Uuid::new_v4());
    stage
        .send("PATCH", &new, &[RETURN], Some(json!({"name": "C"})))
        .await
        .expect(201);
}

#[tokio::test]
async fn the_platform_fills_in_who_when_and_defaults() {
    let mut stage = Stage::new().await;
    let id = stage.make("accounts", json!({"name": "A"})).await;
    let path = format!("accounts({id})");
    let made = stage.get(&path).await.json();
    assert_eq!(made["statecode"], 0);
    assert_eq!(made["donotphone"], false);
    assert_eq!(made["_createdby_value"], made["_modifiedby_value"]);
    assert_eq!(made["_ownerid_value"], made["_createdby_value"]);
    assert_eq!(
        made["createdon"].as_str().unwrap().len(),
        "2023-04-07T21:59:01Z".len()
    );
    stage.sign_in("sales").await;
    stage
        .patch(&path, json!({"statecode": 1}))
        .await
        .expect(204);
    let changed = stage.get(&path).await.json();
    assert_ne!(changed["_modifiedby_value"], made["_modifiedby_value"]);
    assert_eq!(changed["_createdby_value"], made["_createdby_value"]);
    assert_eq!(changed["statuscode"], 2, "the status follows the state");
    assert!(changed["versionnumber"].as_i64() > made["versionnumber"].as_i64());
}

#[tokio::test]
async fn a_client_may_choose_the_id_once() {
    let stage = Stage::new().await;
    let id = "7eb682f1-ca75-e511-80d4-00155d2a68d1";
    let body = json!({"accountid": id.to_uppercase(), "name": "A"});
    assert_eq!(
        stage.post("accounts", body.clone()).await.expect(204).id(),
        id
    );
    let again = stage.post("accounts", body).await;
    again.expect_error(412, "0x80040237", "matching key values already exists");
}

#[tokio::test]
async fn deletes_answer_204_once() {
    let stage = Stage::new().await;
    let id = stage.make("accounts", json!({"name": "A"})).await;
    let path = format!("accounts({id})");
    stage.delete(&path).await.expect(204);
    let text = format!("account With Id = {id} Does Not Exist");
    stage
        .delete(&path)
        .await
        .expect_error(404, "0x80040217", &text);
    stage
        .get(&path)
        .await
        .expect_error(404, "0x80040217", &text);
}

#[tokio::test]
async fn alternate_keys_address_rows() {
    let stage = Stage::new().await;
    let company = stage
        .make("cdm_companies", json!({"cdm_companycode": "USMF"}))
        .await;
    let id = stage
        .make(
            "accounts",
            json!({
                "name": "A", "accountnumber": "O'Neil 1",
                "msdyn_company@odata.bind": "/cdm_companies(cdm_companycode='usmf')",
            }),
        )
        .await;
    let key = format!("accounts(accountnumber='o''neil 1',_msdyn_company_value={company})");
    let read = stage
        .get(&format!("{key}?$select=accountnumber"))
        .await
        .expect(200)
        .json();
    assert_eq!(read["accountid"], id);
    assert_eq!(read["accountnumber"], "O'Neil 1");
    stage
        .get(&format!("accounts(accountid={id})"))
        .await
        .expect(200);
    let wrong = stage.get("accounts(accountnumber='1')").await;
    wrong.expect_error(
        400,
        "0x80060888",
        "The key in the request URI is not valid for resource",
    );
    let missed = format!("accounts(accountnumber='no',_msdyn_company_value={company})");
    let text = "A record with the specified key values does not exist in account entity";
    stage
        .get(&missed)
        .await
        .expect_error(404, "0x80060891", text);
    let strange = format!("accounts(accountnumber='a*b',_msdyn_company_value={company})");
    stage
        .get(&strange)
        .await
        .expect_error(400, "0x80060888", "(*)");
    let same = stage.post(
        "accounts",
        json!({
            "name": "B", "accountnumber": "O'NEIL 1 ",
            "msdyn_company@odata.bind": format!("cdm_companies({company})"),
        }),
    );
    same.await.expect_error(412, "0x80060892", "Entity Key");
}

#[tokio::test]
async fn an_upsert_by_alternate_key_creates_then_updates() {
    let stage = Stage::new().await;
    let path = "cdm_companies(cdm_companycode='DEMF')";
    let created = stage
        .patch(path, json!({"cdm_name": "Contoso DE"}))
        .await
        .expect(204);
    let address = format!("{}/{path}", stage.root());
    assert_eq!(created.header("odata-entityid"), Some(address.as_str()));
    // The key of the address wins over the body when the row exists.
    let body = json!({"cdm_name": "Contoso Germany", "cdm_companycode": "OTHER"});
    let updated = stage.patch(path, body).await.expect(204);
    assert_eq!(updated.header("odata-entityid"), Some(address.as_str()));
    let read = stage.get(path).await.expect(200).json();
    assert_eq!(read["cdm_companycode"], "DEMF");
    assert_eq!(read["cdm_name"], "Contoso Germany");
    // And the body's when it does not.
    stage
        .patch(
            "cdm_companies(cdm_companycode='X1')",
            json!({"cdm_companycode": "X2"}),
        )
        .await;
    assert_eq!(
        stage
            .get("cdm_companies(cdm_companycode='X1')")
            .await
            .status,
        404
    );
    stage
        .get("cdm_companies(cdm_companycode='X2')")
        .await
        .expect(200);
}

#[tokio::test]
async fn if_match_and_if_none_match_guard_an_upsert() {
    let stage = Stage::new().await;
    let id = uuid::Uuid::new_v4();
    let path = format!("accounts({id})");
    let send = |headers: &'static [(&str, &str)]| {
        stage.send("PATCH", &path, headers, Some(json!({"name": "A"})))
    };
    send(&[("if-match", "*")])
        .await
        .expect_error(404, "0x80040217", "Does Not Exist");
    send(&[("if-none-match", "null")]).await.expect(204);
    send(&[("if-none-match", "*")])
        .await
        .expect_error(412, "0x80040237", "already exists");
    let tag = stage.get(&path).await.json()["@odata.etag"]
        .as_str()
        .unwrap()
        .to_owned();
    let guarded = |tag: String| {
        let path = path.clone();
        let stage = &stage;
        async move {
            stage
                .send(
                    "PATCH",
                    &path,
                    &[("if-match", &tag)],
                    Some(json!({"name": "B"})),
                )
                .await
        }
    };
    guarded(tag.clone()).await.expect(204);
    let text = "The version of the existing record doesn't match the RowVersion property provided.";
    guarded(tag.clone())
        .await
        .expect_error(412, "0x80060882", text);
    stage
        .send("DELETE", &path, &[("if-match", &tag)], None)
        .await
        .expect_error(412, "0x80060882", text);
    stage
        .send("DELETE", &path, &[("if-match", "*")], None)
        .await
        .expect(204);
}

#[tokio::test]
async fn an_unchanged_row_answers_304() {
    let stage = Stage::new().await;
    let id = stage.make("accounts", json!({"name": "A"})).await;
    let path = format!("accounts({id})");
    let tag = stage.get(&path).await.header("etag").unwrap().to_owned();
    stage
        .send("GET", &path, &[("if-none-match", &tag)], None)
        .await
        .expect(304);
    stage
        .send("GET", &path, &[("if-none-match", "null")], None)
        .await
        .expect(200);
    let expanded = format!("{path}?$expand=primarycontactid");
    stage
        .send("GET", &expanded, &[("if-none-match", &tag)], None)
        .await
        .expect(200);
}

#[tokio::test]
async fn lookups_are_bound_read_and_cleared() {
    let stage = Stage::new().await;
    let contact = stage
        .make("contacts", json!({"firstname": "Ann", "lastname": "Lee"}))
        .await;
    let bind = format!("{}/contacts({contact})", stage.root());
    let id = stage
        .make(
            "accounts",
            json!({"name": "A", "primarycontactid@odata.bind": bind}),
        )
        .await;
    let path = format!("accounts({id})?$select=_primarycontactid_value");
    let all = [("prefer", "odata.include-annotations=\"*\"")];
    let read = stage
        .send("GET", &path, &all, None)
        .await
        .expect(200)
        .json();
    assert_eq!(read["_primarycontactid_value"], contact);
    let at = |annotation: &str| read[format!("_primarycontactid_value@{annotation}")].clone();
    assert_eq!(at("OData.Community.Display.V1.FormattedValue"), "Ann Lee");
    assert_eq!(at("Microsoft.Dynamics.CRM.lookuplogicalname"), "contact");
    assert_eq!(
        at("Microsoft.Dynamics.CRM.associatednavigationproperty"),
        "primarycontactid"
    );
    for clear in [
        json!({"primarycontactid@odata.bind": null}),
        json!({"primarycontactid": null}),
    ] {
        stage.patch(&path, clear).await.expect(204);
        assert_eq!(
            stage.get(&path).await.json()["_primarycontactid_value"],
            Json::Null
        );
        let body = json!({"primarycontactid@odata.bind": format!("/contacts({contact})")});
        stage.patch(&path, body).await.expect(204);
    }
    let missing =
        json!({"primarycontactid@odata.bind": format!("/contacts({})", uuid::Uuid::nil())});
    stage
        .patch(&path, missing)
        .await
        .expect_error(404, "0x80040217", "contact With Id");
    let direct = stage
        .patch(&path, json!({"_primarycontactid_value": contact}))
        .await;
    direct.expect_error(400, "0x80060888", "Use Navigation properties instead");
}

#[tokio::test]
async fn navigation_names_are_case_sensitive() {
    let stage = Stage::new().await;
    let body = json!({"name": "A", "PrimaryContactId@odata.bind": "/contacts(1)"});
    let text = "An undeclared property 'PrimaryContactId' which only has property annotations";
    stage
        .post("accounts", body)
        .await
        .expect_error(400, "0x80048d19", text);
    let unknown = stage.post("accounts", json!({"Name": "A"})).await;
    unknown.expect_error(
        400,
        "0x80048d19",
        "The property 'Name' does not exist on type",
    );
    stage.get("accounts?$select=nam").await.expect_error(
        400,
        "0x80060888",
        "Could not find a property named 'nam' on type 'Microsoft.Dynamics.CRM.account'.",
    );
}

#[tokio::test]
async fn a_polymorphic_lookup_has_one_target_at_a_time() {
    let stage = Stage::new().await;
    let account = stage.make("accounts", json!({"name": "A"})).await;
    let other = stage.make("contacts", json!({"lastname": "B"})).await;
    let id = stage.make("contacts", json!({
        "lastname": "C", "parentcustomerid_account@odata.bind": format!("/accounts({account})"),
    })).await;
    let path = format!("contacts({id})?$select=_parentcustomerid_value");
    assert_eq!(
        stage.get(&path).await.json()["_parentcustomerid_value"],
        account
    );
    let body = json!({"parentcustomerid_contact@odata.bind": format!("/contacts({other})")});
    stage.patch(&path, body).await.expect(204);
    let path = format!(
        "{path}&$expand=parentcustomerid_account,parentcustomerid_contact($select=fullname)"
    );
    let read = stage.get(&path).await.expect(200).json();
    assert_eq!(read["parentcustomerid_account"], Json::Null);
    assert_eq!(read["parentcustomerid_contact"]["fullname"], "B");
    let wrong = json!({"parentcustomerid_contact@odata.bind": format!("/accounts({account})")});
    assert_eq!(stage.patch(&path, wrong).await.status, 400);
}

#[tokio::test]
async fn references_are_put_listed_and_deleted() {
    let stage = Stage::new().await;
    let contact = stage.make("contacts", json!({"lastname": "B"})).await;
    let id = stage.make("accounts", json!({"name": "A"})).await;
    let single = format!("accounts({id})/primarycontactid/$ref");
    let target = json!({"@odata.id": format!("contacts({contact})")});
    stage
        .send("PUT", &single, &[], Some(target))
        .await
        .expect(204);
    let read = stage.get(&single).await.expect(200).json();
    assert_eq!(
        read["@odata.id"],
        format!("{}/contacts({contact})", stage.root())
    );
    let through = stage
        .get(&format!("accounts({id})/primarycontactid?$select=lastname"))
        .await;
    assert_eq!(through.expect(200).json()["lastname"], "B");
    stage.delete(&single).await.expect(204);
    stage.get(&single).await.expect(204);

    let many = format!("accounts({id})/contact_customer_accounts");
    let target = json!({"@odata.id": format!("{}/contacts({contact})", stage.root())});
    stage
        .post(&format!("{many}/$ref"), target.clone())
        .await
        .expect(204);
    assert_eq!(stage.column(&many, "lastname").await, ["B"]);
    assert_eq!(stage.get(&format!("{many}/$count")).await.text, "\u{feff}1");
    stage
        .delete(&format!("{many}({contact})/$ref"))
        .await
        .expect(204);
    assert!(stage.column(&many, "lastname").await.is_empty());
    stage
        .post(&format!("{many}/$ref"), target.clone())
        .await
        .expect(204);
    let by_id = format!("{many}/$ref?$id={}", target["@odata.id"].as_str().unwrap());
    stage.delete(&by_id).await.expect(204);
    assert!(stage.column(&many, "lastname").await.is_empty());
}

#[tokio::test]
async fn single_properties_are_put_read_and_deleted() {
    let stage = Stage::new().await;
    let id = stage
        .make("accounts", json!({"name": "A", "description": "d"}))
        .await;
    let name = format!("accounts({id})/name");
    stage
        .send("PUT", &name, &[], Some(json!({"value": "B"})))
        .await
        .expect(204);
    let read = stage.get(&name).await.expect(200).json();
    let context = format!("{}/$metadata#accounts({id})/name", stage.root());
    assert_eq!(read, json!({"@odata.context": context, "value": "B"}));
    assert_eq!(stage.get(&format!("{name}/$value")).await.text, "B");
    stage
        .delete(&format!("accounts({id})/description"))
        .await
        .expect(204);
    stage
        .get(&format!("accounts({id})/description"))
        .await
        .expect(204);
}

#[tokio::test]
async fn a_deep_insert_makes_parents_and_children_at_once() {
    let stage = Stage::new().await;
    let id = stage
        .make(
            "accounts",
            json!({
                "name": "A",
                "primarycontactid": {"firstname": "Ann", "lastname": "Lee"},
                "contact_customer_accounts": [{"lastname": "One"}, {"lastname": "Two"}],
            }),
        )
        .await;
    let children = format!("accounts({id})/contact_customer_accounts?$orderby=lastname");
    assert_eq!(stage.column(&children, "lastname").await, ["One", "Two"]);
    let parent = stage
        .get(&format!("accounts({id})?$expand=primarycontactid"))
        .await
        .json();
    assert_eq!(parent["primarycontactid"]["fullname"], "Ann Lee");
    let bad = json!({"name": "X", "contact_customer_accounts": [{"lastname": "3"}, {"nope": 1}]});
    assert_eq!(stage.post("accounts", bad).await.status, 400);
    assert_eq!(
        stage.column("accounts", "name").await,
        ["A"],
        "all or nothing"
    );
}

#[tokio::test]
async fn writes_are_counted_by_table_kind_and_client_once_committed() {
    let stage = Stage::new().await;
    let id = stage.make("accounts", json!({"name": "A"})).await;
    stage
        .patch(&format!("accounts({id})"), json!({"name": "B"}))
        .await
        .expect(204);
    assert_eq!(stage.post("accounts", json!({"nope": 1})).await.status, 400);
    let counts = stage.dataverse.counts();
    let seen: Vec<_> = counts
        .writes
        .iter()
        .map(|one| (&*one.table, one.kind, &*one.client, one.count))
        .collect();
    assert_eq!(
        seen,
        [("account", Create, "app", 1), ("account", Update, "app", 1)]
    );
}

#[tokio::test]
async fn impersonation_writes_in_another_name() {
    let stage = Stage::new().await;
    let users = stage
        .get("systemusers?$select=fullname,azureactivedirectoryobjectid")
        .await
        .json();
    let user = |name: &str| {
        users["value"]
            .as_array()
            .unwrap()
            .iter()
            .find(|user| user["fullname"] == name)
            .unwrap()
    };
    let sales = user("# sales");
    let object = sales["azureactivedirectoryobjectid"].as_str().unwrap();
    let headers = [("CallerObjectId", object)];
    let made = stage
        .send("POST", "accounts", &headers, Some(json!({"name": "A"})))
        .await
        .expect(204);
    let row = stage.get(&format!("accounts({})", made.id())).await.json();
    assert_eq!(row["_createdby_value"], sales["systemuserid"]);
    assert_eq!(
        row["_createdonbehalfby_value"],
        user("# app")["systemuserid"]
    );
    let stranger = [("MSCRMCallerID", "00000000-0000-0000-0000-000000000000")];
    let refused = stage.send("GET", "accounts", &stranger, None).await;
    refused.expect_error(403, "0x80040220", "not a member");
}

#[tokio::test]
async fn deleting_a_row_empties_the_lookups_to_it_unless_it_is_restricted() {
    let stage = Stage::new().await;
    let contact = stage.make("contacts", json!({"lastname": "B"})).await;
    let body = json!({"name": "A", "primarycontactid@odata.bind": format!("/contacts({contact})")});
    let id = stage.make("accounts", body).await;
    stage
        .delete(&format!("contacts({contact})"))
        .await
        .expect(204);
    let read = stage.get(&format!("accounts({id})")).await.json();
    assert_eq!(read["_primarycontactid_value"], Json::Null);
    let company = stage
        .make("cdm_companies", json!({"cdm_companycode": "USMF"}))
        .await;
    let body = json!({"msdyn_company@odata.bind": format!("/cdm_companies({company})")});
    stage
        .patch(&format!("accounts({id})"), body)
        .await
        .expect(204);
    let refused = stage.delete(&format!("cdm_companies({company})")).await;
    refused.expect_error(405, "0x80040227", "associated with another object");
}
