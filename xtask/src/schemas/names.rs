//! Names: real casing of upper-case field names, entity names from titles, table names from sets.

use std::collections::HashMap;

/// Words of unpublished fields that no published field contains, or that split wrongly.
const UNPUBLISHED_WORDS: &[&str] = &[
    "Acquisition",
    "Assets",
    "CreatedOn",
    "Functional",
    "Guide",
    "Inbound",
    "Install",
    "Installed",
    "Integration",
    "LastModifiedOn",
    "Locations",
    "Multiple",
    "OnHand",
    "OnLoan",
    "Open",
    "Outbound",
    "Projected",
    "Rename",
    "Reserved",
    "Unavailable",
    "WrkCtr",
];

/// Knows how the published F&O fields are cased.
pub(crate) struct Casing {
    fields: HashMap<String, String>,
    words: HashMap<String, (String, usize)>,
}

impl Casing {
    /// Learns from published names such as `CustomerGroupId`.
    pub(crate) fn learn<'a>(published: impl Iterator<Item = &'a str>) -> Self {
        let mut fields = HashMap::new();
        let mut words: HashMap<String, (String, usize)> = HashMap::new();
        for name in published {
            fields
                .entry(name.to_uppercase())
                .or_insert_with(|| name.to_owned());
            for word in split_words(name) {
                words
                    .entry(word.to_uppercase())
                    .or_insert((word.to_owned(), 0))
                    .1 += 1;
            }
        }
        for word in UNPUBLISHED_WORDS {
            words.insert(word.to_uppercase(), ((*word).to_owned(), 0));
        }
        Self { fields, words }
    }

    /// The real casing of an upper-case name: as published for any entity, else put together from
    /// the fewest known words, else with a capital at the front.
    pub(crate) fn restore(&self, upper: &str) -> String {
        if let Some(known) = self.fields.get(upper) {
            return known.clone();
        }
        // Cheapest split of each prefix: known words cost one, unknown letters three each.
        let letters: Vec<char> = upper.chars().collect();
        let mut best: Vec<(usize, String)> = vec![(0, String::new())];
        for end in 1..=letters.len() {
            let mut choice: Option<(usize, String)> = None;
            for start in 0..end {
                let piece: String = letters[start..end].iter().collect();
                let (cost, cased) = match self.words.get(&piece) {
                    // Preferred: `Functional` `Location`, not `Function` `Allocation`.
                    Some((word, 0)) => (9, word.clone()),
                    Some((word, seen)) if piece.len() > 2 || *seen > 20 => (10, word.clone()),
                    _ => (30 * piece.len(), capitalised(&piece.to_lowercase())),
                };
                let total = best[start].0 + cost;
                if choice.as_ref().is_none_or(|(known, _)| total < *known) {
                    choice = Some((total, format!("{}{cased}", best[start].1)));
                }
            }
            best.push(choice.unwrap_or_default());
        }
        best.pop().map(|(_, name)| name).unwrap_or_default()
    }
}

/// The words of a `PascalCase` name; a run of capitals is one word.
pub(crate) fn split_words(name: &str) -> Vec<&str> {
    let bytes = name.as_bytes();
    let mut words = Vec::new();
    let mut start = 0;
    for index in 1..bytes.len() {
        let (before, here) = (bytes[index - 1], bytes[index]);
        let after_lower = bytes.get(index + 1).is_some_and(u8::is_ascii_lowercase);
        let boundary = (before.is_ascii_lowercase() && !here.is_ascii_lowercase())
            || (before.is_ascii_uppercase() && here.is_ascii_uppercase() && after_lower)
            || (before.is_ascii_digit() && here.is_ascii_uppercase())
            || here == b'_';
        if boundary && name.is_char_boundary(index) {
            words.push(&name[start..index]);
            start = index;
        }
    }
    words.push(&name[start..]);
    words
}

/// `creditCard` → `CreditCard`.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// A symbol as an enum member: capital first, only letters, digits and underscores.
pub(crate) fn member(symbol: &str) -> String {
    symbol
        .split('-')
        .map(|part| capitalised(part.trim()))
        .collect()
}

/// `PackingMaterials_W` → `Packing materials W`, for option labels.
pub(crate) fn label(symbol: &str) -> String {
    let spaced = split_words(&member(symbol))
        .into_iter()
        .map(|word| word.trim_matches('_'))
        .collect::<Vec<_>>()
        .join(" ");
    let mut letters = spaced.chars();
    match letters.next() {
        Some(first) => {
            let rest: String = letters.collect();
            let lower = if rest.chars().any(char::is_lowercase) {
                rest.to_lowercase()
            } else {
                rest
            };
            format!("{first}{lower}")
        }
        None => String::new(),
    }
}

/// Public entity name and collection name from a data management title:
/// `Customers V3` → (`CustomerV3`, `CustomersV3`).
pub(crate) fn entity_names(title: &str) -> (String, String) {
    let clean: String = title
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                ' '
            }
        })
        .collect();
    let mut words: Vec<String> = clean.split_whitespace().map(capitalised).collect();
    let version = words.pop_if(|word| {
        word.strip_prefix('V')
            .is_some_and(|rest| rest.chars().all(|digit| digit.is_ascii_digit()))
    });
    let mut suffix = version.unwrap_or_default();
    // `Payment days CDS` are days; `entity` as the last word says nothing.
    if words.len() > 1 && words.last().is_some_and(|word| word == "CDS") {
        words.pop();
        suffix.insert_str(0, "CDS");
    }
    if words.len() > 1 && words.last().is_some_and(|word| word == "Entity") {
        words.pop();
    }
    let last = words.pop().unwrap_or_default();
    let stem: String = words.concat();
    let one = singular(&last);
    let many = plural(&one);
    (
        format!("{stem}{one}{suffix}"),
        format!("{stem}{many}{suffix}"),
    )
}

/// The singular of an English noun or of an entity set name.
pub(crate) fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for ending in ["sses", "xes", "tuses", "tses"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    if word.ends_with("ss") || word.ends_with("us") {
        return word.to_owned();
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

fn plural(word: &str) -> String {
    if let Some(stem) = word.strip_suffix('y')
        && !stem.ends_with(['a', 'e', 'i', 'o', 'u'])
    {
        return format!("{stem}ies");
    }
    if word.ends_with('s') || word.ends_with('x') {
        return format!("{word}es");
    }
    format!("{word}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpublished_names_are_put_together_from_known_words() {
        let casing = Casing::learn(
            [
                "CustomerGroupId",
                "WarehouseLocationId",
                "AvailableFromTime",
                "OrderedQuantity",
            ]
            .into_iter(),
        );
        for (upper, real) in [
            ("CUSTOMERGROUPID", "CustomerGroupId"),
            ("FUNCTIONALLOCATION", "FunctionalLocation"),
            ("ONHANDQUANTITY", "OnHandQuantity"),
            ("WAREHOUSEGROUP", "WarehouseGroup"),
            ("XYZ", "Xyz"),
        ] {
            assert_eq!(casing.restore(upper), real);
        }
    }

    #[test]
    fn titles_become_entity_and_collection_names() {
        for (title, one, many) in [
            ("Customers V3", "CustomerV3", "CustomersV3"),
            ("Legal entities", "LegalEntity", "LegalEntities"),
            ("Payment schedule", "PaymentSchedule", "PaymentSchedules"),
            (
                "Payment day lines CDS V2",
                "PaymentDayLineCDSV2",
                "PaymentDayLinesCDSV2",
            ),
            (
                "Mixed reality guides entity",
                "MixedRealityGuide",
                "MixedRealityGuides",
            ),
            ("Veteran status", "VeteranStatus", "VeteranStatuses"),
        ] {
            assert_eq!(entity_names(title), (one.to_owned(), many.to_owned()));
        }
    }

    #[test]
    fn sets_are_named_after_several_of_their_table() {
        for (set, table) in [
            ("accounts", "account"),
            ("cdm_companies", "cdm_company"),
            ("msdyn_chartofaccountses", "msdyn_chartofaccounts"),
            ("msdyn_postaladdresses", "msdyn_postaladdress"),
            ("msdyn_warehouses", "msdyn_warehouse"),
            ("msdyn_nameaffixes", "msdyn_nameaffix"),
        ] {
            assert_eq!(singular(set), table);
        }
    }

    #[test]
    fn symbols_become_members_and_labels() {
        assert_eq!(member("creditCard"), "CreditCard");
        assert_eq!(member("non-Specific"), "NonSpecific");
        assert_eq!(label("creditCard"), "Credit card");
        assert_eq!(label("packingMaterials_W"), "Packing materials w");
    }
}
