//! `duet` as people at a terminal use it: one process that runs, and commands beside it.

use super::{Process, duet};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A `duet run` at work; killed when it is dropped.
pub struct Running {
    process: Process,
    said: Arc<Mutex<String>>,
    /// Where it serves.
    pub url: String,
}

impl Running {
    /// Starts `duet run` and waits until it is live.
    pub fn start(folder: &Path) -> Self {
        Self::of(duet(folder, &["run"]))
    }

    /// As [`Self::start`], with a command of one's own that becomes `duet run`.
    pub fn of(mut command: Command) -> Self {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut process = Process(child);
        let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(String::new()));
        let mut url = String::new();
        let live = lines.by_ref().map_while(Result::ok).any(|line| {
            if let Some(address) = line.strip_prefix("serving ") {
                address.clone_into(&mut url);
            }
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
            line.starts_with("live")
        });
        assert!(live, "it goes live: {}", said.lock().unwrap());
        let more = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut said = more.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        Self { process, said, url }
    }

    /// What it has said on standard error so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Its number among the processes.
    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// Whether it has not ended.
    pub fn is_at_work(&mut self) -> bool {
        self.process.0.try_wait().unwrap().is_none()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    /// Asks it to end, as Ctrl-C does, and waits until it has.
    pub fn end(mut self) -> ExitStatus {
        let asked = Command::new("kill")
            .args(["-TERM", &self.id().to_string()])
            .status()
            .unwrap();
        assert!(asked.success());
        self.process.0.wait().unwrap()
    }
}

/// Runs a command to its end.
pub fn ask(folder: &Path, arguments: &[&str]) -> Output {
    duet(folder, arguments).output().unwrap()
}

/// The exit code and everything that was said.
pub fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    format!("{}| {out}{err}", output.status.code().unwrap_or(-1))
}

/// What a command with `--json` answers.
pub fn json_of(folder: &Path, arguments: &[&str]) -> Value {
    let output = duet(folder, arguments).arg("--json").output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
}

/// A map's state.
pub fn state(folder: &Path, map: &str) -> String {
    let status = json_of(folder, &["status"]);
    let maps = status["maps"].as_array().unwrap();
    let found = maps.iter().find(|one| one["map"] == map).unwrap();
    found["state"].as_str().unwrap().to_owned()
}

/// Changes in one box (`pending`, `parked` …), over all maps and sides.
pub fn in_box(folder: &Path, name: &str) -> u64 {
    let audit = json_of(folder, &["audit"]);
    let lines = audit["lines"].as_array().unwrap();
    lines
        .iter()
        .map(|line| line["boxes"][name].as_u64().unwrap())
        .sum()
}

/// Changes that wait to be applied, over all maps and sides; cheaper than an audit.
pub fn pending(folder: &Path) -> u64 {
    let status = json_of(folder, &["status"]);
    let maps = status["maps"].as_array().unwrap();
    let of = |map: &Value, side: &str| map[side]["pending"].as_u64().unwrap();
    maps.iter()
        .map(|map| of(map, "left") + of(map, "right"))
        .sum()
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(90), "never: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
