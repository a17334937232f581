//! Comparing two JSON texts without building either.
//!
//! Byte-equal texts are equal, valid or not. Otherwise both are read in lock-step, token against
//! token, and a path is put together only where something differs; this costs a tenth and less of
//! parsing both into trees.
//!
//! What equal means:
//!
//! * **Objects** are equal when for each key the values are, in any order of keys. A key that occurs
//!   more than once is compared occurrence by occurrence: the n-th with the n-th. Readers disagree
//!   on which occurrence counts (first, last, error); texts equal under this rule are equal for all
//!   of them.
//! * **Arrays** are ordered. Another number of elements is one `length` difference of the array and
//!   the same elements in another order are one `order` difference; a rule `unordered` compares an
//!   array as a multiset.
//! * **Numbers** are equal when their exact decimal values are; `NaN`, `Infinity` and `-Infinity`
//!   equal their own spelling.
//! * **Strings** are equal when they are after their escapes are undone.
//! * White space and a leading byte order mark mean nothing.
//!
//! A side that is not JSON makes the whole body `unparsable`: one difference, whatever else was
//! found. A fault that both texts share, byte for byte, may go unnoticed.

mod array;
mod cursor;
mod keyed;
mod lanes;
mod multiset;
mod number;
mod object;
mod skim;
mod string;
mod walk;

pub use lanes::portable;

pub(crate) use cursor::{Broken, Cursor, Fault, Type};
pub(crate) use number::{Decimal, same as same_number};
pub(crate) use string::RawStr;

use super::Kind;
use super::sink::{Sink, Stop};
use walk::Walk;

/// Which text is at fault, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SideFault {
    Left(Fault),
    Right(Fault),
}

/// How a body holds JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One value.
    Value,
    /// Values one after another, a line each: compared as if they stood in an array.
    Lines,
}

/// Records what differs between two JSON texts. Byte-equal ones need not be asked about: the caller
/// has compared them, or the first pass over [`Shape::Value`] finds out.
///
/// # Errors
/// One text is not JSON; nothing is recorded then. See [`unparsable`].
pub(crate) fn compare(left: &[u8], right: &[u8], shape: Shape, sink: &mut Sink<'_>) -> Result<(), SideFault> {
    let (left, right) = (without_mark(left), without_mark(right));
    let start = sink.mark();
    let mut walk = Walk::new(left, right, sink);
    let fault = match walk.run(shape) {
        Ok(()) | Err(Stop::Differs) => return Ok(()),
        Err(Stop::Exhausted) => {
            sink.exhausted(left, right);
            return Ok(());
        }
        Err(Stop::Left) => SideFault::Left(walk.left.fault()),
        Err(Stop::Right) => SideFault::Right(walk.right.fault()),
    };
    sink.rewind(start);
    Err(fault)
}

/// Records that a side is not JSON.
pub(crate) fn unparsable(left: &[u8], right: &[u8], fault: SideFault, sink: &mut Sink<'_>) {
    sink.whole_body(Kind::Unparsable, Some(left), Some(right), fault_note(fault));
}

/// Which side is not JSON, where and why, for people.
pub(crate) fn fault_note(fault: SideFault) -> String {
    let (side, Fault { at, expected }) = match fault {
        SideFault::Left(fault) => ("left", fault),
        SideFault::Right(fault) => ("right", fault),
    };
    format!("the {side} side is not JSON: expected {expected} at byte {at}")
}

fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}
