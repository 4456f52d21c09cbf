//! The data-management package API: imports and exports of whole packages, which run while an
//! integration polls their state (protocol reference B7).
//!
//! The road of an import: `GetAzureWriteUrl` makes room in the [`blobs`](super::blobs), the client
//! puts its archive there, `ImportFromPackage` starts a run on a thread of its own, and
//! `GetExecutionSummaryStatus` tells how far it is. An export goes the other way, from a
//! [`Project`]. What Microsoft's documents leave open, or tell in two ways, is a
//! [`Settings`](super::Settings) switch.

mod archive;
mod executions;
mod export;
mod import;
mod manifest;
mod projects;
mod text_file;

use axum::body::Bytes;
use axum::http::{Response, StatusCode};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use self::archive::Package;
pub(super) use self::executions::Executions;
use self::executions::{Execution, RowError, Status};
use self::manifest::{Manifest, ManifestEntity, MappedColumn};
pub(super) use self::projects::Projects;
pub use self::projects::{Project, ProjectEntity};
use self::text_file::TextFile;
use super::Store;
use super::error::{Refused, json_response};
use super::metadata::NAMESPACE;
use super::recurring::Feed;
use super::session::User;

/// The entity set that the actions are bound to.
pub(super) const GROUPS: &str = "DataManagementDefinitionGroups";

/// Parameters of an action: names and types.
type Signature = &'static [(&'static str, &'static str)];

/// The actions for `$metadata`: name, parameters and the type of the result.
pub(super) const ACTIONS: &[(&str, Signature, &str)] = &[
    (
        "GetAzureWriteUrl",
        &[("uniqueFileName", "Edm.String")],
        "Edm.String",
    ),
    ("ImportFromPackage", IMPORT, "Edm.String"),
    ("ImportFromPackageAsync", IMPORT, "Edm.String"),
    ("ExportToPackage", EXPORT, "Edm.String"),
    ("ExportToPackageAsync", EXPORT, "Edm.String"),
    ("GetExecutionSummaryStatus", RUN, "Edm.String"),
    ("GetExecutionStatus", RUN, "Edm.String"),
    ("GetExecutionSummaryPageUrl", RUN, "Edm.String"),
    ("GetExportedPackageUrl", RUN, "Edm.String"),
    ("GetExecutionErrors", RUN, "Edm.String"),
    ("GenerateImportTargetErrorKeysFile", FILE, "Edm.Boolean"),
    ("GetImportTargetErrorKeysFileUrl", FILE, "Edm.String"),
    ("GetImportStagingErrorFileUrl", FILE, "Edm.String"),
    (
        "ResetVersionToken",
        &[
            ("entityName", "Edm.String"),
            ("projectName", "Edm.String"),
            ("legalEntityId", "Edm.String"),
        ],
        "Edm.Boolean",
    ),
    (
        "GetMessageStatus",
        &[("messageId", "Edm.String")],
        "Edm.String",
    ),
];

const IMPORT: Signature = &[
    ("packageUrl", "Edm.String"),
    ("definitionGroupId", "Edm.String"),
    ("executionId", "Edm.String"),
    ("execute", "Edm.Boolean"),
    ("overwrite", "Edm.Boolean"),
    ("legalEntityId", "Edm.String"),
];
const EXPORT: Signature = &[
    ("definitionGroupId", "Edm.String"),
    ("packageName", "Edm.String"),
    ("executionId", "Edm.String"),
    ("reExecute", "Edm.Boolean"),
    ("legalEntityId", "Edm.String"),
];
const RUN: Signature = &[("executionId", "Edm.String")];
const FILE: Signature = &[("executionId", "Edm.String"), ("entityName", "Edm.String")];

/// The parameters of an action.
struct Parameters<'b> {
    action: &'b str,
    body: Map<String, Json>,
}

impl Parameters<'_> {
    fn text(&self, name: &str) -> Result<&str, Refused> {
        self.optional(name).ok_or_else(|| {
            Refused::request(format!(
                "The parameter '{name}' of the action '{}' is missing.",
                self.action
            ))
        })
    }

    fn optional(&self, name: &str) -> Option<&str> {
        let text = self.body.get(name).and_then(Json::as_str);
        text.filter(|text| !text.is_empty())
    }

    fn flag(&self, name: &str, usual: bool) -> bool {
        self.body.get(name).and_then(Json::as_bool).unwrap_or(usual)
    }

    /// The id of the run: the client's, or a new one.
    fn execution(&self) -> String {
        let given = self.optional("executionId");
        given.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
    }
}

impl Store {
    /// Carries an action of the package API out; nothing when there is none of this name.
    pub(super) fn package_action(
        &self,
        action: &str,
        body: Map<String, Json>,
        origin: &str,
        user: &User,
    ) -> Result<Option<Response<Bytes>>, Refused> {
        let parameters = Parameters { action, body };
        let settings = self.settings();
        let run = || {
            let id = parameters.text("executionId")?;
            let execution = self.executions.get(id);
            execution.map(|execution| (id, execution)).ok_or_else(|| {
                Refused::request(format!("There is no execution with the id '{id}'."))
            })
        };
        let value = match action {
            "GetAzureWriteUrl" => {
                parameters.text("uniqueFileName")?;
                let (id, address) = self.blobs.reserve(origin, None, self.clock.now());
                Json::from(json!({"BlobId": format!("{{{id}}}"), "BlobUrl": address}).to_string())
            }
            "ImportFromPackage" | "ImportFromPackageAsync" => self.import(&parameters, user)?,
            "ExportToPackage" | "ExportToPackageAsync" => self.export(&parameters, origin, user)?,
            "GetExecutionSummaryStatus" | "GetExecutionStatus" => {
                let id = parameters.text("executionId")?;
                Json::from(self.executions.poll(id, settings.package_polls))
            }
            "GetMessageStatus" => Json::from(
                self.message_status(parameters.text("messageId")?, settings.package_polls),
            ),
            "GetExecutionSummaryPageUrl" => {
                let (id, _) = run()?;
                Json::from(format!(
                    "{origin}/?mi=DM_DataManagementWorkspaceMenuItem&ExecutionId={id}"
                ))
            }
            "GetExportedPackageUrl" => {
                let (_, execution) = run()?;
                let address = execution.package.unwrap_or_default();
                if settings.package_value_nested {
                    json!({"value": address})
                } else {
                    Json::from(address)
                }
            }
            "GetExecutionErrors" => {
                let (_, execution) = run()?;
                Json::from(execution.error_list().to_string())
            }
            "GenerateImportTargetErrorKeysFile" => {
                let (id, execution) = run()?;
                let entity = parameters.text("entityName")?;
                let file = error_file(&execution, entity, |error| Some(&error.key));
                Json::Bool(self.keep_error_file(id, "keys", entity, file, origin))
            }
            "GetImportTargetErrorKeysFileUrl" => {
                let (id, _) = run()?;
                let name = format!("keys {}", parameters.text("entityName")?);
                Json::from(self.executions.file(id, &name, settings.package_polls))
            }
            "GetImportStagingErrorFileUrl" => {
                let (id, execution) = run()?;
                let entity = parameters.text("entityName")?;
                let name = format!("staging {entity}");
                if self.executions.file(id, &name, 0).is_empty() {
                    let file = error_file(&execution, entity, |error| error.staging.as_ref());
                    self.keep_error_file(id, "staging", entity, file, origin);
                }
                Json::from(self.executions.file(id, &name, 0))
            }
            "ResetVersionToken" => {
                let entity = parameters.text("entityName")?;
                let entity = projects::entity_named(&self.schema, entity).ok_or_else(|| {
                    Refused::request(format!("The entity '{entity}' does not exist."))
                })?;
                let project = parameters.text("projectName")?;
                let company = parameters
                    .optional("legalEntityId")
                    .unwrap_or(&user.company);
                self.projects
                    .note_export(project, &entity.collection, company, 0);
                Json::Bool(true)
            }
            _ => return Ok(None),
        };
        let kind = if value.is_boolean() {
            "Edm.Boolean"
        } else {
            "Edm.String"
        };
        let body = json!({
            "@odata.context": format!("{origin}/data/$metadata#{kind}"),
            "value": value,
        });
        Ok(Some(json_response(StatusCode::OK, &body)))
    }

    fn import(&self, parameters: &Parameters<'_>, user: &User) -> Result<Json, Refused> {
        let address = parameters.text("packageUrl")?;
        let group = parameters.text("definitionGroupId")?.to_owned();
        let user = self.acting_in(parameters, user)?;
        let bytes = self.blobs.content(address).ok_or_else(|| {
            Refused::request(
                "The package cannot be read at 'packageUrl'; upload it to the address that \
                 GetAzureWriteUrl gave.",
            )
        })?;
        let id = parameters.execution();
        if !parameters.flag("execute", true) {
            // Only staged: it waits for a person to run it.
            let execution = Execution::ended(Status::NotRun, Vec::new(), None);
            self.executions.put(&id, execution);
            return Ok(Json::from(id));
        }
        self.start(&id, move |store| match Package::unpack(&bytes) {
            Ok(package) => {
                if store.projects.get(&group).is_none() {
                    let project = Project::of_manifest(&group, &package.manifest);
                    store.projects.put(project);
                }
                import::run(store, &package, &user)
            }
            Err(error) => failed(error.to_string()),
        });
        Ok(Json::from(id))
    }

    fn export(
        &self,
        parameters: &Parameters<'_>,
        origin: &str,
        user: &User,
    ) -> Result<Json, Refused> {
        let group = parameters.text("definitionGroupId")?;
        let project = self.projects.get(group).ok_or_else(|| {
            Refused::request(format!("The definition group '{group}' does not exist."))
        })?;
        let company = self.acting_in(parameters, user)?.company;
        let id = parameters.execution();
        let origin = origin.to_owned();
        self.start(&id, move |store| {
            export::run(store, &project, &company, &origin)
        });
        Ok(Json::from(id))
    }

    /// Starts the import of a file from a queue: a package, or the rows of one entity.
    pub(super) fn import_message(
        &self,
        id: &str,
        entity: Option<String>,
        company: Option<&str>,
        bytes: Bytes,
        user: &User,
    ) -> Result<(), Refused> {
        let user = self.in_company(company, user)?;
        self.start(id, move |store| {
            // An archive begins with these letters.
            let package = match entity {
                Some(entity) if !bytes.starts_with(b"PK") => Ok(rows_package(&entity, &bytes)),
                _ => Package::unpack(&bytes),
            };
            match package {
                Ok(package) => import::run(store, &package, &user),
                Err(error) => failed(error.to_string()),
            }
        });
        Ok(())
    }

    /// Exports a project into the queue of an activity; nothing when there is no such project.
    pub(super) fn feed(&self, feed: &Feed, origin: &str) -> Option<()> {
        let project = self.projects.get(&feed.project)?;
        let company = feed.company.as_deref().unwrap_or(&self.default_company);
        let execution = export::run(self, &project, company, origin);
        self.queues.put(&feed.activity, execution.package?);
        Some(())
    }

    /// The state of a message of a recurring integration.
    fn message_status(&self, id: &str, polls: u32) -> &'static str {
        match self.executions.poll(id, polls) {
            "Executing" => "Processing",
            "NotRun" => "Enqueued",
            "Succeeded" => "Processed",
            "PartiallySucceeded" => "ProcessedWithErrors",
            "Failed" => "PreProcessingError",
            other => other,
        }
    }

    /// The user, in the company that the request names.
    fn acting_in(&self, parameters: &Parameters<'_>, user: &User) -> Result<User, Refused> {
        self.in_company(parameters.optional("legalEntityId"), user)
    }

    fn in_company(&self, wanted: Option<&str>, user: &User) -> Result<User, Refused> {
        let Some(wanted) = wanted else {
            return Ok(user.clone());
        };
        let known = self
            .companies
            .iter()
            .any(|company| company.id.eq_ignore_ascii_case(wanted));
        if !known {
            return Err(Refused::request(format!(
                "The legal entity '{wanted}' does not exist."
            )));
        }
        Ok(User {
            company: wanted.to_lowercase(),
            ..user.clone()
        })
    }

    /// Begins a run on a thread of its own.
    fn start(&self, id: &str, work: impl FnOnce(&Self) -> Execution + Send + 'static) {
        self.executions.put(id, Execution::begun());
        let (me, id) = (self.me.clone(), id.to_owned());
        std::thread::spawn(move || {
            // The stand-in may be gone before the run begins.
            if let Some(store) = me.upgrade() {
                let execution = work(&store);
                store.executions.end(&id, execution);
            }
        });
    }

    fn keep_error_file(
        &self,
        id: &str,
        kind: &str,
        entity: &str,
        file: Option<TextFile>,
        origin: &str,
    ) -> bool {
        let Some(file) = file else {
            return false;
        };
        let content = Bytes::from(file.write());
        let now = self.clock.now();
        let (_, address) = self.blobs.reserve(origin, Some(content), now);
        self.executions
            .keep_file(id, format!("{kind} {entity}"), address);
        true
    }

    /// The project list as an entity set shows it.
    pub(super) fn definition_groups(&self, origin: &str) -> Json {
        let rows: Vec<Json> = self
            .projects
            .all()
            .into_iter()
            .map(|project| {
                json!({
                    "Name": project.name,
                    "Description": project.name,
                    "ProjectCategory": "Project",
                    "OperationType": "Export",
                })
            })
            .collect();
        json!({
            "@odata.context": format!("{origin}/data/$metadata#{GROUPS}"),
            "value": rows,
        })
    }
}

/// The action in `DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities.Name`.
pub(super) fn action_of(below: &str) -> Option<&str> {
    let rest = below.strip_prefix(GROUPS)?.strip_prefix('/')?;
    rest.strip_prefix(NAMESPACE)?.strip_prefix('.')
}

/// A package of one file, whose columns are fields of the same names.
fn rows_package(entity: &str, bytes: &[u8]) -> Package {
    let columns = TextFile::read(bytes).columns;
    let columns = columns.into_iter().map(|column| MappedColumn {
        field: column.trim().to_owned(),
        column,
    });
    let manifest = Manifest {
        project: entity.to_owned(),
        entities: vec![ManifestEntity {
            name: entity.to_owned(),
            file: "rows.csv".to_owned(),
            columns: columns.collect(),
            ..ManifestEntity::default()
        }],
    };
    Package::new(manifest, vec![("rows.csv".to_owned(), bytes.to_vec())])
}

/// A run that could not even begin.
fn failed(message: String) -> Execution {
    let error = RowError {
        entity: String::new(),
        key: Vec::new(),
        staging: None,
        field: String::new(),
        message,
    };
    Execution::ended(Status::Failed, vec![error], None)
}

/// A file of the rows of an entity that failed, as `values` picks them from their errors.
fn error_file<'e>(
    execution: &'e Execution,
    entity: &str,
    values: impl Fn(&'e RowError) -> Option<&'e Vec<(String, String)>>,
) -> Option<TextFile> {
    let mut file = TextFile::default();
    for error in &execution.errors {
        if !error.entity.eq_ignore_ascii_case(entity) {
            continue;
        }
        let Some(row) = values(error).filter(|row| !row.is_empty()) else {
            continue;
        };
        if file.columns.is_empty() {
            file.columns = row.iter().map(|(name, _)| name.to_uppercase()).collect();
            file.columns.push("ERRORMESSAGE".to_owned());
        }
        let mut row: Vec<String> = row.iter().map(|(_, value)| value.clone()).collect();
        row.push(error.message.clone());
        file.rows.push(row);
    }
    (!file.rows.is_empty()).then_some(file)
}
