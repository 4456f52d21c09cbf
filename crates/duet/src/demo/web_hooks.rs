//! Registers Duet's web hooks at both stand-ins, as an administrator would at the real systems.

use super::caller::Caller;
use super::project_files::HOOK_SECRET;
use anyhow::Context as _;
use duet_server::hooks::SECRET_HEADER;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What our registrations are called, to find those of an earlier start.
const NAME: &str = "Duet demo";

/// Lets Finance & Operations post events about all entities.
pub async fn register_at_finops(finops: &Caller, server: &str) -> anyhow::Result<()> {
    let endpoint = json!({
        "url": format!("{server}/hooks/left"),
        "kind": "data",
        "header": [SECRET_HEADER, HOOK_SECRET],
    });
    finops
        .control(Method::POST, "events", &endpoint)
        .await
        .context("Finance & Operations takes no event endpoint")
}

/// Lets Dataverse post a web hook for every create, update and delete of these tables (logical
/// names).
pub async fn register_at_dataverse(
    dataverse: &Caller,
    server: &str,
    tables: &BTreeSet<String>,
) -> anyhow::Result<()> {
    forget_earlier(dataverse).await?;
    let endpoint = dataverse
        .create(
            "serviceendpoints",
            &json!({
                "name": NAME,
                "url": format!("{server}/hooks/right"),
                "contract": 8,
                "authtype": 4,
                "authvalue": HOOK_SECRET,
            }),
        )
        .await?;
    let endpoint = id(&endpoint, "serviceendpointid")?;
    for message in ["Create", "Update", "Delete"] {
        let found = dataverse
            .list(&format!("sdkmessages?$filter=name eq '{message}'"))
            .await?;
        let message_id = id(
            found.first().context("Dataverse knows no such message")?,
            "sdkmessageid",
        )?;
        for table in tables {
            let filters = dataverse
                .list(&format!(
                    "sdkmessagefilters?$filter=primaryobjecttypecode eq '{table}' \
                     and _sdkmessageid_value eq {message_id}"
                ))
                .await?;
            let Some(filter) = filters.first() else {
                continue;
            };
            let filter = id(filter, "sdkmessagefilterid")?;
            dataverse
                .create(
                    "sdkmessageprocessingsteps",
                    &json!({
                        "name": format!("{NAME}: {message} of {table}"),
                        "mode": 1,
                        "stage": 40,
                        "rank": 1,
                        "supporteddeployment": 0,
                        "asyncautodelete": true,
                        "sdkmessageid@odata.bind": format!("/sdkmessages({message_id})"),
                        "sdkmessagefilterid@odata.bind": format!("/sdkmessagefilters({filter})"),
                        "eventhandler_serviceendpoint@odata.bind":
                            format!("/serviceendpoints({endpoint})"),
                    }),
                )
                .await?;
        }
    }
    Ok(())
}

async fn forget_earlier(dataverse: &Caller) -> anyhow::Result<()> {
    for (set, key) in [
        ("sdkmessageprocessingsteps", "sdkmessageprocessingstepid"),
        ("serviceendpoints", "serviceendpointid"),
    ] {
        let earlier = dataverse
            .list(&format!("{set}?$filter=startswith(name,'{NAME}')"))
            .await?;
        for row in earlier {
            dataverse
                .delete(&format!("{set}({})", id(&row, key)?))
                .await?;
        }
    }
    Ok(())
}

fn id(row: &Value, key: &str) -> anyhow::Result<String> {
    row[key]
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("Dataverse sent no {key}"))
}
