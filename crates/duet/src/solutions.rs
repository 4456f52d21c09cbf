//! The out-of-the-box maps, carried in the binary: a folder a package, a file a map.

static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/solutions.rs"));

/// Every map file: its path (`finance/customer-groups.yaml`) and its text.
pub fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied()
}
