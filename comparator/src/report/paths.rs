//! Counting differences by path, in bounded memory and in any order; see [`super::book`].

use super::book::{Book, Counts, Pair, Row, Worth};
use super::places::{Place, places};
use super::{Example, OtherPaths, PathCount};
use crate::compare::Observation;
use crate::diff::{Kind, Part};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

/// Paths with a row of their own.
const ROWS_MAX: usize = 512;
/// Examples kept of one path, of either worth, and shown.
const EXAMPLES_MAX: usize = 2;

/// What differs where.
#[derive(Debug)]
pub(super) struct PathBook {
    rows: Book<PathKey, OtherPaths, Arc<Example>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct PathKey {
    route: Option<Arc<str>>,
    part: Part,
    pattern: Box<str>,
    kind: Kind,
}

type PathRow = Row<PathKey, OtherPaths, Arc<Example>>;

impl Default for PathBook {
    fn default() -> Self {
        Self { rows: Book::new(ROWS_MAX, EXAMPLES_MAX) }
    }
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
        let mut made: Option<Arc<Example>> = None;
        let mut kept = false;
        for place in places(seen, route) {
            let worth = match (place.candidate, place.control) {
                (true, false) if !place.is_unjudged => Worth::Better,
                (true, _) => Worth::Lesser,
                (false, _) => Worth::None,
            };
            let pair = Pair { key: place.id, exchange: digest, counts: OtherPaths::of(&place) };
            let example = || Arc::clone(made.get_or_insert_with(|| Arc::new(example())));
            kept |= self.rows.count(pair, worth, || PathKey::new(&place, route), example);
        }
        kept
    }

    /// Adds what another book counted of other exchanges.
    pub(super) fn merge(&mut self, other: Self) {
        self.rows.merge(other.rows);
    }

    /// One in this many (exchange, path) pairs is counted by path; 1 as long as all paths have a row.
    pub(super) fn one_in(&self) -> u64 {
        1 << self.rows.level().min(63)
    }

    /// Rows by excess over noise, `limit` at most, the rest, and the rows' examples without repeats.
    pub(super) fn top(
        &self,
        limit: usize,
        exchanges: impl Fn(Option<&Arc<str>>) -> u64,
    ) -> (Vec<PathCount>, Option<OtherPaths>, Vec<Arc<Example>>) {
        let mut rows: Vec<&PathRow> = self.rows.rows().collect();
        rows.sort_by_cached_key(|row| order(self.rows.counts(row), &row.key));
        rows.truncate(limit);
        let mut rest = self.rows.total();
        rows.iter().for_each(|row| rest = rest.without(self.rows.counts(row)));
        let mut known = HashSet::new();
        let examples = rows.iter().flat_map(|row| row.examples(EXAMPLES_MAX));
        let examples = examples.filter(|example| known.insert(example.id.clone())).map(Arc::clone).collect();
        let counts = rows.into_iter().map(|row| self.count_of(row, exchanges(row.key.route.as_ref())));
        (counts.collect(), (rest != OtherPaths::default()).then_some(rest), examples)
    }

    fn count_of(&self, row: &PathRow, exchanges: u64) -> PathCount {
        let OtherPaths { raw, noise, candidate_only, control_only } = self.rows.counts(row);
        PathCount {
            route: row.key.route.clone(),
            part: row.key.part,
            pattern: row.key.pattern.to_string(),
            kind: row.key.kind,
            raw,
            noise,
            candidate_only,
            control_only,
            exchanges,
            examples: row.examples(EXAMPLES_MAX).map(|example| example.id.clone()).collect(),
        }
    }
}

/// Sorts by excess over noise, then by how often the candidate differs, both descending; then by place.
fn order(counts: OtherPaths, key: &PathKey) -> impl Ord + use<> {
    let excess = i128::from(counts.candidate_only) - i128::from(counts.control_only);
    (Reverse(excess), Reverse(counts.raw), key.clone())
}

impl PathKey {
    fn new(place: &Place<'_>, route: Option<&Arc<str>>) -> Self {
        Self { route: route.cloned(), part: place.part, pattern: place.pattern.into(), kind: place.kind }
    }
}

impl OtherPaths {
    fn of(place: &Place<'_>) -> Self {
        Self {
            raw: u64::from(place.candidate),
            noise: u64::from(place.control),
            candidate_only: u64::from(place.candidate && !place.control && !place.is_unjudged),
            control_only: u64::from(place.control && !place.candidate && !place.is_unjudged),
        }
    }

    fn zip(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            raw: with(self.raw, other.raw),
            noise: with(self.noise, other.noise),
            candidate_only: with(self.candidate_only, other.candidate_only),
            control_only: with(self.control_only, other.control_only),
        }
    }
}

impl Counts for OtherPaths {
    fn merge(&mut self, other: Self) {
        *self = self.zip(other, |a, b| a + b);
    }

    fn scaled(self, level: u32) -> Self {
        self.zip(self, |count, _| count.scaled(level))
    }

    fn without(self, other: Self) -> Self {
        self.zip(other, u64::saturating_sub)
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
            unified: String::new(),
            curl: None,
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
        assert_eq!(rows[0].examples.len(), 2);
        assert_eq!(examples.len(), 3, "each once");
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
    fn noise_is_not_blamed_on_the_candidate_where_the_control_gave_no_answer() {
        // An ETag that every answer makes anew, and a control that was cut off once.
        let mut book = PathBook::default();
        let silent = Side { missing: true, mismatch: true, ..Side::default() };
        let cut =
            Observation { candidate: side(&["/etag"]), control: Some(silent), ..Observation::default() };
        book.count(None, 1, &cut, || example(1));
        book.count(None, 2, &seen(&["/etag"], &["/etag"]), || example(2));
        let (rows, ..) = book.top(10, |_| 2);
        let etag = rows.iter().find(|row| row.pattern == "/etag").unwrap();
        assert_eq!((etag.raw, etag.noise, etag.candidate_only, etag.control_only), (2, 1, 0, 0));
        let missing = rows.iter().find(|row| row.kind == Kind::Missing).unwrap();
        assert_eq!((missing.candidate_only, missing.control_only), (0, 1));
    }

    fn digest(sequence: u64) -> u64 {
        parallax_exchange::ExchangeId { sequence, ..Default::default() }.digest()
    }

    fn fill<'a>(order: impl IntoIterator<Item = &'a (u64, Vec<String>)>) -> PathBook {
        let mut book = PathBook::default();
        for (digest, patterns) in order {
            let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
            book.count(None, *digest, &seen(&patterns, &[]), || example(*digest));
        }
        book
    }

    /// All that a reader sees, as bytes.
    fn shown(book: &PathBook) -> String {
        let (rows, rest, examples) = book.top(100, |_| 0);
        serde_json::to_string(&(rows, rest, examples, book.one_in())).unwrap()
    }

    #[test]
    fn a_report_is_the_same_bytes_in_any_order_and_in_any_parts() {
        let path = |index: u64| match index % 10 {
            0 => vec!["/often".to_owned()],
            1 => vec!["/often".to_owned(), format!("/rare/{index}")],
            _ => vec![format!("/rare/{index}")],
        };
        let all: Vec<_> = (0..3000).map(|index| (digest(index), path(index))).collect();
        let forward = fill(&all);
        let mut by_digest = all.clone();
        by_digest.sort_unstable();
        for order in [fill(all.iter().rev()), fill(&by_digest), fill(by_digest.iter().rev())] {
            assert_eq!(shown(&order), shown(&forward));
        }
        let mut parts = fill(all.iter().step_by(3));
        parts.merge(fill(all.iter().skip(2).step_by(3)));
        parts.merge(fill(all.iter().skip(1).step_by(3)));
        assert_eq!(shown(&parts), shown(&forward));
        let (rows, rest, _) = forward.top(100, |_| 0);
        assert_eq!(rows[0].pattern, "/often");
        assert!((450..750).contains(&rows[0].raw), "{} of 600", rows[0].raw);
        let listed: u64 = rows.iter().map(|row| row.raw).sum();
        assert_eq!(listed + rest.unwrap().raw, 3300, "nothing is lost");
        assert!(forward.rows.rows().count() <= ROWS_MAX && forward.one_in() > 1);
    }
}
