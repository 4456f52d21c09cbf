//! `Manifest.xml` and `PackageHeader.xml`: what a package holds and how its columns are mapped
//! (protocol reference B7).

use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

const NAMESPACE: &str = "http://schemas.microsoft.com/dynamics/2015/01/DataManagement";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What a package says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::finops) struct Manifest {
    /// The project it belongs to.
    pub(in crate::finops) project: String,
    /// Its entities.
    pub(in crate::finops) entities: Vec<ManifestEntity>,
}

/// One entity of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::finops) struct ManifestEntity {
    /// The entity's title in data management.
    pub(in crate::finops) name: String,
    /// Its data file.
    pub(in crate::finops) file: String,
    /// Columns of the file and the fields they go to. Without any, nothing is staged.
    pub(in crate::finops) columns: Vec<MappedColumn>,
    /// Exports only what changed since the last time.
    pub(in crate::finops) incremental: bool,
    /// It is left out.
    pub(in crate::finops) disabled: bool,
    /// Execution unit, level and sequence: the order in which entities are taken.
    pub(in crate::finops) order: (u32, u32, u32),
}

/// A column of a data file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::finops) struct MappedColumn {
    /// Its name in the file.
    pub(in crate::finops) column: String,
    /// The field of the entity.
    pub(in crate::finops) field: String,
}

impl Manifest {
    /// Reads `Manifest.xml`; nothing when it is no XML.
    pub(in crate::finops) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = Reader::from_reader(bytes);
        let mut buffer = Vec::new();
        let mut manifest = Self::default();
        let mut path: Vec<String> = Vec::new();
        let mut text = String::new();
        loop {
            match reader.read_event_into(&mut buffer).ok()? {
                Event::Start(start) => {
                    let name = start.local_name().as_ref().to_owned();
                    match name.as_str() {
                        "DataManagementPackageEntityData" => {
                            manifest.entities.push(ManifestEntity::default());
                        }
                        "EntityMap" => {
                            let entity = manifest.entities.last_mut()?;
                            entity.columns.push(MappedColumn::default());
                        }
                        _ => {}
                    }
                    path.push(name);
                    text.clear();
                }
                Event::Text(part) => text.push_str(&part),
                Event::GeneralRef(part) => {
                    text.push_str(&entity_text(&part));
                }
                Event::CData(part) => text.push_str(&part),
                Event::End(_) => {
                    let name = path.pop()?;
                    manifest.take(&name, path.last().map(String::as_str), text.trim());
                    text.clear();
                }
                Event::Eof => break,
                _ => {}
            }
            buffer.clear();
        }
        (path.is_empty() && !manifest.project.is_empty()).then_some(manifest)
    }

    fn take(&mut self, name: &str, parent: Option<&str>, text: &str) {
        let entity = self.entities.last_mut();
        match (parent, name, entity) {
            (_, "DefinitionGroupName", _) => text.clone_into(&mut self.project),
            (Some("EntityMap"), name, Some(entity)) => {
                let Some(column) = entity.columns.last_mut() else {
                    return;
                };
                match name {
                    "EntityField" => text.clone_into(&mut column.field),
                    "XMLField" => text.clone_into(&mut column.column),
                    _ => {}
                }
            }
            (Some("DataManagementPackageEntityData"), name, Some(entity)) => {
                let number = || text.parse().unwrap_or(1);
                match name {
                    "EntityName" => text.clone_into(&mut entity.name),
                    "InputFilePath" => text.clone_into(&mut entity.file),
                    "DefaultRefreshType" => entity.incremental = text == "IncrementalPush",
                    "Disable" => entity.disabled = matches!(text, "true" | "Yes" | "1"),
                    "ExecutionUnit" => entity.order.0 = number(),
                    "LevelInExecutionUnit" => entity.order.1 = number(),
                    "SequenceInLevel" => entity.order.2 = number(),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The text of `Manifest.xml`.
    pub(in crate::finops) fn write(&self) -> String {
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<DataManagementPackageManifest \
             xmlns:i=\"{INSTANCE}\" xmlns=\"{NAMESPACE}\">\n"
        );
        let project = escape(&self.project);
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "<DefinitionGroupName>{project}</DefinitionGroupName>\n<Description>{project}\
             </Description>\n<PackageEntityList>"
        );
        for entity in &self.entities {
            entity.write(&mut text);
        }
        text.push_str("</PackageEntityList>\n</DataManagementPackageManifest>\n");
        text
    }
}

impl ManifestEntity {
    fn write(&self, text: &mut String) {
        let refresh = if self.incremental {
            "IncrementalPush"
        } else {
            "FullPush"
        };
        let _ = writeln!(
            text,
            "<DataManagementPackageEntityData>\n<DefaultRefreshType>{refresh}\
             </DefaultRefreshType>\n<Disable>{}</Disable>\n<EntityMapList>",
            self.disabled
        );
        for (at, column) in self.columns.iter().enumerate() {
            let _ = writeln!(
                text,
                "<EntityMap><ArrayIndex>0</ArrayIndex><EntityField>{}</EntityField>\
                 <EntityFieldConversionList i:nil=\"true\"/><IsAutoDefault>false</IsAutoDefault>\
                 <IsAutoGenerated>false</IsAutoGenerated><IsDefaultValueEqualNull>false\
                 </IsDefaultValueEqualNull><SequenceNumber>{at}</SequenceNumber>\
                 <UseTextQualifier>false</UseTextQualifier><XMLField>{}</XMLField></EntityMap>",
                escape(&column.field),
                escape(&column.column)
            );
        }
        let _ = writeln!(
            text,
            "</EntityMapList>\n<EntityName>{}</EntityName>\n<ExecutionUnit>{}</ExecutionUnit>\n\
             <InputFilePath>{}</InputFilePath>\n<LevelInExecutionUnit>{}</LevelInExecutionUnit>\n\
             <SequenceInLevel>{}</SequenceInLevel>\n<SkipStaging>false</SkipStaging>\n\
             <SourceFormat>CSV-Unicode</SourceFormat>\n</DataManagementPackageEntityData>",
            escape(&self.name),
            self.order.0,
            escape(&self.file),
            self.order.1,
            self.order.2,
        );
    }
}

/// The text of `PackageHeader.xml`; its form is not published.
pub(in crate::finops) fn header(project: &str, id: uuid::Uuid) -> String {
    let project = escape(project);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<DataManagementPackageHeader \
         xmlns:i=\"{INSTANCE}\" xmlns=\"{NAMESPACE}\">\n<Description>{project}</Description>\n\
         <ManifestType>Microsoft.Dynamics.AX.Framework.Tools.DataManagement.Serialization.\
         DataManagementPackageManifest</ManifestType>\n<PackageType>DefinitionGroup</PackageType>\n\
         <PackageVersion>2</PackageVersion>\n<PackageId>{id}</PackageId>\n\
         </DataManagementPackageHeader>\n"
    )
}

fn entity_text(name: &str) -> String {
    let numeric = name.strip_prefix('#').and_then(|digits| {
        let code = match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => digits.parse().ok()?,
        };
        char::from_u32(code)
    });
    match (name, numeric) {
        (_, Some(character)) => character.to_string(),
        ("lt", _) => "<".into(),
        ("gt", _) => ">".into(),
        ("amp", _) => "&".into(),
        ("quot", _) => "\"".into(),
        ("apos", _) => "'".into(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let manifest = Manifest {
            project: "Export <1> & more".into(),
            entities: vec![ManifestEntity {
                name: "Customers V3".into(),
                file: "Customers V3.csv".into(),
                columns: vec![MappedColumn {
                    column: "CUSTOMERACCOUNT".into(),
                    field: "CUSTOMERACCOUNT".into(),
                }],
                incremental: true,
                disabled: false,
                order: (1, 2, 3),
            }],
        };
        assert_eq!(Manifest::read(manifest.write().as_bytes()), Some(manifest));
    }

    #[test]
    fn what_is_no_manifest_is_none() {
        for text in ["", "<a>", "<a></a>", "nonsense", "<EntityMap></EntityMap>"] {
            assert_eq!(Manifest::read(text.as_bytes()), None, "{text}");
        }
    }
}
