//! Detached ed25519 signatures over verdict documents.
//!
//! A deployment step that runs hours after the verdict, in another network, has a file and no console
//! to ask. A signature lets it check that the file is what the console served: one changed byte, and
//! it no longer holds. What is signed is the document byte for byte as it was served, without a
//! wrapper and without canonical forms, so that any tool can check it (`docs/signatures.md`).
//!
//! Keys are the usual files: a private key is PKCS#8 in PEM, a public key is SPKI in PEM, both as
//! `openssl genpkey -algorithm ed25519` writes and reads them. Signing is deterministic (RFC 8032).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes,
};
use ed25519_dalek::{Signer as _, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The `schema` of a signature's own document.
pub const SCHEMA: &str = "parallax.signature/1";

/// What cannot be read as a key or as a signature.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The private key.
    #[error(
        "the private key is no ed25519 key in PKCS#8 PEM ({0}); make one with \
         `parallax verdict keygen` or `openssl genpkey -algorithm ed25519`"
    )]
    PrivateKey(String),
    /// The public key.
    #[error(
        "the public key is no ed25519 key in SPKI PEM ({0}); `openssl pkey -in PRIVATE -pubout` prints \
         the one that belongs to a private key"
    )]
    PublicKey(String),
    /// The signature.
    #[error("the signature is neither 64 bytes, nor their base64, nor a {SCHEMA} document")]
    Form,
}

/// A private key.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    public: PublicKey,
}

/// A public key and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    id: String,
}

/// 64 bytes; shown as base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// A signature as a document of its own, `parallax.signature/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureDocument {
    /// `parallax.signature/1`.
    pub schema: String,
    /// The run whose verdict is signed.
    pub run: String,
    /// `sha256:` of the signed bytes: which publication of the verdict this belongs to.
    pub document: String,
    /// `ed25519`.
    pub algorithm: String,
    /// The key's name: `sha256:` of its SPKI in DER.
    pub key: String,
    /// The signature, base64.
    pub signature: String,
}

impl SigningKey {
    /// The key with this secret, 32 bytes of randomness.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(secret);
        let public = PublicKey::new(key.verifying_key());
        Self { key, public }
    }

    /// Reads a private key in PKCS#8 PEM.
    ///
    /// # Errors
    /// [`SignatureError::PrivateKey`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, SignatureError> {
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem)
            .map_err(|error| SignatureError::PrivateKey(error.to_string()))?;
        let public = PublicKey::new(key.verifying_key());
        Ok(Self { key, public })
    }

    /// The key in PKCS#8 PEM.
    ///
    /// # Errors
    /// [`SignatureError::PrivateKey`] should the encoder refuse, which it never does for 32 bytes.
    pub fn to_pem(&self) -> Result<String, SignatureError> {
        // Without the public half: that is PKCS#8 version 1, the only one that every OpenSSL reads.
        let bytes = KeypairBytes { secret_key: self.key.to_bytes(), public_key: None };
        let pem = bytes.to_pkcs8_pem(LineEnding::LF);
        pem.map(|pem| pem.to_string()).map_err(|error| SignatureError::PrivateKey(error.to_string()))
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs these bytes.
    #[must_use]
    pub fn sign(&self, document: &[u8]) -> Signature {
        Signature(self.key.sign(document).to_bytes())
    }
}

/// The secret is not shown.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public.id).finish_non_exhaustive()
    }
}

impl PublicKey {
    fn new(key: VerifyingKey) -> Self {
        // The encoding of 32 bytes cannot fail; an empty name would still compare unequal to others.
        let der = key.to_public_key_der().map(|der| der.as_bytes().to_vec()).unwrap_or_default();
        Self { key, id: sha256(&der) }
    }

    /// Reads a public key in SPKI PEM.
    ///
    /// # Errors
    /// [`SignatureError::PublicKey`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, SignatureError> {
        VerifyingKey::from_public_key_pem(pem)
            .map(Self::new)
            .map_err(|error| SignatureError::PublicKey(error.to_string()))
    }

    /// The key in SPKI PEM.
    ///
    /// # Errors
    /// [`SignatureError::PublicKey`] should the encoder refuse, which it never does for 32 bytes.
    pub fn to_pem(&self) -> Result<String, SignatureError> {
        self.key
            .to_public_key_pem(LineEnding::LF)
            .map_err(|error| SignatureError::PublicKey(error.to_string()))
    }

    /// Its name: `sha256:` and the digest of its SPKI in DER, in hexadecimal.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether `signature` is this key's over exactly these bytes.
    #[must_use]
    pub fn verifies(&self, document: &[u8], signature: &Signature) -> bool {
        // Strict: a signature that another one could be made from, without the key, is refused.
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.key.verify_strict(document, &signature).is_ok()
    }
}

impl Signature {
    /// Reads 64 raw bytes, their base64 on one line, or a [`SignatureDocument`].
    ///
    /// # Errors
    /// [`SignatureError::Form`] for anything else.
    pub fn read(bytes: &[u8]) -> Result<Self, SignatureError> {
        if let Ok(raw) = bytes.try_into() {
            return Ok(Self(raw));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SignatureError::Form)?.trim();
        let base64 = if text.starts_with('{') {
            let document: SignatureDocument = serde_json::from_str(text).map_err(|_| SignatureError::Form)?;
            document.signature
        } else {
            text.to_owned()
        };
        let raw = STANDARD.decode(base64).map_err(|_| SignatureError::Form)?;
        raw.try_into().map(Self).map_err(|_| SignatureError::Form)
    }

    /// The raw bytes, as `openssl pkeyutl -sigfile` wants them.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// As a document that says what was signed, and by whom.
    #[must_use]
    pub fn describe(&self, run: &str, document: &[u8], key: &PublicKey) -> SignatureDocument {
        SignatureDocument {
            schema: SCHEMA.to_owned(),
            run: run.to_owned(),
            document: sha256(document),
            algorithm: "ed25519".to_owned(),
            key: key.id.clone(),
            signature: self.to_string(),
        }
    }
}

/// Base64 on one line.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

fn sha256(bytes: &[u8]) -> String {
    use fmt::Write as _;
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_secret(&[seed; 32])
    }

    #[test]
    fn any_single_changed_bit_breaks_the_signature() {
        let document = Verdict { run: "r1".to_owned(), ..Verdict::default() }.to_json().into_bytes();
        let signature = key(1).sign(&document);
        assert!(key(1).public().verifies(&document, &signature));
        for index in (0..document.len()).step_by(7) {
            let mut changed = document.clone();
            changed[index] ^= 1 << (index % 8);
            assert!(!key(1).public().verifies(&changed, &signature), "byte {index}");
        }
        for index in 0..64 {
            let mut changed = signature;
            changed.0[index] ^= 1 << (index % 8);
            assert!(!key(1).public().verifies(&document, &changed), "byte {index} of the signature");
        }
        let longer = [&document[..], b"\n"].concat();
        assert!(!key(1).public().verifies(&longer, &signature), "an added newline is another document");
        assert!(!key(2).public().verifies(&document, &signature), "another key");
    }

    #[test]
    fn keys_and_signatures_survive_their_files() {
        let key = key(7);
        let again = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(PublicKey::from_pem(&key.public().to_pem().unwrap()).unwrap(), *key.public());
        let signature = key.sign(b"{}");
        assert_eq!(again.sign(b"{}"), signature, "signing is deterministic");
        let described = serde_json::to_vec(&signature.describe("r1", b"{}", key.public())).unwrap();
        let line = format!("{signature}\n");
        for file in [&signature.bytes()[..], line.as_bytes(), &described] {
            assert_eq!(Signature::read(file).unwrap(), signature);
        }
    }

    #[test]
    fn the_first_vector_of_rfc_8032_is_met() {
        let secret: Vec<u8> = (0..32)
            .map(|i| {
                let hex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
                u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()
            })
            .collect();
        let key = SigningKey::from_secret(&secret.try_into().unwrap());
        assert_eq!(
            key.sign(b"").to_string(),
            "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbviRlUUFDjnoQCw=="
        );
    }

    #[test]
    fn other_keys_and_other_files_are_refused_with_a_remedy() {
        let public = key(1).public().to_pem().unwrap();
        let error = SigningKey::from_pem(&public).unwrap_err().to_string();
        assert!(error.contains("openssl genpkey"), "{error}");
        let error = PublicKey::from_pem("hello").unwrap_err().to_string();
        assert!(error.contains("-pubout"), "{error}");
        for file in [&b""[..], b"abc", b"{\"signature\": 1}", &[0; 63]] {
            assert!(Signature::read(file).is_err());
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let shown = format!("{:?}", key(9));
        assert!(shown.contains("sha256:") && !shown.contains("9, 9, 9"), "{shown}");
    }
}
