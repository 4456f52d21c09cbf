//! The URLs that a connection is configured with, checked before anything is sent.

use crate::codes;
use crate::error::{Class, SystemError};
use url::Url;

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

/// A configuration with which nothing can be sent.
pub(crate) fn bad_url(name: &str, why: &str) -> SystemError {
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
}
