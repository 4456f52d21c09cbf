//! Batches: no panic, and what was read encodes and decodes as itself.
#![no_main]

use duet_odata::batch::{BatchRequest, BatchResponse};
use libfuzzer_sys::fuzz_target;

const CONTENT_TYPE: &str = "multipart/mixed; boundary=b";

fuzz_target!(|body: &[u8]| {
    if let Ok(batch) = BatchRequest::decode(CONTENT_TYPE, body) {
        let encoded = batch.encode("1");
        BatchRequest::decode(&encoded.content_type, &encoded.body)
            .expect("what is encoded decodes");
    }
    if let Ok(batch) = BatchResponse::decode(CONTENT_TYPE, body) {
        let encoded = batch.encode("1");
        BatchResponse::decode(&encoded.content_type, &encoded.body)
            .expect("what is encoded decodes");
    }
});
