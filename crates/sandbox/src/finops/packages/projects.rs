//! Data projects ("definition groups"): which entities an export holds, and what it exported last.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use crate::schema::{Entity, FinOpsSchema};

/// A data project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Its name, the definition group id.
    pub name: String,
    /// Its entities, in the order in which they are exported.
    pub entities: Vec<ProjectEntity>,
}

/// One entity of a data project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectEntity {
    /// The entity by its title (`Customers V3`), collection or type name.
    pub entity: String,
    /// The fields to export; none for all.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Exports only rows that were written since the last export of this project.
    #[serde(default)]
    pub change_tracking: bool,
}

#[derive(Default)]
struct State {
    projects: Vec<Project>,
    /// By project and entity: the version up to which rows were exported.
    exported: HashMap<(String, String, String), i64>,
}

/// All data projects.
#[derive(Default)]
pub(in crate::finops) struct Projects {
    state: Mutex<State>,
}

impl Projects {
    pub(in crate::finops) fn new(projects: Vec<Project>) -> Self {
        Self {
            state: Mutex::new(State {
                projects,
                ..State::default()
            }),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All of them.
    pub(in crate::finops) fn all(&self) -> Vec<Project> {
        self.with(|state| state.projects.clone())
    }

    /// Adds a project, or replaces the one of the same name.
    pub(in crate::finops) fn put(&self, project: Project) {
        self.with(|state| {
            state
                .projects
                .retain(|known| !same(&known.name, &project.name));
            state.projects.push(project);
        });
    }

    /// Removes a project; whether it was there.
    pub(in crate::finops) fn remove(&self, name: &str) -> bool {
        self.with(|state| {
            let before = state.projects.len();
            state.projects.retain(|known| !same(&known.name, name));
            state.projects.len() < before
        })
    }

    /// The project of a name.
    pub(in crate::finops) fn get(&self, name: &str) -> Option<Project> {
        self.with(|state| {
            let mut known = state.projects.iter();
            known.find(|project| same(&project.name, name)).cloned()
        })
    }

    /// The version up to which an entity's rows of a company were exported by a project.
    pub(in crate::finops) fn exported(&self, project: &str, entity: &str, company: &str) -> i64 {
        let key = key(project, entity, company);
        self.with(|state| state.exported.get(&key).copied().unwrap_or(0))
    }

    /// Notes how far an export came; 0 lets the next one begin anew.
    pub(in crate::finops) fn note_export(
        &self,
        project: &str,
        entity: &str,
        company: &str,
        version: i64,
    ) {
        let key = key(project, entity, company);
        self.with(|state| state.exported.insert(key, version));
    }
}

fn key(project: &str, entity: &str, company: &str) -> (String, String, String) {
    (
        project.to_lowercase(),
        entity.to_owned(),
        company.to_lowercase(),
    )
}

fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

impl Project {
    /// The project that a package makes when it is imported.
    pub(in crate::finops) fn of_manifest(name: &str, manifest: &Manifest) -> Self {
        let entities = manifest.entities.iter().map(|entity| ProjectEntity {
            entity: entity.name.clone(),
            fields: entity
                .columns
                .iter()
                .map(|column| column.field.clone())
                .collect(),
            change_tracking: entity.incremental,
        });
        Self {
            name: name.to_owned(),
            entities: entities.collect(),
        }
    }
}

/// The entity that data management means by a name: its title, else another of its names.
pub(in crate::finops) fn entity_named<'s>(
    schema: &'s FinOpsSchema,
    name: &str,
) -> Option<&'s Entity> {
    let find = |has: fn(&Entity) -> &str| {
        let mut known = schema.entities.iter();
        known.find(|entity| same(has(entity), name))
    };
    find(|entity| &entity.title)
        .or_else(|| find(|entity| &entity.collection))
        .or_else(|| find(|entity| &entity.name))
}
