//! `$metadata`: the model as CSDL (protocol reference A12). It has no lengths, precisions or
//! choices: those are in `EntityDefinitions` alone.

use odata::csdl::{
    Annotation, EntityContainer, EntitySet, EntityType, Model as Csdl, NavigationProperty, Node,
    Property, Schema, TypeRef,
};

use super::binding::edm_type;
use super::model::{ColumnFacts, Model, Table, Tie};

/// The text of `$metadata`, with or without its annotations.
pub(super) fn text(model: &Model, annotations: bool) -> String {
    let mut types = vec![EntityType {
        is_abstract: true,
        ..EntityType::new("crmbaseentity")
    }];
    let mut sets = Vec::new();
    for table in model.tables() {
        types.push(entity_type(model, table, annotations));
        sets.push(entity_set(model, table, annotations));
    }
    let schema = Schema {
        namespace: "Microsoft.Dynamics.CRM".into(),
        alias: Some("mscrm".into()),
        entity_types: types,
        container: Some(EntityContainer {
            name: "System".into(),
            entity_sets: sets,
            ..EntityContainer::default()
        }),
        ..Schema::default()
    };
    Csdl {
        schemas: vec![schema],
        ..Csdl::default()
    }
    .to_xml()
}

fn entity_type(model: &Model, table: &Table, annotations: bool) -> EntityType {
    let mut found = EntityType {
        base_type: Some("mscrm.crmbaseentity".into()),
        key: vec![(table.id().to_owned(), None)],
        ..EntityType::new(table.name())
    };
    for column in &table.schema.columns {
        let mut property = Property::new(column.property_name(), TypeRef::single(edm_type(column)));
        if edm_type(column) == "Edm.String" {
            property.unicode = Some(false);
        }
        if edm_type(column) == "Edm.Decimal" {
            property.scale = Some(odata::csdl::Scale::Variable);
        }
        property.nullable = column.name != table.id();
        if annotations && column.read_only {
            property.annotations.push(Annotation::constant(
                "Org.OData.Core.V1.Computed",
                "Bool",
                "true",
            ));
        }
        found.properties.push(property);
    }
    let mut seen = Vec::new();
    for (name, column, target) in table.navigations() {
        // A name that several targets share leads to what they have in common.
        let shared = table.navigation(name).len() > 1;
        let known = model.table(&target.table);
        if seen.contains(&name) || known.is_none() {
            continue;
        }
        seen.push(name);
        let leads_to = if shared {
            "crmbaseentity"
        } else {
            target.table.as_str()
        };
        let mut property =
            NavigationProperty::new(name, TypeRef::single(format!("mscrm.{leads_to}")));
        if let (Some(known), false) = (known, shared) {
            property
                .constraints
                .push((column.property_name(), known.id().to_owned()));
            let partner = known.collections().find(|(_, collection)| {
                collection.table == table.name()
                    && collection.by == Tie::Lookup(column.name.clone())
                    && collection.partner == name
            });
            property.partner = partner.map(|(name, _)| name.clone());
        }
        found.navigation_properties.push(property);
    }
    let mut collections: Vec<_> = table.collections().collect();
    collections.sort_by_key(|(name, _)| *name);
    for (name, collection) in collections {
        let members = TypeRef::collection(format!("mscrm.{}", collection.table));
        let mut property = NavigationProperty::new(name, members);
        let shared = model
            .table(&collection.table)
            .is_some_and(|members| members.navigation(&collection.partner).len() > 1);
        property.partner = (!shared).then(|| collection.partner.clone());
        found.navigation_properties.push(property);
    }
    if !table.schema.keys.is_empty() {
        found.annotations.push(alternate_keys(table));
    }
    found
}

fn node(name: &str, attributes: &[(&str, &str)], children: Vec<Node>) -> Node {
    let attributes = attributes
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    Node {
        name: name.into(),
        attributes: attributes.collect(),
        children,
        text: String::new(),
    }
}

fn alternate_keys(table: &Table) -> Annotation {
    let keys = table.schema.keys.iter().map(|key| {
        let columns = key
            .columns
            .iter()
            .filter_map(|name| table.column(name))
            .map(|column| {
                let property = column.property_name();
                node(
                    "Record",
                    &[("Type", "OData.Community.Keys.V1.PropertyRef")],
                    vec![
                        node(
                            "PropertyValue",
                            &[("Property", "Alias"), ("String", &property)],
                            vec![],
                        ),
                        node(
                            "PropertyValue",
                            &[("Property", "Name"), ("PropertyPath", &property)],
                            vec![],
                        ),
                    ],
                )
            });
        let list = node("Collection", &[], columns.collect());
        node(
            "Record",
            &[("Type", "OData.Community.Keys.V1.AlternateKey")],
            vec![node("PropertyValue", &[("Property", "Key")], vec![list])],
        )
    });
    Annotation {
        term: "OData.Community.Keys.V1.AlternateKeys".into(),
        nodes: vec![node("Collection", &[], keys.collect())],
        ..Annotation::default()
    }
}

fn entity_set(model: &Model, table: &Table, annotations: bool) -> EntitySet {
    let mut bindings = Vec::new();
    for (name, _, target) in table.navigations() {
        let known = model.table(&target.table);
        if let Some(known) = known
            && table.navigation(name).len() == 1
        {
            bindings.push((name.to_owned(), known.set().to_owned()));
        }
    }
    for (name, collection) in table.collections() {
        if let Some(members) = model.table(&collection.table) {
            bindings.push((name.clone(), members.set().to_owned()));
        }
    }
    bindings.sort();
    let mut set = EntitySet {
        name: table.set().into(),
        entity_type: format!("Microsoft.Dynamics.CRM.{}", table.name()),
        bindings,
        ..EntitySet::default()
    };
    if annotations && table.schema.change_tracking {
        let supported = node(
            "PropertyValue",
            &[("Property", "Supported"), ("Bool", "true")],
            vec![],
        );
        set.annotations.push(Annotation {
            term: "Org.OData.Capabilities.V1.ChangeTracking".into(),
            nodes: vec![node("Record", &[], vec![supported])],
            ..Annotation::default()
        });
    }
    set
}
