//! What tables there are and what they hold, from `EntityDefinitions`, read once and kept.

use super::{Dataverse, refusal};
use crate::codes;
use crate::connection::{Call, failure, link::Link};
use crate::error::{Class, SystemError};
use duet_map::schema::{Column, ColumnType, LookupTarget, TableSchema};
use futures::future::try_join_all;
use rust_decimal::Decimal;
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
            columns,
            tracks_changes: entry.change_tracking_enabled,
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

/// A type of attribute and how its own properties are asked for.
struct Cast {
    ty: &'static str,
    select: &'static str,
    expand: Option<&'static str>,
}

const fn cast(ty: &'static str, select: &'static str) -> Cast {
    Cast {
        ty,
        select,
        expand: None,
    }
}

const fn choice(ty: &'static str) -> Cast {
    Cast {
        ty,
        select: "LogicalName",
        expand: OPTIONS,
    }
}

const OPTIONS: Option<&str> = Some("OptionSet($select=Options),GlobalOptionSet($select=Options)");

const CASTS: [Cast; 10] = [
    cast("String", "LogicalName,MaxLength"),
    cast("Memo", "LogicalName,MaxLength"),
    cast("Integer", "LogicalName,MinValue,MaxValue"),
    cast("Decimal", "LogicalName,Precision,MinValue,MaxValue"),
    cast("Money", "LogicalName,Precision,MinValue,MaxValue"),
    cast("Double", "LogicalName,Precision,MinValue,MaxValue"),
    cast("DateTime", "LogicalName,DateTimeBehavior"),
    choice("Picklist"),
    choice("State"),
    choice("Status"),
];

#[derive(Deserialize)]
struct List<T> {
    value: Vec<T>,
}

/// A value in an object of its own, as metadata likes them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Boxed {
    #[serde(default)]
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Label {
    #[serde(default)]
    user_localized_label: Option<LocalizedLabel>,
    #[serde(default)]
    localized_labels: Vec<LocalizedLabel>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LocalizedLabel {
    #[serde(default)]
    label: Option<String>,
}

impl Label {
    fn text(&self) -> Option<String> {
        self.user_localized_label
            .iter()
            .chain(&self.localized_labels)
            .find_map(|label| label.label.clone())
            .filter(|label| !label.is_empty())
    }
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    logical_name: String,
    #[serde(default, rename = "AttributeType")]
    ty: String,
    /// Tells apart what `AttributeType` calls virtual.
    #[serde(default, rename = "AttributeTypeName")]
    ty_name: Option<Boxed>,
    /// The column that this one is a part of.
    #[serde(default, rename = "AttributeOf")]
    part_of: Option<String>,
    #[serde(default)]
    required_level: Option<Boxed>,
    #[serde(default = "yes")]
    is_valid_for_create: bool,
    #[serde(default = "yes")]
    is_valid_for_update: bool,
    #[serde(default = "yes")]
    is_valid_for_read: bool,
}

/// What a cast tells of an attribute.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Facts {
    logical_name: String,
    #[serde(default)]
    max_length: Option<i64>,
    #[serde(default)]
    precision: Option<u32>,
    #[serde(default)]
    min_value: Option<serde_json::Number>,
    #[serde(default)]
    max_value: Option<serde_json::Number>,
    #[serde(default)]
    date_time_behavior: Option<Boxed>,
    #[serde(default)]
    option_set: Option<OptionSet>,
    #[serde(default)]
    global_option_set: Option<OptionSet>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OptionSet {
    #[serde(default)]
    options: Vec<OptionMetadata>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OptionMetadata {
    value: i64,
    #[serde(default)]
    label: Option<Label>,
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

impl Attribute {
    fn type_name(&self) -> &str {
        &self.ty
    }

    /// The column, or `None` for what is no data of its own: parts of other columns, computed
    /// names, images, party lists.
    fn column(
        &self,
        primary_id: &str,
        facts: Option<&Facts>,
        targets: Vec<LookupTarget>,
    ) -> Option<Column> {
        if self.part_of.is_some() || !self.is_valid_for_read {
            return None;
        }
        let ty = self.column_type(facts, targets)?;
        let is_primary = self.logical_name == primary_id;
        let system_required = self
            .required_level
            .as_ref()
            .is_some_and(|level| level.value == "SystemRequired");
        // The platform fills in identifiers, owners and options by itself.
        let filled_in = is_primary
            || matches!(self.type_name(), "Owner" | "Uniqueidentifier")
            || matches!(ty, ColumnType::Choice { .. } | ColumnType::Bool);
        Some(Column {
            name: self.logical_name.clone(),
            ty,
            required: system_required && self.is_valid_for_create && !filled_in,
            create: self.is_valid_for_create,
            update: self.is_valid_for_update && !is_primary,
            empty: None,
        })
    }

    fn column_type(&self, facts: Option<&Facts>, targets: Vec<LookupTarget>) -> Option<ColumnType> {
        let whole =
            |number: Option<&serde_json::Number>| number.and_then(serde_json::Number::as_i64);
        let min = facts.and_then(|facts| facts.min_value.as_ref());
        let max = facts.and_then(|facts| facts.max_value.as_ref());
        Some(match self.type_name() {
            "String" | "Memo" => ColumnType::Text {
                max_length: facts
                    .and_then(|facts| facts.max_length)
                    .and_then(|length| u32::try_from(length).ok()),
            },
            "EntityName" => ColumnType::Text { max_length: None },
            "Integer" => ColumnType::Int {
                min: whole(min).unwrap_or(i64::from(i32::MIN)),
                max: whole(max).unwrap_or(i64::from(i32::MAX)),
            },
            "BigInt" => ColumnType::Int {
                min: i64::MIN,
                max: i64::MAX,
            },
            "Decimal" | "Money" | "Double" => ColumnType::Decimal {
                scale: facts.and_then(|facts| facts.precision),
                min: min.and_then(decimal),
                max: max.and_then(decimal),
            },
            "Boolean" => ColumnType::Bool,
            "DateTime" => {
                let behavior = facts.and_then(|facts| facts.date_time_behavior.as_ref());
                if behavior.is_some_and(|behavior| behavior.value == "DateOnly") {
                    ColumnType::Date
                } else {
                    ColumnType::DateTime
                }
            }
            "Uniqueidentifier" => ColumnType::Guid,
            "Picklist" | "State" | "Status" => ColumnType::Choice {
                options: facts
                    .and_then(|facts| {
                        facts
                            .option_set
                            .as_ref()
                            .or(facts.global_option_set.as_ref())
                    })
                    .map(OptionSet::named)
                    .unwrap_or_default(),
            },
            "Lookup" | "Customer" | "Owner" => ColumnType::Lookup { targets },
            // A multi-select choice travels as text of numbers with commas.
            "Virtual"
                if self
                    .ty_name
                    .as_ref()
                    .is_some_and(|name| name.value == "MultiSelectPicklistType") =>
            {
                ColumnType::Text { max_length: None }
            }
            _ => return None,
        })
    }
}

impl OptionSet {
    fn named(&self) -> Vec<(i64, String)> {
        self.options
            .iter()
            .map(|option| {
                let label = option.label.as_ref().and_then(Label::text);
                (option.value, label.unwrap_or_default())
            })
            .collect()
    }
}

/// A number's exact value, where a decimal can hold it.
fn decimal(number: &serde_json::Number) -> Option<Decimal> {
    let text = number.to_string();
    Decimal::from_str_exact(&text)
        .or_else(|_| Decimal::from_scientific(&text))
        .ok()
}
