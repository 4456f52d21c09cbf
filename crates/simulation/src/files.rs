//! The project as its operators have it now: map files and companies, and who reads them for a
//! session. Schemas come from the systems, which may be down or have changed them.

use crate::landscape::{compile_each, map_files};
use crate::mutation::Mutation;
use crate::plan::{Plan, Policies};
use crate::world::World;
use async_trait::async_trait;
use duet_engine::{Broken, Loaded, Loader, Project, Settings};
use duet_map::side::Side;
use duet_systems::System;
use std::sync::Arc;

/// What an operator has written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The left column of a field that the customers' map does not carry (yet).
    pub lacks: Option<&'static str>,
    /// How often the maps were changed; their version tells.
    pub revision: u32,
    /// The companies in scope.
    pub companies: Vec<String>,
}

impl Files {
    /// The text of every map.
    pub fn texts(&self, plan: &Plan) -> [String; 3] {
        map_files(plan.master, plan.allocates).map(|text| {
            let text = match &plan.policies {
                Some(policies) => under(policies, &text),
                None => text,
            };
            let text = match &plan.removals {
                Some(removals) => removals.under(&text),
                None => text,
            };
            let revised = format!("version: 1.{}.0", self.revision);
            let text = text.replace("version: 1.0.0", &revised);
            let Some(column) = self.lacks else {
                return text;
            };
            let column = column.to_uppercase();
            let begin = [format!("  - {column} "), format!("  - {{ left: {column},")];
            let lines: Vec<&str> = text
                .lines()
                .filter(|line| begin.iter().all(|begin| !line.starts_with(begin)))
                .collect();
            lines.join("\n")
        })
    }
}

/// A map file under a plan's policies.
fn under(policies: &Policies, text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let field = policies
            .fields
            .iter()
            .find(|(column, _)| line.starts_with(&format!("  - {} = ", column.to_uppercase())));
        if let Some((_, policy)) = field
            && let Some((left, right)) = line.trim_start_matches("  - ").split_once(" = ")
        {
            lines.push(format!(
                "  - {{ left: {left}, direction: \"=\", right: {right}, conflicts: {policy} }}"
            ));
            continue;
        }
        if line == "fields:" {
            lines.push(format!("conflicts: {}", policies.maps));
        }
        lines.push(line.to_owned());
    }
    lines.join("\n")
}

/// Reads map files and schemas as they are.
pub(crate) struct Reading {
    world: Arc<World>,
    plan: Plan,
    settings: Settings,
    mutation: Option<Mutation>,
}

impl Reading {
    pub(crate) fn new(
        world: Arc<World>,
        plan: &Plan,
        settings: Settings,
        mutation: Option<Mutation>,
    ) -> Self {
        Self {
            mutation,
            world,
            plan: plan.clone(),
            settings,
        }
    }

    /// The maps and schemas as they are, whether or not anybody can reach them.
    pub(crate) fn now(&self) -> Result<Loaded, String> {
        let files = self.world.files().clone();
        let schemas = |side: Side| match self.mutation {
            Some(Mutation::OverlookDrift) => self.world.system(side).lasting_schemas(),
            _ => self.world.system(side).schemas(),
        };
        let each = compile_each(
            files.texts(&self.plan),
            &schemas(Side::Left),
            &schemas(Side::Right),
        )?;
        let mut loaded = Loaded {
            maps: Vec::new(),
            broken: Vec::new(),
            companies: files.companies,
            settings: self.settings.clone(),
        };
        for (file, compiled) in each {
            match compiled {
                Ok(map) => loaded.maps.push(map),
                Err(reason) => loaded.broken.push(Broken {
                    map: file.map.value.clone(),
                    version: file.version.value.clone(),
                    reason,
                }),
            }
        }
        if self.mutation == Some(Mutation::PauseAll)
            && let Some(first) = loaded.broken.first().cloned()
        {
            let others = loaded.maps.drain(..).map(|map| Broken {
                map: map.id().to_owned(),
                version: map.version().to_owned(),
                reason: first.reason.clone(),
            });
            loaded.broken.extend(others.collect::<Vec<_>>());
        }
        Ok(loaded)
    }

    /// The project as it is; maps that do not compile are left out.
    pub(crate) fn project(&self) -> Result<Project, String> {
        let loaded = self.now()?;
        Ok(Project::build(loaded.maps, loaded.companies))
    }
}

#[async_trait]
impl Loader for Reading {
    async fn load(&self) -> Result<Loaded, String> {
        for side in Side::BOTH {
            let reached = self.world.system(side).probe().await;
            reached.map_err(|error| error.to_string())?;
        }
        self.now()
    }
}
