//! Binds a map file to the schemas of both sides and reports everything that will not work.
//!
//! All findings are collected: each has its place in the file, the facts that clash and a fix.
//! Errors prevent the map from running; warnings tell which rows will not fare as the author may
//! think. The steps: the tables, the filters, every field line (`fields`, `transforms`), the
//! company (`company`), the key (`key`), what conflicts and deletions need (`conflicts`), what lookups create
//! (`creation`), and at last
//! what the tables demand (`demands`).

mod company;
mod conflicts;
mod creation;
mod demands;
mod fields;
mod key;
mod paths;
mod transforms;
mod twins;

use crate::canonical::Rule;
use crate::codes;
use crate::compiled::{CompiledMap, Slot, Unit};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::file::{MapFile, Mark};
use crate::filter::{Dialect, Predicate};
use crate::near;
use crate::schema::{Column, SchemaSource, TableSchema};
use crate::side::{PerSide, Side};

pub(crate) use demands::written;

impl CompiledMap {
    /// Compiles a map against the schemas of both sides. Warnings and notes come with the map;
    /// if there is any error, all findings come instead of it.
    pub fn compile(
        file: &MapFile,
        left: &dyn SchemaSource,
        right: &dyn SchemaSource,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut found = Vec::new();
        let sources = PerSide { left, right };
        let table = |side: Side, found: &mut Vec<Diagnostic>| {
            let entity = &file.ends[side].entity;
            let schema = sources[side].table(&entity.value);
            if schema.is_none() {
                found.push(Diagnostic {
                    code: codes::UNKNOWN_TABLE,
                    severity: Severity::Error,
                    message: format!("the {side} system has no table `{}`", entity.value),
                    place: entity.at.place(),
                    notes: vec!["a map names the entity set: `accounts`, `CustomersV3`".to_owned()],
                    fix: sources[side]
                        .table_by_type(&entity.value)
                        .map(|table| format!("did you mean `{}`?", table.name)),
                });
            }
            schema
        };
        let (left, right) = (
            table(Side::Left, &mut found),
            table(Side::Right, &mut found),
        );
        let (Some(left), Some(right)) = (left, right) else {
            return Err(found);
        };
        let mut compiler = Compiler {
            file,
            sources,
            schemas: PerSide { left, right },
            slots: PerSide::default(),
            filters: PerSide::default(),
            found,
        };
        let map = compiler.map();
        let failed = compiler.found.iter().any(|d| d.severity == Severity::Error);
        match map {
            Some(map) if !failed => Ok((map, compiler.found)),
            _ => Err(compiler.found),
        }
    }
}

/// What is known so far.
struct Compiler<'a> {
    file: &'a MapFile,
    sources: PerSide<&'a dyn SchemaSource>,
    schemas: PerSide<&'a TableSchema>,
    slots: PerSide<Vec<Slot>>,
    filters: PerSide<Option<Predicate>>,
    found: Vec<Diagnostic>,
}

impl Compiler<'_> {
    /// Compiles as much as can be, so that one error does not hide the next; `None` where a map
    /// cannot be put together.
    fn map(&mut self) -> Option<CompiledMap> {
        self.filters = PerSide::from_fn(|side| self.filter(side));
        let compiled = self.fields();
        let company = self.company();
        let striped = self.striped();
        let key = self.key(&compiled);
        let units: Vec<Unit> = compiled.units;
        let flows = PerSide::from_fn(|side| units.iter().any(|unit| unit.flows[side]));
        self.demands(&units, company.as_ref(), flows);
        self.modification_times(&units);
        let deactivation = self.deactivation(flows);
        self.spread_rules(&units);
        let columns = PerSide::from_fn(|side| {
            let mut names: Vec<String> = self.slots[side]
                .iter()
                .map(|slot| slot.name.clone())
                .collect();
            for name in self.filters[side].iter().flat_map(Predicate::columns) {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
            names
        });
        let shared_targets = PerSide::from_fn(|to| {
            let mut targets = demands::written(&units, to);
            targets.sort_unstable();
            targets.windows(2).any(|pair| pair[0] == pair[1])
        });
        Some(CompiledMap {
            file: self.file.clone(),
            schemas: PerSide::from_fn(|side| TableSchema {
                // A company that is mapped as a reference stripes nothing.
                company: striped[side].clone(),
                ..self.schemas[side].clone()
            }),
            by_name: PerSide::from_fn(|side| {
                let mut order: Vec<usize> = (0..self.slots[side].len()).collect();
                order.sort_by(|a, b| self.slots[side][*a].name.cmp(&self.slots[side][*b].name));
                order
            }),
            slots: std::mem::take(&mut self.slots),
            columns,
            units,
            company: company?,
            key: key?,
            filters: std::mem::take(&mut self.filters),
            flows,
            deactivation,
            shared_targets,
        })
    }

    /// The slot of a column, made at its first mention.
    fn slot(&mut self, side: Side, column: &Column) -> usize {
        let slots = &mut self.slots[side];
        if let Some(index) = slots.iter().position(|slot| slot.name == column.name) {
            return index;
        }
        slots.push(Slot {
            name: column.name.clone(),
            ty: column.ty.clone(),
            rule: Rule::of(column),
            required: column.required,
            flows_out: false,
        });
        slots.len() - 1
    }

    /// The column of a side, or a finding with the nearest name.
    fn column(&mut self, side: Side, name: &str, at: &Mark) -> Option<usize> {
        let schema = self.schemas[side];
        if let Some(column) = schema.column(name) {
            return Some(self.slot(side, column));
        }
        let names = schema.columns.values().map(|column| column.name.as_str());
        let fix = near::nearest(name, names).map(|near| format!("did you mean `{near}`?"));
        self.error(
            codes::UNKNOWN_COLUMN,
            at,
            format!("{} has no column `{name}`", schema.name),
            vec![format!(
                "{} is the {side} table; it has {} columns",
                schema.name,
                schema.columns.len()
            )],
            fix,
        );
        None
    }

    fn filter(&mut self, side: Side) -> Option<Predicate> {
        let filter = self.file.ends[side].filter.as_ref()?;
        let dialect = Dialect::of(&filter.value);
        let expr = match dialect.parse(&filter.value) {
            Ok(expr) => expr,
            Err(error) => {
                let mut at = filter.at.place();
                if let Some(place) = &mut at {
                    let before = filter.value.get(..error.offset).unwrap_or(&filter.value);
                    // A quoted scalar begins one column before its text.
                    let quote = usize::from(place.length > filter.value.chars().count());
                    place.column += before.chars().count() + quote;
                    place.length = 1;
                }
                let other = match dialect {
                    Dialect::Xpp => Dialect::OData,
                    Dialect::OData => Dialect::Xpp,
                };
                self.found.push(Diagnostic {
                    code: codes::FILTER_SYNTAX,
                    severity: Severity::Error,
                    message: format!("the {side} filter cannot be read: {}", error.message),
                    place: at,
                    notes: vec![format!(
                        "it was read as an {}, by its operators; the other dialect is the {}",
                        dialect.name(),
                        other.name()
                    )],
                    fix: None,
                });
                return None;
            }
        };
        match Predicate::compile(&expr, self.schemas[side]) {
            Ok(predicate) => Some(predicate),
            Err(problem) => {
                self.error(
                    problem.code,
                    &filter.at,
                    problem.message,
                    Vec::new(),
                    problem.fix,
                );
                None
            }
        }
    }

    fn error(
        &mut self,
        code: Code,
        at: &Mark,
        message: String,
        notes: Vec<String>,
        fix: Option<String>,
    ) {
        self.report(Severity::Error, code, at, message, notes, fix);
    }

    fn warn(
        &mut self,
        code: Code,
        at: &Mark,
        message: String,
        notes: Vec<String>,
        fix: Option<String>,
    ) {
        self.report(Severity::Warning, code, at, message, notes, fix);
    }

    fn report(
        &mut self,
        severity: Severity,
        code: Code,
        at: &Mark,
        message: String,
        notes: Vec<String>,
        fix: Option<String>,
    ) {
        self.found.push(Diagnostic {
            code,
            severity,
            message,
            place: at.place(),
            notes,
            fix,
        });
    }
}
