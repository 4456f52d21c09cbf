//! What the stand-in serves: tables with the columns every Dataverse table has, navigation in both
//! directions, and the shape of their storage.
//!
//! Built from the [`schema`](crate::schema) and the stand-in's own
//! [system tables](super::system_tables): at start, and anew whenever a client
//! [customizes](super::customization) a table.

use std::collections::HashMap;

use crate::rows;
use crate::schema::{
    AlternateKey, Column, ColumnKind, DataverseSchema, LookupTarget, ManyToMany, ManyToManyEnd,
    OnDelete, OneToMany, OptionSet, Table as SchemaTable, TableOrigin,
};

/// All tables.
#[derive(Debug)]
pub(super) struct Model {
    /// What the model was built from.
    schema: DataverseSchema,
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

/// The rows of another table that belong to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collection {
    /// The table whose rows they are.
    pub(super) table: String,
    /// The navigation property on their side.
    pub(super) partner: String,
    /// What ties them to the row.
    pub(super) by: Tie,
}

/// What ties the rows of a collection to the row they belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tie {
    /// Their lookup column points to it.
    Lookup(String),
    /// A row of an intersect table holds both ids.
    Links {
        /// The intersect table.
        intersect: String,
        /// Its column for the row the collection belongs to.
        near: String,
        /// Its column for the rows of the collection.
        far: String,
    },
}

/// A lookup column that can point to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) table: String,
    pub(super) column: String,
    /// The schema name of the relationship.
    pub(super) relationship: String,
    /// What becomes of its rows when the row they point to is deleted.
    pub(super) delete: OnDelete,
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
            super::system_columns::add(table);
        }
        let mut schema = schema.clone();
        for own in super::system_tables::many_to_many() {
            if !schema.many_to_many.iter().any(|one| one.name == own.name) {
                schema.many_to_many.push(own);
            }
        }
        sources.extend(
            schema
                .many_to_many
                .iter()
                .map(super::system_tables::intersect),
        );
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
            schema,
            tables,
            by_logical_name,
            by_set,
        };
        model.connect_lookups();
        model.connect_links();
        model
    }

    /// Gives every lookup its collection on the other side.
    fn connect_lookups(&mut self) {
        let mut found = Vec::new();
        for table in &self.tables {
            for column in &table.schema.columns {
                let ColumnKind::Lookup { targets } = &column.kind else {
                    continue;
                };
                for target in targets {
                    let Some(at) = self.by_logical_name.get(&target.table) else {
                        continue;
                    };
                    let relationship = self.one_to_many(table.name(), &column.name, &target.table);
                    let collection = Collection {
                        table: table.name().into(),
                        partner: target.navigation.clone(),
                        by: Tie::Lookup(column.name.clone()),
                    };
                    found.push((*at, relationship, collection));
                }
            }
        }
        for (at, relationship, collection) in found {
            let table = &mut self.tables[at];
            table
                .collections
                .insert(relationship.name.clone(), collection);
            table.referenced_by.push(Reference {
                table: relationship.table,
                column: relationship.column,
                relationship: relationship.name,
                delete: relationship.delete,
            });
        }
    }

    /// Gives both ends of every many-to-many relationship their collection.
    fn connect_links(&mut self) {
        for relationship in &self.schema.many_to_many {
            let ends = [
                (&relationship.first, &relationship.second),
                (&relationship.second, &relationship.first),
            ];
            for (near, far) in ends {
                let (Some(at), true) = (
                    self.by_logical_name.get(&near.table),
                    self.by_logical_name.contains_key(&far.table),
                ) else {
                    continue;
                };
                let collection = Collection {
                    table: far.table.clone(),
                    partner: far.navigation.clone(),
                    by: Tie::Links {
                        intersect: relationship.intersect.clone(),
                        near: near.column.clone(),
                        far: far.column.clone(),
                    },
                };
                self.tables[*at]
                    .collections
                    .insert(near.navigation.clone(), collection);
            }
        }
    }

    /// The relationship of one target of a lookup: as it was declared, else as is usual.
    pub(super) fn one_to_many(&self, table: &str, column: &str, target: &str) -> OneToMany {
        let declared = self
            .schema
            .one_to_many
            .iter()
            .find(|one| one.table == table && one.column == column && one.target == target);
        declared.cloned().unwrap_or_else(|| OneToMany {
            name: relationship_name(table, column, target),
            table: table.into(),
            column: column.into(),
            target: target.into(),
            delete: usual_delete(table, column, target),
        })
    }

    /// All many-to-many relationships.
    pub(super) fn many_to_many(&self) -> &[ManyToMany] {
        &self.schema.many_to_many
    }

    /// The many-to-many relationships of a table, with the end that it is.
    pub(super) fn links_of<'m>(
        &'m self,
        table: &'m str,
    ) -> impl Iterator<Item = (&'m ManyToMany, &'m ManyToManyEnd)> {
        self.schema.many_to_many.iter().flat_map(move |one| {
            [&one.first, &one.second]
                .into_iter()
                .filter(move |end| end.table == table)
                .map(move |end| (one, end))
        })
    }

    /// The choices that several columns may share.
    pub(super) fn option_sets(&self) -> &[OptionSet] {
        &self.schema.option_sets
    }

    /// What the model was built from.
    pub(super) fn schema(&self) -> &DataverseSchema {
        &self.schema
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
fn relationship_name(referencing: &str, column: &str, referenced: &str) -> String {
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

/// What usually becomes of rows when the row they point to is deleted: parts go with their whole,
/// master data in use stays, everything else loses the link.
fn usual_delete(referencing: &str, column: &str, referenced: &str) -> OnDelete {
    match (referencing, column, referenced) {
        (_, _, "transactioncurrency" | "cdm_company") => OnDelete::Restrict,
        ("annotation", "objectid", _)
        | ("contact", "parentcustomerid", _)
        | ("salesorderdetail", "salesorderid", _)
        | ("quotedetail", "quoteid", _)
        | ("invoicedetail", "invoiceid", _) => OnDelete::Cascade,
        // Links to users and teams stay: their rows are never really gone.
        (
            _,
            "createdby" | "modifiedby" | "createdonbehalfby" | "modifiedonbehalfby" | "ownerid",
            _,
        ) => OnDelete::NoCascade,
        (_, column, _) if column.starts_with("owning") => OnDelete::NoCascade,
        _ => OnDelete::RemoveLink,
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

    /// Whether it only holds the links of a many-to-many relationship.
    pub(super) fn is_intersect(&self) -> bool {
        self.schema.origin == TableOrigin::Intersect
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
                ColumnKind::String { .. } | ColumnKind::Memo { .. } => {
                    rows::Column::accentless(name)
                }
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
                ColumnKind::DateTime { .. }
                | ColumnKind::Uniqueidentifier
                | ColumnKind::MultiSelect { .. }
                | ColumnKind::File { .. }
                | ColumnKind::Image { .. } => rows::Column::exact(name),
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
