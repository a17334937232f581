//! What each setting of a policy does to a verdict, key by key, from one table.
//!
//! `config explain` says what a key is; this says what turning it costs and buys.

use parallax_config::Policy;

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The key below `[policy]`; `checks.*.tau` stands for every check.
    pub key: &'static str,
    /// What it decides.
    pub decides: &'static str,
    /// What a larger value (or `true`) does.
    pub larger: &'static str,
    /// What a smaller value (or `false`) does.
    pub smaller: &'static str,
}

/// The setting `key` (with or without `policy.`), the key of a single check included.
#[must_use]
pub fn setting(key: &str) -> Option<&'static Setting> {
    let key = key.strip_prefix("policy.").unwrap_or(key);
    let general = match key.strip_prefix("checks.").and_then(|rest| rest.rsplit_once('.')) {
        Some((_, field)) => format!("checks.*.{field}"),
        None => key.to_owned(),
    };
    SETTINGS.iter().find(|setting| setting.key == general)
}

impl Setting {
    /// Its value under `policy`; `None` where it is not set, or set for single checks or slices only.
    #[must_use]
    pub fn value(&self, policy: &Policy) -> Option<serde_json::Value> {
        serde_json::to_value(policy).ok()?.get(self.key).cloned()
    }

    /// The setting as a few lines of text, with its value under `policy` where it has one there.
    #[must_use]
    pub fn text(&self, policy: &Policy) -> String {
        let value = self.value(policy).map_or_else(String::new, |value| format!(" = {value}"));
        format!(
            "policy.{}{value}\n  decides  {}\n  larger   {}\n  smaller  {}\n",
            self.key, self.decides, self.larger, self.smaller
        )
    }
}

const fn setting_of(
    key: &'static str,
    decides: &'static str,
    larger: &'static str,
    smaller: &'static str,
) -> Setting {
    Setting { key, decides, larger, smaller }
}

/// Every setting, in the order of the configuration.
pub const SETTINGS: &[Setting] = &[
    setting_of(
        "alpha",
        "the chance that a candidate nowhere worse than tau is rejected, however often one looks",
        "rejects sooner, and more often wrongly",
        "rejects later; intervals widen",
    ),
    setting_of(
        "beta",
        "the chance that a candidate worse by delta on a required check is promoted",
        "promotes sooner, and more often wrongly",
        "promotes later: units needed grow with ln(1/beta)",
    ),
    setting_of(
        "tau",
        "the excess share of worse units that is tolerated (mismatch, field and outputs checks)",
        "forgives more; a reject then means more",
        "rejects smaller regressions, and needs more units to do so",
    ),
    setting_of(
        "delta",
        "the excess share of worse units that a promote excludes; between tau and delta either verdict may come",
        "promotes sooner: about 5.85/delta spotless units at beta = 0.01",
        "promises more, and needs more units; noise makes it dearer still",
    ),
    setting_of(
        "i_know",
        "whether tau may be 0 or below",
        "true: any real difference rejects in the end",
        "false: such a tau is refused",
    ),
    setting_of(
        "unit",
        "the grain of evidence: all exchanges of a key in a window, or each exchange",
        "session or key-once: bursts of one user count once; key-once also over a long run",
        "request: most units, valid only where requests are independent; no severe checks",
    ),
    setting_of(
        "window",
        "the length of a window: the grain of time, and of the burst guard",
        "fewer looks; longer until the guard's first windows are over",
        "decisions sooner (a demo uses a second or less); more windows to keep",
    ),
    setting_of(
        "key_block",
        "for how long a returning key counts once",
        "fewer units, each fresher",
        "more units that may share a fate, such as a stale cache",
    ),
    setting_of(
        "keys_max",
        "key hashes kept in each set; a full set makes the run invalid",
        "more memory: about 16 bytes a hash",
        "less memory, for less traffic",
    ),
    setting_of(
        "shadow_timeout",
        "how long a copy may take before its outcome is missing",
        "slow answers count as slow, not as missing; windows are sealed later",
        "slow answers count as missing",
    ),
    setting_of(
        "seal_delay",
        "how long after its end a window is sealed; evidence after that is late",
        "less is late; verdicts and latency thresholds lag more",
        "verdicts sooner; below shadow_timeout much is late and the run becomes invalid",
    ),
    setting_of(
        "warm_up",
        "the phase at the start whose latency is shown but not judged",
        "a cold runtime is forgiven longer; latency evidence starts later",
        "a candidate that starts colder than the control looks slower",
    ),
    setting_of(
        "severe_requests",
        "net discordant requests of one unit that make it severely worse",
        "only heavier damage counts as severe",
        "lighter damage counts; at 1 the severe checks repeat the others",
    ),
    setting_of(
        "minimum_time",
        "admission time that a promote needs",
        "sees slow faults such as leaks; promotes later",
        "promotes as soon as the evidence suffices",
    ),
    setting_of(
        "min_cycle",
        "a full cycle of the load that a promote needs, 24 h for a diurnal service",
        "every kind of traffic is seen",
        "night traffic may vouch for the day",
    ),
    setting_of(
        "minimum_keys",
        "distinct users that a promote needs",
        "a few heavy users cannot vouch for all",
        "small services can promote",
    ),
    setting_of("min_windows", "sealed windows that a promote needs", "promotes later", "promotes sooner"),
    setting_of(
        "coverage",
        "the share of mirrored exchanges that must be compared; below it the run is invalid",
        "less evidence may be lost",
        "more may be lost, and what is lost may be what fails",
    ),
    setting_of(
        "late",
        "the share of evidence that may come late",
        "more is forgiven",
        "a late comparator is invalid sooner",
    ),
    setting_of(
        "control_only_missing",
        "the share of exchanges in which only the control may be silent",
        "a dying control is noticed later, and flatters the candidate until then",
        "noticed sooner",
    ),
    setting_of(
        "quiet",
        "reject evidence above which a check may not promote",
        "promotes in the presence of more doubt",
        "waits until doubt has gone; 1 is the least",
    ),
    setting_of(
        "guard_windows",
        "windows for which the burst guard is always on, and after which required slices are fixed",
        "incidents at the start cannot reject; nothing promotes sooner",
        "decides sooner; one incident in an early window may reject an innocent build",
    ),
    setting_of(
        "deff_limit",
        "the design effect above which the guard stays on for good",
        "the guard latches less; units that share fate count more than they should",
        "latches more; decisions take longer",
    ),
    setting_of(
        "tau_window",
        "the excess share of worse windows that is tolerated while the guard is on",
        "more incidents are forgiven",
        "incidents reject sooner",
    ),
    setting_of(
        "delta_window",
        "the excess share of worse windows that a promote excludes while the guard is on",
        "fewer windows are needed: 56 spotless ones at 0.10",
        "rarer incidents are excluded, in more windows",
    ),
    setting_of(
        "replica_share",
        "the share of the excess that condemns one replica in place of the build",
        "a reject blames the build more often",
        "blames a node more often, and the run is invalid",
    ),
    setting_of(
        "nondeterministic",
        "the share of units in which the control itself fails, above which a field check is no longer required",
        "noisy fields stay required, and block promotes",
        "fields leave sooner",
    ),
    setting_of(
        "suspects_q",
        "the expected share of wrongly suspected checks",
        "more suspects, more of them wrong",
        "fewer suspects",
    ),
    setting_of(
        "futility_ratio",
        "how many times the units that are left a decision may need before the run counts as futile",
        "gives up later",
        "gives up sooner: at 2 with 5 looks a seventh of the right verdicts is lost",
    ),
    setting_of(
        "futility_looks",
        "futile watermarks in a row before giving up",
        "gives up later",
        "gives up sooner",
    ),
    setting_of(
        "thrifty",
        "whether a run ends once only an improving candidate could still promote",
        "true: saves time on noisy runs",
        "false: goes on until the deadline or futility",
    ),
    setting_of(
        "deadline",
        "when an undecided run becomes inconclusive",
        "more runs are decided",
        "sooner free",
    ),
    setting_of(
        "budget_units",
        "units after which the forecast takes the run to be over",
        "more is in reach",
        "futile sooner",
    ),
    setting_of(
        "self_test",
        "whether the candidate is the primary's own build",
        "true: a reject condemns the rig and no build",
        "false: a reject condemns the candidate",
    ),
    setting_of(
        "checks",
        "settings of one check: mismatch, status, error_rate, availability, latency.p50 to latency.p999, field.<path>, outputs, and the severe twins",
        "see checks.*.tau and the others",
        "a check that is not named has the defaults",
    ),
    setting_of(
        "checks.*.tau",
        "the tolerated excess share of this check; 0.0001 for status, error_rate, availability and the severe twins",
        "forgives more",
        "rejects smaller regressions, later",
    ),
    setting_of(
        "checks.*.delta",
        "the excess share of this check that a promote excludes; 0.0005 for those",
        "promotes sooner",
        "promises more, in more units",
    ),
    setting_of(
        "checks.*.required",
        "whether a promote needs this check",
        "true: its evidence and its units are waited for",
        "false: it can still reject",
    ),
    setting_of(
        "checks.*.reject_ratio",
        "how many times slower at this quantile counts towards a reject; never below the A/A ratio of the rig",
        "tolerates a slower candidate",
        "rejects smaller slowdowns, and noisy rigs",
    ),
    setting_of(
        "checks.*.promote_ratio",
        "how many times slower must be excluded before promoting; above reject_ratio",
        "promotes sooner",
        "promises more, in more units",
    ),
    setting_of(
        "checks.*.reject_floor",
        "the least slowdown that counts towards a reject, up to a quarter of the threshold",
        "small absolute slowdowns of fast endpoints are forgiven",
        "the ratio alone decides",
    ),
    setting_of(
        "checks.*.promote_floor",
        "the least slowdown to be excluded before promoting, up to half of the threshold",
        "promotes fast endpoints sooner",
        "the ratio alone decides",
    ),
    setting_of(
        "checks.*.noise_ratio",
        "how many times as often as the control the candidate may fail this check, beside tau; only under unit = \"request\"",
        "forgives more where the control itself fails often",
        "1: only tau is forgiven, however noisy the control",
    ),
    setting_of(
        "slices",
        "named parts of the traffic with evidence of their own",
        "more parts: each is watched, each takes a share of alpha and waits for its own units",
        "fewer: decisions sooner, faults in a small part may hide",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_the_policy_is_explained_once() {
        let full = Policy {
            seal_delay: Some(parallax_config::Span::secs(1)),
            min_cycle: Some(parallax_config::Span::secs(1)),
            budget_units: Some(1),
            ..Policy::default()
        };
        let value = serde_json::to_value(&full).unwrap();
        for key in value.as_object().unwrap().keys() {
            assert_eq!(SETTINGS.iter().filter(|setting| setting.key == key).count(), 1, "{key}");
        }
        let check = parallax_config::CheckPolicy {
            tau: Some(0.1),
            delta: Some(0.2),
            required: Some(true),
            reject_ratio: Some(1.1),
            promote_ratio: Some(1.2),
            reject_floor: Some(parallax_config::Span::secs(1)),
            promote_floor: Some(parallax_config::Span::secs(2)),
            noise_ratio: Some(1.5),
        };
        for field in serde_json::to_value(&check).unwrap().as_object().unwrap().keys() {
            assert!(setting(&format!("policy.checks.latency.p99.{field}")).is_some(), "{field}");
        }
        let known = |setting: &&Setting| {
            setting.key.contains('*')
                || ["checks", "slices"].contains(&setting.key)
                || value.get(setting.key).is_some()
        };
        assert!(SETTINGS.iter().all(|setting| known(&setting)), "a setting that no policy has");
    }

    #[test]
    fn an_explanation_has_the_value_that_it_speaks_of() {
        let text = setting("policy.alpha").unwrap().text(&Policy::default());
        assert!(text.starts_with("policy.alpha = 0.05\n  decides  the chance"), "{text}");
        assert!(setting("policy.aplha").is_none());
    }
}
