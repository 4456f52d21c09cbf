//! What can be set about the engine, with defaults that suit a pair of cloud services.

use crate::alerts::Rule;
use crate::failpoint::Failpoints;
use std::time::Duration;

/// The engine's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How often a table is asked for changes when no notice arrives. Default 5 s.
    pub poll_every: Duration,
    /// How often key sets are compared on sides that do not report deletions. Default 15 min.
    pub sweep_every: Duration,
    /// Most changes that one round of a map applies. Bounds memory. Default 500.
    pub round: usize,
    /// How often a change that failed for a passing reason is tried before it parks. Default 8.
    pub attempts: u32,
    /// The pause before the first of those retries; it doubles each time. Default 500 ms.
    pub retry_after: Duration,
    /// Longest of those pauses. Default 1 min.
    pub retry_at_most: Duration,
    /// Writes in a row that only answered the other system's rewriting before a pair is parked as
    /// oscillating. Default 4.
    pub bounces: u32,
    /// More deletions of a map's records than this share within `delete_window` wait for a person:
    /// reported ones, and those that a comparison of key sets finds. Default 0.1, and never fewer than
    /// `delete_floor` records.
    pub delete_brake: f64,
    /// So many deletions never wait for a person, unless they are more than half of the records and
    /// more than `delete_few`. Default 20.
    pub delete_floor: u64,
    /// So many deletions never wait for a person, however few records there are. Default 5.
    pub delete_few: u64,
    /// How long deletions that passed count towards the brake. Default 1 h.
    pub delete_window: Duration,
    /// Two edits of one field that are no further apart than this count as made at the same time
    /// where `latest` decides, and the master's stands: clocks differ. Default 5 s.
    pub clock_skew: Duration,
    /// How long conflicts are remembered after they ended; open ones always are. Default 90 days.
    pub keep_conflicts: Duration,
    /// How often lookups on tables that no map owns are tried again. Default 30 s.
    pub recheck_every: Duration,
    /// How often schemas are read again. Default 15 min.
    pub refresh_every: Duration,
    /// Failures in a row after which a side is only probed. Default 5.
    pub breaker: u32,
    /// How long a map that an alert rule paused waits at least before it is tried again. Default 30 s.
    pub trial_after: Duration,
    /// The alert rules.
    pub alerts: Vec<Rule>,
    /// Where tests end the process.
    pub failpoints: Failpoints,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            poll_every: Duration::from_secs(5),
            sweep_every: Duration::from_mins(15),
            round: 500,
            attempts: 8,
            retry_after: Duration::from_millis(500),
            retry_at_most: Duration::from_mins(1),
            bounces: 4,
            delete_brake: 0.1,
            delete_floor: 20,
            delete_few: 5,
            delete_window: Duration::from_hours(1),
            clock_skew: Duration::from_secs(5),
            keep_conflicts: Duration::from_hours(90 * 24),
            recheck_every: Duration::from_secs(30),
            refresh_every: Duration::from_mins(15),
            breaker: 5,
            trial_after: Duration::from_secs(30),
            alerts: Vec::new(),
            failpoints: Failpoints::default(),
        }
    }
}
