//! Exported documents as rows of `msdyn_dualwriteentitymaps`, the table that Dual-write keeps its
//! maps in: for an environment and for a solution.
//!
//! What a row said when it was imported it says again; a map of Duet's own gets what the table
//! cannot do without. Every saved version of a map is a row of its own, so a new version is one too.

use duet_map::file::MapFile;
use duet_map::microsoft::Carried;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

/// The column that identifies a row.
pub(super) const ID: &str = "msdyn_dualwriteentitymapid";

/// The name space of the identifiers of rows that came from no environment.
const ROWS: Uuid = Uuid::from_u128(0x6475_6574_2d65_7870_6f72_742d_726f_7773);

/// A row to write.
#[derive(Debug, Clone)]
pub struct Row {
    /// The maps of the project that it was written from.
    pub maps: Vec<String>,
    /// The identifier that it came with, or one made of its name and version.
    pub id: Uuid,
    /// Its name in the table.
    pub name: String,
    /// Its version, of four numbers.
    pub version: String,
    /// Its further columns, texts all of them.
    pub more: Vec<(String, String)>,
    /// The document.
    pub mapping: Json,
}

impl Row {
    /// The row of a document; `file` is the first map that was written into it.
    pub fn new(
        file: &MapFile,
        maps: Vec<String>,
        carried: Option<&Carried>,
        mapping: Json,
    ) -> Self {
        let empty = Map::new();
        let record = carried.map_or(&empty, |carried| &carried.record);
        let said = |column: &str| record.get(column).and_then(Json::as_str);
        let name = said("msdyn_name").unwrap_or(&file.map.value).to_owned();
        let version = of_four(&file.version.value);
        let same_version = said("msdyn_version").is_some_and(|known| of_four(known) == version);
        let id = said(ID)
            .filter(|_| same_version)
            .and_then(|id| Uuid::parse_str(id).ok())
            .unwrap_or_else(|| Uuid::new_v5(&ROWS, format!("{name}/{version}").as_bytes()));
        let title = mapping.get("name").and_then(Json::as_str);
        let mut more = vec![
            (
                "msdyn_displayname".to_owned(),
                said("msdyn_displayname")
                    .or(title)
                    .unwrap_or(&name)
                    .to_owned(),
            ),
            (
                "msdyn_description".to_owned(),
                said("msdyn_description").unwrap_or(&file.why).to_owned(),
            ),
        ];
        let properties = said("msdyn_properties").map(str::to_owned);
        more.extend(properties.map(|text| ("msdyn_properties".to_owned(), text)));
        Self {
            maps,
            id,
            name,
            version,
            more,
            mapping,
        }
    }

    /// Every column with its text, the identifier left out.
    pub fn columns(&self) -> Vec<(String, String)> {
        let mut columns = vec![
            ("msdyn_name".to_owned(), self.name.clone()),
            ("msdyn_version".to_owned(), self.version.clone()),
        ];
        columns.extend(self.more.iter().cloned());
        columns.push(("msdyn_mapping".to_owned(), self.mapping.to_string()));
        columns
    }
}

/// A version as the table has them: `1.0.0` is `1.0.0.0`.
fn of_four(version: &str) -> String {
    let mut parts: Vec<&str> = version.trim().split('.').collect();
    while parts.len() < 4 {
        parts.push("0");
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MAP: &str = "map: units\nversion: 1.0.0\nwhy: Units.\nleft: { entity: Units }\nright: { entity: uoms }\ncompany: shared\nkey: [A = a]\nmaster: left\nfields:\n  - A = a\n";

    fn row(version: &str, record: Json) -> Row {
        let text = MAP.replace("1.0.0", version);
        let file = MapFile::parse(&text, "units.yaml").unwrap();
        let Json::Object(record) = record else {
            panic!("an object")
        };
        let carried = Carried::new(0, record, json!({}));
        Row::new(&file, vec!["units".into()], Some(&carried), json!({}))
    }

    #[test]
    fn a_row_that_came_goes_back_under_its_identifier_unless_its_version_is_new() {
        let id = Uuid::from_u128(7);
        let record = json!({ ID: id.to_string(), "msdyn_name": "u", "msdyn_version": "1.0.0.3" });
        let same = row("1.0.0.3", record.clone());
        assert_eq!((same.id, same.name.as_str()), (id, "u"));
        let newer = row("1.0.0.4", record.clone());
        assert_ne!(newer.id, id);
        assert_eq!(
            newer.id,
            row("1.0.0.4", record).id,
            "and always the same one"
        );
    }

    #[test]
    fn a_map_of_ones_own_gets_what_the_table_needs() {
        let row = row("2.1", json!({}));
        let columns = row.columns();
        assert_eq!(columns[0], ("msdyn_name".to_owned(), "units".to_owned()));
        assert_eq!(columns[1].1, "2.1.0.0");
        assert_eq!(columns[3].1, "Units.");
    }
}
