//! The stable codes of this crate's errors. Each has a page under `docs/errors`.

use duet_map::diagnostic::Code;

/// No connection could be made.
pub const UNREACHABLE: Code = Code(3001);
/// No answer came in time.
pub const TIMED_OUT: Code = Code(3002);
/// The connection broke before the whole answer was here.
pub const LOST: Code = Code(3003);
/// The service answers 500, 502, 503 or 504.
pub const UNAVAILABLE: Code = Code(3004);
/// The service asks for patience (429).
pub const THROTTLED: Code = Code(3005);
/// The answer is not what the protocol promises.
pub const UNEXPECTED: Code = Code(3006);
/// The connection's configuration cannot be used.
pub const CONFIGURATION: Code = Code(3007);
/// The service refuses a request for a reason that Duet does not know.
pub const REFUSED: Code = Code(3008);
/// A single request is too large for the service.
pub const TOO_LARGE: Code = Code(3009);

/// The sign-in service refuses the credentials.
pub const SIGN_IN_REFUSED: Code = Code(3010);
/// What answers at the sign-in URL is no token service.
pub const SIGN_IN_UNREADABLE: Code = Code(3011);
/// The system does not accept the token (401).
pub const UNAUTHORIZED: Code = Code(3012);
/// The application lacks a privilege (403).
pub const FORBIDDEN: Code = Code(3013);

/// There is no table of this name.
pub const NO_TABLE: Code = Code(3020);
/// There is no column of this name, or it cannot be used in this way.
pub const NO_COLUMN: Code = Code(3021);
/// The value's kind does not fit the column.
pub const WRONG_KIND: Code = Code(3022);
/// A lookup path cannot be followed.
pub const BAD_PATH: Code = Code(3023);
/// The table does not track changes.
pub const NOT_TRACKED: Code = Code(3024);
/// The table does not check versions.
pub const NO_VERSIONS: Code = Code(3025);
/// The columns of an alternate key are not those of any key.
pub const NO_KEY: Code = Code(3026);

/// The record is not there.
pub const GONE: Code = Code(3030);
/// A record with this key is there already.
pub const DUPLICATE: Code = Code(3031);
/// The record's version has moved.
pub const MOVED: Code = Code(3032);
/// The change cursor is too old.
pub const CURSOR_EXPIRED: Code = Code(3033);
/// The change cursor is not one of this connector.
pub const CURSOR_UNREADABLE: Code = Code(3034);
/// A record identifier is not one of this table.
pub const BAD_ID: Code = Code(3035);

/// Text is longer than the column takes.
pub const TOO_LONG: Code = Code(3040);
/// A number or date is outside the column's range.
pub const OUT_OF_RANGE: Code = Code(3041);
/// A value is not one of the column's options.
pub const NO_OPTION: Code = Code(3042);
/// A required column is empty.
pub const REQUIRED: Code = Code(3043);
/// The system's business logic refuses the record.
pub const VALIDATION: Code = Code(3044);
/// A record that this one refers to is not there.
pub const NO_REFERENCE: Code = Code(3045);
/// The record is in use by others and cannot be deleted.
pub const IN_USE: Code = Code(3046);
/// The system stopped a chain of its own plug-ins.
pub const LOOP: Code = Code(3047);

/// The body of a webhook is not of a known form.
pub const NOTICE_UNREADABLE: Code = Code(3050);

/// The service takes no batches.
pub const NO_BATCH: Code = Code(3060);
/// The service cannot tell what changed in a table.
pub const NO_CHANGES: Code = Code(3061);
/// The service repeats a page or leaves the order that was asked for.
pub const PAGES: Code = Code(3062);
/// The service demands a version with every write (428).
pub const VERSION_DEMANDED: Code = Code(3063);
/// The service does not allow this kind of write for a table.
pub const NOT_ALLOWED: Code = Code(3064);
/// The service's metadata does not describe what it says is there.
pub const METADATA: Code = Code(3065);
/// A table's key cannot be worked with.
pub const BAD_KEY: Code = Code(3066);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_code_stands_once_and_has_a_page() {
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let numbers: Vec<&str> = include_str!("codes.rs")
            .split("= Code(")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
            .map(|(number, _)| number)
            .filter(|number| number.parse::<u16>().is_ok())
            .collect();
        assert!(numbers.len() > 30);
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
        for number in numbers {
            let page = pages.join(format!("DUET{number}.md"));
            let text = std::fs::read_to_string(&page).unwrap();
            assert!(text.starts_with(&format!("# DUET{number}: ")), "{number}");
            assert!(text.contains("## What to do"), "{number}");
        }
    }
}
