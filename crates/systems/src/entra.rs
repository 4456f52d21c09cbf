//! How an application signs in to an environment of Dynamics 365: with tokens of Microsoft Entra.

use crate::connection::{Auth, ClientCredentials};
use crate::endpoint;
use crate::error::SystemError;
use secrecy::SecretString;
use url::Url;

/// Who issues tokens in Microsoft's public cloud.
const PUBLIC_AUTHORITY: &str = "https://login.microsoftonline.com/";

/// An application that is registered in Microsoft Entra, and where its tokens come from.
#[derive(Debug, Clone)]
pub struct EntraSignIn {
    /// Who issues tokens; the tenant's `/oauth2/v2.0/token` is below it. `None`: Microsoft's
    /// public cloud.
    pub authority: Option<Url>,
    /// Where tokens are issued, when that is not below `authority`.
    pub token_url: Option<Url>,
    /// The tenant, by identifier or domain.
    pub tenant: String,
    /// The registered application. Dataverse needs an application user for it; Finance &
    /// Operations lists it under Microsoft Entra ID applications.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
}

impl EntraSignIn {
    /// An application of a tenant in the public cloud.
    pub fn new(
        tenant: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: SecretString,
    ) -> Self {
        Self {
            authority: None,
            token_url: None,
            tenant: tenant.into(),
            client_id: client_id.into(),
            client_secret,
        }
    }

    /// What the connection `name` signs in to `environment` with. Fails for a tenant and for URLs
    /// with which no token can be asked for.
    pub(crate) fn auth(self, name: &str, environment: &Url) -> Result<Auth, SystemError> {
        let origin = endpoint::origin(name, environment)?;
        let token_url = match self.token_url {
            Some(url) => url,
            None => token_url(name, self.authority.as_ref(), &self.tenant)?,
        };
        Ok(Auth::Client(ClientCredentials {
            token_url,
            client_id: self.client_id,
            client_secret: self.client_secret,
            scope: Some(format!("{origin}/.default")),
        }))
    }
}

/// Where a tenant's tokens are issued (Entra, v2): below an authority, else in the public cloud.
fn token_url(name: &str, authority: Option<&Url>, tenant: &str) -> Result<Url, SystemError> {
    let plain = !tenant.is_empty()
        && tenant
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    if !plain {
        return Err(endpoint::bad_url(
            name,
            "the tenant must be an identifier or a domain name",
        ));
    }
    let path = format!("{tenant}/oauth2/v2.0/token");
    match authority {
        Some(authority) => endpoint::below(name, authority, &path),
        None => Url::parse(&format!("{PUBLIC_AUTHORITY}{path}"))
            .map_err(|_| endpoint::bad_url(name, "the tenant makes no URL")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    fn sign_in(tenant: &str) -> EntraSignIn {
        EntraSignIn::new(tenant, "app", "s3cret".into())
    }

    fn credentials(
        sign_in: EntraSignIn,
        environment: &str,
    ) -> Result<ClientCredentials, SystemError> {
        match sign_in.auth("sales", &environment.parse().unwrap())? {
            Auth::Client(credentials) => Ok(credentials),
            _ => panic!("an application signs in as a client"),
        }
    }

    #[test]
    fn a_token_of_the_public_cloud_is_asked_for_the_environment() {
        let asked = credentials(
            sign_in("contoso.onmicrosoft.com"),
            "https://org.crm.dynamics.com/",
        )
        .unwrap();
        assert_eq!(
            asked.token_url.as_str(),
            "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
        );
        assert_eq!(
            asked.scope.as_deref(),
            Some("https://org.crm.dynamics.com/.default")
        );
    }

    #[test]
    fn a_tenant_stands_below_its_authority_unless_the_tokens_come_from_elsewhere() {
        let mut own = sign_in("t");
        own.authority = Some("http://127.0.0.1:9/login".parse().unwrap());
        let below = credentials(own.clone(), "http://127.0.0.1:9").unwrap();
        assert_eq!(
            below.token_url.as_str(),
            "http://127.0.0.1:9/login/t/oauth2/v2.0/token"
        );
        own.token_url = Some("http://127.0.0.1:9/tokens".parse().unwrap());
        let elsewhere = credentials(own, "http://127.0.0.1:9").unwrap();
        assert_eq!(elsewhere.token_url.as_str(), "http://127.0.0.1:9/tokens");
    }

    #[test]
    fn what_makes_no_address_is_refused_by_name() {
        for (tenant, environment) in [
            ("", "https://org"),
            ("a/b", "https://org"),
            ("../x", "https://org"),
            ("a?b", "https://org"),
            ("t", "file:///etc"),
        ] {
            let error = credentials(sign_in(tenant), environment).unwrap_err();
            assert_eq!(error.code, codes::CONFIGURATION);
            assert!(error.message.contains("`sales`"), "{error}");
        }
    }
}
