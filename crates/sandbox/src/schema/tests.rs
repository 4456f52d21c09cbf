//! The built-in schemas: what the maps mention is there, references resolve, published facts stay.

use super::*;

#[test]
fn both_schemas_cover_what_the_maps_mention() {
    let dataverse = dataverse().unwrap();
    let finops = finops().unwrap();
    assert_eq!(dataverse.tables.len(), 135);
    assert_eq!(finops.entities.len(), 133);
    assert!(finops.enums.len() > 90, "{} enums", finops.enums.len());
}

#[test]
fn references_inside_the_schemas_resolve() {
    let dataverse = dataverse().unwrap();
    for table in &dataverse.tables {
        assert_eq!(table.columns[0].name, table.primary_id);
        for key in &table.keys {
            for column in &key.columns {
                assert!(
                    table.column(column).is_some(),
                    "{}.{column}",
                    table.logical_name
                );
            }
        }
        for column in &table.columns {
            if let ColumnKind::Lookup { targets } = &column.kind {
                for target in targets {
                    assert!(dataverse.table(&target.table).is_some(), "{}", target.table);
                }
            }
        }
    }
    let finops = finops().unwrap();
    for entity in &finops.entities {
        assert!(!entity.keys.is_empty(), "{} has no key", entity.name);
        for key in &entity.keys {
            assert!(
                entity.fields.iter().any(|field| field.name == *key),
                "{}.{key}",
                entity.name
            );
        }
        for field in &entity.fields {
            if let FieldKind::Enum { name } = &field.kind {
                assert!(finops.enum_type(name).is_some(), "{name}");
            }
        }
        for relation in &entity.relations {
            let target = finops.collection(&relation.entity).unwrap();
            for pair in &relation.fields {
                assert!(entity.fields.iter().any(|field| field.name == pair.from));
                assert!(target.fields.iter().any(|field| field.name == pair.to));
            }
        }
    }
}

#[test]
fn a_published_column_keeps_its_limits_and_an_inferred_one_says_so() {
    let schema = dataverse().unwrap();
    let account = schema.table_by_set("accounts").unwrap();
    let number = account.column("accountnumber").unwrap();
    assert_eq!(number.kind, ColumnKind::String { max_length: 20 });
    assert!(!number.assumed);
    assert!(account.column("msdyn_onholdstatus").unwrap().assumed);
    let (column, target) = account.navigation("msdyn_paymentterm").unwrap();
    assert_eq!(
        (column.name.as_str(), target.table.as_str()),
        ("msdyn_paymentterm", "msdyn_paymentterm")
    );
    let invoices = schema.table("invoice").unwrap();
    assert_eq!(
        invoices.navigation("customerid_contact").unwrap().1.table,
        "contact"
    );
}

#[test]
fn names_are_found_whatever_their_case_in_finops_only() {
    let schema = finops().unwrap();
    let customers = schema.collection("CustomersV3").unwrap();
    assert_eq!(
        customers.field("CUSTOMERACCOUNT").unwrap().name,
        "CustomerAccount"
    );
    assert!(customers.is_key("dataAreaId"));
    assert!(schema.collection("customersv3").is_none());
    assert_eq!(
        schema
            .enum_type("NoYes")
            .unwrap()
            .member("yes")
            .unwrap()
            .value,
        1
    );
}

#[test]
fn a_table_and_an_entity_look_like_this() {
    let dataverse = dataverse().unwrap();
    let days = dataverse.table("msdyn_paymentday").unwrap();
    let columns: Vec<String> = days
        .columns
        .iter()
        .map(|column| format!("{}: {:?}", column.name, column.kind))
        .collect();
    insta::assert_snapshot!(columns.join("\n"));
    let finops = finops().unwrap();
    let lines = finops.collection("PaymentScheduleLines").unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(lines).unwrap());
}
