//! The `$metadata` document: the schema as an OData model, with lengths, keys, enums and navigation.

use odata::csdl::{
    EntityContainer, EntitySet, EntityType, EnumMember, EnumType, MaxLength, Model,
    NavigationProperty, Operation, Property, Scale, Schema, TypeRef,
};

use super::actions::{Action, BoundTo, PLATFORM, PLATFORM_ACTIONS};
use super::metadata::{NAMESPACE, type_names};
use super::packages::{ACTIONS, GROUPS};
use crate::schema::{Entity, FieldKind, FinOpsSchema};

/// The types of the sets that package and platform actions are bound to, with their key fields.
const BINDING_TYPES: [(&str, &str, &str); 2] = [
    (GROUPS, "DataManagementDefinitionGroup", "Name"),
    (PLATFORM, "DataManagementEntity", "EntityName"),
];

/// The whole document as CSDL XML.
pub(super) fn document(schema: &FinOpsSchema, actions: &[Action]) -> String {
    let enum_types = schema
        .enums
        .iter()
        .map(|known| EnumType {
            name: known.name.clone(),
            members: known
                .members
                .iter()
                .map(|member| EnumMember {
                    name: member.name.clone(),
                    value: member.value,
                    ..EnumMember::default()
                })
                .collect(),
            ..EnumType::default()
        })
        .collect();
    let mut sets: Vec<EntitySet> = schema
        .entities
        .iter()
        .map(|entity| EntitySet {
            name: entity.collection.clone(),
            entity_type: qualified(&entity.name),
            bindings: entity
                .relations
                .iter()
                .map(|relation| (relation.name.clone(), relation.entity.clone()))
                .collect(),
            ..EntitySet::default()
        })
        .collect();
    let mut entity_types: Vec<EntityType> = schema
        .entities
        .iter()
        .map(|entity| entity_type(schema, entity))
        .collect();
    for (set, name, key) in BINDING_TYPES {
        let mut property = Property::new(key, TypeRef::single("Edm.String"));
        property.nullable = false;
        entity_types.push(EntityType {
            key: vec![(key.to_owned(), None)],
            properties: vec![property],
            ..EntityType::new(name)
        });
        sets.push(EntitySet {
            name: set.to_owned(),
            entity_type: qualified(name),
            ..EntitySet::default()
        });
    }
    let model = Model {
        schemas: vec![Schema {
            namespace: NAMESPACE.to_owned(),
            entity_types,
            enum_types,
            operations: operations(schema, actions),
            container: Some(EntityContainer {
                name: "Resources".to_owned(),
                entity_sets: sets,
                ..EntityContainer::default()
            }),
            ..Schema::default()
        }],
        ..Model::default()
    };
    model.to_xml()
}

/// The actions: those of packages, of the platform, and those that entities were given.
fn operations(schema: &FinOpsSchema, actions: &[Action]) -> Vec<Operation> {
    let set_of = |name: &str| TypeRef::collection(qualified(name));
    let [(_, group, _), (_, platform, _)] = BINDING_TYPES;
    let packages = ACTIONS.iter().map(|(name, parameters, returns)| {
        let parameters = parameters
            .iter()
            .map(|(name, kind)| Property::new(*name, TypeRef::single(*kind)));
        operation(name, set_of(group), parameters.collect(), Some(*returns))
    });
    let versions = PLATFORM_ACTIONS
        .iter()
        .map(|name| operation(name, set_of(platform), Vec::new(), Some("Edm.String")));
    let own = actions.iter().filter_map(|action| {
        let entity = schema.collection(&action.entity)?;
        let bound = match action.bound_to {
            BoundTo::Row => TypeRef::single(qualified(&entity.name)),
            BoundTo::Set => set_of(&entity.name),
        };
        let parameters = action
            .parameters
            .iter()
            .map(|known| Property::new(&known.name, TypeRef::single(known.kind.as_str())));
        Some(operation(
            &action.name,
            bound,
            parameters.collect(),
            action.returns.as_deref(),
        ))
    });
    packages.chain(versions).chain(own).collect()
}

fn operation(
    name: &str,
    bound: TypeRef,
    parameters: Vec<Property>,
    returns: Option<&str>,
) -> Operation {
    let mut all = vec![Property::new("binding", bound)];
    all.extend(parameters);
    Operation {
        name: name.to_owned(),
        is_bound: true,
        parameters: all,
        returns: returns.map(|kind| Property::new("", TypeRef::single(kind))),
        ..Operation::default()
    }
}

fn entity_type(schema: &FinOpsSchema, entity: &Entity) -> EntityType {
    let properties = entity
        .fields
        .iter()
        .map(|field| {
            let (type_name, _) = type_names(field);
            let mut property = Property::new(&field.name, TypeRef::single(type_name));
            // Only text may be left out; the other types have an empty value of their own.
            property.nullable =
                matches!(field.kind, FieldKind::String { .. }) && !entity.is_key(&field.name);
            match &field.kind {
                FieldKind::String { max_length } if *max_length > 0 => {
                    property.max_length = Some(MaxLength::Of(u64::from(*max_length)));
                }
                FieldKind::Real => property.scale = Some(Scale::Variable),
                _ => {}
            }
            property
        })
        .collect();
    let navigation_properties = entity
        .relations
        .iter()
        .filter_map(|relation| {
            let target = schema.collection(&relation.entity)?;
            let type_ref = TypeRef::single(qualified(&target.name));
            let mut navigation = NavigationProperty::new(&relation.name, type_ref);
            navigation.constraints = relation
                .fields
                .iter()
                .map(|pair| (pair.from.clone(), pair.to.clone()))
                .collect();
            Some(navigation)
        })
        .collect();
    EntityType {
        key: entity.keys.iter().map(|key| (key.clone(), None)).collect(),
        properties,
        navigation_properties,
        ..EntityType::new(&entity.name)
    }
}

fn qualified(name: &str) -> String {
    format!("{NAMESPACE}.{name}")
}
