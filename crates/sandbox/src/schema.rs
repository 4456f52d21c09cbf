//! What tables and entities the two stand-ins serve: the types of their schemas, and the schemas
//! that this crate carries.
//!
//! The files under `schemas/` are generated from published facts by
//! `cargo run -p xtask -- schemas --data DIR`; what is not published is inferred and carries
//! `"assumed": true`. They are parsed once, on first use. Downwards: nothing.

mod dataverse;
mod finops;

use std::sync::{Arc, OnceLock};

pub use dataverse::{
    AlternateKey, Choice, Column, ColumnKind, DataverseSchema, DateBehavior, LookupTarget,
    ManyToMany, ManyToManyEnd, OnDelete, OneToMany, OptionSet, RequiredLevel, Table, TableOrigin,
};
pub use finops::{
    DefaultRule, DefaultSource, Entity, EnumMember, EnumType, Field, FieldKind, FinOpsSchema,
    NumberSequence, Relation, RelationField,
};

/// A schema file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the schema file {file} cannot be read: {source}; regenerate it with \
     `cargo run -p xtask -- schemas --data DIR`"
)]
pub struct SchemaError {
    file: &'static str,
    source: serde_json::Error,
}

/// The Dataverse schema that this crate carries.
pub fn dataverse() -> Result<Arc<DataverseSchema>, SchemaError> {
    static SCHEMA: OnceLock<Arc<DataverseSchema>> = OnceLock::new();
    load(
        &SCHEMA,
        "schemas/dataverse.json",
        include_str!("../schemas/dataverse.json"),
    )
}

/// The Finance & Operations schema that this crate carries.
pub fn finops() -> Result<Arc<FinOpsSchema>, SchemaError> {
    static SCHEMA: OnceLock<Arc<FinOpsSchema>> = OnceLock::new();
    load(
        &SCHEMA,
        "schemas/finops.json",
        include_str!("../schemas/finops.json"),
    )
}

fn load<T: serde::de::DeserializeOwned>(
    cell: &OnceLock<Arc<T>>,
    file: &'static str,
    text: &str,
) -> Result<Arc<T>, SchemaError> {
    if let Some(schema) = cell.get() {
        return Ok(Arc::clone(schema));
    }
    let parsed = serde_json::from_str(text).map_err(|source| SchemaError { file, source })?;
    Ok(Arc::clone(cell.get_or_init(|| Arc::new(parsed))))
}

/// `skip_serializing_if` for flags that are off.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_off(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests;
