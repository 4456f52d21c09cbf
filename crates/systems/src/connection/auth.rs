//! How a connection proves who it is.

use secrecy::SecretString;
use url::Url;

/// The ways to sign in to a service.
#[derive(Debug, Clone)]
pub enum Auth {
    /// None at all.
    None,
    /// A user's name and password with every request.
    Basic {
        /// The user.
        user: String,
        /// Its password.
        password: SecretString,
    },
    /// A token that somebody else issued and that does not change.
    Bearer(SecretString),
    /// Tokens of an application's own, asked for as OAuth 2.0 client credentials.
    Client(ClientCredentials),
}

/// A registered application.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// Where tokens are issued.
    pub token_url: Url,
    /// The application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// What the token is for; some services want none.
    pub scope: Option<String>,
}
