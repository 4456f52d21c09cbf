//! The two local systems that the sandbox, the demo, tests and benches run against.

use crate::exit::Exit;
use crate::failure::{Failure, codes};
use duet_map::side::PerSide;
use duet_sandbox::auth::{Client, SignIn};
use duet_sandbox::dataverse::{Config as DataverseConfig, Dataverse};
use duet_sandbox::finops::{FinOps, FinOpsConfig};
use duet_sandbox::http::{Running, Tls};
use duet_sandbox::rows::Place;
use duet_sandbox::schema;
use duet_sandbox::seed::{self, SeedPlan};
use duet_systems::dataverse::DataverseConfig as DataverseSystem;
use duet_systems::finops::FinOpsConfig as FinOpsSystem;
use duet_systems::{EntraSignIn, System, SystemError};
use secrecy::SecretString;
use serde::Serialize;
use std::error::Error as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// The Entra tenant that the stand-ins pretend to belong to.
pub const TENANT: &str = "contoso.onmicrosoft.com";

/// The application that Duet signs in with.
pub const DUET: Application = Application {
    id: "d0e70000-0000-4000-8000-00000000d0e7",
    secret: "duet-local-secret",
};

/// The application that stands for a user, so that the servers' counts tell whose write was whose.
pub const USER: Application = Application {
    id: "05e70000-0000-4000-8000-0000000005e7",
    secret: "user-local-secret",
};

/// An application that may sign in at both stand-ins. Its secret is public: it opens nothing else.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Application {
    /// The client id.
    pub id: &'static str,
    /// The client secret.
    pub secret: &'static str,
}

/// How the stand-ins are started.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Where their databases live; in memory without one.
    pub folder: Option<PathBuf>,
    /// Finance & Operations' port; 0 takes a free one.
    pub finops_port: u16,
    /// Dataverse's port; 0 takes a free one.
    pub dataverse_port: u16,
    /// How many customers each company gets at a first start; `None` leaves both systems empty.
    pub customers: Option<usize>,
    /// Serve TLS, and write the certificate that clients shall trust to this file.
    pub certificate: Option<PathBuf>,
}

/// Both stand-ins, serving.
pub struct StandIns {
    /// Finance & Operations.
    pub finops: Running,
    /// Dataverse.
    pub dataverse: Running,
    /// Whether this start filled them.
    pub seeded: bool,
}

impl StandIns {
    /// Opens, fills at the first start, and serves both.
    pub async fn start(plan: &Plan) -> Result<Self, Failure> {
        if let Some(folder) = &plan.folder {
            std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        }
        let tls = plan.certificate.as_deref().map(certified).transpose()?;
        let sign_in = SignIn {
            clients: vec![
                Client::new(DUET.id, DUET.secret),
                Client::new(USER.id, USER.secret),
            ],
            ..SignIn::default()
        };
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let place = |name: &str| {
            plan.folder
                .as_ref()
                .map_or(Place::Memory, |folder| Place::File(folder.join(name)))
        };
        let config = FinOpsConfig {
            bind: address(plan.finops_port),
            place: place("finops.db"),
            sign_in: sign_in.clone(),
            tls: tls.clone(),
            ..FinOpsConfig::default()
        };
        let companies = config.companies.clone();
        let finops =
            FinOps::open(config).map_err(|error| stand_in("Finance & Operations", &error))?;
        let schema = schema::dataverse().map_err(|error| stand_in("Dataverse", &error))?;
        let dataverse = Dataverse::open(DataverseConfig {
            bind: address(plan.dataverse_port),
            place: place("dataverse.db"),
            tls,
            ..DataverseConfig::new(schema, sign_in)
        })
        .map_err(|error| stand_in("Dataverse", &error))?;
        let seeded = match plan.customers {
            Some(customers) => {
                let plan = SeedPlan {
                    customers,
                    ..SeedPlan::default()
                };
                let left = seed::finops(&finops, &plan)
                    .map_err(|error| stand_in("Finance & Operations", &error))?;
                let right = seed::dataverse(&dataverse, &companies, &plan)
                    .map_err(|error| stand_in("Dataverse", &error))?;
                left.total() + right.total() > 0
            }
            None => false,
        };
        Ok(Self {
            finops: finops
                .serve()
                .await
                .map_err(|error| stand_in("Finance & Operations", &error))?,
            dataverse: dataverse
                .serve()
                .await
                .map_err(|error| stand_in("Dataverse", &error))?,
            seeded,
        })
    }

    /// Duet's own connectors to both.
    pub fn connectors(&self) -> Result<PerSide<Arc<dyn System>>, Failure> {
        let address = |running: &Running| {
            let url = running.url();
            let token = format!("{url}/{TENANT}/oauth2/v2.0/token");
            Ok::<_, url::ParseError>((Url::parse(url)?, Url::parse(&token)?))
        };
        let unusable = |error: url::ParseError| Failure::bug("a stand-in has no address", &error);
        let (left, left_token) = address(&self.finops).map_err(unusable)?;
        let (right, right_token) = address(&self.dataverse).map_err(unusable)?;
        let sign_in = |token_url| EntraSignIn {
            token_url: Some(token_url),
            ..EntraSignIn::new(TENANT, DUET.id, SecretString::from(DUET.secret))
        };
        let finops = FinOpsSystem::new("Finance & Operations", left, sign_in(left_token));
        let dataverse = DataverseSystem::new("Dataverse", right, sign_in(right_token));
        let refused = |error: SystemError| Failure::system("a stand-in cannot be reached", &error);
        Ok(PerSide {
            left: Arc::new(finops.build().map_err(refused)?),
            right: Arc::new(dataverse.build().map_err(refused)?),
        })
    }

    /// Finishes what is being answered and stops both.
    pub async fn stop(self) {
        self.finops.shutdown().await;
        self.dataverse.shutdown().await;
    }
}

/// A self-signed certificate for both, written where clients find it.
fn certified(path: &Path) -> Result<Arc<Tls>, Failure> {
    let written = Tls::self_signed().and_then(|tls| {
        tls.write_certificate(path)?;
        Ok(Arc::new(tls))
    });
    written.map_err(|error| {
        let mut failure = Failure::new(
            Exit::Configuration,
            codes::CERTIFICATE,
            format!("TLS cannot be served: {error}"),
            "choose a file that may be written with `--tls`, or leave it out for plain HTTP"
                .to_owned(),
        );
        if let Some(cause) = error.source() {
            failure = failure.note(format!("caused by: {cause}"));
        }
        failure
    })
}

fn stand_in(which: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut failure = Failure::new(
        Exit::Configuration,
        codes::STAND_IN,
        format!("the stand-in for {which} cannot be started: {error}"),
        "choose another port or folder; `--help` tells how".to_owned(),
    );
    let mut cause = error.source();
    while let Some(error) = cause {
        failure = failure.note(format!("caused by: {error}"));
        cause = error.source();
    }
    failure
}

/// A file or folder that cannot be written.
pub fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Configuration,
        codes::UNWRITABLE,
        format!("`{}` cannot be written: {error}", path.display()),
        "check who may write there, or choose another folder with `--dir`".to_owned(),
    )
}
