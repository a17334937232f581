//! Spans, in OpenTelemetry's words, on their way to a collector.

use super::collector::Collector;
use anyhow::Context as _;
use metrics::{counter, describe_counter};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use parallax_exchange::Role;
use parallax_proxy::{Copied, Served, Told, Trace};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Spans that may wait to be posted.
const WAITING: usize = 8192;

/// Spans posted at once, at most.
const BATCH: usize = 512;

/// How long a batch is gathered.
const GATHER: Duration = Duration::from_millis(500);

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where spans are taken.
#[derive(Debug)]
pub(super) struct Spans {
    sender: mpsc::Sender<SpanData>,
    scope: InstrumentationScope,
}

/// Posts spans.
#[derive(Debug)]
pub(super) struct Exporter {
    receiver: mpsc::Receiver<SpanData>,
    exporter: SpanExporter,
    runtime: tokio::runtime::Runtime,
}

impl Exporter {
    /// For the collector at `url`, in the name of `service`.
    pub(super) fn new(url: &str, service: &str) -> anyhow::Result<(Spans, Self)> {
        describe_counter!("parallax_spans_exported_total", "spans that the collector took");
        describe_counter!("parallax_spans_dropped_total", "spans that no collector took, by reason");
        let exporter = SpanExporter::builder().with_http().with_http_client(Collector).with_endpoint(url);
        let mut exporter = exporter
            .with_timeout(PATIENCE)
            .build()
            .with_context(|| format!("`{url}` (key traces.url) is no address of a collector"))?;
        exporter.set_resource(&Resource::builder().with_service_name(service.to_owned()).build());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let scope = InstrumentationScope::builder("parallax").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok((Spans { sender, scope }, Self { receiver, exporter, runtime }))
    }

    /// Posts what comes until nothing can come any more.
    pub(super) fn run(self) {
        let Self { mut receiver, exporter, runtime } = self;
        let mut failing = false;
        runtime.block_on(async {
            let mut batch = Vec::with_capacity(BATCH);
            while receiver.recv_many(&mut batch, BATCH).await > 0 {
                let end = tokio::time::Instant::now() + GATHER;
                while batch.len() < BATCH {
                    let room = BATCH - batch.len();
                    match tokio::time::timeout_at(end, receiver.recv_many(&mut batch, room)).await {
                        Ok(1..) => {}
                        Ok(0) | Err(_) => break,
                    }
                }
                let count = batch.len() as u64;
                let posted =
                    tokio::time::timeout(PATIENCE, exporter.export(std::mem::take(&mut batch))).await;
                let error = match posted {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(error.to_string()),
                    Err(_) => Some("no answer in time".to_owned()),
                };
                match (&error, std::mem::replace(&mut failing, error.is_some())) {
                    (Some(error), false) => tracing::warn!(error, "the collector does not take spans"),
                    (None, true) => tracing::info!("the collector takes spans again"),
                    _ => {}
                }
                match error {
                    None => counter!("parallax_spans_exported_total").increment(count),
                    Some(_) => {
                        counter!("parallax_spans_dropped_total", "reason" => "export").increment(count);
                    }
                }
                if failing && receiver.is_closed() {
                    // The process ends, and what is left would wait as long, batch after batch.
                    return;
                }
            }
        });
    }
}

impl Spans {
    /// Takes the span of what was told, if its trace is kept.
    pub(super) fn take(&self, told: &Told) {
        let span = match told {
            Told::Served(served) => served.trace.map(|trace| self.served(served, trace)),
            Told::Copied(copied) => Some(self.copied(copied)),
        };
        if let Some(span) = span
            && span.span_context.is_sampled()
            && self.sender.try_send(span).is_err()
        {
            counter!("parallax_spans_dropped_total", "reason" => "queue").increment(1);
        }
    }

    fn served(&self, served: &Served, trace: Trace) -> SpanData {
        let mut attributes = vec![
            KeyValue::new("http.request.method", served.method.as_str().to_owned()),
            KeyValue::new("url.path", served.path.clone()),
            KeyValue::new("client.address", served.client.clone()),
            KeyValue::new("http.response.body.size", i64::try_from(served.bytes).unwrap_or(i64::MAX)),
            KeyValue::new("parallax.mirrored", served.is_selected),
        ];
        if let Some(host) = &served.host {
            attributes.push(KeyValue::new("server.address", host.clone()));
        }
        if let Some(status) = served.status {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        }
        let left = (!served.is_complete).then_some("incomplete");
        let error = served.failure.or(left);
        // A server's span is in error where the server is (semantic conventions of HTTP).
        let is_error = error.is_some() || served.status.is_some_and(|status| status.is_server_error());
        attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
        let times = (served.started_ns, served.took);
        self.span(trace, SpanKind::Server, served.method.as_str(), times, attributes, is_error)
    }

    fn copied(&self, copied: &Copied) -> SpanData {
        let mut attributes = vec![
            KeyValue::new("http.request.method", copied.method.as_str().to_owned()),
            KeyValue::new("parallax.role", Role::name(copied.role)),
        ];
        if let Some(status) = copied.status {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        }
        attributes.extend(copied.missing.map(|missing| KeyValue::new("error.type", missing)));
        // A client's span is in error from 400 on.
        let is_error =
            copied.status.is_none_or(|status| status.is_client_error() || status.is_server_error());
        let times = (copied.started_ns, copied.took);
        self.span(copied.trace, SpanKind::Client, copied.method.as_str(), times, attributes, is_error)
    }

    fn span(
        &self,
        trace: Trace,
        span_kind: SpanKind,
        name: &str,
        (started_ns, took): (u64, Duration),
        attributes: Vec<KeyValue>,
        is_error: bool,
    ) -> SpanData {
        let flags = if trace.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let context = SpanContext::new(
            TraceId::from(trace.trace_id),
            SpanId::from(trace.span_id),
            flags,
            false,
            TraceState::default(),
        );
        let start_time: SystemTime = UNIX_EPOCH + Duration::from_nanos(started_ns);
        SpanData {
            span_context: context,
            parent_span_id: trace.parent_id.map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: span_kind == SpanKind::Server && trace.parent_id.is_some(),
            span_kind,
            name: name.to_owned().into(),
            start_time,
            end_time: start_time + took,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if is_error { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        }
    }
}
