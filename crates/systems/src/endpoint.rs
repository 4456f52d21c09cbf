//! The URLs that a connection is configured with, checked before anything is sent.

use crate::codes;
use crate::error::{Class, SystemError};
use url::Url;

/// Who issues tokens in Microsoft's public cloud.
const PUBLIC_AUTHORITY: &str = "https://login.microsoftonline.com/";

/// The origin of a system's URL, without a slash at its end: what a token is asked for.
pub(crate) fn origin(name: &str, url: &Url) -> Result<String, SystemError> {
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad_url(
            name,
            "the system's URL must begin with https:// and name a host",
        ));
    }
    Ok(url.origin().ascii_serialization())
}

/// A URL below a system's own.
pub(crate) fn below(name: &str, url: &Url, path: &str) -> Result<Url, SystemError> {
    let mut base = url.clone();
    base.set_query(None);
    base.set_fragment(None);
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", url.path()));
    }
    base.join(path)
        .map_err(|_| bad_url(name, "the system's URL cannot be extended by a path"))
}

/// Where a tenant's tokens are issued (Entra, v2): below an authority, else in the public cloud.
pub(crate) fn token_url(
    name: &str,
    authority: Option<&Url>,
    tenant: &str,
) -> Result<Url, SystemError> {
    let plain = !tenant.is_empty()
        && tenant
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    if !plain {
        return Err(bad_url(
            name,
            "the tenant must be an identifier or a domain name",
        ));
    }
    let path = format!("{tenant}/oauth2/v2.0/token");
    match authority {
        Some(authority) => below(name, authority, &path),
        None => Url::parse(&format!("{PUBLIC_AUTHORITY}{path}"))
            .map_err(|_| bad_url(name, "the tenant makes no URL")),
    }
}

fn bad_url(name: &str, why: &str) -> SystemError {
    SystemError::new(
        Class::FixAccess,
        codes::CONFIGURATION,
        format!("the connection `{name}` cannot be used: {why}; change the configuration"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_token_is_asked_for_the_origin_without_a_slash() {
        assert_eq!(
            origin("x", &url("https://org.crm.dynamics.com/")).unwrap(),
            "https://org.crm.dynamics.com"
        );
        assert_eq!(
            origin("x", &url("http://127.0.0.1:81/a/b")).unwrap(),
            "http://127.0.0.1:81"
        );
        assert!(origin("x", &url("file:///etc")).is_err());
    }

    #[test]
    fn a_tenant_stands_below_its_authority() {
        assert_eq!(
            token_url("x", None, "contoso.onmicrosoft.com")
                .unwrap()
                .as_str(),
            "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
        );
        assert_eq!(
            token_url("x", Some(&url("http://127.0.0.1:9/login")), "t")
                .unwrap()
                .as_str(),
            "http://127.0.0.1:9/login/t/oauth2/v2.0/token"
        );
        for tenant in ["", "a/b", "../x", "a?b"] {
            assert!(token_url("x", None, tenant).is_err());
        }
    }
}
