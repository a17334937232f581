//! Requests that are made for each arrival: vendors' events, and bodies from a template.

use crate::exit::{Exit, Failure, OrExit as _};
use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use parallax_exchange::Request;
use parallax_loadgen::events::{Batch, Generator, Template, Vendor, What};
use parallax_loadgen::{Plan, Target};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Requests that are made.
#[derive(Debug, Args)]
pub(super) struct Made {
    /// Send made-up events: statsig, segment, snowplow, posthog, amplitude, ga4, cloudevents or otlp; to the
    /// vendor's path where the URL has none.
    #[arg(long, value_name = "VENDOR", conflicts_with_all = ["data", "body_lines", "body_template"])]
    events: Option<Vendor>,
    /// Events in a request: a number, or a range such as 1..20.
    #[arg(long, value_name = "N", default_value = "10")]
    batch: Batch,
    /// A file with a body for every request, with places such as {{uuid}}, {{user}}, {{session}}, {{time}},
    /// {{time_ms}}, {{index}} and {{number 1 100}}.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "body_lines"])]
    body_template: Option<PathBuf>,
    /// How many users the events and the places are of.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    users: u64,
    /// What users, sessions, ids and batches are drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    events_seed: u64,
}

/// Requests that a run against several builds makes before it starts, and then sends again.
const PAIR_MAX: u64 = 50_000;

impl Made {
    pub(super) fn has_body(&self) -> bool {
        self.body_template.is_some()
    }

    /// The generator that was asked for; `request` makes a request of a body.
    pub(super) fn generator(
        &self,
        target: &Target,
        request: impl Fn(Bytes) -> Request,
    ) -> Result<Option<Generator>, Failure> {
        let what = match (&self.events, &self.body_template) {
            (Some(vendor), _) => What::Events(*vendor, self.batch),
            (None, Some(file)) => {
                let place = file.display().to_string();
                let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {place}"));
                let template = Template::parse(&text.or_exit(Exit::Io)?).with_context(|| place.clone());
                What::Template(template.or_exit(Exit::Usage)?, Box::new(request(Bytes::new())))
            }
            (None, None) => return Ok(None),
        };
        let path = Some(target.path_and_query()).filter(|path| path != "/");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = u64::try_from(now).unwrap_or_default();
        let headers = request(Bytes::new()).headers;
        Ok(Some(Generator::new(what, self.events_seed, self.users, now, path).with_headers(headers)))
    }
}

/// The requests of a run against several builds, in which each must get the same bytes.
pub(super) fn requests(generator: &Generator, plan: &Plan) -> Vec<Request> {
    (0..plan.arrivals().min(PAIR_MAX)).map(|index| generator.request(index)).collect()
}
