//! Retention: conflicts that ended long ago are forgotten, open ones never.

use crate::core::Core;
use crate::error::EngineError;
use jiff::SignedDuration;
use std::sync::PoisonError;

/// How many records one transaction forgets at most, so that nobody waits long for it.
const AT_ONCE: usize = 1_000;

/// How often somebody looks.
const EVERY: SignedDuration = SignedDuration::from_hours(1);

impl Core {
    /// Forgets conflicts that ended longer ago than they are kept; looks once an hour at most.
    pub(crate) async fn forget_old_conflicts(&self) -> Result<(), EngineError> {
        let now = self.clock.now();
        {
            let mut last = self
                .last_forgotten
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| now.duration_since(last) < EVERY) {
                return Ok(());
            }
            *last = Some(now);
        }
        let kept = SignedDuration::try_from(self.settings.keep_conflicts).unwrap_or_default();
        let Ok(before) = now.checked_sub(kept) else {
            return Ok(());
        };
        while self.store.forget_conflicts(before, AT_ONCE).await? == AT_ONCE as u64 {}
        Ok(())
    }
}
