//! What a body holds, by its declared type or, where that says little, by its first bytes.

use super::tree::{events, form};
use crate::diff::headers::MediaType;
use crate::diff::json::Cursor;

/// How a body is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Declared as JSON.
    Json,
    /// Nobody says JSON, but it starts like it.
    LooksLikeJson,
    /// JSON values, a line each.
    Lines,
    /// Fields of a form.
    Form,
    /// Parts between boundaries.
    Multipart,
    /// Server-sent events.
    Events,
    /// Rows of cells.
    Table,
    /// CBOR.
    Cbor,
    /// MessagePack.
    MessagePack,
    /// One protobuf message.
    Protobuf,
    /// Messages in frames.
    Grpc,
    /// Lines of text.
    Text,
    /// Bytes.
    Binary,
}

impl Content {
    /// What `body`, declared as `declared`, is taken for.
    pub(crate) fn of(declared: Option<&MediaType>, body: &[u8]) -> Self {
        let essence = declared.map_or("", |media| media.essence.as_str());
        match Self::declared(essence) {
            // Error pages and texts that are JSON in truth.
            Some(Self::Text) if looks_like_json(body) => Self::LooksLikeJson,
            Some(content) => content,
            None => Self::sniff(essence, body),
        }
    }

    /// What a body is by its first bytes; a declared type, which says little, settles what they do not.
    pub(super) fn sniff(essence: &str, body: &[u8]) -> Self {
        if looks_like_json(body) {
            return Self::LooksLikeJson;
        }
        match essence {
            "application/x-www-form-urlencoded" => Self::Form,
            "text/plain" => Self::Text,
            _ if events::looks_like(body) => Self::Events,
            _ if form::looks_like(body) => Self::Form,
            _ => text_or_binary(&[body]),
        }
    }

    /// What a type promises; `None` where it promises little.
    pub(super) fn declared(essence: &str) -> Option<Self> {
        Some(match essence {
            ""
            | "text/plain"
            | "application/octet-stream"
            | "binary/octet-stream"
            // SDKs and frameworks put it on anything.
            | "application/x-www-form-urlencoded"
            | "*/*" => return None,
            "application/json" | "text/json" | "application/x-json" => Self::Json,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/jsonlines"
            | "application/json-lines"
            | "application/stream+json" => Self::Lines,
            "text/event-stream" => Self::Events,
            "text/csv" | "application/csv" | "text/tab-separated-values" => Self::Table,
            "application/cbor" | "application/cbor-seq" => Self::Cbor,
            "application/msgpack" | "application/x-msgpack" | "application/vnd.msgpack" | "application/messagepack" => {
                Self::MessagePack
            }
            "application/protobuf"
            | "application/x-protobuf"
            | "application/x-google-protobuf"
            | "application/vnd.google.protobuf" => Self::Protobuf,
            _ if essence.starts_with("application/grpc") => Self::Grpc,
            _ if essence.starts_with("multipart/") => Self::Multipart,
            _ if essence.ends_with("+json") => Self::Json,
            _ if essence.ends_with("+cbor") => Self::Cbor,
            _ if essence.ends_with("+msgpack") => Self::MessagePack,
            _ if essence.ends_with("+protobuf") || essence.ends_with("+proto") => Self::Protobuf,
            "application/xml"
            | "application/javascript"
            | "application/graphql"
            | "application/yaml"
            | "application/x-yaml"
            | "application/toml"
            | "application/sql"
            | "application/x-javascript"
            | "message/http" => Self::Text,
            _ if essence.starts_with("text/") || essence.ends_with("+xml") || essence.ends_with("+yaml") => {
                Self::Text
            }
            _ => Self::Binary,
        })
    }

    pub(super) fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::LooksLikeJson | Self::Lines)
    }

    /// Whether it is compared as a tree without being JSON.
    pub(super) fn is_structured(self) -> bool {
        !self.is_json() && !matches!(self, Self::Text | Self::Binary)
    }

    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json | Self::LooksLikeJson => "JSON",
            Self::Lines => "lines of JSON",
            Self::Form => "a form",
            Self::Multipart => "a multipart",
            Self::Events => "a stream of events",
            Self::Table => "a table",
            Self::Cbor => "CBOR",
            Self::MessagePack => "MessagePack",
            Self::Protobuf => "protobuf",
            Self::Grpc => "gRPC",
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

/// An object or an array: a bare number or word is more likely to be text.
pub(super) fn looks_like_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    matches!(body.first(), Some(b'{' | b'['))
}

/// More than one JSON value, of which the first ends with its line.
pub(super) fn looks_like_lines(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let Some(end) = memchr::memchr(b'\n', body) else { return false };
    let (line, rest) = body.split_at(end);
    let mut cursor = Cursor::new(line);
    looks_like_json(rest) && cursor.skip(0).is_ok() && cursor.finish().is_ok()
}

/// Text is UTF-8 without NUL.
pub(crate) fn text_or_binary(bodies: &[&[u8]]) -> Content {
    let is_text = |body: &&[u8]| std::str::from_utf8(body).is_ok() && memchr::memchr(0, body).is_none();
    if bodies.iter().all(is_text) { Content::Text } else { Content::Binary }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(declared: &str, body: &str) -> Content {
        Content::of(Some(&MediaType::read(declared.as_bytes())), body.as_bytes())
    }

    #[test]
    fn the_declared_type_decides() {
        assert_eq!(of("application/json", "<html>"), Content::Json);
        assert_eq!(of("application/problem+json; charset=utf-8", ""), Content::Json);
        assert_eq!(of("application/x-ndjson", "{}"), Content::Lines);
        assert_eq!(of("text/html", "<p>"), Content::Text);
        assert_eq!(of("image/svg+xml", ""), Content::Text);
        assert_eq!(of("image/png", "{}"), Content::Binary);
        assert_eq!(of("application/grpc-web+proto", ""), Content::Grpc);
        assert_eq!(of("application/vnd.api+msgpack", ""), Content::MessagePack);
        assert_eq!(of("multipart/form-data; boundary=x", ""), Content::Multipart);
    }

    #[test]
    fn lines_of_json_are_told_from_one_value_over_many_lines() {
        assert!(looks_like_lines(b"{\"a\":1}\n{\"a\":2}") && looks_like_lines(b"[1]\r\n[2]\r\n"));
        for one in ["{\"a\":1}\n", "{\n\"a\":\n{}}", "[\n[1],\n[2]]", "{\"a\":1}\ntext", ""] {
            assert!(!looks_like_lines(one.as_bytes()), "{one:?}");
        }
    }

    #[test]
    fn a_vague_type_is_looked_behind() {
        assert_eq!(of("text/plain", " {\"a\":1}"), Content::LooksLikeJson);
        assert_eq!(of("application/x-www-form-urlencoded", "[1]"), Content::LooksLikeJson);
        assert_eq!(of("text/html", "{\"a\":1}"), Content::LooksLikeJson);
        assert_eq!(of("application/x-www-form-urlencoded", "a=1"), Content::Form);
        assert_eq!(Content::of(None, b"a=1&b=2"), Content::Form);
        assert_eq!(Content::of(None, b"event: a\ndata: b\n\n"), Content::Events);
        assert_eq!(of("text/plain", "a=1"), Content::Text);
        assert_eq!(of("text/plain", "ok"), Content::Text);
        assert_eq!(of("application/octet-stream", "\0"), Content::Binary);
        assert_eq!(Content::of(None, b"plain"), Content::Text);
        assert_eq!(Content::of(None, b"\xff"), Content::Binary);
    }
}
