//! A set of a map's fields, by their index.

/// Fields of one compiled map. A field here is a unit that travels as one: a column with its
/// counterpart, or a lookup with every column that helps to find it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldSet(Vec<u64>);

impl FieldSet {
    /// No field.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    pub fn insert(&mut self, field: usize) {
        let word = field / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (field % 64);
    }

    /// Whether the field is in the set.
    pub fn contains(&self, field: usize) -> bool {
        self.0
            .get(field / 64)
            .is_some_and(|word| word & (1 << (field % 64)) != 0)
    }

    /// Whether no field is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many fields are in the set.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            (0..64)
                .filter(move |bit| word & (1 << bit) != 0)
                .map(move |bit| index * 64 + bit)
        })
    }

    /// The fields of this set that are not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.iter()
            .filter(|field| !other.contains(*field))
            .collect()
    }

    /// The fields of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        other.iter().chain(self.iter()).collect()
    }
}

impl FromIterator<usize> for FieldSet {
    fn from_iter<I: IntoIterator<Item = usize>>(fields: I) -> Self {
        let mut set = Self::new();
        fields.into_iter().for_each(|field| set.insert(field));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_in_order() {
        let set: FieldSet = [130, 0, 63, 64].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 130]);
        assert_eq!(set.len(), 4);
        assert!(set.contains(64) && !set.contains(65) && !set.contains(1000));
    }

    #[test]
    fn a_union_holds_both() {
        let a: FieldSet = [1].into_iter().collect();
        let b: FieldSet = [200].into_iter().collect();
        assert_eq!(a.union(&b).iter().collect::<Vec<_>>(), [1, 200]);
        assert!(FieldSet::new().union(&FieldSet::new()).is_empty());
    }
}
