//! Names that are made up, so that no row resembles a real person or company.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

const FIRST: &[&str] = &[
    "Ada", "Bela", "Cleo", "Dario", "Elin", "Femi", "Gita", "Hugo", "Ines", "Joren", "Kaya", "Liv",
    "Milo", "Nuria", "Oskar", "Priya", "Quinn", "Rosa", "Selma", "Tariq", "Uma", "Viggo", "Wanda",
    "Xenia", "Yuki", "Zoé",
];
const LAST: &[&str] = &[
    "Almroth",
    "Belcourt",
    "Castellane",
    "Dunmore",
    "Eklund",
    "Fairburn",
    "Grünwald",
    "Hollis",
    "Iversen",
    "Jannsen",
    "Kestrel",
    "Lindqvist",
    "Marlow",
    "Norwood",
    "Okafor",
    "Pemberton",
    "Quimby",
    "Ravenel",
    "Sörensen",
    "Thackeray",
    "Underhill",
    "Valcourt",
    "Whitlock",
    "Yarrow",
    "O'Neary",
    "Ziegler",
];
const TRADE: &[&str] = &[
    "Acoustics",
    "Bakeries",
    "Ceramics",
    "Drives",
    "Electrics",
    "Foundry",
    "Glassworks",
    "Hardware",
    "Instruments",
    "Joinery",
    "Kitchens",
    "Lighting",
    "Motors",
    "Nurseries",
    "Optics",
    "Paper",
    "Robotics",
    "Sports",
    "Textiles",
    "Utensils",
    "Vineyards",
    "Watches",
];
const FORM: &[&str] = &[
    "Ltd", "Inc", "SARL", "GmbH", "AB", "& Sons", "Group", "Partners",
];
const ADJECTIVE: &[&str] = &[
    "Compact",
    "Deluxe",
    "Foldable",
    "Heavy-duty",
    "Lightweight",
    "Portable",
    "Precision",
    "Rugged",
    "Silent",
    "Universal",
];
const THING: &[&str] = &[
    "Amplifier",
    "Bracket",
    "Cabinet",
    "Desk lamp",
    "Enclosure",
    "Fan",
    "Gearbox",
    "Headphones",
    "Keyboard",
    "Loudspeaker",
    "Microphone",
    "Projector",
    "Receiver",
    "Screen",
    "Turntable",
];

/// A first and a last name.
pub(super) fn person(random: &mut StdRng) -> (&'static str, &'static str) {
    (pick(random, FIRST), pick(random, LAST))
}

/// The name of an organization.
pub(super) fn organization(random: &mut StdRng) -> String {
    format!(
        "{} {} {}",
        pick(random, LAST),
        pick(random, TRADE),
        pick(random, FORM)
    )
}

/// The name of a product.
pub(super) fn product(random: &mut StdRng) -> String {
    format!("{} {}", pick(random, ADJECTIVE), pick(random, THING))
}

/// One of several.
pub(super) fn pick<T: Copy + Default>(random: &mut StdRng, choices: &[T]) -> T {
    choices.choose(random).copied().unwrap_or_default()
}
