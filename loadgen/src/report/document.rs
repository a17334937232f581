//! The document `parallax.load/1`.

use super::integrity::Integrity;
use crate::ThresholdOutcome;
use crate::engine::{Class, Failure, Run, run::Measured};
use crate::plan::PlanDocument;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;

/// The name and version of the document.
pub(crate) const SCHEMA: &str = "parallax.load/1";

/// The result of a run. Fields are added, never renamed; every `_ns` is an integer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadDocument {
    /// `parallax.load/1`.
    pub schema: &'static str,
    /// Whether the run was stopped before its plan was carried out.
    pub partial: bool,
    /// The URL as given.
    pub target: String,
    /// The address behind it.
    pub address: String,
    /// RFC 3339 time of the plan's time 0.
    pub started: String,
    /// From there to the end of the last arrival.
    pub elapsed_ns: u64,
    /// When requests were due.
    pub plan: PlanDocument,
    /// Whether a stall of the target kept requests from being sent: true of a closed loop, whose latencies
    /// are those of the requests that were sent and not those that users would have seen.
    pub coordinated_omission: bool,
    /// Arrivals in the plan: released + unreleased + not_due.
    pub planned: u64,
    /// Arrivals that were sent or had to wait: completed + errors + in_flight_at_end.
    pub released: u64,
    /// Due and never released, because the run was stopped.
    pub unreleased: u64,
    /// Not yet due when the run was stopped; no latency is known of them.
    pub not_due: u64,
    /// Complete replies, whatever their status.
    pub completed: u64,
    /// Complete replies of 400 and above; for gRPC, those whose status is not 0.
    pub http_errors: u64,
    /// Unfinished when the run was stopped.
    pub in_flight_at_end: u64,
    /// In flight at the end, unreleased or shed: their response times are lower bounds.
    pub censored: u64,
    /// Arrivals without a reply, by reason: connect, reset, timeout, protocol, local, shed.
    pub errors: BTreeMap<&'static str, u64>,
    /// The first message of each such reason.
    pub first_errors: BTreeMap<&'static str, String>,
    /// Complete replies by status.
    pub status: BTreeMap<u16, u64>,
    /// Complete replies by status of gRPC; absent where another protocol is spoken.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub grpc_status: BTreeMap<u16, u64>,
    /// Complete replies per second, from time 0 to the end.
    pub achieved_rate: f64,
    /// From the intended start to the end of the reply, over every arrival that was due.
    pub latency_ns: Quantiles,
    /// The same by how the arrival ended: 2xx, 3xx, 4xx, 5xx, failed, censored; empty ones are absent.
    pub latency_by_class_ns: BTreeMap<&'static str, Quantiles>,
    /// From the first byte sent to the end.
    pub service_ns: Quantiles,
    /// From the intended start to the first byte sent.
    pub send_lag_ns: Quantiles,
    /// From the first byte sent to the first byte received.
    pub first_byte_ns: Quantiles,
    /// In session order: from the intended start to the end of the session's request before, of the requests
    /// that had to wait for it; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_wait_ns: Option<Quantiles>,
    /// To open a connection, beyond those that were open at the start.
    pub connect_ns: Quantiles,
    /// Values of answers that later requests got; absent where there was none to get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remap: Option<Remap>,
    /// Use of connections.
    pub connections: Connections,
    /// Volume.
    pub bytes: Bytes,
    /// What had to hold; absent where nothing was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdOutcome>,
    /// Whether all this may be believed.
    pub integrity: Integrity,
}

/// Quantiles of a time in nanoseconds; all 0 where `count` is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Quantiles {
    /// How many times there are.
    pub count: u64,
    /// The shortest.
    pub min: u64,
    /// Half are no longer.
    pub p50: u64,
    /// 90 of 100 are no longer.
    pub p90: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1,000.
    pub p999: u64,
    /// The longest.
    pub max: u64,
    /// The mean, rounded down.
    pub mean: u64,
}

impl Quantiles {
    /// The quantiles of a histogram, each within 0.1 %.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile).min(histogram.max());
        Self {
            count: histogram.len(),
            min: histogram.min(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
            mean: histogram.mean() as u64,
        }
    }
}

/// Values that recorded answers gave, replaced by those of live answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Remap {
    /// Places of requests that got the live value.
    pub live: u64,
    /// Places that kept the recorded one, because the answer had none or did not come.
    pub recorded: u64,
}

/// Use of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Connections {
    /// Most at once.
    pub limit: u64,
    /// Opened in all.
    pub opened: u64,
    /// Arrivals that found none free and had to wait for one.
    pub queued: u64,
}

/// Volume in bytes, heads included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// Of requests.
    pub sent: u64,
    /// Of replies.
    pub received: u64,
}

impl LoadDocument {
    pub(crate) fn new(run: &Run, planned: u64, measured: &Measured, integrity: Integrity) -> Self {
        let tally = &measured.tally;
        let counts = &tally.counts;
        let shed = counts.failed(Failure::Shed);
        let errors = Failure::ALL.map(|failure| (failure.name(), counts.failed(failure)));
        let by_class = Class::ALL.into_iter().zip(&tally.response);
        let by_class = by_class.filter(|(_, histogram)| !histogram.is_empty());
        let started = jiff::Timestamp::try_from(measured.started).unwrap_or_default();
        Self {
            schema: SCHEMA,
            partial: measured.is_partial,
            target: run.target.to_string(),
            address: measured.address.to_string(),
            started: started.to_string(),
            elapsed_ns: measured.elapsed_ns,
            plan: run.plan.describe(),
            coordinated_omission: run.plan.closed_ns().is_some(),
            planned,
            released: counts.released,
            unreleased: counts.unreleased,
            not_due: counts.not_due,
            completed: counts.completed(),
            http_errors: counts.http_errors(),
            in_flight_at_end: counts.in_flight_at_end,
            censored: counts.in_flight_at_end + counts.unreleased + shed,
            errors: errors.into_iter().filter(|(_, count)| *count > 0).collect(),
            first_errors: tally.first_errors.clone(),
            status: counts.status.clone(),
            grpc_status: counts.grpc_status.clone(),
            achieved_rate: rounded(counts.completed() as f64 * 1e9 / measured.elapsed_ns.max(1) as f64),
            latency_ns: Quantiles::of(&tally.whole_response()),
            latency_by_class_ns: by_class
                .map(|(class, histogram)| (class.name(), Quantiles::of(histogram)))
                .collect(),
            service_ns: Quantiles::of(&tally.service),
            send_lag_ns: Quantiles::of(&tally.send_lag),
            first_byte_ns: Quantiles::of(&tally.first_byte),
            session_wait_ns: run.source.sessions().map(|_| Quantiles::of(&tally.session_wait)),
            connect_ns: Quantiles::of(&tally.connect),
            remap: (counts.remapped + counts.not_remapped > 0)
                .then_some(Remap { live: counts.remapped, recorded: counts.not_remapped }),
            connections: Connections {
                limit: run.options.connections as u64,
                opened: counts.connections,
                queued: counts.queued,
            },
            bytes: Bytes { sent: counts.bytes_sent, received: counts.bytes_received },
            thresholds: Vec::new(),
            integrity,
        }
    }
}

/// To a thousandth: more digits of a rate mean nothing.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
