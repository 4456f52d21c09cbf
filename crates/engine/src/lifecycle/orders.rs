//! Orders: what people and rules want of maps, read from the store and carried out.

use super::later;
use crate::core::Core;
use crate::error::EngineError;
use duet_map::CompiledMap;
use duet_map::diagnostic::Code;
use duet_store::change::{Park, ParkReason};
use duet_store::lifecycle::{Cause, Order, Queue, Wanted};
use duet_store::settlement::Outcome;
use jiff::Timestamp;
use std::collections::HashMap;

impl Core {
    /// Reads the orders in the store and does what they say.
    pub(crate) async fn take_up(&self) -> Result<(), EngineError> {
        let mut orders: HashMap<String, Order> = self
            .store
            .orders()
            .await?
            .into_iter()
            .map(|order| (order.map.clone(), order))
            .collect();
        for map in self.project.maps() {
            let order = orders.remove(map.id());
            let wanted = order.as_ref().map_or(Wanted::Run, |order| order.wanted);
            let runs = self.lifecycle.captures(map.id()) || self.lifecycle.is_whole(map.id());
            if wanted == Wanted::Stop && runs {
                // Durable before capture stops: from here on there is a gap.
                self.is_to_be_read(map.id()).await?;
            }
            let trial = later(self.clock.now(), self.settings.trial_after);
            let (changed, queue) = self.lifecycle.with(map.id(), |life| {
                let changed = life.order != order;
                if changed && wanted == Wanted::Run {
                    life.caught_up = false;
                }
                let by_rule = order.as_ref().is_some_and(|order| {
                    order.wanted == Wanted::Pause && order.cause == Cause::Alert
                });
                if !by_rule {
                    life.trial = None;
                } else if life.trial.is_none() {
                    life.trial = trial;
                }
                life.order.clone_from(&order);
                (changed, order.filter(|order| order.wanted == Wanted::Run))
            });
            if let Some(order) = queue {
                self.clear_queue(map, &order).await?;
            }
            self.show(map.id()).await?;
            if changed {
                self.wake_map(map.id());
            }
        }
        Ok(())
    }

    /// Reads the orders without doing anything else about them, for work that is no session.
    pub(crate) async fn learn_orders(&self) -> Result<(), EngineError> {
        for order in self.store.orders().await? {
            let map = order.map.clone();
            self.lifecycle.with(&map, |life| life.order = Some(order));
        }
        Ok(())
    }

    /// Parks or discards what queued up to an order, once.
    async fn clear_queue(&self, map: &CompiledMap, order: &Order) -> Result<(), EngineError> {
        if order.queue == Queue::CatchUp {
            return Ok(());
        }
        // A change that is on its way to the other side must not end otherwise meanwhile.
        let _applying = self.applying(map.id()).await;
        match order.queue {
            Queue::CatchUp => {}
            Queue::KeepParked => {
                let park = Park {
                    reason: ParkReason::Held,
                    code: Code(4121),
                    message: "kept aside when the map was resumed; `duet retry --reason held` \
                              applies it"
                        .to_owned(),
                    waits_for: Vec::new(),
                };
                let limit = self.settings.round;
                let hold = || {
                    let (park, now) = (park.clone(), self.clock.now());
                    self.store.hold(map.id(), order.up_to, park, limit, now)
                };
                while hold().await? > 0 {}
            }
            Queue::Discard => self.discard_queue(map, order.up_to).await?,
        }
        self.settings.failpoints.reach("queue-cleared");
        let done = Order {
            queue: Queue::CatchUp,
            ..order.clone()
        };
        self.store.set_orders(vec![done]).await?;
        self.lifecycle.with(map.id(), |life| life.order = None);
        Ok(())
    }

    /// Discards pending changes up to a place in the journal. The rows count as seen: a later change
    /// of the same record brings only what changes after this.
    async fn discard_queue(&self, map: &CompiledMap, up_to: i64) -> Result<(), EngineError> {
        let mut newer = 0;
        loop {
            let limit = self.settings.round.saturating_add(newer);
            let changes = self.store.due(map.id(), limit, Timestamp::MAX).await?;
            let count = changes.len();
            let old: Vec<_> = changes
                .into_iter()
                .filter(|change| change.seq <= up_to)
                .collect();
            newer = count - old.len();
            if old.is_empty() {
                return Ok(());
            }
            let why = "discarded when the map was resumed".to_owned();
            let settlements = self
                .ending_unapplied(map, old, &Outcome::Discarded(why))
                .await?;
            self.settle(map, settlements).await?;
        }
    }
}
