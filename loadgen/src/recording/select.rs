//! A part of a recording, and shorter pauses.

use super::Recording;
use http::Method;
use std::ops::Range;
use std::time::Duration;

/// Which requests of a recording are wanted; everything by default.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Those that came this long after the first one, or later.
    pub after: Duration,
    /// Those that came earlier than this after the first one.
    pub before: Option<Duration>,
    /// Those of these methods; of all where empty.
    pub methods: Vec<Method>,
    /// Those whose path one of these matches; of all where empty.
    pub paths: Vec<PathPattern>,
}

/// A path as routes of the configuration are written: `/v1/{id}` one segment, `/v1/{*rest}` the tail.
#[derive(Debug, Clone)]
pub struct PathPattern(matchit::Router<()>);

impl std::str::FromStr for PathPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err(format!("`{text}` is no path; it must begin with `/`"));
        }
        let mut router = matchit::Router::new();
        router.insert(text, ()).map_err(|error| format!("`{text}` is no path pattern: {error}"))?;
        Ok(Self(router))
    }
}

impl Selection {
    /// What is wanted of the time, in nanoseconds after the first request.
    #[must_use]
    pub fn window(&self) -> Range<u64> {
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        ns(self.after)..self.before.map_or(u64::MAX, ns)
    }
}

impl Recording {
    /// The requests that `selection` wants, at their own times.
    #[must_use]
    pub fn select(mut self, selection: &Selection) -> Self {
        let Some(first) = self.requests.first().map(|(at_ns, _)| *at_ns) else { return self };
        let first = self.facts.origin_ns.unwrap_or(first);
        let window = selection.window();
        self.keep(|(at_ns, request)| {
            let at = at_ns.saturating_sub(first);
            let is_path = |pattern: &PathPattern| pattern.0.at(request.path()).is_ok();
            window.contains(&at)
                && (selection.methods.is_empty() || selection.methods.contains(&request.method))
                && (selection.paths.is_empty() || selection.paths.iter().any(is_path))
        });
        self
    }

    /// Makes every pause between two requests at most `longest`; what follows comes earlier by the rest.
    #[must_use]
    pub fn with_gaps_of_at_most(mut self, longest: Duration) -> Self {
        let longest = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        let (mut before, mut saved) = (None, 0);
        for (at_ns, _) in &mut self.requests {
            let gap = before.map_or(0, |before| *at_ns - before);
            before = Some(*at_ns);
            saved += gap.saturating_sub(longest);
            *at_ns -= saved;
        }
        self
    }

    /// From the first request to the last.
    #[must_use]
    pub fn span(&self) -> Duration {
        let at = |found: Option<&super::Timed>| found.map_or(0, |(at_ns, _)| *at_ns);
        Duration::from_nanos(at(self.requests.last()) - at(self.requests.first()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parallax_exchange::Request;

    fn recording() -> Recording {
        let request = |method: Method, target: &str| Request {
            method,
            target: target.to_owned(),
            ..Request::default()
        };
        Recording::new([
            (100, request(Method::GET, "/v1/a?x=1")),
            (110, request(Method::POST, "/v1/a/b")),
            (200, request(Method::GET, "/health")),
        ])
    }

    fn times(recording: &Recording) -> Vec<u64> {
        recording.requests().iter().map(|(at_ns, _)| *at_ns).collect()
    }

    #[test]
    fn a_selection_is_by_time_method_and_path() {
        let by = |selection: Selection| times(&recording().select(&selection));
        let all = Selection::default();
        assert_eq!(by(all.clone()), [100, 110, 200]);
        assert_eq!(by(Selection { after: Duration::from_nanos(10), ..all.clone() }), [110, 200]);
        assert_eq!(by(Selection { before: Some(Duration::from_nanos(100)), ..all.clone() }), [100, 110]);
        assert_eq!(by(Selection { methods: vec![Method::POST], ..all.clone() }), [110]);
        let path = |text: &str| vec![text.parse::<PathPattern>().expect("a pattern")];
        assert_eq!(by(Selection { paths: path("/v1/{one}"), ..all.clone() }), [100], "the query is no path");
        assert_eq!(by(Selection { paths: path("/v1/{*rest}"), ..all }), [100, 110]);
        assert!("v1".parse::<PathPattern>().unwrap_err().contains("begin with `/`"));
        assert!("/{".parse::<PathPattern>().unwrap_err().contains("`/{` is no path pattern"));
    }

    #[test]
    fn long_pauses_are_shortened_and_short_ones_kept() {
        let closer = recording().with_gaps_of_at_most(Duration::from_nanos(20));
        assert_eq!(times(&closer), [100, 110, 130]);
        assert_eq!(closer.span(), Duration::from_nanos(30));
    }
}
