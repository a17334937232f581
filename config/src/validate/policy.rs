//! `[policy]`: the constraints of the specification's table 2.10.

use super::Findings;
use crate::keypath::KeyPath;
use crate::suggest::nearest;
use crate::tolerance::Family;
use crate::{CheckPolicy, Policy, Span, UnitKind};

pub(super) fn check(policy: &Policy) -> Findings {
    let mut findings = Findings::default();
    times(policy, &mut findings);
    evidence(policy, &mut findings);
    shares(policy, "mismatch", &root(), &mut findings);
    for (name, own) in &policy.checks {
        one_check(policy, name, own, &mut findings);
    }
    weights(policy, &mut findings);
    findings
}

fn root() -> KeyPath {
    KeyPath::of(&["policy"])
}

fn times(policy: &Policy, findings: &mut Findings) {
    let at = |key: &str| root().key(key);
    let window = policy.window.nanos();
    let blocks = policy.unit == UnitKind::Session;
    if blocks && window > 0 && !policy.key_block.nanos().is_multiple_of(window) {
        findings.problem(
            at("key_block"),
            format!("is {}, no multiple of window ({})", policy.key_block, policy.window),
            format!("write a multiple, such as {}", Span(policy.window.0 * 60)),
        );
    }
    if policy.deadline < policy.window {
        findings.problem(
            at("deadline"),
            format!("is {}, shorter than one window ({})", policy.deadline, policy.window),
            "raise deadline or shorten window",
        );
    }
    let limits = [("minimum_time", Some(policy.minimum_time)), ("min_cycle", policy.min_cycle)];
    for (key, time) in limits.into_iter().filter_map(|(key, time)| Some((key, time?))) {
        if time > policy.deadline {
            findings.problem(
                at(key),
                format!("is {time}, longer than deadline ({}): no promote could come", policy.deadline),
                format!("lower {key} or raise deadline"),
            );
        }
    }
    if policy.seal_delay() < policy.shadow_timeout {
        findings.problem(
            at("seal_delay"),
            format!("is {}, shorter than shadow_timeout ({})", policy.seal_delay(), policy.shadow_timeout),
            "a window must stay open until its slowest copy has answered or timed out; leave seal_delay out \
             for shadow_timeout + 5s",
        );
    }
    if policy.warm_up > policy.deadline {
        findings.problem(
            at("warm_up"),
            format!(
                "is {}, longer than deadline ({}): no latency would be judged",
                policy.warm_up, policy.deadline
            ),
            "lower warm_up or raise deadline",
        );
    }
}

fn evidence(policy: &Policy, findings: &mut Findings) {
    if policy.tau_window >= policy.delta_window {
        findings.problem(
            root().key("tau_window"),
            format!("is {}, must be below delta_window ({})", policy.tau_window, policy.delta_window),
            "lower tau_window or raise delta_window",
        );
    }
    if policy.alpha > 0.0 && policy.quiet >= 1.0 / policy.alpha {
        findings.problem(
            root().key("quiet"),
            format!(
                "is {}, as much evidence as a reject asks for (1/alpha = {})",
                policy.quiet,
                1.0 / policy.alpha
            ),
            "lower it; the default is 2",
        );
    }
}

/// `tau` and `delta` as they hold for a check, written at `at`.
fn shares(policy: &Policy, check: &str, at: &KeyPath, findings: &mut Findings) {
    let Some(shares) = policy.shares(check) else { return };
    if shares.tau <= 0.0 && !policy.i_know {
        findings.problem(
            at.key("tau"),
            format!("is {}: a tolerance of nothing blames every candidate in the end", shares.tau),
            "write a share above 0, or set policy.i_know = true",
        );
    }
    if shares.tau >= shares.delta {
        findings.problem(
            at.key("tau"),
            format!("is {}, must be below delta ({}) of {check}", shares.tau, shares.delta),
            "lower tau or raise delta",
        );
    }
}

fn one_check(policy: &Policy, name: &str, own: &CheckPolicy, findings: &mut Findings) {
    let at = root().key("checks").key(name);
    let has_slowdown =
        own.reject_ratio.or(own.promote_ratio).is_some() || own.reject_floor.or(own.promote_floor).is_some();
    let Some(family) = Family::of(name) else {
        let near = nearest(name, KNOWN.into_iter());
        let remedy = near.map_or_else(
            || format!("the checks are {} and field.<JSON pointer>", KNOWN.join(", ")),
            |near| format!("did you mean `{}`?", root().key("checks").key(near)),
        );
        return findings.problem(at, "no such check", remedy);
    };
    if matches!(family, Family::Latency(_)) {
        if own.noise_ratio.is_some() {
            findings.problem(
                at.key("noise_ratio"),
                "has no meaning for a latency quantile",
                "set reject_ratio and promote_ratio",
            );
        }
        if own.tau.or(own.delta).is_some() {
            findings.problem(
                at.clone(),
                "tau and delta have no meaning for a latency quantile",
                format!("set reject_ratio and promote_ratio here, or tau and delta on `{name}.severe`"),
            );
        }
        return slowdown(policy, name, &at, findings);
    }
    if has_slowdown {
        let remedy = name.strip_suffix(".severe").filter(|base| base.starts_with("latency."));
        findings.problem(
            at.clone(),
            "ratios and floors have a meaning for latency quantiles only",
            remedy.map_or_else(|| "leave them out".to_owned(), |base| format!("set them on `{base}`")),
        );
    }
    if own.noise_ratio.is_some() && (policy.unit != UnitKind::Request || name.ends_with(".severe")) {
        findings.problem(
            at.key("noise_ratio"),
            "counts requests that both arms fail, which units of several requests do not show",
            "leave it out, or set policy.unit = \"request\" where requests are independent",
        );
    }
    if name.ends_with(".severe") && policy.unit == UnitKind::Request {
        findings.warning(
            at.clone(),
            "severe checks are off with unit = \"request\": one request is never severe",
            "leave these settings out",
        );
    }
    // The policy's own pair is reported where it is written; here only what the check adds.
    if own.tau.or(own.delta).is_some() {
        shares(policy, name, &at, findings);
    }
}

fn slowdown(policy: &Policy, name: &str, at: &KeyPath, findings: &mut Findings) {
    let Some(slowdown) = policy.slowdown(name) else { return };
    if slowdown.promote_ratio <= slowdown.reject_ratio {
        findings.problem(
            at.key("promote_ratio"),
            format!("is {}, must be above reject_ratio ({})", slowdown.promote_ratio, slowdown.reject_ratio),
            "between the two lies what is neither rejected nor promoted; leave room for it",
        );
    }
    if slowdown.promote_floor <= slowdown.reject_floor {
        findings.problem(
            at.key("promote_floor"),
            format!("is {}, must be above reject_floor ({})", slowdown.promote_floor, slowdown.reject_floor),
            "between the two lies what is neither rejected nor promoted; leave room for it",
        );
    }
}

fn weights(policy: &Policy, findings: &mut Findings) {
    let count = policy.slices.len();
    if count > Policy::SLICES_MAX {
        findings.problem(
            root().key("slices"),
            format!("there are {count} slices, at most {} can be told apart", Policy::SLICES_MAX),
            "name those that must be certified on their own; the rest is the slice `other`",
        );
    }
    let sum: f64 = policy.slices.iter().filter_map(|slice| slice.weight).sum();
    if sum >= 1.0 {
        findings.problem(
            root().key("slices"),
            format!("the weights add up to {sum}; the whole population and the other slices get none"),
            "keep the sum below 1, or leave weights out",
        );
    }
}

/// Checks by name, for suggestions.
const KNOWN: [&str; 14] = [
    "mismatch",
    "status",
    "error_rate",
    "availability",
    "latency.p50",
    "latency.p90",
    "latency.p99",
    "latency.p999",
    "outputs",
    "mismatch.severe",
    "latency.p50.severe",
    "latency.p90.severe",
    "latency.p99.severe",
    "latency.p999.severe",
];
