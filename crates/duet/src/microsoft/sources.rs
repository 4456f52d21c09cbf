//! Files that hold map documents: JSON, XML of an exported solution, the solution itself (a zip),
//! and folders of those.
//!
//! An exported solution keeps each map as an element of `customizations.xml` or of a file of its
//! own, with the columns as elements; data packages keep columns as `field` elements. Neither is
//! documented for maps, so any element that holds a column `msdyn_mapping` counts as a row.

use super::{Gathered, codes};
use crate::exit::Exit;
use crate::failure::Failure;
use duet_map::codes as document_codes;
use duet_map::microsoft::find;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value as Json};
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

/// The column that holds a map's document.
const MAPPING: &str = "msdyn_mapping";

/// More than any solution holds in one file, and little enough to keep in memory.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Deeper than any solution nests its folders.
const MAX_DEPTH: usize = 16;

/// Reads a file or folder. It is an error when no map is in it.
pub fn gather(path: &Path) -> Result<Gathered, Failure> {
    let mut gathered = Gathered::default();
    let name = path.display().to_string();
    if path.is_dir() {
        folder(path, &mut gathered, 0)?;
    } else {
        let bytes = fs::read(path).map_err(|error| unreadable(&name, &error.to_string()))?;
        content(&bytes, &name, &mut gathered, true)?;
    }
    if gathered.found.is_empty() && gathered.findings.is_empty() {
        gathered.findings = find("{}", &name).1;
    }
    Ok(gathered)
}

fn folder(path: &Path, gathered: &mut Gathered, depth: usize) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| unreadable(&path.display().to_string(), &error.to_string());
    let mut entries: Vec<_> = fs::read_dir(path)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            if depth < MAX_DEPTH {
                folder(&entry, gathered, depth + 1)?;
            }
        } else if may_hold_maps(&entry.to_string_lossy()) {
            let name = entry.display().to_string();
            let bytes = fs::read(&entry).map_err(|error| unreadable(&name, &error.to_string()))?;
            content(&bytes, &name, gathered, false)?;
        }
    }
    Ok(())
}

/// Whether a file among many is worth a look, by its name.
fn may_hold_maps(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default();
    ["json", "xml", "zip"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

/// Reads a file by what is in it. `alone`: the user named this very file, so that whatever is
/// wrong with it is told; a file among others may be something else.
fn content(bytes: &[u8], name: &str, gathered: &mut Gathered, alone: bool) -> Result<(), Failure> {
    if bytes.starts_with(b"PK\x03\x04") {
        return archive(bytes, name, gathered);
    }
    let Some(text) = text(bytes) else {
        return if alone {
            Err(unreadable(name, "it is neither text nor a zip file"))
        } else {
            Ok(())
        };
    };
    if text.trim_start().starts_with('<') {
        match rows(&text) {
            Ok(rows) => {
                for row in rows {
                    let (found, findings) = find(&Json::Object(row).to_string(), name);
                    gathered.found.extend(found);
                    gathered.findings.extend(findings);
                }
            }
            Err(error) if alone => return Err(unreadable(name, &error)),
            Err(_) => {}
        }
        return Ok(());
    }
    let (found, findings) = find(&text, name);
    let other_file = found.is_empty() && !alone && !text.contains(MAPPING);
    let empty = findings
        .iter()
        .all(|finding| finding.code == document_codes::NO_MICROSOFT_MAP);
    if !(other_file || found.is_empty() && empty && !alone) {
        gathered.findings.extend(findings);
    }
    gathered.found.extend(found);
    Ok(())
}

/// UTF-8, or UTF-16 as tools of Windows write it.
fn text(bytes: &[u8]) -> Option<String> {
    let wide = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..]
            .chunks_exact(2)
            .map(|pair| of([pair[0], pair[1]]))
            .collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => {
            let text = std::str::from_utf8(bytes).ok()?;
            Some(text.trim_start_matches('\u{feff}').to_owned())
        }
    }
}

fn archive(bytes: &[u8], name: &str, gathered: &mut Gathered) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| unreadable(name, &error.to_string());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| failed(&error))?;
    let mut budget = MOST_BYTES;
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|error| failed(&error))?;
        let inner = file.name().map_err(|error| failed(&error))?.into_owned();
        if !file.is_file() || !may_hold_maps(&inner) {
            continue;
        }
        let mut bytes = Vec::new();
        // A small file can unpack to any size; what it says of itself is no promise.
        let read = file
            .take(budget + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| failed(&error))?;
        budget = budget
            .checked_sub(read as u64)
            .ok_or_else(|| failed(&"it unpacks to more than 256 MB"))?;
        content(&bytes, &format!("{name}/{inner}"), gathered, false)?;
    }
    Ok(())
}

/// An element whose end has not come yet.
#[derive(Default)]
struct Open {
    name: String,
    /// Its own attributes, and its children that are plain texts.
    columns: Map<String, Json>,
    text: String,
    has_children: bool,
}

/// The elements that hold a map, as rows.
fn rows(xml: &str) -> Result<Vec<Map<String, Json>>, String> {
    let mut reader = Reader::from_str(xml);
    let mut open: Vec<Open> = Vec::new();
    let mut rows = Vec::new();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| format!("at byte {}: {error}", reader.error_position()))?;
        match event {
            Event::Start(start) => open.push(begin(&start)?),
            Event::Empty(start) => {
                open.push(begin(&start)?);
                close(&mut open, &mut rows);
            }
            Event::End(_) => close(&mut open, &mut rows),
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let resolved = reference
                    .resolve_char_ref()
                    .map_err(|error| error.to_string())?
                    .map(String::from)
                    .or_else(|| resolve_predefined_entity(&reference).map(str::to_owned));
                if let (Some(element), Some(resolved)) = (open.last_mut(), resolved) {
                    element.text.push_str(&resolved);
                }
            }
            Event::Eof => return Ok(rows),
            _ => {}
        }
    }
}

fn begin(start: &BytesStart<'_>) -> Result<Open, String> {
    let mut columns = Map::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value =
            quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?;
        columns.insert(
            attribute.key.as_ref().to_owned(),
            Json::from(value.into_owned()),
        );
    }
    Ok(Open {
        name: start.local_name().as_ref().to_owned(),
        columns,
        ..Open::default()
    })
}

fn close(open: &mut Vec<Open>, rows: &mut Vec<Map<String, Json>>) {
    let Some(element) = open.pop() else { return };
    let column = |name: &str| element.columns.get(name).and_then(Json::as_str);
    if let Some(parent) = open.last_mut() {
        parent.has_children = true;
        match (column("name"), column("value")) {
            // A data package: <field name="msdyn_mapping" value="..."/>.
            (Some(name), Some(value)) if element.name == "field" => {
                parent.columns.insert(name.to_owned(), Json::from(value));
            }
            _ if !element.has_children => {
                let text = Json::from(element.text.as_str());
                parent.columns.insert(element.name.clone(), text);
            }
            _ => {}
        }
    }
    if element
        .columns
        .keys()
        .any(|name| name.eq_ignore_ascii_case(MAPPING))
    {
        rows.push(element.columns);
    }
}

fn unreadable(name: &str, reason: &str) -> Failure {
    Failure::new(
        Exit::Configuration,
        codes::SOURCE_UNREADABLE,
        format!("`{name}` cannot be read: {reason}"),
        "name a JSON file, an exported solution (zip or its folder), or take `--environment`"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const MAP: &str = r#"{"name":"m","legs":[{"sourceSchema":"Units","destinationSchema":"uoms","fieldMappings":[{"syncDirection":3,"sourceField":"A & B","destinationField":"b"}]}]}"#;

    fn customizations() -> String {
        let escaped = MAP.replace('&', "&amp;").replace('"', "&quot;");
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<ImportExportXml><Entities/>\
             <msdyn_dualwriteentitymaps>\
             <msdyn_dualwriteentitymap msdyn_dualwriteentitymapid=\"1\">\
             <msdyn_mapping>{escaped}</msdyn_mapping><msdyn_name>units</msdyn_name>\
             <msdyn_version>1.0.0.3</msdyn_version></msdyn_dualwriteentitymap>\
             <msdyn_dualwriteentitymap><msdyn_mapping><![CDATA[{MAP}]]></msdyn_mapping>\
             </msdyn_dualwriteentitymap>\
             </msdyn_dualwriteentitymaps></ImportExportXml>"
        )
    }

    fn gathered(bytes: &[u8]) -> Gathered {
        let mut gathered = Gathered::default();
        content(bytes, "f", &mut gathered, true).unwrap();
        gathered
    }

    fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            let options = zip::write::SimpleFileOptions::default();
            writer.start_file(*name, options).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_solution_is_read_with_the_columns_of_its_rows() {
        let solution = zipped(&[
            (
                "solution.xml",
                "<ImportExportXml><SolutionManifest/></ImportExportXml>",
            ),
            ("customizations.xml", &customizations()),
            ("Workflows/other.json", "{\"properties\": 1}"),
            ("msdyn_dualwriteentitymaps/x/map.json", MAP),
            ("[Content_Types].xml", "<broken"),
        ]);
        let gathered = gathered(&solution);
        assert_eq!(gathered.findings, []);
        assert_eq!(gathered.found.len(), 3);
        assert_eq!(gathered.found[0].record["msdyn_name"], "units");
        assert_eq!(gathered.found[0].version().as_deref(), Some("1.0.0.3"));
        let from = &gathered.found[0].mapping["legs"][0]["fieldMappings"][0]["sourceField"];
        assert_eq!(from, "A & B");
    }

    #[test]
    fn a_data_package_is_read_by_its_fields() {
        let escaped = MAP.replace('&', "&amp;").replace('"', "&quot;");
        let xml = format!(
            "<entities><entity name=\"msdyn_dualwriteentitymap\"><records><record id=\"1\">\
             <field name=\"msdyn_name\" value=\"units\"/>\
             <field name=\"msdyn_mapping\" value=\"{escaped}\"/></record></records></entity></entities>"
        );
        let gathered = gathered(xml.as_bytes());
        assert_eq!(gathered.found.len(), 1);
        assert_eq!(gathered.found[0].record["msdyn_name"], "units");
    }

    #[test]
    fn texts_of_windows_tools_are_read() {
        let wide: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(MAP.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        assert_eq!(gathered(&wide).found.len(), 1);
        assert_eq!(gathered(format!("\u{feff}{MAP}").as_bytes()).found.len(), 1);
    }

    #[test]
    fn what_is_no_file_of_maps_is_told() {
        for bytes in [&[0x80_u8, 0x81][..], b"<a><b></a>", b"PK\x03\x04 no zip"] {
            let failure = content(bytes, "f", &mut Gathered::default(), true).unwrap_err();
            assert_eq!(failure.findings[0].code, codes::SOURCE_UNREADABLE);
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("other.json"), "{}").unwrap();
        let gathered = gather(folder.path()).unwrap();
        assert_eq!(gathered.findings[0].code, document_codes::NO_MICROSOFT_MAP);
    }

    #[test]
    fn an_unpacked_solution_is_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("Other");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("Customizations.xml"), customizations()).unwrap();
        assert_eq!(gather(folder.path()).unwrap().found.len(), 2);
    }
}
