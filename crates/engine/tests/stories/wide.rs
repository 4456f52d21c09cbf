//! A pair of systems without companies and parties: kinds and items. An item refers to twelve kinds,
//! and a kind to its best item, so that neither table can be read whole before the other.

use crate::pair::Pair;
use duet_engine::{Engine, Project};
use duet_map::CompiledMap;
use duet_map::file::MapFile;
use duet_map::schema::{ColumnType, SchemaSet, TableSchema};
use duet_map::side::Side;
use duet_simulation::landscape::{lookup, table, text};
use duet_simulation::system::{ModelSystem, Quirks};

/// How many kinds an item refers to.
pub const LOOKUPS: usize = 12;

const KINDS: &str = "
map: kinds
version: 1.0.0
why: Both sides sort items in the same way.
left: { entity: Kinds }
right: { entity: duet_kinds }
company: shared
key: [NAME = duet_name]
master: left
fields:
  - NAME = duet_name
  - BESTITEM = duet_bestitem.duet_number
";

const ITEMS: &str = "
map: items
version: 1.0.0
why: Both sides sell the same items.
left: { entity: Items }
right: { entity: duet_items }
company: shared
key: [NUMBER = duet_number]
master: left
fields:
  - NUMBER = duet_number
";

fn keyed(mut table: TableSchema, primary: &str, alternate: Option<&str>) -> TableSchema {
    table.primary_key = vec![primary.into()];
    table.alternate_keys = alternate.into_iter().map(|key| vec![key.into()]).collect();
    table
}

fn left() -> SchemaSet {
    let names: Vec<String> = (1..=LOOKUPS).map(|place| format!("Kind{place}")).collect();
    let mut items = vec![("Number", text(20))];
    items.extend(names.iter().map(|name| (name.as_str(), text(20))));
    let kinds = [("Name", text(20)), ("BestItem", text(20))];
    SchemaSet(vec![
        keyed(table("Kinds", "Kind", &kinds), "Name", None),
        keyed(table("Items", "Item", &items), "Number", None),
    ])
}

fn right() -> SchemaSet {
    let names: Vec<String> = (1..=LOOKUPS).map(right_kind).collect();
    let to_kind = |name: &String| lookup("duet_kinds", "duet_kind", name);
    let mut items = vec![("duet_itemid", ColumnType::Guid), ("duet_number", text(20))];
    items.extend(names.iter().map(|name| (name.as_str(), to_kind(name))));
    let kinds = [
        ("duet_kindid", ColumnType::Guid),
        ("duet_name", text(20)),
        (
            "duet_bestitem",
            lookup("duet_items", "duet_item", "duet_bestitem"),
        ),
    ];
    let kinds = table("duet_kinds", "duet_kind", &kinds);
    let items = table("duet_items", "duet_item", &items);
    SchemaSet(vec![
        keyed(kinds, "duet_kindid", Some("duet_name")),
        keyed(items, "duet_itemid", Some("duet_number")),
    ])
}

/// The column of the right side's item that refers to a kind.
pub fn right_kind(place: usize) -> String {
    format!("duet_kind{place}")
}

/// Two empty systems.
pub fn pair() -> Pair {
    Pair::of(
        ModelSystem::quiet(Side::Left, Quirks::FINOPS, left()),
        ModelSystem::quiet(Side::Right, Quirks::DATAVERSE, right()),
    )
}

/// An engine with the two maps and no company.
pub fn engine(pair: &Pair) -> Engine {
    let mut items = ITEMS.to_owned();
    for place in 1..=LOOKUPS {
        let line = format!("  - KIND{place} = {}.duet_name\n", right_kind(place));
        items.push_str(&line);
    }
    let maps = [KINDS, &items].map(|text| {
        let file = MapFile::parse(text, "wide.yaml").unwrap_or_else(|e| panic!("{e:#?}"));
        let compiled = CompiledMap::compile(&file, &left(), &right());
        compiled.unwrap_or_else(|e| panic!("{e:#?}")).0
    });
    pair.engine_of(Project::build(maps.into(), []))
}
