//! Where the code of a row's company stands, in a table of its own or behind a lookup.

use crate::schema::{ColumnType, TableSchema};

/// The column of `cdm_companies` that holds the company's code.
pub(crate) const COMPANY_CODE: &str = "cdm_companycode";

/// The column of a company table that holds its code: `cdm_companycode`, else the single text
/// column of a key.
pub fn code_column(table: &TableSchema) -> Option<&str> {
    if let Some(column) = table.column(COMPANY_CODE) {
        return Some(&column.name);
    }
    let mut keys = table.alternate_keys.iter().chain([&table.primary_key]);
    keys.find_map(|key| match key.as_slice() {
        [name] => {
            let column = table.column(name)?;
            matches!(column.ty, ColumnType::Text { .. }).then_some(column.name.as_str())
        }
        _ => None,
    })
}

/// The table of companies that a striped table's company lookup points at; `None` where the table
/// is shared or keeps the company's code itself.
pub fn company_table(table: &TableSchema) -> Option<&str> {
    match &table.column(table.company.as_ref()?)?.ty {
        ColumnType::Lookup { targets } => targets.first().map(|target| target.table.as_str()),
        _ => None,
    }
}

/// The path to the company's code in rows of a striped table: a column (`dataAreaId`), or one
/// behind the company lookup (`msdyn_company.cdm_companycode`). `companies` is the schema of
/// [`company_table`], where there is one.
pub fn company_path(table: &TableSchema, companies: Option<&TableSchema>) -> Option<String> {
    let column = table.column(table.company.as_ref()?)?;
    if !matches!(column.ty, ColumnType::Lookup { .. }) {
        return Some(column.name.clone());
    }
    let code = code_column(companies?)?;
    Some(format!("{}.{code}", column.name))
}
