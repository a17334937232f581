//! The events in a recording, as a vendor's profile reads them: how many, with which ids, and what is
//! no event at all.
//!
//! Two recordings of one stream can be joined by the lists that `--events` writes.

use anyhow::Context as _;
use parallax_comparator::profile::{Event, Profile, ProfileError};
use parallax_config::ProfileName;
use parallax_exchange::Request;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// Which profile reads the requests.
#[derive(Debug, Clone, Copy)]
pub(super) enum Choice {
    /// Each request's own, as it looks.
    Auto,
    /// This one.
    Of(Profile),
}

impl std::str::FromStr for Choice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "auto" {
            return Ok(Self::Auto);
        }
        let names = || ProfileName::ALL.map(ProfileName::name).join(", ");
        Profile::by_name(name)
            .map(Self::Of)
            .ok_or_else(|| format!("there is no profile `{name}`; write auto or one of {}", names()))
    }
}

/// Unreadable requests that are shown.
const SHOWN: usize = 20;

/// What was found: the member `events` of `parallax.recording/1`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Found {
    /// By the profile's name.
    profiles: BTreeMap<&'static str, Counts>,
    /// Requests that carry no events, or for `auto` none that a profile knows.
    other_requests: u64,
    /// Requests that should carry events and cannot be read.
    unreadable: u64,
    /// The first of them.
    unreadable_examples: Vec<Unreadable>,
    #[serde(skip)]
    ids: HashSet<String>,
}

/// The events of one profile.
#[derive(Debug, Default, Serialize)]
struct Counts {
    requests: u64,
    events: u64,
    /// Different ids.
    ids: u64,
    /// Events whose id came before.
    duplicates: u64,
    /// Events whose id is a digest of their content, as they bring none.
    derived: u64,
    /// Events by name; those without one under the empty name.
    names: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct Unreadable {
    /// Position in the recording, from 0.
    request: usize,
    why: String,
}

/// One line of the list.
#[derive(Serialize)]
struct Line<'a> {
    request: usize,
    index: usize,
    profile: &'static str,
    id: &'a str,
    derived: bool,
    name: Option<&'a str>,
    who: Option<&'a str>,
    event: Box<RawValue>,
}

/// Reads the events of all requests; `list` is a file that gets one line for each.
pub(super) fn find(
    requests: &[(u64, Request)],
    choice: Choice,
    list: Option<&Path>,
) -> anyhow::Result<Found> {
    let place = || format!("failed to write {}", list.unwrap_or(Path::new("")).display());
    let mut file = list.map(|path| File::create(path).map(BufWriter::new)).transpose().with_context(place)?;
    let mut found = Found::default();
    for (number, (_, request)) in requests.iter().enumerate() {
        for (profile, event) in found.read(number, request, choice) {
            if let Some(file) = &mut file {
                serde_json::to_writer(&mut *file, &line(number, profile, &event)).with_context(place)?;
                file.write_all(b"\n").with_context(place)?;
            }
        }
    }
    if let Some(file) = &mut file {
        file.flush().with_context(place)?;
    }
    Ok(found)
}

impl Found {
    /// Whether every request that carries events could be read.
    pub(super) fn is_whole(&self) -> bool {
        self.unreadable == 0
    }

    fn read(&mut self, number: usize, request: &Request, choice: Choice) -> Vec<(Profile, Event)> {
        let profile = match choice {
            Choice::Auto => Profile::detect(request),
            Choice::Of(profile) => Some(profile).filter(|profile| profile.recognises(request)),
        };
        let Some(profile) = profile else {
            self.other_requests += 1;
            return Vec::new();
        };
        match profile.events(request) {
            Ok(events) => {
                self.count(profile, &events);
                events.into_iter().map(|event| (profile, event)).collect()
            }
            Err(error) => {
                self.refuse(number, &error);
                Vec::new()
            }
        }
    }

    fn count(&mut self, profile: Profile, events: &[Event]) {
        let counts = self.profiles.entry(profile.name().name()).or_default();
        counts.requests += 1;
        for event in events {
            let is_new = self.ids.insert(format!("{} {}", profile.name(), event.id));
            counts.events += 1;
            counts.ids += u64::from(is_new);
            counts.duplicates += u64::from(!is_new);
            counts.derived += u64::from(event.is_derived);
            *counts.names.entry(event.name.clone().unwrap_or_default()).or_default() += 1;
        }
    }

    fn refuse(&mut self, request: usize, error: &ProfileError) {
        self.unreadable += 1;
        if self.unreadable_examples.len() < SHOWN {
            self.unreadable_examples.push(Unreadable { request, why: error.to_string() });
        }
    }

    /// A few lines for people.
    pub(super) fn describe(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<13}{value}");
        };
        for (profile, counts) in &self.profiles {
            let Counts { requests, events, ids, duplicates, derived, .. } = counts;
            line("events", format!("{events} of {profile} in {requests} requests"));
            line("", format!("{ids} ids, {duplicates} duplicates, {derived} by content"));
            for (name, count) in &counts.names {
                line("", format!("{} {count}", if name.is_empty() { "(no name)" } else { name }));
            }
        }
        line("no events", format!("{} requests", self.other_requests));
        line("unreadable", format!("{} requests", self.unreadable));
        for Unreadable { request, why } in &self.unreadable_examples {
            line("", format!("request {request}: {why}"));
        }
        text
    }
}

fn line(request: usize, profile: Profile, event: &Event) -> Line<'_> {
    // `NaN`, which some clients write, is no JSON: such an event is told as a text.
    let json = RawValue::from_string(event.json.clone())
        .or_else(|_| serde_json::value::to_raw_value(&event.json))
        .unwrap_or_default();
    Line {
        request,
        index: event.index,
        profile: profile.name().name(),
        id: &event.id,
        derived: event.is_derived,
        name: event.name.as_deref(),
        who: event.who.as_deref(),
        event: json,
    }
}
