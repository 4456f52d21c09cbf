//! Tables, columns, keys, relationships and choices that clients make and delete (A12, C).

use super::*;

fn label(text: &str) -> Json {
    json!({"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]})
}

fn attribute(kind: &str, name: &str) -> Json {
    json!({
        "@odata.type": format!("Microsoft.Dynamics.CRM.{kind}AttributeMetadata"),
        "SchemaName": name,
        "DisplayName": label(name),
    })
}

fn name_column() -> Json {
    let mut name = attribute("String", "new_Name");
    name["IsPrimaryName"] = true.into();
    name
}

impl Stage {
    /// Makes the table `new_machine`, with a name and the given columns.
    async fn machine(&self, columns: &[Json]) -> String {
        let mut attributes = vec![name_column()];
        attributes.extend_from_slice(columns);
        let body = json!({"SchemaName": "new_Machine", "Attributes": attributes});
        self.post("EntityDefinitions", body).await.expect(204).id()
    }

    async fn add(&self, path: &str, body: Json) -> String {
        self.post(path, body).await.expect(204).id()
    }
}

#[tokio::test]
async fn a_new_table_takes_rows_at_once() {
    let stage = Stage::new().await;
    let id = stage.machine(&[attribute("Integer", "new_Power")]).await;
    let row = json!({"new_name": "Lathe", "new_power": 7});
    let made = stage.make("new_machines", row).await;
    let read = stage
        .get(&format!("new_machines({made})"))
        .await
        .expect(200)
        .json();
    assert_eq!(read["new_power"], 7);
    assert_eq!(read["statecode"], 0);
    assert!(read["createdon"].is_string());
    let table = stage
        .get(&format!("EntityDefinitions({id})"))
        .await
        .expect(200)
        .json();
    assert_eq!(table["LogicalName"], "new_machine");
    assert_eq!(table["EntitySetName"], "new_machines");
    assert_eq!(table["PrimaryNameAttribute"], "new_name");
    assert_eq!(table["IsManaged"], false);
    let metadata = stage.get("$metadata").await.expect(200).text;
    assert!(metadata.contains("<EntityType Name=\"new_machine\""));
}

#[tokio::test]
async fn a_table_needs_a_name_of_its_own_and_a_naming_column() {
    let stage = Stage::new().await;
    let attributes = json!([name_column()]);
    for (name, attributes, part) in [
        ("Machine", attributes.clone(), "prefix"),
        ("new_Ma chine", attributes.clone(), "prefix"),
        ("msdyn_Party", attributes.clone(), "already exists"),
        ("new_Machine", json!([]), "IsPrimaryName"),
        ("new_Machine", json!([attribute("Odd", "new_Name")]), "type"),
    ] {
        let body = json!({"SchemaName": name, "Attributes": attributes});
        let answer = stage.post("EntityDefinitions", body).await;
        assert_eq!(answer.status, 400, "{name}");
        assert!(answer.text.contains(part), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_deleted_table_is_gone_with_its_rows() {
    let stage = Stage::new().await;
    let id = stage.machine(&[]).await;
    stage
        .make("new_machines", json!({"new_name": "Lathe"}))
        .await;
    let path = format!("EntityDefinitions({id})");
    stage
        .send("DELETE", &path, &[("if-match", "*")], None)
        .await
        .expect(204);
    stage.get("new_machines").await.expect(404);
    stage.get(&path).await.expect(404);
    // One of the same name begins anew.
    stage.machine(&[]).await;
    assert!(stage.column("new_machines", "new_name").await.is_empty());
}

#[tokio::test]
async fn what_the_system_brought_cannot_be_deleted() {
    let stage = Stage::new().await;
    for path in [
        "EntityDefinitions(LogicalName='account')",
        "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='name')",
    ] {
        stage
            .delete(path)
            .await
            .expect_error(400, "0x80047007", "part of the system");
    }
}

#[tokio::test]
async fn columns_are_added_to_any_table_changed_and_removed() {
    let stage = Stage::new().await;
    let columns = "EntityDefinitions(LogicalName='account')/Attributes";
    let mut code = attribute("String", "new_Code");
    code["MaxLength"] = 5.into();
    stage.add(columns, code.clone()).await;
    let column = format!("{columns}(LogicalName='new_code')");
    stage
        .post("accounts", json!({"name": "A", "new_code": "123456"}))
        .await
        .expect_error(400, "0x80044331", "new_code");
    code["MaxLength"] = 10.into();
    stage
        .send("PUT", &column, &[], Some(code))
        .await
        .expect(204);
    let id = stage
        .make("accounts", json!({"name": "A", "new_code": "123456"}))
        .await;
    let cast = format!("{column}/Microsoft.Dynamics.CRM.StringAttributeMetadata");
    let read = stage.get(&cast).await.expect(200).json();
    assert_eq!(read["MaxLength"], 10);
    assert_eq!(read["SchemaName"], "new_Code");
    stage.delete(&column).await.expect(204);
    let row = stage.get(&format!("accounts({id})")).await.expect(200);
    assert!(row.json().get("new_code").is_none());
    stage.get("accounts?$select=new_code").await.expect(400);
}

#[tokio::test]
async fn an_alternate_key_is_enforced_and_addressed() {
    let stage = Stage::new().await;
    stage.machine(&[attribute("String", "new_Code")]).await;
    let keys = "EntityDefinitions(LogicalName='new_machine')/Keys";
    let body = json!({"SchemaName": "new_Code_Key", "KeyAttributes": ["new_code"]});
    let key = stage.add(keys, body).await;
    let row = json!({"new_name": "Lathe"});
    stage
        .patch("new_machines(new_code='A')", row)
        .await
        .expect(204);
    stage
        .post("new_machines", json!({"new_code": "a"}))
        .await
        .expect_error(412, "0x80060892", "new_code");
    stage.delete(&format!("{keys}({key})")).await.expect(204);
    stage
        .get("new_machines(new_code='A')")
        .await
        .expect_error(400, "0x80060888", "not valid");
    stage.make("new_machines", json!({"new_code": "a"})).await;
    // Over rows that are alike already, there can be no key.
    let body = json!({"SchemaName": "new_Code_Key", "KeyAttributes": ["new_code"]});
    stage
        .post(keys, body)
        .await
        .expect_error(412, "0x80060892", "new_code");
}

#[tokio::test]
async fn a_lookup_comes_with_its_relationship() {
    let stage = Stage::new().await;
    stage.machine(&[]).await;
    let body = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
        "SchemaName": "new_account_machines",
        "ReferencedEntity": "account",
        "ReferencedAttribute": "accountid",
        "ReferencingEntity": "new_machine",
        "CascadeConfiguration": {"Delete": "Restrict"},
        "Lookup": {"SchemaName": "new_Owner_Account", "DisplayName": label("Owner")},
    });
    let id = stage.add("RelationshipDefinitions", body).await;
    let account = stage.make("accounts", json!({"name": "A"})).await;
    let row = json!({
        "new_name": "Lathe", "new_Owner_Account@odata.bind": format!("accounts({account})"),
    });
    let machine = stage.make("new_machines", row).await;
    let names = stage
        .column(
            &format!("accounts({account})/new_account_machines"),
            "new_name",
        )
        .await;
    assert_eq!(names, ["Lathe"]);
    let account_path = format!("accounts({account})");
    stage
        .delete(&account_path)
        .await
        .expect_error(405, "0x80040227", "associated");
    let relationship = format!("RelationshipDefinitions({id})");
    let body = json!({"CascadeConfiguration": {"Delete": "RemoveLink"}});
    stage
        .send("PUT", &relationship, &[], Some(body))
        .await
        .expect(204);
    stage.delete(&account_path).await.expect(204);
    let read = stage.get(&format!("new_machines({machine})")).await.json();
    assert_eq!(read["_new_owner_account_value"], Json::Null);
    stage.delete(&relationship).await.expect(204);
    let read = stage.get(&format!("new_machines({machine})")).await.json();
    assert!(read.get("_new_owner_account_value").is_none());
}

#[tokio::test]
async fn several_choices_of_a_shared_set() {
    let stage = Stage::new().await;
    let options = json!([
        {"Value": 1, "Label": label("Red")},
        {"Value": 3, "Label": label("Blue")},
    ]);
    let body = json!({"Name": "new_colours", "OptionSetType": "Picklist", "Options": options});
    stage.add("GlobalOptionSetDefinitions", body).await;
    let shown = stage
        .get("GlobalOptionSetDefinitions(Name='new_colours')")
        .await
        .expect(200)
        .json();
    assert_eq!(shown["Options"].as_array().unwrap().len(), 2);
    assert_eq!(shown["IsGlobal"], true);
    let mut column = attribute("MultiSelectPicklist", "new_Colours");
    column["GlobalOptionSet@odata.bind"] = json!("/GlobalOptionSetDefinitions(Name='new_colours')");
    stage.machine(&[column]).await;
    stage
        .post("new_machines", json!({"new_name": "x", "new_colours": "2"}))
        .await
        .expect_error(400, "0x8004431A", "new_colours");
    stage
        .make(
            "new_machines",
            json!({"new_name": "both", "new_colours": "3,1,3"}),
        )
        .await;
    stage
        .make(
            "new_machines",
            json!({"new_name": "one", "new_colours": "3"}),
        )
        .await;
    let wanted = "Microsoft.Dynamics.CRM.ContainValues(PropertyName='new_colours',\
                  PropertyValues=['1'])";
    let listed = stage
        .send(
            "GET",
            &format!("new_machines?$filter={wanted}"),
            &[("prefer", "odata.include-annotations=\"*\"")],
            None,
        )
        .await
        .expect(200)
        .json();
    assert_eq!(listed["value"].as_array().unwrap().len(), 1);
    let row = &listed["value"][0];
    assert_eq!(row["new_colours"], "1,3");
    assert_eq!(
        row["new_colours@OData.Community.Display.V1.FormattedValue"],
        "Red; Blue"
    );
    let without = wanted.replace("ContainValues", "DoesNotContainValues");
    let names = stage
        .column(&format!("new_machines?$filter={without}"), "new_name")
        .await;
    assert_eq!(names, ["one"]);
}

#[tokio::test]
async fn changed_definitions_are_read_in_one_call() {
    let stage = Stage::new().await;
    stage.machine(&[attribute("Memo", "new_Notes")]).await;
    let query = json!({
        "Properties": {"PropertyNames": ["LogicalName", "Attributes"]},
        "Criteria": {"Conditions": [{
            "PropertyName": "LogicalName", "ConditionOperator": "Equals",
            "Value": {"Type": "System.String", "Value": "new_machine"},
        }]},
        "AttributeQuery": {
            "Properties": {"PropertyNames": ["MaxLength"]},
            "Criteria": {"Conditions": [{
                "PropertyName": "AttributeType", "ConditionOperator": "In",
                "Value": {"Type": "System.String[]", "Value": "Memo,Money"},
            }]},
        },
    });
    let path = format!("RetrieveMetadataChanges(Query=@q)?@q={query}");
    let body = stage.get(&path).await.expect(200).json();
    let tables = body["EntityMetadata"].as_array().unwrap();
    assert_eq!(tables.len(), 1);
    let columns = tables[0]["Attributes"].as_array().unwrap();
    assert_eq!(columns.len(), 1);
    assert_eq!(columns[0]["LogicalName"], "new_notes");
    assert_eq!(columns[0]["MaxLength"], 2000);
    assert!(columns[0].get("AttributeType").is_none());
}

#[tokio::test]
async fn what_was_made_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("dataverse.db"));
    let opened = || Config {
        place: place.clone(),
        ..config()
    };
    let stage = Stage::with(opened()).await;
    stage.machine(&[attribute("Money", "new_Price")]).await;
    stage
        .make(
            "new_machines",
            json!({"new_name": "Lathe", "new_price": 1.5}),
        )
        .await;
    let Stage {
        dataverse, running, ..
    } = stage;
    running.shutdown().await;
    drop(dataverse);
    let stage = Stage::with(opened()).await;
    assert_eq!(stage.column("new_machines", "new_name").await, ["Lathe"]);
    stage
        .delete("EntityDefinitions(LogicalName='new_machine')")
        .await
        .expect(204);
}

#[tokio::test]
async fn a_change_set_takes_no_definitions() {
    let stage = Stage::new().await;
    let body = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\
        Content-Type: application/http\r\nContent-ID: 1\r\n\r\n\
        DELETE /api/data/v9.2/EntityDefinitions(LogicalName='account') HTTP/1.1\r\n\r\n\r\n\
        --c--\r\n--b--\r\n";
    let answer = stage
        .http
        .post(stage.url("$batch"))
        .bearer_auth(&stage.token)
        .header("content-type", "multipart/mixed; boundary=b")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 501);
    stage.get("accounts").await.expect(200);
}
