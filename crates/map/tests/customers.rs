//! The main map's story: a customer travels from F&O to Dataverse and back.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod published;

use duet_map::file::Conflicts;
use duet_map::{
    CompiledMap, Decision, FieldSet, FindCandidate, KeyProblem, LookupNeed, MapFile, Meeting,
    Merged, PerSide, Reference, Resolution, ResolvedLookups, Row, Ruling, SchemaSet, Side, Value,
    Verdict,
};
use uuid::Uuid;

const FILE: &str = r#"
map: customers-v3.accounts
version: 1.0.0
why: Sales works on the same customer that finance invoices.
left:  { entity: CustomersV3, filter: '(PartyType == "Organization")' }
right: { entity: accounts, filter: customertypecode eq 3 }
company: per-company
key: [CUSTOMERACCOUNT = accountnumber]
master: left
deletes: propagate
allocates: left
fields:
  - CUSTOMERACCOUNT = accountnumber
  - CREDITLIMIT = creditlimit
  - SALESMEMO = description
  - CUSTOMERGROUPID = msdyn_customergroupid.msdyn_groupid
  - SALESCURRENCYCODE = transactioncurrencyid.isocurrencycode
  - CREDITLIMITISMANDATORY >< msdyn_creditlimitismandatory: { no: False, yes: True }
  - PARTYTYPE << "Organization"
  - '"3" >> customertypecode'
"#;

fn map() -> CompiledMap {
    let file = MapFile::parse(FILE, "customers.yaml").unwrap();
    match CompiledMap::compile(&file, published::finops(), published::dataverse()) {
        Ok((map, _)) => map,
        Err(found) => panic!("{found:#?}"),
    }
}

fn reference(table: &str, n: u128) -> Value {
    Value::Reference(Reference {
        table: table.to_owned(),
        id: Uuid::from_u128(n),
    })
}

fn symbol(text: &str) -> Value {
    Value::Symbol(text.to_owned())
}

fn customer() -> Row {
    Row::new()
        .with("dataAreaId", "usmf")
        .with("CustomerAccount", "US-001")
        .with("CreditLimit", Value::Decimal("20000.00".parse().unwrap()))
        .with("SalesMemo", "Pays late")
        .with("CustomerGroupId", "30")
        .with("SalesCurrencyCode", "USD")
        .with("CreditLimitIsMandatory", symbol("Yes"))
        .with("PartyType", symbol("Organization"))
}

fn account() -> Row {
    Row::new()
        .with("msdyn_company", reference("cdm_companies", 1))
        .with("accountnumber", "US-001")
        .with("creditlimit", Value::Decimal("20000".parse().unwrap()))
        .with("description", "Pays late")
        .with(
            "msdyn_customergroupid",
            reference("msdyn_customergroups", 30),
        )
        .with(
            "transactioncurrencyid",
            reference("transactioncurrencies", 840),
        )
        .with("msdyn_creditlimitismandatory", true)
        .with("customertypecode", 3)
}

/// Answers every need as a world would in which all records exist.
fn answers(needs: Vec<LookupNeed>) -> ResolvedLookups {
    let answer = |need: &LookupNeed| match need {
        LookupNeed::Find(find) => {
            let candidate = &find.candidates[0];
            match candidate.table.as_str() {
                "cdm_companies" => reference("cdm_companies", 1),
                "msdyn_customergroups" => reference("msdyn_customergroups", 30),
                "transactioncurrencies" => reference("transactioncurrencies", 840),
                other => panic!("nobody asked for {other}"),
            }
        }
        LookupNeed::Counterpart(_) => panic!("no line joins two lookups"),
        LookupNeed::Follow(follow) => match follow.path.as_str() {
            "cdm_companycode" => Value::from("USMF"),
            "msdyn_groupid" => Value::from("30"),
            "isocurrencycode" => Value::from("USD"),
            other => panic!("nobody reads {other}"),
        },
    };
    needs
        .into_iter()
        .map(|need| {
            let found = answer(&need);
            (need, Resolution::Found(found))
        })
        .collect()
}

fn names(map: &CompiledMap, fields: &FieldSet) -> Vec<String> {
    map.field_names(fields)
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_new_customer_becomes_an_account() {
    let map = map();
    let row = customer();
    assert!(map.passes(Side::Left, &row));
    let fields = map.all_fields(Side::Left);
    let needs = map.needs(Side::Left, &row, &fields, true);
    let told: Vec<String> = needs.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    msdyn_customergroups with msdyn_groupid = 30 in company usmf
    transactioncurrencies with isocurrencycode = USD
    cdm_companies with cdm_companycode = usmf
    ");
    let translation = map.translate(Side::Left, &row, &fields, &answers(needs), true);
    assert_eq!(
        (translation.waiting.len(), translation.problems.len()),
        (0, 0)
    );
    let merged = map.merge(Side::Left, &row, None, None, &translation, None);
    assert_eq!(merged.write, account());
    assert_eq!(map.check(Side::Right, &merged.write, true), []);
}

#[test]
fn a_new_account_becomes_a_customer() {
    let map = map();
    let row = account();
    assert!(map.passes(Side::Right, &row));
    let fields = map.all_fields(Side::Right);
    let needs = map.needs(Side::Right, &row, &fields, true);
    let translation = map.translate(Side::Right, &row, &fields, &answers(needs), true);
    let merged = map.merge(Side::Right, &row, None, None, &translation, None);
    assert_eq!(
        merged.write,
        customer().with("CreditLimit", Value::Decimal(20000.into()))
    );
    assert_eq!(map.check(Side::Left, &merged.write, true), []);
}

#[test]
fn both_sides_make_one_key() {
    let map = map();
    let none = ResolvedLookups::new();
    let left = map.key(Side::Left, &customer(), &none).unwrap();
    assert_eq!(left.to_string(), "usmf / us-001");
    let Err(KeyProblem::Needs(needs)) = map.key(Side::Right, &account(), &none) else {
        panic!("the company stands behind a lookup")
    };
    let resolved = answers(needs);
    assert_eq!(map.key(Side::Right, &account(), &resolved).unwrap(), left);
    assert_eq!(
        map.company(Side::Right, &account(), &resolved).as_deref(),
        Some("usmf")
    );
}

#[test]
fn a_customer_without_its_number_has_no_key_yet() {
    let map = map();
    let row = customer().with("CustomerAccount", Value::Null);
    let problem = map
        .key(Side::Left, &row, &ResolvedLookups::new())
        .unwrap_err();
    assert_eq!(
        problem,
        KeyProblem::Empty {
            column: "CustomerAccount".to_owned()
        }
    );
}

#[test]
fn an_echo_differs_in_nothing_and_an_edit_in_its_field() {
    let map = map();
    let image = map.image(Side::Left, &customer());
    let echo = customer()
        .with("CustomerAccount", "us-001 ")
        .with("CreditLimit", Value::Decimal("20000.0000".parse().unwrap()));
    assert!(map.diff(Side::Left, &echo, &image).is_empty());
    let edit = echo.with("SalesMemo", "Pays in time");
    let changed = map.diff(Side::Left, &edit, &image);
    assert_eq!(names(&map, &changed), ["SALESMEMO = description"]);
}

#[test]
fn different_fields_edited_on_both_sides_both_survive() {
    let map = map();
    let (left_image, right_image) = (
        map.image(Side::Left, &customer()),
        map.image(Side::Right, &account()),
    );
    let left = customer().with("SalesMemo", "left edit");
    let right = account().with("creditlimit", Value::Decimal(5.into()));
    let changed = map.diff(Side::Left, &left, &left_image);
    let translation = map.translate(Side::Left, &left, &changed, &ResolvedLookups::new(), false);
    let merged = map.merge(
        Side::Left,
        &left,
        Some(&right_image),
        Some(&right),
        &translation,
        Some(&left_image),
    );
    assert_eq!(merged.write, Row::new().with("description", "left edit"));
    assert_eq!(merged.conflicts, []);
    // The right edit is still there to be seen after the write.
    let stored = right.with("description", "left edit");
    let settled = map.settle_image(
        Side::Right,
        Some(&right_image),
        &merged.settled(Some(&stored)),
        &stored,
    );
    let back = map.diff(Side::Right, &stored, &settled);
    assert_eq!(names(&map, &back), ["CREDITLIMIT = creditlimit"]);
}

#[test]
fn one_field_edited_on_both_sides_goes_to_the_master() {
    let map = map();
    let (left_image, right_image) = (
        map.image(Side::Left, &customer()),
        map.image(Side::Right, &account()),
    );
    let left = customer().with("SalesMemo", "left edit");
    let right = account().with("description", "right edit");
    let changed = map.diff(Side::Right, &right, &right_image);
    let translation = map.translate(
        Side::Right,
        &right,
        &changed,
        &ResolvedLookups::new(),
        false,
    );
    let merged = map.merge(
        Side::Right,
        &right,
        Some(&left_image),
        Some(&left),
        &translation,
        Some(&right_image),
    );
    assert!(merged.write.is_empty());
    assert_eq!(merged.kept, ["SalesMemo"]);
    let conflict = &merged.conflicts[0];
    assert_eq!(
        (
            conflict.left_column.as_str(),
            conflict.right_column.as_str()
        ),
        ("SalesMemo", "description")
    );
    assert_eq!(
        (&conflict.left, &conflict.right),
        (&Value::from("left edit"), &Value::from("right edit"))
    );
    assert_eq!(conflict.base, Some(Value::from("Pays late")));
    assert_eq!(conflict.winner, Some(Side::Left));
}

/// Merges a right edit of the memo into a left record whose memo was edited as well.
fn contested(policy: &str, ruling: &Ruling<'_>) -> Merged {
    let memo = "  - SALESMEMO = description\n";
    let long = format!(
        "  - {{ left: SALESMEMO, direction: \"=\", right: description, conflicts: {policy} }}\n"
    );
    let file = MapFile::parse(&FILE.replace(memo, &long), "customers.yaml").unwrap();
    assert_eq!(MapFile::parse(&file.to_yaml(), "again.yaml").unwrap(), file);
    let times = |set: &SchemaSet| {
        let mut set = set.clone();
        set.0
            .iter_mut()
            .for_each(|table| table.modified = Some("when".into()));
        set
    };
    let (left, right) = (times(published::finops()), times(published::dataverse()));
    let map = CompiledMap::compile(&file, &left, &right).unwrap().0;
    let (left_image, right_image) = (
        map.image(Side::Left, &customer()),
        map.image(Side::Right, &account()),
    );
    let left = customer().with("SalesMemo", "left edit");
    let right = account().with("description", "right edit");
    let changed = map.diff(Side::Right, &right, &right_image);
    let translation = map.translate(
        Side::Right,
        &right,
        &changed,
        &ResolvedLookups::new(),
        false,
    );
    let meeting = Meeting {
        from: Side::Right,
        source_row: &right,
        source_image: Some(&right_image),
        base: Some(&left_image),
        current: Some(&left),
        translation: &translation,
    };
    map.merge_under(&meeting, ruling)
}

#[test]
fn the_later_edit_wins_where_the_times_are_certain() {
    let right = Ruling {
        latest: Some(Side::Right),
        ..Ruling::default()
    };
    let merged = contested("latest", &right);
    assert_eq!(merged.write, Row::new().with("SalesMemo", "right edit"));
    assert_eq!(merged.conflicts[0].winner, Some(Side::Right));
    // Too close to tell, or a first meeting of all rows: the master's stands.
    for ruling in [
        Ruling::default(),
        Ruling {
            master_only: true,
            ..right
        },
    ] {
        let merged = contested("latest", &ruling);
        assert!(merged.write.is_empty());
        assert_eq!(merged.conflicts[0].winner, Some(Side::Left));
    }
}

#[test]
fn a_manual_field_waits_and_then_does_what_a_person_says() {
    let merged = contested("manual", &Ruling::default());
    assert!(merged.write.is_empty() && merged.kept.is_empty());
    assert_eq!(merged.held.len(), 1);
    let open = &merged.conflicts[0];
    assert_eq!((open.winner, open.policy), (None, Conflicts::Manual));
    let decision = |verdict, seen: &str| Decision {
        columns: PerSide {
            left: "SalesMemo".to_owned(),
            right: "description".to_owned(),
        },
        seen: PerSide {
            left: seen.into(),
            right: "right edit".into(),
        },
        verdict,
    };
    let under = |decision: Decision| {
        let decisions = [decision];
        let ruling = Ruling {
            decisions: &decisions,
            ..Ruling::default()
        };
        contested("manual", &ruling)
    };

    let taken = under(decision(Verdict::Take(Side::Right), "left edit"));
    assert_eq!(taken.write, Row::new().with("SalesMemo", "right edit"));
    assert!(taken.held.is_empty() && taken.conflicts[0].decided);
    let kept = under(decision(Verdict::Take(Side::Left), "left edit"));
    assert_eq!(kept.kept, ["SalesMemo"]);
    let third = PerSide {
        left: Value::from("both edits"),
        right: Value::from("both edits"),
    };
    let given = under(decision(Verdict::Give(third), "left edit"));
    assert_eq!(given.write, Row::new().with("SalesMemo", "both edits"));
    assert_eq!(given.given, ["SalesMemo"]);
    // The left side was edited again since: nobody has decided about that.
    let late = under(decision(Verdict::Take(Side::Right), "older left edit"));
    assert_eq!(late.held.len(), 1);
}

#[test]
fn a_typed_value_is_read_as_its_column_holds_it() {
    let map = map();
    let typed = map
        .typed(Side::Left, "creditlimitismandatory", "yes")
        .unwrap();
    assert_eq!(typed, ("CreditLimitIsMandatory".to_owned(), symbol("Yes")));
    let both = map
        .typed_for_both(Side::Right, "msdyn_creditlimitismandatory", "False")
        .unwrap();
    assert_eq!(both.columns.left, "CreditLimitIsMandatory");
    assert_eq!(both.values.left, symbol("No"));
    let told = |side, column: &str, text: &str| {
        map.typed_for_both(side, column, text)
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(
        [
            told(Side::Left, "SALESMEMOS", "x"),
            told(Side::Left, "CREDITLIMIT", "many"),
            told(Side::Left, "SALESCURRENCYCODE", "USD"),
            told(Side::Right, "transactioncurrencyid", "USD"),
        ]
        .join("\n"),
        @"
    DUET2127: the map does not touch a column `SALESMEMOS` of CustomersV3 on the left side; did you mean `SalesMemo`?
    DUET2127: the value does not fit `CreditLimit` of the left side: the column holds numbers such as `1.5`
    DUET2127: `SalesCurrencyCode` goes through a lookup; take one side's value, or change the record itself
    DUET2127: `transactioncurrencyid` is a lookup, and a record cannot be typed; change it in the right system
    "
    );
}

#[test]
fn records_that_meet_fill_each_other() {
    let map = map();
    let left = customer()
        .with("SalesMemo", Value::Null)
        .with("CreditLimit", Value::Decimal(0.into()));
    let right = account().with("transactioncurrencyid", Value::Null);
    let fields = map.all_fields(Side::Left);
    let needs = map.needs(Side::Left, &left, &fields, false);
    let translation = map.translate(Side::Left, &left, &fields, &answers(needs), false);
    let merged = map.merge(Side::Left, &left, None, Some(&right), &translation, None);
    // Finance has no currency to lose, no memo to give, and its credit limit of 0 is a value.
    let written: Vec<&str> = merged.write.iter().map(|(column, _)| column).collect();
    assert_eq!(written, ["creditlimit", "transactioncurrencyid"]);
    assert_eq!(merged.kept, ["description"]);
    assert_eq!(merged.conflicts.len(), 1);
    assert!(merged.agreed.contains(&"accountnumber".to_owned()));
}

#[test]
fn a_missing_payment_term_waits_and_an_unknown_value_is_a_problem() {
    let map = map();
    let row = customer().with("CreditLimitIsMandatory", symbol("Perhaps"));
    let fields = map.all_fields(Side::Left);
    let translation = map.translate(Side::Left, &row, &fields, &ResolvedLookups::new(), false);
    let waiting: Vec<String> = translation
        .waiting
        .iter()
        .map(|w| w.need.to_string())
        .collect();
    assert_eq!(
        waiting,
        [
            "msdyn_customergroups with msdyn_groupid = 30 in company usmf",
            "transactioncurrencies with isocurrencycode = USD"
        ]
    );
    insta::assert_snapshot!(translation.problems[0].to_string(), @"DUET2001 CreditLimitIsMandatory (CREDITLIMITISMANDATORY >< msdyn_creditlimitismandatory): `Perhaps` has no counterpart in the value map; add it to the value map, or correct the record");
}

#[test]
fn what_the_target_would_refuse_is_found_before_it_is_sent() {
    let map = map();
    let row = Row::new()
        .with(
            "accountnumber",
            "a number that is far too long for its column",
        )
        .with("creditlimit", Value::Decimal((-1).into()))
        .with("customertypecode", 99)
        .with("msdyn_company", reference("cdm_companies", 1))
        .with("nonsense", "x");
    let told: Vec<String> = map
        .check(Side::Right, &row, false)
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    DUET2002 accountnumber (CUSTOMERACCOUNT = accountnumber): the text has 44 characters, the column holds 20; shorten it on the left side, or widen the column
    DUET2003 creditlimit (CREDITLIMIT = creditlimit): the number is less than 0; correct it on the left side
    DUET2004 customertypecode ("3" >> customertypecode): 99 is none of its 12 options; correct the value, or add the option to the table
    DUET2009 msdyn_company (company): it cannot be written in an existing record; let the field travel the other way only, or change the record by hand
    DUET2011 nonsense (nonsense): accounts has no such column; compile the map again against the table as it is now
    "#);
}

#[test]
fn a_column_that_was_not_read_says_nothing() {
    let map = map();
    let row = Row::new().with("SalesMemo", "only this was read");
    let fields = map.all_fields(Side::Left);
    assert_eq!(map.needs(Side::Left, &row, &fields, false), []);
    let translation = map.translate(Side::Left, &row, &fields, &ResolvedLookups::new(), false);
    let columns: Vec<&str> = translation
        .columns
        .iter()
        .map(|column| column.column.as_str())
        .collect();
    assert_eq!(columns, ["description"]);
}

#[test]
fn a_cleared_lookup_clears_its_counterpart() {
    let map = map();
    let row = customer().with("CustomerGroupId", Value::Null);
    let changed = map.diff(Side::Left, &row, &map.image(Side::Left, &customer()));
    let translation = map.translate(Side::Left, &row, &changed, &ResolvedLookups::new(), false);
    assert_eq!(translation.columns.len(), 1);
    assert_eq!(translation.columns[0].column, "msdyn_customergroupid");
    assert_eq!(translation.columns[0].value, Value::Null);
    // Back again: a required column must not be emptied.
    let row = account().with("msdyn_customergroupid", Value::Null);
    let changed = map.diff(Side::Right, &row, &map.image(Side::Right, &account()));
    let translation = map.translate(Side::Right, &row, &changed, &ResolvedLookups::new(), false);
    let write: Row = translation
        .columns
        .into_iter()
        .map(|c| (c.column, c.value))
        .collect();
    let told: Vec<String> = map
        .check(Side::Left, &write, false)
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"DUET2006 CustomerGroupId (CUSTOMERGROUPID = msdyn_customergroupid.msdyn_groupid): it is required and would be empty; fill it on the right side, or give the field a default");
}

#[test]
fn a_find_is_answered_by_the_pair_of_the_map_that_owns_the_table() {
    let map = map();
    let candidate = FindCandidate {
        table: "Accounts".to_owned(),
        equal: vec![("accountnumber".to_owned(), Value::from("US-001 "))],
    };
    let key = map
        .key(Side::Left, &customer(), &ResolvedLookups::new())
        .unwrap();
    assert_eq!(map.key_of(Side::Right, &candidate, Some("USMF")), Some(key));
    assert_eq!(
        map.key_of(Side::Right, &candidate, None),
        None,
        "the company is part of the key"
    );
    let other = FindCandidate {
        equal: vec![("name".to_owned(), Value::from("x"))],
        ..candidate
    };
    assert_eq!(
        map.key_of(Side::Right, &other, Some("usmf")),
        None,
        "its pairs know no names"
    );
}
