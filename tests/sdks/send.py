#!/usr/bin/env python3
"""Sends events with a vendor's own Python client and prints, as JSON, the ids that the client told.

    send.py SDK BASE COUNT

Each event carries a mark, `SDK-N`, by which a test finds it; clients that tell no ids are checked by
these marks alone. One function for each client.
"""

import json
import logging
import sys
import time

SDK, BASE, COUNT = sys.argv[1], sys.argv[2].rstrip("/"), int(sys.argv[3])
MARKS = [f"{SDK}-{number}" for number in range(COUNT)]


def statsig() -> list[str]:
    from statsig import StatsigEvent, StatsigOptions, StatsigUser
    from statsig import statsig as client

    client.initialize("secret-local", StatsigOptions(api=f"{BASE}/v1/"))
    for number, mark in enumerate(MARKS):
        user = StatsigUser(f"user-{number}")
        client.check_gate(user, "new_checkout")
        client.log_event(StatsigEvent(user, "purchase", value=number + 0.5, metadata={"mark": mark}))
    client.shutdown()
    return []


def statsig_core() -> list[str]:
    from statsig_python_core import Statsig, StatsigOptions, StatsigUser

    options = StatsigOptions()
    options.specs_url = f"{BASE}/v2/download_config_specs"
    options.log_event_url = f"{BASE}/v1/log_event"
    options.id_lists_url = f"{BASE}/v1/get_id_lists"
    options.environment = "development"
    client = Statsig("secret-local", options)
    client.initialize().wait()
    for number, mark in enumerate(MARKS):
        client.log_event(StatsigUser(user_id=f"user-{number}"), "purchase", number + 0.5, {"mark": mark})
    client.flush_events().wait()
    client.shutdown().wait()
    return []


def segment() -> list[str]:
    from segment.analytics.client import Client

    ids: list[str] = []
    for gzip in (False, True):
        client = Client("key", host=BASE, gzip=gzip)
        for number, mark in enumerate(MARKS):
            told = client.track(f"user-{number}", "Purchase", {"mark": mark, "gzip": gzip})
            ids.append(told[1]["messageId"])
        client.flush()
        client.join()
    return ids


def rudderstack() -> list[str]:
    import rudderstack.analytics as client

    client.write_key, client.dataPlaneUrl = "key", BASE
    for number, mark in enumerate(MARKS):
        client.track(f"user-{number}", "Purchase", {"mark": mark})
    client.flush()
    return []


def snowplow() -> list[str]:
    from snowplow_tracker import (
        EmitterConfiguration,
        PageView,
        SelfDescribing,
        SelfDescribingJson,
        Snowplow,
        TrackerConfiguration,
    )

    ids: list[str] = []
    for method, base64 in (("post", True), ("get", False), ("get", True)):
        name = f"{method}-{base64}"
        tracker = Snowplow.create_tracker(
            namespace=name,
            endpoint=BASE,
            method=method,
            app_id="shop",
            emitter_config=EmitterConfiguration(batch_size=5),
            tracker_config=TrackerConfiguration(encode_base64=base64),
        )
        for mark in MARKS:
            click = SelfDescribingJson(
                "iglu:com.snowplowanalytics.snowplow/link_click/jsonschema/1-0-1",
                {"targetUrl": f"http://shop.test/{mark}"},
            )
            for event in (PageView(page_url=f"http://shop.test/{mark}"), SelfDescribing(event_json=click)):
                ids.append(tracker.track(event))
        tracker.flush()
    return ids


def posthog() -> list[str]:
    from posthog import Posthog

    ids: list[str] = []
    for gzip in (False, True):
        client = Posthog("phc_local", host=BASE, gzip=gzip, disable_geoip=True)
        for number, mark in enumerate(MARKS):
            ids.append(client.capture("purchase", distinct_id=f"user-{number}", properties={"mark": mark}))
        client.feature_enabled("new_checkout", "user-1")
        client.shutdown()
    return ids


def amplitude() -> list[str]:
    from amplitude import Amplitude, BaseEvent, Config

    ids: list[str] = []
    for path, is_batch in (("/2/httpapi", False), ("/batch", True)):
        config = Config(server_url=BASE + path, use_batch=is_batch, flush_interval_millis=100, min_id_length=1)
        client = Amplitude("key", config)
        for number, mark in enumerate(MARKS):
            ids.append(f"{mark}-{is_batch}")
            event = BaseEvent(
                event_type="purchase",
                user_id=f"user-{number}",
                insert_id=ids[-1],
                event_properties={"mark": mark},
            )
            client.track(event)
        for future in client.flush():
            if future:
                future.result()
        client.shutdown()
    return ids


def mixpanel() -> list[str]:
    from mixpanel import BufferedConsumer, Consumer, Mixpanel

    urls = {"events_url": f"{BASE}/track", "people_url": f"{BASE}/engage", "import_url": f"{BASE}/import"}
    ids: list[str] = []
    for consumer in (BufferedConsumer(max_size=3, **urls), Consumer(**urls)):
        client = Mixpanel("token", consumer=consumer)
        for number, mark in enumerate(MARKS):
            ids.append(f"{mark}-{type(consumer).__name__}")
            client.track(f"user-{number}", "purchase", {"mark": mark, "$insert_id": ids[-1]})
            client.people_set(f"user-{number}", {"plan": mark})
        if isinstance(consumer, BufferedConsumer):
            consumer.flush()
    return ids


def otlp() -> list[str]:
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": "shop"})
    ids: list[str] = []
    for compression in (Compression.NoCompression, Compression.Gzip):
        spans = TracerProvider(resource=resource)
        exporter = OTLPSpanExporter(endpoint=f"{BASE}/v1/traces", compression=compression)
        spans.add_span_processor(BatchSpanProcessor(exporter))
        tracer = spans.get_tracer("shop")
        for number, mark in enumerate(MARKS):
            with tracer.start_as_current_span("checkout", attributes={"mark": mark, "n": number, "f": 1.5}) as span:
                span.add_event("paid", {"large": 2**53 + 1, "list": ["a", "b"]})
                context = span.get_span_context()
                ids.append(f"{context.trace_id:032x}/{context.span_id:016x}")
        spans.shutdown()

        metric_exporter = OTLPMetricExporter(endpoint=f"{BASE}/v1/metrics", compression=compression)
        reader = PeriodicExportingMetricReader(metric_exporter, export_interval_millis=60_000)
        metrics = MeterProvider(resource=resource, metric_readers=[reader])
        orders = metrics.get_meter("shop").create_counter("orders")
        latency = metrics.get_meter("shop").create_histogram("latency")
        for number, mark in enumerate(MARKS):
            orders.add(1, {"mark": mark})
            latency.record(number * 1.5)
        metrics.shutdown()

        logs = LoggerProvider(resource=resource)
        log_exporter = OTLPLogExporter(endpoint=f"{BASE}/v1/logs", compression=compression)
        logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
        logger = logs.get_logger("shop")
        for mark in MARKS:
            record = LogRecord(
                timestamp=time.time_ns(), body=f"order {mark}", severity_number=SeverityNumber.INFO
            )
            logger.emit(record)
        logs.shutdown()
    return ids


def cloudevents() -> list[str]:
    from urllib.request import Request, urlopen

    from cloudevents.conversion import to_binary, to_structured
    from cloudevents.http import CloudEvent

    ids: list[str] = []
    for number, mark in enumerate(MARKS):
        # Without a type of its own, urllib would call the binary message a form.
        attributes = {
            "id": mark,
            "source": "/shop",
            "type": "shop.purchase",
            "datacontenttype": "application/json",
        }
        event = CloudEvent(attributes, {"mark": mark, "value": number + 0.5})
        ids.append(f"/shop {mark}")
        for headers, body in (to_binary(event), to_structured(event)):
            urlopen(Request(f"{BASE}/events", data=body, headers=headers, method="POST")).read()
    return ids


logging.basicConfig(level=logging.ERROR)
print(json.dumps({"ids": globals()[SDK](), "marks": MARKS}))
