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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_body_knows_its_length_and_no_digest() {
        let body = Body::whole(&b"abc"[..]);
        assert_eq!((body.len(), body.is_cut(), body.cut_digest()), (3, false, None));
        assert!(!body.is_empty() && Body::default().is_empty());
    }

    #[test]
    fn a_cut_body_is_as_long_as_it_was_on_the_wire() {
        let body = Body::cut(&b"abc"[..], 1_000_000, 42);
        assert_eq!((body.len(), body.is_cut(), body.cut_digest()), (1_000_000, true, Some(42)));
        assert_eq!(&body.bytes()[..], b"abc");
        assert!(!Body::cut(Bytes::new(), 1, 0).is_empty(), "a cap of 0 keeps nothing but the length");
        assert_ne!(Body::cut(&b"abc"[..], 3, 0), Body::whole(&b"abc"[..]));
    }

    #[test]
    fn frames_are_joined_in_order_and_a_single_one_is_not_copied() {
        let frame = Bytes::from_static(b"one frame");
        let single = Body::from_frames(vec![frame.clone()]);
        assert_eq!(single.bytes().as_ptr(), frame.as_ptr());
        let frames = ["a", "", "bc"].map(Bytes::from).to_vec();
        assert_eq!(Body::from_frames(frames), Body::whole(&b"abc"[..]));
        assert_eq!(Body::from_frames(Vec::new()), Body::default());
    }
}
