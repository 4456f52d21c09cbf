//! Translation: what the other side is to hold, and what that waits for.

use super::missing::{Refusals, Wanted};
use super::sort::{Sorted, SortedUpsert};
use super::{Errand, Upsert, Wish, ended, parked};
use crate::core::Core;
use crate::error::EngineError;
use crate::resolve::{Follow, UNOWNED, freed_token};
use duet_map::CompiledMap;
use duet_map::codes;
use duet_map::diagnostic::Code;
use duet_map::field_set::FieldSet;
use duet_map::lookup::{LookupNeed, Resolution, ResolvedLookups};
use duet_map::side::Side;
use duet_map::translate::{Translation, Waiting};
use duet_store::change::{Park, ParkReason};
use duet_store::settlement::{Outcome, Settlement};
use std::collections::HashMap;

/// How often answers may raise further questions.
const MORE_QUESTIONS: usize = 3;

impl Core {
    /// Translates every upsert; parks what waits for a key or breaks a rule of translation.
    pub(super) async fn translate(
        &self,
        map: &CompiledMap,
        sorted: Vec<Sorted>,
        settlements: &mut Vec<Settlement>,
    ) -> Result<Vec<Errand>, EngineError> {
        let (translations, refusals, resolved) = self.translations(map, &sorted).await?;
        let mut translations = translations.into_iter();

        let mut errands = Vec::with_capacity(sorted.len());
        for one in sorted {
            let from = one.change.change.side;
            let Some(upsert) = one.upsert else {
                errands.push(Errand {
                    from,
                    key: one.key,
                    pair: one.pair,
                    wish: Wish::Delete,
                    renames: None,
                    conflict: one.conflict,
                    refused: false,
                    moved: false,
                    looked: 0,
                    change: one.change,
                });
                continue;
            };
            let Some(translation) = translations.next() else {
                break;
            };
            if let Some(first) = translation.problems.first() {
                let message = translation
                    .problems
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; ");
                let outcome = parked(ParkReason::Validation, first.code, message);
                settlements.push(ended(&one.change, outcome));
                continue;
            }
            let mut later = None;
            if !translation.waiting.is_empty() {
                let (code, message) = awaited(&translation, &refusals, &resolved);
                let park = Park {
                    reason: ParkReason::WaitingForKey,
                    code,
                    message,
                    waits_for: translation
                        .waiting
                        .iter()
                        .flat_map(|waiting| match resolved.get(&waiting.need) {
                            // A new key may also be taken back, which nobody reports.
                            Some(Resolution::Renaming { until }) => {
                                vec![until.clone(), format!("{UNOWNED}{until}")]
                            }
                            _ => self.tokens(&waiting.need),
                        })
                        .collect(),
                };
                // The lookup may stand on either side: a text over here may name what it points at.
                let in_circle = translation.waiting.iter().all(|waiting| {
                    Side::BOTH.into_iter().any(|side| {
                        map.lookup_column(waiting.field, side)
                            .is_some_and(|column| self.project.may_follow_later(map.id(), column))
                    })
                });
                let mut waiting = FieldSet::default();
                for one in &translation.waiting {
                    waiting.insert(one.field);
                }
                if !in_circle || upsert.fields.without(&waiting).is_empty() {
                    settlements.push(ended(&one.change, Outcome::Parked { park, writes: 0 }));
                    continue;
                }
                later = Some((waiting, park));
            }
            errands.push(Errand {
                from,
                key: one.key,
                pair: one.pair,
                wish: Wish::Upsert(Box::new(Upsert {
                    row: upsert.row,
                    version: upsert.version,
                    translation,
                    later,
                    bounce: upsert.bounce,
                    replaces: upsert.replaces,
                    recreates: upsert.recreates,
                    touch: upsert.touch,
                    truth: upsert.truth,
                })),
                renames: one.renames,
                conflict: one.conflict,
                refused: false,
                moved: false,
                looked: 0,
                change: one.change,
            });
        }
        Ok(errands)
    }

    /// Translates every upsert, in the order of `sorted`, and answers the questions that only arise
    /// from the answers to earlier ones: the company of a row stands behind a lookup, and further
    /// lookups are searched within the company.
    async fn translations(
        &self,
        map: &CompiledMap,
        sorted: &[Sorted],
    ) -> Result<(Vec<Translation>, Refusals, ResolvedLookups), EngineError> {
        let upserts = || {
            sorted
                .iter()
                .filter_map(|one| Some((one, one.upsert.as_ref()?)))
        };
        let needs: Vec<LookupNeed> = upserts()
            .flat_map(|(one, upsert)| {
                map.needs(
                    one.change.change.side,
                    &upsert.row,
                    &upsert.fields,
                    one.pair.is_none() || upsert.recreates,
                )
            })
            .collect();
        let recreated = upserts()
            .filter(|(one, upsert)| upsert.recreates && one.renames.is_some())
            .filter_map(|(one, _)| {
                let change = &one.change.change;
                let until = freed_token(map.id(), &one.pair.as_ref()?.body.key);
                Some(((change.side, change.record.0.clone()), until))
            })
            .collect::<HashMap<_, _>>();
        // Who is created again under another key has no name there yet.
        let nameless = |need: &LookupNeed| match need {
            LookupNeed::Follow(follow) => {
                let place = (follow.side, follow.reference.id.to_string());
                let own = follow
                    .reference
                    .table
                    .eq_ignore_ascii_case(map.table(follow.side));
                let named = own && map.key_paths(follow.side).contains(&follow.path);
                let until = recreated.get(&place).filter(|_| named)?.clone();
                Some((need.clone(), Resolution::Renaming { until }))
            }
            LookupNeed::Find(_) | LookupNeed::Counterpart(_) => None,
        };
        let unnamed: Vec<_> = needs.iter().filter_map(nameless).collect();
        let mut resolved = self.resolve(needs, Follow::Paired).await?;
        resolved.extend(unnamed.into_iter().collect());
        let translate = |one: &Sorted, upsert: &SortedUpsert, resolved: &ResolvedLookups| {
            let create = one.pair.is_none() || upsert.recreates;
            map.translate(
                one.change.change.side,
                &upsert.row,
                &upsert.fields,
                resolved,
                create,
            )
        };
        let mut translations: Vec<Translation> = upserts()
            .map(|(one, upsert)| translate(one, upsert, &resolved))
            .collect();
        for _ in 0..MORE_QUESTIONS {
            let open = |translation: &Translation, resolved: &ResolvedLookups| -> Vec<LookupNeed> {
                translation
                    .waiting
                    .iter()
                    .map(|waiting| waiting.need.clone())
                    .filter(|need| resolved.get(need).is_none())
                    .collect()
            };
            let questions: Vec<Vec<LookupNeed>> = translations
                .iter()
                .map(|translation| open(translation, &resolved))
                .collect();
            if questions.iter().all(Vec::is_empty) {
                break;
            }
            let answers = self
                .resolve(questions.iter().flatten().cloned(), Follow::Paired)
                .await?;
            resolved.extend(answers);
            for ((translation, questions), (one, upsert)) in
                translations.iter_mut().zip(questions).zip(upserts())
            {
                if !questions.is_empty() {
                    *translation = translate(one, upsert, &resolved);
                }
            }
        }
        let wanted: Vec<Wanted> = translations
            .iter()
            .zip(upserts())
            .flat_map(|(translation, (one, _))| wanted(map, one.change.seq, translation, &resolved))
            .collect();
        if wanted.is_empty() {
            return Ok((translations, Refusals::new(), resolved));
        }
        let refusals = self.create_missing(map, wanted, &mut resolved).await?;
        for (translation, (one, upsert)) in translations.iter_mut().zip(upserts()) {
            if !translation.waiting.is_empty() {
                *translation = translate(one, upsert, &resolved);
            }
        }
        Ok((translations, refusals, resolved))
    }
}

/// The records to create so that a change can travel; none where it could not travel even then.
fn wanted(
    map: &CompiledMap,
    seq: i64,
    translation: &Translation,
    resolved: &ResolvedLookups,
) -> Vec<Wanted> {
    let creatable = |waiting: &Waiting| match &waiting.need {
        LookupNeed::Find(need)
            if resolved.get(&waiting.need) == Some(&Resolution::Missing)
                && map.new_record(waiting.field, need).is_some() =>
        {
            Some(Wanted {
                seq,
                field: waiting.field,
                need: need.clone(),
            })
        }
        _ => None,
    };
    if !translation.problems.is_empty() {
        return Vec::new();
    }
    let all: Option<Vec<Wanted>> = translation.waiting.iter().map(creatable).collect();
    all.unwrap_or_default()
}

/// What a change waits for, and why what it would have created was refused.
fn awaited(
    translation: &Translation,
    refusals: &Refusals,
    resolved: &ResolvedLookups,
) -> (Code, String) {
    let needs: Vec<String> = translation
        .waiting
        .iter()
        .map(|waiting| match resolved.get(&waiting.need) {
            Some(Resolution::Renaming { .. }) => {
                format!("{}, whose key is being changed", waiting.need)
            }
            _ => waiting.need.to_string(),
        })
        .collect();
    let needs = needs.join(" and ");
    let refused = translation
        .waiting
        .iter()
        .find_map(|waiting| refusals.get(&waiting.need));
    match refused {
        None => (Code(2102), format!("waits for {needs}")),
        Some(why) => (
            codes::NOT_CREATED,
            format!("waits for {needs}, which could not be created: {why}"),
        ),
    }
}
