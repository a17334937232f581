//! Where differences are recorded: rules, field checks and bounds are applied here, at record time.

use super::body::Schema;
use super::excerpt;
use super::limits::Limits;
use super::patch::Patch;
use super::path::{self, Step};
use super::{Difference, Kind, Part};
use crate::compare::Comparison;
use crate::compare::fields::Fields;
use crate::mask::Masks;

/// Why a walk ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The left text is not JSON; its cursor knows why.
    Left,
    /// The right text is not JSON; its cursor knows why.
    Right,
    /// A probe found a difference: that was the question.
    Differs,
    /// The work limit is reached.
    Exhausted,
}

/// Collects the differences of one comparison.
#[derive(Debug)]
pub(crate) struct Sink<'r> {
    pub(crate) masks: &'r Masks,
    pub(crate) limits: Limits,
    /// What protobuf bodies hold, where that is known.
    pub(crate) schema: Option<&'r Schema>,
    /// The path of the request, which tells the gRPC method.
    pub(crate) method: Option<&'r str>,
    fields: &'r Fields,
    differences: Vec<Difference>,
    /// Positions of the configured fields that differ.
    touched: Vec<u16>,
    /// Differences found, those beyond the bound included.
    found: u64,
    work: u64,
    exhausted: bool,
    probing: u32,
    patch: Option<Patch>,
}

/// A moment to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    found: u64,
    kept: usize,
    touched: usize,
    operations: usize,
}

impl<'r> Sink<'r> {
    pub(crate) fn new(masks: &'r Masks, fields: &'r Fields, limits: Limits) -> Self {
        Self {
            masks,
            limits,
            schema: None,
            method: None,
            fields,
            differences: Vec::new(),
            touched: Vec::new(),
            found: 0,
            work: 0,
            exhausted: false,
            probing: 0,
            patch: None,
        }
    }

    /// Also collects a patch from the differences of a JSON body.
    pub(crate) fn with_patch(mut self) -> Self {
        self.patch = Some(Patch::default());
        self
    }

    /// Knows what protobuf bodies hold; `method` is the path of the request.
    pub(crate) fn with_schema(mut self, schema: Option<&'r Schema>, method: Option<&'r str>) -> Self {
        (self.schema, self.method) = (schema, method);
        self
    }

    /// The patch, where one was collected.
    pub(crate) fn into_patch(self) -> Patch {
        self.patch.unwrap_or_default()
    }

    /// Whether the work limit ended the comparison.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// What was found, and the configured fields that differ, ascending.
    pub(crate) fn finish(mut self) -> (Comparison, Vec<u16>) {
        self.touched.sort_unstable();
        let truncated = self.exhausted || self.found > self.differences.len() as u64;
        (Comparison { differences: self.differences, truncated }, self.touched)
    }

    /// Records a difference at `path` of a JSON body unless a rule hides it.
    pub(crate) fn json(
        &mut self,
        path: &[Step<'_>],
        kind: Kind,
        left: Option<&[u8]>,
        right: Option<&[u8]>,
    ) -> Result<(), Stop> {
        if self.masks.hides(path, kind, (left, right)) {
            return Ok(());
        }
        if self.probing > 0 {
            return Err(Stop::Differs);
        }
        if let Some(patch) = &mut self.patch {
            patch.push(path, kind, right);
        }
        self.fields.touch_body(path, [left, right], &mut self.touched);
        if let Some((left, right)) = self.room(left, right) {
            let (pointer, pattern) = path::texts(path);
            self.differences.push(Difference {
                part: Part::Body,
                path: pointer,
                pattern,
                kind,
                left,
                right,
                note: None,
            });
        }
        Ok(())
    }

    /// Records a difference of something that has a name (a header, a cookie, the status) unless a
    /// rule hides it.
    pub(crate) fn named(
        &mut self,
        part: Part,
        name: &str,
        kind: Kind,
        left: Option<&[u8]>,
        right: Option<&[u8]>,
    ) {
        if self.masks.hides_named(part, name, kind, (left, right)) {
            return;
        }
        self.fields.touch_name(part, name, &mut self.touched);
        if let Some((left, right)) = self.room(left, right) {
            let (path, pattern) = (name.to_owned(), name.to_owned());
            self.differences.push(Difference { part, path, pattern, kind, left, right, note: None });
        }
    }

    /// Records that two answers say different things of one event of the request; `None` is events that
    /// an answer does not name.
    pub(crate) fn event(&mut self, event: Option<usize>, left: &[u8], right: &[u8]) {
        if let Some((left, right)) = self.room(Some(left), Some(right)) {
            self.differences.push(Difference {
                part: Part::Event,
                path: event.map(|event| event.to_string()).unwrap_or_default(),
                pattern: event.map(|_| "*".to_owned()).unwrap_or_default(),
                kind: Kind::Value,
                left,
                right,
                note: None,
            });
        }
    }

    /// Records a difference of the whole body, with what there is to say about it.
    pub(crate) fn whole_body(&mut self, kind: Kind, left: Option<&[u8]>, right: Option<&[u8]>, note: String) {
        if self.masks.hides(&[], kind, (left, right)) {
            return;
        }
        self.fields.touch_whole_body(&mut self.touched);
        if let Some((left, right)) = self.room(left, right) {
            self.differences.push(Difference {
                part: Part::Body,
                path: String::new(),
                pattern: String::new(),
                kind,
                left,
                right,
                note: Some(note),
            });
        }
    }

    /// The work limit ended the comparison: what was not compared is not claimed to be equal.
    pub(crate) fn exhausted(&mut self, left: &[u8], right: &[u8]) {
        self.exhausted = true;
        if self.found == 0 {
            let note = "not compared to the end: the work limit is reached".to_owned();
            self.whole_body(Kind::Value, Some(left), Some(right), note);
        }
    }

    /// Not all that differs was told: the result counts as truncated.
    pub(crate) fn cut_short(&mut self) {
        self.exhausted = true;
    }

    /// Counts one more difference; both sides, bounded, while there is room for it.
    fn room(
        &mut self,
        left: Option<&[u8]>,
        right: Option<&[u8]>,
    ) -> Option<(Option<String>, Option<String>)> {
        self.found += 1;
        if self.differences.len() >= self.limits.differences {
            return None;
        }
        Some(excerpt::sides(left, right, self.limits.side_bytes))
    }

    /// This moment.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            found: self.found,
            kept: self.differences.len(),
            touched: self.touched.len(),
            operations: self.patch.as_ref().map_or(0, Patch::len),
        }
    }

    /// Forgets what was recorded since `mark`.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.found = mark.found;
        self.differences.truncate(mark.kept);
        self.touched.truncate(mark.touched);
        if let Some(patch) = &mut self.patch {
            patch.truncate(mark.operations);
        }
    }

    /// Runs `question`: is there no unmasked difference? Nothing is recorded.
    pub(crate) fn begin_probe(&mut self) {
        self.probing += 1;
    }

    /// Ends what [`Self::begin_probe`] began.
    pub(crate) fn end_probe(&mut self) {
        self.probing -= 1;
    }

    /// Pays for `bytes` that are read again.
    pub(crate) fn pay(&mut self, bytes: usize) -> Result<(), Stop> {
        /// A comparison of two short values costs about as much as reading this many bytes.
        const LEAST: u64 = 16;
        self.work = self.work.saturating_add(bytes as u64 + LEAST);
        if self.work > self.limits.reread_bytes { Err(Stop::Exhausted) } else { Ok(()) }
    }
}
