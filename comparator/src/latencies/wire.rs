//! The stored form: the HDR log's own (V2, base64), readable by every HDR library.

use super::{Latencies, edge_at, empty_histogram};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2Serializer};
use serde::{Deserialize, Serialize};

/// The text is no histogram that this build can read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not base64.
    #[error("a histogram is not base64")]
    Base64(#[from] base64::DecodeError),
    /// Not an HDR histogram.
    #[error("a histogram is not in HDR's V2 format")]
    Format(#[from] hdrhistogram::serialization::DeserializeError),
    /// Its buckets differ from ours, so counts cannot be moved without loss.
    #[error(
        "a histogram has other buckets ({low} to {high}, {digits} digits); write 1 to 3600000000000, 3 digits"
    )]
    Buckets {
        /// Its lowest latency.
        low: u64,
        /// Its highest.
        high: u64,
        /// Its significant digits.
        digits: u8,
    },
}

impl Latencies {
    /// HDR's V2 encoding in base64.
    #[must_use]
    pub fn to_base64(&self) -> String {
        let mut bytes = Vec::new();
        V2Serializer::new()
            .serialize(&self.to_histogram(), &mut bytes)
            .expect("writing to memory does not fail and counts stay below 2^63");
        STANDARD.encode(bytes)
    }

    /// Reads what [`Latencies::to_base64`] wrote.
    ///
    /// # Errors
    /// [`WireError`] for anything else.
    pub fn from_base64(text: &str) -> Result<Self, WireError> {
        let bytes = STANDARD.decode(text)?;
        let dense: hdrhistogram::Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice())?;
        let ours = empty_histogram();
        if (dense.low(), dense.high(), dense.sigfig()) != (ours.low(), ours.high(), ours.sigfig()) {
            return Err(WireError::Buckets { low: dense.low(), high: dense.high(), digits: dense.sigfig() });
        }
        let buckets = dense
            .iter_recorded()
            .map(|step| (edge_at(step.value_iterated_to()), step.count_at_value()))
            .collect();
        Ok(Self { buckets })
    }
}

impl Serialize for Latencies {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_base64(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latencies::Recorder;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_stored_form_keeps_every_count(values in proptest::collection::vec(0u64..4_000_000_000_000, 0..200)) {
            let mut recorder = Recorder::default();
            values.iter().for_each(|value| recorder.record(*value));
            let latencies = recorder.finish();
            prop_assert_eq!(Latencies::from_base64(&latencies.to_base64()).unwrap(), latencies);
        }
    }

    #[test]
    fn other_buckets_and_other_texts_are_refused() {
        let other = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 1000, 2).unwrap();
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&other, &mut bytes).unwrap();
        let error = Latencies::from_base64(&STANDARD.encode(bytes)).unwrap_err();
        assert!(matches!(error, WireError::Buckets { digits: 2, .. }), "{error}");
        assert!(matches!(Latencies::from_base64("AAAA"), Err(WireError::Format(_))));
        assert!(matches!(Latencies::from_base64("~"), Err(WireError::Base64(_))));
    }
}
