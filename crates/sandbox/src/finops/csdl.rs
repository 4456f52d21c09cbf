//! The `$metadata` document, with `MaxLength`, keys, enums and navigation properties.

use crate::schema::{Entity, FieldKind, FinOpsSchema};

use super::metadata::{NAMESPACE, type_names};

/// The whole document as CSDL XML.
pub(super) fn document(schema: &FinOpsSchema) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\">\
         <edmx:DataServices>",
    );
    xml.push_str(&format!(
        "<Schema Namespace=\"{NAMESPACE}\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">\n"
    ));
    for known in &schema.enums {
        xml.push_str(&format!("<EnumType Name=\"{}\">", known.name));
        for member in &known.members {
            xml.push_str(&format!(
                "<Member Name=\"{}\" Value=\"{}\"/>",
                member.name, member.value
            ));
        }
        xml.push_str("</EnumType>\n");
    }
    for entity in &schema.entities {
        entity_type(schema, entity, &mut xml);
    }
    xml.push_str("<EntityContainer Name=\"Resources\">\n");
    for entity in &schema.entities {
        xml.push_str(&format!(
            "<EntitySet Name=\"{}\" EntityType=\"{NAMESPACE}.{}\">",
            entity.collection, entity.name
        ));
        for relation in &entity.relations {
            xml.push_str(&format!(
                "<NavigationPropertyBinding Path=\"{}\" Target=\"{}\"/>",
                relation.name, relation.entity
            ));
        }
        xml.push_str("</EntitySet>\n");
    }
    xml.push_str("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>\n");
    xml
}

fn entity_type(schema: &FinOpsSchema, entity: &Entity, xml: &mut String) {
    xml.push_str(&format!("<EntityType Name=\"{}\"><Key>", entity.name));
    for key in &entity.keys {
        xml.push_str(&format!("<PropertyRef Name=\"{key}\"/>"));
    }
    xml.push_str("</Key>\n");
    for field in &entity.fields {
        let (type_name, _) = type_names(field);
        xml.push_str(&format!(
            "<Property Name=\"{}\" Type=\"{type_name}\"",
            field.name
        ));
        match &field.kind {
            FieldKind::String { max_length } if *max_length > 0 => {
                xml.push_str(&format!(" MaxLength=\"{max_length}\""));
            }
            FieldKind::Real => xml.push_str(" Scale=\"variable\""),
            _ => {}
        }
        if entity.is_key(&field.name) || !matches!(field.kind, FieldKind::String { .. }) {
            xml.push_str(" Nullable=\"false\"");
        }
        xml.push_str("/>\n");
    }
    for relation in &entity.relations {
        let Some(target) = schema.collection(&relation.entity) else {
            continue;
        };
        xml.push_str(&format!(
            "<NavigationProperty Name=\"{}\" Type=\"{NAMESPACE}.{}\">",
            relation.name, target.name
        ));
        for pair in &relation.fields {
            xml.push_str(&format!(
                "<ReferentialConstraint Property=\"{}\" ReferencedProperty=\"{}\"/>",
                pair.from, pair.to
            ));
        }
        xml.push_str("</NavigationProperty>\n");
    }
    xml.push_str("</EntityType>\n");
}
