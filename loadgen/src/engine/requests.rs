//! What became of each arrival, one record each: for spreadsheets, and for people who look for one request.

use super::arm::{Caught, Ended, arms};
use super::run::{LoadError, Measured, Observer, Run};
use super::{Failure, Stop};
use parallax_exchange::Role;
use serde::Serialize;
use std::io::{self, Write};

/// One arrival that has ended; times in nanoseconds after the start of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    /// Its number in the plan.
    pub index: u64,
    /// When it was due.
    pub due_ns: u64,
    /// When its first byte went out; absent where it never did.
    pub sent_ns: Option<u64>,
    /// When the first byte of the reply came; absent where none did.
    pub first_byte_ns: Option<u64>,
    /// When it ended.
    pub done_ns: u64,
    /// How.
    #[serde(flatten)]
    pub fate: Fate,
}

/// How an arrival ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// With a reply of this status.
    Status(u16),
    /// Without a reply: `connect`, `reset`, `timeout`, `protocol`, `local` or `shed`.
    Error(&'static str),
}

impl RequestRecord {
    /// From the intended start to the end.
    #[must_use]
    pub fn response_ns(&self) -> u64 {
        self.done_ns.saturating_sub(self.due_ns)
    }

    /// Writes the record as one line of JSON.
    ///
    /// # Errors
    /// Of the sink.
    pub fn write_json(&self, sink: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *sink, self)?;
        sink.write_all(b"\n")
    }

    /// Writes the record as one line of a JTL file, as JMeter writes them; times become milliseconds.
    ///
    /// `start_ms` is the plan's time 0 in Unix milliseconds, `url` where requests go.
    ///
    /// # Errors
    /// Of the sink.
    pub fn write_jtl(&self, start_ms: u64, url: &str, sink: &mut dyn Write) -> io::Result<()> {
        let millis = |ns: u64| ns / 1_000_000;
        let latency = self.first_byte_ns.unwrap_or(self.done_ns).saturating_sub(self.due_ns);
        let (code, message, success) = match self.fate {
            Fate::Status(status) => (status.to_string(), "", status < 400),
            Fate::Error(name) => (String::new(), name, false),
        };
        writeln!(
            sink,
            "{},{},parallax,{code},{message},parallax 1-1,,{success},{message},0,0,1,1,{},{},0,0",
            start_ms + millis(self.due_ns),
            millis(self.response_ns()),
            url.replace(',', "%2C"),
            millis(latency),
        )
    }
}

/// The first line of a JTL file.
pub const JTL_HEADER: &str = "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,\
                              failureMessage,bytes,sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect\n";

impl From<Caught> for RequestRecord {
    fn from(caught: Caught) -> Self {
        let Caught { index, due_ns, sent_ns, first_ns, done_ns, ended } = caught;
        let fate = match ended {
            Ended::Reply(status, _) => Fate::Status(status),
            Ended::Failed(failure) => Fate::Error(Failure::name(failure)),
        };
        let first_byte_ns = (first_ns > 0).then_some(first_ns);
        Self { index, due_ns, sent_ns, first_byte_ns, done_ns, fate }
    }
}

impl Run {
    /// Runs the plan as [`Run::measure`] does; every arrival that ends goes to `each` on a thread of its own.
    pub(crate) fn measure_each(
        &self,
        stop: &Stop,
        observer: &mut dyn Observer,
        each: &mut (dyn FnMut(&RequestRecord) + Send),
    ) -> Result<(Measured, u64), LoadError> {
        let (mut arms, catch) = arms(&[Role::Primary], false);
        let arm = arms.pop().expect("one role has one arm");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while let Some((_, caught)) = catch.next() {
                    each(&caught.into());
                }
            });
            let measured = self.measure(stop, observer, Some(&arm));
            // Without its only sender the thread above comes to its end.
            let dropped = arm.dropped();
            drop(arm);
            Ok((measured?, dropped))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERED: RequestRecord = RequestRecord {
        index: 3,
        due_ns: 1_000_000_000,
        sent_ns: Some(1_000_100_000),
        first_byte_ns: Some(1_002_000_000),
        done_ns: 1_005_500_000,
        fate: Fate::Status(200),
    };

    fn text(write: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes).expect("memory takes everything");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_record_is_one_line_of_json() {
        let line = text(|sink| ANSWERED.write_json(sink));
        assert_eq!(
            line,
            "{\"index\":3,\"due_ns\":1000000000,\"sent_ns\":1000100000,\"first_byte_ns\":1002000000,\
             \"done_ns\":1005500000,\"status\":200}\n"
        );
        let failed = RequestRecord { fate: Fate::Error("reset"), first_byte_ns: None, ..ANSWERED };
        assert!(text(|sink| failed.write_json(sink)).contains("\"first_byte_ns\":null"));
        assert!(text(|sink| failed.write_json(sink)).ends_with("\"error\":\"reset\"}\n"));
    }

    #[test]
    fn a_jtl_line_has_a_field_for_each_name() {
        let line = text(|sink| ANSWERED.write_jtl(1_700_000_000_000, "http://a.example/?b=1,2", sink));
        assert_eq!(line.split(',').count(), JTL_HEADER.split(',').count());
        assert!(line.starts_with("1700000001000,5,parallax,200,,"), "{line}");
        assert!(line.ends_with(",http://a.example/?b=1%2C2,2,0,0\n"), "{line}");
    }
}
