//! The examples of the documentation are maps that work.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod published;

use duet_map::file::Direction;
use duet_map::{CompiledMap, MapFile};

const PAGE: &str = include_str!("../../../docs/reference/map-language.md");

fn examples() -> Vec<&'static str> {
    let after = PAGE.split("```yaml\n").skip(1);
    after
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn the_map_of_the_reference_compiles() {
    let file = MapFile::parse(examples()[0], "map-language.md").unwrap();
    let (map, found) =
        CompiledMap::compile(&file, published::finops(), published::dataverse()).unwrap();
    assert_eq!(found, []);
    assert_eq!(map.id(), "customers-v3.accounts");
}

#[test]
fn the_long_form_means_what_the_short_form_does() {
    let example = examples()[0];
    let (head, _) = example.split_once("fields:\n").unwrap();
    let parse = |fields: &str| MapFile::parse(&format!("{head}fields:\n{fields}"), "x.yaml");
    let mut long = parse(examples()[1]).unwrap();
    // Who wins over one field can be said in the long form only.
    assert!(long.fields[0].conflicts.take().is_some());
    let short = parse(
        "  - CREDITLIMITISMANDATORY >< msdyn_creditlimitismandatory default no: { no: False, yes: True }\n",
    );
    assert_eq!(long.fields, short.unwrap().fields);
    assert_eq!(long.fields[0].direction, Direction::BothTransformed);
}
