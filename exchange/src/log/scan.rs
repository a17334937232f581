//! Walks the frames of one segment and steps over what is damaged.

use super::frame::{self, Header};
use super::segment::{self, Beginning};
use super::source::{Source, Window};
use bytes::Bytes;
use std::io;

/// What comes next in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole frame whose checksums hold.
    Frame { offset: u64, kind: u8, flags: u8, payload: Bytes },
    /// Bytes that are no frame; the next step goes on behind them.
    Damage { offset: u64, bytes: u64, why: String },
    /// Not a log, or a newer format; nothing of it can be read.
    Unsupported(String),
    /// Nothing whole is left.
    End,
}

/// Whether a segment can still grow, which decides what an unfinished frame at its end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// It may be finished later.
    Growing,
    /// It is a torn record.
    Final,
}

/// A place in a segment.
pub(crate) struct Scanner<S> {
    source: S,
    window: Window,
    at: u64,
    begun: bool,
    good_end: u64,
    number: Option<u64>,
}

impl<S: Source> Scanner<S> {
    pub(crate) fn new(source: S) -> Self {
        Self::with_window(source, Window::BYTES)
    }

    fn with_window(source: S, window_bytes: usize) -> Self {
        Self { source, window: Window::new(window_bytes), at: 0, begun: false, good_end: 0, number: None }
    }

    /// The segment's number, once its header was read and found intact.
    pub(crate) fn number(&self) -> Option<u64> {
        self.number
    }

    /// End of the last whole frame that was met, or of an intact header; 0 before.
    pub(crate) fn good_end(&self) -> u64 {
        self.good_end
    }

    /// Bytes behind the last step.
    pub(crate) fn unfinished_bytes(&self) -> io::Result<u64> {
        Ok(self.source.length()?.saturating_sub(self.at))
    }

    /// Goes on at `offset`, which should be a frame's; elsewhere the next one is searched for.
    pub(crate) fn seek(&mut self, offset: u64) {
        self.at = offset.max(segment::HEADER_BYTES as u64);
        self.good_end = self.at;
    }

    /// The next step.
    pub(crate) fn step(&mut self, tail: Tail) -> io::Result<Step> {
        if !self.begun
            && let Some(step) = self.begin(tail)?
        {
            return Ok(step);
        }
        let offset = self.at;
        let bytes = self.window.peek(&self.source, offset, frame::HEADER_BYTES)?;
        if bytes.len() < frame::HEADER_BYTES {
            return self.ended(tail);
        }
        match Header::parse(bytes, offset) {
            Ok(header) => self.frame(offset, header, tail),
            Err(why) => self.resynchronise(why),
        }
    }

    /// Reads the segment's header; a step where there is something to say about it.
    fn begin(&mut self, tail: Tail) -> io::Result<Option<Step>> {
        let damaged = match segment::read_beginning(&self.source, &mut self.window)? {
            Beginning::Segment { number, frames_at } => {
                self.number = Some(number);
                self.at = self.at.max(frames_at); // a seek may have gone further
                self.good_end = self.at;
                false
            }
            Beginning::Damaged => {
                self.at = self.at.max(segment::HEADER_BYTES as u64);
                true
            }
            Beginning::Unfinished => return self.ended(tail).map(Some),
            Beginning::Unsupported(why) => return Ok(Some(Step::Unsupported(why))),
        };
        self.begun = true;
        let why = "the checksum of the file's header does not match".to_owned();
        Ok(damaged.then_some(Step::Damage { offset: 0, bytes: segment::HEADER_BYTES as u64, why }))
    }

    fn frame(&mut self, offset: u64, header: Header, tail: Tail) -> io::Result<Step> {
        let Header { kind, flags, length, .. } = header;
        let body_at = offset + frame::HEADER_BYTES as u64;
        let Some(payload) = self.window.share(&self.source, body_at, length as usize)? else {
            return self.ended(tail);
        };
        self.at += header.frame_bytes();
        Ok(if header.matches(&payload) {
            self.good_end = self.at;
            Step::Frame { offset, kind, flags, payload }
        } else {
            let why = "the checksum of the record does not match".to_owned();
            Step::Damage { offset, bytes: header.frame_bytes(), why }
        })
    }

    /// The source ends inside a frame, or before it.
    fn ended(&mut self, tail: Tail) -> io::Result<Step> {
        self.window.clear(); // what is unfinished may be cut off and written anew
        let (offset, length) = (self.at, self.source.length()?);
        if length < offset && self.begun {
            // A writer cut off a tail that was stepped over here; it goes on where that began.
            self.at = self.good_end.max(segment::HEADER_BYTES as u64).min(length);
            return self.step(tail);
        }
        if tail == Tail::Growing || length <= offset {
            return Ok(Step::End);
        }
        self.at = length;
        let why = "the last record is cut short".to_owned();
        Ok(Step::Damage { offset, bytes: length - offset, why })
    }

    /// Looks for the next frame behind the damage at the present offset.
    fn resynchronise(&mut self, why: &'static str) -> io::Result<Step> {
        let offset = self.at;
        let mut from = offset + 1;
        loop {
            let bytes = self.window.peek(&self.source, from, frame::HEADER_BYTES)?;
            if bytes.len() < frame::HEADER_BYTES {
                from += bytes.len() as u64; // the rest is too short for a frame
                break;
            }
            let last = bytes.len() - frame::HEADER_BYTES;
            let mut candidates =
                memchr::memmem::find_iter(&bytes[..last + frame::MARKER.len()], &frame::MARKER);
            let is_frame = |at: &usize| Header::parse(&bytes[*at..], from + *at as u64).is_ok();
            if let Some(at) = candidates.find(is_frame) {
                from += at as u64;
                break;
            }
            from += last as u64 + 1;
        }
        self.at = from;
        Ok(Step::Damage { offset, bytes: from - offset, why: why.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn steps(bytes: &Bytes, window_bytes: usize, tail: Tail) -> Vec<Step> {
        let mut scanner = Scanner::with_window(bytes.clone(), window_bytes);
        let mut steps = Vec::new();
        loop {
            match scanner.step(tail).unwrap() {
                Step::End => return steps,
                Step::Unsupported(why) => return vec![Step::Unsupported(why)],
                step => steps.push(step),
            }
        }
    }

    proptest! {
        /// Where the window ends decides nothing: the smallest one finds what the largest finds, and
        /// the steps cover the file without a gap.
        #[test]
        fn the_window_does_not_show(
            payloads in vec(vec(prop_oneof![any::<u8>(), Just(0xfb), Just(0xf7)], 0..120), 0..8),
            flips in vec(any::<prop::sample::Index>(), 0..4), window_bytes in 48usize..200,
        ) {
            let mut file = segment::header(1).to_vec();
            for payload in &payloads {
                let offset = file.len() as u64;
                frame::write(&mut file, offset, 4, |into| into.extend_from_slice(payload)).unwrap();
            }
            for flip in flips {
                let at = flip.index(file.len());
                file[at] ^= 0x40;
            }
            let file = Bytes::from(file);
            let found = steps(&file, Window::BYTES, Tail::Final);
            prop_assert_eq!(&steps(&file, window_bytes, Tail::Final), &found);
            let mut behind = 0;
            for step in found {
                let (offset, bytes) = match step {
                    Step::Frame { offset, payload, .. } => (offset, payload.len() as u64 + 16),
                    Step::Damage { offset, bytes, .. } => (offset, bytes),
                    _ => return Ok(()), // the magic is damaged, and the first frame too
                };
                prop_assert_eq!(offset, if behind == 0 { offset.min(32) } else { behind });
                behind = offset + bytes;
            }
            prop_assert!(behind == 0 || behind == file.len() as u64);
        }
    }

    #[test]
    fn a_seek_does_not_get_around_the_header() {
        let mut scanner = Scanner::new(Bytes::from_static(b"something else, longer than a header is"));
        scanner.seek(35);
        assert!(matches!(scanner.step(Tail::Growing).unwrap(), Step::Unsupported(_)));
        let mut file = segment::header(7).to_vec();
        frame::write(&mut file, 32, 4, |into| into.push(b'.')).unwrap();
        frame::write(&mut file, 49, 5, |into| into.push(b'.')).unwrap();
        let mut scanner = Scanner::new(Bytes::from(file));
        scanner.seek(49);
        assert!(matches!(scanner.step(Tail::Growing).unwrap(), Step::Frame { offset: 49, kind: 5, .. }));
        assert_eq!(scanner.number(), Some(7));
    }
}
