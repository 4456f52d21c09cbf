//! Literals: no panic, and what was read prints and reads back.
#![no_main]

use duet_odata::Literal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(literal) = Literal::parse(text) {
        let printed = literal.to_string();
        let again = Literal::parse(&printed).expect("what is printed reads back");
        assert_eq!(again.to_string(), printed);
    }
});
