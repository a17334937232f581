//! Two HTTP messages, a byte 0xff between them: any bytes compare, and equal themselves.

#![no_main]

use libfuzzer_sys::fuzz_target;
use parallax_comparator::diff::{files, message};

fuzz_target!(|bytes: &[u8]| {
    let mut messages = bytes.splitn(2, |&byte| byte == 0xff);
    let (Some(left), Some(right)) = (messages.next(), messages.next()) else { return };
    let document = files(left, right, "message/http", &[]).expect("no rules can be wrong");
    assert_eq!(document.equal, document.differences.is_empty());
    assert!(files(left, left, "message/http", &[]).expect("no rules can be wrong").equal);
    if let Ok(response) = message::response(left) {
        assert!(!response.body.is_cut());
    }
});
