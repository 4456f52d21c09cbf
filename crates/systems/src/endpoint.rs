//! The URLs that a connection is configured with, checked before anything is sent.

use crate::codes;
use crate::error::{Class, SystemError};
use url::Url;

/// Microsoft's public cloud.
#[expect(clippy::expect_used, reason = "a constant that a test reads")]
pub(crate) fn public_authority() -> Url {
    Url::parse("https://login.microsoftonline.com/").expect("the public authority is a URL")
}

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

/// Where a tenant's tokens are issued (Entra, v2).
pub(crate) fn token_url(name: &str, authority: &Url, tenant: &str) -> Result<Url, SystemError> {
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
    below(name, authority, &format!("{tenant}/oauth2/v2.0/token"))
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
            token_url("x", &public_authority(), "contoso.onmicrosoft.com")
                .unwrap()
                .as_str(),
            "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
        );
        assert_eq!(
            token_url("x", &url("http://127.0.0.1:9/login"), "t")
                .unwrap()
                .as_str(),
            "http://127.0.0.1:9/login/t/oauth2/v2.0/token"
        );
        for tenant in ["", "a/b", "../x", "a?b"] {
            assert!(token_url("x", &public_authority(), tenant).is_err());
        }
    }
}
