//! Where an exchange differs: each place once, with who differs there.

use crate::compare::{Observation, Side};
use crate::diff::{Difference, Kind, Part};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A place in an answer, and which copies differ from the primary there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Names route, part, pattern and kind in 64 bits. Two places that share it share a row: for a
    /// display, one chance in 2^50 among thousands of paths is small enough.
    pub(super) id: u64,
    pub(super) part: Part,
    pub(super) pattern: &'a str,
    pub(super) kind: Kind,
    /// The candidate differs.
    pub(super) candidate: bool,
    /// The control differs.
    pub(super) control: bool,
    /// The other copy gave no answer, so nobody knows whether it would have differed here.
    pub(super) is_unjudged: bool,
}

/// The places at which some copy differs, ascending by id; nothing is allocated where none does.
pub(super) fn places<'a>(seen: &'a Observation, route: Option<&Arc<str>>) -> Vec<Place<'a>> {
    let seed = route.map_or(0, |route| xxh3_64_with_seed(route.as_bytes(), 1));
    let of = |side: &'a Option<Side>| side.iter().flat_map(differences);
    let place = |(part, pattern, kind): (Part, &'a str, Kind), candidate: bool| Place {
        id: xxh3_64_with_seed(pattern.as_bytes(), seed ^ (part as u64) << 8 ^ kind as u64),
        part,
        pattern,
        kind,
        candidate,
        control: !candidate,
        is_unjudged: false,
    };
    let candidate = of(&seen.candidate).map(|difference| place(difference, true));
    let mut places: Vec<Place<'a>> =
        candidate.chain(of(&seen.control).map(|difference| place(difference, false))).collect();
    places.sort_by_key(|place| place.id);
    places.dedup_by(|next, kept| {
        let same = next.id == kept.id;
        kept.candidate |= same && next.candidate;
        kept.control |= same && next.control;
        same
    });
    // Not having answered is itself something that the other copy may show or not.
    let is_silent = |side: &Option<Side>| side.as_ref().is_some_and(|side| side.missing);
    let (candidate, control) = (is_silent(&seen.candidate), is_silent(&seen.control));
    for place in places.iter_mut().filter(|place| place.kind != Kind::Missing || place.part != Part::Status) {
        place.is_unjudged = if place.candidate { control && !place.control } else { candidate };
    }
    places
}

/// A missing response is a difference of its own: there is no status.
fn differences(side: &Side) -> impl Iterator<Item = (Part, &str, Kind)> {
    let missing = side.missing.then_some((Part::Status, "", Kind::Missing));
    let found = side.comparison.differences.iter();
    missing.into_iter().chain(found.map(|Difference { part, pattern, kind, .. }| (*part, &**pattern, *kind)))
}
