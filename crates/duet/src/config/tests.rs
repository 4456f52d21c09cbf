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

fn client_secret(side: &Connection) -> &secret::SecretRef {
    match &side.service {
        connection::Service::FinOps(app) | connection::Service::Dataverse(app) => {
            &app.client_secret
        }
        connection::Service::OData(_) => panic!("an OData service has no application"),
    }
}

/// `GOOD` with an OData service on the left.
fn with_odata(keys: &str) -> String {
    let (before, rest) = GOOD.split_once("  system: finops").unwrap();
    let (_, after) = rest.split_once("right:").unwrap();
    let service = "  system: odata\n  url: https://shop.example.com/odata/\n";
    format!("{before}{service}{keys}right:{after}")
}

fn odata(keys: &str) -> odata::ODataService {
    let config = parse(&with_odata(keys)).unwrap();
    match config.sides.left.service {
        connection::Service::OData(service) => *service,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_odata_service_keeps_its_defaults_and_takes_what_is_said() {
    let plain = odata("");
    assert!(matches!(plain.sign_in, odata::SignIn::None));
    assert!(plain.creates.is_none() && plain.deltas.is_none() && plain.modified.is_empty());
    let told = odata(
        "  create: put\n  batch: off\n  etags: trusted\n  deltas: on\n  numbers: plain\n  \
         overlap: 5s\n  page-size: 50\n  modified: { Orders: changedOn }\n  \
         unique: { Orders: [company, number] }\n  company: { Orders: company }\n  \
         headers: { sap-client: 100 }\n",
    );
    assert_eq!(told.creates, Some(duet_systems::odata::Creates::Put));
    assert_eq!(told.batches, Some(duet_systems::odata::Batches::Off));
    assert_eq!(told.etags, Some(duet_systems::Etags::Trusted));
    assert_eq!((told.deltas, told.exact_numbers), (Some(true), Some(false)));
    assert_eq!(told.overlap, Some(Duration::from_secs(5)));
    assert_eq!((told.page_size, told.batch_size), (Some(50), None));
    assert_eq!(told.modified["Orders"], "changedOn");
    assert_eq!(told.unique["Orders"], ["company", "number"]);
    assert_eq!(told.company["Orders"], "company");
    assert_eq!(told.headers["sap-client"], "100");
}

#[test]
fn the_keys_that_are_there_say_how_to_sign_in() {
    let basic = odata("  user: duet\n  password: { env: P }\n");
    assert!(matches!(basic.sign_in, odata::SignIn::Basic { user, .. } if user == "duet"));
    let bearer = odata("  token: { env: T }\n");
    assert!(matches!(bearer.sign_in, odata::SignIn::Bearer(_)));
    let client = odata(
        "  token-url: https://login.example.com/token\n  client-id: duet\n  \
         client-secret: { env: S }\n",
    );
    assert!(matches!(
        client.sign_in,
        odata::SignIn::Client { scope: None, .. }
    ));
}

#[test]
fn half_a_way_to_sign_in_and_two_ways_are_told_apart() {
    let half = parse(&with_odata("  user: duet\n")).unwrap_err();
    insta::assert_snapshot!(half, @"
    error[DUET5100]: `left` holds a part of a way to sign in
     --> duet.yaml:4:3
      |
    4 |   system: odata
      |   ^
      |
      = help: write all of it: `user` and `password`
    ");
    let two = parse(&with_odata("  token: { env: T }\n  scope: all\n")).unwrap_err();
    insta::assert_snapshot!(two, @"
    error[DUET5100]: `left` names more than one way to sign in
     --> duet.yaml:4:3
      |
    4 |   system: odata
      |   ^
      |
      = help: keep one: `user` and `password`, or `token`, or `token-url`, `client-id` and `client-secret`
    ");
    let wrong = parse(&with_odata("  create: upsert\n  tenant: contoso\n")).unwrap_err();
    insta::assert_snapshot!(wrong, @"
    error[DUET5005]: `left.create` cannot be `upsert`
     --> duet.yaml:6:11
      |
    6 |   create: upsert
      |           ^^^^^^
      |
      = help: use one of `post`, `put`, `patch`

    error[DUET5003]: `left.tenant` is no key that Duet knows
     --> duet.yaml:7:3
      |
    7 |   tenant: contoso
      |   ^^^^^^
      |
      = help: known here: system, name, url, user, password, token, token-url, client-id, client-secret, scope, create, batch, etags, deltas, numbers, modified, unique, company, headers, overlap, page-size, batch-size, parallel
    ");
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
    let secret = client_secret(&config.sides.left);
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
       = help: use `finops`, `dataverse` or `odata`

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
    let findings = client_secret(&config.sides.right)
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
