//! The `$metadata` document: the schema as an OData model, with lengths, keys, enums and navigation.

use odata::csdl::{
    EntityContainer, EntitySet, EntityType, EnumMember, EnumType, MaxLength, Model,
    NavigationProperty, Property, Scale, Schema, TypeRef,
};

use super::metadata::{NAMESPACE, type_names};
use crate::schema::{Entity, FieldKind, FinOpsSchema};

/// The whole document as CSDL XML.
pub(super) fn document(schema: &FinOpsSchema) -> String {
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
    let sets = schema
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
    let model = Model {
        schemas: vec![Schema {
            namespace: NAMESPACE.to_owned(),
            entity_types: schema
                .entities
                .iter()
                .map(|entity| entity_type(schema, entity))
                .collect(),
            enum_types,
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
