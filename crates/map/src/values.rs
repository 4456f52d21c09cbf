//! Value maps: pairs of a left and a right value, typed by their columns.

use crate::canonical::Rule;
use crate::side::{PerSide, Side};
use crate::value::Value;

/// A compiled value map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValueMap {
    pub(crate) pairs: Vec<PerSide<Value>>,
}

impl ValueMap {
    /// Pairs in the order of the file: where several match, the first does.
    pub(crate) fn new(pairs: Vec<PerSide<Value>>) -> Self {
        Self { pairs }
    }

    /// The counterpart of a value of side `from`, if it has one.
    pub(crate) fn apply(&self, from: Side, value: &Value) -> Option<&Value> {
        let rule = Rule {
            fold: true,
            ..Rule::default()
        };
        self.pairs
            .iter()
            .find(|pair| rule.same(&pair[from], value))
            .map(|pair| &pair[from.other()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(text: &str) -> Value {
        Value::Symbol(text.to_owned())
    }

    #[test]
    fn a_many_to_one_map_goes_back_to_the_first_listed() {
        let pair = |left: &str, right: i64| PerSide {
            left: symbol(left),
            right: Value::Int(right),
        };
        let map = ValueMap::new(vec![
            pair("Employee", 7),
            pair("Contractor", 8),
            pair("Both", 7),
        ]);
        assert_eq!(map.apply(Side::Left, &symbol("both")), Some(&Value::Int(7)));
        assert_eq!(
            map.apply(Side::Right, &Value::Int(7)),
            Some(&symbol("Employee"))
        );
        assert_eq!(map.apply(Side::Right, &Value::Int(9)), None);
    }
}
