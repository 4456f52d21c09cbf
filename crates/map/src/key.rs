//! The canonical integration key of a row, equal on both sides of a pair.

use crate::canonical::{day_of, key_text};
use crate::compiled::{CompanyColumn, CompiledMap, KeyAt, KeyColumn, PathEnd};
use crate::convert::convert;
use crate::lookup::{FindCandidate, FollowNeed, LookupNeed, Resolution, ResolvedLookups};
use crate::record::Key;
use crate::side::Side;
use crate::value::{Row, Value};

/// Why a row has no key yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// These must be resolved first.
    #[error("the key stands behind {} lookups that have not been read", .0.len())]
    Needs(Vec<LookupNeed>),
    /// A column that the key needs is empty: the record is not born yet, or its system has not
    /// allocated the number.
    #[error("the key column `{column}` is empty")]
    Empty {
        /// The empty column.
        column: String,
    },
    /// These were looked for and not found, or not found alone.
    #[error("the key stands behind {} lookups that lead nowhere", .0.len())]
    Unresolved(Vec<LookupNeed>),
}

/// Something read through a lookup, perhaps not yet.
enum Read {
    Value(Value),
    Needs(LookupNeed),
    Unresolved(LookupNeed),
    /// The lookup points at a table that the path does not cover.
    Elsewhere,
}

impl CompiledMap {
    /// The company of a row as folded text; `None` for shared maps, for rows without company and
    /// while the company's lookup is not resolved (its need is part of [`Self::key`]'s).
    pub fn company(&self, side: Side, row: &Row, resolved: &ResolvedLookups) -> Option<String> {
        match self.read_company(side, row, resolved)? {
            Read::Value(value) => Some(key_text(&value)).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// The canonical key of a row: the company first where rows belong to companies, then the key
    /// parts in the left side's spelling.
    pub fn key(
        &self,
        side: Side,
        row: &Row,
        resolved: &ResolvedLookups,
    ) -> Result<Key, KeyProblem> {
        let mut texts = Vec::with_capacity(self.key.len() + 1);
        let (mut needs, mut unresolved) = (Vec::new(), Vec::new());
        let mut empty: Option<&str> = None;
        if let Some(read) = self.read_company(side, row, resolved) {
            let slot = self
                .company
                .as_ref()
                .map_or(0, |company| company[side].slot());
            match read {
                Read::Value(value) => {
                    let text = key_text(&value);
                    if text.is_empty() {
                        empty = Some(&self.slots[side][slot].name);
                    }
                    texts.push(text);
                }
                Read::Needs(need) => needs.push(need),
                Read::Unresolved(need) => unresolved.push(need),
                Read::Elsewhere => empty = Some(&self.slots[side][slot].name),
            }
        }
        let mut filled = false;
        for part in &self.key {
            let name = &self.slots[side][part.at[side].slot()].name;
            match self.read_key_part(side, part, row, resolved) {
                Read::Value(value) => {
                    let text = self.left_text(side, part, &value);
                    if text.is_empty() {
                        if part.required {
                            empty = empty.or(Some(name));
                        }
                    } else {
                        filled = true;
                    }
                    texts.push(text);
                }
                Read::Needs(need) => needs.push(need),
                Read::Unresolved(need) => unresolved.push(need),
                Read::Elsewhere => empty = empty.or(Some(name)),
            }
        }
        if !needs.is_empty() {
            return Err(KeyProblem::Needs(needs));
        }
        if !unresolved.is_empty() {
            return Err(KeyProblem::Unresolved(unresolved));
        }
        if !filled {
            let first = self.key.first().map(|part| part.at[side].slot());
            empty = empty.or(first.map(|slot| self.slots[side][slot].name.as_str()));
        }
        match empty {
            Some(column) => Err(KeyProblem::Empty {
                column: column.to_owned(),
            }),
            None => Ok(Key::from_parts(&texts)),
        }
    }

    /// The key that a find asks for, if this map's pairs can answer it: the candidate must name
    /// this map's table and exactly its key paths.
    pub fn key_of(
        &self,
        side: Side,
        candidate: &FindCandidate,
        company: Option<&str>,
    ) -> Option<Key> {
        if !candidate.table.eq_ignore_ascii_case(self.table(side))
            || candidate.equal.len() != self.key.len()
        {
            return None;
        }
        let mut texts = Vec::with_capacity(self.key.len() + 1);
        if self.company.is_some() {
            texts.push(company?.trim_end().to_lowercase());
        }
        for (part, path) in self.key.iter().zip(self.key_paths(side)) {
            let (_, value) = candidate
                .equal
                .iter()
                .find(|(asked, _)| asked.eq_ignore_ascii_case(&path))?;
            texts.push(self.left_text(side, part, value));
        }
        Some(Key::from_parts(&texts))
    }

    fn read_company(&self, side: Side, row: &Row, resolved: &ResolvedLookups) -> Option<Read> {
        let column = &self.company.as_ref()?[side];
        let value = row.value(&self.slots[side][column.slot()].name);
        Some(match column {
            CompanyColumn::Text(_) => Read::Value(value.clone()),
            CompanyColumn::Lookup { path, .. } => follow(side, value, path, resolved),
        })
    }

    /// The question that must be answered before the row's company is known, if any.
    pub fn company_need(
        &self,
        side: Side,
        row: &Row,
        resolved: &ResolvedLookups,
    ) -> Option<LookupNeed> {
        match self.read_company(side, row, resolved)? {
            Read::Needs(need) | Read::Unresolved(need) => Some(need),
            _ => None,
        }
    }

    fn read_key_part(
        &self,
        side: Side,
        part: &KeyColumn,
        row: &Row,
        resolved: &ResolvedLookups,
    ) -> Read {
        match &part.at[side] {
            KeyAt::Column(slot) => Read::Value(row.value(&self.slots[side][*slot].name).clone()),
            KeyAt::Path { slot, ends } => {
                let value = row.value(&self.slots[side][*slot].name);
                match end_of(ends, value) {
                    Some(end) => follow(side, value, &end.path, resolved),
                    None if value.is_null() => Read::Value(Value::Null),
                    None => Read::Elsewhere,
                }
            }
        }
    }

    /// The key text of a value of either side in the left side's spelling and type.
    fn left_text(&self, side: Side, part: &KeyColumn, value: &Value) -> String {
        if let (true, Value::DateTime(at)) = (part.day, value) {
            return key_text(&Value::Date(day_of(*at)));
        }
        if side == Side::Left || part.day {
            return key_text(value);
        }
        if let Some(values) = &part.values {
            // A value outside the map keeps its own spelling: it makes a key of its own, and the
            // translation tells what is wrong with it.
            return key_text(values.apply(side, value).unwrap_or(value));
        }
        let ty = match &part.at.left {
            KeyAt::Column(slot) => Some(&self.slots.left[*slot].ty),
            KeyAt::Path { ends, .. } => ends.first().map(|end| &end.ty),
        };
        let spelled = ty.and_then(|ty| convert(value, ty, None).ok());
        key_text(spelled.as_ref().unwrap_or(value))
    }
}

/// The path end for the table that a reference points at.
pub(crate) fn end_of<'a>(ends: &'a [PathEnd], value: &Value) -> Option<&'a PathEnd> {
    let reference = value.as_reference()?;
    ends.iter()
        .find(|end| end.table.eq_ignore_ascii_case(&reference.table))
}

fn follow(side: Side, value: &Value, path: &str, resolved: &ResolvedLookups) -> Read {
    let Some(reference) = value.as_reference() else {
        return Read::Value(Value::Null);
    };
    let need = LookupNeed::Follow(FollowNeed {
        side,
        reference: reference.clone(),
        path: path.to_owned(),
    });
    match resolved.get(&need) {
        None => Read::Needs(need),
        Some(Resolution::Found(value)) => Read::Value(value.clone()),
        Some(_) => Read::Unresolved(need),
    }
}
