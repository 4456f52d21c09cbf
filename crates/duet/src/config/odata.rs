//! What `duet.yaml` may say of an OData service: how to sign in, and where it differs from others.

use super::codes;
use super::connection::address;
use super::document::{Entry, Table};
use super::overrides::{duration, positive};
use super::secret::SecretRef;
use duet_systems::Etags;
use duet_systems::odata::{Batches, Creates};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use url::Url;

/// A service that speaks OData v4. What is `None` keeps the connector's default.
#[derive(Debug, Clone)]
pub struct ODataService {
    /// How to sign in.
    pub sign_in: SignIn,
    /// How records are created.
    pub creates: Option<Creates>,
    /// Whether requests travel together.
    pub batches: Option<Batches>,
    /// What to do with `ETag`s.
    pub etags: Option<Etags>,
    /// Whether tables hand out links to changes; `None` asks the service.
    pub deltas: Option<bool>,
    /// Whether decimals and 64-bit numbers travel as text.
    pub exact_numbers: Option<bool>,
    /// The column that holds when a row was last modified, by entity set.
    pub modified: BTreeMap<String, String>,
    /// Columns that are unique together, by entity set.
    pub unique: BTreeMap<String, Vec<String>>,
    /// The column that holds the company of a row, by entity set.
    pub company: BTreeMap<String, String>,
    /// Headers of every request.
    pub headers: BTreeMap<String, String>,
    /// How far back every read of changes reaches.
    pub overlap: Option<Duration>,
    /// How many rows a page has.
    pub page_size: Option<usize>,
    /// How many operations a batch has.
    pub batch_size: Option<usize>,
    /// How many requests may be under way at once.
    pub parallel: Option<usize>,
}

/// How to sign in to a service; secrets by reference.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// Not at all.
    None,
    /// A user's name and password.
    Basic {
        /// The user.
        user: String,
        /// Where the password is.
        password: SecretRef,
    },
    /// A token that does not change.
    Bearer(SecretRef),
    /// OAuth 2.0 client credentials.
    Client {
        /// Where tokens are issued.
        token_url: Url,
        /// The application.
        client_id: String,
        /// Where its secret is.
        client_secret: SecretRef,
        /// What the token is for.
        scope: Option<String>,
    },
}

/// Reads what is particular to an OData service. `side` is where its keys stand.
pub(super) fn read(table: &mut Table<'_>, side: &Entry<'_>, folder: &Path) -> Option<ODataService> {
    let sign_in = sign_in(table, side, folder);
    let creates = word(
        table.optional("create"),
        &[
            ("post", Creates::Post),
            ("put", Creates::Put),
            ("patch", Creates::Patch),
        ],
    );
    let batches = word(
        table.optional("batch"),
        &[
            ("ask", Batches::Ask),
            ("relative", Batches::Relative),
            ("absolute", Batches::Absolute),
            ("off", Batches::Off),
        ],
    );
    let etags = word(
        table.optional("etags"),
        &[
            ("trusted", Etags::Trusted),
            ("sent", Etags::Sent),
            ("off", Etags::Off),
        ],
    );
    let deltas = word(
        table.optional("deltas"),
        &[("ask", None), ("on", Some(true)), ("off", Some(false))],
    );
    let exact_numbers = word(
        table.optional("numbers"),
        &[("exact", true), ("plain", false)],
    );
    let modified = by_name(table.optional("modified"), Entry::text);
    let unique = by_name(table.optional("unique"), |entry| Some(entry.texts()));
    let company = by_name(table.optional("company"), Entry::text);
    let headers = by_name(table.optional("headers"), Entry::text);
    let number = |entry: Option<Entry<'_>>| entry.as_ref().and_then(positive);
    Some(ODataService {
        creates,
        batches,
        etags,
        deltas: deltas.flatten(),
        exact_numbers,
        modified,
        unique,
        company,
        headers,
        overlap: table.optional("overlap").as_ref().and_then(duration),
        page_size: number(table.optional("page-size")),
        batch_size: number(table.optional("batch-size")),
        parallel: number(table.optional("parallel")),
        sign_in: sign_in?,
    })
}

/// How to sign in: the keys that are there say it.
fn sign_in(table: &mut Table<'_>, side: &Entry<'_>, folder: &Path) -> Option<SignIn> {
    let user = table.optional("user");
    let password = table.optional("password");
    let token = table.optional("token");
    let token_url = table.optional("token-url");
    let client_id = table.optional("client-id");
    let client_secret = table.optional("client-secret");
    let scope = table.optional("scope");
    let basic = user.is_some() || password.is_some();
    let client =
        token_url.is_some() || client_id.is_some() || client_secret.is_some() || scope.is_some();
    let half = |wanted: &str| {
        side.report(
            codes::SIGN_IN,
            format!("`{}` holds a part of a way to sign in", side.path()),
            Some(format!("write all of it: {wanted}")),
        );
        None
    };
    match (basic, token, client) {
        (false, None, false) => Some(SignIn::None),
        (true, None, false) => match (user, password) {
            (Some(user), Some(password)) => Some(SignIn::Basic {
                user: user.text()?,
                password: SecretRef::read(&password, folder)?,
            }),
            _ => half("`user` and `password`"),
        },
        (false, Some(token), false) => Some(SignIn::Bearer(SecretRef::read(&token, folder)?)),
        (false, None, true) => match (token_url, client_id, client_secret) {
            (Some(url), Some(id), Some(secret)) => Some(SignIn::Client {
                token_url: address(&url)?,
                client_id: id.text()?,
                client_secret: SecretRef::read(&secret, folder)?,
                scope: scope.and_then(|scope| scope.text()),
            }),
            _ => half("`token-url`, `client-id` and `client-secret`"),
        },
        _ => {
            side.report(
                codes::SIGN_IN,
                format!("`{}` names more than one way to sign in", side.path()),
                Some(
                    "keep one: `user` and `password`, or `token`, or `token-url`, `client-id` and \
                     `client-secret`"
                        .to_owned(),
                ),
            );
            None
        }
    }
}

/// One of several words.
fn word<T: Copy>(entry: Option<Entry<'_>>, words: &[(&str, T)]) -> Option<T> {
    let entry = entry?;
    let text = entry.text()?;
    let known = words.iter().find(|(word, _)| *word == text);
    if known.is_none() {
        let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        entry.report(
            codes::WRONG_VALUE,
            format!("`{}` cannot be `{text}`", entry.path()),
            Some(format!("use one of {}", all.join(", "))),
        );
    }
    known.map(|(_, value)| *value)
}

/// Values under names of the service's own.
fn by_name<'d, T>(
    entry: Option<Entry<'d>>,
    read: impl Fn(&Entry<'d>) -> Option<T>,
) -> BTreeMap<String, T> {
    let Some(entry) = entry else {
        return BTreeMap::new();
    };
    entry
        .entries()
        .into_iter()
        .filter_map(|(name, entry)| Some((name, read(&entry)?)))
        .collect()
}
