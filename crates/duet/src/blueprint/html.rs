//! The blueprint as one page that needs nothing from outside: no script, no font, no picture.
//!
//! It reads on paper and on a screen, light or dark as the reader's system is, and by ear: one
//! heading a section, captions and header cells, and the drawing said again as a table.

use super::content::{Blueprint, Entry};
use super::graph;
use super::markdown::{companies, direction, master, values, volume};
use duet_map::side::Side;
use std::fmt::Write as _;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1a1d21;--paper:#fff;--soft:#f3f5f7;--line:#c4cad1;--link:#0b57d0}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--paper:#16181b;--soft:#202327;--line:#4a5058;--link:#8ab4f8}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:75rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
a{color:var(--link)}
h1{margin-top:0}
h2{margin-top:2.5rem;border-top:1px solid var(--line);padding-top:1rem;overflow-wrap:anywhere}
.scroll{overflow-x:auto}
table{border-collapse:collapse;margin:1rem 0;width:100%}
caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{border:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
thead th{background:var(--soft)}
thead th,td.number{overflow-wrap:normal}
td.number{text-align:right;font-variant-numeric:tabular-nums}
code{font-family:ui-monospace,monospace;font-size:.9em}
svg{display:block}
svg text{font:11px system-ui,sans-serif;fill:var(--ink)}
svg .node{fill:var(--soft);stroke:var(--line)}
svg a:focus .node,svg a:hover .node{stroke:var(--link);stroke-width:2}
svg .edge{fill:none;stroke:var(--line);stroke-width:1.2}
@media print{body{max-width:none;padding:0;font-size:10pt}.scroll{overflow:visible}svg{width:100%;height:auto}section{break-inside:avoid-page}a{color:inherit;text-decoration:none}}
";

/// A text in HTML.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter if letter.is_control() && letter != '\n' => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

/// Writes the whole page.
pub fn render(blueprint: &Blueprint) -> String {
    let title = format!("Data blueprint: {}", blueprint.name);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{0}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{0}</h1>\n",
        escape(&title)
    );
    // Writing into a string cannot fail.
    let owner = blueprint.owner.as_deref().unwrap_or("nobody named");
    facts(
        &mut page,
        "The project",
        &[
            ("Owner", escape(owner)),
            ("Environment", escape(&blueprint.environment)),
            ("Left", escape(&blueprint.systems.left)),
            ("Right", escape(&blueprint.systems.right)),
            ("Companies", escape(&companies(blueprint))),
            ("Maps", blueprint.maps.len().to_string()),
        ],
    );
    if blueprint.connected {
        dependencies(&mut page, blueprint);
    } else {
        page.push_str("<p>No system was asked: there are no volumes, and the order is that of the files.</p>\n");
    }
    overview(&mut page, blueprint);
    for (index, entry) in blueprint.maps.iter().enumerate() {
        section(&mut page, index, entry, blueprint);
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn dependencies(page: &mut String, blueprint: &Blueprint) {
    let drawing = graph::draw(&blueprint.maps);
    let _ = write!(
        page,
        "<h2 id=\"graph\">Dependencies</h2>\n<p>A map stands to the right of those whose records it \
         refers to. Where a reference follows from others it is not drawn; the table below has them \
         all.</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-labelledby=\"graph\">\n{}</div>\n",
        drawing.svg
    );
    if !drawing.alone.is_empty() {
        let links: Vec<String> = drawing
            .alone
            .iter()
            .map(|map| {
                let name = escape(&blueprint.maps[*map].map);
                format!("<a href=\"#map-{map}\">{name}</a>")
            })
            .collect();
        let _ = writeln!(page, "<p>Tied to no other: {}.</p>", links.join(", "));
    }
}

fn facts(page: &mut String, caption: &str, rows: &[(&str, String)]) {
    let _ = writeln!(
        page,
        "<table>\n<caption>{}</caption>\n<tbody>",
        escape(caption)
    );
    for (name, value) in rows {
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"
        );
    }
    page.push_str("</tbody>\n</table>\n");
}

fn overview(page: &mut String, blueprint: &Blueprint) {
    page.push_str(
        "<h2>Order and volumes</h2>\n<div class=\"scroll\">\n<table>\n<caption>Maps, whatever is needed first</caption>\n\
         <thead><tr><th scope=\"col\">No.</th><th scope=\"col\">Map</th><th scope=\"col\">Direction</th>\
         <th scope=\"col\">Left rows</th><th scope=\"col\">Right rows</th><th scope=\"col\">After</th></tr></thead>\n<tbody>\n",
    );
    for (index, entry) in blueprint.maps.iter().enumerate() {
        let after: Vec<String> = entry
            .needs
            .iter()
            .map(|need| format!("<a href=\"#map-{need}\">{}</a>", need + 1))
            .collect();
        let _ = writeln!(
            page,
            "<tr><td class=\"number\">{}</td><th scope=\"row\"><a href=\"#map-{index}\">{}</a></th><td>{}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>",
            index + 1,
            escape(&entry.map),
            escape(&direction(entry, blueprint)),
            volume(&entry.ends.left),
            volume(&entry.ends.right),
            after.join(", ")
        );
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
}

fn section(page: &mut String, index: usize, entry: &Entry, blueprint: &Blueprint) {
    let _ = write!(
        page,
        "<section aria-labelledby=\"map-{index}\">\n<h2 id=\"map-{index}\">{}. {}</h2>\n<p>{}</p>\n",
        index + 1,
        escape(&entry.map),
        escape(&entry.why)
    );
    let end = |side: Side| {
        let end = &entry.ends[side];
        let filter = end.filter.as_ref().map_or_else(
            || "every row".to_owned(),
            |filter| format!("rows with <code>{}</code>", escape(filter)),
        );
        format!(
            "<code>{}</code>, {filter} ({})",
            escape(&end.table),
            volume(end)
        )
    };
    let mut rows = vec![
        ("Left", end(Side::Left)),
        ("Right", end(Side::Right)),
        ("Direction", escape(&direction(entry, blueprint))),
        (
            "Key",
            format!("<code>{}</code>", escape(&entry.key.join(", "))),
        ),
        ("Company", entry.company.to_owned()),
        ("Master", escape(master(entry, blueprint))),
        ("Conflicts", entry.conflicts.to_owned()),
        ("Deletions", entry.deletes.to_owned()),
        ("Version", escape(&entry.version)),
    ];
    if !entry.circular.is_empty() {
        rows.push(("Circular", escape(&entry.circular.join(", "))));
    }
    facts(page, "Rules", &rows);
    page.push_str(
        "<table>\n<caption>Fields</caption>\n<thead><tr><th scope=\"col\">Field</th>\
         <th scope=\"col\">Values</th></tr></thead>\n<tbody>\n",
    );
    for field in &entry.fields {
        let _ = writeln!(
            page,
            "<tr><td><code>{}</code></td><td>{}</td></tr>",
            escape(&field.line),
            escape(&values(&field.values))
        );
    }
    page.push_str("</tbody>\n</table>\n");
    if !entry.assumed.is_empty() {
        page.push_str("<h3>Assumed</h3>\n<ul>\n");
        for note in &entry.assumed {
            let _ = writeln!(page, "<li>{}</li>", escape(note));
        }
        page.push_str("</ul>\n");
    }
    page.push_str("</section>\n");
}

#[cfg(test)]
mod tests {
    use super::super::markdown;
    use super::*;
    use crate::blueprint::content::{End, Line};
    use crate::volumes::Volume;
    use duet_map::side::PerSide;

    fn entry(map: &str, needs: Vec<usize>) -> Entry {
        let end = |table: &str, filter: Option<&str>, rows| End {
            table: table.to_owned(),
            filter: filter.map(str::to_owned),
            volume: Some(Volume {
                rows,
                ..Volume::default()
            }),
        };
        Entry {
            map: map.to_owned(),
            version: "1.0.0".to_owned(),
            why: "Sales & finance <agree>.".to_owned(),
            direction: "=",
            ends: PerSide {
                left: end("CustomersV3", Some("(A == \"x\") || (B == \"y\")"), 12),
                right: end("accounts", None, 7),
            },
            company: "per-company",
            key: vec!["ID = id".to_owned()],
            master: Side::Left,
            deletes: "propagate",
            conflicts: "master",
            fields: vec![Line {
                line: "FLAG >< flag".to_owned(),
                values: vec![("no".to_owned(), "False".to_owned())],
            }],
            needs,
            circular: Vec::new(),
            assumed: vec!["key: a guess".to_owned()],
        }
    }

    fn blueprint() -> Blueprint {
        Blueprint {
            name: "contoso".to_owned(),
            owner: Some("Ada".to_owned()),
            environment: "test".to_owned(),
            systems: PerSide {
                left: "Finance & Operations".to_owned(),
                right: "Dataverse".to_owned(),
            },
            companies: vec!["usmf".to_owned()],
            connected: true,
            maps: vec![
                entry("groups", vec![]),
                entry("terms", vec![]),
                entry("customers", vec![0, 1]),
                entry("orders", vec![0, 2]),
            ],
        }
    }

    #[test]
    fn the_markdown_says_everything() {
        let text = markdown::render(&blueprint());
        for line in [
            "# Data blueprint: contoso",
            "| owner | Ada |",
            "| 3 | customers | both ways | 12 | 7 | 1, 2 |",
            "Sales & finance \\<agree\\>.",
            "| left | `CustomersV3`, rows with `(A == \"x\") \\|\\| (B == \"y\")` (12) |",
            "| right | `accounts`, every row (7) |",
            "| master | Finance & Operations |",
            "| `FLAG >< flag` | no ↔ False |",
            "- key: a guess",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn the_page_stands_alone_and_its_elements_close() {
        let page = render(&blueprint());
        for outside in ["<script", "http://", "https://", "<link", "<img", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("Sales &amp; finance &lt;agree&gt;."));
        // Every link within the page leads somewhere, and every element is closed: it is XML but for
        // its doctype and two void elements.
        for (at, _) in page.match_indices("href=\"#") {
            let id = page[at + 7..].split('"').next().unwrap();
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        }
        let body = &page[page.find("<body>").unwrap()..page.find("</html>").unwrap()];
        let mut reader = quick_xml::Reader::from_str(body);
        while reader.read_event().unwrap() != quick_xml::events::Event::Eof {}
    }

    #[test]
    fn a_map_stands_in_a_layer_behind_what_it_needs() {
        assert_eq!(graph::layers(&blueprint().maps), [0, 0, 1, 2]);
        let svg = graph::draw(&blueprint().maps[..3]).svg;
        assert_eq!(svg.matches("class=\"edge\"").count(), 2);
        assert_eq!(svg.matches("class=\"node\"").count(), 3);
        // The second layer begins one box and one gap further to the right, half a box down.
        assert!(svg.contains("x=\"365\" y=\"31\""), "{svg}");
    }

    #[test]
    fn what_follows_from_other_needs_is_not_drawn_and_nor_is_what_is_tied_to_nothing() {
        let mut maps = blueprint().maps;
        maps.push(entry("notes", vec![]));
        let drawing = graph::draw(&maps);
        // Orders need groups, but so do the customers that they need.
        assert_eq!(drawing.svg.matches("class=\"edge\"").count(), 3);
        assert_eq!(drawing.svg.matches("class=\"node\"").count(), 4);
        assert_eq!(drawing.alone, [4]);
    }
}
