//! Reading rows: keys, filters, order, pages, counts, expansion.

use super::*;
use crate::finops::NextLink;

async fn with_customers(count: usize) -> Sandbox {
    let sandbox = Sandbox::with_groups().await;
    for number in 1..=count {
        sandbox.insert_customer("usmf", &format!("US-{number:03}"));
    }
    sandbox.insert_customer("frrt", "FR-001");
    sandbox
}

fn accounts(answer: &Answer) -> Vec<String> {
    answer.json()["value"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", answer.text))
        .iter()
        .map(|row| row["CustomerAccount"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn only_the_users_company_is_read_unless_companies_are_crossed() {
    let sandbox = with_customers(2).await;
    assert_eq!(
        accounts(&sandbox.get("/data/CustomersV3").await),
        ["US-001", "US-002"]
    );
    let across = sandbox.get("/data/CustomersV3?cross-company=true").await;
    assert_eq!(accounts(&across), ["US-001", "US-002", "FR-001"]);
    let one = "/data/CustomersV3?cross-company=true&$filter=dataAreaId eq 'FRRT'";
    assert_eq!(accounts(&sandbox.get(one).await), ["FR-001"]);
    // Shared entities have no company.
    let currencies = sandbox.get("/data/Currencies").await.json();
    assert_eq!(currencies["value"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_default_company_follows_the_client() {
    let config = FinOpsConfig {
        user_companies: [("app".to_owned(), "frrt".to_owned())].into(),
        ..config()
    };
    let sandbox = Sandbox::with(config).await;
    sandbox.add_groups();
    sandbox.insert_customer("frrt", "FR-001");
    sandbox.insert_customer("usmf", "US-001");
    assert_eq!(
        accounts(&sandbox.get("/data/CustomersV3").await),
        ["FR-001"]
    );
}

#[tokio::test]
async fn every_key_field_must_be_in_the_address() {
    let sandbox = with_customers(1).await;
    for path in [
        "/data/CustomersV3(CustomerAccount='US-001')",
        "/data/CustomersV3('US-001')",
        "/data/CustomersV3(dataAreaId='usmf',Wrong='US-001')",
    ] {
        let answer = sandbox.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(
            answer.message().contains("dataAreaId, CustomerAccount"),
            "{}",
            answer.text
        );
    }
    assert_eq!(
        sandbox.get("/data/Currencies('usd')").await.status,
        StatusCode::OK
    );
    let missing = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='US-009')";
    assert_eq!(sandbox.get(missing).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn keys_may_hold_quotes_slashes_numbers_and_enum_members() {
    let sandbox = Sandbox::with_groups().await;
    sandbox.insert_customer("usmf", "O'N/1 &%+");
    let path = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='O''N%2F1%20%26%25%2B')";
    assert_eq!(
        sandbox.get(path).await.json()["CustomerAccount"],
        "O'N/1 &%+"
    );
    sandbox.insert(
        "PaymentSchedules",
        json!({"dataAreaId": "usmf", "Name": "Q"}),
    );
    let line = json!({"PaymentScheduleName": "Q", "LineNumber": 20});
    let created = sandbox.post("/data/PaymentScheduleLines", line).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let path =
        "/data/PaymentScheduleLines(dataAreaId='usmf',PaymentScheduleName='Q',LineNumber=20)";
    assert_eq!(sandbox.get(path).await.status, StatusCode::OK);
    let affix = json!({"Affix": "Dr", "Type": "PersonalPrefix"});
    let created = sandbox.post("/data/NameAffixes", affix).await;
    let location = created.header("location").to_owned();
    assert!(
        location.contains("Type=Microsoft.Dynamics.DataEntities."),
        "{location}"
    );
    assert_eq!(sandbox.get(&location).await.json()["Affix"], "Dr");
    let bare = "/data/NameAffixes(Affix='Dr',Type='PersonalPrefix')";
    assert_eq!(sandbox.get(bare).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn filters_compare_as_the_service_does() {
    let sandbox = Sandbox::with_groups().await;
    for (account, name, limit, hold, day) in [
        ("A", "US retail store", 0.5, "No", "2024-01-31"),
        ("B", "Wholesale", 10.0, "All", "2024-02-29"),
        ("C", "Retail", 9.0, "No", ""),
    ] {
        sandbox.insert(
            "CustomersV3",
            json!({"dataAreaId": "usmf", "CustomerAccount": account, "CustomerGroupId": "10",
                   "OrganizationName": name, "CreditLimit": limit, "OnHoldStatus": hold,
                   "CredManCreditLimitDate": day}),
        );
    }
    let enum_type = "Microsoft.Dynamics.DataEntities.OnHoldStatus";
    for (filter, expected) in [
        ("CustomerAccount eq 'a'".to_owned(), vec!["A"]),
        ("OrganizationName eq '*retail*'".to_owned(), vec!["A", "C"]),
        ("OrganizationName eq 'retail*'".to_owned(), vec!["C"]),
        ("OrganizationName ne '*retail*'".to_owned(), vec!["B"]),
        ("CreditLimit gt 9".to_owned(), vec!["B"]),
        (
            "CreditLimit ge 9.0 and CreditLimit lt 10".to_owned(),
            vec!["C"],
        ),
        ("CreditLimit eq 0.50".to_owned(), vec!["A"]),
        (format!("OnHoldStatus eq {enum_type}'All'"), vec!["B"]),
        (format!("OnHoldStatus ne {enum_type}'All'"), vec!["A", "C"]),
        ("CredManCreditLimitDate ge 2024-02-01".to_owned(), vec!["B"]),
        (
            "CredManCreditLimitDate lt 2024-02-01T00:00:00Z".to_owned(),
            vec!["A", "C"],
        ),
        ("CredManCreditLimitDate eq 1900-01-01".to_owned(), vec!["C"]),
        ("SalesMemo eq ''".to_owned(), vec!["A", "B", "C"]),
        (
            "not (CustomerAccount eq 'A') or CreditLimit lt 1".to_owned(),
            vec!["A", "B", "C"],
        ),
        ("CreditLimit add 1 gt 10.5".to_owned(), vec!["B"]),
    ] {
        let answer = sandbox
            .get(&format!("/data/CustomersV3?$filter={filter}"))
            .await;
        assert_eq!(accounts(&answer), expected, "{filter}");
    }
}

#[tokio::test]
async fn filters_that_the_service_does_not_know_are_refused() {
    let sandbox = with_customers(1).await;
    let enum_type = "Microsoft.Dynamics.DataEntities.OnHoldStatus";
    for filter in [
        "contains(OrganizationName,'x')".to_owned(),
        "CustomerAccount in ('A','B')".to_owned(),
        format!("OnHoldStatus gt {enum_type}'No'"),
        format!("OnHoldStatus eq {enum_type}'Perhaps'"),
        "OnHoldStatus eq 'No'".to_owned(),
        format!("OnHoldStatus has {enum_type}'No'"),
        "Nonsense eq 1".to_owned(),
        "CreditLimit eq 'much'".to_owned(),
        "CustomerAccount eq".to_owned(),
    ] {
        let answer = sandbox
            .get(&format!("/data/CustomersV3?$filter={filter}"))
            .await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{filter}: {}",
            answer.text
        );
        assert!(!answer.message().is_empty());
    }
}

#[tokio::test]
async fn selected_fields_come_with_the_entity_tag_only() {
    let sandbox = with_customers(1).await;
    let body = sandbox
        .get("/data/CustomersV3?$select=CustomerAccount,CreditLimit")
        .await
        .json();
    assert!(
        body["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("#CustomersV3(CustomerAccount,CreditLimit)")
    );
    let row = body["value"][0].as_object().unwrap();
    let names: Vec<&String> = row.keys().collect();
    assert_eq!(names, ["@odata.etag", "CustomerAccount", "CreditLimit"]);
    let answer = sandbox.get("/data/CustomersV3?$select=Nonsense").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn order_top_skip_and_count_work_together() {
    let sandbox = with_customers(5).await;
    let url = "/data/CustomersV3?$orderby=CustomerAccount desc&$skip=1&$top=2&$count=true";
    let answer = sandbox.get(url).await;
    assert_eq!(accounts(&answer), ["US-004", "US-003"]);
    assert_eq!(answer.json()["@odata.count"], json!(5));
    assert_eq!(answer.json().get("@odata.nextLink"), None);
    let count = sandbox
        .get("/data/CustomersV3/$count?cross-company=true")
        .await;
    assert_eq!(
        (count.text.as_str(), count.header("content-type")),
        ("6", "text/plain")
    );
}

#[tokio::test]
async fn pages_keep_all_options_and_neither_lose_nor_repeat_rows_under_writes() {
    let settings = Settings {
        page_size: 4,
        ..Settings::default()
    };
    let sandbox = Sandbox::with_settings(settings).await;
    sandbox.add_groups();
    for number in 1..=10 {
        sandbox.insert_customer("usmf", &format!("US-{number:03}"));
    }
    let mut url = "/data/CustomersV3?cross-company=true&$orderby=CustomerAccount&$top=9\
                   &$select=CustomerAccount"
        .to_owned();
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let answer = sandbox.get(&url).await;
        seen.extend(accounts(&answer));
        pages += 1;
        // A row that was read already goes, and one comes in front.
        if pages == 1 {
            let read = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='US-002')";
            sandbox.delete(read).await;
            sandbox.insert_customer("usmf", "US-000");
        }
        match answer.json().get("@odata.nextLink") {
            None => break,
            Some(link) => url = link.as_str().unwrap().to_owned(),
        }
        assert!(url.contains("cross-company=true") && url.contains("$select=CustomerAccount"));
    }
    let expected: Vec<String> = (1..=9).map(|number| format!("US-{number:03}")).collect();
    assert_eq!((seen, pages), (expected, 3));
}

#[tokio::test]
async fn the_next_page_can_be_asked_for_by_offset() {
    let settings = Settings {
        page_size: 2,
        next_link: NextLink::Skip,
        ..Settings::default()
    };
    let sandbox = Sandbox::with_settings(settings).await;
    sandbox.add_groups();
    for number in 1..=5 {
        sandbox.insert_customer("usmf", &format!("US-{number:03}"));
    }
    let mut url = "/data/CustomersV3?$top=4".to_owned();
    let mut seen = Vec::new();
    loop {
        let answer = sandbox.get(&url).await;
        seen.extend(accounts(&answer));
        match answer.json().get("@odata.nextLink") {
            None => break,
            Some(link) => url = link.as_str().unwrap().to_owned(),
        }
        assert!(url.contains("$skip="));
    }
    assert_eq!(seen, ["US-001", "US-002", "US-003", "US-004"]);
}

#[tokio::test]
async fn a_client_may_ask_for_smaller_pages() {
    let sandbox = with_customers(3).await;
    let prefer = [("Prefer", "odata.maxpagesize=2")];
    let answer = sandbox
        .send(Method::GET, "/data/CustomersV3", &prefer, None)
        .await;
    assert_eq!(accounts(&answer), ["US-001", "US-002"]);
    assert!(answer.json().get("@odata.nextLink").is_some());
}

#[tokio::test]
async fn related_rows_are_expanded_on_the_first_level() {
    let sandbox = with_customers(1).await;
    let relation = "CustomerGroupId_CustomerGroups";
    let url = format!(
        "/data/CustomersV3?$select=CustomerAccount&$expand={relation}($select=CustomerGroupId)"
    );
    let row = sandbox.get(&url).await.json()["value"][0].clone();
    assert_eq!(row[relation]["CustomerGroupId"], "10");
    assert!(row[relation].get("Description").is_none());
    let deeper = format!("/data/CustomersV3?$expand={relation}($expand=Anything)");
    assert_eq!(sandbox.get(&deeper).await.status, StatusCode::BAD_REQUEST);
    let unknown = sandbox.get("/data/CustomersV3?$expand=Nonsense").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn rows_written_since_a_moment_are_found_by_their_modified_field() {
    let now = std::sync::Arc::new(std::sync::Mutex::new("2026-01-01T00:00:00Z".to_owned()));
    let told = std::sync::Arc::clone(&now);
    let clock = crate::clock::Clock::new(move || told.lock().unwrap().parse().unwrap());
    let sandbox = Sandbox::with(FinOpsConfig { clock, ..config() }).await;
    sandbox.add_groups();
    sandbox.insert_customer("usmf", "US-001");
    sandbox.insert_customer("usmf", "US-002");
    "2026-01-01T00:10:00Z".clone_into(&mut now.lock().unwrap());
    let path = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='US-002')";
    sandbox.patch(path, json!({"SalesMemo": "x"})).await;
    let url = "/data/CustomersV3?$filter=ModifiedDateTime ge 2026-01-01T00:05:00Z\
               &$orderby=ModifiedDateTime";
    let answer = sandbox.get(url).await;
    assert_eq!(accounts(&answer), ["US-002"]);
    assert_eq!(
        answer.json()["value"][0]["ModifiedDateTime"],
        "2026-01-01T00:10:00Z"
    );
}

#[tokio::test]
async fn nothing_answers_outside_of_the_service() {
    let sandbox = Sandbox::start().await;
    for path in [
        "/",
        "/database",
        "/data/Unheard",
        "/data/Currencies('USD')/Name/deeper",
    ] {
        assert_eq!(
            sandbox.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let answer = sandbox.delete("/data/Currencies").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}
