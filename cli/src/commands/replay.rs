//! `parallax replay`: a recording, on absolute time.

use crate::args::Global;
use crate::commands::load::Sending;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use clap::Args;
use parallax_loadgen::plan::Pace;
use parallax_loadgen::recording::Extent;
use parallax_loadgen::{Rate, Rendering, Target};

/// Send a recording again, on absolute time.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  parallax replay parallax-log --target http://127.0.0.1:8080\n  \
                        parallax replay recording.plx --target http://127.0.0.1:8080 --rate 500/s --format json")]
pub(crate) struct Replay {
    /// The recording: a log directory, a segment file, or JSON lines of requests.
    #[arg(value_name = "RECORDING")]
    recording: String,
    /// Where to send it; paths are the recording's.
    #[arg(long, value_name = "URL")]
    target: String,
    /// How many times as fast as it was recorded.
    #[arg(long, value_name = "FACTOR", conflicts_with = "rate")]
    speed: Option<f64>,
    /// At this mean rate, bursts kept in shape.
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,
    /// How many times to send it.
    #[arg(long = "loop", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    laps: u64,
    /// Keep each request's own `Host`.
    #[arg(long)]
    keep_host: bool,
    #[command(flatten)]
    sending: Sending,
}

impl Replay {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let recording = super::recording::open(&self.recording)?;
        super::recording::warn(global, &recording.describe());
        let target = Target::parse(&self.target).or_exit(Exit::Usage)?;
        let rendering = Rendering { keep_host: self.keep_host, lap_header: None };
        let run = recording
            .replay(target, self.pace()?, Extent::Laps(self.laps), &rendering, self.sending.options())
            .or_exit(Exit::Usage)?;
        self.sending.send(global, &run)
    }

    fn pace(&self) -> Result<Pace, Failure> {
        match (self.speed, self.rate) {
            (_, Some(rate)) => Ok(Pace::Rate(rate)),
            (speed, None) => Pace::times(speed.unwrap_or(1.0)).ok_or_else(|| {
                Failure::new(Exit::Usage, "--speed must be a positive number such as 2 or 0.5")
            }),
        }
    }
}
