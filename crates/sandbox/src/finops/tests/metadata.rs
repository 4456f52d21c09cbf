//! The service document, `$metadata` and the `/Metadata` endpoints.

use super::*;

#[tokio::test]
async fn the_service_document_lists_the_collections() {
    let sandbox = Sandbox::start().await;
    for path in ["/data", "/data/"] {
        let body = sandbox.get(path).await.json();
        let context = format!("{}/data/$metadata", sandbox.running.url());
        assert_eq!(body["@odata.context"], context.as_str());
        let customers = json!({"name": "CustomersV3", "kind": "EntitySet", "url": "CustomersV3"});
        assert!(body["value"].as_array().unwrap().contains(&customers));
    }
}

#[tokio::test]
async fn the_model_is_csdl_with_keys_lengths_and_enums() {
    let sandbox = Sandbox::start().await;
    let answer = sandbox.get("/data/$metadata").await;
    assert!(answer.header("content-type").starts_with("application/xml"));
    let model = odata::csdl::Model::read(answer.text.as_bytes()).unwrap();
    let schema = &model.schemas[0];
    assert_eq!(schema.namespace, "Microsoft.Dynamics.DataEntities");
    let no_yes = schema
        .enum_types
        .iter()
        .find(|known| known.name == "NoYes")
        .unwrap();
    assert_eq!(no_yes.value_of("Yes"), Some(1));
    let customer = schema
        .entity_types
        .iter()
        .find(|known| known.name == "CustomerV3")
        .unwrap();
    let keys: Vec<&str> = customer.key.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(keys, ["dataAreaId", "CustomerAccount"]);
    let account = customer.property("CustomerAccount").unwrap();
    assert_eq!(
        (account.length_limit(), account.nullable),
        (Some(20), false)
    );
    let hold = customer.property("OnHoldStatus").unwrap();
    assert_eq!(
        hold.type_ref.name,
        "Microsoft.Dynamics.DataEntities.OnHoldStatus"
    );
    let sets = &schema.container.as_ref().unwrap().entity_sets;
    let customers = sets.iter().find(|set| set.name == "CustomersV3").unwrap();
    assert_eq!(
        customers.entity_type,
        "Microsoft.Dynamics.DataEntities.CustomerV3"
    );
}

#[tokio::test]
async fn metadata_is_found_whatever_the_case_of_its_path_and_by_both_forms_of_key() {
    let sandbox = Sandbox::start().await;
    for path in [
        "/Metadata/PublicEntities('CustomerV3')",
        "/metadata/publicentities(Name='CustomerV3')",
        "/METADATA/PublicEntities(Name=%27CustomerV3%27)",
    ] {
        let body = sandbox.get(path).await.json();
        assert_eq!(body["EntitySetName"], "CustomersV3", "{path}");
        let key = &body["Properties"][0];
        assert_eq!(key["Name"], "dataAreaId");
        assert_eq!(
            (&key["IsKey"], &key["IsMandatory"]),
            (&json!(true), &json!(true))
        );
    }
    let missing = sandbox.get("/Metadata/PublicEntities('customerv3')").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn enumerations_and_data_entities_are_listed() {
    let sandbox = Sandbox::start().await;
    let body = sandbox
        .get("/Metadata/PublicEnumerations('NoYes')")
        .await
        .json();
    let members = body["Members"].as_array().unwrap();
    let names: Vec<&str> = members
        .iter()
        .map(|member| member["Name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["No", "Yes"]);
    let body = sandbox.get("/Metadata/DataEntities").await.json();
    let customers = body["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["Name"] == "CustCustomerV3Entity");
    assert_eq!(customers.unwrap()["PublicCollectionName"], "CustomersV3");
    let all = sandbox.get("/Metadata/PublicEntities").await.json();
    assert_eq!(all["value"].as_array().unwrap().len(), 133);
}
