//! Arrays whose elements have a name of their own, by rule: paired by the value at a pointer.

use super::array::Frame;
use super::cursor::{Cursor, Type};
use super::walk::Walk;
use crate::diff::path::Step;
use crate::diff::sink::Stop;
use std::borrow::Cow;
use std::collections::HashMap;

impl Walk<'_, '_, '_> {
    /// Compares the arrays of `frame` element by element of equal key, and forgets what a comparison
    /// in order recorded.
    ///
    /// Keys are compared as written, the escapes of strings undone. Elements with a repeated key, and
    /// those without one, are paired occurrence by occurrence.
    pub(super) fn keyed(&mut self, frame: &Frame, key: &[Box<[u8]>]) -> Result<(), Stop> {
        self.sink.rewind(frame.mark);
        let (left, right) = self.spans(frame)?;
        let ends = (self.left, self.right);
        let mut free: HashMap<Option<Cow<'_, [u8]>>, Vec<usize>> = HashMap::new();
        for (index, span) in right.iter().enumerate().rev() {
            free.entry(key_of(self.right.slice(span), key)).or_default().push(index);
        }
        let mut paired = vec![false; right.len()];
        for (index, span) in left.iter().enumerate() {
            let text = self.left.slice(span);
            match free.get_mut(&key_of(text, key)).and_then(Vec::pop) {
                Some(other) => {
                    paired[other] = true;
                    self.value_at(Step::Index(index), (span.start, right[other].start))?;
                }
                None => self.lone(Step::Index(index), Some(text), None)?,
            }
        }
        for (index, span) in right.iter().enumerate().filter(|(index, _)| !paired[*index]) {
            let text = self.right.slice(span);
            self.lone(Step::Index(index), None, Some(text))?;
        }
        (self.left, self.right) = ends;
        Ok(())
    }
}

/// The value at `key` in a well-formed element; `None` where there is none.
fn key_of<'a>(element: &'a [u8], key: &[Box<[u8]>]) -> Option<Cow<'a, [u8]>> {
    let mut cursor = Cursor::new(element);
    for step in key {
        find(&mut cursor, step)?;
    }
    let kind = cursor.peek_type().ok()?;
    let start = cursor.at();
    if kind == Type::String {
        let mut text = vec![b'"'];
        text.extend_from_slice(&cursor.string().ok()?.unescaped());
        return Some(Cow::Owned(text));
    }
    cursor.skip(0).ok()?;
    Some(Cow::Borrowed(cursor.since(start)))
}

/// Moves the cursor to the member or element called `step`.
fn find(cursor: &mut Cursor<'_>, step: &[u8]) -> Option<()> {
    let mut first = true;
    match cursor.peek_type().ok()? {
        Type::Object => {
            cursor.bump();
            while cursor.member(&mut first, 0).ok()? {
                if cursor.key().ok()?.is(step) {
                    return Some(());
                }
                cursor.skip(0).ok()?;
            }
            None
        }
        Type::Array => {
            cursor.bump();
            let index: usize = std::str::from_utf8(step).ok()?.parse().ok()?;
            for _ in 0..index {
                cursor.element(&mut first, 0).ok()?.then_some(())?;
                cursor.skip(0).ok()?;
            }
            cursor.element(&mut first, 0).ok()?.then_some(())
        }
        _ => None,
    }
}
