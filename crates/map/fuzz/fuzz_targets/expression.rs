//! Expressions: no panic, whatever is written and whatever the row holds.
#![no_main]

use duet_map::schema::{Column, ColumnType, SchemaSet, TableSchema};
use duet_map::{CompiledMap, MapFile, ResolvedLookups, Row, Side};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, i64)| {
    let (expression, text, number) = input;
    let quoted = expression.replace('\'', "''");
    let map = format!(
        "map: m\nversion: 1\nwhy: Fuzz.\nleft: {{ entity: L }}\nright: {{ entity: r }}\n\
         company: shared\nkey: [K = k]\nmaster: left\nfields:\n  - K = k\n  - '({quoted}) >> t'\n"
    );
    let Ok(file) = MapFile::parse(&map, "map.yaml") else {
        return;
    };
    let schema = |name: &str, columns: &[(&str, ColumnType)]| {
        let column = |(name, ty): &(&str, ColumnType)| {
            let column = Column {
                name: (*name).to_owned(),
                ty: ty.clone(),
                required: false,
                create: true,
                update: true,
                empty: None,
            };
            ((*name).to_lowercase(), column)
        };
        SchemaSet(vec![TableSchema {
            name: name.to_owned(),
            type_name: name.to_owned(),
            title: name.to_owned(),
            primary_key: vec![columns[0].0.to_owned()],
            alternate_keys: Vec::new(),
            company: None,
            columns: columns.iter().map(column).collect(),
            tracks_changes: true,
            modified: None,
        }])
    };
    let words = ColumnType::Text { max_length: None };
    let whole = ColumnType::Int {
        min: i64::MIN,
        max: i64::MAX,
    };
    let left = schema("L", &[("K", words.clone()), ("T", words.clone()), ("N", whole)]);
    let right = schema("r", &[("k", words.clone()), ("t", words)]);
    let Ok((map, _)) = CompiledMap::compile(&file, &left, &right) else {
        return;
    };
    let row = Row::new().with("K", "1").with("T", text).with("N", number);
    let fields = map.all_fields(Side::Left);
    let _ = map.translate(Side::Left, &row, &fields, &ResolvedLookups::new(), true);
});
