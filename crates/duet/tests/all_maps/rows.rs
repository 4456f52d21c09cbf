//! Makes the rows: on the left for every map, on the right for every map that sends from there,
//! and edits of both.

use super::domains::{self, Domains, Spot, behind, end, json, left_scope, spot, type_at};
use super::reviewed::{APART, FIXED};
use duet::demo::caller::Caller;
use duet_map::file::{Company, Field, MapFile};
use duet_map::schema::{Column, SchemaSet, SchemaSource as _, TableSchema};
use duet_map::side::{PerSide, Side};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// Records of each map and origin.
pub(crate) const RECORDS: usize = 4;

/// Numbers of records that begin on the right start here, edits on either side later.
const FROM_RIGHT: usize = 40;
const EDITED_RIGHT: usize = 80;
const EDITED_LEFT: usize = 120;

/// A record under a map.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) map: usize,
    /// Its number in the domains.
    pub(crate) n: usize,
    pub(crate) origin: Side,
    /// Its primary key on the right, where it began there.
    pub(crate) id: Option<Uuid>,
}

/// Everything needed to make rows.
pub(crate) struct Maker<'a> {
    pub(crate) files: &'a [MapFile],
    pub(crate) schemas: &'a PerSide<SchemaSet>,
    pub(crate) domains: &'a Domains,
    /// Domains whose records also begin on the right.
    begun_right: BTreeSet<usize>,
}

/// A row as its system takes it.
type Row = Map<String, Json>;

/// Rows of Dataverse by their primary key, with their table.
pub(crate) type RightRows = HashMap<Uuid, (String, Json)>;

/// Whether a field of a map travels from a side.
fn flows(field: &Field, from: Side) -> bool {
    field.direction.flows_from(from) && field.left.is_some() && field.right.is_some()
}

/// Whether records can begin on the right under this map.
fn sends_from_right(file: &MapFile) -> bool {
    file.fields.iter().any(|field| flows(field, Side::Right))
}

/// What keeps several maps over one table apart in the numbers of their records.
fn apart(file: &MapFile) -> usize {
    let known = APART.iter().find(|(map, _)| *map == file.map.value);
    known.map_or(0, |(_, apart)| *apart)
}

fn company(n: usize) -> &'static str {
    super::COMPANIES[n % 2]
}

impl<'a> Maker<'a> {
    pub(crate) fn new(
        files: &'a [MapFile],
        schemas: &'a PerSide<SchemaSet>,
        domains: &'a Domains,
    ) -> Self {
        let mut maker = Self {
            files,
            schemas,
            domains,
            begun_right: BTreeSet::new(),
        };
        // A reference may name a record that begins on the right if all tables that answer to it
        // have such records.
        let mut all: BTreeMap<usize, bool> = BTreeMap::new();
        for file in files {
            for path in file.fields.iter().filter_map(|f| end(f, Side::Right)) {
                let own = spot(file, Side::Right, path);
                let mut at = own.clone();
                while let Some((_, target, rest)) = behind(&schemas.right, &at.scope, &at.path) {
                    at.scope = target.name.to_lowercase();
                    at.path = rest;
                    let provider = files.iter().filter(|f| apart(f) == 0).find(|f| {
                        f.ends.right.entity.value.eq_ignore_ascii_case(&at.scope)
                            && f.fields.iter().any(|field| {
                                end(field, Side::Right)
                                    .is_some_and(|p| p.eq_ignore_ascii_case(&at.path))
                            })
                    });
                    let Some(provider) = provider else { continue };
                    let line = provider.fields.iter().find(|field| {
                        end(field, Side::Right).is_some_and(|p| p.eq_ignore_ascii_case(&at.path))
                    });
                    let sends = sends_from_right(provider)
                        && line.is_some_and(|line| flows(line, Side::Right));
                    let known = all.entry(domains.number(&own)).or_insert(true);
                    *known &= sends;
                }
            }
        }
        maker.begun_right = all
            .into_iter()
            .filter_map(|(domain, yes)| yes.then_some(domain))
            .collect();
        maker
    }

    /// The rows of finance, by entity, and the records that they are.
    pub(crate) fn left_rows(&self) -> (Vec<(String, Vec<Row>)>, Vec<Made>) {
        let mut rows: BTreeMap<String, BTreeMap<(String, usize), Row>> = BTreeMap::new();
        let mut made = Vec::new();
        for (map, file) in self.files.iter().enumerate() {
            let schema = self.table(file, Side::Left);
            if !file.fields.iter().any(|field| flows(field, Side::Left)) {
                continue;
            }
            // Records that cannot begin on the right have spares, for those that do to refer to.
            let records = if sends_from_right(file) {
                RECORDS
            } else {
                2 * RECORDS
            };
            for i in 0..records {
                let n = apart(file) + i;
                let row = rows
                    .entry(schema.name.clone())
                    .or_default()
                    .entry((left_scope(file), n))
                    .or_default();
                for field in file.fields.iter().filter(|field| flows(field, Side::Left)) {
                    let path = end(field, Side::Left).unwrap();
                    let column = schema.column(path).unwrap();
                    let here = spot(file, Side::Left, path);
                    let number = match self.reference(file, field) {
                        None => n,
                        Some(Reference::Own) if i < 2 => continue,
                        Some(Reference::Own) => n - 2,
                        Some(Reference::Other) => self.referred(&here, i),
                    };
                    let value = self.domains.value(&here, number);
                    row.insert(column.name.clone(), json(&value, &column.ty));
                }
                self.complete(file, Side::Left, n, row);
                made.push(Made {
                    map,
                    n,
                    origin: Side::Left,
                    id: None,
                });
            }
        }
        let rows = rows
            .into_iter()
            .map(|(entity, rows)| (entity, rows.into_values().collect()))
            .collect();
        (rows, made)
    }

    /// The number of the record that record `i` of a map refers to: spares refer to spares, where
    /// there are any.
    fn referred(&self, here: &Spot, i: usize) -> usize {
        if self.begun_right.contains(&self.domains.number(here)) {
            i % RECORDS
        } else {
            i
        }
    }

    /// Enters the rows of sales.
    pub(crate) async fn enter_right_rows(&self, user: &Caller) -> Vec<Made> {
        let mut made = Vec::new();
        let mut later: Vec<(String, Map<String, Json>)> = Vec::new();
        let mut waiting: Vec<(usize, usize)> = Vec::new();
        let mut refused: Vec<String> = Vec::new();
        for (map, file) in self.files.iter().enumerate() {
            if sends_from_right(file) {
                waiting.extend((0..RECORDS).map(|i| (map, i)));
            }
        }
        let mut known = right_rows(user, self.files, self.schemas).await;
        // What nothing refers to yet comes first; what refers in a circle is filled in at the end.
        for patient in [true, true, true, true, true, true, true, false] {
            let mut left = Vec::new();
            for (map, i) in waiting {
                let file = &self.files[map];
                let n = FROM_RIGHT + apart(file) + i;
                let (row, missing) = self.right_row(file, n, i, &known, true);
                if patient && !missing.is_empty() {
                    left.push((map, i));
                    continue;
                }
                let schema = self.table(file, Side::Right);
                let set = schema.name.clone();
                let answer = match user.create(&set, &Json::Object(row.clone())).await {
                    Ok(answer) => answer,
                    Err(error) => {
                        refused.push(format!("{}: {error:#} {row:?}", file.map.value));
                        continue;
                    }
                };
                let id = &schema.primary_key[0];
                let id: Uuid = answer[id.as_str()].as_str().unwrap().parse().unwrap();
                known.insert(id, (set.clone(), answer));
                if !missing.is_empty() {
                    later.push((format!("{map}/{i}/{set}({id})"), Map::new()));
                }
                made.push(Made {
                    map,
                    n,
                    origin: Side::Right,
                    id: Some(id),
                });
            }
            waiting = left;
        }
        for (path, _) in later {
            let mut parts = path.splitn(3, '/');
            let map: usize = parts.next().unwrap().parse().unwrap();
            let i: usize = parts.next().unwrap().parse().unwrap();
            let file = &self.files[map];
            let n = FROM_RIGHT + apart(file) + i;
            let (row, missing) = self.right_row(file, n, i, &known, true);
            if !missing.is_empty() {
                refused.push(format!(
                    "{}: nothing answers to {missing:?}",
                    file.map.value
                ));
            }
            let binds = row
                .into_iter()
                .filter(|(name, _)| name.contains("@odata.bind"));
            let path = parts.next().unwrap();
            if let Err(error) = user.update(path, &Json::Object(binds.collect())).await {
                refused.push(format!("{}: {error:#}", file.map.value));
            }
        }
        super::report("rows entered on the right", &refused);
        made
    }

    /// A row of sales; with it the references that nothing answers to.
    fn right_row(
        &self,
        file: &MapFile,
        n: usize,
        i: usize,
        known: &RightRows,
        create: bool,
    ) -> (Map<String, Json>, Vec<String>) {
        let schema = self.table(file, Side::Right);
        let mut row = Map::new();
        // A lookup may take several fields to name its record.
        let mut lookups: BTreeMap<String, Vec<(String, String, Json)>> = BTreeMap::new();
        for field in file.fields.iter().filter(|field| flows(field, Side::Right)) {
            let path = end(field, Side::Right).unwrap();
            let here = spot(file, Side::Right, path);
            let begins_right = self.begun_right.contains(&self.domains.number(&here));
            let number = match self.reference(file, field) {
                None => n,
                Some(Reference::Own) if i < 2 => continue,
                Some(Reference::Own) if create => n - 2,
                Some(_) if !create => (i + 2) % RECORDS,
                Some(_) if begins_right => FROM_RIGHT + i,
                Some(_) => RECORDS + i,
            };
            let value = self.domains.value(&here, number);
            let Some((column, target, rest)) = behind(&self.schemas.right, &schema.name, path)
            else {
                let column = schema.column(path).unwrap();
                if if create { column.create } else { column.update } {
                    row.insert(column.name.clone(), json(&value, &column.ty));
                }
                continue;
            };
            let ty = type_at(&self.schemas.right, &target.name, &rest).unwrap();
            lookups
                .entry(column)
                .or_default()
                .push((target.name.clone(), rest, json(&value, ty)));
        }
        if create && file.company.value == Company::PerCompany {
            let column = schema.company.clone().unwrap();
            let code = Json::from(company(n));
            lookups.insert(
                column,
                vec![(
                    "cdm_companies".to_owned(),
                    "cdm_companycode".to_owned(),
                    code,
                )],
            );
        }
        let mut missing = Vec::new();
        for (column, ends) in lookups {
            let striped = (file.company.value == Company::PerCompany).then(|| company(n));
            match self.find(known, &ends, striped) {
                Some(id) => {
                    let table = &ends[0].0;
                    let column = schema.column(&column).unwrap();
                    row.insert(
                        format!("{}@odata.bind", navigation(column, table)),
                        Json::from(format!("/{table}({id})")),
                    );
                }
                None => missing.push(format!("{column}: {ends:?}")),
            }
        }
        if create {
            self.complete(file, Side::Right, n, &mut row);
        }
        (row, missing)
    }

    /// The row with these values, in this company where its table is striped.
    fn find(
        &self,
        known: &RightRows,
        ends: &[(String, String, Json)],
        company: Option<&str>,
    ) -> Option<Uuid> {
        let table = &ends[0].0;
        let schema = self.schemas.right.table(table)?;
        let found = known.iter().find(|(_, (set, row))| {
            let striped = schema
                .company
                .as_ref()
                .zip(company)
                .is_none_or(|(column, code)| {
                    let path = format!("{column}.cdm_companycode");
                    follow(known, row, &path)
                        .as_str()
                        .is_some_and(|c| c.eq_ignore_ascii_case(code))
                });
            set == table
                && striped
                && ends.iter().all(|(_, path, value)| {
                    let there = follow(known, row, path);
                    super::agreement::plain(&there) == super::agreement::plain(value)
                })
        });
        found.map(|(id, _)| *id)
    }

    /// What a row must have beside its mapped fields: company, filter, mandatory columns.
    fn complete(&self, file: &MapFile, side: Side, n: usize, row: &mut Map<String, Json>) {
        let schema = self.table(file, side);
        if side == Side::Left
            && let Some(column) = &schema.company
        {
            row.insert(column.clone(), Json::from(company(n)));
        }
        for (_, _, column, value) in fixed(file, side) {
            let known = schema.column(column);
            let known = known.unwrap_or_else(|| panic!("{} has no {column}", schema.name));
            let name = known.name.clone();
            row.insert(name, serde_json::from_str(value).unwrap());
        }
        for column in schema.columns.values() {
            let given = row.keys().any(|name| {
                name.split('@')
                    .next()
                    .unwrap()
                    .eq_ignore_ascii_case(&column.name)
            });
            let filled = schema.primary_key.contains(&column.name) && side == Side::Right;
            if column.required && column.create && !given && !filled && column.empty.is_none() {
                let value = domains::alone(&column.ty, &column.name, n);
                row.insert(column.name.clone(), json(&value, &column.ty));
            }
        }
    }

    /// What every pair's row gets in an edit on a side: each field that travels from there, keys and
    /// filters left alone.
    pub(crate) fn edit(&self, made: &Made, side: Side, known: &RightRows) -> Map<String, Json> {
        let file = &self.files[made.map];
        let i = made.n % RECORDS;
        let schema = self.table(file, side);
        let kept: BTreeSet<String> = self.kept(file, side);
        match side {
            Side::Right => {
                let n = EDITED_RIGHT + made.n;
                let (row, missing) = self.right_row(file, n, i, known, false);
                assert!(missing.is_empty(), "{}: {missing:?}", file.map.value);
                row.into_iter()
                    .filter(|(name, _)| {
                        let column = name.split('@').next().unwrap().to_lowercase();
                        !kept
                            .iter()
                            .any(|kept| column == *kept || column.starts_with(&format!("{kept}_")))
                    })
                    .collect()
            }
            Side::Left => {
                let mut row = Map::new();
                for field in file.fields.iter().filter(|field| flows(field, Side::Left)) {
                    let path = end(field, Side::Left).unwrap();
                    let column = schema.column(path).unwrap();
                    if kept.contains(&path.to_lowercase()) || !column.update {
                        continue;
                    }
                    let number = match self.reference(file, field) {
                        None => EDITED_LEFT + made.n,
                        Some(_) => (i + 2) % RECORDS,
                    };
                    let value = self.domains.value(&spot(file, Side::Left, path), number);
                    row.insert(column.name.clone(), json(&value, &column.ty));
                }
                row
            }
        }
    }

    /// Columns that an edit leaves alone.
    fn kept(&self, file: &MapFile, side: Side) -> BTreeSet<String> {
        let mut kept: BTreeSet<String> = BTreeSet::new();
        for other in self.files.iter().filter(|other| {
            other.ends[side]
                .entity
                .value
                .eq_ignore_ascii_case(&file.ends[side].entity.value)
        }) {
            for part in &other.key {
                let path = match side {
                    Side::Left => &part.left.value,
                    Side::Right => &part.right.value,
                };
                kept.insert(path.split('.').next().unwrap().to_lowercase());
            }
            kept.extend(fixed(other, side).map(|(_, _, column, _)| column.to_lowercase()));
        }
        let left_schema = self.table(file, Side::Left);
        for field in &file.fields {
            let (Some(left), Some(right)) = (end(field, Side::Left), end(field, Side::Right))
            else {
                continue;
            };
            let here = match side {
                Side::Left => left,
                Side::Right => right.split('.').next().unwrap(),
            };
            // What finance keeps in its key cannot change there, on whichever line it stands.
            let fast = left_schema
                .primary_key
                .iter()
                .any(|key| key.eq_ignore_ascii_case(left));
            if fast || self.is_named_by_several(file, right) {
                kept.insert(here.to_lowercase());
            }
        }
        kept
    }

    /// Whether a path leads to a record whose key has several parts: other columns of the row may name
    /// the other parts, and an edit of one alone would name no record.
    fn is_named_by_several(&self, file: &MapFile, right: &str) -> bool {
        let own = file.ends.right.entity.value.to_lowercase();
        behind(&self.schemas.right, &own, right).is_some_and(|(_, target, _)| {
            self.files.iter().any(|other| {
                other
                    .ends
                    .right
                    .entity
                    .value
                    .eq_ignore_ascii_case(&target.name)
                    && other.key.len() > 1
            })
        })
    }

    /// Whether a field's left column holds a value of another record.
    fn reference(&self, file: &MapFile, field: &Field) -> Option<Reference> {
        // One left column may stand on several lines: a reference counts for all of them.
        let left = end(field, Side::Left)?;
        let own = file.ends.right.entity.value.to_lowercase();
        let mut found = None;
        let mut lines: Vec<&str> = vec![end(field, Side::Right)?];
        lines.extend(
            file.fields
                .iter()
                .filter(|other| {
                    end(other, Side::Left).is_some_and(|l| l.eq_ignore_ascii_case(left))
                })
                .filter_map(|other| end(other, Side::Right)),
        );
        for right in lines {
            if let Some((_, target, _)) = behind(&self.schemas.right, &own, right) {
                let to_itself = target.name.eq_ignore_ascii_case(&own);
                found = Some(if to_itself {
                    Reference::Own
                } else {
                    Reference::Other
                });
                if !to_itself {
                    break;
                }
            }
        }
        found
    }

    fn table(&self, file: &MapFile, side: Side) -> &'a TableSchema {
        self.schemas[side]
            .table(&file.ends[side].entity.value)
            .unwrap()
    }
}

enum Reference {
    /// To another record of the same table.
    Own,
    Other,
}

fn fixed(
    file: &MapFile,
    side: Side,
) -> impl Iterator<Item = &'static (&'static str, Side, &'static str, &'static str)> {
    let map = file.map.value.clone();
    FIXED
        .iter()
        .filter(move |(name, at, _, _)| *name == map && *at == side)
}

fn navigation<'c>(column: &'c Column, table: &str) -> &'c str {
    let duet_map::schema::ColumnType::Lookup { targets } = &column.ty else {
        return &column.name;
    };
    targets
        .iter()
        .find(|target| target.table == table)
        .map_or(&column.name, |target| &target.navigation)
}

/// Every row of the mapped tables on the right.
pub(crate) async fn right_rows(
    user: &Caller,
    files: &[MapFile],
    schemas: &PerSide<SchemaSet>,
) -> RightRows {
    let sets: BTreeSet<&str> = files
        .iter()
        .map(|file| file.ends.right.entity.value.as_str())
        .collect();
    let mut rows = RightRows::new();
    for set in sets {
        let schema = schemas.right.table(set).unwrap();
        let id = &schema.primary_key[0];
        for row in user.list(&schema.name).await.unwrap() {
            let id = row[id.as_str()].as_str().unwrap().parse().unwrap();
            rows.insert(id, (schema.name.clone(), row));
        }
    }
    rows
}

/// What stands at a path that begins in a row.
pub(crate) fn follow(rows: &RightRows, row: &Json, path: &str) -> Json {
    let Some((column, rest)) = path.split_once('.') else {
        return row.get(path.to_lowercase()).cloned().unwrap_or_default();
    };
    let id = row
        .get(format!("_{}_value", column.to_lowercase()))
        .and_then(Json::as_str)
        .and_then(|id| id.parse::<Uuid>().ok());
    let Some((set, next)) = id.and_then(|id| rows.get(&id)) else {
        return Json::Null;
    };
    if rest.contains('(') {
        // `Account(accountnumber).Contact(…)`: the branch of the table that it points at.
        for branch in rest.split_inclusive(')') {
            let branch = branch.trim_matches('.');
            if let Some((ty, path)) = branch.split_once('(')
                && set.starts_with(&ty.to_lowercase())
            {
                return follow(rows, next, path.trim_end_matches(')'));
            }
        }
        return Json::Null;
    }
    follow(rows, next, rest)
}

impl Maker<'_> {
    /// The key of each record, from its row on the side on which it began.
    pub(crate) fn left_keys(
        &self,
        rows: &super::agreement::Rows<'_>,
        made: &[Made],
    ) -> Vec<String> {
        rows.keys(made, &|record| Json::Object(self.key_row(record)))
    }

    /// The key columns of a record that began on the left.
    fn key_row(&self, record: &Made) -> Map<String, Json> {
        let file = &self.files[record.map];
        let schema = self.table(file, Side::Left);
        let mut row = Map::new();
        for part in &file.key {
            let path = &part.left.value;
            let column = schema.column(path).unwrap();
            let field = file.fields.iter().find(|field| {
                end(field, Side::Left).is_some_and(|left| left.eq_ignore_ascii_case(path))
            });
            let here = spot(file, Side::Left, path);
            let number = match field.and_then(|field| self.reference(file, field)) {
                Some(_) => self.referred(&here, record.n - apart(file)),
                None => record.n,
            };
            let value = self.domains.value(&here, number);
            row.insert(column.name.clone(), json(&value, &column.ty));
        }
        if schema.company.is_some() {
            row.insert("dataAreaId".to_owned(), Json::from(company(record.n)));
        }
        row
    }

    /// The address of a row.
    pub(crate) fn path(&self, record: &Made, side: Side, row: &Json) -> String {
        let schema = self.table(&self.files[record.map], side);
        if side == Side::Right {
            let id = row[schema.primary_key[0].as_str()].as_str().unwrap();
            return format!("{}({id})", schema.name);
        }
        let parts: Vec<String> = schema
            .primary_key
            .iter()
            .map(|name| {
                let value = &row[name.as_str()];
                match (&schema.column(name).unwrap().ty, value) {
                    (duet_map::schema::ColumnType::Text { .. }, Json::String(text)) => {
                        format!("{name}='{}'", text.replace('\'', "''").replace(' ', "%20"))
                    }
                    (duet_map::schema::ColumnType::Enum { name: ty, .. }, Json::String(text)) => {
                        format!("{name}=Microsoft.Dynamics.DataEntities.{ty}'{text}'")
                    }
                    (_, Json::String(text)) => format!("{name}={text}"),
                    (_, other) => format!("{name}={other}"),
                }
            })
            .collect();
        format!("{}({})?cross-company=true", schema.name, parts.join(","))
    }
}
