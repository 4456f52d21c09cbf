//! Rows kept: versions, keys, exact decimals, pages in both directions, tombstones, files reopened.

use super::*;

fn accounts() -> Table {
    Table {
        name: "account".into(),
        columns: vec![
            Column::exact("accountid"),
            Column::text("accountnumber"),
            Column::decimal("creditlimit"),
            Column::integer("versionnumber"),
        ],
        key: vec!["accountid".into()],
        unique: vec![vec!["accountnumber".into()]],
        indexed: vec!["versionnumber".into()],
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn add(rows: &Rows, id: &str, number: &str, limit: &str) -> Result<i64, RowsError> {
    rows.write(|tx| {
        let version = tx.next_version();
        tx.insert(
            "account",
            &[
                ("accountid", text(id)),
                ("accountnumber", text(number)),
                ("creditlimit", text(limit)),
                ("versionnumber", Value::Integer(version)),
            ],
        )?;
        Ok(version)
    })
}

fn ids(rows: &Rows, select: &Select) -> Vec<String> {
    let found: Result<_, RowsError> = rows.read(|tx| tx.select(select));
    found
        .unwrap()
        .into_iter()
        .map(|row| match &row[0] {
            Value::Text(id) => id.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn versions_rise_and_a_failed_transaction_leaves_nothing() {
    let rows = Rows::open(&Place::Memory, vec![accounts()]).unwrap();
    let first = add(&rows, "a", "1", "0").unwrap();
    let failed = rows.write(|tx| -> Result<(), RowsError> {
        tx.next_version();
        tx.delete("account", &Sql::new("1", vec![]))?;
        Err(RowsError::Shape {
            table: "account".into(),
            detail: "stop".into(),
        })
    });
    assert!(failed.is_err());
    assert_eq!(add(&rows, "b", "2", "0").unwrap(), first + 1);
    assert_eq!(
        ids(&rows, &Select::from("account", &["accountid"])),
        ["a", "b"]
    );
}

#[test]
fn decimals_compare_as_numbers_and_keep_their_digits() {
    let rows = Rows::open(&Place::Memory, vec![accounts()]).unwrap();
    add(&rows, "a", "1", "9.5000").unwrap();
    add(&rows, "b", "2", "10").unwrap();
    add(&rows, "c", "3", "-1").unwrap();
    let select = Select::from("account", &["accountid"]).order(Order::ascending("creditlimit"));
    assert_eq!(ids(&rows, &select), ["c", "a", "b"]);
    let above = Select::from("account", &["accountid"])
        .filter(Sql::new("t.\"creditlimit\" > ?", vec![Value::Integer(9)]))
        .order(Order::ascending("accountid"));
    assert_eq!(ids(&rows, &above), ["a", "b"]);
    let equal = Select::from("account", &["accountid"])
        .filter(Sql::new("t.\"creditlimit\" = ?", vec![text("10.00")]));
    assert_eq!(ids(&rows, &equal), ["b"]);
}

#[test]
fn a_unique_text_ignores_case_and_trailing_spaces() {
    let rows = Rows::open(&Place::Memory, vec![accounts()]).unwrap();
    add(&rows, "a", "US-001", "0").unwrap();
    let error = add(&rows, "b", "us-001 ", "0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "a row of account with the same accountnumber exists already"
    );
}

#[test]
fn keyset_paging_visits_every_row_once_in_both_directions() {
    let rows = Rows::open(&Place::Memory, vec![accounts()]).unwrap();
    for (id, number) in [("a", "x"), ("b", "y"), ("c", "z")] {
        add(&rows, id, number, "1").unwrap();
    }
    rows.write(|tx| tx.insert("account", &[("accountid", text("d"))]))
        .unwrap();
    rows.write(|tx| tx.insert("account", &[("accountid", text("e"))]))
        .unwrap();
    for descending in [false, true] {
        let order = vec![
            Order {
                descending,
                ..Order::ascending("accountnumber")
            },
            Order::ascending("accountid"),
        ];
        let mut seen = Vec::new();
        let mut last: Option<Vec<Value>> = None;
        loop {
            let mut select = Select::from("account", &["accountid", "accountnumber"]).limit(2);
            select.order.clone_from(&order);
            if let Some(last) = &last {
                select = select.filter(keyset_after(&order, last));
            }
            let page: Result<_, RowsError> = rows.read(|tx| tx.select(&select));
            let page = page.unwrap();
            let Some(row) = page.last() else { break };
            last = Some(vec![row[1].clone(), row[0].clone()]);
            seen.extend(page.iter().map(|row| row[0].clone()));
        }
        let mut expected = vec!["d", "e", "a", "b", "c"];
        if descending {
            expected = vec!["c", "b", "a", "d", "e"];
        }
        assert_eq!(seen, expected.into_iter().map(text).collect::<Vec<_>>());
    }
}

#[test]
fn deletions_are_listed_by_version_and_forgotten_with_a_floor() {
    let rows = Rows::open(&Place::Memory, vec![accounts()]).unwrap();
    let listed = rows
        .write(|tx| -> Result<_, RowsError> {
            let first = tx.log_deletion("account", "a", 100)?;
            tx.log_deletion("contact", "x", 150)?;
            tx.log_deletion("account", "b", 200)?;
            let all = tx.deletions("account", 0, tx.version(), 10)?;
            tx.forget_deletions(150)?;
            assert_eq!(tx.delta_floor()?, first);
            let left = tx.deletions("account", 0, tx.version(), 10)?;
            Ok((all, left))
        })
        .unwrap();
    let keys = |found: &[Deletion]| found.iter().map(|one| one.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&listed.0), ["a", "b"]);
    assert_eq!(keys(&listed.1), ["b"]);
}

#[test]
fn a_file_keeps_rows_and_gains_columns() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("rows.db"));
    let version = add(
        &Rows::open(&place, vec![accounts()]).unwrap(),
        "a",
        "1",
        "2",
    )
    .unwrap();
    let mut wider = accounts();
    wider.columns.push(Column::text("name"));
    let rows = Rows::open(&place, vec![wider]).unwrap();
    let found: Result<_, RowsError> = rows.read(|tx| {
        Ok((
            tx.version(),
            tx.query("SELECT accountid, name FROM account", &[])?,
        ))
    });
    assert_eq!(
        found.unwrap(),
        (version, vec![vec![text("a"), Value::Null]])
    );
}

#[test]
fn like_patterns_follow_t_sql() {
    for (value, pattern, expected) in [
        ("Contoso", "con%", true),
        ("Contoso", "%tos_", true),
        ("Contoso", "contos", false),
        ("50%", "50[%]", true),
        ("500", "50[%]", false),
        ("b", "[a-c]", true),
        ("d", "[^a-c]", true),
        ("[", "[", true),
        ("", "%", true),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "%a%a%a%a%a%a%c", false),
    ] {
        assert_eq!(like(value, pattern), expected, "{value} like {pattern}");
    }
}
