//! Addresses of topics: `kafka://HOST:PORT[,HOST:PORT…]/TOPIC[?from=…&to=…&NAME=VALUE…]`.
//!
//! `from` and `to` cut a range out of the topic. A parameter with a dot or an underscore in its name
//! goes to the client library as it is (`security.protocol=ssl`), so that every broker that it can
//! reach can be named; those that would break what this crate promises are refused.

use crate::PipelineError;
use std::str::FromStr;

/// Settings of the client library that are this crate's to choose.
const OURS: [&str; 9] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "enable.idempotence",
    "acks",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "enable.partition.eof",
    "group.id",
];

/// A topic, or the first part of the names of several, at a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaUrl {
    /// The brokers asked first, as `HOST:PORT,HOST:PORT`.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// The first record wanted; the oldest when absent.
    pub from: Option<Moment>,
    /// The end of what is wanted, itself not included; what is there now when absent.
    pub to: Option<Moment>,
    /// Partitions of a topic of exchanges that has to be made.
    pub partitions: i32,
    /// Copies of every topic that has to be made.
    pub replication: i32,
    /// Further settings of the client library.
    pub settings: Vec<(String, String)>,
}

/// A place in every partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// This offset.
    Offset(i64),
    /// The first record with this time or a later one, in milliseconds since the Unix epoch.
    Time(i64),
}

/// Whether this text wants to be a Kafka address.
#[must_use]
pub fn is_kafka(text: &str) -> bool {
    text.starts_with("kafka:")
}

impl FromStr for KafkaUrl {
    type Err = PipelineError;

    fn from_str(text: &str) -> Result<Self, PipelineError> {
        let wrong = |why: String| PipelineError::Url { url: text.to_owned(), why };
        let rest =
            text.strip_prefix("kafka://").ok_or_else(|| wrong("it must begin with kafka://".into()))?;
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (brokers, topic) = place.split_once('/').ok_or_else(|| wrong("it names no topic".into()))?;
        for broker in brokers.split(',') {
            let port = broker.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
            if !matches!(port, Some((host, Ok(1..))) if !host.is_empty()) {
                return Err(wrong(format!("`{broker}` is no HOST:PORT")));
            }
        }
        // Kafka's own rule for names.
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if topic.is_empty() || topic.len() > 200 || topic == "." || topic == ".." || !topic.bytes().all(legal)
        {
            return Err(wrong(format!(
                "`{topic}` is no topic: a name has 1 to 200 letters, digits, dots, dashes and underscores"
            )));
        }
        let mut url = Self {
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
            from: None,
            to: None,
            partitions: 4,
            replication: 1,
            settings: Vec::new(),
        };
        let count = |value: &str| value.parse().ok().filter(|count| (1..=10_000).contains(count));
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter
                .split_once('=')
                .ok_or_else(|| wrong(format!("the parameter `{parameter}` has no value")))?;
            match name {
                "from" => url.from = Some(Moment::read(value).map_err(wrong)?),
                "to" => url.to = Some(Moment::read(value).map_err(wrong)?),
                "partitions" | "replication" => {
                    let count = count(value).ok_or_else(|| wrong(format!("`{name}` is 1 to 10000")))?;
                    *(if name == "partitions" { &mut url.partitions } else { &mut url.replication }) = count;
                }
                _ if OURS.contains(&name) => {
                    return Err(wrong(format!("`{name}` is chosen by parallax")));
                }
                _ if name.contains(['.', '_']) => url.settings.push((name.to_owned(), value.to_owned())),
                _ => {
                    return Err(wrong(format!(
                        "there is no parameter `{name}`; there are `from`, `to`, `partitions` and `replication`"
                    )));
                }
            }
        }
        Ok(url)
    }
}

impl KafkaUrl {
    /// The topic `NAME.part` of a log whose address ends in `NAME`.
    #[must_use]
    pub fn part(&self, part: &str) -> String {
        format!("{}.{part}", self.topic)
    }

    /// The address without settings, which may hold passwords: for messages.
    #[must_use]
    pub fn place(&self) -> String {
        format!("kafka://{}/{}", self.brokers, self.topic)
    }
}

impl Moment {
    /// Reads an offset (`1200`) or a time in UTC (`2026-11-23T10:00:00Z`, digits after the dot kept to
    /// milliseconds).
    ///
    /// # Errors
    /// What it should be.
    pub fn read(text: &str) -> Result<Self, String> {
        if let Ok(offset) = text.parse::<i64>() {
            return if offset < 0 {
                Err(format!("`{text}`: an offset is 0 or more"))
            } else {
                Ok(Self::Offset(offset))
            };
        }
        let time: jiff::Timestamp = text
            .parse()
            .map_err(|_| format!("`{text}` is neither an offset nor a time such as 2026-11-23T10:00:00Z"))?;
        Ok(Self::Time(time.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_brokers_topic_range_and_settings() {
        let url: KafkaUrl =
            "kafka://a:9092,b:9093/orders.out?from=2026-11-23T10:00:00Z&to=77&security.protocol=ssl"
                .parse()
                .unwrap();
        assert_eq!((url.brokers.as_str(), url.topic.as_str()), ("a:9092,b:9093", "orders.out"));
        assert_eq!(url.from, Some(Moment::Time(1_795_428_000_000)));
        assert_eq!(url.to, Some(Moment::Offset(77)));
        assert_eq!(url.settings, [("security.protocol".to_owned(), "ssl".to_owned())]);
        assert_eq!(url.place(), "kafka://a:9092,b:9093/orders.out");
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (text, word) in [
            ("file:x", "must begin"),
            ("kafka://a:1", "names no topic"),
            ("kafka://a/t", "`a` is no HOST:PORT"),
            ("kafka://a:0/t", "`a:0` is no HOST:PORT"),
            ("kafka://a:1/", "is no topic"),
            ("kafka://a:1/a b", "is no topic"),
            ("kafka://a:1/t?from=soon", "neither an offset nor a time"),
            ("kafka://a:1/t?from=-1", "0 or more"),
            ("kafka://a:1/t?form=1", "no parameter `form`"),
            ("kafka://a:1/t?acks=0", "chosen by parallax"),
            ("kafka://a:1/t?from", "has no value"),
        ] {
            let error = text.parse::<KafkaUrl>().unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("kafka://HOST:PORT"), "{text}: {error}");
        }
    }
}
