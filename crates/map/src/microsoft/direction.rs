//! The ways in which exports spell a direction.

use super::member;
use serde_json::Value as Json;

/// Which way a field travels along its leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the leg's source to its destination.
    Forward,
    /// From the destination to the source.
    Backward,
    Both,
}

impl Way {
    /// Reads a number (1, 2, 3), its digits or a word. Words are those of Microsoft's services,
    /// tools and training; case and separators do not count.
    pub(super) fn read(value: &Json) -> Option<Self> {
        let text = member::text(value)?;
        let word: String = text
            .chars()
            .filter(|letter| letter.is_alphanumeric() || *letter == '.')
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        match word.strip_suffix(".0").unwrap_or(&word) {
            "1"
            | "forward"
            | "foonly"
            | "sourcetodestination"
            | "sourcetotarget"
            | "axtocrm"
            | "fotoce"
            | "unidirectional"
            | "oneway"
            | "lefttoright" => Some(Self::Forward),
            "2"
            | "backward"
            | "reverse"
            | "reversed"
            | "ceonly"
            | "destinationtosource"
            | "targettosource"
            | "crmtoax"
            | "cetofo"
            | "righttoleft" => Some(Self::Backward),
            "3" | "both" | "bidirectional" | "twoway" | "bothways" => Some(Self::Both),
            _ => None,
        }
    }

    /// The number that Microsoft's service writes.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Forward => 1,
            Self::Backward => 2,
            Self::Both => 3,
        }
    }

    /// The same way as seen from the other end.
    pub(super) const fn turned(self) -> Self {
        match self {
            Self::Forward => Self::Backward,
            Self::Backward => Self::Forward,
            Self::Both => Self::Both,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_digits_and_words_mean_the_same() {
        for (way, spellings) in [
            (
                Way::Forward,
                vec![json!(1), json!("1"), json!("Forward"), json!(1.0)],
            ),
            (
                Way::Backward,
                vec![json!(2), json!("2"), json!("backward"), json!("CE only")],
            ),
            (
                Way::Both,
                vec![
                    json!(3),
                    json!(" 3 "),
                    json!("Bidirectional"),
                    json!("Bi-directional"),
                ],
            ),
        ] {
            for spelling in spellings {
                assert_eq!(Way::read(&spelling), Some(way), "{spelling}");
            }
            assert_eq!(Way::read(&json!(way.number())), Some(way));
            assert_eq!(way.turned().turned(), way);
        }
        for wrong in [
            json!(0),
            json!(4),
            json!("sideways"),
            json!(null),
            json!([3]),
            json!(""),
        ] {
            assert_eq!(Way::read(&wrong), None, "{wrong}");
        }
    }
}
