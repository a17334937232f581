//! `parallax policy`: what a policy costs, before a run is started under it.
//!
//! A run that cannot end in a promote is best known before its two hours are spent, so a plan that has no way
//! there exits with the code of a wrong configuration.

use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::output::{self, Format};
use clap::{Args, Subcommand};
use parallax_comparator::check::Check;
use parallax_comparator::judge::explain::{SETTINGS, Setting, setting};
use parallax_comparator::judge::plan::{Plan, Question, usual_excesses};
use parallax_comparator::slice::Slice;
use parallax_config::{Policy as Settings, UnitKind};
use parallax_loadgen::Rate;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Plan a run before it starts, and explain what each setting of a policy costs.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Say how many units, and how long, a promote or a reject will take.
    #[command(after_help = "Examples:\n  parallax policy plan --keys 12000 --policy parallax.toml\n  \
                            parallax policy plan --rate 20/s --check latency.p99 --excess 1% --format json")]
    Plan(PlanRun),
    /// Explain one setting of a policy, or all of them: what a larger and a smaller value cost.
    #[command(after_help = "Examples:\n  parallax policy explain tau\n  \
                            parallax policy explain checks.status.delta --policy parallax.toml")]
    Explain(Explain),
}

/// Say how many units, and how long, a promote or a reject will take.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("traffic").required(true).args(["rate", "keys"])))]
pub(crate) struct PlanRun {
    /// Units a second: keys that begin a key block (or requests, under `unit = "request"`), such as `20/s`.
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,
    /// Distinct keys (users, tenants) that are active in a key block; in the whole run under `unit =
    /// "key-once"`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    keys: Option<u64>,
    /// The check that the candidate is worse at.
    #[arg(long, value_name = "CHECK", default_value = "mismatch")]
    check: Check,
    /// Excess share of worse units, such as `0.3%`; may be given several times. Usual sizes when absent.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    excess: Vec<f64>,
    /// Share of units that only one of two equal builds fails, each way.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    noise: f64,
    /// A slice and its share of the units, such as `route=/orders:30%`; may be given several times.
    #[arg(long, value_name = "NAME=VALUE:SHARE", value_parser = slice_share)]
    slice: Vec<(Slice, f64)>,
    /// A file with the `[policy]` tables, or a whole configuration; the defaults when absent.
    #[arg(long, visible_alias = "config", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// Explain one setting of a policy, or all of them.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The setting, such as `tau` or `checks.status.delta`; all of them when absent.
    #[arg(value_name = "SETTING")]
    setting: Option<String>,
    /// Shows the values of this file; the defaults when absent.
    #[arg(long, visible_alias = "config", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl Policy {
    pub(crate) fn run(self, _global: &Global) -> Outcome {
        match self {
            Self::Plan(plan) => plan.run(),
            Self::Explain(explain) => explain.run(),
        }
    }
}

impl PlanRun {
    fn run(self) -> Outcome {
        let format = self.format;
        let plan = Plan::new(&self.question()?).or_exit(Exit::Usage)?;
        match format {
            Format::Terminal => output::result(&plan.table())?,
            Format::Json => output::json(&plan)?,
        }
        Ok(if plan.problems.is_empty() { Exit::Ok } else { Exit::Usage })
    }

    fn question(self) -> Result<Question, Failure> {
        let policy = settings(self.policy.as_deref())?;
        let rate = match (self.rate, self.keys) {
            (Some(rate), _) => rate.per_second(),
            (None, keys) => keys.unwrap_or(0) as f64 / block_seconds(&policy)?,
        };
        let unnamed = policy.slices.iter().map(|own| Slice::from(own.slice.clone())).find(|slice| {
            !slice.is_all() && !slice.is_other() && !self.slice.iter().any(|(named, _)| named == slice)
        });
        if let Some(slice) = unnamed {
            let message = format!(
                "the policy names the slice `{slice}`, whose share of the units is not known: add --slice '{slice}:30%'"
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        let excesses =
            if self.excess.is_empty() { usual_excesses(&policy, &self.check) } else { self.excess };
        Ok(Question {
            units_per_second: rate,
            check: self.check,
            noise: self.noise,
            excesses,
            slices: self.slice,
            keys: self.keys,
            policy,
        })
    }
}

/// The time in which a key counts once.
fn block_seconds(policy: &Settings) -> Result<f64, Failure> {
    match policy.unit {
        UnitKind::Session => Ok(policy.key_block.0.as_secs_f64()),
        UnitKind::KeyOnce => Ok(policy.deadline.0.as_secs_f64()),
        UnitKind::Request => Err(Failure::new(
            Exit::Usage,
            "under policy.unit = \"request\" every request is a unit: give --rate instead of --keys",
        )),
    }
}

impl Explain {
    fn run(self) -> Outcome {
        let policy = settings(self.policy.as_deref())?;
        let chosen: Vec<&Setting> = match &self.setting {
            None => SETTINGS.iter().collect(),
            Some(key) => vec![setting(key).ok_or_else(|| unknown(key))?],
        };
        match self.format {
            Format::Terminal => {
                let texts: Vec<String> = chosen.iter().map(|setting| setting.text(&policy)).collect();
                output::result(&texts.join("\n"))?;
            }
            Format::Json => {
                let entry = |setting: &&Setting| {
                    json!({
                        "key": format!("policy.{}", setting.key),
                        "value": setting.value(&policy),
                        "decides": setting.decides,
                        "larger": setting.larger,
                        "smaller": setting.smaller,
                    })
                };
                let settings: Vec<_> = chosen.iter().map(entry).collect();
                output::json(&json!({ "schema": "parallax.settings/1", "settings": settings }))?;
            }
        }
        Ok(Exit::Ok)
    }
}

fn unknown(key: &str) -> Failure {
    let near = parallax_config::nearest(key, SETTINGS.iter().map(|setting| setting.key));
    let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    Failure::new(
        Exit::Usage,
        format!(
            "`{key}` is no setting of a policy{hint} (`parallax policy explain` without a name lists them all)"
        ),
    )
}

fn settings(file: Option<&Path>) -> Result<Settings, Failure> {
    let load = |file| Settings::load(file, parallax_config::environment()).map_err(super::config::refused);
    file.map_or_else(|| Ok(Settings::default()), load)
}

/// A share as a decimal or in percent.
fn share(text: &str) -> Result<f64, String> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    match number.trim().parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&(value / scale)) => Ok(value / scale),
        _ => Err("a share is a number from 0 to 1, or from 0% to 100%".to_owned()),
    }
}

fn slice_share(text: &str) -> Result<(Slice, f64), String> {
    let parts = text.rsplit_once(':').and_then(|(slice, part)| Some((slice.split_once('=')?, part)));
    let Some(((name, value), part)) = parts else {
        return Err("a slice is written NAME=VALUE:SHARE, such as route=/orders:30%".to_owned());
    };
    Ok((Slice::of(name, value), share(part)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_decimals_or_percentages() {
        assert_eq!(share("0.3%"), Ok(0.003));
        assert_eq!(share("0.003"), Ok(0.003));
        assert!(share("101%").is_err() && share("NaN").is_err() && share("x").is_err());
        assert_eq!(slice_share("route=/a:b:30%"), Ok((Slice::of("route", "/a:b"), 0.3)));
        assert!(slice_share("route:30%").is_err());
    }

    #[test]
    fn a_setting_that_is_misspelt_is_recognised() {
        assert!(unknown("deltaa").error.to_string().contains("did you mean `delta`?"));
        assert!(!unknown("colour").error.to_string().contains("did you mean"));
    }
}
