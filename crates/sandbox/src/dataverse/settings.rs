//! What can be set about a stand-in beyond its tables and clients.

/// Limits and habits of the stand-in. What the service does by documentation is the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The greatest page, and the page when nothing is asked for.
    pub page_size: usize,
    /// After how many days a delta token expires.
    pub change_retention_days: i64,
    /// The greatest number of requests in a batch.
    pub batch_limit: usize,
    /// Service protection (429), off when missing.
    pub limits: Option<Limits>,
    /// The name of the organisation.
    pub organization_name: String,
    /// How long a webhook may take to answer, in seconds.
    pub webhook_timeout_seconds: u64,
}

/// Service protection limits, per user over a sliding window (protocol reference A14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The window in seconds.
    pub window_seconds: u64,
    /// Requests in a window.
    pub requests: u64,
    /// Milliseconds of execution in a window.
    pub execution_milliseconds: u64,
    /// Requests at the same time.
    pub concurrent: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window_seconds: 300,
            requests: 6000,
            execution_milliseconds: 1_200_000,
            concurrent: 52,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page_size: 5000,
            change_retention_days: 7,
            batch_limit: 1000,
            limits: None,
            organization_name: "sandbox".into(),
            webhook_timeout_seconds: 60,
        }
    }
}
