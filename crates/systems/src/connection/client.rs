//! The HTTP client: TLS, pool and time-outs, and what can go wrong below HTTP.

use super::Settings;
use super::retry::Trouble;
use crate::codes;
use crate::error::{Class, SystemError};
use reqwest::redirect::Policy;
use std::sync::Once;
use std::time::Duration;
use url::{Host, Url};

/// The longest that making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Builds a client for one service.
pub(crate) fn build(settings: &Settings) -> Result<reqwest::Client, SystemError> {
    install_tls();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("duet/", env!("CARGO_PKG_VERSION")))
        .default_headers(settings.headers.clone())
        // A redirect would take the token to a host that nobody configured.
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .timeout(settings.timeout)
        .pool_idle_timeout(Duration::from_mins(1))
        .pool_max_idle_per_host(settings.parallel.max(1))
        .tcp_nodelay(true);
    if is_loopback(&settings.root) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| {
        let mut refused = SystemError::new(
            Class::FixAccess,
            codes::CONFIGURATION,
            format!(
                "the HTTP client of the connection `{}` cannot be set up; check the machine's \
                 certificates and proxy settings",
                settings.name
            ),
        );
        refused.source = Some(Box::new(error));
        refused
    })
}

/// Gives TLS its cryptography, once a process.
fn install_tls() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Fails only when the program has installed one itself, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

/// Whether a URL leads to this machine, where no proxy can help.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// A request that got no whole answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// No connection could be made, so the service has not seen the request.
    #[error("no connection")]
    NotSent(#[source] reqwest::Error),
    /// The answer did not come in time.
    #[error("no answer in time")]
    TimedOut(#[source] reqwest::Error),
    /// The connection broke before the whole answer was here.
    #[error("connection lost")]
    Lost(#[source] reqwest::Error),
    /// The answer has more bytes than any honest one.
    #[error("answer too long")]
    TooLong,
}

impl Broken {
    /// A failure while the answer's body came in.
    pub(crate) fn torn(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_timeout() {
            Self::TimedOut(error)
        } else {
            Self::Lost(error)
        }
    }

    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::NotSent(_) => Trouble::NotSent,
            Self::TimedOut(_) => Trouble::TimedOut,
            Self::Lost(_) => Trouble::Lost,
            Self::TooLong => Trouble::Hopeless,
        }
    }
}

impl From<reqwest::Error> for Broken {
    fn from(error: reqwest::Error) -> Self {
        // URLs hold key values, which errors must not show.
        let error = error.without_url();
        if error.is_connect() || error.is_builder() {
            Self::NotSent(error)
        } else {
            Self::torn(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        let loopback = |url: &str| is_loopback(&Url::parse(url).unwrap());
        assert!(loopback("http://127.0.0.1:8080/"));
        assert!(loopback("http://127.8.0.1/"));
        assert!(loopback("http://[::1]:9/"));
        assert!(loopback("http://localhost:1/"));
        assert!(loopback("http://org.localhost/"));
        assert!(!loopback("https://org.crm.dynamics.com/"));
        assert!(!loopback("http://localhost.example.com/"));
        assert!(!loopback("http://10.0.0.1/"));
    }
}
