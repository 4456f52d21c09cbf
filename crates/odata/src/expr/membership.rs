//! What is in what: `in`, `hassubset`, `hassubsequence`, over lists, JSON arrays and collections.

use std::borrow::Cow;

use super::evaluate::{EvalError, Scope, is_null, unsupported};
use super::{BinaryOp, Expr, Function, Json};
use crate::Literal;

/// A member of a list, and whether it is the literal `null`, which `eq` tests for.
type Item<'e> = (Cow<'e, Literal>, bool);

impl Scope<'_> {
    /// `value in list` means `value eq first or value eq second …`.
    pub(super) fn contained(&self, value: &Expr, list: &Expr) -> Result<Option<bool>, EvalError> {
        if let Expr::Alias(name) = list {
            return self.aliased(name, |scope, list| scope.contained(value, list));
        }
        let value = self.operand(value)?;
        let mut result = Some(false);
        for (item, tests_null) in self.items(list)? {
            let equal = if tests_null {
                Some(value.is_null())
            } else {
                self.compare(BinaryOp::Eq, &value, &item)?
            };
            match equal {
                Some(true) => return Ok(Some(true)),
                Some(false) => {}
                None => result = None,
            }
        }
        Ok(result)
    }

    /// `hassubset` and `hassubsequence`: whether the second collection is within the first, each
    /// member of the first counted once; the latter also in this order.
    pub(super) fn contains_all(
        &self,
        function: Function,
        args: &[Expr],
    ) -> Result<bool, EvalError> {
        let [whole, part] = args else {
            return unsupported(&format!("`{}` of these", function.name()));
        };
        let whole = self.items(whole)?;
        let mut used = vec![false; whole.len()];
        let mut from = 0;
        for (wanted, _) in self.items(part)? {
            let mut found = None;
            for (at, (item, _)) in whole.iter().enumerate().skip(from) {
                let free = used.get(at) == Some(&false);
                if free && self.same(item, &wanted)? {
                    found = Some(at);
                    break;
                }
            }
            let Some(at) = found else {
                return Ok(false);
            };
            if let Some(used) = used.get_mut(at) {
                *used = true;
            }
            if function == Function::HasSubsequence {
                from = at + 1;
            }
        }
        Ok(true)
    }

    /// Members of collections are equal when both are null, too.
    fn same(&self, a: &Literal, b: &Literal) -> Result<bool, EvalError> {
        if a.is_null() || b.is_null() {
            return Ok(a.is_null() && b.is_null());
        }
        Ok(self.compare(BinaryOp::Eq, a, b)? == Some(true))
    }

    fn items<'e>(&self, list: &'e Expr) -> Result<Vec<Item<'e>>, EvalError> {
        match list {
            Expr::List(items) => items
                .iter()
                .map(|item| Ok((self.operand(item)?, is_null(item))))
                .collect(),
            Expr::Json(Json::Array(items)) => items
                .iter()
                .map(|item| match item {
                    Json::Value(literal) => Ok((Cow::Borrowed(literal), literal.is_null())),
                    Json::Expr(expr) => Ok((self.operand(expr)?, is_null(expr))),
                    _ => unsupported("an array or object within a list"),
                })
                .collect(),
            Expr::Path(path) => {
                let (row, path) = self.start(path)?;
                let members = row.collection(&path);
                let members = members.ok_or(EvalError::UnknownProperty { path })?;
                let member = |member: &&dyn super::Properties| {
                    (
                        Cow::Owned(member.get("$it").unwrap_or(Literal::Null)),
                        false,
                    )
                };
                Ok(members.iter().map(member).collect())
            }
            Expr::Alias(name) => self.aliased(name, |scope, list| {
                let items = scope.items(list)?;
                let owned = |(item, null): Item<'_>| (Cow::Owned(item.into_owned()), null);
                Ok(items.into_iter().map(owned).collect())
            }),
            _ => unsupported("this list"),
        }
    }
}
