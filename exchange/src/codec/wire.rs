//! The messages of `proto/parallax.proto`, as `prost` reads and writes them.
//!
//! Texts and header fields are `Bytes` here, which is the same on the wire: they are slices of the
//! input until the value that needs them is built.

use bytes::Bytes;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Exchange {
    #[prost(fixed32, tag = "1")]
    pub(crate) proxy: u32,
    #[prost(fixed32, tag = "2")]
    pub(crate) epoch: u32,
    #[prost(uint64, tag = "3")]
    pub(crate) sequence: u64,
    #[prost(fixed64, tag = "4")]
    pub(crate) admitted_ns: u64,
    #[prost(fixed64, tag = "5")]
    pub(crate) cluster_key: u64,
    #[prost(message, repeated, tag = "6")]
    pub(crate) labels: Vec<Label>,
    #[prost(int32, tag = "7")]
    pub(crate) order: i32,
    #[prost(uint32, tag = "8")]
    pub(crate) sample_ppm: u32,
    #[prost(message, optional, tag = "9")]
    pub(crate) request: Option<Request>,
    #[prost(message, optional, tag = "10")]
    pub(crate) primary: Option<Outcome>,
    #[prost(message, optional, tag = "11")]
    pub(crate) candidate: Option<Outcome>,
    #[prost(message, optional, tag = "12")]
    pub(crate) control: Option<Outcome>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Label {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) value: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Request {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) method: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) target: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) authority: Bytes,
    /// A [`Fields`] message.
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) headers: Bytes,
    #[prost(message, optional, tag = "5")]
    pub(crate) body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Fields {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) name: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) value: Vec<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Body {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) bytes: Bytes,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) length: Option<u64>,
    #[prost(fixed64, tag = "3")]
    pub(crate) digest: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Outcome {
    #[prost(oneof = "Kind", tags = "1, 2")]
    pub(crate) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Kind {
    #[prost(message, tag = "1")]
    Response(Response),
    #[prost(message, tag = "2")]
    Missing(Missing),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Response {
    #[prost(uint32, tag = "1")]
    pub(crate) status: u32,
    /// A [`Fields`] message.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) headers: Bytes,
    #[prost(message, optional, tag = "3")]
    pub(crate) body: Option<Body>,
    /// A [`Fields`] message.
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) trailers: Bytes,
    #[prost(message, optional, tag = "5")]
    pub(crate) timing: Option<Timing>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Missing {
    #[prost(int32, tag = "1")]
    pub(crate) reason: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) timing: Option<Timing>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Timing {
    #[prost(uint64, tag = "1")]
    pub(crate) sent_ns: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) head_ns: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) done_ns: u64,
}
