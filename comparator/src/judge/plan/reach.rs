//! What a policy asks for that its own numbers cannot give: known without a run, so refused before one.
//!
//! A policy may state the rate of its slices and a budget of units. Where these are below the units that a required
//! check needs however clean the candidate is, no run under it can end in a promote.

use super::super::slices::SliceState;
use super::super::{Judge, policy::Hypothesis};
use super::{run_of, spoken};
use crate::run::ControlMode;
use crate::slice::Slice;
use parallax_config::{Policy, UnitKind};

/// A demand that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// The setting, such as `policy.minimum_keys`.
    pub key: String,
    /// What cannot be.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// What no run under `policy` can meet; empty where nothing is known to stand in the way of a promote.
#[must_use]
pub fn unmet(policy: &Policy, control: ControlMode) -> Vec<Unmet> {
    let named = policy.slices.iter().map(|own| (Slice::from(own.slice.clone()), 0.0)).collect::<Vec<_>>();
    let judge = match Judge::new(&run_of(policy, control, &named)) {
        Ok(judge) => judge,
        Err(error) => {
            let key = format!("policy.{}", error.key);
            return vec![Unmet { key, what: error.to_string(), remedy: String::new() }];
        }
    };
    let slices = judge.slices.iter().filter_map(|slice| unmet_units(policy, &judge.hypotheses, slice));
    slices.chain(unmet_keys(policy)).chain(unmet_budget(policy, &judge.hypotheses)).collect()
}

/// A required slice whose stated rate brings too few units until the deadline.
fn unmet_units(policy: &Policy, hypotheses: &[Hypothesis], slice: &SliceState) -> Option<Unmet> {
    let own = policy.slices.iter().find(|own| own.slice == *slice.slice.labels())?;
    let (rate, seconds) = (own.rate?, policy.deadline.0.as_secs_f64());
    if !slice.slice.is_all() && own.required != Some(true) {
        return None;
    }
    let most = largest(hypotheses)?;
    (rate * seconds < most.n_req as f64).then(|| Unmet {
        key: "policy.slices".to_owned(),
        what: format!(
            "slice {}: {} needs {} units; {rate} a second until the deadline of {} are {:.0}: no promote could come",
            slice.slice,
            most.check,
            most.n_req,
            policy.deadline,
            (rate * seconds).floor()
        ),
        remedy: match rate > 0.0 {
            true => format!("raise deadline to {} or more, or delta", spoken(most.n_req as f64 / rate)),
            false => "correct the rate, or do not require the slice".to_owned(),
        },
    })
}

fn unmet_keys(policy: &Policy) -> Option<Unmet> {
    if policy.unit == UnitKind::Request {
        return None;
    }
    let rate = policy.slices.iter().find(|own| own.slice.is_empty()).and_then(|own| own.rate);
    let seen = rate.map(|rate| rate * policy.deadline.0.as_secs_f64());
    let most = seen.unwrap_or(f64::INFINITY).min(policy.keys_max as f64);
    (most < policy.minimum_keys as f64).then(|| Unmet {
        key: "policy.minimum_keys".to_owned(),
        what: format!(
            "is {}, but at most {most:.0} distinct keys can be seen: no promote could come",
            policy.minimum_keys
        ),
        remedy: match seen {
            Some(seen) if seen <= most => {
                "lower it, raise deadline, or correct the rate of the whole".to_owned()
            }
            _ => "lower it or raise keys_max".to_owned(),
        },
    })
}

pub(super) fn unmet_budget(policy: &Policy, hypotheses: &[Hypothesis]) -> Option<Unmet> {
    let (budget, most) = (policy.budget_units?, largest(hypotheses)?);
    (budget < most.n_req).then(|| Unmet {
        key: "policy.budget_units".to_owned(),
        what: format!("is {budget}, but {} needs {} units: no promote could come", most.check, most.n_req),
        remedy: format!("raise it, or delta of {}", most.check),
    })
}

/// The required check that needs the most units.
fn largest(hypotheses: &[Hypothesis]) -> Option<&Hypothesis> {
    let required = hypotheses.iter().filter(|hypothesis| hypothesis.required == Some(true));
    required.reduce(|most, next| if next.n_req > most.n_req { next } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;
    use parallax_config::SlicePolicy;

    fn keys(change: impl FnOnce(&mut Policy)) -> Vec<String> {
        let mut policy = Policy::default();
        change(&mut policy);
        unmet(&policy, ControlMode::Paired).into_iter().map(|unmet| unmet.key).collect()
    }

    fn rate(name: &[(&str, &str)], rate: f64, required: Option<bool>) -> SlicePolicy {
        let slice = name.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        SlicePolicy { slice, required, weight: None, rate: Some(rate) }
    }

    #[test]
    fn the_defaults_ask_for_nothing_that_is_known_to_be_missing() {
        assert_eq!(keys(|_| {}), Vec::<String>::new());
        // 11,707 units in two hours are 1.63 a second.
        assert_eq!(keys(|policy| policy.slices.push(rate(&[], 1.7, None))), Vec::<String>::new());
    }

    #[test]
    fn rates_and_budgets_below_what_a_check_needs_are_named() {
        let mut policy = Policy::default();
        policy.slices.push(rate(&[], 1.6, None));
        let found = unmet(&policy, ControlMode::Paired);
        assert_eq!(found.len(), 1);
        let Unmet { key, what, remedy } = &found[0];
        assert_eq!(key, "policy.slices");
        assert!(
            what.starts_with(
                "slice all: status needs 11707 units; 1.6 a second until the deadline of 2h are 11520"
            ),
            "{what}"
        );
        assert_eq!(remedy, "raise deadline to 2h1m57s or more, or delta");

        let route = [("route", "/orders")];
        assert_eq!(keys(|policy| policy.slices.push(rate(&route, 0.1, Some(true)))), ["policy.slices"]);
        assert!(
            keys(|policy| policy.slices.push(rate(&route, 0.1, None))).is_empty(),
            "listed as not certified"
        );
        assert_eq!(keys(|policy| policy.budget_units = Some(11_706)), ["policy.budget_units"]);
        assert!(keys(|policy| policy.budget_units = Some(11_707)).is_empty());
    }

    #[test]
    fn keys_that_cannot_come_are_named() {
        assert_eq!(keys(|policy| policy.keys_max = 100), ["policy.minimum_keys"]);
        let few = |policy: &mut Policy| {
            policy.slices.push(rate(&[], 1.7, None));
            policy.minimum_keys = 20_000;
        };
        assert_eq!(keys(few), ["policy.minimum_keys"]);
        assert!(
            keys(|policy| {
                few(policy);
                policy.unit = UnitKind::Request;
            })
            .is_empty()
        );
    }
}
