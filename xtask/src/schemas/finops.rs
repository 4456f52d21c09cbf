//! Derives the F&O entities: published fields, then what the maps mention; types, keys, enums and
//! relations from the other side of the maps.

use std::collections::BTreeMap;

use anyhow::bail;
use duet_sandbox::schema::{
    ColumnKind, DataverseSchema, DateBehavior, DefaultRule, DefaultSource, Entity, Field,
    FieldKind, FinOpsSchema, NumberSequence, Relation, RelationField,
};

use super::enums::Enums;
use super::guess::{self, Guess};
use super::keys::{self, Keys};
use super::lookups::{Lookups, polymorphic};
use super::names::{self, Casing};
use super::overrides;
use crate::facts::{Facts, MapField, TableMap};

/// The field that tells when a row was last written.
const MODIFIED: &str = "ModifiedDateTime";

/// Makes the source of a default.
type MakeSource = fn() -> DefaultSource;

/// Rules of `defaultRow`: collection, field, source.
const DEFAULTS: &[(&str, &str, MakeSource)] = &[
    ("CustomersV3", "SalesCurrencyCode", || {
        DefaultSource::CompanyCurrency
    }),
    ("CustomersV3", "LanguageId", || {
        DefaultSource::CompanyLanguage
    }),
    ("CustomersV3", "NameAlias", || {
        DefaultSource::Field("OrganizationName".to_owned())
    }),
    ("VendorsV2", "CurrencyCode", || {
        DefaultSource::CompanyCurrency
    }),
    ("VendorsV2", "LanguageId", || DefaultSource::CompanyLanguage),
];

/// One entity with the maps over it.
struct Source<'a> {
    title: &'a str,
    maps: Vec<&'a TableMap>,
    lines: Vec<(&'a TableMap, &'a MapField)>,
    name: String,
    collection: String,
}

/// Builds all entities.
pub(crate) fn build(
    facts: &Facts,
    lookups: &Lookups,
    keys: &Keys,
    dataverse: &DataverseSchema,
) -> anyhow::Result<FinOpsSchema> {
    let casing = Casing::learn(facts.entity_fields.iter().map(|field| field.name.as_str()));
    let sources = sources(facts);
    let mut enums = Enums::collect(
        sources.iter().flat_map(|source| {
            source
                .lines
                .iter()
                .map(|(_, line)| (source.name.as_str(), *line))
        }),
        &casing,
    );
    let mut entities = Vec::new();
    for source in &sources {
        entities.push(entity(
            facts, source, &sources, lookups, keys, dataverse, &casing, &mut enums,
        )?);
    }
    entities.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(FinOpsSchema {
        entities,
        enums: enums.finish(),
    })
}

fn sources(facts: &Facts) -> Vec<Source<'_>> {
    let mut sources: Vec<Source<'_>> = Vec::new();
    for map in &facts.maps {
        let lines = facts
            .map_fields
            .iter()
            .filter(|line| line.map_id == map.id)
            .map(|l| (map, l));
        if let Some(known) = sources.iter_mut().find(|source| source.title == map.title) {
            known.maps.push(map);
            known.lines.extend(lines);
            continue;
        }
        let (name, collection) = overrides::ENTITY_NAMES
            .iter()
            .find(|(title, _, _)| *title == map.title)
            .map_or_else(
                || names::entity_names(&map.title),
                |(_, name, collection)| ((*name).to_owned(), (*collection).to_owned()),
            );
        sources.push(Source {
            title: &map.title,
            maps: vec![map],
            lines: lines.collect(),
            name,
            collection,
        });
    }
    sources
}

#[expect(
    clippy::too_many_arguments,
    reason = "the facts that one entity is derived from"
)]
fn entity(
    facts: &Facts,
    source: &Source<'_>,
    sources: &[Source<'_>],
    lookups: &Lookups,
    keys: &Keys,
    dataverse: &DataverseSchema,
    casing: &Casing,
    enums: &mut Enums,
) -> anyhow::Result<Entity> {
    let per_company = source.maps.iter().any(|map| keys::per_company(map));
    let object = source.maps[0].object.clone();
    let mut published: Vec<(String, bool, bool)> = facts
        .entity_fields
        .iter()
        .filter(|field| !object.is_empty() && field.object == object)
        .map(|field| (field.name.clone(), field.mandatory, false))
        .collect();
    for (_, line) in &source.lines {
        if line.field != "none"
            && !published
                .iter()
                .any(|(name, _, _)| name.eq_ignore_ascii_case(&line.field))
        {
            published.push((casing.restore(&line.field), false, true));
        }
    }

    let mut fields = Vec::new();
    if per_company {
        published.retain(|(name, _, _)| !name.eq_ignore_ascii_case("dataAreaId"));
        fields.push(Field {
            name: "dataAreaId".to_owned(),
            kind: FieldKind::String { max_length: 4 },
            mandatory: true,
            read_only: false,
            assumed: false,
        });
    }
    for (name, mandatory, assumed) in published {
        let kind = field_kind(source, &name, lookups, dataverse, enums);
        fields.push(Field {
            name,
            kind,
            mandatory,
            read_only: false,
            assumed,
        });
    }
    fields.push(Field {
        name: MODIFIED.to_owned(),
        kind: FieldKind::UtcDateTime,
        mandatory: false,
        read_only: true,
        assumed: true,
    });

    let mut key = entity_key(source, lookups, keys)?;
    for name in &mut key {
        let Some(field) = fields
            .iter_mut()
            .find(|field| field.name.eq_ignore_ascii_case(name))
        else {
            bail!("{}: key field {name} does not exist", source.name);
        };
        name.clone_from(&field.name);
    }
    if per_company {
        key.insert(0, "dataAreaId".to_owned());
    }
    let number_sequence =
        overrides::number_sequence(&source.collection).map(|(field, prefix, width)| {
            NumberSequence {
                field: field.to_owned(),
                prefix: prefix.to_owned(),
                width,
            }
        });
    Ok(Entity {
        name: source.name.clone(),
        collection: source.collection.clone(),
        title: source.title.to_owned(),
        object,
        per_company,
        keys: key,
        modified_field: MODIFIED.to_owned(),
        number_sequence,
        defaults: DEFAULTS
            .iter()
            .filter(|(collection, _, _)| *collection == source.collection)
            .map(|(_, field, from)| DefaultRule {
                field: (*field).to_owned(),
                source: from(),
            })
            .collect(),
        relations: relations(source, sources, lookups, &fields, casing),
        fields,
    })
}

/// The type of a field: from its value map, else from the published column that it is mapped to,
/// else from its name.
fn field_kind(
    source: &Source<'_>,
    name: &str,
    lookups: &Lookups,
    dataverse: &DataverseSchema,
    enums: &mut Enums,
) -> FieldKind {
    if let Some(found) = enums.of_field(&source.name, name) {
        return FieldKind::Enum { name: found };
    }
    let guess = guess::from_name(name);
    let by_name = match guess {
        Guess::Text(max_length) => FieldKind::String { max_length },
        Guess::Memo => FieldKind::String { max_length: 4000 },
        Guess::Int => FieldKind::Int,
        Guess::Int64 => FieldKind::Int64,
        Guess::Real => FieldKind::Real,
        Guess::Date => FieldKind::Date,
        Guess::DateTime => FieldKind::UtcDateTime,
        Guess::YesNo => enums.no_yes(),
    };
    let mapped = source.lines.iter().find_map(|(map, line)| {
        if !line.field.eq_ignore_ascii_case(name) || line.path == "none" {
            return None;
        }
        let table = dataverse.table(&lookups.tables[&map.entity_set])?;
        if polymorphic(&line.path).is_some() {
            return dataverse.table("account")?.column("accountnumber");
        }
        // Follow `a.b.c` to the column that holds the value.
        let mut table = table;
        let mut rest = line.path.as_str();
        while let Some((column, tail)) = rest.split_once('.') {
            let target = lookups.targets(&table.logical_name, column)?.first()?;
            table = dataverse.table(target)?;
            rest = tail;
        }
        table.column(rest)
    });
    let Some(column) = mapped else {
        return enums.by_name(name).unwrap_or(by_name);
    };
    match &column.kind {
        // F&O's own lengths are not published. A length that differs from its counterpart's would
        // be a clash that nobody has published, so the two are assumed to be alike.
        ColumnKind::String { max_length } | ColumnKind::Memo { max_length } => FieldKind::String {
            max_length: *max_length,
        },
        ColumnKind::Integer { .. } => FieldKind::Int,
        ColumnKind::BigInt => FieldKind::Int64,
        ColumnKind::Decimal { .. } | ColumnKind::Double { .. } | ColumnKind::Money { .. } => {
            FieldKind::Real
        }
        ColumnKind::Boolean => enums.no_yes(),
        ColumnKind::DateTime {
            behavior: DateBehavior::DateOnly,
        } => FieldKind::Date,
        ColumnKind::DateTime { .. } if guess == Guess::Date => FieldKind::Date,
        ColumnKind::DateTime { .. } => FieldKind::UtcDateTime,
        ColumnKind::Uniqueidentifier => FieldKind::Guid,
        _ => by_name,
    }
}

/// The fields that the integration key of the first mapped table is read from.
fn entity_key(source: &Source<'_>, lookups: &Lookups, keys: &Keys) -> anyhow::Result<Vec<String>> {
    let map = source.maps[0];
    let table = &lookups.tables[&map.entity_set];
    let columns = keys.columns.get(table).cloned().unwrap_or_default();
    let mut fields: Vec<String> = Vec::new();
    for column in &columns {
        let before = fields.len();
        for (_, line) in source.lines.iter().filter(|(own, _)| own.id == map.id) {
            let root = line.path.split('.').next().unwrap_or_default();
            if root == column && line.field != "none" && !fields.contains(&line.field) {
                fields.push(line.field.clone());
            }
        }
        if fields.len() == before {
            bail!(
                "map {} ({}): no field is mapped to the key column {table}.{column}; \
                 correct KEYS in overrides.rs",
                map.id,
                map.title
            );
        }
    }
    if fields.is_empty() {
        bail!(
            "map {} ({}): {table} has no key; add one to overrides.rs",
            map.id,
            map.title
        );
    }
    Ok(fields)
}

/// References to other entities: a lookup on the Dataverse side means that the fields it is read
/// from identify a row of the entity that is mapped to the lookup's target.
fn relations(
    source: &Source<'_>,
    sources: &[Source<'_>],
    lookups: &Lookups,
    fields: &[Field],
    casing: &Casing,
) -> Vec<Relation> {
    let real = |upper: &str| {
        fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(upper))
            .map_or_else(|| casing.restore(upper), |field| field.name.clone())
    };
    let mut relations: Vec<Relation> = Vec::new();
    for map in &source.maps {
        let table = &lookups.tables[&map.entity_set];
        let mut steps: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
        for (_, line) in source.lines.iter().filter(|(own, _)| own.id == map.id) {
            if line.field == "none" {
                continue;
            }
            if let Some((column, targets)) = polymorphic(&line.path) {
                if let Some((_, rest)) = targets.first() {
                    steps
                        .entry(column)
                        .or_default()
                        .push((&line.field, rest.clone()));
                }
            } else if let Some((column, rest)) = line.path.split_once('.') {
                steps
                    .entry(column.to_owned())
                    .or_default()
                    .push((&line.field, rest.to_owned()));
            }
        }
        for (column, pairs) in steps {
            let Some(target) = lookups.targets(table, &column).and_then(|all| all.first()) else {
                continue;
            };
            // Field Service keeps vendors as accounts; in F&O a vendor account is a vendor.
            let (target, pairs) = if target == "account"
                && pairs
                    .iter()
                    .all(|(field, _)| field.contains("VENDORACCOUNT"))
            {
                let rest = "msdyn_vendoraccountnumber".to_owned();
                (
                    "msdyn_vendor".to_owned(),
                    pairs.iter().map(|(f, _)| (*f, rest.clone())).collect(),
                )
            } else {
                (target.clone(), pairs)
            };
            let Some((collection, to)) = resolve(&target, &pairs, sources, lookups) else {
                continue;
            };
            let relation_fields: Vec<RelationField> = pairs
                .iter()
                .zip(to)
                .map(|((from, _), to)| RelationField {
                    from: real(from),
                    to: casing.restore(&to),
                })
                .collect();
            if relations
                .iter()
                .any(|known| known.entity == collection && known.fields == relation_fields)
            {
                continue;
            }
            let from: String = relation_fields
                .iter()
                .map(|pair| pair.from.as_str())
                .collect();
            relations.push(Relation {
                name: format!("{from}_{collection}"),
                entity: collection,
                fields: relation_fields,
            });
        }
    }
    relations
}

/// The entity that is mapped to `target`, with its fields that stand for the remainders of the paths.
/// Where several are, the one whose field goes by the referring field's name: a contact person is
/// sought among contact persons, though customers who are persons are contacts as well.
fn resolve(
    target: &str,
    pairs: &[(&str, String)],
    sources: &[Source<'_>],
    lookups: &Lookups,
) -> Option<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for source in sources {
        for map in &source.maps {
            if lookups.tables[&map.entity_set] != target {
                continue;
            }
            let to: Option<Vec<String>> = pairs
                .iter()
                .map(|(_, rest)| {
                    source
                        .lines
                        .iter()
                        .filter(|(own, line)| own.id == map.id && line.field != "none")
                        .find(|(_, line)| line.path == *rest)
                        .map(|(_, line)| line.field.clone())
                })
                .collect();
            found.extend(to.map(|to| (source.collection.clone(), to)));
        }
    }
    let named = found
        .iter()
        .position(|(_, to)| to.iter().zip(pairs).all(|(to, (from, _))| to == from));
    let best = named.unwrap_or(0);
    (best < found.len()).then(|| found.swap_remove(best))
}
