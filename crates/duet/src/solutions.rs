//! The out-of-the-box maps, carried in the binary: a folder a package, a file a map and a manifest.

static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/solutions.rs"));

/// Every file: its path (`finance/customer-groups.yaml`, `finance/package.yaml`) and its text.
pub fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied()
}

/// Every map among [`files`], manifests and examples left out.
pub fn maps() -> impl Iterator<Item = (&'static str, &'static str)> {
    files().filter(|(name, _)| !name.ends_with("/package.yaml") && !name.ends_with(".test.yaml"))
}

/// The files of one package, by their names in its folder.
pub fn files_of(package: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    files().filter_map(move |(path, text)| {
        let (folder, file) = path.split_once('/')?;
        (folder == package).then_some((file, text))
    })
}
