//! Protobuf with its schema: a descriptor set as `protoc --descriptor_set_out --include_imports` and
//! `buf build` write it.
//!
//! Fields have their names, enums the names of their values; fields that the schema does not know are
//! kept by their numbers. An absent field and one with its default value are the same where the
//! schema says so.

use super::writer::Writer;
use super::{Problem, notation, wire};
use crate::diff::headers::MediaType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};

/// What protobuf and gRPC bodies hold.
#[derive(Debug, Clone)]
pub struct Schema {
    pool: DescriptorPool,
    /// The type of bodies that do not tell their own.
    default: Option<MessageDescriptor>,
}

/// A descriptor set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It is no descriptor set, or not a complete one.
    #[error("no descriptor set (write one with `protoc --include_imports --descriptor_set_out=FILE`): {0}")]
    Set(String),
    /// It does not hold the message.
    #[error("the descriptor set has no message `{message}`; it has {known}")]
    Message {
        /// The full name asked for.
        message: String,
        /// Some names that it has.
        known: String,
    },
}

impl Schema {
    /// Reads a descriptor set. `message` is the full name of the type of bodies that do not tell
    /// their own by a parameter of the media type (`messageType`, `message`, `proto`) or, for gRPC,
    /// by the method called.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub fn new(descriptor_set: &[u8], message: Option<&str>) -> Result<Self, SchemaError> {
        let pool =
            DescriptorPool::decode(descriptor_set).map_err(|error| SchemaError::Set(error.to_string()))?;
        let find = |name: &str| {
            let known = || {
                pool.all_messages()
                    .take(8)
                    .map(|known| known.full_name().to_owned())
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            pool.get_message_by_name(name)
                .ok_or_else(|| SchemaError::Message { message: name.to_owned(), known: known() })
        };
        let default = message.map(find).transpose()?;
        Ok(Self { pool, default })
    }

    /// A descriptor set that can be used, in base64: what the header of a run holds.
    ///
    /// # Errors
    /// [`SchemaError::Set`].
    pub fn portable(descriptor_set: &[u8]) -> Result<String, SchemaError> {
        Self::new(descriptor_set, None).map(|_| STANDARD.encode(descriptor_set))
    }

    /// Reads what [`Self::portable`] wrote.
    ///
    /// # Errors
    /// [`SchemaError::Set`].
    pub fn from_portable(text: &str) -> Result<Self, SchemaError> {
        let bytes = STANDARD.decode(text).map_err(|error| SchemaError::Set(error.to_string()))?;
        Self::new(&bytes, None)
    }

    /// The type that a media type names, else the one for all.
    pub(super) fn of(&self, media: Option<&MediaType>) -> Option<MessageDescriptor> {
        let named = media.and_then(|media| {
            ["messagetype", "message", "proto"].into_iter().find_map(|name| media.parameter(name))
        });
        named.and_then(|name| self.pool.get_message_by_name(name)).or_else(|| self.default.clone())
    }

    /// What the method with the path `/package.Service/Method` answers.
    pub(super) fn answer(&self, path: &str) -> Option<MessageDescriptor> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        let service = self.pool.get_service_by_name(service)?;
        service.methods().find(|known| known.name() == method).map(|method| method.output())
    }
}

/// Writes one message of a known type.
pub(super) fn write(message: MessageDescriptor, body: &[u8], out: &mut Writer) -> Result<(), Problem> {
    let message = DynamicMessage::decode(message, body).map_err(|error| error.to_string())?;
    push(&message, out)
}

fn push(message: &DynamicMessage, out: &mut Writer) -> Result<(), Problem> {
    out.object(|out| {
        for (field, value) in message.fields() {
            out.key(field.name().as_bytes());
            push_value(value, &field, out)?;
        }
        for (extension, value) in message.extensions() {
            out.key(extension.json_name().as_bytes());
            push_plain(value, &extension.kind(), out)?;
        }
        let mut unknown = Vec::new();
        message.unknown_fields().for_each(|field| field.encode(&mut unknown));
        wire::push_members(&unknown, out)
    })
}

fn push_value(value: &Value, field: &FieldDescriptor, out: &mut Writer) -> Result<(), Problem> {
    let Value::Map(entries) = value else { return push_plain(value, &field.kind(), out) };
    let kind = field.kind();
    let Some(of) = kind.as_message().map(MessageDescriptor::map_entry_value_field) else {
        return Err(format!("{} is no map", field.name()));
    };
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    out.object(|out| {
        entries.into_iter().try_for_each(|(key, value)| {
            out.key(&map_key(key));
            push_plain(value, &of.kind(), out)
        })
    })
}

fn push_plain(value: &Value, kind: &Kind, out: &mut Writer) -> Result<(), Problem> {
    match value {
        Value::Bool(value) => out.token(if *value { b"true" } else { b"false" }),
        Value::I32(number) => out.token(number.to_string().as_bytes()),
        Value::I64(number) => out.token(number.to_string().as_bytes()),
        Value::U32(number) => out.token(number.to_string().as_bytes()),
        Value::U64(number) => out.token(number.to_string().as_bytes()),
        Value::F32(number) => notation::single(*number, out),
        Value::F64(number) => notation::double(*number, out),
        Value::String(text) => out.string(text.as_bytes()),
        Value::Bytes(bytes) => notation::bytes(bytes, out),
        Value::EnumNumber(number) => match kind.as_enum().and_then(|kind| kind.get_value(*number)) {
            Some(known) => out.string(known.name().as_bytes()),
            None => out.token(number.to_string().as_bytes()),
        },
        Value::Message(message) => push(message, out)?,
        Value::List(values) => {
            out.array(|out| values.iter().try_for_each(|value| push_plain(value, kind, out)))?;
        }
        Value::Map(_) => return Err("a map inside of a map".to_owned()),
    }
    Ok(())
}

fn map_key(key: &MapKey) -> Vec<u8> {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
    .into_bytes()
}
