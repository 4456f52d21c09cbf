//! What tables there are and what they hold, from `EntityDefinitions`, read once and kept.

use super::attribute::{Attribute, CASTS, Facts, Label};
use super::{Dataverse, refusal};
use crate::codes;
use crate::connection::{Call, failure, link::Link};
use crate::error::{Class, SystemError};
use crate::service::Service;
use duet_map::schema::{Column, ColumnType, LookupTarget, TableSchema};
use futures::future::try_join_all;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// The table that stands for a company (legal entity).
const COMPANY: &str = "cdm_company";

/// The column by which dual-write stripes a table.
const COMPANY_COLUMN: &str = "msdyn_company";

/// What is known of the environment so far.
#[derive(Default)]
pub(super) struct Catalogue {
    known: Mutex<Known>,
}

/// Each part is a cell of its own, so that tasks that want the same wait for one read of it.
#[derive(Default)]
struct Known {
    index: Arc<OnceCell<Arc<Index>>>,
    tables: HashMap<String, Arc<OnceCell<Arc<Table>>>>,
}

/// One table with everything that reading and writing it needs.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) schema: TableSchema,
    /// The entity set, as URLs spell it.
    pub(super) set: String,
    /// The primary key column, a GUID.
    pub(super) primary_id: String,
    /// Whether the service refuses a write whose version has moved.
    pub(super) checks_versions: bool,
}

impl Table {
    /// Finds a column for an operation that names it.
    pub(super) fn column(&self, name: &str) -> Result<&Column, SystemError> {
        self.schema.column(name).ok_or_else(|| {
            SystemError::new(
                Class::FixMap,
                codes::NO_COLUMN,
                format!(
                    "`{}` has no column `{name}` that can be read; correct the map or create the \
                     column",
                    self.set
                ),
            )
        })
    }
}

/// Every table's names.
struct Index {
    by_set: HashMap<String, Arc<Entry>>,
    by_type: HashMap<String, Arc<Entry>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    logical_name: String,
    #[serde(default)]
    entity_set_name: Option<String>,
    #[serde(default)]
    primary_id_attribute: Option<String>,
    #[serde(default)]
    change_tracking_enabled: bool,
    #[serde(default = "yes")]
    is_optimistic_concurrency_enabled: bool,
    #[serde(default)]
    display_name: Option<Label>,
}

impl Catalogue {
    /// Forgets one table and the list of tables.
    fn forget_table(&self, table: &str) {
        let mut known = self.lock();
        known.tables.remove(&table.to_lowercase());
        known.index = Arc::default();
    }

    /// Forgets one table and the list of tables, or everything.
    pub(super) fn forget(&self, table: Option<&str>) {
        match table {
            Some(table) => self.forget_table(table),
            None => *self.lock() = Known::default(),
        }
    }

    /// The entity set of a type name, as far as known without asking.
    pub(super) fn known_set(&self, type_name: &str) -> Option<String> {
        let index = Arc::clone(&self.lock().index);
        index
            .get()?
            .by_type
            .get(&type_name.to_lowercase())
            .and_then(|entry| entry.entity_set_name.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dataverse {
    /// A table by its entity set, without regard to case.
    pub(super) async fn table(&self, name: &str) -> Result<Arc<Table>, SystemError> {
        let key = name.to_lowercase();
        let index = self.index().await?;
        let Some(entry) = index.by_set.get(&key) else {
            // It may have been created since the list was read.
            self.catalogue.forget_table(name);
            return Err(refusal::no_table(self.connection.name(), name));
        };
        let cell = Arc::clone(self.catalogue.lock().tables.entry(key).or_default());
        let read = || async { self.read_table(&index, entry).await.map(Arc::new) };
        cell.get_or_try_init(read).await.cloned()
    }

    /// A table by its type name, without regard to case.
    pub(super) async fn table_by_type(&self, type_name: &str) -> Result<Arc<Table>, SystemError> {
        let index = self.index().await?;
        let set = index
            .by_type
            .get(&type_name.to_lowercase())
            .and_then(|entry| entry.entity_set_name.clone())
            .ok_or_else(|| refusal::no_table(self.connection.name(), type_name))?;
        self.table(&set).await
    }

    /// Drops what is kept of a table whose metadata turned out to be old.
    pub(super) fn forget_table(&self, table: &str) {
        self.catalogue.forget_table(table);
    }

    async fn index(&self) -> Result<Arc<Index>, SystemError> {
        let cell = Arc::clone(&self.catalogue.lock().index);
        let read = || async { self.read_index().await.map(Arc::new) };
        cell.get_or_try_init(read).await.cloned()
    }

    async fn read_index(&self) -> Result<Index, SystemError> {
        let entries: Vec<Entry> = self
            .list(
                "EntityDefinitions".into(),
                "LogicalName,EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled,\
                 IsOptimisticConcurrencyEnabled,DisplayName",
                None,
            )
            .await?;
        let mut index = Index {
            by_set: HashMap::new(),
            by_type: HashMap::new(),
        };
        for entry in entries {
            let entry = Arc::new(entry);
            if let Some(set) = &entry.entity_set_name {
                index.by_set.insert(set.to_lowercase(), Arc::clone(&entry));
            }
            index
                .by_type
                .insert(entry.logical_name.to_lowercase(), entry);
        }
        Ok(index)
    }

    async fn list<T: DeserializeOwned>(
        &self,
        path: String,
        select: &str,
        expand: Option<&str>,
    ) -> Result<Vec<T>, SystemError> {
        let link = Link::to(path)
            .option("$select", select)
            .option_if("$expand", expand)
            .into_text();
        let call = Call::get("reading metadata", self.connection.url(&link)?);
        let answer = self.get(&call).await?;
        let list: List<T> = answer.json(self.connection.name())?;
        Ok(list.value)
    }

    async fn read_table(&self, index: &Index, entry: &Entry) -> Result<Table, SystemError> {
        let incomplete = |what: &str| {
            failure::unexpected(
                self.connection.name(),
                &format!("reading the metadata of `{}`", entry.logical_name),
                &format!("it has no {what}"),
            )
        };
        let set = entry
            .entity_set_name
            .clone()
            .ok_or_else(|| incomplete("entity set"))?;
        let primary_id = entry
            .primary_id_attribute
            .clone()
            .ok_or_else(|| incomplete("primary key"))?;
        let path = format!("EntityDefinitions(LogicalName='{}')", entry.logical_name);
        let attributes: Vec<Attribute> = self
            .list(
                format!("{path}/Attributes"),
                "LogicalName,AttributeType,AttributeTypeName,AttributeOf,RequiredLevel,\
                 IsValidForCreate,IsValidForUpdate,IsValidForRead",
                None,
            )
            .await?;
        let facts = self.facts(&path, &attributes).await?;
        let relationships: Vec<Relationship> = self
            .list(
                format!("{path}/ManyToOneRelationships"),
                "ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName",
                None,
            )
            .await?;
        let keys: Vec<AlternateKey> = self
            .list(
                format!("{path}/Keys"),
                "LogicalName,KeyAttributes,EntityKeyIndexStatus",
                None,
            )
            .await?;

        let mut lookups: HashMap<&str, Vec<LookupTarget>> = HashMap::new();
        for relationship in &relationships {
            let target = index.by_type.get(&relationship.referenced_entity);
            let table = target.and_then(|target| target.entity_set_name.clone());
            if let (Some(table), Some(navigation)) = (table, &relationship.navigation) {
                lookups
                    .entry(relationship.referencing_attribute.as_str())
                    .or_default()
                    .push(LookupTarget {
                        type_name: relationship.referenced_entity.clone(),
                        table,
                        navigation: navigation.clone(),
                    });
            }
        }
        let columns: BTreeMap<String, Column> = attributes
            .iter()
            .filter_map(|attribute| {
                let mut targets = lookups
                    .remove(attribute.logical_name.as_str())
                    .unwrap_or_default();
                if attribute.type_name() == "Owner" {
                    targets = owners(index, &attribute.logical_name);
                }
                let fact = facts.get(&attribute.logical_name);
                let column = attribute.column(&primary_id, fact, targets)?;
                Some((attribute.logical_name.to_lowercase(), column))
            })
            .collect();
        let schema = TableSchema {
            title: entry
                .display_name
                .as_ref()
                .and_then(Label::text)
                .unwrap_or_else(|| entry.logical_name.clone()),
            name: set.clone(),
            type_name: entry.logical_name.clone(),
            primary_key: vec![primary_id.clone()],
            alternate_keys: keys
                .into_iter()
                .filter(AlternateKey::is_active)
                .map(|key| key.key_attributes)
                .collect(),
            company: company(&columns),
            tracks_changes: entry.change_tracking_enabled,
            modified: columns
                .get(super::coding::MODIFIED)
                .map(|column| column.name.clone()),
            columns,
        };
        Ok(Table {
            schema,
            set,
            primary_id,
            checks_versions: entry.is_optimistic_concurrency_enabled,
        })
    }

    /// The properties that only a cast to the attribute's own type shows.
    async fn facts(
        &self,
        path: &str,
        attributes: &[Attribute],
    ) -> Result<HashMap<String, Facts>, SystemError> {
        let casts = CASTS.iter().filter(|cast| {
            attributes
                .iter()
                .any(|attribute| attribute.type_name() == cast.ty)
        });
        let lists = casts.map(|cast| {
            self.list::<Facts>(
                format!(
                    "{path}/Attributes/Microsoft.Dynamics.CRM.{}AttributeMetadata",
                    cast.ty
                ),
                cast.select,
                cast.expand,
            )
        });
        Ok(try_join_all(lists)
            .await?
            .into_iter()
            .flatten()
            .map(|facts| (facts.logical_name.clone(), facts))
            .collect())
    }
}

/// Who can own a row. Metadata relates owners to the abstract table `owner`, which rows never name.
fn owners(index: &Index, column: &str) -> Vec<LookupTarget> {
    ["systemuser", "team"]
        .iter()
        .filter_map(|type_name| {
            let entry = index.by_type.get(*type_name)?;
            Some(LookupTarget {
                type_name: entry.logical_name.clone(),
                table: entry.entity_set_name.clone()?,
                navigation: column.to_owned(),
            })
        })
        .collect()
}

/// The lookup that stripes a table by company: dual-write's own, else the only one there is.
fn company(columns: &BTreeMap<String, Column>) -> Option<String> {
    let mut candidates = columns.values().filter(|column| {
        matches!(&column.ty, ColumnType::Lookup { targets }
            if targets.iter().any(|target| target.type_name == COMPANY))
    });
    if let Some(column) = columns.get(COMPANY_COLUMN) {
        return Some(column.name.clone());
    }
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Some(only.name.clone()),
        _ => None,
    }
}

/// What is true unless the service says otherwise.
pub(super) const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct List<T> {
    value: Vec<T>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Relationship {
    referencing_attribute: String,
    referenced_entity: String,
    #[serde(default, rename = "ReferencingEntityNavigationPropertyName")]
    navigation: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AlternateKey {
    #[serde(default)]
    key_attributes: Vec<String>,
    #[serde(default)]
    entity_key_index_status: Option<String>,
}

impl AlternateKey {
    /// A key whose index is not finished does not keep anything unique yet.
    fn is_active(&self) -> bool {
        self.entity_key_index_status
            .as_deref()
            .is_none_or(|status| status.eq_ignore_ascii_case("active"))
    }
}
