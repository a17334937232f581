//! Tokens that stand for values: keyed, so that they compare and cannot be guessed.

use hmac::{Hmac, Mac as _};
use http::HeaderValue;
use sha2::Sha256;
use std::fmt;

/// What a token begins with; every character may stand in a header, a cookie, a query and JSON.
const PREFIX: &str = "redacted-";

/// Bytes of the MAC in a token: 96 bits, which no two values share by chance.
const BYTES: usize = 12;

/// The key of all tokens; it is never shown.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// A key of any length; 32 random bytes are right.
    ///
    /// # Panics
    /// Never: an HMAC takes a key of any length.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Hmac::new_from_slice(bytes).expect("an HMAC takes a key of any length"))
    }

    /// The token of a text.
    pub(super) fn text(&self, text: &[u8]) -> String {
        self.value(b's', text)
    }

    /// The token of a value of this kind, in its canonical form. Kinds are kept apart: the number 1
    /// is not the text `1`.
    pub(super) fn value(&self, kind: u8, canonical: &[u8]) -> String {
        use fmt::Write as _;
        let mut token = PREFIX.to_owned();
        for byte in &self.mac(kind, canonical)[..BYTES] {
            let _ = write!(token, "{byte:02x}");
        }
        token
    }

    /// A digest of a whole body.
    pub(super) fn digest(&self, bytes: &[u8]) -> u64 {
        let mac = self.mac(b'd', bytes);
        u64::from_be_bytes(mac[..8].try_into().expect("a MAC has 32 bytes"))
    }

    fn mac(&self, kind: u8, bytes: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(&[kind]);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

/// The key is not shown.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// A token as the value of a header.
pub(super) fn header_value(token: String) -> HeaderValue {
    HeaderValue::try_from(token).expect("a token is made of letters, digits and a hyphen")
}
