//! Pointers with `*` for one step and `**` for any number.
//!
//! The comparator's rules have the same language over its own cursor; this one steps through a text
//! that is being read, and knows nothing of differences. All alternatives run side by side in one
//! word, so a step costs the same whatever the pattern.

/// Longest pattern, in steps: the states fit one word, the accepting one included.
const STEPS_MAX: usize = 63;

/// A compiled pointer.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Literal(Box<[u8]>),
    Any,
    Deep,
}

/// Which alternatives are alive: bit `i` says that the first `i` steps have been met.
pub(super) type States = u64;

impl Pattern {
    /// Compiles a pointer; the empty one is the whole body.
    pub(super) fn parse(pointer: &str) -> Result<Self, String> {
        let steps: Vec<_> = match pointer.strip_prefix('/') {
            Some(steps) => steps.split('/').map(Step::parse).collect(),
            None if pointer.is_empty() => Vec::new(),
            None => return Err(format!("a pointer starts with `/`: write `/{pointer}`")),
        };
        if steps.len() > STEPS_MAX {
            return Err(format!("a pattern has {STEPS_MAX} steps at most: use `**` for the middle"));
        }
        Ok(Self { steps })
    }

    /// The states before the first step.
    pub(super) fn start(&self) -> States {
        self.settle(1)
    }

    /// The states after a step to this member or index.
    pub(super) fn advance(&self, mut states: States, name: &[u8]) -> States {
        let mut next = 0;
        while states != 0 {
            let state = states.trailing_zeros() as usize;
            states &= states - 1;
            match self.steps.get(state) {
                Some(Step::Any) => next |= 2 << state,
                Some(Step::Deep) => next |= 1 << state,
                Some(Step::Literal(literal)) if **literal == *name => next |= 2 << state,
                Some(Step::Literal(_)) | None => {}
            }
        }
        self.settle(next)
    }

    /// Whether the path so far is one of the pattern's places.
    pub(super) fn accepts(&self, states: States) -> bool {
        states & (1 << self.steps.len()) != 0
    }

    /// A `**` may also stand for nothing.
    fn settle(&self, mut states: States) -> States {
        for (state, step) in self.steps.iter().enumerate() {
            if *step == Step::Deep && states & (1 << state) != 0 {
                states |= 2 << state;
            }
        }
        states
    }
}

impl Step {
    fn parse(text: &str) -> Self {
        match text {
            "*" => Self::Any,
            "**" => Self::Deep,
            _ => Self::Literal(text.replace("~1", "/").replace("~0", "~").into_bytes().into()),
        }
    }
}
