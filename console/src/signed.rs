//! A verdict's signature, ready to be served.
//!
//! It goes out in two ways: as headers of the document itself, which cannot belong to another
//! publication than the body they come with, and as a document of its own.

use bytes::Bytes;
use http::HeaderValue;
use parallax_comparator::report::Published;
use parallax_comparator::verdict::signature::SigningKey;

/// The header of a verdict that carries the signature over its body, base64 of 64 bytes.
pub const SIGNATURE_HEADER: &str = "parallax-signature";

/// Carries the name of the key that signed it.
pub(crate) const KEY_HEADER: &str = "parallax-signing-key";

/// The signature over one published document.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) signature: HeaderValue,
    pub(crate) key: HeaderValue,
    /// `parallax.signature/1`.
    pub(crate) document: Bytes,
}

impl Signed {
    /// Signs the bytes that will be served.
    pub(crate) fn new(published: &Published, key: &SigningKey) -> Self {
        let bytes = &published.verdict_json;
        let signature = key.sign(bytes);
        let described = signature.describe(&published.verdict.run, bytes, key.public());
        let header =
            |text: &str| HeaderValue::from_str(text).expect("base64 and hexadecimal are visible ASCII");
        Self {
            signature: header(&described.signature),
            key: header(&described.key),
            document: serde_json::to_vec(&described).expect("a document of texts can be written").into(),
        }
    }
}
