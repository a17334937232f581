//! `parallax verdict keygen`, `sign` and `verify --key`: verdicts that can be checked without a console.
//!
//! `verify --key` answers the question of a deployment step, "may this digest go out?", so its exit code
//! is the verdict's and 0 means a promote that stands: a genuine reject must not pass for success.

use super::Verify;
use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::output::{self, Format, note};
use anyhow::Context as _;
use clap::Args;
use parallax_comparator::verdict::Verdict;
use parallax_comparator::verdict::signature::{PublicKey, Signature, SignatureError, SigningKey};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Make a pair of signing keys.
#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// Where the private key goes (PKCS#8 PEM, mode 0600); an existing file is left alone.
    #[arg(long, value_name = "FILE", default_value = "parallax-signing.pem")]
    private: PathBuf,
    /// Where the public key goes (SPKI PEM); an existing file is left alone.
    #[arg(long, value_name = "FILE", default_value = "parallax-signing.pub")]
    public: PathBuf,
}

/// Sign a verdict document.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The document, signed byte for byte as it lies in the file.
    #[arg(value_name = "DOCUMENT")]
    document: PathBuf,
    /// The private key, PKCS#8 PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where the signature goes, one line of base64; DOCUMENT.sig when absent.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Keygen {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)
            .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))
            .or_exit(Exit::Io)?;
        let key = SigningKey::from_secret(&secret);
        create(&self.private, 0o600, &key.to_pem().or_exit(Exit::Io)?)?;
        create(&self.public, 0o644, &key.public().to_pem().or_exit(Exit::Io)?)?;
        note!(global, "private key  {}", self.private.display());
        note!(global, "public key   {}", self.public.display());
        output::result(key.public().id())?;
        Ok(Exit::Ok)
    }
}

impl Sign {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let document = read(&self.document)?;
        // Nothing but a verdict is worth a signature that gates act on.
        super::parse(&super::text(&document)?)?;
        let key = signing_key(&self.key)?;
        let output = self.output.unwrap_or_else(|| beside(&self.document));
        write(&output, format!("{}\n", key.sign(&document)).as_bytes())?;
        note!(global, "signature  {} (key {})", output.display(), key.public().id());
        Ok(Exit::Ok)
    }
}

/// Checks a document and its signature, then says what the document says.
pub(super) fn verify(command: &Verify, document: &Path, global: &Global) -> Outcome {
    let signature = command.signature.clone().unwrap_or_else(|| beside(document));
    let bytes = read(document)?;
    let given = Signature::read(&read(&signature)?)
        .with_context(|| format!("failed to read {}", signature.display()))
        .or_exit(Exit::Data)?;
    let keys = command.key.iter().map(|file| public_key(file)).collect::<Result<Vec<_>, _>>()?;
    let Some(key) = keys.iter().find(|key| key.verifies(&bytes, &given)) else {
        let names: Vec<&str> = keys.iter().map(PublicKey::id).collect();
        return Err(Failure::new(
            Exit::Data,
            format!(
                "{} is not what was signed, or was signed by another key than {}",
                document.display(),
                names.join(", ")
            ),
        ));
    };
    let verdict = super::parse(&super::text(&bytes)?)?;
    let (exit, says) = standing(&verdict, command.candidate.as_deref());
    match command.format {
        Format::Json => output::json(&json!({
            "schema": "parallax.verification/1",
            "run": verdict.run,
            "signed": true,
            "key": key.id(),
            "candidate": verdict.candidate,
            "verdict": verdict.verdict,
            "final": verdict.is_final,
            "code": exit as u8,
            "says": says,
        }))?,
        Format::Terminal => {
            note!(global, "signed by {}", key.id());
            output::result(&says)?;
        }
    }
    Ok(exit)
}

/// What a genuine document means to a gate that ships `candidate`.
fn standing(verdict: &Verdict, candidate: Option<&str>) -> (Exit, String) {
    let digest = verdict.candidate.digest.as_deref();
    if let Some(wanted) = candidate
        && digest != Some(wanted)
    {
        let other = digest.unwrap_or("a candidate without a digest");
        return (Exit::Different, format!("the verdict is about {other}, not about {wanted}"));
    }
    let exit = match crate::summary::exit(verdict) {
        // Both hold for every promote that the judge writes; a gate relies on them, so they are asked.
        Exit::Ok if !verdict.is_final || verdict.promote != Some(true) => Exit::Undecided,
        exit => exit,
    };
    (exit, format!("{} of run {}: {}", verdict.verdict.name(), verdict.run, verdict.reason))
}

/// A private key from its file.
pub(crate) fn signing_key(file: &Path) -> Result<SigningKey, Failure> {
    let pem = super::text(&read(file)?)?;
    refused(file, SigningKey::from_pem(&pem))
}

fn public_key(file: &Path) -> Result<PublicKey, Failure> {
    let pem = super::text(&read(file)?)?;
    refused(file, PublicKey::from_pem(&pem))
}

fn refused<T>(file: &Path, key: Result<T, SignatureError>) -> Result<T, Failure> {
    key.with_context(|| format!("{} cannot be used", file.display())).or_exit(Exit::Usage)
}

/// `verdict.json.sig` beside `verdict.json`.
pub(super) fn beside(document: &Path) -> PathBuf {
    let mut name = document.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).with_context(|| format!("failed to read {}", file.display())).or_exit(Exit::Io)
}

pub(super) fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(file, bytes)
        .with_context(|| format!("failed to write {}", file.display()))
        .or_exit(Exit::Io)
}

/// Writes a new file; a key that is in use must not vanish under a second `keygen`.
fn create(file: &Path, mode: u32, text: &str) -> Result<(), Failure> {
    let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    made.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("failed to make {}; remove it first if it is old", file.display()))
        .or_exit(Exit::Io)
}
