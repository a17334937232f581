//! The fast way through two texts that are almost equal.
//!
//! Only the bytes in which the texts differ need to be understood. Equal runs are compared as bytes;
//! of one text the brackets, commas and quotes are followed as bitmaps, 64 bytes at a time, which
//! tells the innermost member in which the texts part. That member alone is read by the lock-step
//! walk, and the comparison goes on behind it. Where a member cannot be found (another key, another
//! number of elements, moved white space) the walk reads the innermost container instead, and the
//! whole texts if that does not help either. What is recorded is what the walk would record.
//!
//! Bytes that are equal on both sides are not checked to be JSON.

mod bits;
mod stack;

use super::array::{Changed, MOVED_MAX};
use super::lanes::common_prefix;
use super::walk::Walk;
use crate::diff::path::Step;
use crate::diff::sink::{Mark, Stop};
use smallvec::{SmallVec, smallvec};
pub(super) use stack::closing;
use stack::{Halt, Odd, Stack, follow};

/// Why following stops early.
enum Leave {
    /// The walk has to read the whole texts.
    Odd,
    /// The elements of the array that closes here may be in another order.
    Moved,
    Stop(Stop),
}

impl From<Odd> for Leave {
    fn from(Odd: Odd) -> Self {
        Self::Odd
    }
}

impl From<Stop> for Leave {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// From `at` in the left text on the right one is `shift` bytes further on, until the next hop.
#[derive(Debug, Clone, Copy)]
struct Hop {
    at: usize,
    shift: isize,
    /// What had been recorded by then.
    mark: Mark,
}

/// An open array in which elements differ.
struct Touched {
    start: usize,
    changed: SmallVec<[Changed; 2]>,
}

struct Skim<'w, 'a, 's, 'r> {
    walk: &'w mut Walk<'a, 's, 'r>,
    stack: Stack,
    hops: SmallVec<[Hop; 4]>,
    touched: SmallVec<[Touched; 2]>,
    /// Bytes that may yet be read twice; beyond, reading everything once by the walk is cheaper.
    budget: usize,
}

impl Walk<'_, '_, '_> {
    /// Compares both texts to their ends; the cursors stand at their starts.
    pub(super) fn skim(&mut self) -> Result<(), Stop> {
        let mark = self.sink.mark();
        let budget = 2 * self.left.rest().len();
        let mut skim = Skim {
            walk: self,
            stack: Stack::new(),
            hops: smallvec![Hop { at: 0, shift: 0, mark }],
            touched: SmallVec::new(),
            budget,
        };
        match skim.run() {
            Ok(()) => Ok(()),
            Err(Leave::Stop(stop)) => Err(stop),
            Err(Leave::Odd | Leave::Moved) => {
                self.sink.rewind(mark);
                self.path.clear();
                self.left.seek(0);
                self.right.seek(0);
                self.whole()
            }
        }
    }
}

impl<'a> Skim<'_, 'a, '_, '_> {
    fn run(&mut self) -> Result<(), Leave> {
        loop {
            let (left, right) = (self.walk.left.rest(), self.walk.right.rest());
            let same = common_prefix(left, right);
            if same == left.len() && same == right.len() {
                // Texts that end here, with containers open, are both cut short.
                return if left.is_empty() && !self.stack.is_empty() {
                    Err(Leave::Odd)
                } else {
                    self.finish()
                };
            }
            let (from, to) = (self.walk.left.at(), self.walk.left.at() + same);
            match self.follow(from, to) {
                Err(Leave::Moved) => self.container(self.stack.len() - 1)?,
                Err(leave) => return Err(leave),
                Ok(()) if self.stack.is_empty() => return self.after_root(to),
                Ok(()) => self.member(from, to)?,
            }
        }
    }

    fn follow(&mut self, from: usize, to: usize) -> Result<(), Leave> {
        let mut from = from;
        loop {
            let Self { walk, stack, touched, .. } = self;
            // The innermost array with a changed element is looked at when it closes.
            let watched = touched.last().map(|touched| touched.start);
            let watched = stack.iter().rposition(|frame| Some(frame.start) == watched);
            let watched = watched.map_or(0, |depth| depth + 1);
            let Halt::Watched(bracket) = follow(walk.left.text(), from, to, stack, watched)? else {
                return Ok(());
            };
            if let Some(last) = touched.pop()
                && is_moved(walk, stack, &last)?
            {
                return Err(Leave::Moved);
            }
            stack.close();
            from = bracket + 1;
        }
    }

    /// The rest is equal: only the arrays that are still open have to be looked at.
    fn finish(&mut self) -> Result<(), Leave> {
        while let Some(last) = self.touched.pop() {
            let depth = self.stack.iter().position(|frame| frame.start == last.start).ok_or(Odd)?;
            if is_moved(self.walk, &self.stack[..=depth], &last)? {
                self.container(depth)?;
                // What follows was equal and is so still, from another place on.
                return self.run();
            }
        }
        Ok(())
    }

    /// The texts part at `to`, outside the root value: white space, or no JSON.
    fn after_root(&mut self, to: usize) -> Result<(), Leave> {
        let skip = to - self.walk.left.at();
        self.walk.left.seek(to);
        self.walk.right.seek(self.walk.right.at() + skip);
        match self.stack.root_closed && self.walk.left.peek().is_none() && self.walk.right.peek().is_none() {
            true => Ok(()),
            false => Err(Leave::Odd),
        }
    }

    /// Compares the innermost member, in which the texts part at `to`, having been equal from `from`.
    fn member(&mut self, from: usize, to: usize) -> Result<(), Leave> {
        let depth = self.stack.len() - 1;
        if let Some(unordered) = self.unordered()? {
            return self.container(unordered);
        }
        let frame = self.stack[depth];
        if frame.member < from {
            return if self.space(to) { Ok(()) } else { self.container(depth) };
        }
        let shift = self.walk.right.at() as isize - from as isize;
        let (left, right) = (self.walk.left, self.walk.right);
        self.walk.left.seek(frame.member);
        self.walk.right.seek(shifted(frame.member, shift));
        let Some(step) = self.step(depth) else {
            (self.walk.left, self.walk.right) = (left, right);
            return self.container(depth);
        };
        let before = self.walk.sink.mark();
        set_path(self.walk, &self.stack[..depth])?;
        self.walk.path.push(step);
        self.walk.value()?;
        let (left_end, right_end) = (self.walk.left.at(), self.walk.right.at());
        let parts = (to, shifted(to, shift));
        let reached = parts.0 <= left_end && parts.1 <= right_end;
        if !reached || parts == (left_end, right_end) {
            (self.walk.left, self.walk.right) = (left, right);
            return self.container(depth);
        }
        self.hop(before, depth + 1);
        Ok(())
    }

    /// The texts part at `to`, between two tokens. Whether passing white space brings them together.
    fn space(&mut self, to: usize) -> bool {
        let before = (self.walk.left, self.walk.right);
        let skip = to - before.0.at();
        self.walk.left.seek(to);
        self.walk.right.seek(before.1.at() + skip);
        let together = self.walk.left.peek() == self.walk.right.peek();
        if together {
            self.hop(self.walk.sink.mark(), 0);
        } else {
            (self.walk.left, self.walk.right) = before;
        }
        together
    }

    /// Reads the key or passes to the element, on both sides; `None` where that is not alike.
    fn step(&mut self, depth: usize) -> Option<Step<'a>> {
        let Walk { left, right, .. } = &mut *self.walk;
        let frame = self.stack[depth];
        if frame.is_array {
            let ends = left.peek() == Some(b']') || right.peek() == Some(b']');
            return (!ends).then_some(Step::Index(frame.index));
        }
        (left.peek() == Some(b'"') && right.peek() == Some(b'"')).then_some(())?;
        let start = left.at();
        let key = left.key().ok()?;
        // Mostly the right key is spelled alike, and need not be read.
        if right.eat(left.since(start)) || right.key().ok()?.same(&key) {
            return Some(Step::Key(key));
        }
        None
    }

    /// The outermost open array that a rule compares without regard to order.
    fn unordered(&mut self) -> Result<Option<usize>, Leave> {
        if !self.walk.sink.masks.has_pairings() {
            return Ok(None);
        }
        for depth in 0..self.stack.len() {
            set_path(self.walk, &self.stack[..depth])?;
            if self.walk.sink.masks.pairing(&self.walk.path).is_some() {
                return Ok(Some(depth));
            }
        }
        Ok(None)
    }

    /// Lets the walk compare the whole container at `depth`, and forgets what was found in it.
    fn container(&mut self, depth: usize) -> Result<(), Leave> {
        let start = self.stack[depth].start;
        let reached = self.walk.left.at();
        while self.hops.last().is_some_and(|hop| hop.at > start) {
            self.hops.pop();
        }
        let hop = *self.hops.last().ok_or(Odd)?;
        self.walk.sink.rewind(hop.mark);
        self.touched.retain(|touched| touched.start < start);
        self.stack.truncate(depth);
        self.stack.root_closed |= depth == 0;
        set_path(self.walk, &self.stack)?;
        self.walk.left.seek(start);
        self.walk.right.seek(shifted(start, hop.shift));
        self.walk.value()?;
        let end = self.walk.left.at();
        self.budget = self.budget.checked_sub(end - start).ok_or(Odd)?;
        if end <= reached {
            return Err(Leave::Odd);
        }
        self.hop(hop.mark, depth);
        Ok(())
    }

    /// Goes on behind a value that the walk compared; `before` is what had been recorded before it.
    fn hop(&mut self, before: Mark, depth: usize) {
        let (left, right) = (self.walk.left.at(), self.walk.right.at());
        let mark = self.walk.sink.mark();
        if mark != before {
            self.touch(depth);
        }
        self.hops.push(Hop { at: left, shift: right as isize - left as isize, mark });
        self.walk.path.clear();
    }

    /// Notes in each of the open arrays that its current element differs.
    fn touch(&mut self, depth: usize) {
        let arrays = self.stack[..depth].iter().filter(|frame| frame.is_array);
        for (nth, frame) in arrays.enumerate() {
            let hop = self.hops.iter().rev().find(|hop| hop.at <= frame.member);
            let right = shifted(frame.member, hop.map_or(0, |hop| hop.shift));
            if self.touched.get(nth).is_none_or(|touched| touched.start != frame.start) {
                self.touched.insert(nth, Touched { start: frame.start, changed: SmallVec::new() });
            }
            let changed = &mut self.touched[nth].changed;
            if changed.last().is_none_or(|last| last.index != frame.index) && changed.len() <= MOVED_MAX {
                changed.push(Changed { index: frame.index, starts: (frame.member, right) });
            }
        }
    }
}

/// Whether the elements that differ in the last array of `stack` are the same in another order.
fn is_moved(walk: &mut Walk<'_, '_, '_>, stack: &[stack::Frame], touched: &Touched) -> Result<bool, Leave> {
    let Some((_, outer)) = stack.split_last() else { return Err(Leave::Odd) };
    if !(2..=MOVED_MAX).contains(&touched.changed.len()) {
        return Ok(false);
    }
    set_path(walk, outer)?;
    let moved = walk.is_permutation(&touched.changed)?;
    walk.path.clear();
    Ok(moved)
}

/// Makes the path of the walk the one that leads through `stack`.
fn set_path(walk: &mut Walk<'_, '_, '_>, stack: &[stack::Frame]) -> Result<(), Leave> {
    walk.path.clear();
    let mut cursor = walk.left;
    for frame in stack {
        if frame.is_array {
            walk.path.push(Step::Index(frame.index));
            continue;
        }
        cursor.seek(frame.member);
        if cursor.peek() != Some(b'"') {
            return Err(Leave::Odd);
        }
        walk.path.push(Step::Key(cursor.string().map_err(|_| Odd)?));
    }
    Ok(())
}

fn shifted(at: usize, shift: isize) -> usize {
    at.checked_add_signed(shift).expect("the byte has a twin in the right text")
}
