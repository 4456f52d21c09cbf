//! The seeded rows: references resolve, the plan is kept, and a seed gives the same rows again.

use serde_json::Value;

use super::*;
use crate::auth::SignIn;
use crate::dataverse::Config;
use crate::finops::FinOpsConfig;

fn small() -> SeedPlan {
    SeedPlan {
        customers: 30,
        vendors: 8,
        products: 10,
        ..SeedPlan::default()
    }
}

fn filled(plan: &SeedPlan) -> (FinOps, Seeded) {
    let target = FinOps::open(FinOpsConfig::default()).unwrap();
    let seeded = finops(&target, plan).unwrap();
    (target, seeded)
}

/// All rows of an entity, without what depends on the time.
fn rows(target: &FinOps, collection: &str) -> Vec<Value> {
    target
        .rows(collection)
        .unwrap()
        .into_iter()
        .map(|mut row| {
            row.remove("ModifiedDateTime");
            Value::Object(row)
        })
        .collect()
}

#[test]
fn every_reference_resolves_and_the_plan_is_kept() {
    // Each row passes the stand-in's own reference checks, or the seed fails.
    let (target, seeded) = filled(&small());
    assert_eq!(seeded.of("CustomersV3"), 2 * 30 + 10);
    assert_eq!(target.count("CustomersV3").unwrap(), 70);
    assert_eq!(target.count("CDSParties").unwrap(), 70 + 2 * 8 + 2);
    assert_eq!(target.count("LegalEntities").unwrap(), 3);
    let customers = rows(&target, "CustomersV3");
    let persons = customers
        .iter()
        .filter(|row| row["PartyType"] == "Person")
        .count();
    assert_eq!(persons, 10 + 10 + 3);
    assert!(customers.iter().any(|row| row["InvoiceAccount"] != ""));
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_one_others() {
    let (one, _) = filled(&small());
    let (two, _) = filled(&small());
    let (other, _) = filled(&SeedPlan { seed: 8, ..small() });
    for collection in ["CustomersV3", "VendorsV2", "CDSReleasedDistinctProducts"] {
        assert_eq!(
            rows(&one, collection),
            rows(&two, collection),
            "{collection}"
        );
        assert_ne!(
            rows(&one, collection),
            rows(&other, collection),
            "{collection}"
        );
    }
}

#[test]
fn a_filled_stand_in_is_left_alone() {
    let (target, _) = filled(&small());
    assert_eq!(finops(&target, &small()).unwrap(), Seeded::default());
}

#[test]
fn parties_and_tax_groups_can_be_left_out() {
    let plan = SeedPlan {
        parties: false,
        tax_groups: false,
        ..small()
    };
    let (target, _) = filled(&plan);
    assert_eq!(target.count("CDSParties").unwrap(), 0);
    for row in rows(&target, "CustomersV3") {
        assert_eq!(
            (&row["PartyNumber"], &row["SalesTaxGroup"]),
            (&Value::from(""), &Value::from(""))
        );
    }
}

#[test]
fn dataverse_gets_what_both_know_and_what_sales_entered() {
    let schema = crate::schema::dataverse().unwrap();
    let target = Dataverse::open(Config::new(schema, SignIn::default())).unwrap();
    let companies = FinOpsConfig::default().companies;
    let seeded = dataverse(&target, &companies, &small()).unwrap();
    assert_eq!(seeded.of("cdm_company"), 3);
    assert_eq!(seeded.of("account"), 2 * 15);
    assert_eq!(target.count("contact").unwrap(), 2 * 5);
    assert_eq!(
        dataverse(&target, &companies, &small()).unwrap(),
        Seeded::default()
    );
}
