//! Objects: members in lock-step while the keys agree, then by key.

use super::cursor::{Broken, Cursor, Type};
use super::skim::closing;
use super::string::RawStr;
use super::walk::{Walk, on_left, on_right};
use crate::diff::path::Step;
use crate::diff::sink::Stop;
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
        let before = self.members.len();
        let compared = self.rest_by_key(before, more);
        self.members.truncate(before);
        compared
    }

    fn rest_by_key(&mut self, before: usize, more: (bool, bool)) -> Result<(), Stop> {
        let depth = self.path.len() + 1;
        let mut rest = self.right_rest(before, more.1, depth)?;
        let end = self.right.at();
        let mut more = more.0;
        while more {
            let name = Name::read(&mut self.left).map_err(on_left)?;
            match rest.take(&mut self.members[before..], &name) {
                // Most values are equal byte for byte: then the left one need not be read.
                Some(value) if self.left.eat_value(self.right.slice(&value)) => {}
                Some(value) => {
                    let start = self.left.at();
                    self.value_at(Step::Key(name.key), (start, value.start))?;
                }
                None => {
                    let text = self.left.skip(depth).map_err(on_left)?;
                    self.lone(Step::Key(name.key), Some(text), None)?;
                }
            }
            more = self.left.member(&mut false, depth).map_err(on_left)?;
        }
        for index in before..self.members.len() {
            let Member { name, value, matched: false } = &self.members[index] else { continue };
            let key = name.key;
            self.right.seek(value.start);
            let text = self.right.skip(depth).map_err(on_right)?;
            self.lone(Step::Key(key), None, Some(text))?;
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

    /// Puts the members that the right object has left behind those of the objects around it; the
    /// cursor then stands behind the object.
    fn right_rest(&mut self, before: usize, mut more: bool, depth: usize) -> Result<Rest<'a>, Stop> {
        let mut escaped = false;
        while more {
            let name = Name::read(&mut self.right).map_err(on_right)?;
            let value = self.leap(depth)?;
            escaped |= name.escaped;
            self.members.push(Member { name, value, matched: false });
            more = self.right.member(&mut false, depth).map_err(on_right)?;
        }
        Ok(Rest::new(&self.members[before..], escaped))
    }
}

/// A member of an object that is compared by key.
#[derive(Debug)]
pub(super) struct Member<'a> {
    name: Name<'a>,
    value: Range<usize>,
    matched: bool,
}

/// A key, with what tells it from most others.
#[derive(Debug, Clone, Copy)]
struct Name<'a> {
    key: RawStr<'a>,
    /// Its first eight bytes, zeros behind a shorter one.
    head: u64,
    /// Whether it is not written as it is meant.
    escaped: bool,
}

impl<'a> Name<'a> {
    /// Reads a key and its colon.
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Broken> {
        let start = cursor.at() + 1;
        cursor.escaped = false;
        let key = cursor.key()?;
        Ok(Self { key, head: head(&cursor.text()[start..], key.0.len()), escaped: cursor.escaped })
    }

    /// Whether both are written alike.
    #[inline]
    fn is_spelled(&self, other: &Self) -> bool {
        let length = self.key.0.len();
        self.head == other.head && length == other.key.0.len() && (length <= 8 || self.key.0 == other.key.0)
    }
}

/// The first eight bytes of a key of this length, at which `text` starts.
#[inline]
fn head(text: &[u8], length: usize) -> u64 {
    let Some(bytes) = text.first_chunk::<8>() else {
        return text[..length].iter().rev().fold(0, |head, byte| head << 8 | u64::from(*byte));
    };
    let bytes = u64::from_le_bytes(*bytes);
    if length < 8 { bytes & ((1 << (8 * length)) - 1) } else { bytes }
}

/// How the unmatched members of one object are found.
struct Rest<'a> {
    /// Whether a key among them is not written as it is meant.
    escaped: bool,
    /// Everything before this is matched.
    front: usize,
    /// For long objects: the first unmatched member of each key, and the next of the same key.
    index: Option<Box<Index<'a>>>,
}

struct Index<'a> {
    map: HashMap<Cow<'a, [u8]>, usize>,
    next: Vec<Option<usize>>,
}

/// Up to this many members a search from the front is cheaper than a hash map.
const SEARCHED_MAX: usize = 64;

impl<'a> Rest<'a> {
    fn new(members: &[Member<'a>], escaped: bool) -> Self {
        let index = (members.len() > SEARCHED_MAX).then(|| Box::new(Index::new(members)));
        Self { escaped, front: 0, index }
    }

    /// The value of the first unmatched member named `name`, which is matched then.
    #[inline]
    fn take(&mut self, members: &mut [Member<'_>], name: &Name<'_>) -> Option<Range<usize>> {
        let found = match &mut self.index {
            Some(index) => index.look_up(members, name)?,
            None => self.search(members, name)?,
        };
        let member = &mut members[found];
        member.matched = true;
        Some(member.value.clone())
    }

    #[inline]
    fn search(&mut self, members: &[Member<'_>], name: &Name<'_>) -> Option<usize> {
        while members.get(self.front).is_some_and(|member| member.matched) {
            self.front += 1;
        }
        let mut unmatched = members[self.front..].iter();
        let found = if self.escaped || name.escaped {
            unmatched.position(|member| !member.matched && member.name.key.same(&name.key))
        } else {
            unmatched.position(|member| member.name.is_spelled(name) && !member.matched)
        };
        Some(self.front + found?)
    }
}

impl<'a> Index<'a> {
    fn new(members: &[Member<'a>]) -> Self {
        let (mut map, mut next) = (HashMap::with_capacity(members.len()), vec![None; members.len()]);
        for (index, member) in members.iter().enumerate().rev() {
            next[index] = map.insert(member.name.key.unescaped(), index);
        }
        Self { map, next }
    }

    fn look_up(&mut self, members: &[Member<'_>], name: &Name<'_>) -> Option<usize> {
        let slot = self.map.get_mut(&*name.key.unescaped())?;
        let found = *slot;
        // The slot of a used-up key stays and points at a matched member.
        match self.next[found] {
            Some(next) => *slot = next,
            None if members[found].matched => return None,
            None => {}
        }
        Some(found)
    }
}
