//! JSON bodies: no panic, and what was read prints and reads back.
#![no_main]

use duet_odata::payload::{DeltaPage, Entity, ErrorBody, Page};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok(page) = Page::parse(body) {
        let _ = page.to_json();
    }
    if let Ok(page) = DeltaPage::parse(body) {
        let _ = page.to_json();
    }
    if let Ok(error) = ErrorBody::parse(body) {
        let _ = (error.best_message(), error.to_json());
    }
    if let Ok(row) = Entity::parse(body) {
        let members = row.to_json();
        assert_eq!(Entity::from_json(members.clone()).to_json(), members);
        for value in row.properties.values() {
            for name in ["Edm.Decimal", "Edm.Duration", "Edm.DateTimeOffset", "Edm.Binary", ""] {
                let _ = duet_odata::payload::from_json(value, name);
            }
        }
    }
});
