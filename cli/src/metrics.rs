//! The metrics recorder of this process.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// The histogram of what the proxy adds to a live request, in seconds: from what it should be to what
/// would be noticed.
const OVERHEAD: [f64; 15] =
    [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.5, 1.0];

/// The recorder that every crate's metrics go to; installed once, since the facade is global.
pub(crate) fn install() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let overhead = Matcher::Full("parallax_proxy_overhead_seconds".to_owned());
            let recorder = PrometheusBuilder::new()
                .set_buckets_for_metric(overhead, &OVERHEAD)
                .expect("there are buckets")
                .build_recorder();
            let handle = recorder.handle();
            // Another recorder can only be one of ours; its handle is then the one kept above.
            drop(metrics::set_global_recorder(recorder));
            handle
        })
        .clone()
}
