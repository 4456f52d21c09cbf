//! Metadata, functions and bulk actions (A11, A12, C).

use super::*;

#[tokio::test]
async fn tables_are_described() {
    let stage = Stage::new().await;
    let select =
        "$select=EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,ChangeTrackingEnabled";
    let one = stage
        .get(&format!(
            "EntityDefinitions(LogicalName='account')?{select}"
        ))
        .await;
    let one = one.expect(200).json();
    assert_eq!(one["EntitySetName"], "accounts");
    assert_eq!(one["PrimaryIdAttribute"], "accountid");
    assert_eq!(one["ChangeTrackingEnabled"], true);
    assert!(one["MetadataId"].is_string());
    assert_eq!(one.as_object().unwrap().len(), 6, "{one}");
    let by_id = format!("EntityDefinitions({})", one["MetadataId"].as_str().unwrap());
    assert_eq!(
        stage.get(&by_id).await.expect(200).json()["LogicalName"],
        "account"
    );
    let list =
        "EntityDefinitions?$select=LogicalName,EntitySetName&$filter=LogicalName+eq+'account'";
    assert_eq!(stage.column(list, "EntitySetName").await, ["accounts"]);
    stage
        .get("EntityDefinitions(LogicalName='nope')")
        .await
        .expect_error(404, "0x80060888", "nope");
}

#[tokio::test]
async fn columns_show_their_own_facts_through_a_cast() {
    let stage = Stage::new().await;
    let base = "EntityDefinitions(LogicalName='account')/Attributes";
    let plain = format!("{base}(LogicalName='name')?$select=LogicalName,AttributeType");
    let plain = stage.get(&plain).await.expect(200).json();
    assert_eq!(plain["AttributeType"], "String");
    assert_eq!(
        plain["@odata.type"],
        "#Microsoft.Dynamics.CRM.StringAttributeMetadata"
    );
    let uncast = stage
        .get(&format!("{base}?$select=LogicalName,MaxLength"))
        .await;
    uncast.expect_error(
        400,
        "0x80060888",
        "Could not find a property named 'MaxLength'",
    );
    let strings = format!(
        "{base}/Microsoft.Dynamics.CRM.StringAttributeMetadata?$select=LogicalName,MaxLength"
    );
    let strings = stage.get(&strings).await.expect(200).json();
    let name = strings["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["LogicalName"] == "name");
    assert_eq!(name.unwrap()["MaxLength"], 160);
    let money = format!(
        "{base}(LogicalName='creditlimit')/Microsoft.Dynamics.CRM.MoneyAttributeMetadata?$select=Precision,MinValue,MaxValue"
    );
    let money = stage.get(&money).await.expect(200).json();
    assert_eq!(
        (&money["Precision"], &money["MinValue"]),
        (&json!(4), &json!(0))
    );
    let lookups = format!(
        "{base}/Microsoft.Dynamics.CRM.LookupAttributeMetadata?$select=Targets&$filter=LogicalName eq 'primarycontactid'"
    );
    assert_eq!(
        stage.get(&lookups).await.expect(200).json()["value"][0]["Targets"],
        json!(["contact"])
    );
    let picklists = format!(
        "{base}/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&\
         $filter=LogicalName eq 'customertypecode'&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)"
    );
    let picklist = stage.get(&picklists).await.expect(200).json()["value"][0].clone();
    let first = &picklist["OptionSet"]["Options"][0];
    assert_eq!(first["Value"], 1);
    assert_eq!(first["Label"]["UserLocalizedLabel"]["Label"], "Competitor");
    assert_eq!(picklist["GlobalOptionSet"], Json::Null);
    let by_enum = format!(
        "{base}?$select=LogicalName&$filter=AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'State'"
    );
    assert_eq!(stage.column(&by_enum, "LogicalName").await, ["statecode"]);
    let none = format!("{base}?$filter=LogicalName eq 'nope'&$select=LogicalName,AttributeType");
    assert!(stage.column(&none, "LogicalName").await.is_empty());
}

#[tokio::test]
async fn keys_and_relationships_name_what_binds_need() {
    let stage = Stage::new().await;
    let path = "EntityDefinitions(LogicalName='cdm_company')?$select=LogicalName&$expand=Keys($select=LogicalName,KeyAttributes,EntityKeyIndexStatus)";
    let keys = stage.get(path).await.expect(200).json()["Keys"].clone();
    assert_eq!(keys[0]["KeyAttributes"], json!(["cdm_companycode"]));
    assert_eq!(keys[0]["EntityKeyIndexStatus"], "Active");
    let path = "EntityDefinitions(LogicalName='contact')/ManyToOneRelationships?$select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName&$filter=ReferencingAttribute eq 'parentcustomerid'";
    let mut names = stage
        .column(path, "ReferencingEntityNavigationPropertyName")
        .await;
    names.sort();
    assert_eq!(
        names,
        ["parentcustomerid_account", "parentcustomerid_contact"]
    );
    let back = "EntityDefinitions(LogicalName='account')/OneToManyRelationships?$filter=ReferencingEntity eq 'contact' and ReferencingAttribute eq 'parentcustomerid'";
    assert_eq!(
        stage.column(back, "SchemaName").await,
        ["contact_customer_accounts"]
    );
    let one = "RelationshipDefinitions(SchemaName='contact_customer_accounts')/Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata";
    assert_eq!(
        stage.get(one).await.expect(200).json()["ReferencedEntity"],
        "account"
    );
}

#[tokio::test]
async fn the_csdl_can_be_read_back() {
    let stage = Stage::new().await;
    let answer = stage.get("$metadata?annotations=true").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/xml"));
    let model = odata::csdl::Model::read(answer.text.as_bytes()).unwrap();
    let account = model.entity_type("mscrm.account").unwrap();
    assert_eq!(account.key[0].0, "accountid");
    let lookup = account.property("_primarycontactid_value").unwrap();
    assert_eq!(lookup.type_ref.name, "Edm.Guid");
    let navigation = account.navigation_property("primarycontactid").unwrap();
    assert_eq!(navigation.type_ref.name, "mscrm.contact");
    assert_eq!(navigation.constraints[0].1, "contactid");
    assert_eq!(
        navigation.partner.as_deref(),
        Some("account_primary_contact")
    );
    let set = model.entity_set("accounts").unwrap();
    assert_eq!(
        set.annotations[0].term,
        "Org.OData.Capabilities.V1.ChangeTracking"
    );
}

#[tokio::test]
async fn functions_answer() {
    let stage = Stage::new().await;
    for path in ["WhoAmI", "WhoAmI()"] {
        let body = stage.get(path).await.expect(200).json();
        let context = format!(
            "{}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse",
            stage.root()
        );
        assert_eq!(body["@odata.context"], context);
        let user = body["UserId"].as_str().unwrap();
        let user = stage
            .get(&format!("systemusers({user})"))
            .await
            .expect(200)
            .json();
        assert_eq!(user["fullname"], "# app");
    }
    let version = stage.get("RetrieveVersion()").await.expect(200).json();
    assert!(version["Version"].as_str().unwrap().starts_with("9.2."));
    stage.make("accounts", json!({"name": "A"})).await;
    let counts = stage
        .get("RetrieveTotalRecordCount(EntityNames=@n)?@n=['account']")
        .await;
    assert_eq!(
        counts.expect(200).json()["EntityRecordCountCollection"]["Values"],
        json!([1])
    );
    stage
        .get("RetrieveNothing()")
        .await
        .expect_error(404, "0x80060888", "RetrieveNothing");
}

#[tokio::test]
async fn bulk_actions_do_all_or_nothing() {
    let stage = Stage::new().await;
    let action = |name: &str| format!("cdm_companies/Microsoft.Dynamics.CRM.{name}");
    let kind = "Microsoft.Dynamics.CRM.cdm_company";
    let target = |code: &str| json!({"@odata.type": kind, "cdm_companycode": code});
    let many = |targets: Vec<Json>| json!({"Targets": targets});
    let created = stage
        .post(
            &action("CreateMultiple"),
            many(vec![target("A"), target("B")]),
        )
        .await;
    let created = created.expect(200).json();
    assert_eq!(created["Ids"].as_array().unwrap().len(), 2);
    let id = &created["Ids"][0];
    let update = json!({"@odata.type": kind, "cdm_companyid": id, "cdm_name": "Alpha"});
    stage
        .post(&action("UpdateMultiple"), many(vec![update]))
        .await
        .expect(204);
    let upsert = |code: &str, name: &str| {
        json!({
            "@odata.type": kind, "@odata.id": format!("cdm_companies(cdm_companycode='{code}')"),
            "cdm_companycode": code, "cdm_name": name,
        })
    };
    let upserts = many(vec![upsert("B", "Beta"), upsert("C", "Gamma")]);
    let answer = stage
        .post(&action("UpsertMultiple"), upserts)
        .await
        .expect(204);
    assert_eq!(answer.text, "");
    let names = stage
        .column("cdm_companies?$orderby=cdm_companycode", "cdm_name")
        .await;
    assert_eq!(names, ["Alpha", "Beta", "Gamma"]);

    let failing = many(vec![target("D"), target("a")]);
    stage
        .post(&action("CreateMultiple"), failing)
        .await
        .expect_error(412, "0x80060892", "Entity Key");
    assert_eq!(stage.column("cdm_companies", "cdm_name").await.len(), 3);
    let untyped = many(vec![json!({"cdm_companycode": "E"})]);
    stage
        .post(&action("CreateMultiple"), untyped)
        .await
        .expect_error(400, "0x80048d19", "@odata.type");
    let gone = json!({"@odata.type": kind, "cdm_companyid": uuid::Uuid::nil(), "cdm_name": "x"});
    let gone = stage
        .post(&action("UpdateMultiple"), many(vec![gone]))
        .await;
    gone.expect_error(404, "0x80040217", "Does Not Exist");
}

#[tokio::test]
async fn a_bulk_delete_deletes_what_its_query_selects() {
    let stage = Stage::new().await;
    let mut ids = Vec::new();
    for name in ["A", "B", "C"] {
        ids.push(stage.make("accounts", json!({"name": name})).await);
    }
    let values: Vec<Json> = ids[..2]
        .iter()
        .map(|id| json!({"Value": id, "Type": "System.Guid"}))
        .collect();
    let query = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.QueryExpression",
        "EntityName": "account",
        "ColumnSet": {"@odata.type": "Microsoft.Dynamics.CRM.ColumnSet", "AllColumns": false, "Columns": []},
        "Criteria": {"FilterOperator": "And", "Conditions": [
            {"AttributeName": "accountid", "Operator": "In", "Values": values},
        ]},
    });
    let job = stage.post(
        "BulkDelete",
        json!({
            "JobName": "clean", "QuerySet": [query], "SendEmailNotification": false,
            "ToRecipients": [], "CCRecipients": [], "RecurrencePattern": "",
            "StartDateTime": "2026-01-01T00:00:00Z",
        }),
    );
    let job = job.await.expect(200).json();
    assert_eq!(stage.column("accounts", "name").await, ["C"]);
    let job = stage
        .get(&format!(
            "asyncoperations({})",
            job["JobId"].as_str().unwrap()
        ))
        .await;
    assert_eq!(job.expect(200).json()["statuscode"], 30);
}

#[tokio::test]
async fn global_discovery_knows_the_organisation() {
    let stage = Stage::new().await;
    let url = format!("{}/api/discovery/v2.0/Instances", stage.running.url());
    let body = stage.get(&url).await.expect(200).json();
    assert_eq!(body["value"][0]["ApiUrl"], stage.running.url());
}
