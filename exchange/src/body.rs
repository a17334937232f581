//! A captured message body.
//!
//! Frames are kept as they arrived, as reference-counted slices: the live path never copies a byte
//! for the mirror's sake. Past the capture cap only the length and a digest go on, so that a large
//! body is compared as such and never silently left out.

use bytes::{Bytes, BytesMut};

/// A body, whole or cut at the capture cap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    bytes: Bytes,
    full: Option<Cut>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    length: u64,
    digest: u64,
}

impl Body {
    /// A body that was captured whole.
    #[must_use]
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), full: None }
    }

    /// The first bytes of a longer body of `length` bytes whose XXH3-64 digest is `digest`.
    #[must_use]
    pub fn cut(prefix: impl Into<Bytes>, length: u64, digest: u64) -> Self {
        Self { bytes: prefix.into(), full: Some(Cut { length, digest }) }
    }

    /// Joins frames into one body; a single frame is kept without copying.
    #[must_use]
    pub fn from_frames(mut frames: Vec<Bytes>) -> Self {
        match frames.len() {
            0 => Self::default(),
            1 => Self::whole(frames.remove(0)),
            _ => Self::whole(join(&frames)),
        }
    }

    /// The captured bytes: all of them, or the first ones when [`Self::is_cut`].
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Length on the wire in bytes, also when the capture is cut.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.full.map_or(self.bytes.len() as u64, |cut| cut.length)
    }

    /// Whether nothing was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether only the first bytes were kept.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.full.is_some()
    }

    /// XXH3-64 of the whole body, where it was cut.
    #[must_use]
    pub fn cut_digest(&self) -> Option<u64> {
        self.full.map(|cut| cut.digest)
    }
}

fn join(frames: &[Bytes]) -> Bytes {
    let mut all = BytesMut::with_capacity(frames.iter().map(Bytes::len).sum());
    for frame in frames {
        all.extend_from_slice(frame);
    }
    all.freeze()
}
