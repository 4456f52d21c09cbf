//! Shared choices: sets of options that columns of several tables name.

use axum::http::StatusCode;
use serde_json::{Map, Value as Json};

use super::{Plan, done, made, taken, text, wrong_method};
use crate::dataverse::address::Segment;
use crate::dataverse::change::object;
use crate::dataverse::column_definition::{self, label_text};
use crate::dataverse::customization::Customization;
use crate::dataverse::definitions::set_id;
use crate::dataverse::errors::{ApiError, ApiResult};
use crate::dataverse::metadata::named;
use crate::dataverse::model::Model;
use crate::dataverse::session::Call;
use crate::schema::OptionSet;

/// A write to `GlobalOptionSetDefinitions`.
pub(super) fn write(model: &Model, call: &Call, first: &Segment) -> ApiResult<Plan> {
    let read = |body: &Map<String, Json>, name: String| OptionSet {
        label: body
            .get("DisplayName")
            .and_then(label_text)
            .unwrap_or_else(|| name.clone()),
        options: column_definition::options(body.get("Options")),
        name,
    };
    match (&first.arguments, call.method.as_str()) {
        (None, "POST") => {
            let body = object("GlobalOptionSetDefinitions", &call.body)?;
            let name = text(&body, "Name")?.to_owned();
            if model.option_sets().iter().any(|set| set.name == name) {
                return Err(taken("option set", &name));
            }
            let address = format!("GlobalOptionSetDefinitions({})", set_id(&name));
            let changes = vec![Customization::PutOptionSet(read(&body, name))];
            Ok(made(call, &address, changes))
        }
        (Some(arguments), method @ ("PUT" | "PATCH" | "DELETE")) => {
            let name = named(arguments, "Name");
            let id = arguments.first().map(|one| one.text.to_lowercase());
            let known = model.option_sets().iter().find(|set| match &name {
                Some(name) => set.name == *name,
                None => id.as_deref() == Some(&set_id(&set.name).to_string()),
            });
            let known = known.ok_or_else(|| {
                ApiError::new(
                    StatusCode::NOT_FOUND,
                    "0x80060888",
                    "Could not find a global option set with this name.",
                )
            })?;
            if method == "DELETE" {
                return Ok(done(vec![Customization::DropOptionSet(known.name.clone())]));
            }
            let body = object("GlobalOptionSetDefinitions", &call.body)?;
            let mut changed = read(&body, known.name.clone());
            if changed.options.is_empty() {
                changed.options.clone_from(&known.options);
            }
            Ok(done(vec![Customization::PutOptionSet(changed)]))
        }
        _ => Err(wrong_method(call)),
    }
}
