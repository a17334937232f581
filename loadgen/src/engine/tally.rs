//! What a lane counts and times; sums of lanes are the run.
//!
//! Integers and histograms of a fixed size, so that a run may be as long as it likes.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;

/// Values above this (an hour) are recorded as this.
pub(crate) const LONGEST_NS: u64 = 3_600_000_000_000;

/// A histogram of nanoseconds, 1 ns to 1 h, three significant digits, 270 kB.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("1 ns to 1 h with 3 digits is a valid range")
}

/// Why an arrival got no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// The connection was refused or could not be made.
    Connect,
    /// The connection ended before the reply was complete.
    Reset,
    /// The time limit passed, counted from the intended start.
    Timeout,
    /// The bytes received are not HTTP.
    Protocol,
    /// This machine ran out of ports, descriptors or memory: the generator's own limit.
    Local,
    /// No connection was free, and the arrival was given up rather than queued.
    Shed,
}

impl Failure {
    /// Every failure, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::Connect, Self::Reset, Self::Timeout, Self::Protocol, Self::Local, Self::Shed];

    /// The name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Local => "local",
            Self::Shed => "shed",
        }
    }
}

/// How an arrival ended, for the response histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A reply of 200 to 299.
    Success,
    /// A reply of 300 to 399.
    Redirect,
    /// A reply of 400 to 499.
    ClientError,
    /// Any other reply.
    ServerError,
    /// A failure other than [`Failure::Shed`].
    Failed,
    /// Shed, unfinished at the end, or due and never released: the time is a lower bound.
    Censored,
}

impl Class {
    /// Every class, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::Success, Self::Redirect, Self::ClientError, Self::ServerError, Self::Failed, Self::Censored];

    /// The name in documents and as a tag in histogram logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirect => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Failed => "failed",
            Self::Censored => "censored",
        }
    }

    pub(crate) fn of_status(status: u16) -> Self {
        match status / 100 {
            2 => Self::Success,
            3 => Self::Redirect,
            4 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

/// Counts of a run or of one lane of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Arrivals handed to the network side.
    pub released: u64,
    /// Due before the end and never released.
    pub unreleased: u64,
    /// Not due yet when the run was stopped.
    pub not_due: u64,
    /// Complete replies by status.
    pub status: BTreeMap<u16, u64>,
    /// Complete replies by their status of gRPC, where that is spoken.
    pub grpc_status: BTreeMap<u16, u64>,
    /// Arrivals without a reply, by [`Failure`].
    pub failures: [u64; 6],
    /// Released and unfinished when the run was stopped.
    pub in_flight_at_end: u64,
    /// Released when no connection was free, and so had to wait for one.
    pub queued: u64,
    /// Connections opened, those of the warm-up included.
    pub connections: u64,
    /// Places of requests that got a value of a live answer.
    pub remapped: u64,
    /// Places that kept the recorded value, because the live answer did not have one.
    pub not_remapped: u64,
    /// Bytes of requests.
    pub bytes_sent: u64,
    /// Bytes of replies.
    pub bytes_received: u64,
}

impl Counts {
    /// Complete replies of any status.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.status.values().sum()
    }

    /// Complete replies of 400 and above, and calls of gRPC whose status is not 0.
    #[must_use]
    pub fn http_errors(&self) -> u64 {
        let http: u64 = self.status.range(400..).map(|(_, count)| count).sum();
        let grpc: u64 = self.grpc_status.range(1..).map(|(_, count)| count).sum();
        // An answer of 503 without a status of gRPC is in both.
        http.max(grpc)
    }

    /// Arrivals that failed for `failure`.
    #[must_use]
    pub fn failed(&self, failure: Failure) -> u64 {
        self.failures[failure as usize]
    }

    /// Arrivals without a reply, shed ones included.
    #[must_use]
    pub fn failed_in_all(&self) -> u64 {
        self.failures.iter().sum()
    }
}

/// Counts and times of a run or of one lane of it.
#[derive(Debug, Clone)]
pub struct Tally {
    /// The counts.
    pub counts: Counts,
    /// From the intended start to the end, by [`Class`]; together they hold every arrival that was due.
    pub response: [Histogram<u64>; 6],
    /// From the first byte sent to the end.
    pub service: Histogram<u64>,
    /// From the intended start to the first byte sent.
    pub send_lag: Histogram<u64>,
    /// From the intended start to the release: the generator's own part of the send lag.
    pub generator_lag: Histogram<u64>,
    /// From the first byte sent to the first byte received.
    pub first_byte: Histogram<u64>,
    /// From the intended start to the end of the request before in the session, where that came later; in
    /// session order only.
    pub session_wait: Histogram<u64>,
    /// From the beginning of a connection attempt to its success.
    pub connect: Histogram<u64>,
    /// 100 ms windows of the plan, per lane, and those of which less than 99 % was released in time.
    pub windows: Windows,
    /// The first message of each failure.
    pub first_errors: BTreeMap<&'static str, String>,
    /// Processor time of the lanes.
    pub cpu_ns: u64,
    /// When shed arrivals were due, after the start: their response is known only at the end.
    pub(crate) shed_due: Histogram<u64>,
}

/// Punctuality by window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Windows {
    /// Windows that had arrivals.
    pub count: u64,
    /// Of these, released late.
    pub short: u64,
    current: u64,
    planned: u64,
    late: u64,
}

/// Length of a window of [`Windows`].
pub(crate) const WINDOW_NS: u64 = 100_000_000;

/// A release this long after its window's end still counts as in time: an arrival on the edge must not
/// condemn a window.
const WINDOW_GRACE_NS: u64 = 10_000_000;

impl Windows {
    /// An arrival due at `due_ns` was released at `released_ns`, both after the start.
    pub(crate) fn released(&mut self, due_ns: u64, released_ns: u64) {
        let window = due_ns / WINDOW_NS;
        if window != self.current {
            self.close();
            self.current = window;
        }
        self.planned += 1;
        self.late += u64::from(released_ns > (window + 1) * WINDOW_NS + WINDOW_GRACE_NS);
    }

    /// Ends the current window.
    pub(crate) fn close(&mut self) {
        self.count += u64::from(self.planned > 0);
        self.short += u64::from(self.late * 100 > self.planned);
        (self.planned, self.late) = (0, 0);
    }
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            counts: Counts::default(),
            response: std::array::from_fn(|_| histogram()),
            service: histogram(),
            send_lag: histogram(),
            generator_lag: histogram(),
            first_byte: histogram(),
            session_wait: histogram(),
            connect: histogram(),
            windows: Windows::default(),
            first_errors: BTreeMap::new(),
            cpu_ns: 0,
            shed_due: histogram(),
        }
    }

    /// Adds another lane.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        let add = |into: &mut Histogram<u64>, from: &Histogram<u64>| {
            into.add(from).expect("every histogram has the same bounds");
        };
        for (into, from) in self.response.iter_mut().zip(&other.response) {
            add(into, from);
        }
        add(&mut self.service, &other.service);
        add(&mut self.send_lag, &other.send_lag);
        add(&mut self.generator_lag, &other.generator_lag);
        add(&mut self.first_byte, &other.first_byte);
        add(&mut self.connect, &other.connect);
        add(&mut self.session_wait, &other.session_wait);
        self.windows.count += other.windows.count;
        self.windows.short += other.windows.short;
        self.cpu_ns += other.cpu_ns;
        for (name, message) in &other.first_errors {
            self.first_errors.entry(name).or_insert_with(|| message.clone());
        }
    }

    /// The response times of every arrival that was due.
    #[must_use]
    pub fn whole_response(&self) -> Histogram<u64> {
        let mut whole = histogram();
        for class in &self.response {
            whole.add(class).expect("every histogram has the same bounds");
        }
        whole
    }

    /// Counts an arrival without a reply; `message` explains the first of its kind.
    pub(crate) fn fail(&mut self, failure: Failure, message: impl FnOnce() -> String) {
        self.counts.failures[failure as usize] += 1;
        self.first_errors.entry(failure.name()).or_insert_with(message);
    }

    /// The run is over `end_ns` after its start: shed arrivals waited at least until now.
    pub(crate) fn close(&mut self, end_ns: u64) {
        self.windows.close();
        for step in self.shed_due.iter_recorded() {
            let waited = end_ns.saturating_sub(step.value_iterated_to());
            let censored = &mut self.response[Class::Censored as usize];
            censored.saturating_record_n(waited.max(1), step.count_at_value());
        }
    }
}

impl Counts {
    fn merge(&mut self, other: &Self) {
        self.released += other.released;
        self.unreleased += other.unreleased;
        self.not_due += other.not_due;
        self.in_flight_at_end += other.in_flight_at_end;
        self.queued += other.queued;
        self.connections += other.connections;
        self.remapped += other.remapped;
        self.not_remapped += other.not_remapped;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        for (status, count) in &other.status {
            *self.status.entry(*status).or_default() += count;
        }
        for (status, count) in &other.grpc_status {
            *self.grpc_status.entry(*status).or_default() += count;
        }
        for (into, from) in self.failures.iter_mut().zip(other.failures) {
            *into += from;
        }
    }
}
