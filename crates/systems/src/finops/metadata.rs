//! What entities there are and what they hold, from `$metadata` and `/Metadata`, read once and kept.
//!
//! `$metadata` has tens of megabytes, so it is read as a stream into a small form; it knows types,
//! keys and lengths. `/Metadata/PublicEntities` knows what is mandatory or editable, and tells
//! dates from points in time, which `$metadata` spells alike.

use super::{FinOps, refusal};
use crate::codes;
use crate::connection::link::Link;
use crate::connection::{Call, failure};
use crate::error::{Class, SystemError};
use crate::service::Service;
use duet_map::schema::{Column, ColumnType, TableSchema};
use duet_map::value::Value;
use odata::csdl::{CsdlError, EntityType, SchemaItem, SchemaItems};
use rust_decimal::Decimal;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// The namespace of all types.
pub(super) const NAMESPACE: &str = "Microsoft.Dynamics.DataEntities";

/// The column that holds a row's company.
pub(super) const COMPANY: &str = "dataAreaId";

/// What is known of the environment so far.
#[derive(Default)]
pub(super) struct Catalogue {
    known: Mutex<Known>,
}

/// Each part is a cell of its own, so that tasks that want the same wait for one read of it.
#[derive(Default)]
struct Known {
    model: Arc<OnceCell<Arc<Model>>>,
    tables: HashMap<String, Arc<OnceCell<Arc<Table>>>>,
}

/// One entity with everything that reading and writing it needs.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) schema: TableSchema,
    /// The entity set, as URLs spell it.
    pub(super) set: String,
    /// The column that holds when a row was last modified, where there is one.
    pub(super) modified: Option<String>,
}

impl Table {
    /// Finds a column for an operation that names it.
    pub(super) fn column(&self, name: &str) -> Result<&Column, SystemError> {
        self.schema.column(name).ok_or_else(|| {
            SystemError::new(
                Class::FixMap,
                codes::NO_COLUMN,
                format!(
                    "`{}` has no field `{name}`; correct the map, or refresh the entity list in \
                     Finance & Operations after a change of the entity",
                    self.set
                ),
            )
        })
    }

    /// The columns of the key, in its order.
    pub(super) fn key(&self) -> impl Iterator<Item = &Column> {
        self.schema
            .primary_key
            .iter()
            .filter_map(|name| self.schema.column(name))
    }
}

/// The whole service's model in a small form.
#[derive(Debug, Default)]
struct Model {
    /// Entity type and set by the set's name in lower case.
    sets: HashMap<String, (String, String)>,
    types: HashMap<String, Shape>,
    enums: HashMap<String, Vec<String>>,
    /// The entity set by the entity's name in the application, in lower case.
    objects: HashMap<String, String>,
}

/// An entity type.
#[derive(Debug)]
struct Shape {
    key: Vec<String>,
    properties: Vec<Property>,
}

#[derive(Debug)]
struct Property {
    name: String,
    type_name: String,
    max_length: Option<u32>,
    scale: Option<u32>,
}

impl Model {
    /// Reads `$metadata`.
    fn read(xml: impl BufRead) -> Result<Self, CsdlError> {
        let mut model = Self::default();
        for item in SchemaItems::new(xml) {
            match item? {
                SchemaItem::EntityType(entity) => {
                    let (name, shape) = shape(entity);
                    model.types.insert(name, shape);
                }
                SchemaItem::EnumType(mut known) => {
                    known.members.sort_by_key(|member| member.value);
                    let members = known.members.into_iter().map(|member| member.name);
                    model.enums.insert(known.name, members.collect());
                }
                SchemaItem::Container(container) => {
                    for set in container.entity_sets {
                        let type_name = last(&set.entity_type).to_owned();
                        model
                            .sets
                            .insert(set.name.to_lowercase(), (type_name, set.name));
                    }
                }
                _ => {}
            }
        }
        Ok(model)
    }
}

fn shape(entity: EntityType) -> (String, Shape) {
    let properties = entity
        .properties
        .into_iter()
        .filter(|property| !property.type_ref.collection)
        .map(|property| Property {
            max_length: property
                .length_limit()
                .and_then(|length| u32::try_from(length).ok()),
            scale: property.scale_limit(),
            name: property.name,
            type_name: property.type_ref.name,
        })
        .collect();
    let key = entity.key.into_iter().map(|(name, _)| name).collect();
    (entity.name, Shape { key, properties })
}

/// The last part of a qualified name.
fn last(qualified: &str) -> &str {
    qualified.rsplit('.').next().unwrap_or(qualified)
}

impl Catalogue {
    /// Forgets one table.
    fn forget_table(&self, table: &str) {
        self.lock().tables.remove(&table.to_lowercase());
    }

    /// Forgets one table or everything; the document that describes all tables goes either way.
    pub(super) fn forget(&self, table: Option<&str>) {
        if let Some(table) = table {
            self.forget_table(table);
            self.lock().model = Arc::default();
        } else {
            *self.lock() = Known::default();
        }
    }

    /// A table that was read already.
    pub(super) fn known_table(&self, set: &str) -> Option<Arc<Table>> {
        let cell = self.lock().tables.get(&set.to_lowercase()).cloned()?;
        cell.get().cloned()
    }

    /// The entity set of an entity by any of its names, as far as known without asking: the set
    /// itself, the type, or the name in the application.
    pub(super) fn known_set(&self, name: &str) -> Option<String> {
        let model = Arc::clone(&self.lock().model);
        let model = model.get()?;
        let name = name.to_lowercase();
        if let Some((_, set)) = model.sets.get(&name) {
            return Some(set.clone());
        }
        if let Some(set) = model.objects.get(&name) {
            return Some(set.clone());
        }
        let mut by_type = model.sets.values();
        by_type
            .find(|(type_name, _)| type_name.eq_ignore_ascii_case(&name))
            .map(|(_, set)| set.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FinOps {
    /// A table by its entity set, without regard to case.
    pub(super) async fn table(&self, name: &str) -> Result<Arc<Table>, SystemError> {
        let model = self.model().await?;
        let key = name.to_lowercase();
        let Some((type_name, set)) = model.sets.get(&key) else {
            return Err(refusal::no_table(self.connection.name(), name));
        };
        let cell = Arc::clone(self.catalogue.lock().tables.entry(key).or_default());
        let read = || async { self.read_table(&model, type_name, set).await.map(Arc::new) };
        cell.get_or_try_init(read).await.cloned()
    }

    /// Drops what is kept of a table whose metadata turned out to be old.
    pub(super) fn forget_table(&self, table: &str) {
        self.catalogue.forget_table(table);
    }

    async fn model(&self) -> Result<Arc<Model>, SystemError> {
        let cell = Arc::clone(&self.catalogue.lock().model);
        let read = || async { self.read_model().await.map(Arc::new) };
        cell.get_or_try_init(read).await.cloned()
    }

    async fn read_model(&self) -> Result<Model, SystemError> {
        let what = "reading metadata";
        let call =
            Call::get(what, self.connection.url("$metadata")?).header("accept", "application/xml");
        let answer = self.get(&call).await?;
        let mut model = Model::read(answer.body.as_ref()).map_err(|error| {
            failure::unreadable(self.connection.name(), what, "it is no CSDL", error)
        })?;
        model.objects = self.objects().await;
        Ok(model)
    }

    /// The entities' names in the application, which data events use. Nothing else needs them, so
    /// without them data events are not understood and all else goes on.
    async fn objects(&self) -> HashMap<String, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct DataEntity {
            name: String,
            #[serde(default)]
            public_collection_name: Option<String>,
        }
        let read = async {
            let url = self.connection.url("../Metadata/DataEntities")?;
            let answer = self.get(&Call::get("reading metadata", url)).await?;
            answer.json::<List<DataEntity>>(self.connection.name())
        };
        match read.await {
            Ok(list) => list
                .value
                .into_iter()
                .filter_map(|entity| {
                    let set = entity.public_collection_name?;
                    Some((entity.name.to_lowercase(), set))
                })
                .collect(),
            Err(error) => {
                tracing::warn!(
                    system = %self.connection.name(),
                    %error,
                    "the names of entities in the application cannot be read; data events will \
                     not be understood"
                );
                HashMap::new()
            }
        }
    }

    async fn read_table(
        &self,
        model: &Model,
        type_name: &str,
        set: &str,
    ) -> Result<Table, SystemError> {
        let shape = model.types.get(type_name).ok_or_else(|| {
            failure::unexpected(
                self.connection.name(),
                "reading metadata",
                &format!("the type of `{set}` is not described"),
            )
        })?;
        let public = self.public_entity(type_name).await?;
        let facts: HashMap<&str, &PublicProperty> = public
            .properties
            .iter()
            .map(|property| (property.name.as_str(), property))
            .collect();
        let columns: BTreeMap<String, Column> = shape
            .properties
            .iter()
            .filter_map(|property| {
                let fact = facts.get(property.name.as_str()).copied();
                let is_key = shape.key.contains(&property.name);
                let column = column(model, property, fact, is_key, public.is_read_only)?;
                Some((property.name.to_lowercase(), column))
            })
            .collect();
        let is_time = |name: &String| {
            columns
                .get(&name.to_lowercase())
                .filter(|column| matches!(column.ty, ColumnType::DateTime))
                .map(|column| column.name.clone())
        };
        let modified = match self.modified_columns.get(&set.to_lowercase()) {
            Some(configured) => Some(is_time(configured).ok_or_else(|| {
                SystemError::new(
                    Class::FixMap,
                    codes::NO_COLUMN,
                    format!(
                        "`{set}` has no date and time field `{configured}`, which the \
                         configuration names as the one that tells when a row was modified"
                    ),
                )
            })?),
            None => self.default_modified_columns.iter().find_map(is_time),
        };
        let company = columns
            .get(&COMPANY.to_lowercase())
            .map(|column| column.name.clone());
        Ok(Table {
            schema: TableSchema {
                name: set.to_owned(),
                type_name: type_name.to_owned(),
                title: public
                    .label_id
                    .filter(|label| !label.is_empty() && !label.starts_with('@'))
                    .unwrap_or_else(|| set.to_owned()),
                primary_key: shape.key.clone(),
                alternate_keys: Vec::new(),
                company,
                columns,
                tracks_changes: modified.is_some(),
                modified: modified.clone(),
            },
            set: set.to_owned(),
            modified,
        })
    }

    async fn public_entity(&self, type_name: &str) -> Result<PublicEntity, SystemError> {
        let link = Link::record("../Metadata/PublicEntities", &format!("'{type_name}'"));
        let url = self.connection.url(&link.into_text())?;
        let call = Call::get(format!("reading the metadata of `{type_name}`"), url);
        let answer = self.get(&call).await?;
        answer.json(self.connection.name())
    }
}

#[derive(Deserialize)]
struct List<T> {
    value: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublicEntity {
    #[serde(default)]
    label_id: Option<String>,
    #[serde(default)]
    is_read_only: bool,
    #[serde(default)]
    properties: Vec<PublicProperty>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublicProperty {
    name: String,
    #[serde(default)]
    data_type: Option<String>,
    #[serde(default)]
    is_mandatory: bool,
    #[serde(default)]
    allow_edit: Option<bool>,
    #[serde(default)]
    allow_edit_on_create: Option<bool>,
}

fn column(
    model: &Model,
    property: &Property,
    fact: Option<&PublicProperty>,
    is_key: bool,
    read_only: bool,
) -> Option<Column> {
    let (ty, empty) = column_type(model, property, fact)?;
    let may = |flag: Option<bool>| !read_only && flag.unwrap_or(true);
    Some(Column {
        name: property.name.clone(),
        ty,
        required: fact.is_some_and(|fact| fact.is_mandatory),
        create: may(fact.and_then(|fact| fact.allow_edit_on_create)),
        update: !is_key && may(fact.and_then(|fact| fact.allow_edit)),
        empty,
    })
}

/// The type, and what the system stores where it cannot store nothing. Empty text, dates and
/// GUIDs stand for nothing on the wire; zero and the first member may also be meant.
fn column_type(
    model: &Model,
    property: &Property,
    fact: Option<&PublicProperty>,
) -> Option<(ColumnType, Option<Value>)> {
    let int = |min, max| (ColumnType::Int { min, max }, Some(Value::Int(0)));
    Some(match property.type_name.as_str() {
        "Edm.String" => (
            ColumnType::Text {
                max_length: property.max_length,
            },
            None,
        ),
        "Edm.Byte" => int(0, i64::from(u8::MAX)),
        "Edm.Int16" => int(i64::from(i16::MIN), i64::from(i16::MAX)),
        "Edm.Int32" => int(i64::from(i32::MIN), i64::from(i32::MAX)),
        "Edm.Int64" => int(i64::MIN, i64::MAX),
        "Edm.Decimal" | "Edm.Double" | "Edm.Single" => (
            ColumnType::Decimal {
                scale: property.scale,
                min: None,
                max: None,
            },
            Some(Value::Decimal(Decimal::ZERO)),
        ),
        "Edm.Boolean" => (ColumnType::Bool, Some(Value::Bool(false))),
        "Edm.Date" => (ColumnType::Date, None),
        "Edm.DateTimeOffset" => {
            let is_date = fact
                .and_then(|fact| fact.data_type.as_deref())
                .is_some_and(|data_type| data_type.eq_ignore_ascii_case("Date"));
            let ty = if is_date {
                ColumnType::Date
            } else {
                ColumnType::DateTime
            };
            (ty, None)
        }
        "Edm.Guid" => (ColumnType::Guid, None),
        other => {
            let name = last(other);
            let members = model.enums.get(name)?.clone();
            let empty = members.first().cloned().map(Value::Symbol);
            (
                ColumnType::Enum {
                    name: name.to_owned(),
                    members,
                },
                empty,
            )
        }
    })
}
