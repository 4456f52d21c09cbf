//! Shown: what the store says that a map does, whenever that is something new.

use crate::core::Core;
use crate::error::EngineError;
use crate::progress::Event;
use duet_store::StoreError;
use duet_store::lifecycle::Wanted;
use duet_store::store::{MapState, MapStatus};

impl Core {
    /// Says in the store what a map does, when that is something new.
    pub(crate) async fn show(&self, map: &str) -> Result<(), EngineError> {
        let news = self.lifecycle.with(map, |life| {
            let now = life.state();
            if life.shown.as_ref() == Some(&now) {
                return None;
            }
            let before = life.shown.replace(now.clone());
            Some((before, now, life.definition.clone()))
        });
        let Some((before, (state, error), definition)) = news else {
            return Ok(());
        };
        let said = self
            .store
            .set_map_status(MapStatus {
                map: map.to_owned(),
                state,
                version: definition.map_or_else(String::new, |definition| definition.version),
                since: self.clock.now(),
                error: error.clone(),
            })
            .await;
        match said {
            // No reason to stop working: it is said at the next look, when there may be room.
            Err(StoreError::Full { .. }) => {
                self.lifecycle.with(map, |life| life.shown = before);
                return Ok(());
            }
            said => said?,
        }
        let quiet = |state: MapState| matches!(state, MapState::CatchUp | MapState::Running);
        if before.is_some_and(|(before, _)| !quiet(before)) || !quiet(state) {
            self.progress.report(Event::State {
                map: map.to_owned(),
                state,
                reason: error,
            });
        }
        Ok(())
    }

    /// Says that the process ends: what ran does not run any more; pauses stay.
    pub(crate) async fn show_ended(&self) -> Result<(), EngineError> {
        for map in self.project.maps() {
            let ended = self.lifecycle.with(map.id(), |life| {
                let (state, error) = life.state();
                let paused = matches!(state, MapState::Paused)
                    || state == MapState::ErrorPaused && life.wanted() == Wanted::Pause;
                life.shown = None;
                Some(if paused {
                    (state, error)
                } else {
                    (MapState::NotRunning, None)
                })
            });
            let (state, error) = ended.unwrap_or((MapState::NotRunning, None));
            let said = self
                .store
                .set_map_status(MapStatus {
                    map: map.id().to_owned(),
                    state,
                    version: map.version().to_owned(),
                    since: self.clock.now(),
                    error,
                })
                .await;
            match said {
                // Nobody shows a map as running whose process has ended.
                Err(StoreError::Full { .. }) => return Ok(()),
                said => said?,
            }
        }
        Ok(())
    }

    /// A map's worker found nothing left to do.
    pub(crate) async fn caught_up(&self, map: &str) -> Result<(), EngineError> {
        let news = self.lifecycle.with(map, |life| {
            let news = !life.caught_up || life.fault.is_some();
            life.caught_up = true;
            life.fault = None;
            news
        });
        if news { self.show(map).await } else { Ok(()) }
    }

    /// Something keeps maps from working; `None`: nothing does any more.
    pub(crate) async fn set_fault(
        &self,
        maps: impl Iterator<Item = &str>,
        fault: Option<&str>,
    ) -> Result<(), EngineError> {
        for map in maps {
            let news = self.lifecycle.with(map, |life| {
                let news = life.fault.as_deref() != fault;
                life.fault = fault.map(str::to_owned);
                news
            });
            if news {
                self.show(map).await?;
            }
        }
        Ok(())
    }
}
