//! Transactions: who acts in one, what its writes set off, and when that becomes known.
//!
//! Synchronous webhook steps speak before the commit and can undo it; counters and asynchronous
//! steps learn of it afterwards.

use std::sync::{Arc, PoisonError};

use axum::http::StatusCode;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::delivery::{Delivery, DeliveryError};
use super::errors::{ApiError, ApiResult};
use super::execution_context::{Request as WebhookRequest, payload};
use super::model::Model;
use super::organisation::{ADMINISTRATOR, user_of};
use super::service::{Inner, Outer};
use super::session::{Actor, Effect, Session};
use super::value;
use super::webhooks::{Steps, changes_steps};
use crate::rows::{Sql, Value};

/// What came of a transaction.
struct Done {
    effects: Vec<Effect>,
    actor: Actor,
    correlation: Uuid,
    model: Arc<Model>,
    /// The webhook steps from now on, when they changed.
    steps_now: Option<Arc<Steps>>,
}

impl Inner {
    /// Runs `work` in a transaction and publishes what it wrote once that is committed.
    pub(super) fn transaction<T>(
        &self,
        outer: &Outer<'_>,
        writes: bool,
        work: impl FnOnce(&Session<'_>) -> ApiResult<T>,
    ) -> ApiResult<T> {
        let steps = Arc::clone(&self.steps.lock().unwrap_or_else(PoisonError::into_inner));
        let now = self.clock.now();
        let inside = |tx: &crate::rows::Tx<'_>| -> ApiResult<(T, Done)> {
            // Inside of the transaction, no other request can change the tables.
            let model = self.model();
            let actor = self.actor(tx, outer)?;
            let session = Session::new(&model, &self.settings, tx, &actor, now, Arc::clone(&steps));
            let outcome = work(&session)?;
            let effects = session.effects.take();
            let correlation = Uuid::new_v4();
            self.synchronous_steps(&steps, &model, &actor, now, correlation, &effects)?;
            let steps_now = if effects.iter().any(changes_steps) {
                Some(Arc::new(Steps::load(&session)?))
            } else {
                None
            };
            drop(session);
            Ok((
                outcome,
                Done {
                    effects,
                    actor,
                    correlation,
                    model,
                    steps_now,
                },
            ))
        };
        let (outcome, done) = if writes {
            self.rows.write(inside)?
        } else {
            self.rows.read(inside)?
        };
        self.publish(&steps, now, done);
        Ok(outcome)
    }

    /// Lets the synchronous steps have their say while the write can still be undone.
    fn synchronous_steps(
        &self,
        steps: &Steps,
        model: &Model,
        actor: &Actor,
        now: jiff::Timestamp,
        correlation: Uuid,
        effects: &[Effect],
    ) -> ApiResult<()> {
        let request = self.webhook_request(model, actor, now, correlation);
        for effect in effects {
            for step in steps.of(effect, true) {
                let Some(payload) = payload(&request, effect, step) else {
                    continue;
                };
                self.outbox
                    .post_now(&Delivery::new(payload, step))
                    .map_err(|error| {
                        ApiError::new(StatusCode::BAD_REQUEST, "0x80040265", error.to_string())
                    })?;
            }
        }
        Ok(())
    }

    /// Counts what was committed and hands it to the asynchronous steps.
    fn publish(&self, steps: &Steps, now: jiff::Timestamp, done: Done) {
        let request = self.webhook_request(&done.model, &done.actor, now, done.correlation);
        for effect in &done.effects {
            self.counters
                .row_written(&effect.table, effect.kind, &done.actor.client);
            for step in steps.of(effect, false) {
                if let Some(payload) = payload(&request, effect, step) {
                    self.outbox.send(Delivery::new(payload, step));
                }
            }
        }
        if let Some(steps) = done.steps_now {
            *self.steps.lock().unwrap_or_else(PoisonError::into_inner) = steps;
        }
    }

    fn webhook_request<'r>(
        &'r self,
        model: &'r Model,
        actor: &'r Actor,
        now: jiff::Timestamp,
        correlation: Uuid,
    ) -> WebhookRequest<'r> {
        WebhookRequest {
            model,
            actor,
            organization: &self.settings.organization_name,
            now,
            correlation,
        }
    }

    /// Reads the webhook steps anew, after the rows were opened.
    pub(super) fn reload_steps(&self) -> ApiResult<()> {
        let now = self.clock.now();
        let actor = Actor {
            client: "sandbox".into(),
            user: ADMINISTRATOR.to_string(),
            on_behalf_by: None,
        };
        let model = self.model();
        let steps = self.rows.read(|tx| {
            let none = Arc::default();
            Steps::load(&Session::new(&model, &self.settings, tx, &actor, now, none))
        })?;
        *self.steps.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(steps);
        Ok(())
    }

    /// Keeps a failed delivery as a failed system job.
    pub(super) fn delivery_failed(&self, delivery: &Delivery, error: &DeliveryError) {
        tracing::warn!(step = delivery.step, %error, "a webhook payload was not delivered");
        let job = json!({
            "name": delivery.step,
            "messagename": delivery.payload.message,
            "primaryentitytype": delivery.payload.table,
            "correlationid": delivery.payload.correlation,
            "operationtype": 1,
            "friendlymessage": error.to_string(),
            "statecode": 3,
            "statuscode": 31,
        });
        let Json::Object(job) = job else { return };
        if let Err((_, error)) = self.insert("asyncoperation", &[job]) {
            tracing::error!(%error, "a failed system job could not be kept");
        }
    }

    /// Who acts: the token's application user, or somebody else on its behalf.
    fn actor(&self, tx: &crate::rows::Tx<'_>, outer: &Outer<'_>) -> ApiResult<Actor> {
        let client = outer.caller.client.clone();
        let known = self.clients.iter().any(|one| one.id == client);
        let own = if known {
            user_of(&client)
        } else {
            ADMINISTRATOR
        }
        .to_string();
        let header = |name: &str| {
            outer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let wanted = header("callerobjectid")
            .map(|id| ("azureactivedirectoryobjectid", id))
            .or_else(|| header("mscrmcallerid").map(|id| ("systemuserid", id)));
        let Some((column, wanted)) = wanted else {
            return Ok(Actor {
                client,
                user: own,
                on_behalf_by: None,
            });
        };
        let id = value::guid(wanted);
        let condition = Sql::new(
            format!("t.{column} = ?"),
            vec![Value::Text(id.unwrap_or_default())],
        );
        let select = crate::rows::Select::from("systemuser", &["systemuserid"]).filter(condition);
        match tx.select(&select)?.into_iter().flatten().next() {
            Some(Value::Text(user)) => Ok(Actor {
                client,
                user,
                on_behalf_by: Some(own),
            }),
            _ => Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "0x80040220",
                "The user to act as is not a member of the organization.",
            )),
        }
    }
}
