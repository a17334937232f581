//! The metrics recorder of this process.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// The recorder that every crate's metrics go to; installed once, since the facade is global.
pub(crate) fn install() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            // Another recorder can only be one of ours; its handle is then the one kept above.
            drop(metrics::set_global_recorder(recorder));
            handle
        })
        .clone()
}
