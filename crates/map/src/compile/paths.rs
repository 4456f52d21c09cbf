//! Follows lookup paths through the schemas.

use super::Compiler;
use crate::codes;
use crate::compiled::PathEnd;
use crate::file::Marked;
use crate::near;
use crate::path::{Beyond, ColumnPath};
use crate::schema::{ColumnType, LookupTarget, TableSchema};
use crate::side::Side;
use crate::words::a;

/// What stands on one side of a field.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// A column of the table itself.
    Column(usize),
    /// The end of a path behind a lookup column.
    Lookup {
        slot: usize,
        ends: Vec<PathEnd>,
        direct: bool,
    },
}

impl End {
    /// Whether it lies behind a lookup.
    pub(super) const fn is_lookup(&self) -> bool {
        matches!(self, Self::Lookup { .. })
    }
}

impl Compiler<'_> {
    /// Resolves a column or path, or reports why it leads nowhere.
    pub(super) fn end(&mut self, side: Side, written: &Marked<String>) -> Option<End> {
        let path = match ColumnPath::parse(&written.value) {
            Ok(path) => path,
            Err(why) => {
                self.bad_path(side, written, &why, None);
                return None;
            }
        };
        let (column, beyond) = match path {
            ColumnPath::Column(name) => {
                return self.column(side, &name, &written.at).map(End::Column);
            }
            ColumnPath::Lookup { column, beyond } => (column, beyond),
        };
        let slot = self.column(side, &column, &written.at)?;
        let ColumnType::Lookup { targets } = self.slots[side][slot].ty.clone() else {
            let kind = a(self.slots[side][slot].ty.kind());
            let message = format!("`{column}` is {kind}, not a lookup: nothing lies behind it");
            self.bad_path(
                side,
                written,
                &message,
                Some(format!("map `{column}` itself")),
            );
            return None;
        };
        let (ends, direct) = match beyond {
            Beyond::Any(path) => (
                self.any_target(side, written, &targets, &path)?,
                !path.contains('.'),
            ),
            Beyond::ByType(branches) => {
                let direct = branches.iter().all(|(_, path)| !path.contains('.'));
                (self.branches(side, written, &targets, &branches)?, direct)
            }
        };
        Some(End::Lookup { slot, ends, direct })
    }

    /// The same path behind whatever the lookup points at: at least one table must have it.
    fn any_target(
        &mut self,
        side: Side,
        written: &Marked<String>,
        targets: &[LookupTarget],
        path: &str,
    ) -> Option<Vec<PathEnd>> {
        let mut ends = Vec::new();
        let mut why = None;
        for target in targets {
            match self.sources[side].table(&target.table) {
                None => {
                    why = Some((
                        format!(
                            "its lookup points at `{}`, whose columns are not known",
                            target.table
                        ),
                        None,
                    ));
                }
                Some(table) => match self.walk(side, table, path) {
                    Ok(ty) => ends.push(PathEnd {
                        table: table.name.clone(),
                        path: spelled(table, path),
                        ty,
                    }),
                    Err(problem) => why = Some(problem),
                },
            }
        }
        if ends.is_empty() {
            let (why, fix) =
                why.unwrap_or_else(|| ("its lookup points at no table".to_owned(), None));
            self.bad_path(side, written, &why, fix);
            return None;
        }
        Some(ends)
    }

    /// A path for each table that is named: all must lead somewhere.
    fn branches(
        &mut self,
        side: Side,
        written: &Marked<String>,
        targets: &[LookupTarget],
        branches: &[(String, String)],
    ) -> Option<Vec<PathEnd>> {
        let mut ends = Vec::new();
        for (type_name, path) in branches {
            let target = targets
                .iter()
                .find(|t| t.type_name.eq_ignore_ascii_case(type_name));
            let Some(target) = target else {
                let known: Vec<&str> = targets.iter().map(|t| t.type_name.as_str()).collect();
                let message = format!("its lookup cannot point at a `{type_name}`");
                self.bad_path(side, written, &message, near::suggestion(type_name, &known));
                return None;
            };
            let Some(table) = self.sources[side].table(&target.table) else {
                let message = format!("the columns of `{}` are not known", target.table);
                self.bad_path(side, written, &message, None);
                return None;
            };
            match self.walk(side, table, path) {
                Ok(ty) => ends.push(PathEnd {
                    table: table.name.clone(),
                    path: spelled(table, path),
                    ty,
                }),
                Err((why, fix)) => {
                    self.bad_path(side, written, &why, fix);
                    return None;
                }
            }
        }
        Some(ends)
    }

    /// The type at the end of a path that begins in `table`.
    fn walk(
        &self,
        side: Side,
        table: &TableSchema,
        path: &str,
    ) -> Result<ColumnType, (String, Option<String>)> {
        let (name, rest) = path
            .split_once('.')
            .map_or((path, None), |(name, rest)| (name, Some(rest)));
        let Some(column) = table.column(name) else {
            let names = table.columns.values().map(|column| column.name.as_str());
            let fix = near::nearest(name, names).map(|near| format!("did you mean `{near}`?"));
            return Err((format!("{} has no column `{name}`", table.name), fix));
        };
        let Some(rest) = rest else {
            return match &column.ty {
                ColumnType::Lookup { .. } => Err((
                    format!("the path ends at `{name}`, which is a lookup itself"),
                    Some(format!(
                        "go on to the column that names the record: `{path}.…`"
                    )),
                )),
                ty => Ok(ty.clone()),
            };
        };
        let ColumnType::Lookup { targets } = &column.ty else {
            return Err((
                format!(
                    "`{name}` of {} is {}, not a lookup",
                    table.name,
                    a(column.ty.kind())
                ),
                None,
            ));
        };
        let mut why = (
            format!(
                "nothing is known of what `{name}` of {} points at",
                table.name
            ),
            None,
        );
        for target in targets {
            if let Some(next) = self.sources[side].table(&target.table) {
                match self.walk(side, next, rest) {
                    Ok(ty) => return Ok(ty),
                    Err(problem) => why = problem,
                }
            }
        }
        Err(why)
    }

    fn bad_path(&mut self, side: Side, written: &Marked<String>, why: &str, fix: Option<String>) {
        let table = &self.schemas[side].name;
        let notes = vec![format!("the path begins in {table}, the {side} table")];
        let message = format!("the path `{}` leads nowhere: {why}", written.value);
        self.error(codes::BAD_PATH, &written.at, message, notes, fix);
    }
}

/// The path with its first column as the system spells it.
fn spelled(table: &TableSchema, path: &str) -> String {
    let (name, rest) = path
        .split_once('.')
        .map_or((path, None), |(name, rest)| (name, Some(rest)));
    let name = table
        .column(name)
        .map_or(name, |column| column.name.as_str());
    match rest {
        Some(rest) => format!("{name}.{rest}"),
        None => name.to_owned(),
    }
}
