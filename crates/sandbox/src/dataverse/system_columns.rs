//! The columns that every Dataverse table has: who and when, owner, state and row version.

use super::model::VERSION;
use crate::schema::{Choice, Column, ColumnKind, DateBehavior, LookupTarget, RequiredLevel, Table};

/// Gives a table what every Dataverse table has and the published columns leave out.
pub(super) fn add(table: &mut Table) {
    let user = |navigation: &str| ColumnKind::Lookup {
        targets: vec![LookupTarget {
            table: "systemuser".into(),
            navigation: navigation.into(),
        }],
    };
    let owner = ColumnKind::Lookup {
        targets: ["systemuser", "team"]
            .map(|table| LookupTarget {
                table: table.into(),
                navigation: "ownerid".into(),
            })
            .to_vec(),
    };
    let unit = ColumnKind::Lookup {
        targets: vec![LookupTarget {
            table: "businessunit".into(),
            navigation: "owningbusinessunit".into(),
        }],
    };
    let instant = || ColumnKind::DateTime {
        behavior: DateBehavior::UserLocal,
    };
    let choice = |value, label: &str| Choice {
        value,
        label: label.into(),
    };
    let state = ColumnKind::State {
        options: vec![choice(0, "Active"), choice(1, "Inactive")],
    };
    let status = ColumnKind::Status {
        options: vec![choice(1, "Active"), choice(2, "Inactive")],
    };
    let wanted = [
        ("createdon", instant(), true),
        ("modifiedon", instant(), true),
        ("createdby", user("createdby"), true),
        ("modifiedby", user("modifiedby"), true),
        ("createdonbehalfby", user("createdonbehalfby"), true),
        ("modifiedonbehalfby", user("modifiedonbehalfby"), true),
        ("ownerid", owner, false),
        ("owninguser", user("owninguser"), true),
        ("owningbusinessunit", unit, false),
        ("statecode", state, false),
        ("statuscode", status, false),
        (VERSION, ColumnKind::BigInt, true),
    ];
    if table.column(&table.primary_id).is_none() {
        let id = super::system_tables::column(&table.primary_id, ColumnKind::Uniqueidentifier);
        table.columns.insert(0, id);
    }
    for (name, kind, read_only) in wanted {
        match table.columns.iter_mut().find(|column| column.name == name) {
            // A published lookup to users alone is enough; a choice without options is not.
            Some(present) => {
                present.read_only |= read_only;
                if name == "ownerid" {
                    present.kind = kind;
                }
            }
            None => table.columns.push(Column {
                read_only,
                ..super::system_tables::column(name, kind)
            }),
        }
    }
    for column in &mut table.columns {
        // The system fills these, so nobody is asked for them.
        if column.name == table.primary_id || matches!(&*column.name, "statecode" | "ownerid") {
            column.required = RequiredLevel::None;
        }
    }
}
