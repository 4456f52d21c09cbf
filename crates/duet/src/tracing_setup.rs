//! Where diagnostics of the process go: to standard error, without payloads.

use tracing_subscriber::EnvFilter;

/// Starts telling. `RUST_LOG` wins over the number of `--verbose`.
pub fn start(verbose: u8, colour: bool) {
    let default = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug,hyper=info,hyper_util=info,reqwest=info,rustls=info,h2=info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    // A second call, as tests make, keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(verbose > 1)
        .try_init();
}
