//! What judges decide, written down where all of them read it: the topic of cuts.
//!
//! Whether an exchange is late depends on what was sealed before it, so when to seal is itself
//! evidence. A judge therefore proposes each seal as a *cut*: the offset of every partition up to which
//! records count before it. The topic has one partition, and of several proposals with one number the
//! first stands for everybody, its author included. So a run is a function of its topics: a judge that
//! was killed, its successor and an independent one read the same records and the same cuts, and come
//! to the same verdict, byte for byte. A judge that lost its lead without noticing harms nobody.
//!
//! Offsets need no commit: the newest cut says how far a run has come.

use parallax_comparator::trial::Header;
use serde::{Deserialize, Serialize};

/// One decision about a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// A run begins, with the first offset of each partition.
    Begin {
        /// What is fixed for it.
        header: Box<Header>,
        /// By partition.
        offsets: Vec<i64>,
    },
    /// Windows are sealed.
    Seal {
        /// The run's name.
        run: String,
        /// Counts a run's cuts from 1.
        number: u64,
        /// The newest window to seal, by its absolute index.
        through: u64,
        /// What lies before these counts before the seal, what lies behind them after it.
        offsets: Vec<i64>,
    },
    /// The run ends: nothing comes any more.
    End {
        /// The run's name.
        run: String,
        /// As in a seal.
        number: u64,
        /// As in a seal.
        offsets: Vec<i64>,
    },
}

impl Decision {
    /// The cut's number; 0 for the beginning.
    #[must_use]
    pub fn number(&self) -> u64 {
        match self {
            Self::Begin { .. } => 0,
            Self::Seal { number, .. } | Self::End { number, .. } => *number,
        }
    }

    /// How far each partition is read before it.
    #[must_use]
    pub fn offsets(&self) -> &[i64] {
        match self {
            Self::Begin { offsets, .. } | Self::Seal { offsets, .. } | Self::End { offsets, .. } => offsets,
        }
    }

    /// The run that it is about.
    #[must_use]
    pub fn run(&self) -> &str {
        match self {
            Self::Begin { header, .. } => &header.run.run,
            Self::Seal { run, .. } | Self::End { run, .. } => run,
        }
    }
}

/// The decisions that stand, of the newest run.
#[derive(Debug, Clone, Default)]
pub struct Decisions {
    standing: Vec<Decision>,
    is_over: bool,
}

impl Decisions {
    /// Hears the next decision of the topic; whether it stands.
    ///
    /// A cut stands when it is the next of the run that goes on; a beginning, when none goes on.
    pub fn hear(&mut self, decision: Decision) -> bool {
        let next = self.standing.len() as u64;
        let stands = match (&decision, self.standing.first()) {
            (Decision::Begin { .. }, first) => first.is_none() || self.is_over,
            (_, Some(first)) => !self.is_over && decision.number() == next && decision.run() == first.run(),
            (_, None) => false,
        };
        if stands {
            if matches!(decision, Decision::Begin { .. }) {
                self.standing.clear();
            }
            self.is_over = matches!(decision, Decision::End { .. });
            self.standing.push(decision);
        }
        stands
    }

    /// The decision with this number, if it is made.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Decision> {
        self.standing.get(usize::try_from(number).ok()?)
    }

    /// Whether the newest run has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The beginning of the newest run.
    #[must_use]
    pub fn begin(&self) -> Option<(&Header, &[i64])> {
        match self.standing.first()? {
            Decision::Begin { header, offsets } => Some((header, offsets)),
            _ => None,
        }
    }

    /// How far the newest run has come.
    #[must_use]
    pub fn last(&self) -> Option<&Decision> {
        self.standing.last()
    }
}
