//! What `else create` makes of a lookup's record that is missing, and whether that can work.

use super::Compiler;
use super::fields::{CompiledFields, CompiledLine};
use super::paths::End;
use crate::codes;
use crate::company::code_column;
use crate::compiled::{Creation, Kind, Lookup, NewCompany, Unit};
use crate::convert::literal;
use crate::file::{Create, Field};
use crate::near;
use crate::schema::{Column, ColumnType, TableSchema};
use crate::side::Side;
use crate::value::Row;

impl Compiler<'_> {
    /// Gives the lookups whose lines say `else create` what they create.
    pub(super) fn creations(&mut self, compiled: &mut CompiledFields) {
        for line in &compiled.lines {
            let field = &self.file.fields[line.field];
            let Some(create) = &field.create else {
                continue;
            };
            let mut served = false;
            for side in Side::BOTH {
                let End::Lookup { slot, .. } = &line.ends[side] else {
                    continue;
                };
                if !field.direction.flows_from(side.other()) {
                    continue;
                }
                served = true;
                if let Some(lookup) = lookup_mut(&mut compiled.units, side, *slot) {
                    self.creation(field, create, lookup);
                } else {
                    let message =
                        format!("`{field}` joins two lookups, whose records are no mere names");
                    let fix = "drop `else create`: the map of the two tables brings the record";
                    self.cannot_create(create, message, fix);
                    break;
                }
            }
            if !served {
                self.no_lookup(field, create, line);
            }
        }
    }

    fn no_lookup(&mut self, field: &Field, create: &Create, line: &CompiledLine) {
        let behind = Side::BOTH
            .into_iter()
            .find(|side| line.ends[*side].is_lookup());
        let (message, fix) = match behind {
            Some(side) => (
                format!("`{field}` never sets the lookup, so nothing is missing on the {side}"),
                "let it travel to the lookup's side, or drop `else create`",
            ),
            None => (
                format!("`{field}` leads through no lookup, so there is nothing to create"),
                "drop `else create`",
            ),
        };
        self.cannot_create(create, message, fix);
    }

    fn creation(&mut self, field: &Field, create: &Create, lookup: &mut Lookup) {
        let side = lookup.side;
        let [candidate] = lookup.candidates.as_slice() else {
            let tables: Vec<&str> = lookup.candidates.iter().map(|c| c.table.as_str()).collect();
            let message = format!(
                "`{field}` can point into several tables ({}), so nobody knows where to create",
                tables.join(", ")
            );
            let fix = "drop `else create`, or lead the path through one table";
            return self.cannot_create(create, message, fix);
        };
        let beyond = candidate
            .equal
            .iter()
            .find(|(part, _)| !lookup.parts[*part].direct);
        if let Some((part, end)) = beyond {
            let path = lookup.parts[*part].ends[*end].path.clone();
            let message = format!(
                "{} keeps `{path}` in another record, which a new one cannot set",
                candidate.table
            );
            let fix = "drop `else create`, or name the record by columns of its own";
            return self.cannot_create(create, message, fix);
        }
        let Some(table) = self.sources[side].table(&candidate.table) else {
            return;
        };
        let sought: Vec<String> = candidate
            .equal
            .iter()
            .map(|(part, end)| lookup.parts[*part].ends[*end].path.clone())
            .collect();
        for name in &sought {
            if table.column(name).is_some_and(|column| !column.create) {
                let message = format!(
                    "`{name}` of {} is chosen by the system, so no record can be created with it",
                    table.name
                );
                return self.cannot_create(create, message, "drop `else create`");
            }
        }
        let known = lookup.creation.as_ref().map(|known| known.columns.clone());
        let Some(columns) = self.new_columns(create, table, &sought, known.unwrap_or_default())
        else {
            return;
        };
        let company = if candidate.striped {
            self.new_company(side, table)
        } else {
            None
        };
        let given = |column: &Column| {
            sought
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&column.name))
                || columns.get(&column.name).is_some()
                || table.company.as_deref() == Some(column.name.as_str())
                || (column.ty == ColumnType::Guid && table.primary_key.contains(&column.name))
        };
        let wanting: Vec<&str> = table
            .columns
            .values()
            .filter(|column| {
                column.required && column.create && column.empty.is_none() && !given(column)
            })
            .map(|column| column.name.as_str())
            .collect();
        if !wanting.is_empty() {
            let example = format!("else: {{ create: {{ {}: … }} }}", wanting[0]);
            self.warn(
                codes::CREATE_INCOMPLETE,
                &create.at,
                format!(
                    "a new record of {} needs `{}`, which nothing gives",
                    table.name,
                    wanting.join("`, `")
                ),
                vec![format!(
                    "the {side} system may refuse to create it, and the row waits (DUET2012)"
                )],
                Some(format!("name a value in the long form: `{example}`")),
            );
        }
        lookup.creation = Some(Creation { columns, company });
    }

    /// The named columns with their values typed; `None` where something is wrong with one.
    fn new_columns(
        &mut self,
        create: &Create,
        table: &TableSchema,
        sought: &[String],
        mut row: Row,
    ) -> Option<Row> {
        let before = self.found.len();
        for (name, text) in &create.columns {
            let Some(column) = table.column(&name.value) else {
                let names = table.columns.values().map(|column| column.name.as_str());
                let fix = near::nearest(&name.value, names).map_or_else(
                    || "drop it".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("{} has no column `{}`", table.name, name.value);
                self.error(
                    codes::CREATE_IMPOSSIBLE,
                    &name.at,
                    message,
                    Vec::new(),
                    Some(fix),
                );
                continue;
            };
            let own = sought
                .iter()
                .any(|path| path.eq_ignore_ascii_case(&column.name))
                || table.company.as_deref() == Some(column.name.as_str());
            let why = if own {
                Some("the row itself says what stands there")
            } else if !column.create {
                Some("a new record cannot set it")
            } else if row.get(&column.name).is_some() {
                Some("another line of the same lookup sets it")
            } else {
                None
            };
            if let Some(why) = why {
                let message = format!(
                    "`{}` of {} takes no value here: {why}",
                    column.name, table.name
                );
                let fix = Some("drop it".to_owned());
                self.error(codes::CREATE_IMPOSSIBLE, &name.at, message, Vec::new(), fix);
                continue;
            }
            match literal(&text.value, &column.ty) {
                Ok(value) => row.set(column.name.clone(), value),
                Err(why) => {
                    let message =
                        format!("`{}` cannot stand in `{}`: {why}", text.value, column.name);
                    self.error(
                        codes::CREATE_IMPOSSIBLE,
                        &text.at,
                        message,
                        Vec::new(),
                        None,
                    );
                }
            }
        }
        (self.found.len() == before).then_some(row)
    }

    /// Where the company of a new record of a striped table goes.
    fn new_company(&self, side: Side, table: &TableSchema) -> Option<NewCompany> {
        let column = table.column(table.company.as_ref()?)?;
        match &column.ty {
            ColumnType::Lookup { targets } => {
                let companies = self.sources[side].table(&targets.first()?.table)?;
                Some(NewCompany::Lookup {
                    column: column.name.clone(),
                    table: companies.name.clone(),
                    path: code_column(companies)?.to_owned(),
                })
            }
            _ => Some(NewCompany::Text(column.name.clone())),
        }
    }

    fn cannot_create(&mut self, create: &Create, message: String, fix: &str) {
        let fix = Some(fix.to_owned());
        self.error(
            codes::CREATE_IMPOSSIBLE,
            &create.at,
            message,
            Vec::new(),
            fix,
        );
    }
}

fn lookup_mut(units: &mut [Unit], side: Side, slot: usize) -> Option<&mut Lookup> {
    units.iter_mut().find_map(|unit| match &mut unit.kind {
        Kind::Lookup(lookup) if lookup.side == side && lookup.slot == slot => Some(lookup),
        _ => None,
    })
}
