//! Headers: no panic, and what was read prints and reads back.
#![no_main]

use duet_odata::headers::{Condition, Prefer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let prefer = Prefer::parse(text);
    let _ = prefer.includes_annotation("Ns.Term");
    let _ = Prefer::parse(&prefer.to_string());
    if let Ok(Some(condition)) = Condition::parse(text) {
        let printed = condition.to_string();
        assert!(Condition::parse(&printed).is_ok());
    }
});
