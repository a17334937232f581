//! Objects: members in lock-step while the keys agree, then by key.

use super::cursor::Type;
use super::skim::closing;
use super::string::RawStr;
use super::walk::{Walk, on_left, on_right};
use crate::diff::path::Step;
use crate::diff::sink::Stop;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

impl<'a> Walk<'a, '_, '_> {
    /// Compares the objects at the cursors.
    pub(super) fn object(&mut self) -> Result<(), Stop> {
        self.left.bump();
        self.right.bump();
        let depth = self.path.len();
        let mut first = (true, true);
        loop {
            let left = self.left.member(&mut first.0, depth).map_err(on_left)?;
            let right = self.right.member(&mut first.1, depth).map_err(on_right)?;
            if !(left && right) {
                return if left || right { self.by_key((left, right)) } else { Ok(()) };
            }
            let starts = (self.left.at(), self.right.at());
            let key = self.left.key().map_err(on_left)?;
            // Most keys are equal byte for byte: then the right one need not be scanned.
            if !self.right.eat(self.left.since(starts.0)) {
                let other = self.right.key().map_err(on_right)?;
                if !key.same(&other) {
                    self.left.seek(starts.0);
                    self.right.seek(starts.1);
                    return self.by_key((true, true));
                }
            }
            self.path.push(Step::Key(key));
            self.value()?;
            self.path.pop();
        }
    }

    /// Compares the rest of two objects by key; `more` says which sides have members left, at whose
    /// keys the cursors stand.
    fn by_key(&mut self, more: (bool, bool)) -> Result<(), Stop> {
        let depth = self.path.len() + 1;
        let mut rest = self.right_rest(more.1, depth)?;
        let end = self.right.at();
        let mut more = more.0;
        while more {
            let key = self.left.key().map_err(on_left)?;
            match rest.take(&key) {
                Some(value) => {
                    let start = self.left.at();
                    self.value_at(Step::Key(key), (start, value.start))?;
                }
                None => {
                    let text = self.left.skip(depth).map_err(on_left)?;
                    self.lone(Step::Key(key), Some(text), None)?;
                }
            }
            more = self.left.member(&mut false, depth).map_err(on_left)?;
        }
        for member in rest.members.iter().filter(|member| !member.matched) {
            self.right.seek(member.value.start);
            let text = self.right.skip(depth).map_err(on_right)?;
            self.lone(Step::Key(member.key), None, Some(text))?;
        }
        self.right.seek(end);
        Ok(())
    }

    /// Passes a value of the right text, and a container in it unread: it is read when it is compared.
    fn leap(&mut self, depth: usize) -> Result<Range<usize>, Stop> {
        let kind = self.right.peek_type().map_err(on_right)?;
        let start = self.right.at();
        let is_container = matches!(kind, Type::Object | Type::Array);
        match is_container.then(|| closing(self.right.text(), start)).flatten() {
            Some(end) => self.right.seek(end),
            None => {
                self.right.skip(depth).map_err(on_right)?;
            }
        }
        Ok(start..self.right.at())
    }

    /// The members that the right object has left; the cursor then stands behind the object.
    fn right_rest(&mut self, mut more: bool, depth: usize) -> Result<Rest<'a>, Stop> {
        let mut rest = Rest::default();
        while more {
            let key = self.right.key().map_err(on_right)?;
            let value = self.leap(depth)?;
            rest.escaped |= key.has_escapes();
            rest.members.push(Member { key, value, matched: false });
            more = self.right.member(&mut false, depth).map_err(on_right)?;
        }
        rest.index();
        Ok(rest)
    }
}

/// The members of one object that are yet to be matched, in the order of the text.
#[derive(Default)]
struct Rest<'a> {
    members: SmallVec<[Member<'a>; 12]>,
    /// Whether a key among them is not written as it is meant.
    escaped: bool,
    /// Everything before this is matched.
    front: usize,
    /// For long objects: the first unmatched member of each key, and the next of the same key.
    map: HashMap<Cow<'a, [u8]>, usize>,
    next: Vec<Option<usize>>,
}

struct Member<'a> {
    key: RawStr<'a>,
    value: Range<usize>,
    matched: bool,
}

/// Up to this many members a search from the front is cheaper than a hash map.
const SEARCHED_MAX: usize = 64;

impl<'a> Rest<'a> {
    fn index(&mut self) {
        if self.members.len() <= SEARCHED_MAX {
            return;
        }
        self.next = vec![None; self.members.len()];
        for (index, member) in self.members.iter().enumerate().rev() {
            self.next[index] = self.map.insert(member.key.unescaped(), index);
        }
    }

    /// The value of the first unmatched member named `key`.
    fn take(&mut self, key: &RawStr<'_>) -> Option<Range<usize>> {
        let found = if self.next.is_empty() { self.search(key)? } else { self.look_up(key)? };
        let member = &mut self.members[found];
        member.matched = true;
        Some(member.value.clone())
    }

    fn search(&mut self, key: &RawStr<'_>) -> Option<usize> {
        while self.members.get(self.front).is_some_and(|member| member.matched) {
            self.front += 1;
        }
        let mut unmatched = self.members[self.front..].iter();
        let found = if self.escaped || key.has_escapes() {
            unmatched.position(|member| !member.matched && member.key.same(key))
        } else {
            unmatched.position(|member| member.key.0 == key.0 && !member.matched)
        };
        Some(self.front + found?)
    }

    fn look_up(&mut self, key: &RawStr<'_>) -> Option<usize> {
        let slot = self.map.get_mut(&*key.unescaped())?;
        let found = *slot;
        // The slot of a used-up key stays and points at a matched member.
        match self.next[found] {
            Some(next) => *slot = next,
            None if self.members[found].matched => return None,
            None => {}
        }
        Some(found)
    }
}
