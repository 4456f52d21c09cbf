//! `FetchXML`, `?sql=` and `$apply`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;

/// Four accounts in two states, two of them with a contact.
async fn filled() -> Stage {
    let stage = Stage::new().await;
    let ann = stage
        .make("contacts", json!({"firstname": "Ann", "lastname": "Lee"}))
        .await;
    for (name, credit, state) in [
        ("A", "10.10", 0),
        ("B", "20.20", 0),
        ("C", "0.05", 1),
        ("D", "5", 1),
    ] {
        let credit: Json = serde_json::from_str(credit).unwrap();
        let mut body = json!({"name": name, "creditlimit": credit, "statecode": state});
        if state == 0 {
            body["primarycontactid@odata.bind"] = format!("/contacts({ann})").into();
        }
        stage.make("accounts", body).await;
    }
    stage
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

async fn rows(stage: &Stage, path: &str) -> Vec<Json> {
    stage.get(path).await.expect(200).json()["value"]
        .as_array()
        .unwrap()
        .clone()
}

async fn fetched(stage: &Stage, xml: &str) -> Vec<Json> {
    rows(stage, &format!("accounts?fetchXml={}", encoded(xml))).await
}

fn names(rows: &[Json]) -> String {
    rows.iter()
        .map(|row| row["name"].as_str().unwrap_or("-"))
        .collect()
}

#[tokio::test]
async fn fetchxml_filters_orders_and_links() {
    let stage = filled().await;
    let found = fetched(&stage, "<fetch><entity name='account'><attribute name='name'/>\
        <order attribute='creditlimit' descending='true'/>\
        <filter type='or'><condition attribute='name' operator='in'><value>a</value><value>D</value></condition>\
        <filter><condition attribute='creditlimit' operator='lt' value='1'/>\
        <condition attribute='primarycontactid' operator='null'/></filter></filter>\
        </entity></fetch>").await;
    assert_eq!(names(&found), "ADC");
    assert!(found[0]["accountid"].is_string());
    let link = |kind: &str, more: &str| {
        format!(
            "<fetch><entity name='account'><attribute name='name'/><order attribute='name'/>\
         <link-entity name='contact' from='contactid' to='primarycontactid' alias='c' link-type='{kind}'>\
         <attribute name='fullname'/>{more}</link-entity></entity></fetch>"
        )
    };
    let inner = fetched(&stage, &link("inner", "")).await;
    assert_eq!(
        (names(&inner).as_str(), &inner[0]["c.fullname"]),
        ("AB", &json!("Ann Lee"))
    );
    let none = "<filter><condition attribute='lastname' operator='like' value='x%'/></filter>";
    assert_eq!(names(&fetched(&stage, &link("outer", none)).await), "ABCD");
    assert_eq!(names(&fetched(&stage, &link("inner", none)).await), "");
}

#[tokio::test]
async fn fetchxml_pages_with_a_cookie() {
    let stage = filled().await;
    let xml = |page: usize| {
        format!(
            "<fetch count='3' page='{page}' returntotalrecordcount='true'><entity name='account'>\
         <attribute name='name'/><order attribute='name'/></entity></fetch>"
        )
    };
    let path = format!("accounts?fetchXml={}", encoded(&xml(1)));
    let first = stage.get(&path).await.expect(200).json();
    assert_eq!(first["@Microsoft.Dynamics.CRM.morerecords"], true);
    assert_eq!(first["@Microsoft.Dynamics.CRM.totalrecordcount"], 4);
    let cookie = first["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"]
        .as_str()
        .unwrap();
    assert!(
        cookie.starts_with("<cookie pagenumber=\"2\" pagingcookie=\"%3ccookie"),
        "{cookie}"
    );
    assert_eq!(names(&fetched(&stage, &xml(2)).await), "D");
}

#[tokio::test]
async fn fetchxml_adds_up_exactly() {
    let stage = filled().await;
    let found = fetched(
        &stage,
        "<fetch aggregate='true'><entity name='account'>\
        <attribute name='statecode' groupby='true' alias='state'/>\
        <attribute name='creditlimit' aggregate='sum' alias='total'/>\
        <attribute name='creditlimit' aggregate='avg' alias='mean'/>\
        <attribute name='accountid' aggregate='count' alias='n'/>\
        <order alias='state'/></entity></fetch>",
    )
    .await;
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(
        text,
        r#"[{"state":0,"total":30.3,"mean":15.15,"n":2},{"state":1,"total":5.05,"mean":2.525,"n":2}]"#
    );
}

#[tokio::test]
async fn wrong_fetchxml_is_explained() {
    let stage = Stage::new().await;
    for (xml, code, part) in [
        ("<fetch>", "0x80041102", "Invalid XML"),
        (
            "<fetch><entity name='contact'/></fetch>",
            "0x80060888",
            "is not 'account'",
        ),
        (
            "<fetch><entity name='account'><attribute name='nope'/></entity></fetch>",
            "0x80041103",
            "'account' entity doesn't contain attribute with Name = 'nope'.",
        ),
        (
            "<fetch><entity name='account'><filter><condition attribute='name' operator='smells'/></filter></entity></fetch>",
            "0x80060888",
            "'smells' is not supported",
        ),
    ] {
        let answer = stage
            .get(&format!("accounts?fetchXml={}", encoded(xml)))
            .await;
        answer.expect_error(400, code, part);
    }
}

#[tokio::test]
async fn plain_sql_selects() {
    let stage = filled().await;
    for (sql, expected) in [
        ("SELECT name FROM account ORDER BY name DESC", "DCBA"),
        (
            "select top 2 name from account where statecode = 0 or name like 'd%' order by name",
            "AB",
        ),
        (
            "SELECT name FROM account WHERE primarycontactid IS NOT NULL AND creditlimit > 10.1",
            "B",
        ),
        (
            "SELECT [name] FROM account WHERE name IN ('a', 'it''s') AND NOT (name <> 'A')",
            "A",
        ),
        (
            "SELECT DISTINCT name FROM account WHERE name LIKE '%c%'",
            "C",
        ),
    ] {
        let found = rows(&stage, &format!("accounts?sql={}", encoded(sql))).await;
        assert_eq!(names(&found), expected, "{sql}");
    }
    let totals = "SELECT statecode, COUNT(*) AS n, SUM(creditlimit) AS total FROM account GROUP BY statecode ORDER BY n, statecode";
    let found = rows(&stage, &format!("accounts?sql={}", encoded(totals))).await;
    assert_eq!(
        serde_json::to_string(&found[1]).unwrap(),
        r#"{"statecode":1,"n":2,"total":5.05}"#
    );
    for sql in [
        "DROP TABLE account",
        "SELECT name FROM account; DELETE",
        "SELECT nope FROM account",
        "SELECT name FROM contact",
        "SELECT name FROM account JOIN contact",
        "SELECT 'x",
    ] {
        let answer = stage.get(&format!("accounts?sql={}", encoded(sql))).await;
        assert_eq!(answer.status, 400, "{sql}: {}", answer.text);
    }
}

#[tokio::test]
async fn apply_groups_and_adds_up() {
    let stage = filled().await;
    let path = "accounts?$apply=filter(creditlimit gt 1)/groupby((statecode),aggregate(creditlimit with sum as total,$count as n))&$orderby=total desc";
    let found = rows(&stage, path).await;
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(
        text,
        r#"[{"statecode":0,"total":30.3,"n":2},{"statecode":1,"total":5,"n":1}]"#
    );
    let all = rows(
        &stage,
        "accounts?$apply=aggregate(creditlimit with max as top,name with countdistinct as names)",
    )
    .await;
    assert_eq!(
        serde_json::to_string(&all).unwrap(),
        r#"[{"top":20.2000,"names":4}]"#
    );
    stage
        .get("accounts?$apply=compute(1 as x)")
        .await
        .expect_error(400, "0x80060888", "'compute'");
}
