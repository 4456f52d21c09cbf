//! URLs of an OData service: the path to a resource and the options of a query.
//!
//! [`ResourcePath`] reads and prints the path below the service root, [`KeyPredicate`] the keys
//! in it, [`QueryOptions`] what follows the question mark; [`RequestUrl`] is all of it, given as
//! an absolute, a host-relative or a service-relative URL.

mod apply;
mod encoding;
mod key;
mod options;
mod path;
mod request;
mod search;
mod split;

pub use apply::{Aggregate, Apply, Computed, Grouping, Transformation};
pub use encoding::{decode_path, decode_query, encode_path, encode_query};
pub(crate) use key::read_key;
pub use key::{KeyPredicate, KeyValue};
use options::orderby_list;
pub use options::{ExpandItem, OptionNames, OrderBy, QueryOptions, SelectItem};
pub use path::{Arguments, ResourcePath, ResourceSegment};
pub use request::RequestUrl;
pub use search::Search;
