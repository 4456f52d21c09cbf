//! What every connector does with the answer to a read: take success, and explain a refusal.

use crate::connection::{Answer, Call, Connection};
use crate::error::SystemError;
use jiff::Timestamp;

/// A connector over its connection.
pub(crate) trait Service: Sync {
    /// The way to the service.
    fn connection(&self) -> &Connection;

    /// The error that a refused read stands for, in the service's own dialect.
    fn refusal(system: &str, answer: &Answer, now: Timestamp) -> SystemError;

    /// The error that this refused read stands for.
    fn refused(&self, answer: &Answer) -> SystemError {
        let now = self.connection().timing().now();
        Self::refusal(self.connection().name(), answer, now)
    }

    /// The answer, if it is a success.
    fn accept(&self, answer: Answer) -> Result<Answer, SystemError> {
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(self.refused(&answer))
        }
    }

    /// Sends a read and takes only success for an answer.
    async fn get(&self, call: &Call) -> Result<Answer, SystemError> {
        self.accept(self.connection().send(call).await?)
    }
}
