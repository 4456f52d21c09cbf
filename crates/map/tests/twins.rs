//! Lines between two lookups: compiled, translated through pairs or paths, and as part of a key.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use duet_map::schema::{Column, LookupTarget};
use duet_map::{
    ColumnType, CompiledMap, Diagnostic, LookupNeed, MapFile, Reference, Resolution,
    ResolvedLookups, Row, SchemaSet, Side, TableSchema, Translation, Value,
};
use uuid::Uuid;

/// Orders and their lines, keyed by GUIDs as services have them.
fn schemas(orders: &str, lines: &str) -> SchemaSet {
    let table = |name: &str, columns: Vec<(&str, ColumnType)>| TableSchema {
        name: name.to_owned(),
        type_name: name.to_owned(),
        title: name.to_owned(),
        primary_key: vec!["ID".to_owned()],
        alternate_keys: Vec::new(),
        company: None,
        modified: None,
        columns: columns
            .into_iter()
            .map(|(name, ty)| {
                let column = Column {
                    name: name.to_owned(),
                    ty,
                    required: false,
                    create: true,
                    update: true,
                    empty: None,
                };
                (name.to_lowercase(), column)
            })
            .collect(),
        tracks_changes: true,
    };
    let text = || ColumnType::Text {
        max_length: Some(20),
    };
    let order = ColumnType::Lookup {
        targets: vec![LookupTarget {
            type_name: orders.to_owned(),
            table: orders.to_owned(),
            navigation: "order".to_owned(),
        }],
    };
    SchemaSet(vec![
        table(
            orders,
            vec![
                ("ID", ColumnType::Guid),
                ("number", text()),
                ("plant", text()),
            ],
        ),
        table(
            lines,
            vec![
                ("ID", ColumnType::Guid),
                ("order", order),
                ("line", text()),
                ("plant", text()),
            ],
        ),
    ])
}

fn compile(key: &str, fields: &str) -> Result<CompiledMap, Vec<Diagnostic>> {
    let text = format!(
        "map: lines\nversion: 1.0.0\nwhy: Lines follow their order.\nleft: {{ entity: Lines }}\nright: {{ entity: rows }}\ncompany: shared\nkey: [{key}]\nmaster: left\nfields:\n  - line = line\n{fields}"
    );
    let file = MapFile::parse(&text, "m.yaml").unwrap_or_else(|e| panic!("{e:#?}"));
    CompiledMap::compile(
        &file,
        &schemas("Orders", "Lines"),
        &schemas("heads", "rows"),
    )
    .map(|(map, _)| map)
}

fn reference(table: &str, n: u128) -> Value {
    Value::Reference(Reference {
        table: table.to_owned(),
        id: Uuid::from_u128(n),
    })
}

/// Translates a line of order 1, answering questions until none is open.
fn translated(
    map: &CompiledMap,
    from: Side,
    row: &Row,
    answer: impl Fn(&LookupNeed) -> Resolution,
) -> (Translation, Vec<String>) {
    let fields = map.all_fields(from);
    let mut known = ResolvedLookups::new();
    let mut asked = Vec::new();
    let mut open = map.needs(from, row, &fields, true);
    while !open.is_empty() {
        for need in open {
            asked.push(need.to_string());
            known.insert(need.clone(), answer(&need));
        }
        let translation = map.translate(from, row, &fields, &known, true);
        let needs = translation.waiting.into_iter().map(|waiting| waiting.need);
        open = needs.filter(|need| known.get(need).is_none()).collect();
    }
    (map.translate(from, row, &fields, &known, true), asked)
}

fn written(translation: &Translation, column: &str) -> Value {
    assert_eq!(translation.problems, []);
    let found = translation.columns.iter().find(|one| one.column == column);
    found.unwrap().value.clone()
}

#[test]
fn without_paths_the_pair_answers_both_ways() {
    let map = compile("line = line", "  - order = order\n").unwrap();
    for (from, here, there) in [
        (Side::Left, "Orders", "heads"),
        (Side::Right, "heads", "Orders"),
    ] {
        let row = Row::new()
            .with("order", reference(here, 1))
            .with("line", "1");
        let (translation, asked) =
            translated(&map, from, &row, |_| Resolution::Found(reference(there, 2)));
        assert_eq!(written(&translation, "order"), reference(there, 2));
        let id = Uuid::from_u128(1);
        assert_eq!(
            asked,
            [format!("the counterpart of {here}({id}) in {there}")]
        );
        let (waits, _) = translated(&map, from, &row, |_| Resolution::Missing);
        assert_eq!(waits.waiting.len(), 1);
        let cleared = Row::new().with("order", Value::Null).with("line", "1");
        let (cleared, asked) = translated(&map, from, &cleared, |_| Resolution::Missing);
        assert_eq!((written(&cleared, "order"), asked.len()), (Value::Null, 0));
    }
}

#[test]
fn with_paths_the_record_is_named_here_and_searched_there() {
    let fields = "  - order.number = order.number\n  - order.plant > order.plant\n";
    let map = compile("line = line", fields).unwrap();
    let row = Row::new()
        .with("order", reference("Orders", 1))
        .with("line", "1");
    let answer = |need: &LookupNeed| match need {
        LookupNeed::Follow(follow) => Resolution::Found(Value::from(follow.path.as_str())),
        _ => Resolution::Found(reference("heads", 2)),
    };
    let (translation, asked) = translated(&map, Side::Left, &row, answer);
    assert_eq!(written(&translation, "order"), reference("heads", 2));
    assert_eq!(
        asked.last().unwrap(),
        "heads with number = number, plant = plant"
    );
    // The way back is found by the number alone, which travels both ways.
    let row = Row::new()
        .with("order", reference("heads", 1))
        .with("line", "1");
    let answer = |need: &LookupNeed| match need {
        LookupNeed::Follow(_) => Resolution::Found(Value::from("7")),
        _ => Resolution::Found(reference("Orders", 2)),
    };
    let (translation, asked) = translated(&map, Side::Right, &row, answer);
    assert_eq!(written(&translation, "order"), reference("Orders", 2));
    assert_eq!(asked.last().unwrap(), "Orders with number = 7");
}

#[test]
fn a_key_may_lead_through_both_lookups() {
    let map = compile(
        "order.number = order.number, line = line",
        "  - order.number = order.number\n",
    )
    .unwrap();
    let row = Row::new()
        .with("order", reference("Orders", 1))
        .with("line", "1");
    let answer = |need: &LookupNeed| match need {
        LookupNeed::Follow(_) => Resolution::Found(Value::from("7")),
        _ => Resolution::Found(reference("heads", 2)),
    };
    let (translation, _) = translated(&map, Side::Left, &row, answer);
    let search = map.search_key(Side::Left, &row, &translation).unwrap();
    assert_eq!(
        search,
        [
            ("order".to_owned(), reference("heads", 2)),
            ("line".to_owned(), Value::from("1")),
        ]
    );
}

#[test]
fn what_cannot_stand_between_two_lookups_is_told() {
    let told = |fields: &str| {
        let found = compile("line = line", fields).unwrap_err();
        let lines = found
            .iter()
            .map(|one| format!("{} {}", one.code, one.message));
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(
        [
            told("  - 'order >< order': { a: b }\n"),
            told("  - order = order else create\n"),
            told("  - order.number = order.number\n  - plant = order.plant\n"),
            told("  - order = order.number\n"),
        ]
        .join("\n"),
        @"
    DUET1013 `order >< order` joins two lookups, which takes no value map and no default
    DUET1022 the left system does not keep the key unique
    DUET1022 the right system does not keep the key unique
    DUET1180 `order = order else create` leads through no lookup, so there is nothing to create
    DUET1022 the left system does not keep the key unique
    DUET1022 the right system does not keep the key unique
    DUET1032 `order.number = order.number` writes `order`, but `plant = order.plant` writes it too
    DUET1022 the left system does not keep the key unique
    DUET1022 the right system does not keep the key unique
    DUET1013 `order = order.number` joins columns of types that do not go together
    DUET1022 the left system does not keep the key unique
    DUET1022 the right system does not keep the key unique
    "
    );
}
