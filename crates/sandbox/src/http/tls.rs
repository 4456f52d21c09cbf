//! A self-signed certificate, for clients that refuse plain HTTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate could be made.
    #[error("a self-signed certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// The certificate cannot be used.
    #[error("the self-signed certificate cannot be used")]
    Use(#[from] rustls::Error),
    /// The certificate cannot be written.
    #[error("the certificate cannot be written to {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A certificate and its key, made for one run.
pub struct Tls {
    acceptor: TlsAcceptor,
    certificate: String,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Makes a certificate for `localhost` and the addresses of this machine itself.
    pub fn self_signed() -> Result<Self, TlsError> {
        let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self {
            acceptor,
            certificate: cert.pem(),
        })
    }

    /// The certificate as PEM, for clients to trust.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Writes the certificate to a file, for clients to trust.
    pub fn write_certificate(&self, path: &Path) -> Result<(), TlsError> {
        std::fs::write(path, &self.certificate).map_err(|source| TlsError::Write {
            path: path.to_owned(),
            source,
        })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}
