//! URLs: no panic, and what was read prints and reads back.
#![no_main]

use duet_odata::url::{OptionNames, RequestUrl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = RequestUrl::parse(text, "/data", OptionNames::Relaxed);
    if let Ok(request) = RequestUrl::parse(text, "", OptionNames::Exact) {
        let printed = request.options.to_string();
        let again = duet_odata::url::QueryOptions::parse(&printed, OptionNames::Exact)
            .expect("what is printed reads back");
        assert_eq!(again.to_string(), printed);
    }
});
