//! Names for exchanges and roles.

use std::fmt;

/// One of the deployments that answer a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The live deployment; its response goes to the client.
    Primary,
    /// The build under validation.
    Candidate,
    /// A second copy of the primary's build; it measures noise.
    Control,
}

impl Role {
    /// Every role, in the order in which people read them.
    pub const ALL: [Self; 3] = [Self::Primary, Self::Candidate, Self::Control];

    /// The lower-case name used in configuration, documents and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Candidate => "candidate",
            Self::Control => "control",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where an exchange was made: which lane of which process, and how many came before it.
///
/// A reader of the log drops repeats and counts gaps per `(proxy, epoch)`, because a producer's
/// own idempotence ends with its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ExchangeId {
    /// The lane: one single-threaded part of one proxy process.
    pub proxy: u32,
    /// Seconds since the Unix epoch at which that process started.
    pub epoch: u32,
    /// Counts from 0 in each lane, without gaps.
    pub sequence: u64,
}

impl ExchangeId {
    /// A well-mixed 64-bit digest; the send order of copies and every deterministic sample use it.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut bytes = [0u8; 16];
        bytes[..4].copy_from_slice(&self.proxy.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[8..].copy_from_slice(&self.sequence.to_le_bytes());
        xxhash_rust::xxh3::xxh3_64(&bytes)
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:08x}-{:x}", self.proxy, self.epoch, self.sequence)
    }
}

/// `text` is not an id as [`ExchangeId`] prints it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an exchange id; expected PROXY-EPOCH-SEQUENCE in hexadecimal")]
pub struct ParseIdError(String);

impl std::str::FromStr for ExchangeId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseIdError(text.to_owned());
        let mut parts = text.splitn(3, '-');
        let mut next = || parts.next().ok_or_else(error);
        Ok(Self {
            proxy: u32::from_str_radix(next()?, 16).map_err(|_| error())?,
            epoch: u32::from_str_radix(next()?, 16).map_err(|_| error())?,
            sequence: u64::from_str_radix(next()?, 16).map_err(|_| error())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_printing_and_parsing() {
        let id = ExchangeId { proxy: 0xdead_beef, epoch: 7, sequence: u64::MAX };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("dead-beef".parse::<ExchangeId>().is_err());
    }
}
