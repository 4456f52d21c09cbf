//! Reads the published facts: tab-separated files with one header line and no quoting.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail};

/// All facts that generators use.
pub(crate) struct Facts {
    pub(crate) maps: Vec<TableMap>,
    pub(crate) map_fields: Vec<MapField>,
    pub(crate) entity_fields: Vec<EntityField>,
    pub(crate) columns: Vec<PublishedColumn>,
}

/// One out-of-the-box table map.
pub(crate) struct TableMap {
    pub(crate) id: String,
    pub(crate) package: String,
    /// Title of the F&O entity.
    pub(crate) title: String,
    /// Name of the F&O entity in the application object tree; empty where it is not published.
    pub(crate) object: String,
    pub(crate) entity_set: String,
    /// `per-company`, `shared` or empty where it is not published.
    pub(crate) company: String,
    /// X++ query range.
    pub(crate) finops_filter: String,
    /// `OData` filter.
    pub(crate) dataverse_filter: String,
}

/// One line of a map.
pub(crate) struct MapField {
    pub(crate) map_id: String,
    /// F&O field in upper case, or `none`.
    pub(crate) field: String,
    /// The arrow: `=`, `>`, `<`, `><`, `>>` or `<<`.
    pub(crate) direction: String,
    /// Dataverse column or lookup path, or `none`.
    pub(crate) path: String,
    pub(crate) default: String,
    /// Pairs of an F&O value and a Dataverse value.
    pub(crate) values: Vec<(String, String)>,
}

/// One field of a published F&O entity.
pub(crate) struct EntityField {
    pub(crate) object: String,
    pub(crate) name: String,
    pub(crate) mandatory: bool,
}

/// One column of a published Dataverse table.
pub(crate) struct PublishedColumn {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) max_length: Option<u32>,
    pub(crate) required: String,
    /// `low..high`, or empty.
    pub(crate) range: String,
    /// Options `1=A | 2=B`, or lookup targets `Contact|Account`.
    pub(crate) options: String,
    pub(crate) label: String,
}

/// A line that a published map leaves out although its entity cannot do without.
pub(crate) struct AssumedLine {
    pub(crate) map_id: &'static str,
    pub(crate) field: &'static str,
    pub(crate) direction: &'static str,
    pub(crate) path: &'static str,
    /// Why it must be there; it stands in the map's `assumed`.
    pub(crate) reason: &'static str,
}

/// Every line that is not published.
pub(crate) const ASSUMED_LINES: &[AssumedLine] = &[AssumedLine {
    map_id: "104",
    field: "LEGALENTITYID",
    direction: "=",
    path: "cdm_companyid.cdm_companycode",
    reason: "the published entity demands LegalEntityId and the map is called per company, \
             but the published map has no line for it",
}];

impl Facts {
    /// Reads the facts in `folder`.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let maps = rows(folder, "table-maps.tsv")?
            .iter()
            .map(|row| TableMap {
                id: row.text("map_id"),
                package: row.text("package"),
                title: row.text("finops_entity_title"),
                object: row.text("finops_entity_name"),
                entity_set: row.text("dataverse_entity_set"),
                company: row.text("company"),
                finops_filter: row.text("finops_filter"),
                dataverse_filter: row.text("dataverse_filter"),
            })
            .collect();
        let mut map_fields: Vec<MapField> = rows(folder, "table-map-fields.tsv")?
            .iter()
            .map(|row| MapField {
                map_id: row.text("map_id"),
                field: upper_field(&row.text("finops_field")),
                direction: row.text("direction"),
                path: row.text("dataverse_column"),
                default: row.text("default_value"),
                values: value_map(&row.text("value_map")),
            })
            .collect();
        map_fields.extend(ASSUMED_LINES.iter().map(|line| MapField {
            map_id: line.map_id.to_owned(),
            field: line.field.to_owned(),
            direction: line.direction.to_owned(),
            path: line.path.to_owned(),
            default: String::new(),
            values: Vec::new(),
        }));
        let entity_fields = rows(folder, "finops-entity-fields.tsv")?
            .iter()
            .map(|row| EntityField {
                object: row.text("entity"),
                name: row.text("field"),
                mandatory: row.text("mandatory") == "yes",
            })
            .collect();
        let columns = rows(folder, "dataverse-columns.tsv")?
            .iter()
            .map(|row| {
                let max_length = row.text("max_length");
                Ok(PublishedColumn {
                    table: row.text("table"),
                    name: row.text("column"),
                    kind: row.text("type"),
                    max_length: match max_length.as_str() {
                        "" => None,
                        digits => Some(digits.parse().with_context(|| {
                            format!("dataverse-columns.tsv: max_length `{digits}` is no number")
                        })?),
                    },
                    required: row.text("required"),
                    range: row.text("range"),
                    options: row.text("target_or_options"),
                    label: row.text("label"),
                })
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            maps,
            map_fields,
            entity_fields,
            columns,
        })
    }

    /// The lines of one map.
    pub(crate) fn fields_of<'a>(&'a self, map_id: &'a str) -> impl Iterator<Item = &'a MapField> {
        self.map_fields
            .iter()
            .filter(move |field| field.map_id == map_id)
    }
}

fn value_map(text: &str) -> Vec<(String, String)> {
    text.split(" | ")
        .filter_map(|pair| pair.split_once("=>"))
        .map(|(left, right)| (left.trim().to_owned(), right.trim().to_owned()))
        .collect()
}

struct Row {
    cells: HashMap<String, String>,
}

impl Row {
    fn text(&self, column: &str) -> String {
        self.cells.get(column).cloned().unwrap_or_default()
    }
}

fn rows(folder: &Path, file: &str) -> anyhow::Result<Vec<Row>> {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = text.lines();
    let Some(header) = lines.next() else {
        bail!("{} is empty", path.display())
    };
    let names: Vec<&str> = header.split('\t').collect();
    Ok(lines
        .map(|line| Row {
            cells: names
                .iter()
                .zip(line.split('\t'))
                .map(|(name, cell)| ((*name).to_owned(), cell.trim().to_owned()))
                .collect(),
        })
        .collect())
}

/// One map spells two of its fields in mixed case; all others are upper case.
fn upper_field(name: &str) -> String {
    if name == "none" {
        name.to_owned()
    } else {
        name.to_uppercase()
    }
}
