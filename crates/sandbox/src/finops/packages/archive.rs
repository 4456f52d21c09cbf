//! The zip archive of a package: manifest, header and data files.

use std::io::{Cursor, Read as _, Write as _};

use uuid::Uuid;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::manifest::{Manifest, header};

/// The largest file that is unpacked.
const LARGEST: u64 = 512 * 1024 * 1024;

/// Why a package cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::finops) enum PackageError {
    /// The bytes are no archive, or one that is broken.
    #[error("The package is not a zip archive that can be read")]
    Archive(#[from] zip::result::ZipError),
    /// A file of the archive is broken.
    #[error("The package holds a file that cannot be read")]
    File(#[from] std::io::Error),
    /// There is no manifest, or none that can be read.
    #[error("The package has no Manifest.xml that can be read")]
    Manifest,
}

/// A package, unpacked.
#[derive(Debug)]
pub(in crate::finops) struct Package {
    pub(in crate::finops) manifest: Manifest,
    files: Vec<(String, Vec<u8>)>,
}

impl Package {
    /// A package of a manifest and its data files.
    pub(in crate::finops) fn new(manifest: Manifest, files: Vec<(String, Vec<u8>)>) -> Self {
        Self { manifest, files }
    }

    /// Unpacks an archive.
    pub(in crate::finops) fn unpack(bytes: &[u8]) -> Result<Self, PackageError> {
        let mut archive = ZipArchive::new(Cursor::new(bytes))?;
        let mut files = Vec::new();
        for at in 0..archive.len() {
            let file = archive.by_index(at)?;
            if !file.is_file() {
                continue;
            }
            let name = file.name()?.into_owned();
            let mut content = Vec::new();
            file.take(LARGEST).read_to_end(&mut content)?;
            files.push((name, content));
        }
        let manifest = find(&files, "Manifest.xml").and_then(Manifest::read);
        Ok(Self {
            manifest: manifest.ok_or(PackageError::Manifest)?,
            files,
        })
    }

    /// A data file, whatever folder it is in and however its name is cased.
    pub(in crate::finops) fn file(&self, name: &str) -> Option<&[u8]> {
        find(&self.files, name)
    }

    /// Packs the archive.
    pub(in crate::finops) fn pack(&self) -> Result<Vec<u8>, PackageError> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let manifest = self.manifest.write();
        let header = header(&self.manifest.project, Uuid::new_v4());
        let own = [
            ("Manifest.xml", manifest.as_bytes()),
            ("PackageHeader.xml", header.as_bytes()),
        ];
        let data = self
            .files
            .iter()
            .map(|(name, content)| (name.as_str(), content.as_slice()));
        for (name, content) in own.into_iter().chain(data) {
            archive.start_file(name, options)?;
            archive.write_all(content)?;
        }
        Ok(archive.finish()?.into_inner())
    }
}

fn find<'f>(files: &'f [(String, Vec<u8>)], name: &str) -> Option<&'f [u8]> {
    let found = files.iter().find(|(known, _)| {
        let last = known.rsplit(['/', '\\']).next().unwrap_or(known);
        last.eq_ignore_ascii_case(name) || known.eq_ignore_ascii_case(name)
    });
    found.map(|(_, content)| content.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_again() {
        let manifest = Manifest {
            project: "P".into(),
            entities: Vec::new(),
        };
        let files = vec![("A b.csv".to_owned(), b"x".to_vec())];
        let bytes = Package::new(manifest.clone(), files).pack().unwrap();
        let package = Package::unpack(&bytes).unwrap();
        assert_eq!(package.manifest, manifest);
        assert_eq!(package.file("a B.CSV"), Some(&b"x"[..]));
        assert!(package.file("PackageHeader.xml").is_some());
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(matches!(
            Package::unpack(b"no zip"),
            Err(PackageError::Archive(_))
        ));
    }
}
