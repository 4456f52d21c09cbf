//! Finds where each side keeps the company of a row.

use super::Compiler;
use crate::codes;
use crate::company::{COMPANY_CODE, code_column};
use crate::compiled::CompanyColumn;
use crate::file::{Company, Mark};
use crate::schema::ColumnType;
use crate::side::{PerSide, Side};

impl Compiler<'_> {
    /// `Some(None)` for a shared map, `None` if the sides do not go together (reported).
    #[expect(
        clippy::option_option,
        reason = "outside: whether it compiles; inside: whether there is a company"
    )]
    pub(super) fn company(&mut self) -> Option<Option<PerSide<CompanyColumn>>> {
        let at = &self.file.company.at;
        let striped = self.striped();
        let facts = Side::BOTH.map(|side| match &striped[side] {
            Some(column) => format!(
                "{} keeps rows by company, in `{column}`",
                self.schemas[side].name
            ),
            None => format!(
                "{} keeps rows that all companies share",
                self.schemas[side].name
            ),
        });
        self.refuse_mapped(&striped);
        match (self.file.company.value, &striped.left, &striped.right) {
            (Company::Shared, None, None) => Some(None),
            (Company::PerCompany, Some(left), Some(right)) => {
                let (left, right) = (left.clone(), right.clone());
                let left = self.company_column(Side::Left, &left, at);
                let right = self.company_column(Side::Right, &right, at);
                Some(Some(PerSide {
                    left: left?,
                    right: right?,
                }))
            }
            (company, left, right) => {
                let fix = match (company, left, right) {
                    (Company::Shared, Some(_), Some(_)) => "write `company: per-company`",
                    (Company::PerCompany, None, None) => "write `company: shared`",
                    _ => "map the table to one that keeps its rows the same way",
                };
                self.error(
                    codes::COMPANY_CLASH,
                    at,
                    format!("the map is {}, but its tables are not", company.as_str()),
                    facts.to_vec(),
                    Some(fix.to_owned()),
                );
                None
            }
        }
    }

    /// The column by which each side keeps its rows by company. In a shared map whose other table
    /// is not striped, a company column that a line names is a reference like any other: a ledger
    /// belongs to a company, which finance holds in a plain column.
    pub(super) fn striped(&self) -> PerSide<Option<String>> {
        let striped = PerSide::from_fn(|side| self.schemas[side].company.clone());
        if self.file.company.value != Company::Shared {
            return striped;
        }
        PerSide::from_fn(|side| {
            let company = striped[side].clone()?;
            let plain = striped[side.other()].is_none() && self.names(side, &company);
            (!plain).then_some(company)
        })
    }

    /// Whether a field line names this column of a side, or leads through it.
    fn names(&self, side: Side, column: &str) -> bool {
        self.file.fields.iter().any(|field| {
            let end = match side {
                Side::Left => &field.left,
                Side::Right => &field.right,
            };
            end.as_ref()
                .is_some_and(|end| first_column(&end.value).eq_ignore_ascii_case(column))
        })
    }

    fn company_column(&mut self, side: Side, name: &str, at: &Mark) -> Option<CompanyColumn> {
        let slot = self.column(side, name, at)?;
        let ColumnType::Lookup { targets } = self.slots[side][slot].ty.clone() else {
            self.slots[side][slot].rule.fold = true;
            return Some(CompanyColumn::Text(slot));
        };
        let table = targets
            .iter()
            .find_map(|target| self.sources[side].table(&target.table));
        if let Some((table, path)) =
            table.and_then(|table| Some((table.name.clone(), code_column(table)?.to_owned())))
        {
            Some(CompanyColumn::Lookup { slot, table, path })
        } else {
            self.error(
                codes::COMPANY_CLASH,
                at,
                format!("the table behind the company lookup `{name}` has no column with the company's code"),
                vec![format!("looked for `{COMPANY_CODE}`, or an alternate key of one text column")],
                Some("give the company table an alternate key on its code".to_owned()),
            );
            None
        }
    }

    /// The company is part of every key by itself; mapped like a field it would be written twice.
    fn refuse_mapped(&mut self, striped: &PerSide<Option<String>>) {
        for field in &self.file.fields {
            let ends = PerSide {
                left: &field.left,
                right: &field.right,
            };
            for side in Side::BOTH {
                let (Some(end), Some(company)) = (ends[side], &striped[side]) else {
                    continue;
                };
                let column = first_column(&end.value);
                if column.eq_ignore_ascii_case(company) {
                    self.error(
                        codes::COMPANY_MAPPED,
                        &end.at,
                        format!("`{column}` holds the company, which travels by itself"),
                        Vec::new(),
                        Some("remove the line".to_owned()),
                    );
                }
            }
        }
    }
}

/// The column of the row itself with which a path begins.
fn first_column(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}
