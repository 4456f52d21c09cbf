//! A map bound to the schemas of both sides: what the engine asks it.
//!
//! [`CompiledMap`] is made by [`crate::compile`] and does not change. What happens to a row has a
//! module each: [`crate::key`], [`crate::image`], [`crate::translate`], [`crate::merge`],
//! [`crate::check`].

use crate::canonical::Rule;
use crate::expression::Expression;
use crate::field_set::FieldSet;
use crate::file::{Company, Conflicts, Deletes, MapFile};
use crate::filter::Predicate;
use crate::schema::{ColumnType, TableSchema};
use crate::side::{PerSide, Side};
use crate::value::{Row, Value};
use crate::values::ValueMap;

/// A table map ready to run.
#[derive(Debug, Clone)]
pub struct CompiledMap {
    pub(crate) file: MapFile,
    pub(crate) schemas: PerSide<TableSchema>,
    /// The columns that the map touches, each once a side.
    pub(crate) slots: PerSide<Vec<Slot>>,
    /// The slots of each side in the order of their names, which is that of a row's columns.
    pub(crate) by_name: PerSide<Vec<usize>>,
    /// Names of all columns to read: slots first, then what only the filter reads.
    pub(crate) columns: PerSide<Vec<String>>,
    pub(crate) units: Vec<Unit>,
    pub(crate) company: Option<PerSide<CompanyColumn>>,
    pub(crate) key: Vec<KeyColumn>,
    pub(crate) filters: PerSide<Option<Predicate>>,
    pub(crate) flows: PerSide<bool>,
    /// What a deletion on the other side writes to a record of this side, where it deactivates.
    pub(crate) deactivation: PerSide<Option<Row>>,
    /// Whether two fields write one column of this side.
    pub(crate) shared_targets: PerSide<bool>,
}

/// A column that the map touches.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) ty: ColumnType,
    pub(crate) rule: Rule,
    pub(crate) required: bool,
    /// Whether values of this column travel to the other side.
    pub(crate) flows_out: bool,
}

/// What travels as one.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// The field line, or the lines of a lookup, for messages.
    pub(crate) name: String,
    /// Whether it travels from this side.
    pub(crate) flows: PerSide<bool>,
    /// Whose value stands when both sides changed it.
    pub(crate) policy: Conflicts,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// A value for new records of side `to`.
    Constant { to: Side, slot: usize, value: Value },
    /// A column that is computed from columns of the other side.
    Computed(Computed),
    /// A column and its counterpart.
    Direct(Direct),
    /// A lookup column and the columns of the other side that name its record.
    Lookup(Lookup),
    /// A lookup column on either side, that point at each other's counterparts.
    Twins(Twins),
}

#[derive(Debug, Clone)]
pub(crate) struct Computed {
    /// The side of the column that is written.
    pub(crate) to: Side,
    pub(crate) slot: usize,
    /// The columns of the other side that the expression reads.
    pub(crate) reads: Vec<usize>,
    pub(crate) expression: Expression,
}

impl Computed {
    /// The columns of a side that it reads or writes.
    pub(crate) fn slots(&self, side: Side) -> &[usize] {
        if side == self.to {
            std::slice::from_ref(&self.slot)
        } else {
            &self.reads
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Direct {
    pub(crate) slots: PerSide<usize>,
    pub(crate) transform: Transform,
    /// Digits after the point that both sides hold.
    pub(crate) scale: Option<u32>,
}

/// What happens to a value on its way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transform {
    pub(crate) values: Option<ValueMap>,
    /// What an empty source becomes, by target side.
    pub(crate) default: PerSide<Option<Value>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    /// The side of the lookup column.
    pub(crate) side: Side,
    pub(crate) slot: usize,
    pub(crate) parts: Vec<Part>,
    pub(crate) candidates: Vec<Candidate>,
    /// What is created where no record answers; without it the change waits.
    pub(crate) creation: Option<Creation>,
}

/// What a lookup's new record holds besides the values that it was sought by.
#[derive(Debug, Clone)]
pub(crate) struct Creation {
    pub(crate) columns: Row,
    /// Where the row's company goes, where the table is striped.
    pub(crate) company: Option<NewCompany>,
}

/// Where the company of a lookup's new record stands.
#[derive(Debug, Clone)]
pub(crate) enum NewCompany {
    /// As text in this column.
    Text(String),
    /// As a reference in this column to the record of `table` with the company's code in `path`.
    Lookup {
        column: String,
        table: String,
        path: String,
    },
}

/// Two lookup columns.
#[derive(Debug, Clone)]
pub(crate) struct Twins {
    pub(crate) slots: PerSide<usize>,
    /// The tables that each can point at.
    pub(crate) tables: PerSide<Vec<String>>,
    /// What names the record behind both; none where pairs alone tell.
    pub(crate) parts: Vec<TwinPart>,
    /// Where the record of a side is searched.
    pub(crate) candidates: PerSide<Vec<Candidate>>,
}

/// One path behind either of two lookups.
#[derive(Debug, Clone)]
pub(crate) struct TwinPart {
    pub(crate) flows: PerSide<bool>,
    pub(crate) ends: PerSide<Vec<PathEnd>>,
    pub(crate) transform: Transform,
}

/// One column that helps to name a lookup's record.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The column on the side without the lookup.
    pub(crate) plain: usize,
    pub(crate) flows: PerSide<bool>,
    /// Where the value stands behind the lookup, by referenced table.
    pub(crate) ends: Vec<PathEnd>,
    /// Whether the referenced record itself holds it, not one further on.
    pub(crate) direct: bool,
    pub(crate) transform: Transform,
}

/// The end of a path in one referenced table.
#[derive(Debug, Clone)]
pub(crate) struct PathEnd {
    pub(crate) table: String,
    pub(crate) path: String,
    pub(crate) ty: ColumnType,
}

/// One table in which a lookup's record can be found.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) table: String,
    /// Whether its rows belong to companies.
    pub(crate) striped: bool,
    /// Indices into the lookup's parts and into each part's ends.
    pub(crate) equal: Vec<(usize, usize)>,
}

/// Where a row's company stands.
#[derive(Debug, Clone)]
pub(crate) enum CompanyColumn {
    /// As text in this column.
    Text(usize),
    /// Behind this lookup, in this table's column.
    Lookup {
        slot: usize,
        table: String,
        path: String,
    },
}

impl CompanyColumn {
    pub(crate) const fn slot(&self) -> usize {
        match self {
            Self::Text(slot) | Self::Lookup { slot, .. } => *slot,
        }
    }
}

/// One part of the integration key.
#[derive(Debug, Clone)]
pub(crate) struct KeyColumn {
    pub(crate) at: PerSide<KeyAt>,
    pub(crate) values: Option<ValueMap>,
    pub(crate) required: bool,
    /// Whether only the day of a date counts, because one side keeps no time.
    pub(crate) day: bool,
}

/// Where a key part stands on one side.
#[derive(Debug, Clone)]
pub(crate) enum KeyAt {
    Column(usize),
    Path { slot: usize, ends: Vec<PathEnd> },
}

impl KeyAt {
    pub(crate) const fn slot(&self) -> usize {
        match self {
            Self::Column(slot) | Self::Path { slot, .. } => *slot,
        }
    }
}

/// One lookup of a map: which tables it leans on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupUse {
    /// The side of the lookup column and of the tables.
    pub side: Side,
    /// The tables it can point at, as maps name them.
    pub tables: Vec<String>,
    /// The paths behind the lookup that are read or searched.
    pub paths: Vec<String>,
    /// Whether a record cannot exist without it.
    pub required: bool,
    /// The lookup column.
    pub column: String,
}

impl CompiledMap {
    /// The map's name.
    pub fn id(&self) -> &str {
        &self.file.map.value
    }

    /// The map's version.
    pub fn version(&self) -> &str {
        &self.file.version.value
    }

    /// The file it was compiled from.
    pub const fn file(&self) -> &MapFile {
        &self.file
    }

    /// The name of a side's table.
    pub fn table(&self, side: Side) -> &str {
        &self.schemas[side].name
    }

    /// The schema of a side's table.
    pub fn schema(&self, side: Side) -> &TableSchema {
        &self.schemas[side]
    }

    /// The side that wins an initial sync and a conflict over one field.
    pub const fn master(&self) -> Side {
        self.file.master
    }

    /// What a deletion on one side does to the other.
    pub const fn deletes(&self) -> Deletes {
        self.file.deletes.value
    }

    /// The columns by which a record of this side is deactivated when its counterpart is deleted;
    /// `None` unless the map deactivates.
    pub fn deactivation(&self, side: Side) -> Option<&Row> {
        self.deactivation[side].as_ref()
    }

    /// Whose value stands when both sides changed this field.
    pub fn policy(&self, field: usize) -> Conflicts {
        self.units
            .get(field)
            .map_or(self.file.conflicts.value, |unit| unit.policy)
    }

    /// Whether rows belong to companies.
    pub fn is_per_company(&self) -> bool {
        self.file.company.value == Company::PerCompany
    }

    /// The side whose system may choose the key of a new record.
    pub const fn allocates(&self) -> Option<Side> {
        self.file.allocates
    }

    /// The columns that must be read on a side: mapped, key, company and filter columns.
    pub fn columns(&self, side: Side) -> &[String] {
        &self.columns[side]
    }

    /// Whether anything travels from a side. A side that only takes sends nothing, so its changes
    /// need no capture.
    pub fn flows(&self, from: Side) -> bool {
        self.flows[from]
    }

    /// Whether the row satisfies its side's filter.
    pub fn passes(&self, side: Side, row: &Row) -> bool {
        self.filters[side]
            .as_ref()
            .is_none_or(|filter| filter.holds(row))
    }

    /// Every field that travels from a side, constants for new records left out.
    pub fn all_fields(&self, from: Side) -> FieldSet {
        let flows = |(index, unit): (usize, &Unit)| unit.flows[from].then_some(index);
        self.units.iter().enumerate().filter_map(flows).collect()
    }

    /// The columns of a side that feed the other side through a field of one way and are themselves
    /// written by another field: `WAREHOUSEID = msdyn_identifier` beside `WAREHOUSEID > msdyn_name`.
    /// A write of one has to be followed by a change the way back.
    pub fn returning(&self, side: Side) -> Vec<&str> {
        let written = crate::compile::written(&self.units, side);
        let back = side.other();
        let mut slots: Vec<usize> = Vec::new();
        for unit in &self.units {
            match &unit.kind {
                Kind::Computed(computed) if unit.flows[side] => slots.extend(&computed.reads),
                Kind::Direct(direct) if unit.flows[side] && !unit.flows[back] => {
                    slots.push(direct.slots[side]);
                }
                Kind::Lookup(lookup) if lookup.side == back => {
                    // All parts of a lookup name its record together.
                    if !lookup.parts.iter().any(|part| part.flows[back]) {
                        slots.extend(lookup.parts.iter().map(|part| part.plain));
                    }
                }
                Kind::Lookup(lookup) => {
                    if lookup
                        .parts
                        .iter()
                        .any(|part| part.flows[side] && !part.flows[back])
                    {
                        slots.push(lookup.slot);
                    }
                }
                Kind::Twins(twins) if unit.flows[side] && !unit.flows[back] => {
                    slots.push(twins.slots[side]);
                }
                Kind::Direct(_) | Kind::Twins(_) | Kind::Constant { .. } | Kind::Computed(_) => {}
            }
        }
        slots.retain(|slot| written.contains(slot));
        slots.sort_unstable();
        slots.dedup();
        slots
            .into_iter()
            .map(|slot| self.slots[side][slot].name.as_str())
            .collect()
    }

    /// What a field is called in messages: its line in the map file.
    pub fn field_name(&self, field: usize) -> &str {
        match self.units.get(field) {
            Some(unit) => &unit.name,
            None => "company",
        }
    }

    /// The names of several fields.
    pub fn field_names(&self, fields: &FieldSet) -> Vec<&str> {
        fields.iter().map(|field| self.field_name(field)).collect()
    }

    /// The lookups that the map leans on, its company lookup included.
    pub fn lookups(&self) -> Vec<LookupUse> {
        let mut uses: Vec<LookupUse> = Vec::new();
        for side in Side::BOTH {
            if let Some(CompanyColumn::Lookup { slot, table, path }) =
                self.company.as_ref().map(|c| &c[side])
            {
                uses.push(LookupUse {
                    side,
                    tables: vec![table.clone()],
                    paths: vec![path.clone()],
                    required: true,
                    column: self.slots[side][*slot].name.clone(),
                });
            }
        }
        for unit in &self.units {
            if let Kind::Twins(twins) = &unit.kind {
                uses.extend(Side::BOTH.map(|side| self.twin_use(twins, side)));
            }
            let Kind::Lookup(lookup) = &unit.kind else {
                continue;
            };
            let slot = &self.slots[lookup.side][lookup.slot];
            let mut tables: Vec<String> = Vec::new();
            let mut paths: Vec<String> = Vec::new();
            for end in lookup.parts.iter().flat_map(|part| &part.ends) {
                if !tables.contains(&end.table) {
                    tables.push(end.table.clone());
                }
                if !paths.contains(&end.path) {
                    paths.push(end.path.clone());
                }
            }
            let in_key = self
                .key
                .iter()
                .any(|part| part.at[lookup.side].slot() == lookup.slot);
            uses.push(LookupUse {
                side: lookup.side,
                tables,
                paths,
                required: slot.required || in_key,
                column: slot.name.clone(),
            });
        }
        uses
    }

    fn twin_use(&self, twins: &Twins, side: Side) -> LookupUse {
        let slot = twins.slots[side];
        let ends = twins.parts.iter().flat_map(|part| &part.ends[side]);
        let mut paths: Vec<String> = ends.map(|end| end.path.clone()).collect();
        paths.sort_unstable();
        paths.dedup();
        let in_key = self.key.iter().any(|part| part.at[side].slot() == slot);
        LookupUse {
            side,
            tables: twins.tables[side].clone(),
            paths,
            required: self.slots[side][slot].required || in_key,
            column: self.slots[side][slot].name.clone(),
        }
    }

    /// The key on one side as map paths, the company left out: what another map's lookup must ask
    /// for if this map's pairs are to answer it.
    pub fn key_paths(&self, side: Side) -> Vec<String> {
        let path = |part: &KeyColumn| match &part.at[side] {
            KeyAt::Column(slot) => self.slots[side][*slot].name.clone(),
            KeyAt::Path { slot, ends } => {
                let column = &self.slots[side][*slot].name;
                let end = ends.first().map_or("", |end| end.path.as_str());
                format!("{column}.{end}")
            }
        };
        self.key.iter().map(path).collect()
    }
}
