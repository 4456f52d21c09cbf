//! Headers with a grammar of their own: [`Prefer`], and the entity tags of [`Condition`].

mod etag;
mod prefer;

pub use etag::{Condition, ETag};
pub use prefer::{Prefer, Return};
