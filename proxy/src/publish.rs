//! The counters as metrics.
//!
//! The facade is told once a second what the counters say, instead of once per event: a request then
//! costs a few plain additions, whatever recorder is installed.

use crate::counters::{Counters, OVERHEAD_BUCKETS, bucket_top};
use crate::stats::{Stats, overhead};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use parallax_exchange::Sender;
use std::sync::Arc;

/// Tells the installed recorder what all cores have counted.
#[derive(Debug)]
pub(crate) struct Publisher {
    cores: Vec<Arc<Counters>>,
    queue: Sender,
    /// What of the overhead histogram has been told already.
    told: [u64; OVERHEAD_BUCKETS],
}

impl Publisher {
    /// For these cores and the queue that they fill.
    pub(crate) fn new(cores: Vec<Arc<Counters>>, queue: Sender) -> Self {
        describe();
        Self { cores, queue, told: [0; OVERHEAD_BUCKETS] }
    }

    /// A snapshot of all counts.
    pub(crate) fn stats(&self) -> Stats {
        Stats::gather(&self.cores, self.queue.held_bytes())
    }

    /// Publishes the state of now.
    pub(crate) fn publish(&mut self) {
        publish(&self.stats());
        let live = histogram!("parallax_proxy_overhead_seconds");
        for (bucket, count) in overhead(&self.cores).into_iter().enumerate() {
            let new = count - std::mem::replace(&mut self.told[bucket], count);
            if new > 0 {
                live.record_many(seconds(bucket_top(bucket)), usize::try_from(new).unwrap_or(usize::MAX));
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a bucket is a quarter wide; a float is exact to 16 digits")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats; counts beyond 2^53 do not occur in them")]
fn publish(stats: &Stats) {
    counter!("parallax_proxy_requests_total").absolute(stats.requests);
    counter!("parallax_proxy_requests_refused_total").absolute(stats.requests_refused);
    counter!("parallax_proxy_primary_failures_total").absolute(stats.primary_failures);
    counter!("parallax_proxy_connections_refused_total").absolute(stats.connections_refused);
    counter!("parallax_proxy_accept_errors_total").absolute(stats.accept_errors);
    counter!("parallax_proxy_tls_failures_total").absolute(stats.tls_failures);
    counter!("parallax_telemetry_dropped_total").absolute(stats.untold);

    let sum = |reasons: &std::collections::BTreeMap<_, u64>| reasons.values().sum();
    let ends = [
        ("not_selected", stats.not_selected),
        ("dropped", sum(&stats.dropped)),
        ("shed", sum(&stats.shed)),
        ("handed_on", stats.exchanges),
        ("lost", stats.lost),
    ];
    for (outcome, count) in ends {
        counter!("parallax_exchanges_total", "outcome" => outcome).absolute(count);
    }
    for (&reason, &count) in stats.dropped.iter().chain(&stats.shed) {
        counter!("parallax_copies_dropped_total", "role" => "all", "reason" => reason).absolute(count);
    }
    for (&role, outcomes) in &stats.roles {
        if role != "primary" {
            gauge!("parallax_copies_in_flight", "role" => role).set(outcomes.in_flight as f64);
        }
        counter!("parallax_outcomes_total", "role" => role, "outcome" => "response")
            .absolute(outcomes.responses);
        for (&reason, &count) in &outcomes.missing {
            counter!("parallax_outcomes_total", "role" => role, "outcome" => reason).absolute(count);
            if reason == "refused" {
                counter!("parallax_copies_dropped_total", "role" => role, "reason" => reason).absolute(count);
            }
        }
    }

    gauge!("parallax_proxy_connections").set(stats.connections as f64);
    gauge!("parallax_proxy_exchanges_in_flight").set(stats.in_flight as f64);
    gauge!("parallax_proxy_held_bytes").set(stats.held_bytes as f64);
    gauge!("parallax_proxy_queue_bytes").set(stats.queue_bytes as f64);
}

fn describe() {
    describe_counter!("parallax_proxy_requests_total", "live requests");
    describe_counter!("parallax_proxy_requests_refused_total", "live requests refused as malformed");
    describe_counter!(
        "parallax_proxy_primary_failures_total",
        "live requests that the primary did not answer"
    );
    describe_counter!(
        "parallax_proxy_connections_refused_total",
        "client connections over limits.connections"
    );
    describe_counter!(
        "parallax_proxy_accept_errors_total",
        "connections that the operating system could not give"
    );
    describe_counter!(
        "parallax_proxy_tls_failures_total",
        "client connections on which TLS could not be agreed on"
    );
    describe_counter!(
        "parallax_telemetry_dropped_total",
        "requests and copies of which neither access log nor collector was told"
    );
    describe_gauge!("parallax_copies_in_flight", "copies in flight now, by role");
    describe_counter!("parallax_exchanges_total", "requests at the mirror, by what became of them");
    describe_counter!("parallax_copies_dropped_total", "copies that were not sent, by role and reason");
    describe_counter!("parallax_outcomes_total", "what the roles did with the requests sent to them");
    describe_gauge!("parallax_proxy_connections", "client connections open now");
    describe_gauge!("parallax_proxy_exchanges_in_flight", "exchanges in flight now");
    describe_gauge!("parallax_proxy_held_bytes", Unit::Bytes, "bytes held by exchanges in flight");
    describe_gauge!("parallax_proxy_queue_bytes", Unit::Bytes, "bytes that wait for the comparator");
    describe_histogram!(
        "parallax_proxy_overhead_seconds",
        Unit::Seconds,
        "time that the proxy's own code added to a live request"
    );
}
