//! The stand-ins in the test's own process, and a project without maps beside them.

use super::duet;
use duet::demo::project_files::{self, Addresses};
use duet::stand_ins::{Plan, StandIns};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

/// A project of its own folder whose systems this process serves.
pub struct InProcess {
    pub stand_ins: StandIns,
    folder: TempDir,
}

impl InProcess {
    /// Serves both systems with what the plan says.
    pub async fn set(plan: &Plan) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let stand_ins = StandIns::start(plan).await.unwrap();
        let folder = project(stand_ins.finops.url(), stand_ins.dataverse.url());
        Self { stand_ins, folder }
    }

    /// Where the project is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the project.
    pub fn put(&self, file: &str, text: &str) {
        let path = self.folder().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs a command to its end, while this process goes on serving.
    pub async fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = duet(self.folder(), arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }
}

/// A project without maps over systems at these addresses.
pub fn project(finops: &str, dataverse: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let addresses = Addresses {
        finops: finops.to_owned(),
        dataverse: dataverse.to_owned(),
        listen: "127.0.0.1:0".to_owned(),
    };
    project_files::write(folder.path(), &addresses).unwrap();
    fs::remove_dir_all(folder.path().join("maps")).unwrap();
    folder
}

/// What a command wrote as JSON.
pub fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", transcript(output)))
}

/// Both streams as a terminal shows them, without blanks at the ends of lines, and the exit code.
pub fn transcript(output: &Output) -> String {
    let mut told = String::new();
    for stream in [&output.stderr, &output.stdout] {
        for line in String::from_utf8_lossy(stream).lines() {
            told.push_str(line.trim_end());
            told.push('\n');
        }
    }
    format!("{told}exit code {}", output.status.code().unwrap())
}
