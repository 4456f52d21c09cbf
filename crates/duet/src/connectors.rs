//! From a side of `duet.yaml` to the connector that speaks to it. Nothing is sent yet.

use crate::config::connection::{Application, Connection, Service};
use crate::config::odata::{ODataService, SignIn};
use crate::config::secret::SecretRef;
use crate::failure::Failure;
use duet_map::side::Side;
use duet_systems::dataverse::DataverseConfig;
use duet_systems::finops::FinOpsConfig;
use duet_systems::odata::ODataConfig;
use duet_systems::{Auth, ClientCredentials, EntraSignIn, System, SystemError};
use secrecy::SecretString;
use std::sync::Arc;

/// The connector of one side. Secrets are fetched here.
pub fn connect(connection: &Connection, side: Side) -> Result<Arc<dyn System>, Failure> {
    let name = connection.name.clone();
    let url = connection.url.clone();
    let built: Result<Arc<dyn System>, SystemError> = match &connection.service {
        Service::Dataverse(app) => DataverseConfig::new(name, url, entra(app)?)
            .build()
            .map(|system| Arc::new(system) as _),
        Service::FinOps(app) => FinOpsConfig::new(name, url, entra(app)?)
            .build()
            .map(|system| Arc::new(system) as _),
        Service::OData(service) => odata(
            ODataConfig::new(name, url, auth(&service.sign_in)?),
            service,
        )
        .build()
        .map(|system| Arc::new(system) as _),
    };
    built.map_err(|error| Failure::system(&format!("the {side} side cannot be set up"), &error))
}

/// How a registered application signs in.
fn entra(app: &Application) -> Result<EntraSignIn, Failure> {
    let secret = fetch(&app.client_secret)?;
    let mut sign_in = EntraSignIn::new(&app.tenant, &app.client_id, secret);
    sign_in.token_url.clone_from(&app.token_url);
    Ok(sign_in)
}

/// The connector's defaults with what the file says put over them.
fn odata(mut config: ODataConfig, service: &ODataService) -> ODataConfig {
    fn set<T: Copy>(slot: &mut T, said: Option<T>) {
        if let Some(value) = said {
            *slot = value;
        }
    }
    set(&mut config.creates, service.creates);
    set(&mut config.batches, service.batches);
    set(&mut config.etags, service.etags);
    set(&mut config.exact_numbers, service.exact_numbers);
    set(&mut config.overlap, service.overlap);
    set(&mut config.page_size, service.page_size);
    set(&mut config.batch_size, service.batch_size);
    set(&mut config.parallel, service.parallel);
    config.deltas = service.deltas;
    config.modified_columns.clone_from(&service.modified);
    config.unique_columns.clone_from(&service.unique);
    config.company_columns.clone_from(&service.company);
    config.headers.clone_from(&service.headers);
    config
}

fn auth(sign_in: &SignIn) -> Result<Auth, Failure> {
    Ok(match sign_in {
        SignIn::None => Auth::None,
        SignIn::Basic { user, password } => Auth::Basic {
            user: user.clone(),
            password: fetch(password)?,
        },
        SignIn::Bearer(token) => Auth::Bearer(fetch(token)?),
        SignIn::Client {
            token_url,
            client_id,
            client_secret,
            scope,
        } => Auth::Client(ClientCredentials {
            token_url: token_url.clone(),
            client_id: client_id.clone(),
            client_secret: fetch(client_secret)?,
            scope: scope.clone(),
        }),
    })
}

fn fetch(secret: &SecretRef) -> Result<SecretString, Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    secret.fetch(&variable).map_err(Failure::configuration)
}
