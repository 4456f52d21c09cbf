//! Fields: in which the two records of a match differ, under the map and its conversions.

use super::counterparts::Match;
use crate::core::Core;
use crate::error::EngineError;
use crate::resolve::Follow;
use duet_map::field_set::FieldSet;
use duet_map::lookup::ResolvedLookups;
use duet_map::side::Side;
use duet_map::value::Row;
use duet_map::{CompiledMap, Translation};

impl Core {
    /// The fields in which the records of each match differ.
    pub(super) async fn differing(
        &self,
        map: &CompiledMap,
        matches: &[Match],
    ) -> Result<Vec<FieldSet>, EngineError> {
        let mut differing: Vec<FieldSet> = matches.iter().map(|_| FieldSet::new()).collect();
        let both: Vec<(usize, &Row, &Row)> = matches
            .iter()
            .enumerate()
            .filter_map(|(place, one)| Some((place, &one.record.row, &one.other.as_ref()?.row)))
            .collect();
        for from in Side::BOTH {
            let seen_already = match from {
                Side::Left => FieldSet::new(),
                Side::Right => map.all_fields(Side::Left),
            };
            let rows: Vec<&Row> = both
                .iter()
                .map(|(_, left, right)| if from == Side::Left { *left } else { *right })
                .collect();
            if map.all_fields(from).without(&seen_already).is_empty() {
                continue;
            }
            let translations = self.translated(map, from, &rows).await?;
            for ((place, left, right), mut translation) in both.iter().zip(translations) {
                let (source, target) = match from {
                    Side::Left => (left, right),
                    Side::Right => (right, left),
                };
                translation
                    .columns
                    .retain(|column| !seen_already.contains(column.field));
                let merged = map.merge(from, source, None, Some(target), &translation, None);
                let mut units = FieldSet::new();
                for column in &translation.columns {
                    if !merged.agreed.contains(&column.column) {
                        units.insert(column.field);
                    }
                }
                for waiting in &translation.waiting {
                    if !seen_already.contains(waiting.field) {
                        units.insert(waiting.field);
                    }
                }
                differing[*place] = differing[*place].union(&units);
            }
        }
        Ok(differing)
    }

    /// Translates whole rows of a side.
    pub(super) async fn translated(
        &self,
        map: &CompiledMap,
        from: Side,
        rows: &[&Row],
    ) -> Result<Vec<Translation>, EngineError> {
        let fields = map.all_fields(from);
        let mut resolved = ResolvedLookups::default();
        // The company of a row may stand behind a lookup, and further ones are searched within it.
        for _ in 0..3 {
            let open: Vec<_> = rows
                .iter()
                .flat_map(|row| {
                    let translation = map.translate(from, row, &fields, &resolved, false);
                    translation.waiting.into_iter().map(|waiting| waiting.need)
                })
                .filter(|need| resolved.get(need).is_none())
                .collect();
            if open.is_empty() {
                break;
            }
            resolved.extend(self.resolve(open, Follow::Any).await?);
        }
        Ok(rows
            .iter()
            .map(|row| map.translate(from, row, &fields, &resolved, false))
            .collect())
    }
}
