//! `parallax replay`: a recording, on absolute time.

use crate::args::Global;
use crate::commands::load::Sending;
use crate::commands::recording::Seconds;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use clap::Args;
use http::{HeaderName, Method};
use parallax_config::Span;
use parallax_loadgen::plan::Pace;
use parallax_loadgen::recording::{Extent, PathPattern, Reading, Recording, Selection};
use parallax_loadgen::{IdPlace, Rate, Rendering, SessionKey, SessionOrder};
use std::time::Duration;

/// Send a recording again, on absolute time.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  parallax replay parallax-log --target http://127.0.0.1:8080\n  \
                        parallax replay session.har --target http://127.0.0.1:8080 --path '/v1/{*rest}' --rate 500/s --format json")]
pub(crate) struct Replay {
    /// The recording: a log directory, a segment file, or a file of any format that `recording convert` reads.
    #[arg(value_name = "RECORDING")]
    recording: String,
    /// Where to send it; paths are the recording's.
    #[arg(long, value_name = "URL")]
    target: String,
    /// How many times as fast as it was recorded.
    #[arg(long, value_name = "FACTOR", conflicts_with_all = ["rate", "stretch_to"])]
    speed: Option<f64>,
    /// At this mean rate, bursts kept in shape.
    #[arg(long, value_name = "RATE", conflicts_with = "stretch_to")]
    rate: Option<Rate>,
    /// As fast as makes one pass last this long, bursts kept in shape.
    #[arg(long, value_name = "DURATION")]
    stretch_to: Option<Span>,
    /// Shorten longer pauses to this.
    #[arg(long, value_name = "DURATION")]
    max_gap: Option<Span>,
    /// How many times to send it.
    #[arg(long = "loop", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "duration")]
    laps: u64,
    /// Begin again until this has passed.
    #[arg(long, value_name = "DURATION")]
    duration: Option<Span>,
    /// The header that names a session: from the second time on its value ends in `-2`, `-3` and so on.
    #[arg(long, value_name = "NAME")]
    session_header: Option<HeaderName>,
    /// What every pass but the first gets ids of its own in: `auto` (every UUID of queries and JSON bodies),
    /// `header:NAME`, `cookie:NAME`, `query:NAME` or `body:/POINTER` with `*` and `**`; may be given several times.
    #[arg(long = "loop-ids", value_name = "PLACE")]
    ids: Vec<IdPlace>,
    /// Send by time alone, or keep each session's requests in order on one connection.
    #[arg(long, value_enum, value_name = "ORDER", default_value_t)]
    order: Order,
    /// With `--order session`: the cookie that names a session; otherwise `--session-header`, or what the
    /// recording says.
    #[arg(long, value_name = "NAME", conflicts_with = "session_header")]
    session_cookie: Option<String>,
    /// With `--order session`: where recorded answers gave a cookie, token or id that comes again in later
    /// requests of the session, send what the live answer gave.
    #[arg(long)]
    remap: bool,
    /// Leave out what came earlier than this after the recording's first request.
    #[arg(long, value_name = "DURATION")]
    after: Option<Span>,
    /// Leave out what came this long after the recording's first request, or later.
    #[arg(long, value_name = "DURATION")]
    before: Option<Span>,
    /// Send requests of this method only; may be given several times.
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<Method>,
    /// Send requests of this path only, such as `/v1/{*rest}`; may be given several times.
    #[arg(long = "path", value_name = "PATTERN")]
    paths: Vec<PathPattern>,
    #[command(flatten)]
    seconds: Seconds,
    /// Keep each request's own `Host`.
    #[arg(long)]
    keep_host: bool,
    #[command(flatten)]
    sending: Sending,
}

/// In which order requests go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Order {
    /// By time alone, on any connection.
    #[default]
    Time,
    /// Each session's requests one after the other, on one connection.
    Session,
}

impl Replay {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let recording = self.recording(global)?;
        let target = self.sending.target(&self.target)?;
        let rendering = Rendering {
            keep_host: self.keep_host,
            lap_header: self.session_header.clone(),
            ids: self.ids.clone(),
            order: self.order()?,
        };
        let extent = match self.duration {
            Some(duration) => Extent::Lasting(duration.0),
            None => Extent::Laps(self.laps),
        };
        let pace = self.pace(recording.span())?;
        let run = recording
            .replay(target, pace, extent, &rendering, self.sending.options())
            .or_exit(Exit::Usage)?;
        self.sending.send(global, &run)
    }

    /// The order of sessions, where it is kept.
    fn order(&self) -> Result<Option<SessionOrder>, Failure> {
        let by = match (&self.session_header, &self.session_cookie) {
            (Some(name), _) => SessionKey::Header(name.clone()),
            (None, Some(name)) => SessionKey::Cookie(name.clone()),
            (None, None) => SessionKey::Recorded,
        };
        match self.order {
            Order::Session => Ok(Some(SessionOrder { by, remap: self.remap })),
            Order::Time if self.remap || self.session_cookie.is_some() => {
                let problem = "--remap and --session-cookie need --order session: by time alone an answer may come \
                               after the request that needs it";
                Err(Failure::new(Exit::Usage, problem))
            }
            Order::Time => Ok(None),
        }
    }

    /// The part of the recording that is wanted.
    fn recording(&self, global: &Global) -> Result<Recording, Failure> {
        let selection = Selection {
            after: self.after.map_or(Duration::ZERO, |after| after.0),
            before: self.before.map(|before| before.0),
            methods: self.methods.clone(),
            paths: self.paths.clone(),
        };
        let reading = Reading {
            spread: self.seconds.spread(),
            window: selection.window(),
            answers: self.remap,
            ..Reading::default()
        };
        let recording = super::recording::open(&self.recording, reading)?;
        super::recording::warn(global, &recording.describe());
        let recording = recording.select(&selection);
        if recording.requests().is_empty() {
            let problem = "nothing of the recording is left: widen --after, --before, --method or --path";
            return Err(Failure::new(Exit::Usage, problem));
        }
        Ok(match self.max_gap {
            Some(longest) => recording.with_gaps_of_at_most(longest.0),
            None => recording,
        })
    }

    fn pace(&self, span: Duration) -> Result<Pace, Failure> {
        if let Some(rate) = self.rate {
            return Ok(Pace::Rate(rate));
        }
        let (factor, remedy) = match self.stretch_to {
            None => (self.speed.unwrap_or(1.0), "--speed must be a positive number such as 2 or 0.5"),
            Some(wanted) => (
                span.as_secs_f64() / wanted.0.as_secs_f64(),
                "--stretch-to must be between a millionth and a million times what the recording lasts",
            ),
        };
        Pace::times(factor).ok_or_else(|| Failure::new(Exit::Usage, remedy))
    }
}
