//! The lock-step walk: two cursors, one path.

use super::cursor::{Broken, Cursor, Type};
use super::object::Member;
use super::{Shape, number};
use crate::diff::Kind;
use crate::diff::path::Step;
use crate::diff::sink::{Sink, Stop};
use smallvec::SmallVec;

/// Two texts being read side by side.
pub(super) struct Walk<'a, 's, 'r> {
    pub(super) left: Cursor<'a>,
    pub(super) right: Cursor<'a>,
    pub(super) path: SmallVec<[Step<'a>; 16]>,
    /// The members that are yet to be matched of the objects that are compared by key, innermost last.
    pub(super) members: SmallVec<[Member<'a>; 24]>,
    pub(super) sink: &'s mut Sink<'r>,
}

/// The offsets at which a value starts on both sides.
pub(super) type Starts = (usize, usize);

impl<'a, 's, 'r> Walk<'a, 's, 'r> {
    pub(super) fn new(left: &'a [u8], right: &'a [u8], sink: &'s mut Sink<'r>) -> Self {
        let (left, right) = (Cursor::new(left), Cursor::new(right));
        Self { left, right, path: SmallVec::new(), members: SmallVec::new(), sink }
    }

    /// Compares both texts to their ends.
    pub(super) fn run(&mut self, shape: Shape) -> Result<(), Stop> {
        match shape {
            Shape::Value => self.skim(),
            Shape::Lines => {
                self.array(Shape::Lines, (0, 0))?;
                self.finish()
            }
        }
    }

    /// Compares both texts to their ends, token by token.
    pub(super) fn whole(&mut self) -> Result<(), Stop> {
        self.value()?;
        self.finish()
    }

    fn finish(&mut self) -> Result<(), Stop> {
        self.left.finish().map_err(on_left)?;
        self.right.finish().map_err(on_right)
    }

    /// Compares the values at the cursors and leaves both after them.
    pub(super) fn value(&mut self) -> Result<(), Stop> {
        let left = self.left.peek_type().map_err(on_left)?;
        let right = self.right.peek_type().map_err(on_right)?;
        let starts = (self.left.at(), self.right.at());
        match (left, right) {
            (Type::String, Type::String) => self.string(starts),
            (Type::Object, Type::Object) => self.object(),
            (Type::Array, Type::Array) => {
                self.left.bump();
                self.right.bump();
                self.array(Shape::Value, starts)
            }
            (Type::Number, Type::Number) => self.number(starts),
            (Type::Null, Type::Null) | (Type::Boolean, Type::Boolean) => {
                let left = self.left.literal().map_err(on_left)?;
                let right = self.right.literal().map_err(on_right)?;
                if left == right { Ok(()) } else { self.differ(Kind::Value, starts) }
            }
            _ => {
                let depth = self.path.len();
                self.left.skip(depth).map_err(on_left)?;
                self.right.skip(depth).map_err(on_right)?;
                self.differ(Kind::Type, starts)
            }
        }
    }

    #[inline]
    fn string(&mut self, starts: Starts) -> Result<(), Stop> {
        (self.left.escaped, self.right.escaped) = (false, false);
        let left = self.left.string().map_err(on_left)?;
        // Most strings are equal byte for byte: then the right one need not be scanned.
        if self.right.eat(self.left.since(starts.0)) {
            return Ok(());
        }
        let right = self.right.string().map_err(on_right)?;
        // Written differently, and so meant unless there are escapes.
        let escaped = self.left.escaped || self.right.escaped;
        if escaped && left.same(&right) { Ok(()) } else { self.differ(Kind::Value, starts) }
    }

    #[inline]
    fn number(&mut self, starts: Starts) -> Result<(), Stop> {
        let left = self.left.number().map_err(on_left)?;
        let right = self.right.number().map_err(on_right)?;
        if left == right || (number::same(left, right) && !self.sink.masks.exact_spelling(&self.path)) {
            return Ok(());
        }
        self.differ(Kind::Value, starts)
    }

    /// Records a difference between the values from `starts` up to the cursors.
    pub(super) fn differ(&mut self, kind: Kind, starts: Starts) -> Result<(), Stop> {
        let (left, right) = (self.left.since(starts.0), self.right.since(starts.1));
        self.sink.json(&self.path, kind, Some(left), Some(right))
    }

    /// Records what only one side has, one step below the path.
    pub(super) fn lone(
        &mut self,
        step: Step<'a>,
        left: Option<&[u8]>,
        right: Option<&[u8]>,
    ) -> Result<(), Stop> {
        let kind = if left.is_some() { Kind::Missing } else { Kind::Extra };
        self.path.push(step);
        let recorded = self.sink.json(&self.path, kind, left, right);
        self.path.pop();
        recorded
    }

    /// Compares the values at `starts`, one step below the path; leaves the cursors after them.
    pub(super) fn value_at(&mut self, step: Step<'a>, starts: Starts) -> Result<(), Stop> {
        self.left.seek(starts.0);
        self.right.seek(starts.1);
        self.path.push(step);
        self.value()?;
        self.path.pop();
        Ok(())
    }

    /// Whether the values at `starts` are equal under the rules. The cursors stay where they are.
    pub(super) fn equal_at(&mut self, step: Step<'a>, starts: Starts) -> Result<bool, Stop> {
        let (left, right, depth) = (self.left, self.right, self.path.len());
        self.sink.begin_probe();
        let answer = self.value_at(step, starts);
        self.sink.end_probe();
        if matches!(answer, Err(Stop::Left | Stop::Right)) {
            // The cursors tell where the fault is.
            return answer.map(|()| false);
        }
        let read = self.left.at().saturating_sub(starts.0);
        (self.left, self.right) = (left, right);
        self.path.truncate(depth);
        match answer {
            Ok(()) => self.sink.pay(read).map(|()| true),
            Err(Stop::Differs) => self.sink.pay(read).map(|()| false),
            Err(stop) => Err(stop),
        }
    }
}

#[inline]
pub(super) fn on_left(Broken: Broken) -> Stop {
    Stop::Left
}

#[inline]
pub(super) fn on_right(Broken: Broken) -> Stop {
    Stop::Right
}
