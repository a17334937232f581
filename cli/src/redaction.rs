//! The redactor of the configuration, with its key from a file, the environment or chance.

use crate::exit::{Exit, Failure, OrExit as _};
use anyhow::{Context as _, anyhow};
use parallax_config::{Redact, UnreadableBody};
use parallax_exchange::redact::{Key, Redactor, Unreadable};

/// The shortest key that is taken, in bytes: what is shorter can be tried out.
const KEY_MIN: usize = 16;

/// What `settings` says, ready for the queue.
pub(crate) fn redactor(settings: &Redact) -> Result<Redactor, Failure> {
    let places = settings.places.iter().map(String::as_str);
    let redactor = Redactor::new(&key(settings)?, places).context("redact.places").or_exit(Exit::Usage)?;
    Ok(redactor.unreadable(match settings.unreadable {
        UnreadableBody::Replace => Unreadable::Digest,
        UnreadableBody::Keep => Unreadable::Keep,
    }))
}

fn key(settings: &Redact) -> Result<Key, Failure> {
    let (place, text) = match (&settings.key_file, &settings.key_env) {
        (Some(file), _) => {
            let place = format!("{} (key redact.key_file)", file.display());
            let text = std::fs::read(file).with_context(|| format!("failed to read {place}"));
            (place, text.or_exit(Exit::Io)?)
        }
        (None, Some(name)) => {
            let place = format!("the variable {name} (key redact.key_env)");
            let text = std::env::var(name).with_context(|| format!("the environment does not hold {place}"));
            (place, text.or_exit(Exit::Usage)?.into_bytes())
        }
        (None, None) => {
            let mut random = [0; 32];
            let filled = getrandom::fill(&mut random);
            filled.map_err(|error| anyhow!("no random key for redaction: {error}")).or_exit(Exit::Io)?;
            return Ok(Key::new(&random));
        }
    };
    let key = text.trim_ascii();
    if key.len() < KEY_MIN {
        let short = anyhow!("{place} has {} bytes; a key needs {KEY_MIN}, better 32 random ones", key.len());
        return Err(short).or_exit(Exit::Usage);
    }
    Ok(Key::new(key))
}
