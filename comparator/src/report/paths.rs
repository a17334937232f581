//! Counting differences by path, in bounded memory.
//!
//! Which paths keep a row must not depend on the order of arrival, and a path that differs often must
//! keep its own. So each path has a rank, the smallest digest among the ids of the exchanges in which
//! it differed, and the smallest ranks keep their rows: a path seen in n exchanges holds the smallest
//! of n even draws. The counts of a path that loses its row go to the rest.

use super::{Example, OtherPaths, PathCount};
use crate::compare::{Observation, Side};
use crate::diff::{Difference, Kind, Part};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Paths with a row of their own.
const ROWS_MAX: usize = 512;
/// Examples kept of one path.
const EXAMPLES_MAX: usize = 2;

/// One path of one route: what a row counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PathKey {
    pub(super) route: Option<Arc<str>>,
    pub(super) part: Part,
    pub(super) pattern: String,
    pub(super) kind: Kind,
}

/// The rows.
#[derive(Debug, Default)]
pub(super) struct PathBook {
    rows: HashMap<PathKey, PathRow>,
    ranks: BTreeSet<(u64, PathKey)>,
    rest: OtherPaths,
}

#[derive(Debug, Default)]
struct PathRow {
    rank: u64,
    counts: OtherPaths,
    /// Those in which only the candidate differs come first, then by digest.
    examples: BTreeMap<(bool, u64), Arc<Example>>,
}

/// Which of the two copies differ at a path.
#[derive(Debug, Clone, Copy, Default)]
struct Who {
    candidate: bool,
    control: bool,
}

impl PathBook {
    /// Counts the differences of one exchange; `example` is called once at most, when it is kept.
    ///
    /// Returns whether the exchange is an example now.
    pub(super) fn count(
        &mut self,
        route: Option<&Arc<str>>,
        digest: u64,
        seen: &Observation,
        example: impl Fn() -> Example,
    ) -> bool {
        let mut kept: Option<Arc<Example>> = None;
        for (place, who) in places(seen) {
            let key =
                PathKey { route: route.cloned(), part: place.0, pattern: place.1.to_owned(), kind: place.2 };
            let Some(row) = self.row(key, digest) else {
                self.rest.count(who);
                continue;
            };
            row.counts.count(who);
            if who.candidate && row.wants(who, digest) {
                let example = kept.get_or_insert_with(|| Arc::new(example()));
                row.examples.insert((who.control, digest), Arc::clone(example));
                if row.examples.len() > EXAMPLES_MAX {
                    row.examples.pop_last();
                }
            }
        }
        kept.is_some()
    }

    /// Rows by excess over noise, `limit` at most, the rest, and the rows' examples without repeats.
    pub(super) fn top(
        &self,
        limit: usize,
        exchanges: impl Fn(Option<&Arc<str>>) -> u64,
    ) -> (Vec<PathCount>, Option<OtherPaths>, Vec<Arc<Example>>) {
        let mut rows: Vec<(&PathKey, &PathRow)> = self.rows.iter().collect();
        rows.sort_by_key(|(key, row)| (row.counts.order(), *key));
        let mut rest = self.rest;
        rows.iter().skip(limit).for_each(|(_, row)| rest.merge(row.counts));
        rows.truncate(limit);
        let mut examples: Vec<Arc<Example>> = Vec::new();
        for example in rows.iter().flat_map(|(_, row)| row.examples.values()) {
            if !examples.iter().any(|known| known.id == example.id) {
                examples.push(Arc::clone(example));
            }
        }
        let counts = rows.into_iter().map(|(key, row)| row.count_of(key, exchanges(key.route.as_ref())));
        (counts.collect(), (rest != OtherPaths::default()).then_some(rest), examples)
    }

    /// The row of a path, if it has or gets one.
    fn row(&mut self, key: PathKey, digest: u64) -> Option<&mut PathRow> {
        match self.rows.get(&key).map(|row| row.rank) {
            Some(rank) if rank <= digest => return self.rows.get_mut(&key),
            Some(rank) => {
                self.ranks.remove(&(rank, key.clone()));
            }
            None if self.rows.len() >= ROWS_MAX => {
                let last = self.ranks.last()?;
                if (digest, &key) > (last.0, &last.1) {
                    return None;
                }
                let (_, evicted) = self.ranks.pop_last()?;
                if let Some(row) = self.rows.remove(&evicted) {
                    self.rest.merge(row.counts);
                }
            }
            None => {}
        }
        self.ranks.insert((digest, key.clone()));
        let row = self.rows.entry(key).or_default();
        row.rank = digest;
        Some(row)
    }
}

impl PathRow {
    fn wants(&self, who: Who, digest: u64) -> bool {
        self.examples.len() < EXAMPLES_MAX
            || self.examples.last_key_value().is_some_and(|(worst, _)| (who.control, digest) < *worst)
    }

    fn count_of(&self, key: &PathKey, exchanges: u64) -> PathCount {
        PathCount {
            route: key.route.clone(),
            part: key.part,
            pattern: key.pattern.clone(),
            kind: key.kind,
            raw: self.counts.raw,
            noise: self.counts.noise,
            candidate_only: self.counts.candidate_only,
            control_only: self.counts.control_only,
            exchanges,
            examples: self.examples.values().map(|example| example.id.clone()).collect(),
        }
    }
}

impl OtherPaths {
    fn count(&mut self, who: Who) {
        self.raw += u64::from(who.candidate);
        self.noise += u64::from(who.control);
        self.candidate_only += u64::from(who.candidate && !who.control);
        self.control_only += u64::from(who.control && !who.candidate);
    }

    fn merge(&mut self, other: Self) {
        self.raw += other.raw;
        self.noise += other.noise;
        self.candidate_only += other.candidate_only;
        self.control_only += other.control_only;
    }

    /// Sorts by excess over noise, then by how often the candidate differs, both descending.
    fn order(&self) -> (std::cmp::Reverse<i128>, std::cmp::Reverse<u64>) {
        let excess = i128::from(self.candidate_only) - i128::from(self.control_only);
        (std::cmp::Reverse(excess), std::cmp::Reverse(self.raw))
    }
}

type Place<'a> = (Part, &'a str, Kind);

/// Where the copies differ from the primary, each place once, in order.
fn places(seen: &Observation) -> BTreeMap<Place<'_>, Who> {
    let mut places = BTreeMap::<Place<'_>, Who>::new();
    for place in seen.candidate.iter().flat_map(side_places) {
        places.entry(place).or_default().candidate = true;
    }
    for place in seen.control.iter().flat_map(side_places) {
        places.entry(place).or_default().control = true;
    }
    places
}

/// A missing response is a difference of its own: there is no status.
fn side_places(side: &Side) -> impl Iterator<Item = Place<'_>> {
    let place = |difference: &'_ Difference| (difference.part, difference.kind);
    let missing = side.missing.then_some((Part::Status, "", Kind::Missing));
    let found = side.comparison.differences.iter().map(move |difference| {
        let (part, kind) = place(difference);
        (part, difference.pattern.as_str(), kind)
    });
    missing.into_iter().chain(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Comparison;

    fn example(id: u64) -> Example {
        Example {
            id: id.to_string(),
            route: None,
            request: String::new(),
            request_body: String::new(),
            primary: String::new(),
            candidate: String::new(),
            control: None,
            differences: Vec::new(),
        }
    }

    fn side(patterns: &[&str]) -> Option<Side> {
        let difference = |pattern: &&str| Difference {
            part: Part::Body,
            path: pattern.replace('*', "0"),
            pattern: (*pattern).to_owned(),
            kind: Kind::Value,
            left: None,
            right: None,
            note: None,
        };
        let differences = patterns.iter().map(difference).collect();
        Some(Side { comparison: Comparison { differences, truncated: false }, ..Side::default() })
    }

    fn seen(candidate: &[&str], control: &[&str]) -> Observation {
        Observation { candidate: side(candidate), control: side(control), ..Observation::default() }
    }

    #[test]
    fn a_path_counts_once_an_exchange_and_noise_is_told_apart() {
        let mut book = PathBook::default();
        book.count(None, 9, &seen(&["/a/*", "/a/*", "/noise"], &["/noise"]), || example(9));
        book.count(None, 5, &seen(&["/a/*"], &["/noise"]), || example(5));
        book.count(None, 7, &seen(&["/a/*"], &[]), || example(7));
        let (rows, rest, examples) = book.top(10, |_| 3);
        assert_eq!(rest, None);
        let row = |pattern: &str| rows.iter().find(|row| row.pattern == pattern).unwrap();
        assert_eq!((row("/a/*").raw, row("/a/*").candidate_only, row("/a/*").noise), (3, 3, 0));
        assert_eq!((row("/noise").raw, row("/noise").noise, row("/noise").control_only), (1, 2, 1));
        assert_eq!(rows[0].pattern, "/a/*", "most excess first");
        assert_eq!(rows[0].examples, ["5", "7"], "the smallest digests");
        assert_eq!(examples.len(), 3);
    }

    #[test]
    fn a_missing_response_has_a_row_of_its_own() {
        let mut book = PathBook::default();
        let missing = Side { missing: true, mismatch: true, ..Side::default() };
        let seen = Observation { candidate: Some(missing), control: side(&[]), ..Observation::default() };
        book.count(None, 1, &seen, || example(1));
        let (rows, _, _) = book.top(10, |_| 1);
        assert_eq!((rows[0].part, rows[0].kind, rows[0].raw), (Part::Status, Kind::Missing, 1));
    }

    #[test]
    fn what_keeps_a_row_does_not_depend_on_the_order_and_nothing_is_lost() {
        let digest =
            |index: u64| parallax_exchange::ExchangeId { sequence: index, ..Default::default() }.digest();
        let all: Vec<(u64, String)> = (0..3000)
            .map(|index| {
                (digest(index), if index % 10 == 0 { "/often".into() } else { format!("/rare/{index}") })
            })
            .collect();
        let fill = |order: &mut dyn Iterator<Item = &(u64, String)>| {
            let mut book = PathBook::default();
            for (digest, pattern) in order {
                book.count(None, *digest, &seen(&[pattern], &[]), || example(*digest));
            }
            book
        };
        let (forward, backward) = (fill(&mut all.iter()), fill(&mut all.iter().rev()));
        let rows = |book: &PathBook| book.top(usize::MAX, |_| 0).0;
        let keys = |book: &PathBook| rows(book).into_iter().map(|row| row.pattern).collect::<BTreeSet<_>>();
        assert_eq!(keys(&forward), keys(&backward));
        assert_eq!(forward.rows.len(), ROWS_MAX);
        assert_eq!(forward.ranks.len(), ROWS_MAX);
        assert_eq!((rows(&forward)[0].pattern.as_str(), rows(&forward)[0].raw), ("/often", 300));
        let total = |book: &PathBook| book.rest.raw + rows(book).iter().map(|row| row.raw).sum::<u64>();
        assert_eq!((total(&forward), total(&backward)), (3000, 3000));
    }
}
