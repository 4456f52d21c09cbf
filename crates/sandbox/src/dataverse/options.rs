//! What a request asks for beside its address: query options and the `Prefer` header.

use std::collections::HashMap;

use axum::http::HeaderMap;

use super::address::split;
use super::errors::{ApiError, ApiResult};

/// The query options of a request or of one `$expand` item.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) select: Option<Vec<String>>,
    pub(super) filter: Option<String>,
    pub(super) order: Vec<(String, bool)>,
    pub(super) top: Option<usize>,
    pub(super) expand: Vec<Expand>,
    pub(super) count: bool,
    pub(super) apply: Option<String>,
    pub(super) skip_token: Option<String>,
    pub(super) delta_token: Option<String>,
    pub(super) fetch_xml: Option<String>,
    pub(super) sql: Option<String>,
    pub(super) id: Option<String>,
    pub(super) tag: Option<String>,
    /// Whether `$metadata` shows its annotations.
    pub(super) annotations: bool,
    /// Parameter aliases, with their `@`.
    pub(super) aliases: HashMap<String, String>,
    /// The options as they came, for links that repeat them.
    pub(super) given: Vec<(String, String)>,
}

/// One item of `$expand`.
#[derive(Debug, Clone)]
pub(super) struct Expand {
    /// The navigation property.
    pub(super) navigation: String,
    /// What follows it: nothing, `$ref` or `$count`.
    pub(super) suffix: Option<String>,
    /// The options in its parentheses.
    pub(super) options: Options,
}

impl Options {
    /// Reads options that came with a request.
    pub(super) fn read(given: Vec<(String, String)>) -> ApiResult<Self> {
        let mut options = Self::default();
        for (name, value) in &given {
            options.set(name, value)?;
        }
        options.given = given;
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> ApiResult<()> {
        match name {
            "$select" => {
                let names = value
                    .split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty());
                self.select = Some(names.map(ToOwned::to_owned).collect());
            }
            "$filter" => self.filter = Some(value.to_owned()),
            "$orderby" => {
                for term in split(value, ',') {
                    let term = term.trim();
                    let (by, descending) = match term.rsplit_once(' ') {
                        Some((by, "desc")) => (by.trim(), true),
                        Some((by, "asc")) => (by.trim(), false),
                        _ => (term, false),
                    };
                    if !by.is_empty() {
                        self.order.push((by.to_owned(), descending));
                    }
                }
            }
            "$top" => {
                let top = value.trim().parse().map_err(|_| {
                    ApiError::malformed(format!(
                        "Invalid value '{value}' for $top query option found. The $top query \
                         option requires a non-negative integer value."
                    ))
                })?;
                self.top = Some(top);
            }
            "$expand" => {
                for item in split(value, ',')
                    .into_iter()
                    .filter(|item| !item.trim().is_empty())
                {
                    self.expand.push(expand(item.trim())?);
                }
                if self.expand.len() > 15 {
                    return Err(ApiError::malformed(
                        "The number of expanded navigation properties exceeds the limit of 15.",
                    ));
                }
            }
            "$count" => {
                self.count = match value {
                    "true" => true,
                    "false" => false,
                    _ => {
                        return Err(ApiError::malformed(
                            "Invalid value for $count query option found. Valid values are 'true' \
                             and 'false'.",
                        ));
                    }
                }
            }
            "$apply" => self.apply = Some(value.to_owned()),
            "$skiptoken" => self.skip_token = Some(value.to_owned()),
            "$deltatoken" => self.delta_token = Some(value.to_owned()),
            "$id" => self.id = Some(value.to_owned()),
            "fetchXml" => self.fetch_xml = Some(value.to_owned()),
            "sql" => self.sql = Some(value.to_owned()),
            "tag" => self.tag = Some(value.to_owned()),
            "annotations" => self.annotations = value == "true",
            // Label languages and saved queries change nothing here.
            // The upload of a file looks for its own options among those given.
            "LabelLanguages" | "partitionId" | "SolutionUniqueName" | "size" | "sessiontoken"
            | "x-ms-file-name" => {}
            _ if name.starts_with('@') => {
                self.aliases.insert(name.to_owned(), value.to_owned());
            }
            _ => {
                return Err(ApiError::malformed(format!(
                    "The query parameter {name} is not supported."
                )));
            }
        }
        Ok(())
    }

    /// The options of a link that repeats this request without its position.
    pub(super) fn without_tokens(&self) -> Vec<(String, String)> {
        let positions = ["$skiptoken", "$deltatoken"];
        let kept = self
            .given
            .iter()
            .filter(|(name, _)| !positions.contains(&name.as_str()));
        kept.cloned().collect()
    }
}

fn expand(item: &str) -> ApiResult<Expand> {
    let (path, inside) = match item.split_once('(') {
        Some((path, rest)) => {
            let inside = rest.strip_suffix(')').ok_or_else(|| {
                ApiError::malformed("Found an unbalanced bracket expression in $expand.")
            })?;
            (path.trim(), inside)
        }
        None => (item, ""),
    };
    let (navigation, suffix) = match path.split_once('/') {
        Some((navigation, suffix)) => (navigation, Some(suffix.to_owned())),
        None => (path, None),
    };
    let given = split(inside, ';')
        .into_iter()
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.trim().to_owned(), value.to_owned())
        })
        .collect();
    Ok(Expand {
        navigation: navigation.into(),
        suffix,
        options: Options::read(given)?,
    })
}

/// The preferences of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    /// Send the written row back.
    pub(super) representation: bool,
    /// Patterns of annotations to add.
    pub(super) annotations: Option<String>,
    /// The greatest page.
    pub(super) page_size: Option<usize>,
    /// Begin to follow changes.
    pub(super) track_changes: bool,
    /// Go on in a batch after a failure.
    pub(super) continue_on_error: bool,
    /// What was understood, as `Preference-Applied` repeats it.
    pub(super) applied: Vec<String>,
}

impl Preferences {
    /// Reads all `Prefer` headers.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for header in headers.get_all("prefer") {
            for preference in split_quoted(header.to_str().unwrap_or_default()) {
                found.add(preference);
            }
        }
        found
    }

    fn add(&mut self, preference: &str) {
        let (name, value) = match preference.split_once('=') {
            Some((name, value)) => (name.trim(), value.trim().trim_matches('"')),
            None => (preference.trim(), ""),
        };
        match name
            .trim_start_matches("odata.")
            .to_ascii_lowercase()
            .as_str()
        {
            "return" if value == "representation" => self.representation = true,
            "return" if value == "minimal" => self.representation = false,
            "include-annotations" => self.annotations = Some(value.to_owned()),
            "maxpagesize" => match value.parse() {
                Ok(size) if size > 0 => self.page_size = Some(size),
                _ => return,
            },
            "track-changes" => self.track_changes = true,
            "continue-on-error" => self.continue_on_error = value != "false",
            _ => return,
        }
        self.applied.push(preference.trim().to_owned());
    }

    /// Whether an annotation is wanted.
    pub(super) fn wants(&self, annotation: &str) -> bool {
        self.annotations.as_deref().is_some_and(|patterns| {
            patterns
                .split(',')
                .map(str::trim)
                .any(|pattern| match pattern.strip_suffix('*') {
                    Some(prefix) => annotation.starts_with(prefix),
                    None => annotation == pattern,
                })
        })
    }
}

/// Splits at commas outside of double quotes.
fn split_quoted(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_come_in_one_header_or_several() {
        let mut headers = HeaderMap::new();
        let both = "return=representation, odata.include-annotations=\"a.b,c.*\"";
        headers.append("prefer", both.parse().unwrap());
        headers.append("prefer", "odata.maxpagesize=3".parse().unwrap());
        let found = Preferences::read(&headers);
        assert!(found.representation);
        assert_eq!(found.page_size, Some(3));
        assert!(found.wants("a.b") && found.wants("c.d") && !found.wants("a.x"));
        assert_eq!(found.applied.len(), 3);
    }

    #[test]
    fn nested_expand_options_are_read() {
        let given = "primarycontactid($select=fullname;$expand=createdby($select=fullname)),owner";
        let options = Options::read(vec![("$expand".into(), given.into())]).unwrap();
        assert_eq!(options.expand.len(), 2);
        let first = &options.expand[0];
        assert_eq!(first.navigation, "primarycontactid");
        assert_eq!(
            first.options.select.as_deref(),
            Some(&["fullname".to_owned()][..])
        );
        assert_eq!(first.options.expand[0].navigation, "createdby");
    }

    #[test]
    fn unsupported_options_are_refused() {
        for name in ["$skip", "$search", "$format", "$Select", "other"] {
            let error = Options::read(vec![(name.into(), "1".into())]).unwrap_err();
            assert_eq!(
                error.message,
                format!("The query parameter {name} is not supported.")
            );
        }
    }
}
