//! Tables that are keyed by GUIDs on both sides and point at each other through lookups.

use crate::pair::{Desk, Pair};
use duet_engine::{Engine, Project, Settings, SystemClock};
use duet_map::CompiledMap;
use duet_map::file::MapFile;
use duet_map::record::RecordId;
use duet_map::schema::{ColumnType, SchemaSet, TableSchema};
use duet_map::side::Side;
use duet_map::value::Row;
use duet_simulation::landscape::{self, lookup, reference, text};
use duet_simulation::system::{ModelSystem, Quirks};
use duet_store::sqlite::SqliteStore;
use std::sync::Arc;
use std::time::Duration;

const ORDERS: &str = "
map: orders
version: 1.0.0
why: Both services work on one order.
left: { entity: Orders }
right: { entity: heads }
company: shared
key: [number = number]
master: left
fields:
  - number = number
";

const LINES: &str = "
map: lines
version: 1.0.0
why: Lines follow their order.
left: { entity: Lines }
right: { entity: rows }
company: shared
key: [line = line]
master: left
fields:
  - line = line
  - order = order
";

fn table(name: &str, columns: &[(&str, ColumnType)]) -> TableSchema {
    TableSchema {
        primary_key: vec!["ID".to_owned()],
        modified: None,
        ..landscape::table(name, name, columns)
    }
}

fn schemas(orders: &str, lines: &str) -> SchemaSet {
    let order = lookup(orders, orders, "order");
    SchemaSet(vec![
        table(orders, &[("ID", ColumnType::Guid), ("number", text(20))]),
        table(
            lines,
            &[
                ("ID", ColumnType::Guid),
                ("order", order),
                ("line", text(20)),
            ],
        ),
    ])
}

fn pair() -> Pair {
    let desk = |side, schemas| {
        let system = ModelSystem::quiet(side, Quirks::DATAVERSE, schemas);
        Desk(Arc::new(system))
    };
    Pair {
        left: desk(Side::Left, schemas("Orders", "Lines")),
        right: desk(Side::Right, schemas("heads", "rows")),
        store: Arc::new(SqliteStore::open_in_memory().unwrap()),
    }
}

fn engine(pair: &Pair, lines: &str) -> Engine {
    let maps = [lines, ORDERS].map(|map| {
        let file = MapFile::parse(map, "test.yaml").unwrap();
        let compiled = CompiledMap::compile(
            &file,
            &schemas("Orders", "Lines"),
            &schemas("heads", "rows"),
        );
        compiled.unwrap_or_else(|e| panic!("{e:#?}")).0
    });
    let settings = Settings {
        retry_after: Duration::from_millis(1),
        retry_at_most: Duration::from_millis(5),
        ..Settings::default()
    };
    let project = Project::build(maps.into(), []);
    pair.engine_over(project, settings, Arc::new(SystemClock))
}

fn order(desk: &Desk, table: &str, number: &str) -> RecordId {
    desk.create(table, Row::new().with("number", number))
}

/// The number of the order that a line points at.
fn order_of(desk: &Desk, lines: &str, orders: &str, line: &str) -> String {
    let (_, row) = desk
        .find_by(lines, "line", line)
        .expect("the line is there");
    let order = row
        .value("order")
        .as_reference()
        .expect("it has an order")
        .clone();
    let row = desk.row(orders, &RecordId(order.id.to_string())).unwrap();
    row.value("number").as_str().unwrap().to_owned()
}

#[tokio::test]
async fn references_follow_pairs_both_ways() {
    for between in ["order = order", "order.number = order.number"] {
        let pair = pair();
        let first = order(&pair.left, "Orders", "A-1");
        let line = Row::new()
            .with("line", "1")
            .with("order", reference("Orders", &first));
        let line = pair.left.create("Lines", line);
        let engine = engine(&pair, &LINES.replace("order = order", between));
        engine.sync().await.unwrap();
        engine.quiesce().await.unwrap();
        assert_eq!(
            order_of(&pair.right, "rows", "heads", "1"),
            "A-1",
            "{between}"
        );

        // A new order with a line of its own on the right, and a line that changes its order.
        let second = order(&pair.right, "heads", "B-2");
        let row = Row::new()
            .with("line", "2")
            .with("order", reference("heads", &second));
        pair.right.create("rows", row);
        engine.quiesce().await.unwrap();
        assert_eq!(
            order_of(&pair.left, "Lines", "Orders", "2"),
            "B-2",
            "{between}"
        );
        let (second, _) = pair.left.find_by("Orders", "number", "B-2").unwrap();
        pair.left.edit(
            "Lines",
            &line,
            Row::new().with("order", reference("Orders", &second)),
        );
        engine.quiesce().await.unwrap();
        assert_eq!(
            order_of(&pair.right, "rows", "heads", "1"),
            "B-2",
            "{between}"
        );

        assert!(pair.parked().await.is_empty(), "{between}");
        pair.assert_balanced().await;
        let writes = pair.writes();
        engine.sync().await.unwrap();
        engine.quiesce().await.unwrap();
        assert_eq!(pair.writes(), writes, "a second sync writes nothing");
    }
}

#[tokio::test]
async fn lines_may_be_keyed_by_their_order() {
    let keyed = LINES
        .replace("order = order", "order.number = order.number")
        .replace(
            "[line = line]",
            "[order.number = order.number, line = line]",
        );
    let pair = pair();
    for number in ["A-1", "B-2"] {
        let here = order(&pair.left, "Orders", number);
        let there = order(&pair.right, "heads", number);
        let line = |table: &str, order: &RecordId| {
            Row::new()
                .with("line", "1")
                .with("order", reference(table, order))
        };
        pair.left.create("Lines", line("Orders", &here));
        pair.right.create("rows", line("heads", &there));
    }
    let engine = engine(&pair, &keyed);
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    assert_eq!(pair.left.rows("Lines").len(), 2, "each met its twin");
    assert_eq!(pair.right.rows("rows").len(), 2);
    assert!(pair.parked().await.is_empty());
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_line_waits_for_its_order() {
    let pair = pair();
    let engine = engine(&pair, LINES);
    engine.sync().await.unwrap();
    // The order has no number yet, so it cannot travel.
    let order = pair.left.create("Orders", Row::new());
    let line = Row::new()
        .with("line", "1")
        .with("order", reference("Orders", &order));
    pair.left.create("Lines", line);
    engine.quiesce().await.unwrap();
    assert!(pair.right.find_by("rows", "line", "1").is_none());
    pair.left
        .edit("Orders", &order, Row::new().with("number", "A-1"));
    engine.quiesce().await.unwrap();
    assert_eq!(order_of(&pair.right, "rows", "heads", "1"), "A-1");
    assert!(pair.parked().await.is_empty());
    pair.assert_balanced().await;
}
