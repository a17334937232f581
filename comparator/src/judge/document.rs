//! From the judge's state to the document.

use super::Judge;
use super::bounds::confidence;
use super::decision::{Outcome, Stop};
use super::latency::Tolerance;
use super::math::{ln, rounded};
use super::policy::is_bounded;
use crate::check::{Check, Quantile};
use crate::rows::Signs;
use crate::run::ControlMode;
use crate::verdict::{
    AfterFinal, CheckLine, CheckState, ConservationLine, Evidence, Excess, ExposureLine, Forecast,
    GlobalReject, Hypothesis, LatencyLine, NoiseFloor, PolicyLine, Replay, SCHEMA, State, Thresholds,
    Uncertified, Verdict, WeakestPromote,
};
use parallax_config::UnitKind;

impl Judge {
    /// The document at the newest watermark.
    ///
    /// Once a final state is reached, the document of that watermark stands and only `after_final` follows.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let Some(settled) = &self.settled else {
            return self.document();
        };
        let mut verdict = Verdict::clone(settled);
        if self.watermark > verdict.sealed_windows {
            verdict.after_final = Some(AfterFinal {
                verdict: self.outcome.state(),
                reason: self.reason(),
                watermark: self.time_of(self.watermark_ns),
                sealed_windows: self.watermark,
                units: self.cells[self.mismatch_of_all()].units().n,
                culprits: self.culprits().into_iter().map(|cell| self.name_of(cell)).collect(),
            });
        }
        verdict
    }

    pub(super) fn document(&self) -> Verdict {
        let state = self.outcome.state();
        let is_final = self.outcome.is_final();
        let (culprits, suspects) = (self.culprits(), self.suspects());
        Verdict {
            schema: SCHEMA.into(),
            run: self.run.run.clone(),
            continues: self.run.continues.clone(),
            attempt: self.run.attempt,
            verdict: state,
            is_final,
            partial: self.ended && !is_final,
            code: state.code(),
            promote: match state {
                State::Promote => Some(true),
                State::Reject | State::Invalid if is_final => Some(false),
                _ => None,
            },
            reject: state == State::Reject,
            reason: self.reason(),
            candidate: self.run.candidate.clone(),
            baseline: self.run.baseline.clone(),
            control: self.run.control,
            noise_floor: self.noise_floor(),
            replica_check: self.replica_check(),
            not_checked: self.not_checked(),
            watermark: self.time_of(self.watermark_ns),
            sealed_windows: self.watermark,
            policy: self.policy_line(),
            exposure: self.exposure_line(),
            conservation: self.conservation_line(),
            evidence: self.evidence(),
            checks: (0..self.cells.len()).map(|cell| self.check_line(cell, &culprits, &suspects)).collect(),
            culprits: culprits.into_iter().map(|cell| self.name_of(cell)).collect(),
            suspects: suspects.into_iter().map(|cell| self.name_of(cell)).collect(),
            forecast: self.forecast(),
            not_individually_certified: self.uncertified(),
            after_final: None,
            replay: Replay {
                topic: None,
                offsets: std::collections::BTreeMap::new(),
                counters_sha256: self.digest.hex(),
            },
        }
    }

    pub(super) fn name_of(&self, cell: usize) -> Hypothesis {
        Hypothesis { slice: self.slice_of(cell).slice.clone(), check: self.hypothesis_of(cell).check.clone() }
    }

    /// Hypotheses whose own evidence was ever enough; in the order of the documents.
    pub(super) fn culprits(&self) -> Vec<usize> {
        (0..self.cells.len())
            .filter(|cell| self.cells[*cell].ln_r_max >= self.levels.reject - ln(self.slice_of(*cell).weight))
            .collect()
    }

    /// The e-BH procedure on the evidence at this watermark: the largest `k` for which the `k`-th largest
    /// R is at least `m/(k q)`; most evidence first.
    fn suspects(&self) -> Vec<usize> {
        let (all, q) = (self.cells.len() as f64, self.run.policy.suspects_q);
        let mut ranked: Vec<usize> =
            (0..self.cells.len()).filter(|cell| self.cells[*cell].ln_r >= -ln(q)).collect();
        ranked.sort_by(|a, b| self.cells[*b].ln_r.total_cmp(&self.cells[*a].ln_r).then(a.cmp(b)));
        let fits = |rank: usize| self.cells[ranked[rank - 1]].ln_r >= ln(all / (rank as f64 * q));
        let found = (1..=ranked.len()).rev().find(|rank| fits(*rank)).unwrap_or(0);
        ranked.truncate(found);
        ranked
    }

    fn noise_floor(&self) -> NoiseFloor {
        match self.run.control {
            ControlMode::Paired | ControlMode::Sampled => NoiseFloor::Measured,
            ControlMode::None if is_bounded(&self.run) => NoiseFloor::Bounded,
            ControlMode::None => NoiseFloor::Assumed,
        }
    }

    fn replica_check(&self) -> String {
        if !self.replicas.is_possible() {
            return "not possible".to_owned();
        }
        match self.replica_to_blame() {
            Some(replica) if self.ln_mean >= self.levels.reject => {
                format!("replica {replica} explains the excess")
            }
            _ => "ok".to_owned(),
        }
    }

    fn not_checked(&self) -> Vec<String> {
        let mut gaps = if self.watermark > 0 { self.rig.not_checked() } else { Vec::new() };
        gaps.extend(self.rig.gaps());
        gaps.extend(self.unjudged.iter().map(|check| format!("{check}: no counts were given")));
        if self.watermark > 0 && !self.rig.has_keys && self.needs_keys() {
            gaps.push("minimum_keys: no keys were given".to_owned());
        }
        gaps.extend(self.skipped.iter().cloned());
        gaps.extend(self.shown_latency());
        if self.foreign_rows > 0 {
            gaps.push(format!("{} rows of slices or checks that this run does not judge", self.foreign_rows));
        }
        gaps
    }

    pub(super) fn time_of(&self, unix_ns: u64) -> Option<String> {
        let seconds = i64::try_from(unix_ns / 1_000_000_000).ok().filter(|_| unix_ns > 0)?;
        jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
    }

    fn policy_line(&self) -> PolicyLine {
        let policy = &self.run.policy;
        let kind = match policy.unit {
            UnitKind::Session => "session",
            UnitKind::Request => "request",
            UnitKind::KeyOnce => "key-once",
        };
        PolicyLine {
            hash: self.policy_hash.clone(),
            alpha: policy.alpha,
            beta: policy.beta,
            tau: policy.tau,
            delta: policy.delta,
            unit: format!("{kind}/{}", policy.window),
            window_ns: policy.window.nanos(),
        }
    }

    fn exposure_line(&self) -> ExposureLine {
        let sum = &self.rig.exposure;
        let share = if sum.mirrored == 0 { 1.0 } else { sum.compared as f64 / sum.mirrored as f64 };
        ExposureLine {
            mirrored: sum.mirrored,
            compared: sum.compared,
            coverage: rounded(share),
            shed: sum.shed,
            lost: self.rig.lost(),
            late: sum.late,
            primary_failed: sum.primary_failed,
            units: self.cells[self.mismatch_of_all()].units().n,
            clusters: self.rig.distinct_keys(),
            candidate_missing: sum.candidate_missing,
            control_missing: sum.control_missing,
            control_only_missing: sum.control_only_missing,
        }
    }

    fn conservation_line(&self) -> ConservationLine {
        let sum = &self.rig.exposure;
        let admissions = self.rig.admissions.as_ref();
        ConservationLine {
            offered: admissions.map(|door| door.offered),
            not_selected: admissions.map(|door| door.not_selected),
            dropped: admissions.map(|door| door.dropped.clone()).unwrap_or_default(),
            mirrored: sum.mirrored,
            compared: sum.compared,
            shed: admissions.map(|door| door.shed.clone()).unwrap_or_default(),
            lost: self.rig.lost(),
            late: sum.late,
        }
    }

    fn evidence(&self) -> Evidence {
        Evidence {
            global_reject: GlobalReject {
                log_e: rounded(self.ln_mean),
                log_threshold: rounded(self.levels.reject),
            },
            weakest_promote: self.weakest().map(|cell| WeakestPromote {
                slice: self.slice_of(cell).slice.to_string(),
                check: self.hypothesis_of(cell).check.clone(),
                log_e: rounded(self.ln_p(cell)),
                log_threshold: rounded(self.levels.promote),
            }),
        }
    }

    fn check_line(&self, at: usize, culprits: &[usize], suspects: &[usize]) -> CheckLine {
        let (cell, hypothesis) = (&self.cells[at], self.hypothesis_of(at));
        let units = cell.units();
        let signs = |counts: super::mixture::Counts| Signs { worse: counts.worse, better: counts.better };
        let latency = match hypothesis.check {
            Check::Latency(quantile) | Check::LatencySevere(quantile) => Some(LatencyLine {
                reject: signs(units),
                promote: signs(cell.promote_units()),
                thresholds_ms: self.thresholds(quantile, cell.threshold_ns),
            }),
            _ => None,
        };
        let [plain_reject, plain_promote] = cell.ln_plain(hypothesis);
        let is_count = latency.is_none();
        let ratio = match hypothesis.check {
            Check::Latency(quantile) | Check::LatencySevere(quantile) => {
                Some(self.band.ratio(&self.slice_of(at).latency, quantile))
            }
            _ => None,
        };
        CheckLine {
            required: self.is_required(at),
            state: self.check_state(at, culprits, suspects),
            tau: rounded(hypothesis.tau),
            delta: rounded(hypothesis.delta),
            n: units.n,
            n_required: hypothesis.n_req,
            need_units: self.units_needed(at),
            signs: is_count.then(|| signs(units)),
            log_e_reject: rounded(cell.ln_r),
            log_e_reject_plain: rounded(plain_reject),
            log_threshold_reject: rounded(self.levels.reject - ln(self.slice_of(at).weight)),
            log_e_promote: rounded(cell.ln_p(hypothesis)),
            log_e_promote_plain: rounded(plain_promote),
            log_threshold_promote: rounded(self.levels.promote),
            excess: is_count.then(|| Excess {
                estimate: (units.n > 0)
                    .then(|| rounded((units.worse as f64 - units.better as f64) / units.n as f64)),
                cs: confidence(units, self.levels.interval).map(rounded),
            }),
            ratio,
            deff: rounded(cell.design_effect()),
            guard: cell.guard,
            examples: Vec::new(),
            slice: self.slice_of(at).slice.clone(),
            check: hypothesis.check.clone(),
            latency,
        }
    }

    /// Units until the evidence and the exposure of `cell` suffice; `None`: never at this rate.
    fn units_needed(&self, cell: usize) -> Option<u64> {
        let exposure = self.hypothesis_of(cell).n_req.saturating_sub(self.cells[cell].units().n);
        let evidence = self.need_of(cell).promote;
        evidence.is_finite().then(|| exposure.max(evidence.ceil() as u64))
    }

    fn thresholds(&self, quantile: Quantile, x: Option<u64>) -> Option<Thresholds> {
        let (x, tolerance) = (x?, Tolerance::new(&self.run.policy, quantile).ok()?);
        let milliseconds = |ns: u64| rounded(ns as f64 / 1e6);
        Some(Thresholds {
            x: milliseconds(x),
            g_reject: milliseconds(tolerance.reject(x)),
            g_promote: milliseconds(tolerance.promote(x)),
        })
    }

    fn check_state(&self, at: usize, culprits: &[usize], suspects: &[usize]) -> CheckState {
        let (cell, hypothesis) = (&self.cells[at], self.hypothesis_of(at));
        let proved = cell.ln_p(hypothesis) >= self.levels.promote && cell.ln_r <= self.levels.quiet;
        if culprits.binary_search(&at).is_ok() {
            CheckState::Reject
        } else if suspects.contains(&at) {
            CheckState::Suspect
        } else if cell.nondeterministic && matches!(hypothesis.check, Check::Field(_) | Check::Mismatch) {
            CheckState::Nondeterministic
        } else if self.slice_of(at).required == Some(false) {
            CheckState::Uncertified
        } else if proved && cell.units().n >= hypothesis.n_req {
            CheckState::Promote
        } else {
            CheckState::Wait
        }
    }

    fn forecast(&self) -> Forecast {
        let required = self.required_cells();
        let needs = required.map(|cell| (cell, self.need_of(cell)));
        let urgency = |need: &super::futility::Need| match need.promote {
            0.0 => 0.0,
            promote => promote / need.left,
        };
        let deciding =
            needs.reduce(|worst, next| if urgency(&next.1) > urgency(&worst.1) { next } else { worst });
        let whole = |units: f64| units.is_finite().then(|| units.ceil() as u64);
        Forecast {
            need_units: deciding.and_then(|(_, need)| whole(need.promote)),
            budget_units: deciding.and_then(|(_, need)| whole((need.left * 1e6).round() / 1e6)),
            eta: deciding.and_then(|(cell, need)| self.eta(cell, need.promote)),
            futile: self.futile_looks > 0 || self.outcome == Outcome::Inconclusive(Stop::Futile),
            promote_reachable: self.is_promote_reachable(),
        }
    }

    /// When `cell` has its missing `units` and the run its least admission time; `None` once it is over.
    pub(super) fn eta(&self, cell: usize, units: f64) -> Option<String> {
        let seen = self.cells[cell].units().n as f64;
        let windows = if units > 0.0 { units * self.windows_of(cell) as f64 / seen } else { 0.0 };
        if self.outcome.is_final() || self.watermark_ns == 0 || windows.is_nan() || windows >= 1e9 {
            return None;
        }
        let more = (windows.ceil() as u64).max(self.earliest_promote().saturating_sub(self.watermark));
        let span = self.run.policy.window.nanos().saturating_mul(more);
        self.time_of(self.watermark_ns.saturating_add(span))
    }

    fn uncertified(&self) -> Vec<Uncertified> {
        let (checks, mismatch) = (self.hypotheses.len(), self.mismatch());
        let small = |(slice, cells): (&super::slices::SliceState, &[super::cell::Cell])| {
            let units = cells[mismatch].units();
            (slice.required == Some(false)).then(|| Uncertified {
                slice: slice.slice.clone(),
                n: units.n,
                upper: rounded(confidence(units, self.levels.interval)[1]),
            })
        };
        self.slices.iter().zip(self.cells.chunks(checks)).filter_map(small).collect()
    }
}
