//! Running live: the engine and the HTTP server side by side, until the process is asked to end.

use crate::exit::Exit;
use crate::failure::{Failure, codes};
use crate::signal;
use crate::terminal::Terminal;
use duet_engine::Sessions;
use duet_server::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Takes the address that the server will listen on; port 0 takes a free one.
pub async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let refused = |error: std::io::Error| {
        Failure::new(
            Exit::Configuration,
            codes::LISTEN,
            format!("cannot listen on {address}: {error}"),
            "stop what uses this address, or change `listen` in duet.yaml".to_owned(),
        )
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

/// The engine and the server at work.
pub struct Live {
    stop: watch::Sender<bool>,
    engine: JoinHandle<Result<(), duet_engine::EngineError>>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Live {
    /// Starts both.
    pub fn start(sessions: &Arc<Sessions>, listener: TcpListener, service: Arc<Service>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let sessions = Arc::clone(sessions);
        let server = tokio::spawn(duet_server::serve(listener, service, stopped.clone()));
        Self {
            stop,
            engine: tokio::spawn(async move { sessions.run(stopped).await }),
            server,
        }
    }

    /// Returns when the engine ended by itself, which it does only with an error.
    pub async fn ended(&mut self) -> Result<(), Failure> {
        match (&mut self.engine).await {
            Ok(outcome) => Ok(outcome?),
            Err(error) => Err(Failure::bug("the engine stopped", &error)),
        }
    }

    /// Asks both to end and waits until what is being written is finished.
    pub async fn stop(mut self) -> Result<(), Failure> {
        // Nobody listening any more means that both ended already.
        let _ = self.stop.send(true);
        let outcome = if self.engine.is_finished() {
            Ok(())
        } else {
            self.ended().await
        };
        match self.server.await {
            Ok(Ok(())) => outcome,
            Ok(Err(error)) => Err(Failure::bug("the HTTP server failed", &error)),
            Err(error) => Err(Failure::bug("the HTTP server failed", &error)),
        }
    }
}

/// Runs until Ctrl-C or a termination signal; a second one ends at once.
pub async fn until_asked_to_end(
    sessions: &Arc<Sessions>,
    listener: TcpListener,
    service: Arc<Service>,
    terminal: Terminal,
) -> Result<(), Failure> {
    let mut live = Live::start(sessions, listener, service);
    tokio::select! {
        outcome = live.ended() => {
            let stopped = live.stop().await;
            return outcome.and(stopped);
        }
        () = signal::end_asked_for() => {}
    }
    terminal.say("stopping: what is being written is finished first (Ctrl-C again: at once)");
    tokio::select! {
        stopped = live.stop() => stopped,
        // Nothing is lost: what was not settled is looked up after the next start.
        () = signal::end_asked_for() => Ok(()),
    }
}
