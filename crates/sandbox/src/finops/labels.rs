//! Labels: ids in the metadata that stand for texts in front of people (protocol reference B4).
//!
//! The real ids and texts are not published. Here an id says what it labels, `@Sandbox:CustomerV3`
//! or `@Sandbox:CustomerV3.CreditLimit`, and the text is its title or its name in words, in every
//! language the same.

use crate::schema::FinOpsSchema;

const FILE: &str = "@Sandbox:";

/// The id of the label of an entity, an enum, or with a member of one of its fields or symbols.
pub(super) fn id(of: &str, member: Option<&str>) -> String {
    match member {
        Some(member) => format!("{FILE}{of}.{member}"),
        None => format!("{FILE}{of}"),
    }
}

/// The text of a label; nothing when there is none of this id.
pub(super) fn text(schema: &FinOpsSchema, id: &str) -> Option<String> {
    let (of, member) = match id.strip_prefix(FILE)?.split_once('.') {
        Some((of, member)) => (of, Some(member)),
        None => (id.strip_prefix(FILE)?, None),
    };
    if let Some(entity) = schema.entity(of) {
        return match member {
            None => Some(entity.title.clone()),
            Some(member) => entity.field(member).map(|field| words(&field.name)),
        };
    }
    let known = schema.enum_type(of)?;
    match member {
        None => Some(words(&known.name)),
        Some(member) => known.member(member).map(|member| words(&member.name)),
    }
}

/// `CreditLimit` as "Credit limit".
fn words(name: &str) -> String {
    let mut text = String::new();
    let mut before = ' ';
    for character in name.chars() {
        if character.is_uppercase() && before.is_lowercase() {
            text.push(' ');
            text.extend(character.to_lowercase());
        } else {
            text.push(character);
        }
        before = character;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_a_text() {
        let schema = crate::schema::finops().unwrap();
        let of = |of, member| text(&schema, &id(of, member));
        assert_eq!(of("CustomerV3", None).as_deref(), Some("Customers V3"));
        assert_eq!(
            of("CustomerV3", Some("CreditLimit")).as_deref(),
            Some("Credit limit")
        );
        assert_eq!(of("NoYes", Some("Yes")).as_deref(), Some("Yes"));
        assert_eq!(text(&schema, "@SYS1"), None);
    }
}
