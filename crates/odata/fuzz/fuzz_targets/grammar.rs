//! Rules: no panic and no endless work.
#![no_main]

use duet_odata::grammar::parse_rule;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for rule in ["odataUri", "commonExpr", "queryOptions", "contextFragment", "primitiveLiteral"] {
        if let Err(error) = parse_rule(rule, text) {
            assert!(error.offset <= text.len());
        }
    }
});
