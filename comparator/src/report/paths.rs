//! Counting differences by path, in bounded memory.
//!
//! Which paths keep a row must not depend on the order of arrival, and a path that differs often must
//! keep its own. So each path has a rank, the smallest digest among the ids of the exchanges in which
//! it differed, and the smallest ranks keep their rows: a path seen in n exchanges holds the smallest
//! of n even draws. The counts of a path that loses its row go to the rest.

use super::places::{Place, places};
use super::{Example, OtherPaths, PathCount};
use crate::compare::Observation;
use crate::diff::{Kind, Part};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Paths with a row of their own.
const ROWS_MAX: usize = 512;
/// Examples kept of one path.
const EXAMPLES_MAX: usize = 2;

/// The rows, by the id of their place.
#[derive(Debug, Default)]
pub(super) struct PathBook {
    rows: HashMap<u64, PathRow>,
    /// Rank and id of every row.
    ranks: BTreeSet<(u64, u64)>,
    rest: OtherPaths,
}

#[derive(Debug)]
struct PathRow {
    route: Option<Arc<str>>,
    part: Part,
    pattern: Box<str>,
    kind: Kind,
    rank: u64,
    counts: OtherPaths,
    /// Those in which only the candidate differs come first, then by digest.
    examples: BTreeMap<(bool, u64), Arc<Example>>,
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
        for place in places(seen, route) {
            let Some(row) = self.row(&place, route, digest) else {
                self.rest.count(&place);
                continue;
            };
            row.counts.count(&place);
            if place.candidate && row.wants(&place, digest) {
                let example = kept.get_or_insert_with(|| Arc::new(example()));
                row.examples.insert((place.control, digest), Arc::clone(example));
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
        let mut rows: Vec<&PathRow> = self.rows.values().collect();
        rows.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut rest = self.rest;
        rows.iter().skip(limit).for_each(|row| rest.merge(row.counts));
        rows.truncate(limit);
        let mut known = HashSet::new();
        let examples = rows.iter().flat_map(|row| &row.examples);
        let examples =
            examples.filter(|((_, digest), _)| known.insert(*digest)).map(|(_, example)| Arc::clone(example));
        let examples = examples.collect();
        let counts = rows.into_iter().map(|row| row.count_of(exchanges(row.route.as_ref())));
        (counts.collect(), (rest != OtherPaths::default()).then_some(rest), examples)
    }

    /// The row of a place, if it has or gets one.
    fn row(&mut self, place: &Place<'_>, route: Option<&Arc<str>>, digest: u64) -> Option<&mut PathRow> {
        let id = place.id;
        match self.rows.get(&id).map(|row| row.rank) {
            Some(rank) if rank <= digest => return self.rows.get_mut(&id),
            Some(rank) => {
                self.ranks.remove(&(rank, id));
            }
            None if self.rows.len() >= ROWS_MAX => {
                if self.ranks.last().is_none_or(|last| (digest, id) > *last) {
                    return None;
                }
                let (_, evicted) = self.ranks.pop_last()?;
                if let Some(row) = self.rows.remove(&evicted) {
                    self.rest.merge(row.counts);
                }
            }
            None => {}
        }
        self.ranks.insert((digest, id));
        let row = self.rows.entry(id).or_insert_with(|| PathRow::new(place, route));
        row.rank = digest;
        Some(row)
    }
}

impl PathRow {
    fn new(place: &Place<'_>, route: Option<&Arc<str>>) -> Self {
        Self {
            route: route.cloned(),
            part: place.part,
            pattern: place.pattern.into(),
            kind: place.kind,
            rank: 0,
            counts: OtherPaths::default(),
            examples: BTreeMap::new(),
        }
    }

    fn wants(&self, place: &Place<'_>, digest: u64) -> bool {
        self.examples.len() < EXAMPLES_MAX
            || self.examples.last_key_value().is_some_and(|(worst, _)| (place.control, digest) < *worst)
    }

    /// Sorts by excess over noise, then by how often the candidate differs, both descending; then by place.
    fn order(&self) -> impl Ord {
        let excess = i128::from(self.counts.candidate_only) - i128::from(self.counts.control_only);
        (Reverse(excess), Reverse(self.counts.raw), &self.route, self.part, &self.pattern, self.kind)
    }

    fn count_of(&self, exchanges: u64) -> PathCount {
        PathCount {
            route: self.route.clone(),
            part: self.part,
            pattern: self.pattern.to_string(),
            kind: self.kind,
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
    fn count(&mut self, who: &Place<'_>) {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Comparison, Side};
    use crate::diff::Difference;

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
