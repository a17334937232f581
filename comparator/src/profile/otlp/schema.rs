//! OTLP's messages as a table: what each field is called in JSON and how it lies on the wire.
//!
//! From the protocol's own definition, version 1.x (`opentelemetry/proto`); field numbers there never
//! change. What is deprecated or still in development is left out.

/// The fields of a message.
pub(super) type Message = [Field];

/// One field.
pub(super) struct Field {
    pub(super) number: u32,
    /// In JSON.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_repeated: bool,
    /// Whether a default value (0, an empty text) is something else than no value: members of a `oneof`
    /// and `optional` ones.
    pub(super) has_presence: bool,
}

/// How a value lies on the wire, and so how JSON writes it.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Bool,
    /// `uint32`, `int32` and enums: numbers in JSON.
    Small,
    /// `sint32`.
    Zigzag,
    Fixed32,
    /// `int64`: a text in JSON, as all 64-bit integers.
    Int64,
    Uint64,
    Fixed64,
    Sfixed64,
    Double,
    /// Base64 in JSON.
    Bytes,
    /// Bytes that JSON writes as hexadecimal digits: ids of traces and spans.
    Hex,
    Message(&'static Message),
    /// A list of key and value whose order means nothing.
    Pair,
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, is_repeated: false, has_presence: false }
}

/// A member of a `oneof`, or an `optional` one.
const fn maybe(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, is_repeated: false, has_presence: true }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, is_repeated: true, has_presence: false }
}

use Kind::{
    Bool, Bytes, Double, Fixed32, Fixed64, Hex, Int64, Message as Of, Pair, Sfixed64, Small, Text, Uint64,
    Zigzag,
};

pub(super) static PAIR: [Field; 2] = [one(1, "key", Text), one(2, "value", Of(&VALUE))];

static VALUE: [Field; 7] = [
    maybe(1, "stringValue", Text),
    maybe(2, "boolValue", Bool),
    maybe(3, "intValue", Int64),
    maybe(4, "doubleValue", Double),
    maybe(5, "arrayValue", Of(&[many(1, "values", Of(&VALUE))])),
    maybe(6, "kvlistValue", Of(&[many(1, "values", Pair)])),
    maybe(7, "bytesValue", Bytes),
];

static RESOURCE: [Field; 2] = [many(1, "attributes", Pair), one(2, "droppedAttributesCount", Small)];

static SCOPE: [Field; 4] = [
    one(1, "name", Text),
    one(2, "version", Text),
    many(3, "attributes", Pair),
    one(4, "droppedAttributesCount", Small),
];

pub(super) static TRACES: [Field; 1] = [many(1, "resourceSpans", Of(&RESOURCE_SPANS))];

static RESOURCE_SPANS: [Field; 3] =
    [one(1, "resource", Of(&RESOURCE)), many(2, "scopeSpans", Of(&SCOPE_SPANS)), one(3, "schemaUrl", Text)];

static SCOPE_SPANS: [Field; 3] =
    [one(1, "scope", Of(&SCOPE)), many(2, "spans", Of(&SPAN)), one(3, "schemaUrl", Text)];

static SPAN: [Field; 16] = [
    one(1, "traceId", Hex),
    one(2, "spanId", Hex),
    one(3, "traceState", Text),
    one(4, "parentSpanId", Hex),
    one(5, "name", Text),
    one(6, "kind", Small),
    one(7, "startTimeUnixNano", Fixed64),
    one(8, "endTimeUnixNano", Fixed64),
    many(9, "attributes", Pair),
    one(10, "droppedAttributesCount", Small),
    many(11, "events", Of(&SPAN_EVENT)),
    one(12, "droppedEventsCount", Small),
    many(13, "links", Of(&SPAN_LINK)),
    one(14, "droppedLinksCount", Small),
    one(15, "status", Of(&[one(2, "message", Text), one(3, "code", Small)])),
    one(16, "flags", Fixed32),
];

static SPAN_EVENT: [Field; 4] = [
    one(1, "timeUnixNano", Fixed64),
    one(2, "name", Text),
    many(3, "attributes", Pair),
    one(4, "droppedAttributesCount", Small),
];

static SPAN_LINK: [Field; 6] = [
    one(1, "traceId", Hex),
    one(2, "spanId", Hex),
    one(3, "traceState", Text),
    many(4, "attributes", Pair),
    one(5, "droppedAttributesCount", Small),
    one(6, "flags", Fixed32),
];

pub(super) static LOGS: [Field; 1] = [many(1, "resourceLogs", Of(&RESOURCE_LOGS))];

static RESOURCE_LOGS: [Field; 3] =
    [one(1, "resource", Of(&RESOURCE)), many(2, "scopeLogs", Of(&SCOPE_LOGS)), one(3, "schemaUrl", Text)];

static SCOPE_LOGS: [Field; 3] =
    [one(1, "scope", Of(&SCOPE)), many(2, "logRecords", Of(&LOG_RECORD)), one(3, "schemaUrl", Text)];

static LOG_RECORD: [Field; 11] = [
    one(1, "timeUnixNano", Fixed64),
    one(2, "severityNumber", Small),
    one(3, "severityText", Text),
    one(5, "body", Of(&VALUE)),
    many(6, "attributes", Pair),
    one(7, "droppedAttributesCount", Small),
    one(8, "flags", Fixed32),
    one(9, "traceId", Hex),
    one(10, "spanId", Hex),
    one(11, "observedTimeUnixNano", Fixed64),
    one(12, "eventName", Text),
];

pub(super) static METRICS: [Field; 1] = [many(1, "resourceMetrics", Of(&RESOURCE_METRICS))];

static RESOURCE_METRICS: [Field; 3] = [
    one(1, "resource", Of(&RESOURCE)),
    many(2, "scopeMetrics", Of(&SCOPE_METRICS)),
    one(3, "schemaUrl", Text),
];

static SCOPE_METRICS: [Field; 3] =
    [one(1, "scope", Of(&SCOPE)), many(2, "metrics", Of(&METRIC)), one(3, "schemaUrl", Text)];

static METRIC: [Field; 9] = [
    one(1, "name", Text),
    one(2, "description", Text),
    one(3, "unit", Text),
    maybe(5, "gauge", Of(&[many(1, "dataPoints", Of(&NUMBER_POINT))])),
    maybe(7, "sum", Of(&SUM)),
    maybe(9, "histogram", Of(&[many(1, "dataPoints", Of(&HISTOGRAM_POINT)), TEMPORALITY])),
    maybe(10, "exponentialHistogram", Of(&[many(1, "dataPoints", Of(&EXPONENTIAL_POINT)), TEMPORALITY])),
    maybe(11, "summary", Of(&[many(1, "dataPoints", Of(&SUMMARY_POINT))])),
    many(12, "metadata", Pair),
];

const TEMPORALITY: Field = one(2, "aggregationTemporality", Small);

static SUM: [Field; 3] = [many(1, "dataPoints", Of(&NUMBER_POINT)), TEMPORALITY, one(3, "isMonotonic", Bool)];

static NUMBER_POINT: [Field; 7] = [
    many(7, "attributes", Pair),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    maybe(4, "asDouble", Double),
    maybe(6, "asInt", Sfixed64),
    many(5, "exemplars", Of(&EXEMPLAR)),
    one(8, "flags", Small),
];

static HISTOGRAM_POINT: [Field; 11] = [
    many(9, "attributes", Pair),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    maybe(5, "sum", Double),
    many(6, "bucketCounts", Fixed64),
    many(7, "explicitBounds", Double),
    many(8, "exemplars", Of(&EXEMPLAR)),
    one(10, "flags", Small),
    maybe(11, "min", Double),
    maybe(12, "max", Double),
];

static EXPONENTIAL_POINT: [Field; 14] = [
    many(1, "attributes", Pair),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    maybe(5, "sum", Double),
    one(6, "scale", Zigzag),
    one(7, "zeroCount", Fixed64),
    one(8, "positive", Of(&BUCKETS)),
    one(9, "negative", Of(&BUCKETS)),
    one(10, "flags", Small),
    many(11, "exemplars", Of(&EXEMPLAR)),
    maybe(12, "min", Double),
    maybe(13, "max", Double),
    one(14, "zeroThreshold", Double),
];

static BUCKETS: [Field; 2] = [one(1, "offset", Zigzag), many(2, "bucketCounts", Uint64)];

static SUMMARY_POINT: [Field; 7] = [
    many(7, "attributes", Pair),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "quantileValues", Of(&[one(1, "quantile", Double), one(2, "value", Double)])),
    one(8, "flags", Small),
];

static EXEMPLAR: [Field; 6] = [
    many(7, "filteredAttributes", Pair),
    one(2, "timeUnixNano", Fixed64),
    maybe(3, "asDouble", Double),
    maybe(6, "asInt", Sfixed64),
    one(4, "spanId", Hex),
    one(5, "traceId", Hex),
];

/// The answers of the three services: they differ in the name of the count, which has one number.
pub(super) static RESPONSE: [Field; 1] = [one(1, "partialSuccess", Of(&PARTIAL))];

static PARTIAL: [Field; 4] = [
    one(1, "rejectedSpans", Int64),
    one(1, "rejectedDataPoints", Int64),
    one(1, "rejectedLogRecords", Int64),
    one(2, "errorMessage", Text),
];
