//! What `duet.yaml` may say, and what is said about one that it may not.

use super::*;
use crate::render::Render;
use secrecy::ExposeSecret;
use std::time::Duration;

const GOOD: &str = "\
duet: 1
name: contoso
left:
  system: finops
  url: https://contoso.operations.dynamics.com/
  tenant: contoso.onmicrosoft.com
  client-id: 0a1b
  client-secret: { env: FINOPS_SECRET }
right:
  system: dataverse
  url: https://contoso.crm.dynamics.com
  tenant: contoso.onmicrosoft.com
  client-id: 2c3d
  client-secret: { env: DATAVERSE_SECRET }
companies: [USMF, frrt]
maps: [maps]
settings:
  poll-every: 500ms
";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, "duet.yaml", Path::new("folder")).map_err(|findings| told(text, &findings))
}

fn told(text: &str, findings: &[Diagnostic]) -> String {
    let mut render = Render::new(false);
    render.add_source("duet.yaml", text);
    let texts: Vec<String> = findings.iter().map(|f| render.diagnostic(f)).collect();
    texts.join("\n\n")
}

#[test]
fn a_whole_file_reads() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.name, "contoso");
    assert_eq!(config.environment, "dev");
    assert_eq!(config.companies, ["usmf", "frrt"]);
    assert_eq!(config.store, Path::new("folder/.duet/duet.db"));
    assert_eq!(
        config.sides.left.url.as_str(),
        "https://contoso.operations.dynamics.com/"
    );
    assert_eq!(config.settings.poll_every, Duration::from_millis(500));
    assert_eq!(config.settings.round, Settings::default().round);
}

#[test]
fn a_secret_is_fetched_when_it_is_needed_and_never_shows() {
    let config = parse(GOOD).unwrap();
    let secret = &config.sides.left.client_secret;
    let fetched = secret
        .fetch(&|name| Some(format!("value of {name}")))
        .unwrap();
    assert_eq!(fetched.expose_secret(), "value of FINOPS_SECRET");
    assert!(!format!("{fetched:?} {config:?}").contains("value of"));
}

#[test]
fn an_inline_secret_is_refused_without_showing_it_again() {
    let text = GOOD.replace("{ env: FINOPS_SECRET }", "hunter2");
    let findings = parse(&text).unwrap_err();
    insta::assert_snapshot!(findings, @"
    error[DUET5006]: `left.client-secret` holds a secret in plain sight
    --> duet.yaml:8:18
     = help: put it into the environment and write `{ env: NAME }`, or into a file that only you can read and write `{ file: PATH }`; then change the secret, for this file has shown it
    ");
}

#[test]
fn a_mistyped_key_gets_a_suggestion() {
    let text = GOOD.replace("client-id: 0a1b", "clientid: 0a1b");
    insta::assert_snapshot!(parse(&text).unwrap_err(), @"
    error[DUET5004]: `left.client-id` is missing
     --> duet.yaml:4:3
      |
    4 |   system: finops
      |   ^
      |
      = help: add it; the reference of duet.yaml tells what `client-id` means

    error[DUET5003]: `left.clientid` is no key that Duet knows
     --> duet.yaml:7:3
      |
    7 |   clientid: 0a1b
      |   ^^^^^^^^
      |
      = help: did you mean `client-id`?
    ");
}

#[test]
fn values_of_the_wrong_kind_are_all_told_at_once() {
    let text = GOOD
        .replace("poll-every: 500ms", "poll-every: soon\n  round: 0")
        .replace("system: dataverse", "system: salesforce")
        .replace("maps: [maps]", "maps: maps");
    insta::assert_snapshot!(parse(&text).unwrap_err(), @"
    error[DUET5005]: `salesforce` is no system that this release knows
      --> duet.yaml:10:11
       |
    10 |   system: salesforce
       |           ^^^^^^^^^^
       |
       = help: use `finops` or `dataverse`

    error[DUET5005]: `maps` has to be a list
      --> duet.yaml:16:7
       |
    16 | maps: maps
       |       ^^^^

    error[DUET5005]: `soon` is no length of time
      --> duet.yaml:18:15
       |
    18 |   poll-every: soon
       |               ^^^^
       |
       = help: write a number and a unit: `500ms`, `5s`, `15min`, `1h`

    error[DUET5005]: `settings.round` has to be 1 or more
      --> duet.yaml:19:10
       |
    19 |   round: 0
       |          ^
    ");
}

#[test]
fn a_missing_variable_is_named() {
    let config = parse(GOOD).unwrap();
    let findings = config
        .sides
        .right
        .client_secret
        .fetch(&|_| None)
        .unwrap_err();
    insta::assert_snapshot!(told(GOOD, &findings), @"
    error[DUET5007]: the environment variable DATAVERSE_SECRET is not set
      --> duet.yaml:14:25
       |
    14 |   client-secret: { env: DATAVERSE_SECRET }
       |                         ^^^^^^^^^^^^^^^^
       |
       = help: set DATAVERSE_SECRET to the secret before starting duet
    ");
}

#[test]
fn another_format_is_not_guessed_at() {
    let text = GOOD.replace("duet: 1", "duet: 9");
    insta::assert_snapshot!(parse(&text).unwrap_err(), @"
    error[DUET5008]: this release reads format 1 of `duet.yaml`, not 9
     --> duet.yaml:1:7
      |
    1 | duet: 9
      |       ^
      |
      = help: write `duet: 1`, or use a newer release
    ");
}

#[test]
fn broken_yaml_points_at_its_place() {
    insta::assert_snapshot!(parse("duet: 1\nname: [contoso\nleft: x\n").unwrap_err(), @"
    error[DUET5002]: this is not YAML: illegal placement of ':' indicator
     --> duet.yaml:3:5
      |
    3 | left: x
      |     ^
      |
      = help: check the indentation and quotes around this place
    ");
}
