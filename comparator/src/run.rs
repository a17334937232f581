//! What is fixed when a run starts: the first record of its log.

use crate::check::Check;
use crate::slice::Slice;
use parallax_config::{Policy, ProfileName, Rule};
use serde::{Deserialize, Serialize};

/// One trial of one candidate digest under one policy.
///
/// Everything that the judge needs beside the tallies; a verdict is a function of this and of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Names the run, such as `2026-11-22T14-02Z-a1b2`.
    pub run: String,
    /// The run that this one continues.
    pub continues: Option<String>,
    /// Runs of the same candidate digest so far, this one included.
    pub attempt: u64,
    /// Windows of the undecided run that this one goes on from: counters, window indices, restarts, guard
    /// and key sets continue, and the deadline counts from there. They come first among the tallies.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub carried_windows: u64,
    /// Unix time in nanoseconds.
    pub started_ns: u64,
    /// The build under validation.
    pub candidate: Build,
    /// The primary's build.
    pub baseline: Build,
    /// How the control is mirrored.
    pub control: ControlMode,
    /// The policy in full.
    pub policy: Policy,
    /// The masks in full, those that the profiles bring included.
    pub rules: Vec<Rule>,
    /// The routes that carry a vendor's event API.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<RouteProfile>,
    /// Named slices, from the policy or else the routes; `all` and `other` are implied.
    pub slices: Vec<Slice>,
    /// Version of the comparison; another version is another run.
    pub normaliser: u32,
    /// The checks that evidence is gathered for; all of them when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// The candidate's replicas where they are known; a verdict can then tell a bad replica from a bad build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<String>,
    /// What the previous run of this service counted by slice; weights and expectations come from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<SliceHistory>,
    /// Counts of an earlier A/A run of this rig; they bound the noise where there is no control.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noise: Vec<NoiseCounts>,
    /// The protobuf descriptor set in base64, so that the log alone is enough to compare again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<String>,
}

impl Run {
    /// What makes `other` another trial than this one, so that neither may go on from the other's evidence.
    ///
    /// `None` where both validate the same build against the same one, by the same comparison, rules and policy.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> Option<&'static str> {
        let parts = [
            ("the candidate's build", self.candidate != other.candidate),
            ("the primary's build", self.baseline != other.baseline),
            ("the control", self.control != other.control),
            ("the version of the comparison", self.normaliser != other.normaliser),
            ("the policy", self.policy != other.policy),
            ("the rules", self.rules != other.rules),
            ("the routes' profiles", self.profiles != other.profiles),
            ("the slices", self.slices != other.slices),
            ("the checks", self.checks != other.checks),
            ("the candidate's replicas", self.replicas != other.replicas),
            ("the noise of an earlier run", self.noise != other.noise),
            ("the protobuf descriptors", self.descriptors != other.descriptors),
        ];
        parts.into_iter().find(|(_, differs)| *differs).map(|(name, _)| name)
    }
}

/// A route that carries a vendor's event API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteProfile {
    /// The route's name.
    pub route: String,
    /// The vendor.
    pub profile: ProfileName,
}

/// What an earlier run counted in one slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceHistory {
    /// The sub-population.
    pub slice: Slice,
    /// Its units of the mismatch check.
    pub units: u64,
    /// Windows that the run had, empty ones included; at least 1.
    pub windows: u64,
}

/// What an A/A run without a control counted for one check over the whole population.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoiseCounts {
    /// The question.
    pub check: Check,
    /// Units.
    pub units: u64,
    /// Units in which the copy did worse than the primary.
    pub worse: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The version of the comparison itself: raised when equal inputs may compare differently.
pub const NORMALISER: u32 = 2;

/// A build of the service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Build {
    /// Image name.
    pub image: Option<String>,
    /// Image digest.
    pub digest: Option<String>,
    /// Source revision.
    pub revision: Option<String>,
}

/// How the control is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlMode {
    /// The same requests as the candidate.
    Paired,
    /// A hash-sampled fraction of them.
    Sampled,
    /// No control.
    None,
}
