//! Digests: of the policy, so that a changed one is another run; and of everything counted, so that a
//! recomputed verdict can be seen to rest on the same evidence.

use super::intake::Touched;
use super::mixture::Counts;
use super::policy::Hypothesis;
use super::slices::SliceState;
use crate::rows::{Exposure, RoleHistograms, SealedWindow};
use crate::run::Run;
use crate::slice::Slice;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// SHA-256 over what was judged, window by window.
///
/// Slices and checks go in first; then, for each window, its number, its exposure and its rows in the
/// order of the cells, as LEB128 integers. A row is: cell number + 1, counts, threshold, control-bad
/// units; 0 ends a window. A gap before it is 0 and the gap's four numbers.
#[derive(Debug, Clone)]
pub(crate) struct Digest(Sha256);

impl Digest {
    pub(crate) fn new(slices: &[SliceState], hypotheses: &[Hypothesis]) -> Self {
        let mut hash = Sha256::new();
        let names: Vec<_> = slices.iter().map(|state| &state.slice).collect();
        let checks: Vec<_> = hypotheses.iter().map(|hypothesis| &hypothesis.check).collect();
        hash.update(canonical(&json!([names, checks])));
        Self(hash)
    }

    /// Adds a window; `keys` are the run's distinct keys after it. (Which hashes a window brings depends on
    /// the partition; what they add up to does not.)
    ///
    /// A window in which nothing happened is as one left out: when empty windows are sealed is a matter of clocks.
    pub(crate) fn add(&mut self, window: &SealedWindow, touched: &[Touched], keys: u64) {
        if let Some(gap) = &window.gap {
            // No window has the number 0, so this cannot be taken for one.
            let mut bytes = Vec::new();
            [0, gap.from_ns, gap.until_ns, gap.windows, gap.lost].iter().for_each(|n| put(&mut bytes, *n));
            self.0.update(&bytes);
        }
        if touched.is_empty()
            && window.exposure.as_ref().is_none_or(|exposure| *exposure == Exposure::default())
        {
            return;
        }
        let mut bytes = Vec::with_capacity(64 + touched.len() * 12);
        put(&mut bytes, window.window);
        if let Some(exposure) = &window.exposure {
            put_exposure(&mut bytes, exposure);
            put(&mut bytes, keys);
        }
        for row in touched {
            put(&mut bytes, row.cell as u64 + 1);
            put_counts(&mut bytes, row.reject);
            if let Some(promote) = row.promote {
                put_counts(&mut bytes, promote);
                put(&mut bytes, row.threshold_ns.unwrap_or(0));
            }
            if let Some([_, bad]) = row.control {
                put(&mut bytes, bad);
            }
        }
        put(&mut bytes, 0);
        self.0.update(&bytes);
    }

    /// Adds the histograms of a window that is judged from them: by slice, the candidate's buckets, the control's
    /// and the missing outcomes; 0 ends each list.
    pub(crate) fn add_histograms(&mut self, latency: &BTreeMap<Slice, RoleHistograms>) {
        let mut bytes = Vec::new();
        for (slice, roles) in latency {
            bytes.extend(canonical(&json!(slice)).into_bytes());
            for arm in [&roles.candidate, &roles.control] {
                arm.buckets().iter().for_each(|(edge, count)| {
                    put(&mut bytes, *edge);
                    put(&mut bytes, *count);
                });
                put(&mut bytes, 0);
            }
            roles.missing.iter().for_each(|missing| put(&mut bytes, *missing));
        }
        self.0.update(&bytes);
    }

    /// SHA-256 of this digest, of `name` and of `numbers`, in hexadecimal.
    pub(crate) fn with(&self, name: &str, numbers: &[u64]) -> String {
        let mut hash = Sha256::new();
        hash.update(self.0.clone().finalize());
        hash.update(name);
        numbers.iter().for_each(|number| hash.update(number.to_le_bytes()));
        hex(&hash.finalize())
    }

    pub(crate) fn hex(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}

/// `sha256:` of the canonical JSON of policy, rules, profiles and slice weights.
pub(crate) fn policy_hash(run: &Run, slices: &[SliceState]) -> String {
    let weights: Vec<Value> =
        slices.iter().map(|state| json!({"slice": state.slice, "weight": state.weight})).collect();
    let mut document = json!({"policy": run.policy, "rules": run.rules, "weights": weights});
    if !run.profiles.is_empty() {
        // They decide what a status means; without them the hash is that of earlier builds.
        document["profiles"] = json!(run.profiles);
    }
    if let Some(set) = &run.descriptors {
        document["descriptors"] = json!(set);
    }
    format!("sha256:{}", hex(&Sha256::digest(canonical(&document))))
}

/// JSON without spaces, keys sorted at every depth.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort();
            let members: Vec<String> =
                keys.into_iter().map(|key| format!("{}:{}", json!(key), canonical(&members[key]))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        scalar => scalar.to_string(),
    }
}

fn put_exposure(bytes: &mut Vec<u8>, exposure: &Exposure) {
    for count in [
        exposure.mirrored,
        exposure.compared,
        exposure.shed,
        exposure.late,
        exposure.primary_failed,
        exposure.candidate_missing,
        exposure.control_missing,
        exposure.control_only_missing,
        exposure.ordered,
        exposure.candidate_first,
        exposure.candidate_offered,
        exposure.control_offered,
    ] {
        put(bytes, count);
    }
}

fn put_counts(bytes: &mut Vec<u8>, counts: Counts) {
    put(bytes, counts.n);
    put(bytes, counts.worse);
    put(bytes, counts.better);
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_does_not_depend_on_the_order_of_keys() {
        let value: Value = serde_json::from_str(r#"{"b": [1, {"z": null, "a": 0.5}], "a": "x\""}"#).unwrap();
        assert_eq!(canonical(&value), r#"{"a":"x\"","b":[1,{"a":0.5,"z":null}]}"#);
    }
}
