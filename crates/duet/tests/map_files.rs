//! `duet map` on real files, and the JSON Schemas against everything that must satisfy them.
#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

mod stage;

use duet::solutions;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::Value as Json;
use stage::commands::ask;
use stage::in_process::transcript;
use std::fs;
use std::path::Path;

const MAP: &str = "\
# Customers, as sales sees them.
version: 1.0.0
map: customers
why: Sales works on the same customer that finance invoices.
left: { entity: CustomersV3, filter: '(PartyType == \"Organization\")' }
right: { entity: accounts }
company: per-company
key: [CUSTOMERACCOUNT = accountnumber]
master: left
fields:
  - CUSTOMERACCOUNT   =   accountnumber # the key
  - CREDITLIMIT = creditlimit
  - CUSTOMERGROUPID << \"10\"
  - SALESCURRENCYCODE << \"USD\"
  # Nobody may change this in sales.
  - CREDITLIMITISMANDATORY >> msdyn_creditlimitismandatory: { no: False, yes: True }
";

/// Runs the command and shows both streams and the exit code.
fn duet(folder: &Path, arguments: &[&str]) -> String {
    transcript(&ask(folder, arguments))
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

#[test]
fn fmt_puts_a_map_in_order_and_keeps_comments() {
    let folder = folder(&[("customers.yaml", MAP)]);
    insta::assert_snapshot!(duet(folder.path(), &["map", "fmt", "--check", "customers.yaml"]), @r"
    would change customers.yaml
    1 of 1 maps would change
    exit code 1
    ");
    duet(folder.path(), &["map", "fmt", "customers.yaml"]);
    insta::assert_snapshot!(fs::read_to_string(folder.path().join("customers.yaml")).unwrap(), @r#"
    # Customers, as sales sees them.
    map: customers
    version: 1.0.0
    why: Sales works on the same customer that finance invoices.
    left: { entity: CustomersV3, filter: (PartyType == "Organization") }
    right: { entity: accounts }
    company: per-company
    key: [CUSTOMERACCOUNT = accountnumber]
    master: left
    deletes: ignore
    fields:
      - CUSTOMERACCOUNT = accountnumber # the key
      - CREDITLIMIT = creditlimit
      - CUSTOMERGROUPID << "10"
      - SALESCURRENCYCODE << "USD"
      # Nobody may change this in sales.
      - CREDITLIMITISMANDATORY >> msdyn_creditlimitismandatory: { no: False, yes: True }
    "#);
    insta::assert_snapshot!(duet(folder.path(), &["map", "fmt", "--check", "customers.yaml"]), @r"
    0 of 1 maps would change
    exit code 0
    ");
}

#[test]
fn diff_tells_meaning_and_show_a_table() {
    let other = MAP
        .replace("CREDITLIMIT = creditlimit", "CREDITLIMIT > creditlimit")
        .replace("Organization", "Person");
    let folder = folder(&[("one.yaml", MAP), ("other.yaml", &other)]);
    insta::assert_snapshot!(duet(folder.path(), &["map", "diff", "one.yaml", "other.yaml"]), @r#"
    ~ left filter: (PartyType == "Organization") → (PartyType == "Person")
    ~ CREDITLIMIT ↔ creditlimit: CREDITLIMIT = creditlimit → CREDITLIMIT > creditlimit
    exit code 1
    "#);
    insta::assert_snapshot!(duet(folder.path(), &["map", "diff", "one.yaml", "one.yaml"]), @"
    the maps mean the same
    exit code 0
    ");
    insta::assert_snapshot!(duet(folder.path(), &["map", "show", "one.yaml"]), @r#"
    customers 1.0.0
    Sales works on the same customer that finance invoices.

    left     CustomersV3 where (PartyType == "Organization")
    right    accounts
    company  per-company
    key      CUSTOMERACCOUNT = accountnumber
    master   left
    deletes  ignore

    LEFT                        RIGHT                         DEFAULT  VALUE MAP
    CUSTOMERACCOUNT         =   accountnumber
    CREDITLIMIT             =   creditlimit
    CUSTOMERGROUPID         <<  none                          10
    SALESCURRENCYCODE       <<  none                          USD
    CREDITLIMITISMANDATORY  >>  msdyn_creditlimitismandatory           no=>False | yes=>True
    exit code 0
    "#);
    insta::assert_snapshot!(duet(folder.path(), &["map", "show", "nobody"]), @"
    error[DUET5150]: `nobody` is neither a file nor a published map
     |
     = help: name a map file, or a published map such as `customers-v3.accounts`; `duet package show PACKAGE` lists them

    More about it: duet explain DUET5150
    exit code 2
    ");
}

#[test]
fn a_failed_example_shows_what_was_expected_and_what_came() {
    let examples = "\
examples:
  - example: A limit
    from: left
    company: usmf
    row: { CUSTOMERACCOUNT: US-001, CREDITLIMIT: 2000, CREDITLIMITISMANDATORY: yes, PARTYTYPE: Organization }
    gives:
      accountnumber: US-002
      creditlimit: 2000
      name: Contoso
  - example: A person
    from: left
    row: { PARTYTYPE: Person }
    filtered: true
";
    let folder = folder(&[("customers.yaml", MAP), ("customers.test.yaml", examples)]);
    insta::assert_snapshot!(duet(folder.path(), &["map", "test", "--sandbox", "customers.yaml"]), @"
    FAILED customers: A limit
      customers.test.yaml:7: accountnumber: expected `US-002`, got `US-001`
      customers.test.yaml:9: name: expected `Contoso`, got nothing
      customers.test.yaml:2: msdyn_creditlimitismandatory: expected nothing, got `true`
    1 passed, 1 failed
    exit code 1
    ");
    insta::assert_snapshot!(duet(folder.path(), &["map", "test", "--sandbox", "absent.yaml"]), @"
    error[DUET5009]: `maps: absent.yaml` names no map file
     |
     = help: name a .yaml file, a folder that holds some, or a pattern such as `maps/*.yaml`; paths start from the folder of duet.yaml

    More about it: duet explain DUET5009
    exit code 3
    ");
}

/// YAML as JSON, the way an editor's language server reads it.
fn json(text: &str) -> Json {
    let documents = Yaml::load_from_str(text).unwrap();
    as_json(&documents[0])
}

fn as_json(node: &Yaml<'_>) -> Json {
    match node {
        Yaml::Value(Scalar::Null) => Json::Null,
        Yaml::Value(Scalar::Boolean(truth)) => Json::Bool(*truth),
        Yaml::Value(Scalar::Integer(number)) => Json::from(*number),
        Yaml::Value(Scalar::FloatingPoint(number)) => Json::from(number.into_inner()),
        Yaml::Value(Scalar::String(text)) => Json::from(text.as_ref()),
        Yaml::Sequence(list) => list.iter().map(as_json).collect(),
        Yaml::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| {
                let key = match as_json(key) {
                    Json::String(text) => text,
                    other => other.to_string(),
                };
                (key, as_json(value))
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn schema(folder: &Path, arguments: &[&str]) -> jsonschema::Validator {
    let printed = duet(folder, arguments);
    let text = printed.rsplit_once("\nexit code 0").unwrap().0;
    jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
}

#[test]
fn every_published_map_satisfies_the_schema_and_a_misspelt_one_does_not() {
    let folder = folder(&[]);
    let schema = schema(folder.path(), &["map", "schema"]);
    let mut count = 0;
    for (name, text) in solutions::maps() {
        let wrong: Vec<String> = schema
            .iter_errors(&json(text))
            .map(|e| e.to_string())
            .collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        count += 1;
    }
    assert_eq!(count, 135);
    assert!(schema.is_valid(&json(MAP)));
    for (good, bad) in [
        ("master: left", "master: both"),
        ("master: left", "mastr: left"),
        ("CREDITLIMIT = creditlimit", "CREDITLIMIT == creditlimit"),
        ("company: per-company", "company: some"),
        (
            "CREDITLIMIT = creditlimit",
            "{ left: A, arrow: '=', right: b }",
        ),
    ] {
        assert!(!schema.is_valid(&json(&MAP.replace(good, bad))), "{bad}");
    }
}

#[test]
fn the_demos_configuration_satisfies_the_schema() {
    use duet::demo::project_files::{self, Addresses};
    let folder = folder(&[]);
    let address = "http://127.0.0.1:1".to_owned();
    let addresses = Addresses {
        finops: address.clone(),
        dataverse: address,
        listen: "127.0.0.1:0".to_owned(),
    };
    project_files::write(folder.path(), &addresses).unwrap();
    let schema = schema(folder.path(), &["map", "schema", "--of", "configuration"]);
    let text = fs::read_to_string(folder.path().join("duet.yaml")).unwrap();
    let wrong: Vec<String> = schema
        .iter_errors(&json(&text))
        .map(|e| e.to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(!schema.is_valid(&json(&text.replace("system: finops", "system: sap"))));
}

/// What an editor does not know it marks as wrong: the schemas must keep up with the reference.
#[test]
fn the_schemas_know_every_key_of_the_reference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for (page, until, schema, least) in [
        ("duet-yaml.md", "\n## alerts", "duet-yaml.schema.json", 40),
        ("map-language.md", "\n## Fields", "map.schema.json", 12),
    ] {
        let text = fs::read_to_string(folder.join(page)).unwrap();
        let schema = fs::read_to_string(folder.join(schema)).unwrap();
        let (tables, _) = text.split_once(until).unwrap();
        let mut seen = 0;
        for line in tables.lines().filter(|line| line.starts_with("| `")) {
            let keys = line.split(" | ").next().unwrap();
            for key in keys.split('`').skip(1).step_by(2) {
                seen += 1;
                assert!(
                    schema.contains(&format!("\"{key}\":")),
                    "`{key}` of {page} is not in its schema"
                );
            }
        }
        assert!(seen >= least, "only {seen} keys were found in {page}");
    }
}
