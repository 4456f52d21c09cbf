//! Laws that hold for any map file, any row and any pair of edits.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use duet_map::file::{
    Allowed, Company, Conflicts, Create, Deletes, Direction, End, Field, KeyPart, Mark, Marked,
};
use duet_map::{
    Code, Column, ColumnType, CompiledMap, MapFile, PerSide, Reference, ResolvedLookups, Row,
    SchemaSet, Side, TableSchema, Value,
};
use proptest::prelude::*;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use uuid::Uuid;

fn column(name: &str, ty: ColumnType, empty: Option<Value>) -> (String, Column) {
    let column = Column {
        name: name.to_owned(),
        ty,
        required: false,
        create: true,
        update: true,
        empty,
    };
    (name.to_lowercase(), column)
}

fn table(name: &str, columns: Vec<(String, Column)>) -> SchemaSet {
    SchemaSet(vec![TableSchema {
        name: name.to_owned(),
        type_name: name.to_owned(),
        title: name.to_owned(),
        primary_key: vec!["Id".to_owned()],
        alternate_keys: Vec::new(),
        company: None,
        columns: columns.into_iter().collect(),
        tracks_changes: true,
        modified: None,
    }])
}

fn symbols(name: &str, members: &[&str]) -> ColumnType {
    ColumnType::Enum {
        name: name.to_owned(),
        members: members.iter().map(|member| (*member).to_owned()).collect(),
    }
}

/// A table as F&O keeps it: numbers and symbols are never empty.
fn finance() -> SchemaSet {
    let text = || ColumnType::Text {
        max_length: Some(20),
    };
    let decimal = ColumnType::Decimal {
        scale: None,
        min: None,
        max: None,
    };
    table(
        "Workers",
        vec![
            column("Id", text(), None),
            column("Name", text(), None),
            column("Amount", decimal, Some(Value::Decimal(Decimal::ZERO))),
            column(
                "Count",
                ColumnType::Int {
                    min: -100,
                    max: 100,
                },
                Some(Value::Int(0)),
            ),
            column(
                "Flag",
                symbols("NoYes", &["No", "Yes"]),
                Some(Value::Symbol("No".into())),
            ),
            column(
                "Kind",
                symbols("Kind", &["Employee", "Contractor", "Both"]),
                Some(Value::Symbol("Employee".into())),
            ),
            column("Born", ColumnType::Date, None),
        ],
    )
}

/// Its counterpart as Dataverse keeps it: everything may be null, decimals have two digits.
fn sales() -> SchemaSet {
    let options = vec![(1, "One".to_owned()), (2, "Two".to_owned())];
    table(
        "workers",
        vec![
            column("Id", ColumnType::Text { max_length: None }, None),
            column("name", ColumnType::Text { max_length: None }, None),
            column(
                "amount",
                ColumnType::Decimal {
                    scale: Some(2),
                    min: None,
                    max: None,
                },
                None,
            ),
            column(
                "count",
                ColumnType::Int {
                    min: -100,
                    max: 100,
                },
                None,
            ),
            column("flag", ColumnType::Bool, None),
            column("kind", ColumnType::Choice { options }, None),
            column("born", ColumnType::DateTime, None),
        ],
    )
}

const PAIRS: [(&str, &str); 7] = [
    ("Id", "Id"),
    ("Name", "name"),
    ("Amount", "amount"),
    ("Count", "count"),
    ("Flag", "flag"),
    ("Kind", "kind"),
    ("Born", "born"),
];

/// The map between the two, or its mirror image with the sides and the master swapped.
fn map(mirrored: bool) -> CompiledMap {
    let flag = if mirrored {
        "{ False: no, True: yes }"
    } else {
        "{ no: False, yes: True }"
    };
    let kind = if mirrored {
        "{ 1: employee, 2: contractor }"
    } else {
        "{ employee: 1, contractor: 2, both: 1 }"
    };
    let line = |(left, right): &(&str, &str)| {
        let (a, b) = if mirrored {
            (right, left)
        } else {
            (left, right)
        };
        match *left {
            "Flag" => format!("  - {a} >< {b}: {flag}\n"),
            "Kind" => format!("  - {a} >< {b}: {kind}\n"),
            _ => format!("  - {a} = {b}\n"),
        }
    };
    let fields: Vec<String> = PAIRS.iter().map(line).collect();
    let (left, right, master) = if mirrored {
        ("workers", "Workers", "right")
    } else {
        ("Workers", "workers", "left")
    };
    let text = format!(
        "map: workers\nversion: 1.0.0\nwhy: Laws.\nleft: {{ entity: {left} }}\nright: {{ entity: {right} }}\n\
         company: shared\nkey: [Id = Id]\nmaster: {master}\nfields:\n{}",
        fields.concat()
    );
    let file = MapFile::parse(&text, "workers.yaml").unwrap();
    let (finance, sales) = (finance(), sales());
    let compiled = if mirrored {
        CompiledMap::compile(&file, &sales, &finance)
    } else {
        CompiledMap::compile(&file, &finance, &sales)
    };
    compiled.unwrap().0
}

static MAP: LazyLock<CompiledMap> = LazyLock::new(|| map(false));
static MIRROR: LazyLock<CompiledMap> = LazyLock::new(|| map(true));

fn finance_row() -> impl Strategy<Value = Row> {
    let symbol = |words: &'static [&'static str]| {
        prop::sample::select(words).prop_map(|word| Value::Symbol(word.to_owned()))
    };
    (
        "[a-c]{0,2}",
        -3i64..3,
        -3i64..3,
        symbol(&["No", "Yes"]),
        symbol(&["Employee", "Contractor", "Both"]),
        prop::option::of(1i8..4),
    )
        .prop_map(|(name, amount, count, flag, kind, born)| {
            Row::new()
                .with("Id", "w1")
                .with("Name", Value::text(name))
                .with("Amount", Value::Decimal(Decimal::new(amount, 2)))
                .with("Count", count)
                .with("Flag", flag)
                .with("Kind", kind)
                .with("Born", date(born))
        })
}

fn sales_row() -> impl Strategy<Value = Row> {
    (
        "[a-c]{0,2}",
        prop::option::of(-3i64..3),
        prop::option::of(-3i64..3),
        prop::option::of(any::<bool>()),
        prop::option::of(1i64..3),
        prop::option::of(1i8..4),
    )
        .prop_map(|(name, amount, count, flag, kind, born)| {
            let moment = date(born);
            let moment = match moment {
                Value::Date(date) => {
                    let zone = jiff::tz::TimeZone::UTC;
                    Value::DateTime(zone.to_timestamp(date.at(12, 0, 0, 0)).unwrap())
                }
                other => other,
            };
            Row::new()
                .with("Id", "w1")
                .with("name", Value::text(name))
                .with(
                    "amount",
                    amount.map_or(Value::Null, |n| Value::Decimal(Decimal::new(n, 2))),
                )
                .with("count", count.map_or(Value::Null, Value::Int))
                .with("flag", flag.map_or(Value::Null, Value::Bool))
                .with("kind", kind.map_or(Value::Null, Value::Int))
                .with("born", moment)
        })
}

fn date(day: Option<i8>) -> Value {
    day.map_or(Value::Null, |day| {
        Value::Date(jiff::civil::date(2024, 1, day))
    })
}

/// What one side's change makes of the other: the road's steps without a system.
fn carry(
    map: &CompiledMap,
    from: Side,
    rows: &mut PerSide<Row>,
    images: &mut PerSide<Row>,
) -> usize {
    let to = from.other();
    let row = rows[from].clone();
    let changed = map.diff(from, &row, &images[from]);
    if changed.is_empty() {
        return 0;
    }
    let translation = map.translate(from, &row, &changed, &ResolvedLookups::new(), false);
    assert!(
        translation.problems.is_empty(),
        "{:?}",
        translation.problems
    );
    let merged = map.merge(
        from,
        &row,
        Some(&images[to]),
        Some(&rows[to]),
        &translation,
        Some(&images[from]),
    );
    let before = rows[to].clone();
    for (column, value) in merged.write.iter() {
        rows[to].set(column, value.clone());
    }
    images[from] = map.image(from, &row);
    let settled = merged.settled(Some(&before));
    images[to] = map.settle_image(to, Some(&images[to]), &settled, &rows[to]);
    merged.write.iter().count()
}

proptest! {
    #[test]
    fn both_sides_agree_after_a_few_steps_whatever_was_edited(
        left in finance_row(), right in sales_row(), left_edit in finance_row(), right_edit in sales_row(),
        left_first in any::<bool>(),
    ) {
        let map = &*MAP;
        // They agree first: the left row is carried over a right row that it knows.
        let mut rows = PerSide { left, right: right.clone() };
        let fields = map.all_fields(Side::Left);
        let translation = map.translate(Side::Left, &rows.left, &fields, &ResolvedLookups::new(), false);
        for column in &translation.columns {
            rows.right.set(column.column.clone(), column.value.clone());
        }
        let mut images = PerSide { left: map.image(Side::Left, &rows.left), right: map.image(Side::Right, &rows.right) };
        // Then both are edited at once.
        rows = PerSide { left: left_edit, right: right_edit };
        let mut from = if left_first { Side::Left } else { Side::Right };
        let mut quiet = 0;
        let mut steps = 0;
        while quiet < 2 {
            quiet = if carry(map, from, &mut rows, &mut images) == 0 { quiet + 1 } else { 0 };
            from = from.other();
            steps += 1;
            prop_assert!(steps < 10, "it bounces: {rows:?}");
        }
        // What each side holds says the same as the other.
        let there = map.translate(Side::Left, &rows.left, &fields, &ResolvedLookups::new(), false);
        let merged = map.merge(Side::Left, &rows.left, None, Some(&rows.right), &there, None);
        prop_assert!(merged.write.is_empty() && merged.conflicts.is_empty() && merged.kept.is_empty(), "{merged:?} of {rows:?}");
    }

    #[test]
    fn an_edit_of_one_side_alone_is_never_dropped(base in sales_row(), edit in sales_row(), which in 1usize..7) {
        let map = &*MAP;
        let mut rows = PerSide { left: Row::new().with("Id", "w1"), right: base };
        let fields = map.all_fields(Side::Right);
        let back = map.translate(Side::Right, &rows.right, &fields, &ResolvedLookups::new(), true);
        for column in &back.columns {
            rows.left.set(column.column.clone(), column.value.clone());
        }
        let mut images = PerSide { left: map.image(Side::Left, &rows.left), right: map.image(Side::Right, &rows.right) };
        // The left edits one column, the right another.
        let column = PAIRS[which].1;
        rows.right.set(column, edit.value(column).clone());
        let name = if which == 1 { "Count" } else { "Name" };
        let left_value = if which == 1 { Value::Int(42) } else { Value::from("left") };
        rows.left.set(name, left_value.clone());
        carry(map, Side::Left, &mut rows, &mut images);
        carry(map, Side::Right, &mut rows, &mut images);
        carry(map, Side::Left, &mut rows, &mut images);
        prop_assert_eq!(rows.left.value(name), &left_value);
        let rule = map.image(Side::Right, &rows.right);
        let wanted = map.image(Side::Right, &Row::new().with(column, edit.value(column).clone()));
        prop_assert_eq!(rule.value(column), wanted.value(column));
    }

    #[test]
    fn a_merge_twice_is_a_merge_once(left in finance_row(), right in sales_row(), base in sales_row()) {
        let map = &*MAP;
        let fields = map.all_fields(Side::Left);
        let translation = map.translate(Side::Left, &left, &fields, &ResolvedLookups::new(), false);
        let base = map.image(Side::Right, &base);
        let merged = map.merge(Side::Left, &left, Some(&base), Some(&right), &translation, None);
        let mut after = right.clone();
        for (column, value) in merged.write.iter() {
            after.set(column, value.clone());
        }
        let image = map.settle_image(Side::Right, Some(&base), &merged.settled(Some(&right)), &after);
        let again = map.merge(Side::Left, &left, Some(&image), Some(&after), &translation, None);
        prop_assert!(again.write.is_empty(), "{again:?}");
    }

    #[test]
    fn the_mirrored_map_merges_the_mirrored_way(left in finance_row(), right in sales_row(), base in sales_row()) {
        let (map, mirror) = (&*MAP, &*MIRROR);
        let resolved = ResolvedLookups::new();
        let fields = map.all_fields(Side::Left);
        let base = map.image(Side::Right, &base);
        // `Both` has no place in the mirror's value map, whose left values must differ.
        prop_assume!(left.value("Kind") != &Value::Symbol("Both".into()));
        let translation = map.translate(Side::Left, &left, &fields, &resolved, false);
        let merged = map.merge(Side::Left, &left, Some(&base), Some(&right), &translation, None);
        let fields = mirror.all_fields(Side::Right);
        let translation = mirror.translate(Side::Right, &left, &fields, &resolved, false);
        let reflected = mirror.merge(Side::Right, &left, Some(&base), Some(&right), &translation, None);
        prop_assert_eq!(&merged.write, &reflected.write);
        prop_assert_eq!(&merged.agreed, &reflected.agreed);
        prop_assert_eq!(&merged.kept, &reflected.kept);
        prop_assert_eq!(merged.conflicts.len(), reflected.conflicts.len());
        for (one, other) in merged.conflicts.iter().zip(&reflected.conflicts) {
            prop_assert_eq!(one.winner, other.winner.map(Side::other));
            prop_assert_eq!((&one.left, &one.right), (&other.right, &other.left));
        }
    }

    #[test]
    fn there_and_back_is_where_it_began(left in finance_row()) {
        let map = &*MAP;
        let resolved = ResolvedLookups::new();
        let there = map.translate(Side::Left, &left, &map.all_fields(Side::Left), &resolved, true);
        let right: Row = there.columns.into_iter().map(|c| (c.column, c.value)).collect();
        prop_assert_eq!(map.check(Side::Right, &right, true), []);
        let back = map.translate(Side::Right, &right, &map.all_fields(Side::Right), &resolved, true);
        let mut again: Row = back.columns.into_iter().map(|c| (c.column, c.value)).collect();
        if left.value("Kind") == &Value::Symbol("Both".into()) {
            // Two members share an option; the first listed comes back.
            prop_assert_eq!(again.value("Kind"), &Value::Symbol("Employee".into()));
            again.set("Kind", Value::Symbol("Both".into()));
        }
        prop_assert!(map.diff(Side::Left, &again, &map.image(Side::Left, &left)).is_empty(), "{again:?}");
    }

    #[test]
    fn both_sides_make_one_key(left in finance_row(), id in "[A-C]{1,3} {0,2}") {
        let map = &*MAP;
        let resolved = ResolvedLookups::new();
        let one = map.key(Side::Left, &left.with("Id", id.as_str()), &resolved).unwrap();
        let other = map.key(Side::Right, &Row::new().with("Id", id.trim().to_lowercase().as_str()), &resolved);
        prop_assert_eq!(one, other.unwrap());
    }

    #[test]
    fn a_day_in_a_key_is_one_day_on_both_sides(day in 1i8..29, hour in 0i8..24) {
        let file = "map: m\nversion: 1.0.0\nwhy: Laws.\nleft: { entity: Workers }\nright: { entity: workers }\n\
            company: shared\nkey: [Born = born]\nmaster: left\nfields:\n  - Born = born\n";
        let file = MapFile::parse(file, "m.yaml").unwrap();
        let (map, _) = CompiledMap::compile(&file, &finance(), &sales()).unwrap();
        let date = jiff::civil::date(2024, 2, day);
        let moment = jiff::tz::TimeZone::UTC.to_timestamp(date.at(hour, 30, 0, 0)).unwrap();
        let resolved = ResolvedLookups::new();
        let left = map.key(Side::Left, &Row::new().with("Born", Value::Date(date)), &resolved).unwrap();
        let right = map.key(Side::Right, &Row::new().with("born", Value::DateTime(moment)), &resolved).unwrap();
        prop_assert_eq!(left, right);
    }

    #[test]
    fn no_row_panics(row in any_row(), other in any_row(), from_left in any::<bool>()) {
        let map = &*MAP;
        let from = if from_left { Side::Left } else { Side::Right };
        let resolved = ResolvedLookups::new();
        let fields = map.all_fields(from);
        let image = map.image(from.other(), &other);
        let _ = map.key(from, &row, &resolved);
        let _ = map.diff(from, &row, &image);
        let _ = map.needs(from, &row, &fields, true);
        let translation = map.translate(from, &row, &fields, &resolved, true);
        let merged = map.merge(from, &row, Some(&image), Some(&other), &translation, None);
        let _ = map.check(from.other(), &merged.write, false);
        let _ = map.settle_image(from.other(), None, &merged.write, &other);
    }

    #[test]
    fn a_map_file_is_read_as_it_was_printed(file in any_file()) {
        let text = file.to_yaml();
        let read = MapFile::parse(&text, "printed.yaml");
        prop_assert_eq!(read.as_ref(), Ok(&file), "{}", text);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = MapFile::parse(&text, "any.yaml");
    }

    #[test]
    fn no_likely_text_panics(text in "(map|left|fields|key|: |- |\\[|\\]|\\{|\\}|=|>|<|\"|'|\n|  |a|,|#|&|\\*|!|\\|){0,60}") {
        let _ = MapFile::parse(&text, "any.yaml");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (any::<i64>(), 0u32..28).prop_map(|(n, scale)| Value::Decimal(Decimal::new(n, scale))),
        "\\PC{0,30}".prop_map(Value::text),
        (-9998i16..9998, 1i8..13, 1i8..29)
            .prop_map(|(y, m, d)| Value::Date(jiff::civil::date(y, m, d))),
        Just(Value::DateTime(jiff::Timestamp::MAX)),
        Just(Value::DateTime(jiff::Timestamp::MIN)),
        any::<u128>().prop_map(|n| Value::Guid(Uuid::from_u128(n))),
        "\\PC{0,10}".prop_map(Value::Symbol),
        "[a-z]{0,8}".prop_map(|table| Value::Reference(Reference {
            table,
            id: Uuid::nil()
        })),
    ]
}

fn any_row() -> impl Strategy<Value = Row> {
    let names: Vec<&str> = PAIRS
        .iter()
        .flat_map(|(left, right)| [*left, *right])
        .collect();
    prop::collection::btree_map(prop::sample::select(names), any_value(), 0..14).prop_map(
        |columns| {
            columns
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()
        },
    )
}

fn allowed() -> impl Strategy<Value = Allowed> {
    (
        "[ -~]{1,12}",
        prop::option::of("[a-z_]{1,8}"),
        1000..2000u16,
    )
        .prop_map(|(why, column, code)| Allowed {
            code: Marked::unplaced(Code(code)),
            column,
            why: why.trim().to_owned() + ".",
        })
}

fn any_file() -> impl Strategy<Value = MapFile> {
    let word = || {
        "[A-Za-z_][A-Za-z0-9_]{0,8}"
            .prop_filter("`none` means that there is no column", |w| w != "none")
    };
    let text = || {
        prop_oneof![
            "[ -~äß\u{2028}\t]{1,20}",
            Just("no".to_owned()),
            Just("1.0".to_owned()),
            Just("1/1/1900".to_owned())
        ]
    };
    let value = || prop_oneof![text(), Just(String::new()), Just("line\nbreak".to_owned())];
    let path = move || {
        prop_oneof![
            word(),
            (word(), word()).prop_map(|(a, b)| format!("{a}.{b}")),
            (word(), word(), word()).prop_map(|(a, b, c)| format!("{a}.{b}({c}).X(y)")),
        ]
    };
    let direction = prop::sample::select(Direction::ALL.to_vec());
    let pairs = prop::collection::btree_map(value(), value(), 1..7);
    let field = (
        path(),
        path(),
        direction,
        pairs,
        prop::option::of(value()),
        prop::option::of(prop::sample::select(Conflicts::ALL.to_vec())),
        prop::option::of(prop::collection::vec((path(), value()), 0..3)),
        0u8..5,
    )
        .prop_map(
            |(left, right, direction, pairs, default, policy, create, shape)| {
                let marked = |text: String| Marked::unplaced(text);
                let values = pairs
                    .into_iter()
                    .map(|(a, b)| (marked(a), marked(b)))
                    .collect();
                let mut field = Field {
                    at: Mark::default(),
                    left: Some(marked(left)),
                    right: Some(marked(right)),
                    direction,
                    values,
                    default: default.map(marked),
                    expression: None,
                    conflicts: policy.map(Marked::unplaced),
                    create: create.map(|columns| Create {
                        at: Mark::default(),
                        columns: columns
                            .into_iter()
                            .map(|(a, b)| (marked(a), marked(b)))
                            .collect(),
                    }),
                };
                match shape {
                    0 => {
                        field.left = None;
                        field.direction = Direction::ToRightTransformed;
                        field.values.clear();
                    }
                    1 => {
                        field.right = None;
                        field.direction = Direction::ToLeftTransformed;
                        field.values.clear();
                    }
                    2 => {
                        field.left = None;
                        field.direction = Direction::ToRightTransformed;
                        field.values.clear();
                        field.default = None;
                        let text = "concat(trim(A),' (a ''b'' ')";
                        field.expression = Some(Marked::from(text));
                    }
                    _ if !direction.is_transformed() => {
                        field.values.clear();
                        field.default = None;
                    }
                    _ => {}
                }
                if field.left.is_none() || field.right.is_none() {
                    if field.expression.is_none() {
                        field.default.get_or_insert_with(|| Marked::from("x"));
                    }
                    field.conflicts = None;
                    field.create = None;
                }
                field
            },
        );
    let end = move || {
        (text(), prop::option::of(text())).prop_map(|(entity, filter)| End {
            entity: Marked::unplaced(entity),
            filter: filter.map(Marked::unplaced),
        })
    };
    let key = (path(), path()).prop_map(|(left, right)| KeyPart {
        left: Marked::unplaced(left),
        right: Marked::unplaced(right),
    });
    (
        (text(), text(), text(), end(), end()),
        (
            any::<bool>(),
            any::<bool>(),
            (0usize..3, prop::sample::select(Conflicts::ALL.to_vec())),
            prop::collection::vec((word(), value()), 0..3),
            prop::option::of(any::<bool>()),
        ),
        prop::collection::vec(key, 1..4),
        prop::collection::vec(field, 0..6),
        prop::collection::vec(text(), 0..3),
        prop::collection::vec(allowed(), 0..3),
    )
        .prop_map(
            |(
                (map, version, why, left, right),
                (shared, master, (deletes, conflicts), columns, allocates),
                key,
                fields,
                assumed,
                allow,
            )| {
                let side = |left: bool| if left { Side::Left } else { Side::Right };
                let deletes = [Deletes::Propagate, Deletes::Ignore, Deletes::Deactivate][deletes];
                let mut deactivate = PerSide::default();
                if deletes == Deletes::Deactivate {
                    let columns: BTreeMap<String, String> = columns.into_iter().collect();
                    let marked = |text: String| Marked::unplaced(text);
                    deactivate[side(shared)] = columns
                        .into_iter()
                        .map(|(a, b)| (marked(a), marked(b)))
                        .collect();
                }
                MapFile {
                    map: Marked::unplaced(map),
                    version: Marked::unplaced(version),
                    why,
                    ends: PerSide { left, right },
                    company: Marked::unplaced(if shared {
                        Company::Shared
                    } else {
                        Company::PerCompany
                    }),
                    key,
                    master: side(master),
                    conflicts: Marked::unplaced(conflicts),
                    deletes: Marked::unplaced(deletes),
                    deactivate,
                    allocates: allocates.map(side),
                    fields,
                    assumed,
                    allow,
                }
            },
        )
}
