//! A whole request URL, told apart from its service root.

use super::{OptionNames, QueryOptions, ResourcePath};
use crate::ParseError;

/// A request's resource and its options.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RequestUrl {
    /// The path below the service root.
    pub path: ResourcePath,
    /// The options after the question mark.
    pub options: QueryOptions,
}

impl RequestUrl {
    /// Reads a URL in any of the forms that clients send: absolute
    /// (`https://host/api/data/v9.2/accounts`), host-relative (`/api/data/v9.2/accounts`), or
    /// relative to the service root (`accounts`, `/accounts`, `$1/name`).
    ///
    /// `root` is the path of the service, such as `/api/data/v9.2`; the host is not checked.
    /// Offsets in errors count from the start of `url`.
    ///
    /// ```
    /// use duet_odata::url::{OptionNames, RequestUrl};
    ///
    /// for url in ["https://h/data/Sets?$top=1", "/data/Sets?$top=1", "Sets?$top=1"] {
    ///     let request = RequestUrl::parse(url, "/data", OptionNames::Exact)?;
    ///     assert_eq!(request.path.to_string(), "Sets");
    ///     assert_eq!(request.options.top, Some(1));
    /// }
    /// # Ok::<(), duet_odata::ParseError>(())
    /// ```
    pub fn parse(url: &str, root: &str, names: OptionNames) -> Result<Self, ParseError> {
        let (resource, query) = match url.split_once('?') {
            Some((resource, query)) => (resource, Some(query)),
            None => (url, None),
        };
        let path = below_root(resource, root);
        let path_at = resource.len() - path.len();
        let path = ResourcePath::parse(path).map_err(|error| error.shifted(path_at))?;
        let query_at = resource.len() + 1;
        let query = query.map(|query| query.split_once('#').map_or(query, |(query, _)| query));
        let options = QueryOptions::parse(query.unwrap_or_default(), names)
            .map_err(|error| error.shifted(query_at))?;
        Ok(Self { path, options })
    }
}

/// The part of a path after the scheme, the host and the service root.
fn below_root<'a>(resource: &'a str, root: &str) -> &'a str {
    let path = match resource.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => rest
            .find('/')
            .and_then(|slash| rest.get(slash..))
            .unwrap_or_default(),
        _ => resource,
    };
    let bare = root.trim_matches('/');
    let inside = path
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(bare));
    match inside {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => path,
    }
}

/// Prints the URL relative to the service root, percent-encoded.
impl std::fmt::Display for RequestUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path)?;
        let options = self.options.to_string();
        if options.is_empty() {
            Ok(())
        } else {
            write!(f, "?{options}")
        }
    }
}
