//! The bounds of the console, each with its reason.
//!
//! They are constants, not settings: a console that is too small for its readers is a reason to put
//! a cache in front of it, not to let it take more from the process that carries live traffic.

use std::time::Duration;

/// Connections open at once; the next ones wait in the kernel's backlog.
/// It exceeds streams and long polls together, so that a gate's plain read always finds room.
pub(crate) const CONNECTIONS: usize = 512;

/// Event streams open at once: one for each open page, and some for scripts.
pub(crate) const STREAMS: usize = 64;

/// Long polls waiting at once.
pub(crate) const POLLS: usize = 256;

/// Longest `?wait=`: proxies in between seldom hold a silent request longer.
pub(crate) const WAIT: Duration = Duration::from_secs(600);

/// Time for the head of a request, and for which an idle connection is kept.
pub(crate) const HEAD: Duration = Duration::from_secs(30);

/// Time for the body of a request.
pub(crate) const BODY: Duration = Duration::from_secs(10);

/// Time for which a reader may leave an answer, or a heartbeat, unacknowledged or unread.
pub(crate) const UNREAD: Duration = Duration::from_secs(30);

/// Bytes of a request's head; hyper's floor is 8 KiB.
pub(crate) const HEAD_BYTES: usize = 16 << 10;

/// Bytes of a request's body: a webhook of Flagger is a few hundred.
pub(crate) const BODY_BYTES: usize = 64 << 10;

/// Runs kept on the board; the oldest leaves.
pub(crate) const RUNS: usize = 32;

/// Changes of state kept for each run; the oldest leaves. A blocking `invalid` may come and go.
pub(crate) const CHANGES: usize = 128;

/// Least time between two events of one stream: people cannot read faster.
pub(crate) const EVENT_GAP: Duration = Duration::from_millis(500);

/// A comment is sent on a silent stream this often, so that proxies keep it open.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

/// A stream ends after this long; browsers come back by themselves. It frees what a vanished reader
/// would hold for ever.
pub(crate) const STREAM_AGE: Duration = Duration::from_secs(3600);

/// Time for open requests to end once the console is told to stop.
pub(crate) const DRAIN: Duration = Duration::from_secs(2);

/// How often the recorder's histograms are folded; the exporter keeps raw samples in between.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);

/// Events waiting for the webhook's receiver; the oldest leaves. A run changes its state a few times.
pub(crate) const WEBHOOK_QUEUE: usize = 256;

/// Pause after the first attempt that failed; it doubles with each further one.
pub(crate) const WEBHOOK_FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause between two attempts, also where the receiver asks for a longer one.
pub(crate) const WEBHOOK_PAUSE: Duration = Duration::from_secs(300);

/// Time for events that wait when the console is told to stop: a run that ends with its verdict must
/// still tell it, and must still end.
pub(crate) const WEBHOOK_DRAIN: Duration = Duration::from_secs(10);
