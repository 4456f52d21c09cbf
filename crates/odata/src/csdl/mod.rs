//! CSDL: the model that a service describes in its `$metadata`.
//!
//! [`Model::read`] reads EDMX (CSDL XML), [`Model::to_xml`] writes it, [`Model::from_json`] reads
//! CSDL JSON. For documents of tens of
//! megabytes [`SchemaItems`] hands out one type at a time and keeps none. Annotations whose
//! value is an expression are kept as trees of elements, so that nothing is lost on the way.

mod annotation;
mod json;
mod model;
mod node;
mod read;
mod write;

pub use annotation::Annotation;
pub use model::{
    ActionImport, ComplexType, EntityContainer, EntitySet, EntityType, EnumMember, EnumType,
    FunctionImport, MaxLength, Model, NavigationProperty, Operation, OperationKind, Parameter,
    Property, Reference, Scale, Schema, Singleton, Term, TypeDefinition, TypeRef,
};
pub use node::Node;
pub use read::{SchemaItem, SchemaItems};

/// Why a document is not a model.
#[derive(Debug, thiserror::Error)]
pub enum CsdlError {
    /// The bytes cannot be had or are not XML.
    #[error("the metadata cannot be read after byte {offset}")]
    Xml {
        /// Bytes from the start of the document.
        offset: u64,
        /// The cause.
        #[source]
        source: quick_xml::Error,
    },
    /// The XML is not a model.
    #[error("the metadata is not a model near byte {offset}: {what}")]
    Shape {
        /// Bytes from the start of the document.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}
