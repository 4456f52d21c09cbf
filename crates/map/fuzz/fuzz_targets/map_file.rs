//! Map files: no panic, and the canonical form means the same and is its own canonical form.
#![no_main]

use duet_map::MapFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(file) = MapFile::parse(text, "map.yaml") else {
        return;
    };
    let formatted = MapFile::format(text, "map.yaml").expect("what is read is formatted");
    let again = MapFile::parse(&formatted, "map.yaml").expect("the canonical form is read");
    assert_eq!(again, file);
    let twice = MapFile::format(&formatted, "map.yaml").expect("it is formatted again");
    assert_eq!(twice, formatted);
});
