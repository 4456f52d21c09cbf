//! The text of a new `duet.yaml`.

use super::answers::Answers;
use super::codes;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::stand_ins::unwritable;
use duet_map::side::PerSide;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

/// What a new `duet.yaml` says.
#[derive(Debug, Clone)]
pub struct Project {
    /// The project's name.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Which environment it is.
    pub environment: String,
    /// Both connections.
    pub sides: PerSide<Answers>,
    /// The companies in scope; empty: all.
    pub companies: Vec<String>,
    /// Where `duet run` serves HTTP.
    pub listen: Option<String>,
}

impl Project {
    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "# Written by `duet init`; docs/reference/duet-yaml.md explains each key.\nduet: 1\n",
        );
        let mut line = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        line(format!("name: {}", quoted(&self.name)));
        if let Some(owner) = &self.owner {
            line(format!("owner: {}", quoted(owner)));
        }
        line(format!("environment: {}", quoted(&self.environment)));
        for (side, system, answers) in [
            ("left", "finops", &self.sides.left),
            ("right", "dataverse", &self.sides.right),
        ] {
            line(format!("{side}:"));
            line(format!("  system: {system}"));
            line(format!("  url: {}", quoted(&answers.url)));
            line(format!("  tenant: {}", quoted(&answers.tenant)));
            if let Some(token_url) = &answers.token_url {
                line(format!("  token-url: {}", quoted(token_url)));
            }
            line(format!("  client-id: {}", quoted(&answers.client_id)));
            line(format!(
                "  client-secret: {{ env: {} }}",
                quoted(&answers.secret)
            ));
        }
        if self.companies.is_empty() {
            line("# companies: []   (all of them)".to_owned());
        } else {
            let companies: Vec<String> = self.companies.iter().map(|name| quoted(name)).collect();
            line(format!("companies: [{}]", companies.join(", ")));
        }
        line("maps: [maps]".to_owned());
        if let Some(listen) = &self.listen {
            line(format!("listen: {}", quoted(listen)));
        }
        text
    }
}

/// A text as YAML; plain where nothing could read it otherwise.
fn quoted(text: &str) -> String {
    let plain = text.chars().next().is_some_and(char::is_alphabetic)
        && text.chars().all(|letter| {
            letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/' | ':')
        })
        && !text.ends_with(':')
        && !["true", "false", "null", "yes", "no", "on", "off"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text));
    if plain {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            letter if letter.is_control() => {
                // Writing into a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// Fails where a project stands already.
pub fn refuse_existing(file: &Path) -> Result<(), Failure> {
    if file.exists() {
        Err(exists(file))
    } else {
        Ok(())
    }
}

/// Writes the file, which must not be there.
pub fn write(file: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let mut opened = opened.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(file),
        _ => unwritable(file, &error),
    })?;
    opened
        .write_all(text.as_bytes())
        .map_err(|error| unwritable(file, &error))
}

fn exists(file: &Path) -> Failure {
    Failure::new(
        Exit::Configuration,
        codes::PROJECT_EXISTS,
        format!(
            "`{}` is there already, and a new project writes over nothing",
            file.display()
        ),
        "name another file with `--config`, or add packages with `duet package install`".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::connection::Service;

    #[test]
    fn the_text_reads_back_whatever_it_says() {
        let answers = |url: &str| Answers {
            url: url.to_owned(),
            tenant: "8f2b1c00-0000-4000-8000-000000000001".to_owned(),
            token_url: Some("http://t/x".to_owned()),
            client_id: "1e5".to_owned(),
            secret: "A_SECRET".to_owned(),
        };
        for name in ["contoso", "O'Neil: \"x\" # y", "no", "12", "ü\\n"] {
            let project = Project {
                name: name.to_owned(),
                owner: Some("a, b".to_owned()),
                environment: "test".to_owned(),
                sides: PerSide {
                    left: answers("https://l.example"),
                    right: answers("https://r.example"),
                },
                companies: vec!["usmf".to_owned(), "001".to_owned()],
                listen: Some("127.0.0.1:0".to_owned()),
            };
            let config = Config::parse(&project.text(), "duet.yaml", Path::new("")).unwrap();
            assert_eq!(config.name, name);
            assert_eq!(config.owner.as_deref(), Some("a, b"));
            assert_eq!(config.companies, ["usmf", "001"]);
            let Service::FinOps(application) = config.sides.left.service else {
                panic!("the left side is Finance & Operations");
            };
            assert_eq!(application.client_id, "1e5");
        }
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("duet.yaml");
        write(&file, "mine").unwrap();
        let failure = write(&file, "new").unwrap_err();
        assert_eq!(failure.findings[0].code, codes::PROJECT_EXISTS);
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }
}
