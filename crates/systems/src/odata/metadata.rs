//! The tables of the service, from its `$metadata` and what the configuration adds.

use super::annotations::Annotations;
use super::column::{self, Place, Wire};
use super::{OData, refusal};
use crate::codes;
use crate::connection::{Call, failure};
use crate::error::{Class, SystemError};
use crate::service::Service;
use duet_map::schema::{Column, ColumnType, LookupTarget, TableSchema};
use odata::csdl::{EntitySet, EntityType, Model, NavigationProperty, Property};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// What services call the column that names who modified a row last.
const MODIFIED_BY: [&str; 5] = [
    "modifiedBy",
    "lastModifiedBy",
    "lastChangedByUser",
    "changedBy",
    "updatedBy",
];

/// What is known of the service so far. Tasks that want it wait for one read of it.
#[derive(Default)]
pub(super) struct Catalogue {
    known: Mutex<Arc<OnceCell<Arc<Tables>>>>,
}

/// What the configuration says of tables.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// When a row was modified, by entity set in lower case.
    pub(super) modified_columns: BTreeMap<String, String>,
    /// The names to look for otherwise.
    pub(super) default_modified_columns: Vec<String>,
    /// Columns that are unique together, by entity set in lower case.
    pub(super) unique_columns: BTreeMap<String, Vec<String>>,
    /// The company of a row, by entity set in lower case.
    pub(super) company_columns: BTreeMap<String, String>,
    /// Whether tables track changes.
    pub(super) deltas: Option<bool>,
}

/// Every table, by its set's name in lower case; the text says why one cannot be used.
#[derive(Debug, Default)]
pub(super) struct Tables(HashMap<String, Result<Arc<Table>, Unusable>>);

/// Why a set cannot be used.
#[derive(Debug, Clone)]
struct Unusable {
    class: Class,
    code: duet_map::diagnostic::Code,
    why: String,
}

/// One entity set with everything that reading and writing it needs.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) schema: TableSchema,
    /// The entity set, as URLs spell it.
    pub(super) set: String,
    /// Where the values of columns stand, by their names in lower case.
    places: HashMap<String, Place>,
    /// The column that holds when a row was last modified, where there is one.
    pub(super) modified: Option<String>,
    /// The column that names who modified a row last, where there is one.
    pub(super) modified_by: Option<String>,
    /// Whether the service hands out links to changes.
    pub(super) deltas: bool,
    pub(super) allows: Allows,
}

/// What may be done to a table's rows, as far as the service says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allows {
    pub(super) insert: bool,
    pub(super) update: bool,
    pub(super) delete: bool,
}

impl Table {
    /// Finds a column for an operation that names it.
    pub(super) fn column(&self, name: &str) -> Result<(&Column, &Place), SystemError> {
        let found = self
            .schema
            .column(name)
            .zip(self.places.get(&name.to_lowercase()));
        found.ok_or_else(|| {
            SystemError::new(
                Class::FixMap,
                codes::NO_COLUMN,
                format!(
                    "`{}` has no column `{name}`; a map names a property, or a navigation property \
                     for a lookup; correct the map",
                    self.set
                ),
            )
        })
    }

    /// The columns of the key with their form on the wire, in its order.
    pub(super) fn key(&self) -> impl Iterator<Item = (&Column, &Wire)> {
        self.schema.primary_key.iter().filter_map(|name| {
            let (column, place) = self.column(name).ok()?;
            match place {
                Place::Own { wire, .. } => Some((column, wire)),
                _ => None,
            }
        })
    }

    /// The only column of the key, when it is a GUID.
    pub(super) fn guid_key(&self) -> Option<&Column> {
        let mut key = self.key();
        match (key.next(), key.next()) {
            (Some((column, Wire::Guid)), None) => Some(column),
            _ => None,
        }
    }
}

impl OData {
    /// A table by its entity set, without regard to case.
    pub(super) async fn table(&self, name: &str) -> Result<Arc<Table>, SystemError> {
        let tables = self.metadata().await?;
        match tables.0.get(&name.to_lowercase()) {
            Some(Ok(table)) => Ok(Arc::clone(table)),
            Some(Err(unusable)) => Err(SystemError::new(
                unusable.class,
                unusable.code,
                format!(
                    "`{name}` of `{}` cannot be used: {}",
                    self.connection.name(),
                    unusable.why
                ),
            )),
            None => Err(refusal::no_table(self.connection.name(), name)),
        }
    }

    /// Drops the metadata, which turned out to be old.
    pub(super) fn forget_metadata(&self) {
        let mut known = self.catalogue.known.lock();
        *known
            .as_deref_mut()
            .unwrap_or_else(|poisoned| poisoned.get_mut()) = Arc::default();
    }

    /// Every table of the service.
    pub(super) async fn metadata(&self) -> Result<Arc<Tables>, SystemError> {
        let cell = Arc::clone(
            &self
                .catalogue
                .known
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let read = || async { self.read_metadata().await.map(Arc::new) };
        cell.get_or_try_init(read).await.cloned()
    }

    async fn read_metadata(&self) -> Result<Tables, SystemError> {
        let what = "reading metadata";
        let url = self.connection.url("$metadata")?;
        let call = Call::get(what, url).header("accept", "application/xml");
        let answer = self.get(&call).await?;
        let model = Model::read(answer.body.as_ref()).map_err(|error| {
            let why = "it is no CSDL; the URL must be the service's root";
            failure::unreadable(self.connection.name(), what, why, error)
        })?;
        self.transport.heed(batches_announced(&model));
        Ok(Tables::of(&model, &self.hints))
    }
}

/// Whether the service says that it takes batches.
fn batches_announced(model: &Model) -> Option<bool> {
    let annotations = Annotations::of(model);
    let (schema, container) = model
        .schemas
        .iter()
        .find_map(|schema| Some((schema, schema.container.as_ref()?)))?;
    let target = format!("{}.{}", schema.namespace, container.name);
    let said = annotations.said(&target, &container.annotations);
    said.flag("Capabilities.V1.BatchSupport", "Supported")
        .or_else(|| said.flag("Capabilities.V1.BatchSupported", ""))
}

impl Tables {
    fn of(model: &Model, hints: &Hints) -> Self {
        let annotations = Annotations::of(model);
        let mut tables = HashMap::new();
        for schema in &model.schemas {
            let Some(container) = &schema.container else {
                continue;
            };
            let builder = Builder {
                model,
                annotations: &annotations,
                hints,
                container: format!("{}.{}", schema.namespace, container.name),
                sets: &container.entity_sets,
            };
            for set in &container.entity_sets {
                let table = builder.table(set).map(Arc::new);
                tables.insert(set.name.to_lowercase(), table);
            }
        }
        Self(tables)
    }
}

/// Builds the tables of one container.
struct Builder<'m> {
    model: &'m Model,
    annotations: &'m Annotations<'m>,
    hints: &'m Hints,
    /// The container's qualified name.
    container: String,
    sets: &'m [EntitySet],
}

impl Builder<'_> {
    fn table(&self, set: &EntitySet) -> Result<Table, Unusable> {
        let entity = self
            .model
            .entity_type(&set.entity_type)
            .ok_or_else(|| Unusable {
                class: Class::Bug,
                code: codes::METADATA,
                why: format!(
                    "the service's metadata does not describe its type `{}`; report it to the \
                 service's operator",
                    set.entity_type
                ),
            })?;
        let set_target = format!("{}/{}", self.container, set.name);
        let said = self.annotations.said(&set_target, &set.annotations);
        let allow = |term, property| said.flag(term, property).unwrap_or(true);
        let allows = Allows {
            insert: allow("Capabilities.V1.InsertRestrictions", "Insertable"),
            update: allow("Capabilities.V1.UpdateRestrictions", "Updatable"),
            delete: allow("Capabilities.V1.DeleteRestrictions", "Deletable"),
        };
        let tracks = said.flag("Capabilities.V1.ChangeTracking", "Supported");

        let key: Vec<String> = self
            .model
            .key_of(entity)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let mut columns = BTreeMap::new();
        let mut places = HashMap::new();
        let type_name = self.annotations.qualified(&set.entity_type);
        for declaring in self.model.with_bases(entity) {
            for property in &declaring.properties {
                let Some((column, place)) = self.own(&type_name, declaring, property, &key, allows)
                else {
                    continue;
                };
                let name = property.name.to_lowercase();
                columns.entry(name.clone()).or_insert(column);
                places.entry(name).or_insert(place);
            }
        }
        for declaring in self.model.with_bases(entity) {
            for navigation in &declaring.navigation_properties {
                let Some((column, place)) = self.reference(set, navigation, &columns, allows)
                else {
                    continue;
                };
                let name = column.name.to_lowercase();
                // A property of the same name is the plainer of the two.
                if let std::collections::btree_map::Entry::Vacant(free) =
                    columns.entry(name.clone())
                {
                    free.insert(column);
                    places.insert(name, place);
                }
            }
        }
        check_key(&key, &places)?;
        let modified = self.modified(set, &columns)?;
        let company = self.company(set, &columns)?;
        let modified_by = MODIFIED_BY.iter().find_map(|name| {
            let column = columns.get(&name.to_lowercase())?;
            matches!(column.ty, ColumnType::Text { .. }).then(|| column.name.clone())
        });
        let deltas = self.hints.deltas.or(tracks).unwrap_or(false);
        let mut alternate_keys = self
            .annotations
            .said(&type_name, &entity.annotations)
            .alternate_keys();
        alternate_keys.extend(
            self.hints
                .unique_columns
                .get(&set.name.to_lowercase())
                .cloned(),
        );
        Ok(Table {
            schema: TableSchema {
                name: set.name.clone(),
                type_name: entity.name.clone(),
                title: said
                    .text("Core.V1.Description")
                    .unwrap_or(&set.name)
                    .to_owned(),
                primary_key: key,
                alternate_keys,
                company,
                modified: modified.clone(),
                columns,
                tracks_changes: deltas || modified.is_some(),
            },
            set: set.name.clone(),
            places,
            modified,
            modified_by,
            deltas,
            allows,
        })
    }

    /// A property's column.
    fn own(
        &self,
        type_name: &str,
        declaring: &EntityType,
        property: &Property,
        key: &[String],
        allows: Allows,
    ) -> Option<(Column, Place)> {
        // Annotations may hang on the type that declares a property or on the set's own.
        let namespace = type_name
            .rsplit_once('.')
            .map_or("", |(namespace, _)| namespace);
        let declared = format!("{namespace}.{}/{}", declaring.name, property.name);
        let said = self.annotations.said(&declared, &property.annotations);
        let is_key = key.contains(&property.name);
        let (mut column, wire) = column::column(self.model, property, is_key, &said)?;
        column.create &= allows.insert;
        column.update &= allows.update;
        let nullable = property.nullable;
        Some((column, Place::Own { wire, nullable }))
    }

    /// The column of a navigation property that leads to one row: a lookup where that row is known
    /// by a GUID, else its key as a value, unless a property holds that already.
    fn reference(
        &self,
        set: &EntitySet,
        navigation: &NavigationProperty,
        columns: &BTreeMap<String, Column>,
        allows: Allows,
    ) -> Option<(Column, Place)> {
        if navigation.type_ref.collection || navigation.contains_target {
            return None;
        }
        let target = self.target_set(set, navigation)?;
        let entity = self.model.entity_type(&target.entity_type)?;
        let keys = self.model.key_of(entity);
        let [key] = keys.as_slice() else {
            return None;
        };
        let chain = self.model.with_bases(entity);
        let key_property = chain.iter().find_map(|known| known.property(key))?;
        let target_type = self.annotations.qualified(&target.entity_type);
        let said = self
            .annotations
            .said(&format!("{target_type}/{key}"), &key_property.annotations);
        let (key_column, wire) = column::column(self.model, key_property, true, &said)?;
        let held_by = navigation
            .constraints
            .iter()
            .find(|(_, there)| there == key)
            .and_then(|(here, _)| columns.get(&here.to_lowercase()));
        let writable = Column {
            name: navigation.name.clone(),
            ty: ColumnType::Lookup {
                targets: vec![LookupTarget {
                    type_name: entity.name.clone(),
                    table: target.name.clone(),
                    navigation: navigation.name.clone(),
                }],
            },
            required: !navigation.nullable && held_by.is_none(),
            create: allows.insert && held_by.is_none_or(|column| column.create),
            update: allows.update && held_by.is_none_or(|column| column.update),
            empty: None,
        };
        Some(match (wire, held_by) {
            (Wire::Guid, Some(held_by)) => (
                writable,
                Place::ForeignKey {
                    property: held_by.name.clone(),
                },
            ),
            (Wire::Guid, None) => (
                writable,
                Place::Reference {
                    navigation: navigation.name.clone(),
                    key: (*key).to_owned(),
                },
            ),
            // Its property is a column already.
            (_, Some(_)) => return None,
            (wire, None) => (
                Column {
                    name: format!("{}@{key}", navigation.name),
                    ty: key_column.ty,
                    ..writable
                },
                Place::Behind {
                    navigation: navigation.name.clone(),
                    key: (*key).to_owned(),
                    set: target.name.clone(),
                    wire,
                },
            ),
        })
    }

    /// The set that a navigation property leads to: the one bound to it, else the only one of its
    /// type.
    fn target_set(&self, set: &EntitySet, navigation: &NavigationProperty) -> Option<&EntitySet> {
        let bound = set.bindings.iter().find(|(path, _)| {
            let last = path.rsplit('/').next().unwrap_or(path);
            last == navigation.name
        });
        if let Some((_, target)) = bound {
            let name = target.rsplit('/').next().unwrap_or(target);
            return self.sets.iter().find(|set| set.name == name);
        }
        let type_name = self.annotations.qualified(&navigation.type_ref.name);
        let mut same = self
            .sets
            .iter()
            .filter(|set| self.annotations.qualified(&set.entity_type) == type_name);
        match (same.next(), same.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// The column that holds the company of a row.
    fn company(
        &self,
        set: &EntitySet,
        columns: &BTreeMap<String, Column>,
    ) -> Result<Option<String>, Unusable> {
        let Some(configured) = self.hints.company_columns.get(&set.name.to_lowercase()) else {
            return Ok(None);
        };
        columns
            .get(&configured.to_lowercase())
            .filter(|column| matches!(column.ty, ColumnType::Text { .. }))
            .map(|column| Some(column.name.clone()))
            .ok_or_else(|| Unusable {
                class: Class::FixMap,
                code: codes::NO_COLUMN,
                why: format!(
                    "it has no text column `{configured}`, which the configuration names as the \
                     one that holds the company"
                ),
            })
    }

    /// The column that holds when a row was last modified.
    fn modified(
        &self,
        set: &EntitySet,
        columns: &BTreeMap<String, Column>,
    ) -> Result<Option<String>, Unusable> {
        let is_time = |name: &String| {
            columns
                .get(&name.to_lowercase())
                .filter(|column| matches!(column.ty, ColumnType::DateTime))
                .map(|column| column.name.clone())
        };
        match self.hints.modified_columns.get(&set.name.to_lowercase()) {
            Some(configured) => is_time(configured).map(Some).ok_or_else(|| Unusable {
                class: Class::FixMap,
                code: codes::NO_COLUMN,
                why: format!(
                    "it has no date and time column `{configured}`, which the configuration names \
                     as the one that tells when a row was modified"
                ),
            }),
            None => Ok(self.hints.default_modified_columns.iter().find_map(is_time)),
        }
    }
}

/// Makes sure that a row can be known again.
fn check_key(key: &[String], places: &HashMap<String, Place>) -> Result<(), Unusable> {
    let unusable = |why: String| Unusable {
        class: Class::FixMap,
        code: codes::BAD_KEY,
        why,
    };
    if key.is_empty() {
        return Err(unusable("it has no key".to_owned()));
    }
    for name in key {
        match places.get(&name.to_lowercase()) {
            Some(Place::Own { .. }) => {}
            _ => {
                return Err(unusable(format!(
                    "its key has the part `{name}`, which is no plain property of its own"
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
