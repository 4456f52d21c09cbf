//! Every out-of-the-box map compiles against the schemas of the stand-ins, and none of the 1,691
//! published field lines is lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod published;

use duet_map::{
    CompiledMap, Diagnostic, MapFile, PerSide, SchemaSource, Severity, Side, analysis,
    dependency_order,
};
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../solutions");
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        paths
    };
    let packages = entries(&root).into_iter().filter(|path| path.is_dir());
    packages
        .flat_map(|package| entries(&package))
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .filter(|path| !path.ends_with("package.yaml"))
        .filter(|path| !path.to_string_lossy().ends_with(".test.yaml"))
        .collect()
}

fn parsed() -> Vec<MapFile> {
    files()
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            let text = std::fs::read_to_string(path).unwrap();
            MapFile::parse(&text, &name).unwrap_or_else(|found| panic!("{name}: {found:#?}"))
        })
        .collect()
}

/// The maps that compile, and the findings of those that do not.
fn compiled() -> (Vec<CompiledMap>, Vec<String>) {
    let (finops, dataverse) = (published::finops(), published::dataverse());
    let mut failed = Vec::new();
    let mut maps = Vec::new();
    for file in parsed() {
        match CompiledMap::compile(&file, finops, dataverse) {
            Ok((map, _)) => maps.push(map),
            Err(found) => failed.push((file.map.value, found)),
        }
    }
    let failed = failed
        .iter()
        .map(|(name, found)| told(name, found))
        .collect();
    (maps, failed)
}

fn told(name: &str, found: &[Diagnostic]) -> String {
    let errors = found
        .iter()
        .filter(|d| d.severity == duet_map::Severity::Error);
    let lines: Vec<String> = errors
        .map(|d| format!("  {} {} [{}]", d.code, d.message, d.notes.join("; ")))
        .collect();
    format!("{name}\n{}", lines.join("\n"))
}

#[test]
fn every_map_compiles() {
    let (maps, failed) = compiled();
    assert_eq!(failed.concat(), "");
    assert_eq!(maps.len(), 135);
}

#[test]
fn no_published_line_is_lost() {
    let files = parsed();
    let lines: usize = files.iter().map(|file| file.fields.len()).sum();
    let added: Vec<&String> = files
        .iter()
        .flat_map(|file| &file.assumed)
        .filter(|note| note.starts_with("line "))
        .collect();
    assert_eq!(added.len(), 1, "{added:?}");
    assert_eq!(lines - added.len(), 1691);
}

#[test]
fn every_file_is_printed_as_it_is_read() {
    for file in parsed() {
        let printed = file.to_yaml();
        assert_eq!(
            MapFile::parse(&printed, "printed").unwrap(),
            file,
            "{printed}"
        );
    }
}

#[test]
fn every_file_is_in_its_canonical_form() {
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        assert_eq!(MapFile::format(&text, &name).unwrap(), text, "{name}");
    }
}

#[test]
fn references_come_before_what_leans_on_them() {
    let (maps, _) = compiled();
    let order = dependency_order(&maps);
    assert_eq!(order.maps.len(), maps.len());
    let position = |id: &str| {
        order
            .maps
            .iter()
            .position(|map| maps[*map].id() == id)
            .unwrap()
    };
    for (first, then) in [
        (
            "legal-entities.cdm_companies",
            "customer-groups.msdyn_customergroups",
        ),
        ("currencies.transactioncurrencies", "customers-v3.accounts"),
        (
            "payment-schedule.msdyn_paymentschedules",
            "terms-of-payment.msdyn_paymentterms",
        ),
        (
            "payment-schedule.msdyn_paymentschedules",
            "payment-schedule-lines.msdyn_paymentschedulelines",
        ),
        (
            "terms-of-payment.msdyn_paymentterms",
            "customer-groups.msdyn_customergroups",
        ),
        (
            "customer-groups.msdyn_customergroups",
            "customers-v3.accounts",
        ),
        ("vendors-v2.msdyn_vendors", "customers-v3.accounts"),
        (
            "cds-sales-order-headers.salesorders",
            "cds-sales-order-lines.salesorderdetails",
        ),
    ] {
        assert!(
            position(first) < position(then),
            "{first} must come before {then}"
        );
    }
    assert!(order.in_cycle("customers-v3.accounts", "msdyn_billingaccount"));
    assert!(!order.in_cycle("customers-v3.accounts", "msdyn_customergroupid"));
}

#[test]
fn a_polymorphic_path_finds_either_table() {
    let (maps, _) = compiled();
    let orders = maps
        .iter()
        .find(|map| map.id() == "cds-sales-order-headers.salesorders")
        .unwrap();
    let customer = orders
        .lookups()
        .into_iter()
        .find(|lookup| lookup.column == "customerid")
        .unwrap();
    assert_eq!(customer.side, Side::Right);
    assert_eq!(customer.tables, ["accounts", "contacts"]);
    assert_eq!(customer.paths, ["accountnumber", "msdyn_contactpersonid"]);
}

/// Every finding about the 135 maps, one a line. What stands here was looked at: each is true of
/// the stand-ins' schemas. A new line is a false alarm until somebody has looked at it too.
#[test]
fn what_is_found_about_the_maps_is_true() {
    let schemas = PerSide {
        left: published::finops() as &dyn SchemaSource,
        right: published::dataverse() as &dyn SchemaSource,
    };
    let mut told = Vec::new();
    let mut tell = |found: Vec<Diagnostic>, about: &str| {
        for d in found {
            assert_ne!(d.severity, Severity::Error, "{about}: {d:?}");
            let about = d.place.map_or(about.to_owned(), |place| place.file);
            let about = about.trim_end_matches(".yaml");
            told.push(format!("{} {about}: {}", d.code, d.message));
        }
    };
    let mut maps = Vec::new();
    for file in parsed() {
        let compiled = CompiledMap::compile(&file, schemas.left, schemas.right);
        let (map, found) = compiled.unwrap_or_else(|found| panic!("{found:#?}"));
        tell(found, map.id());
        tell(analysis::of_map(&map, &schemas), map.id());
        maps.push(map);
    }
    let project = analysis::Project {
        maps: &maps,
        ranks: &[],
        companies: &["usmf".to_owned()],
        rows: &analysis::RowCounts::default(),
    };
    tell(analysis::of_project(&project), "project");
    told.sort();
    insta::assert_snapshot!(told.join("\n"));
}
