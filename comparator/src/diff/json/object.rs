//! Objects: members in lock-step while the keys agree, then by key.

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
        let mut first = (true, true);
        loop {
            match self.members(&mut first)? {
                (None, None) => return Ok(()),
                (Some(left), Some(right)) if left.same(&right) => {
                    self.path.push(Step::Key(left));
                    self.value()?;
                    self.path.pop();
                }
                (left, right) => return self.by_key(left, right),
            }
        }
    }

    /// Compares the rest of two objects by key, from the members whose keys were just read.
    fn by_key(&mut self, left: Option<RawStr<'a>>, right: Option<RawStr<'a>>) -> Result<(), Stop> {
        let mut rest = Rest::default();
        let depth = self.path.len() + 1;
        let mut key = right;
        while let Some(name) = key {
            self.right.peek();
            let start = self.right.at();
            self.right.skip(depth).map_err(on_right)?;
            rest.members.push(Member { key: name, value: start..self.right.at(), matched: false });
            key = self.right.member(&mut false, depth).map_err(on_right)?;
        }
        let end = self.right.at();
        rest.index();
        let mut key = left;
        while let Some(name) = key {
            match rest.take(&name) {
                Some(value) => {
                    let start = self.left.at();
                    self.value_at(Step::Key(name), (start, value.start))?;
                }
                None => {
                    let text = self.left.skip(depth).map_err(on_left)?;
                    self.lone(Step::Key(name), Some(text), None)?;
                }
            }
            key = self.left.member(&mut false, depth).map_err(on_left)?;
        }
        for member in rest.members.iter().filter(|member| !member.matched) {
            let text = self.right.slice(&member.value);
            self.lone(Step::Key(member.key), None, Some(text))?;
        }
        self.right.seek(end);
        Ok(())
    }
}

/// The members of one object that are yet to be matched, in the order of the text.
#[derive(Default)]
struct Rest<'a> {
    members: Vec<Member<'a>>,
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
        let unmatched = self.members[self.front..].iter();
        let found = unmatched.enumerate().find(|(_, member)| !member.matched && member.key.same(key))?;
        Some(self.front + found.0)
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
