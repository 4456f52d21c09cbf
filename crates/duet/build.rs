//! Lists the files that the binary carries: the pages of error codes and the out-of-the-box maps.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default())
        .join("../..")
        .canonicalize()?;
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    table(&root.join("docs/errors"), "md", &out.join("error_pages.rs"))?;
    table(&root.join("solutions"), "yaml", &out.join("solutions.rs"))
}

/// Writes a Rust array of (path inside the folder, text of the file), sorted by path.
fn table(folder: &Path, ending: &str, target: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    collect(folder, ending, &mut files)?;
    files.sort();
    let mut code = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(folder).map_err(io::Error::other)?;
        let name: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
        // Writing into a string cannot fail.
        let _ = writeln!(
            code,
            "    ({:?}, include_str!({:?})),",
            name.join("/"),
            file.display().to_string()
        );
    }
    code.push_str("]\n");
    fs::write(target, code)
}

fn collect(folder: &Path, ending: &str, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&path, ending, files)?;
        } else if path.extension().is_some_and(|found| found == ending) {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}
