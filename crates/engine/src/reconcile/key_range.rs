//! Key ranges: which records of a table are compared, by their integration keys.

use duet_map::CompiledMap;
use duet_map::record::Key;

/// A range of integration keys, without their company. Both ends belong to it, and either may be open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRange {
    from: Vec<String>,
    to: Vec<String>,
}

impl KeyRange {
    /// A range between two keys as people read them, `us-001` or `us-001 / 10`, in any letter case. A key
    /// of fewer parts stands for all keys that begin with them.
    pub fn new(from: Option<&str>, to: Option<&str>) -> Self {
        let parts = |text: Option<&str>| {
            text.map(|text| {
                let folded = text.to_lowercase();
                folded
                    .split(" / ")
                    .map(|part| part.trim().to_owned())
                    .collect()
            })
            .unwrap_or_default()
        };
        Self {
            from: parts(from),
            to: parts(to),
        }
    }

    /// Whether a record of this key belongs to the range. Parts compare as texts, one after the other.
    pub(super) fn contains(&self, map: &CompiledMap, key: &Key) -> bool {
        let parts = key.parts();
        let skipped = usize::from(map.is_per_company());
        self.holds(parts.get(skipped..).unwrap_or_default())
    }

    fn holds(&self, parts: &[String]) -> bool {
        let begins = parts.get(..self.to.len()).unwrap_or(parts);
        let open_end = self.to.is_empty();
        parts >= self.from.as_slice() && (open_end || begins <= self.to.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(from: Option<&str>, to: Option<&str>) -> Vec<&'static str> {
        let range = KeyRange::new(from, to);
        let keys = ["a", "b / 1", "b / 2", "b / 20", "c"];
        let parts = |key: &str| key.split(" / ").map(str::to_owned).collect::<Vec<_>>();
        keys.into_iter()
            .filter(|key| range.holds(&parts(key)))
            .collect()
    }

    #[test]
    fn both_ends_belong_to_a_range_and_either_may_be_open() {
        assert_eq!(held(None, None).len(), 5);
        assert_eq!(held(Some("B"), None), ["b / 1", "b / 2", "b / 20", "c"]);
        assert_eq!(held(None, Some("b")), ["a", "b / 1", "b / 2", "b / 20"]);
        assert_eq!(held(Some("b / 2"), Some("B / 2")), ["b / 2"]);
        assert_eq!(held(Some("d"), Some("a")), [""; 0]);
    }
}
