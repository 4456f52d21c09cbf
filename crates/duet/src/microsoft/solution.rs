//! Maps as an unmanaged solution: a zip with `solution.xml`, `customizations.xml` and
//! `[Content_Types].xml`.
//!
//! The frame is that of every solution. How a solution holds the rows of this very table is not
//! published; they stand as elements with their columns as children, as other tables' rows do, and
//! as [`super::sources`] reads them.

use super::rows::{ID, Row};
use crate::failure::Failure;
use crate::stand_ins::unwritable;
use quick_xml::escape::escape;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::Path;
use zip::write::SimpleFileOptions;

/// The unique name of the solution and the prefix of its publisher.
const NAME: &str = "DuetMaps";
const PREFIX: &str = "duet";

/// Writes the solution.
pub fn write(path: &Path, rows: &[Row]) -> Result<(), Failure> {
    let bytes =
        archive(rows).map_err(|error| Failure::bug("the solution cannot be packed", &error))?;
    std::fs::write(path, bytes).map_err(|error| unwritable(path, &error))
}

fn archive(rows: &[Row]) -> Result<Vec<u8>, zip::result::ZipError> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    // The same maps make the same file, whenever they are packed.
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    for (name, text) in [
        ("[Content_Types].xml", content_types()),
        ("solution.xml", manifest(rows)),
        ("customizations.xml", customizations(rows)),
    ] {
        writer.start_file(name, options)?;
        writer.write_all(text.as_bytes())?;
    }
    Ok(writer.finish()?.into_inner())
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

fn content_types() -> String {
    format!(
        "{HEAD}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"xml\" ContentType=\"application/octet-stream\" /></Types>\n"
    )
}

fn manifest(rows: &[Row]) -> String {
    let mut roots = String::new();
    for row in rows {
        let _ = writeln!(
            roots,
            "      <RootComponent schemaName=\"msdyn_dualwriteentitymap\" id=\"{{{}}}\" behavior=\"0\" />",
            row.id
        );
    }
    let names = |name: &str| {
        format!(
            "<LocalizedNames><LocalizedName description=\"{name}\" languagecode=\"1033\" />\
             </LocalizedNames>"
        )
    };
    format!(
        "{HEAD}<ImportExportXml version=\"9.2.0.0\" SolutionPackageVersion=\"9.2\" \
         languagecode=\"1033\" generatedBy=\"OnPremise\">\n  <SolutionManifest>\n    \
         <UniqueName>{NAME}</UniqueName>\n    {}\n    <Descriptions />\n    \
         <Version>1.0.0.0</Version>\n    <Managed>0</Managed>\n    <Publisher>\n      \
         <UniqueName>{PREFIX}</UniqueName>\n      {}\n      <Descriptions />\n      \
         <CustomizationPrefix>{PREFIX}</CustomizationPrefix>\n      \
         <CustomizationOptionValuePrefix>10000</CustomizationOptionValuePrefix>\n    \
         </Publisher>\n    <RootComponents>\n{roots}    </RootComponents>\n    \
         <MissingDependencies />\n  </SolutionManifest>\n</ImportExportXml>\n",
        names("Maps of Duet"),
        names("Duet"),
    )
}

fn customizations(rows: &[Row]) -> String {
    let mut out = format!(
        "{HEAD}<ImportExportXml>\n  <Entities />\n  <Roles />\n  <Workflows />\n  \
         <FieldSecurityProfiles />\n  <Templates />\n  <EntityMaps />\n  \
         <EntityRelationships />\n  <OrganizationSettings />\n  <optionsets />\n  \
         <CustomControls />\n  <msdyn_dualwriteentitymaps>\n"
    );
    for row in rows {
        let _ = writeln!(out, "    <msdyn_dualwriteentitymap {ID}=\"{}\">", row.id);
        for (column, text) in row.columns() {
            let _ = writeln!(out, "      <{column}>{}</{column}>", escape(&text));
        }
        out.push_str("    </msdyn_dualwriteentitymap>\n");
    }
    out.push_str(
        "  </msdyn_dualwriteentitymaps>\n  <Languages>\n    <Language>1033</Language>\n  \
         </Languages>\n</ImportExportXml>\n",
    );
    out
}
