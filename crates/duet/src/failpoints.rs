//! `DUET_FAILPOINT=after-write:3` ends the process when it reaches a point for the third time.
//!
//! Only builds with debug assertions look: a released binary cannot be made to die.

use duet_engine::failpoint::Failpoints;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The variable.
pub const VARIABLE: &str = "DUET_FAILPOINT";

/// The points that the environment asks for; the same at every call.
pub fn of_process() -> Failpoints {
    static POINTS: OnceLock<Failpoints> = OnceLock::new();
    POINTS
        .get_or_init(|| {
            if !cfg!(debug_assertions) {
                return Failpoints::default();
            }
            std::env::var(VARIABLE).map_or_else(|_| Failpoints::default(), |text| parse(&text))
        })
        .clone()
}

/// Dies without a word to anybody, as by `kill -9`, when the point is reached often enough.
fn parse(text: &str) -> Failpoints {
    let (point, times) = text.split_once(':').unwrap_or((text, "1"));
    let (point, times) = (point.to_owned(), times.parse().unwrap_or(1));
    let reached = AtomicU64::new(0);
    Failpoints::new(move |name| {
        if name == point && reached.fetch_add(1, Ordering::SeqCst) + 1 == times {
            std::process::abort();
        }
    })
}
