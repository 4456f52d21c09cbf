//! Actions bound to entities, labels, and parties that customers and vendors share (B2, B4, D19).

use super::*;
use crate::finops::{Action, BoundTo};

const BLOCK: &str = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='C1')/\
                     Microsoft.Dynamics.DataEntities.block";

fn actions() -> Vec<Action> {
    serde_json::from_value(json!([
        {
            "entity": "CustomersV3", "name": "block",
            "parameters": [{"name": "reason", "type": "Edm.String"}],
            "sets": {"SalesMemo": "$reason", "CreditLimit": 1},
            "returns": "Edm.String", "value": "$SalesMemo",
        },
        {"entity": "CustomersV3", "name": "recount", "bound_to": "set"},
    ]))
    .unwrap()
}

async fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with(FinOpsConfig {
        actions: actions(),
        ..config()
    })
    .await;
    sandbox.add_groups();
    sandbox.insert_customer("usmf", "C1");
    sandbox
}

#[tokio::test]
async fn an_action_changes_its_row_and_answers() {
    let sandbox = sandbox().await;
    let answer = sandbox.post(BLOCK, json!({"reason": "late"})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["value"], "late");
    let row = &sandbox.finops.rows("CustomersV3").unwrap()[0];
    assert_eq!(
        (&row["SalesMemo"], row["CreditLimit"].to_string()),
        (&json!("late"), "1".to_owned())
    );
}

#[tokio::test]
async fn an_action_of_a_set_may_answer_nothing() {
    let sandbox = sandbox().await;
    let path = "/data/CustomersV3/Microsoft.Dynamics.DataEntities.recount";
    let answer = sandbox.post(path, json!({})).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn actions_are_called_as_they_are_bound_and_with_their_parameters() {
    let sandbox = sandbox().await;
    for (path, body, status) in [
        (BLOCK, json!({}), 400),
        (BLOCK, json!({"reason": "x", "other": 1}), 400),
        (
            "/data/CustomersV3/Microsoft.Dynamics.DataEntities.block",
            json!({"reason": "x"}),
            404,
        ),
        (
            "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='none')/\
             Microsoft.Dynamics.DataEntities.block",
            json!({"reason": "x"}),
            400,
        ),
        (
            "/data/DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities.Nothing",
            json!({}),
            404,
        ),
    ] {
        let answer = sandbox.post(path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn the_metadata_lists_the_actions_in_force() {
    let sandbox = sandbox().await;
    let text = sandbox.get("/data/$metadata").await.text;
    for name in [
        "block",
        "recount",
        "ImportFromPackage",
        "GetApplicationVersion",
    ] {
        let element = format!("<Action Name=\"{name}\" IsBound=\"true\"");
        assert!(text.contains(&element), "{name}");
    }
    let entity = sandbox.get("/metadata/PublicEntities('CustomerV3')").await;
    let actions = entity.json()["Actions"].clone();
    assert_eq!(actions[0]["BindingKind"], "BoundToEntityInstance");
    assert_eq!(
        actions[0]["Parameters"][0]["Type"]["TypeName"],
        "Edm.String"
    );
    let body = json!([Action {
        name: "other".to_owned(),
        bound_to: BoundTo::Set,
        ..actions_first()
    }]);
    let answer = sandbox
        .send(Method::PUT, "/_sandbox/actions", &[], Some(body))
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let text = sandbox.get("/data/$metadata").await.text;
    assert!(text.contains("\"other\"") && !text.contains("\"block\""));
}

fn actions_first() -> Action {
    actions().remove(0)
}

#[tokio::test]
async fn the_platform_tells_its_version() {
    let sandbox = Sandbox::start().await;
    let path = "/data/DataManagementEntities/Microsoft.Dynamics.DataEntities.GetApplicationVersion";
    let answer = sandbox.post(path, json!({})).await;
    assert!(answer.json()["value"].as_str().unwrap().starts_with("10."));
}

#[tokio::test]
async fn metadata_is_filtered_selected_and_labelled() {
    let sandbox = Sandbox::start().await;
    let path = "/METADATA/dataentities?$filter=contains(tolower(Name),'custcustomerv3') and \
                DataManagementEnabled eq true&$select=Name,LabelId&$count=true&$top=5";
    let body = sandbox.get(path).await.json();
    assert_eq!(body["@odata.count"], 1, "{body}");
    let row = body["value"][0].as_object().unwrap();
    assert_eq!(row.len(), 2);
    let label = row["LabelId"].as_str().unwrap();
    let path = format!("/Metadata/Labels(Id='{label}',Language='en-us')");
    assert_eq!(sandbox.get(&path).await.json()["Value"], "Customers V3");
    let answer = sandbox
        .get("/Metadata/Labels(Id='@SYS1',Language='en-us')")
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_party_is_made_and_shared_on_request() {
    let sandbox = Sandbox::with_settings(Settings {
        party_model: true,
        ..Settings::default()
    })
    .await;
    sandbox.add_groups();
    let body = json!({"CustomerGroupId": "10", "PartyType": "Organization",
                      "OrganizationName": "First"});
    let customer = sandbox.post("/data/CustomersV3", body).await.json();
    let number = customer["PartyNumber"].as_str().unwrap();
    let parties = sandbox.finops.rows("CDSParties").unwrap();
    assert_eq!(parties[0]["PartyNumber"], number);
    assert_eq!(parties[0]["OrganizationName"], "First");
    let path = format!("/data/CDSParties(PartyNumber='{number}')");
    let answer = sandbox
        .patch(&path, json!({"OrganizationName": "Second"}))
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    let rows = sandbox.finops.rows("CustomersV3").unwrap();
    assert_eq!(rows[0]["OrganizationName"], "Second");
    let account = customer["CustomerAccount"].as_str().unwrap();
    let path = format!("/data/CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')");
    sandbox
        .patch(&path, json!({"OrganizationName": "Third"}))
        .await;
    let parties = sandbox.finops.rows("CDSParties").unwrap();
    assert_eq!(parties[0]["OrganizationName"], "Third");
}
