//! What the stand-in serves: tables with the columns every Dataverse table has, navigation in both
//! directions, and the shape of their storage.
//!
//! Built once, at start, from the [`schema`](crate::schema) and the stand-in's own
//! [system tables](super::system_tables).

use std::collections::HashMap;

use crate::rows;
use crate::schema::{
    AlternateKey, Choice, Column, ColumnKind, DataverseSchema, DateBehavior, LookupTarget,
    RequiredLevel, Table as SchemaTable,
};

/// All tables.
#[derive(Debug)]
pub(super) struct Model {
    tables: Vec<Table>,
    by_logical_name: HashMap<String, usize>,
    by_set: HashMap<String, usize>,
}

/// One table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) schema: SchemaTable,
    columns: HashMap<String, usize>,
    /// Single-valued navigation: property name → the lookup column and its target, several where
    /// targets share a name.
    navigation: HashMap<String, Vec<(usize, LookupTarget)>>,
    /// Collection-valued navigation by property name.
    collections: HashMap<String, Collection>,
    /// Columns of other tables that point here.
    pub(super) referenced_by: Vec<Reference>,
}

/// The rows of another table that point to a row through one lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collection {
    /// The table whose rows they are.
    pub(super) table: String,
    /// Their lookup column.
    pub(super) column: String,
    /// The navigation property on their side.
    pub(super) partner: String,
}

/// A lookup column that can point to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) table: String,
    pub(super) column: String,
    /// Whether a row that is pointed to may not be deleted; otherwise the lookup is emptied.
    pub(super) restricts: bool,
}

/// Columns that every table has, in storage too.
pub(super) const VERSION: &str = "versionnumber";

impl Model {
    /// The model of a schema.
    pub(super) fn new(schema: &DataverseSchema) -> Self {
        let mut sources = schema.tables.clone();
        for own in super::system_tables::tables() {
            match sources
                .iter_mut()
                .find(|known| known.logical_name == own.logical_name)
            {
                Some(known) => {
                    for column in own.columns {
                        if known.column(&column.name).is_none() {
                            known.columns.push(column);
                        }
                    }
                }
                None => sources.push(own),
            }
        }
        for table in &mut sources {
            add_system_columns(table);
        }
        let tables: Vec<Table> = sources.into_iter().map(Table::new).collect();
        let index = |name: fn(&SchemaTable) -> &String| {
            let named = tables.iter().enumerate();
            named
                .map(|(at, table)| (name(&table.schema).clone(), at))
                .collect()
        };
        let by_logical_name: HashMap<String, usize> = index(|table| &table.logical_name);
        let by_set = index(|table| &table.entity_set_name);
        let mut model = Self {
            tables,
            by_logical_name,
            by_set,
        };
        model.connect();
        model
    }

    /// Gives every lookup its collection on the other side.
    fn connect(&mut self) {
        let mut found = Vec::new();
        for table in &self.tables {
            for column in &table.schema.columns {
                let ColumnKind::Lookup { targets } = &column.kind else {
                    continue;
                };
                for target in targets {
                    if let Some(at) = self.by_logical_name.get(&target.table) {
                        let collection = Collection {
                            table: table.name().into(),
                            column: column.name.clone(),
                            partner: target.navigation.clone(),
                        };
                        found.push((*at, target.table.clone(), collection));
                    }
                }
            }
        }
        for (at, target, collection) in found {
            let restricts = matches!(target.as_str(), "transactioncurrency" | "cdm_company");
            let table = &mut self.tables[at];
            table.referenced_by.push(Reference {
                table: collection.table.clone(),
                column: collection.column.clone(),
                restricts,
            });
            let name = relationship_name(&collection.table, &collection.column, &target);
            table.collections.insert(name, collection);
        }
    }

    pub(super) fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The table with a logical name.
    pub(super) fn table(&self, logical_name: &str) -> Option<&Table> {
        self.by_logical_name
            .get(logical_name)
            .map(|at| &self.tables[*at])
    }

    /// The table with an entity set name.
    pub(super) fn by_set(&self, entity_set: &str) -> Option<&Table> {
        self.by_set.get(entity_set).map(|at| &self.tables[*at])
    }

    /// The tables as they are stored.
    pub(super) fn storage(&self) -> Vec<rows::Table> {
        self.tables.iter().map(Table::storage).collect()
    }
}

/// The schema name of a one-to-many relationship, which is also the collection's property name:
/// the well-known ones where they are, else built from the three names.
pub(super) fn relationship_name(referencing: &str, column: &str, referenced: &str) -> String {
    match (referencing, column, referenced) {
        ("contact", "parentcustomerid", "account") => "contact_customer_accounts".into(),
        ("contact", "parentcustomerid", "contact") => "contact_customer_contacts".into(),
        ("account", "parentaccountid", "account") => "account_parent_account".into(),
        ("account", "primarycontactid", "contact") => "account_primary_contact".into(),
        ("annotation", "objectid", "account") => "Account_Annotation".into(),
        ("annotation", "objectid", "contact") => "Contact_Annotation".into(),
        (_, "transactioncurrencyid", _) => format!("transactioncurrency_{referencing}"),
        ("sdkmessageprocessingstep", "eventhandler", _) => {
            "serviceendpoint_sdkmessageprocessingstep".into()
        }
        _ => format!("{referenced}_{referencing}_{column}"),
    }
}

impl Table {
    fn new(schema: SchemaTable) -> Self {
        let columns = schema
            .columns
            .iter()
            .enumerate()
            .map(|(at, one)| (one.name.clone(), at))
            .collect();
        let mut navigation: HashMap<String, Vec<(usize, LookupTarget)>> = HashMap::new();
        for (at, column) in schema.columns.iter().enumerate() {
            if let ColumnKind::Lookup { targets } = &column.kind {
                for target in targets {
                    let same = navigation.entry(target.navigation.clone()).or_default();
                    same.push((at, target.clone()));
                }
            }
        }
        Self {
            schema,
            columns,
            navigation,
            collections: HashMap::new(),
            referenced_by: Vec::new(),
        }
    }

    /// The logical name.
    pub(super) fn name(&self) -> &str {
        &self.schema.logical_name
    }

    /// The entity set name.
    pub(super) fn set(&self) -> &str {
        &self.schema.entity_set_name
    }

    /// The primary key column.
    pub(super) fn id(&self) -> &str {
        &self.schema.primary_id
    }

    /// The column with a logical name.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(name).map(|at| &self.schema.columns[*at])
    }

    /// The column that a property of a payload or query means: a lookup is spelt `_name_value`.
    pub(super) fn property(&self, property: &str) -> Option<&Column> {
        if let Some(name) = property
            .strip_prefix('_')
            .and_then(|rest| rest.strip_suffix("_value"))
            && let Some(column) = self.column(name)
            && column.is_lookup()
        {
            return Some(column);
        }
        self.column(property).filter(|column| !column.is_lookup())
    }

    /// The lookups a navigation property name (case-sensitive) means, with their targets.
    pub(super) fn navigation(&self, property: &str) -> Vec<(&Column, &LookupTarget)> {
        let found = self.navigation.get(property).into_iter().flatten();
        found
            .map(|(at, target)| (&self.schema.columns[*at], target))
            .collect()
    }

    /// All single-valued navigation properties.
    pub(super) fn navigations(&self) -> impl Iterator<Item = (&str, &Column, &LookupTarget)> {
        self.schema.columns.iter().flat_map(|column| {
            let targets: &[LookupTarget] = match &column.kind {
                ColumnKind::Lookup { targets } => targets,
                _ => &[],
            };
            targets
                .iter()
                .map(move |target| (target.navigation.as_str(), column, target))
        })
    }

    /// The collection a navigation property name means.
    pub(super) fn collection(&self, property: &str) -> Option<&Collection> {
        self.collections.get(property)
    }

    /// All collections with their property names.
    pub(super) fn collections(&self) -> impl Iterator<Item = (&String, &Collection)> {
        self.collections.iter()
    }

    /// The alternate key with exactly these columns, in any order.
    pub(super) fn key(&self, columns: &[&str]) -> Option<&AlternateKey> {
        self.schema.keys.iter().find(|key| {
            key.columns.len() == columns.len()
                && key
                    .columns
                    .iter()
                    .all(|column| columns.contains(&column.as_str()))
        })
    }

    fn storage(&self) -> rows::Table {
        let mut columns = Vec::new();
        for column in &self.schema.columns {
            let name = &column.name;
            let stored = match &column.kind {
                ColumnKind::String { .. } | ColumnKind::Memo { .. } => rows::Column::text(name),
                ColumnKind::Integer { .. }
                | ColumnKind::BigInt
                | ColumnKind::Boolean
                | ColumnKind::Picklist { .. }
                | ColumnKind::State { .. }
                | ColumnKind::Status { .. } => rows::Column::integer(name),
                ColumnKind::Decimal { .. } | ColumnKind::Money { .. } => {
                    rows::Column::decimal(name)
                }
                ColumnKind::Double { .. } => rows::Column {
                    name: name.clone(),
                    sql_type: rows::SqlType::Real,
                    collation: rows::Collation::Binary,
                },
                ColumnKind::DateTime { .. } | ColumnKind::Uniqueidentifier => {
                    rows::Column::exact(name)
                }
                ColumnKind::Lookup { .. } => {
                    columns.push(rows::Column::exact(&target_column(name)));
                    rows::Column::exact(name)
                }
            };
            columns.push(stored);
        }
        let indexed = self.schema.columns.iter().filter(|column| {
            let by_everyone =
                matches!(column.name.as_str(), "createdby" | "modifiedby" | "ownerid");
            let by_few = column.name.starts_with("owning") || column.name.ends_with("onbehalfby");
            column.name == VERSION || (column.is_lookup() && !by_everyone && !by_few)
        });
        rows::Table {
            name: self.name().into(),
            key: vec![self.id().into()],
            unique: self
                .schema
                .keys
                .iter()
                .map(|key| key.columns.clone())
                .collect(),
            indexed: indexed.map(|column| column.name.clone()).collect(),
            columns,
        }
    }
}

/// The stored column beside a lookup that says which table it points to.
pub(super) fn target_column(lookup: &str) -> String {
    format!("{lookup}__target")
}

/// What the kinds of columns have in common.
pub(super) trait ColumnFacts {
    /// Whether it refers to a row.
    fn is_lookup(&self) -> bool;
    /// Its name in payloads and queries.
    fn property_name(&self) -> String;
}

impl ColumnFacts for Column {
    fn is_lookup(&self) -> bool {
        matches!(self.kind, ColumnKind::Lookup { .. })
    }

    fn property_name(&self) -> String {
        if self.is_lookup() {
            format!("_{}_value", self.name)
        } else {
            self.name.clone()
        }
    }
}

/// Gives a table what every Dataverse table has and the published columns leave out.
fn add_system_columns(table: &mut SchemaTable) {
    let user = |navigation: &str| ColumnKind::Lookup {
        targets: vec![LookupTarget {
            table: "systemuser".into(),
            navigation: navigation.into(),
        }],
    };
    let owner = ColumnKind::Lookup {
        targets: ["systemuser", "team"]
            .map(|table| LookupTarget {
                table: table.into(),
                navigation: "ownerid".into(),
            })
            .to_vec(),
    };
    let unit = ColumnKind::Lookup {
        targets: vec![LookupTarget {
            table: "businessunit".into(),
            navigation: "owningbusinessunit".into(),
        }],
    };
    let instant = || ColumnKind::DateTime {
        behavior: DateBehavior::UserLocal,
    };
    let choice = |value, label: &str| Choice {
        value,
        label: label.into(),
    };
    let state = ColumnKind::State {
        options: vec![choice(0, "Active"), choice(1, "Inactive")],
    };
    let status = ColumnKind::Status {
        options: vec![choice(1, "Active"), choice(2, "Inactive")],
    };
    let wanted = [
        ("createdon", instant(), true),
        ("modifiedon", instant(), true),
        ("createdby", user("createdby"), true),
        ("modifiedby", user("modifiedby"), true),
        ("createdonbehalfby", user("createdonbehalfby"), true),
        ("modifiedonbehalfby", user("modifiedonbehalfby"), true),
        ("ownerid", owner, false),
        ("owninguser", user("owninguser"), true),
        ("owningbusinessunit", unit, false),
        ("statecode", state, false),
        ("statuscode", status, false),
        (VERSION, ColumnKind::BigInt, true),
    ];
    if table.column(&table.primary_id).is_none() {
        let id = super::system_tables::column(&table.primary_id, ColumnKind::Uniqueidentifier);
        table.columns.insert(0, id);
    }
    for (name, kind, read_only) in wanted {
        match table.columns.iter_mut().find(|column| column.name == name) {
            // A published lookup to users alone is enough; a choice without options is not.
            Some(present) => {
                present.read_only |= read_only;
                if name == "ownerid" {
                    present.kind = kind;
                }
            }
            None => table.columns.push(Column {
                read_only,
                ..super::system_tables::column(name, kind)
            }),
        }
    }
    for column in &mut table.columns {
        // The system fills these, so nobody is asked for them.
        if column.name == table.primary_id || matches!(&*column.name, "statecode" | "ownerid") {
            column.required = RequiredLevel::None;
        }
    }
}
