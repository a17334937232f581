//! Patterns of places in a JSON body: a pointer in which `*` is one step and `**` any number.

use crate::diff::path::{Step, unescape_token};

/// A compiled pattern.
///
/// Matching runs all alternatives side by side in one 64-bit set of states, so it is linear in the
/// path whatever the pattern: no backtracking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// This key, or this index where it is one.
    Literal { key: Box<[u8]>, index: Option<usize> },
    /// Any one step.
    Any,
    /// Any number of steps, none included.
    Deep,
}

/// How a path lies to the places of a pattern; several may hold at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Meeting {
    /// The path is one of the places.
    pub(crate) at: bool,
    /// The path is one of the places or lies below one.
    pub(crate) within: bool,
    /// The path lies below one of the places.
    pub(crate) below: bool,
    /// Places may lie below the path.
    pub(crate) above: bool,
}

/// Longest pattern, in steps: the states fit one word, the accepting one included.
const SEGMENTS_MAX: usize = 63;

impl Pattern {
    /// Compiles a pointer; the empty one is the whole body.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn parse(pointer: &str) -> Result<Self, String> {
        let segments: Vec<_> = match pointer.strip_prefix('/') {
            Some(steps) => steps.split('/').map(Segment::parse).collect(),
            None if pointer.is_empty() => Vec::new(),
            None => return Err(format!("a pointer starts with `/`: write `/{pointer}`")),
        };
        if segments.len() > SEGMENTS_MAX {
            return Err(format!("a pattern has {SEGMENTS_MAX} steps at most: use `**` for the middle"));
        }
        Ok(Self { segments })
    }

    /// Whether every path is within the pattern.
    pub(crate) fn is_everything(&self) -> bool {
        self.segments.iter().all(|segment| *segment == Segment::Deep)
    }

    /// How `path` lies to the places of the pattern.
    pub(crate) fn meet(&self, path: &[Step<'_>]) -> Meeting {
        let mut states = self.settle(1);
        let accept = 1_u64 << self.segments.len();
        let mut below = false;
        for step in path {
            below |= states & accept != 0;
            states = self.settle(self.advance(states, step));
            if states == 0 {
                break;
            }
        }
        let at = states & accept != 0;
        Meeting { at, below, within: at || below, above: states & !accept != 0 }
    }

    fn advance(&self, mut states: u64, step: &Step<'_>) -> u64 {
        let mut next = 0;
        while states != 0 {
            let state = states.trailing_zeros() as usize;
            states &= states - 1;
            match self.segments.get(state) {
                Some(Segment::Any) => next |= 2 << state,
                Some(Segment::Deep) => next |= 1 << state,
                Some(Segment::Literal { key, index }) if is_step(key, *index, step) => next |= 2 << state,
                Some(Segment::Literal { .. }) | None => {}
            }
        }
        next
    }

    /// A `**` may also stand for nothing.
    fn settle(&self, mut states: u64) -> u64 {
        for (state, segment) in self.segments.iter().enumerate() {
            if *segment == Segment::Deep && states & (1 << state) != 0 {
                states |= 2 << state;
            }
        }
        states
    }
}

fn is_step(key: &[u8], index: Option<usize>, step: &Step<'_>) -> bool {
    match step {
        Step::Key(name) => name.is(key),
        Step::Index(at) => index == Some(*at),
    }
}

impl Segment {
    fn parse(text: &str) -> Self {
        match text {
            "*" => Self::Any,
            "**" => Self::Deep,
            _ => Self::Literal { key: unescape_token(text).as_bytes().into(), index: text.parse().ok() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::json::RawStr;
    use proptest::prelude::*;

    fn path(text: &str) -> Vec<Step<'_>> {
        let step = |s| match str::parse(s) {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Key(RawStr(str::as_bytes(s))),
        };
        text.split('/').skip(1).map(step).collect()
    }

    fn meet(pattern: &str, at: &str) -> (bool, bool, bool) {
        let meeting = Pattern::parse(pattern).unwrap().meet(&path(at));
        (meeting.at, meeting.within, meeting.above)
    }

    #[test]
    fn a_path_is_at_below_above_or_beside_a_place() {
        assert_eq!(meet("/a/*/b", "/a/3/b"), (true, true, false));
        assert_eq!(meet("/a/*/b", "/a/x/b/c"), (false, true, false));
        assert_eq!(meet("/a/*/b", "/a/3"), (false, false, true));
        assert_eq!(meet("/a/*/b", "/b/3/b"), (false, false, false));
        assert_eq!(meet("/a/3", "/a/3"), (true, true, false));
        assert_eq!(meet("/a/3", "/a/4"), (false, false, false));
        assert_eq!(meet("", ""), (true, true, false));
        assert_eq!(meet("", "/a"), (false, true, false));
    }

    #[test]
    fn two_stars_stand_for_any_number_of_steps() {
        assert_eq!(meet("/**/id", "/id"), (true, true, true));
        assert_eq!(meet("/**/id", "/a/0/id"), (true, true, true));
        assert_eq!(meet("/**/id", "/a/0/ids"), (false, false, true));
        assert_eq!(meet("/a/**", "/a"), (true, true, true));
        assert_eq!(meet("/a/**/b/**/c", "/a/b/x/b/y/c"), (true, true, true));
        assert!(Pattern::parse("/**").unwrap().is_everything());
        assert!(!Pattern::parse("/*").unwrap().is_everything());
    }

    #[test]
    fn unusable_pointers_are_refused() {
        assert!(Pattern::parse("a/b").unwrap_err().contains("/a/b"));
        assert!(Pattern::parse(&"/x".repeat(64)).unwrap_err().contains("63"));
    }

    /// The plain recursive definition.
    fn oracle(pattern: &[&str], path: &[&str]) -> bool {
        match (pattern, path) {
            ([], []) => true,
            (["**", rest @ ..], _) => oracle(rest, path) || (!path.is_empty() && oracle(pattern, &path[1..])),
            ([head, rest @ ..], [step, steps @ ..]) => (*head == "*" || head == step) && oracle(rest, steps),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_its_recursive_definition(
            pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "**"]), 0..6),
            steps in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 0..7),
        ) {
            let join = |parts: &[&str]| parts.iter().map(|p| format!("/{p}")).collect::<String>();
            let joined = join(&steps);
            let meeting = Pattern::parse(&join(&pattern)).unwrap().meet(&path(&joined));
            prop_assert_eq!(meeting.at, oracle(&pattern, &steps));
            let within = (0..=steps.len()).any(|n| oracle(&pattern, &steps[..n]));
            prop_assert_eq!(meeting.within, within);
        }
    }
}
