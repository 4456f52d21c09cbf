//! `$filter`, `$orderby`, `$expand`, paging and counting (A8).

use super::*;

/// Five accounts, three of them with a contact.
async fn filled() -> Stage {
    let stage = Stage::new().await;
    let ann = stage
        .make("contacts", json!({"firstname": "Ann", "lastname": "Lee"}))
        .await;
    let rows = [
        ("Alpine", Some(10), Some("100.5")),
        ("alpha 50%", Some(20), None),
        ("Beta_x", None, Some("9")),
        ("O'Neil", Some(5), Some("20")),
        ("Zoo", Some(10), Some("100.50")),
    ];
    for (index, (name, employees, credit)) in rows.into_iter().enumerate() {
        let credit: Json = credit.map_or(Json::Null, |text| serde_json::from_str(text).unwrap());
        let mut body = json!({
            "name": name, "numberofemployees": employees, "creditlimit": credit,
            "customertypecode": index % 3 + 1, "donotphone": index % 2 == 0,
        });
        if index < 3 {
            body["primarycontactid@odata.bind"] = format!("/contacts({ann})").into();
            body["contact_customer_accounts"] = json!([{"lastname": format!("C{index}")}]);
        }
        stage.make("accounts", body).await;
    }
    stage
}

#[tokio::test]
async fn filters_select_what_they_say() {
    let stage = filled().await;
    let ann = stage
        .column("contacts?$filter=lastname eq 'Lee'", "contactid")
        .await
        .remove(0);
    let by_id = format!("_primarycontactid_value eq {ann} and name ne 'Alpine'");
    let quoted_id = format!("_primarycontactid_value eq '{ann}' and name eq 'Alpine'");
    for (filter, expected) in [
        ("name eq 'ALPINE'", "Alpine"),
        ("name eq 'O''Neil'", "O'Neil"),
        ("name eq 'Zoo '", "Zoo"),
        ("startswith(name,'al')", "Alpine,alpha 50%"),
        ("endswith(name,'OO')", "Zoo"),
        ("contains(name,'[%]')", "alpha 50%"),
        ("contains(name,'l_i')", "Alpine"),
        ("contains(name,'a_[x-z]')", "Beta_x"),
        ("startswith(name,'[a-b]e')", "Beta_x"),
        (
            "numberofemployees gt 5 and numberofemployees le 10",
            "Alpine,Zoo",
        ),
        ("numberofemployees eq null", "Beta_x"),
        ("numberofemployees ne 10", "alpha 50%,Beta_x,O'Neil"),
        ("10 lt numberofemployees", "alpha 50%"),
        ("not (numberofemployees eq 10)", "alpha 50%,O'Neil"),
        ("creditlimit eq 100.5", "Alpine,Zoo"),
        ("creditlimit gt 9.5", "Alpine,O'Neil,Zoo"),
        ("creditlimit lt 20", "Beta_x"),
        ("donotphone", "Alpine,Beta_x,Zoo"),
        ("donotphone eq false", "alpha 50%,O'Neil"),
        ("customertypecode eq 3 or name eq 'Zoo'", "Beta_x,Zoo"),
        ("name in ('zoo','alpine','none')", "Alpine,Zoo"),
        (
            "numberofemployees eq numberofemployees",
            "Alpine,alpha 50%,Beta_x,O'Neil,Zoo",
        ),
        (
            "primarycontactid/firstname eq 'ANN' and name ge 'b'",
            "Beta_x",
        ),
        ("primarycontactid/fullname eq null", "O'Neil,Zoo"),
        (
            "contact_customer_accounts/any(c:c/lastname eq 'c1')",
            "alpha 50%",
        ),
        ("contact_customer_accounts/any()", "Alpine,alpha 50%,Beta_x"),
        (
            "contact_customer_accounts/all(c:c/lastname eq 'C1')",
            "alpha 50%,O'Neil,Zoo",
        ),
        (
            "Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[\"zoo\",\"x\"])",
            "Zoo",
        ),
        (
            "Microsoft.Dynamics.CRM.Between(PropertyName='numberofemployees',PropertyValues=[\"6\",\"10\"])",
            "Alpine,Zoo",
        ),
        (
            "Microsoft.Dynamics.CRM.LastXHours(PropertyName='createdon',PropertyValue=1) and name eq 'zoo'",
            "Zoo",
        ),
        (
            "Microsoft.Dynamics.CRM.Yesterday(PropertyName='createdon')",
            "",
        ),
        ("createdon lt 2000-01-01T00:00:00Z", ""),
        ("createdon gt 2000-01-01 and name eq @n&@n='Zoo'", "Zoo"),
        (by_id.as_str(), "alpha 50%,Beta_x"),
        (quoted_id.as_str(), "Alpine"),
    ] {
        let path = format!(
            "accounts?$orderby=name&$filter={}",
            filter.replace('%', "%25")
        );
        let mut expected: Vec<&str> = expected
            .split(',')
            .filter(|name| !name.is_empty())
            .collect();
        let mut found = stage.column(&path, "name").await;
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{filter}");
    }
}

#[tokio::test]
async fn wrong_filters_are_refused() {
    let stage = Stage::new().await;
    for (filter, part) in [
        ("nam eq 'x'", "Could not find a property named 'nam'"),
        ("Name eq 'x'", "Could not find a property named 'Name'"),
        ("name eq 5", "incompatible types"),
        ("numberofemployees eq 'x'", "incompatible types"),
        ("name eq", ""),
        (
            "primarycontactId/fullname eq 'x'",
            "Could not find a property named 'primarycontactId'",
        ),
        ("length(name) eq 3", "is not supported"),
        (
            "Microsoft.Dynamics.CRM.Nope(PropertyName='name',PropertyValue=1)",
            "unknown function",
        ),
    ] {
        let answer = stage.get(&format!("accounts?$filter={filter}")).await;
        answer.expect_error(400, "0x80060888", part);
    }
}

#[tokio::test]
async fn orders_put_empty_values_first() {
    let stage = filled().await;
    let names = |path: &'static str| stage.column(path, "name");
    assert_eq!(
        names("accounts?$orderby=numberofemployees,name desc").await,
        ["Beta_x", "O'Neil", "Zoo", "Alpine", "alpha 50%"]
    );
    assert_eq!(
        names("accounts?$orderby=creditlimit desc,name").await,
        ["Alpine", "Zoo", "O'Neil", "Beta_x", "alpha 50%"]
    );
    assert_eq!(
        names("accounts?$orderby=primarycontactid/lastname desc,name desc&$top=2").await,
        ["Beta_x", "Alpine"]
    );
}

#[tokio::test]
async fn expands_nest_and_select() {
    let stage = filled().await;
    let path = "accounts?$select=name&$filter=name eq 'alpine'&$expand=primarycontactid($select=fullname;\
                $expand=createdby($select=fullname)),contact_customer_accounts($select=lastname;$top=1)";
    let row = stage.get(path).await.expect(200).json()["value"][0].clone();
    assert_eq!(row["primarycontactid"]["fullname"], "Ann Lee");
    assert_eq!(row["primarycontactid"]["createdby"]["fullname"], "# app");
    assert_eq!(row["contact_customer_accounts"][0]["lastname"], "C0");
    let link = row["contact_customer_accounts@odata.nextLink"]
        .as_str()
        .unwrap();
    assert!(
        link.contains("/contact_customer_accounts?$select=lastname&$top=1"),
        "{link}"
    );
    assert_eq!(stage.column(link, "lastname").await, ["C0"]);
    assert_eq!(row.get("primarycontactid@odata.etag"), None);
    stage
        .get("accounts?$expand=PrimaryContactId")
        .await
        .expect_error(400, "0x80060888", "PrimaryContactId");
}

/// Follows next links; gives the pages' names.
async fn pages(stage: &Stage, path: &str, size: &str) -> Vec<Vec<String>> {
    let prefer = format!("odata.maxpagesize={size}");
    let headers = [("prefer", prefer.as_str())];
    let mut next = Some(path.to_owned());
    let mut pages = Vec::new();
    while let Some(url) = next {
        let body = stage
            .send("GET", &url, &headers, None)
            .await
            .expect(200)
            .json();
        let rows = body["value"].as_array().unwrap();
        pages.push(
            rows.iter()
                .map(|row| row["name"].as_str().unwrap().to_owned())
                .collect(),
        );
        next = body["@odata.nextLink"].as_str().map(ToOwned::to_owned);
    }
    pages
}

#[tokio::test]
async fn pages_follow_the_order_by_cookies() {
    let stage = filled().await;
    let path = "accounts?$select=name&$orderby=numberofemployees desc,name";
    let found = pages(&stage, path, "2").await;
    assert_eq!(
        found,
        [
            vec!["alpha 50%", "Alpine"],
            vec!["Zoo", "O'Neil"],
            vec!["Beta_x"]
        ]
    );
    let first = stage
        .send("GET", path, &[("prefer", "odata.maxpagesize=2")], None)
        .await
        .json();
    let link = first["@odata.nextLink"].as_str().unwrap();
    assert!(
        link.contains(
            "$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253ccookie%2520page"
        ),
        "{link}"
    );
    // With a page size, $top does not count; without one it does, and there is no next page.
    assert_eq!(pages(&stage, &format!("{path}&$top=1"), "3").await.len(), 2);
    let top = stage.get(&format!("{path}&$top=1")).await.json();
    assert_eq!(top["value"].as_array().unwrap().len(), 1);
    assert_eq!(top["@odata.nextLink"], Json::Null);
}

#[tokio::test]
async fn a_page_is_keyed_on_its_last_row_not_on_an_offset() {
    let stage = filled().await;
    let path = "accounts?$select=name&$orderby=name";
    let headers = [("prefer", "odata.maxpagesize=2")];
    let first = stage.send("GET", path, &headers, None).await.json();
    let gone = first["value"][0]["accountid"].as_str().unwrap();
    stage.delete(&format!("accounts({gone})")).await.expect(204);
    let next = first["@odata.nextLink"].as_str().unwrap();
    assert_eq!(
        stage.column(next, "name").await,
        ["Beta_x", "O'Neil", "Zoo"]
    );
}

#[tokio::test]
async fn counts_come_along_or_alone() {
    let stage = filled().await;
    let body = stage
        .get("accounts?$count=true&$top=1&$filter=creditlimit ne null")
        .await
        .json();
    assert_eq!(body["@odata.count"], 4);
    let alone = stage
        .get("accounts/$count?$filter=creditlimit ne null")
        .await
        .expect(200);
    assert_eq!(alone.text, "\u{feff}4");
    assert!(
        alone
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    let headers = [(
        "prefer",
        "odata.include-annotations=\"Microsoft.Dynamics.CRM.*\"",
    )];
    let body = stage
        .send("GET", "accounts?$count=true", &headers, None)
        .await
        .json();
    assert_eq!(body["@Microsoft.Dynamics.CRM.totalrecordcount"], 5);
    assert_eq!(
        body["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"],
        false
    );
    assert_eq!(
        body["value"][0].get("customertypecode@OData.Community.Display.V1.FormattedValue"),
        None
    );
}

#[tokio::test]
async fn formatted_values_come_when_asked_for() {
    let stage = filled().await;
    let headers = [(
        "prefer",
        "odata.include-annotations=\"OData.Community.Display.V1.FormattedValue\"",
    )];
    let path = "accounts?$filter=name eq 'Alpine'&$select=customertypecode,creditlimit,donotphone";
    let row = stage.send("GET", path, &headers, None).await.json()["value"][0].clone();
    let shown =
        |name: &str| row[format!("{name}@OData.Community.Display.V1.FormattedValue")].clone();
    assert_eq!(shown("customertypecode"), "Competitor");
    assert_eq!(shown("creditlimit"), "$100.50");
    assert_eq!(shown("donotphone"), "Yes");
}
