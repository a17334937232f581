//! The route table: which requests are mirrored, at what rate, and how their copies differ.
//!
//! The first route in file order that takes a request decides, also where a later one is more
//! specific. A merged radix tree would pick the most specific pattern instead, so each route keeps a
//! matcher of its own, and its literal prefix is compared before the matcher is asked.

mod explain;
mod path;

use crate::StartError;
use crate::edit::Edit;
use crate::key::{host_of, parameters};
use http::{HeaderMap, HeaderName, Method, Uri};
use parallax_config::matching::{LabelSource, ValueMatch, host_fits};
use parallax_config::{KeySource, Route};
use parallax_exchange::Label;
use path::Pattern;
use std::sync::Arc;

pub use explain::{Explanation, Tried, explain_route};

/// Parts per million: the whole.
pub(crate) const ALL_PPM: u32 = 1_000_000;

/// Bytes of a label's value that are kept: more would be no name of a population.
const LABEL_BYTES_MAX: usize = 64;

/// The compiled `[[routes]]`.
#[derive(Debug)]
pub(crate) struct RouteTable {
    entries: Vec<Entry>,
    /// Without a table every GET and HEAD is mirrored.
    default: Option<Selection>,
}

/// A request as routes look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'r> {
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
}

/// What a matching route says about a request.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Its place in the table.
    pub(crate) number: usize,
    /// Share of the keys that is mirrored, in parts per million.
    pub(crate) sample_ppm: u32,
    /// Where the key of the sample is; the cluster key's sources when empty.
    pub(crate) sample_by: Vec<KeySource>,
    /// Requests a second below which the share grows, all threads together.
    pub(crate) minimum: f64,
    /// What copies have otherwise.
    pub(crate) edit: Option<Arc<Edit>>,
    labels: Vec<LabelRule>,
    path: Pattern,
}

#[derive(Debug)]
struct LabelRule {
    name: Arc<str>,
    value: LabelValue,
}

#[derive(Debug)]
enum LabelValue {
    Static(Arc<str>),
    Header(HeaderName),
    Path(Box<str>),
}

#[derive(Debug)]
struct Entry {
    hosts: Vec<String>,
    methods: Vec<Method>,
    headers: Vec<(HeaderName, ValueMatch)>,
    query: Vec<(Box<str>, ValueMatch)>,
    selection: Selection,
}

/// The first condition of a route that a request does not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unmet<'e> {
    Method,
    Path,
    Host,
    Header(&'e HeaderName, &'e ValueMatch),
    Query(&'e str, &'e ValueMatch),
}

impl RouteTable {
    /// Compiles `routes`.
    ///
    /// # Errors
    /// [`StartError::Route`] for a pattern, a method or a share that cannot be used.
    pub(crate) fn new(routes: &[Route]) -> Result<Self, StartError> {
        let entries = routes
            .iter()
            .enumerate()
            .map(|(number, route)| Entry::new(number, route))
            .collect::<Result<Vec<_>, _>>()?;
        let default = entries.is_empty().then(Selection::everything);
        Ok(Self { entries, default })
    }

    /// The first route that takes this request.
    pub(crate) fn select(&self, asked: Asked<'_>) -> Option<&Selection> {
        let listed =
            self.entries.iter().find(|entry| entry.unmet(asked).is_none()).map(|entry| &entry.selection);
        listed.or_else(|| self.default.as_ref().filter(|_| is_read(asked.method)))
    }

    /// How many routes there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl Entry {
    fn new(number: usize, route: &Route) -> Result<Self, StartError> {
        let error = |why: String| StartError::Route { name: route.name.clone(), why };
        let methods = route
            .methods
            .iter()
            .map(|text| {
                Method::from_bytes(text.as_bytes())
                    .map_err(|_| error(format!("`{text}` is not a method; write one such as POST")))
            })
            .collect::<Result<_, _>>()?;
        if !(0.0..=1.0).contains(&route.sample) {
            return Err(error(format!(
                "sample = {} is not a share; write a number from 0 to 1",
                route.sample
            )));
        }
        let header = |(name, value): (&String, &String)| Ok((header_name(name)?, ValueMatch::of(value)));
        Ok(Self {
            hosts: route.hosts.clone(),
            methods,
            headers: route.headers.iter().map(header).collect::<Result<_, String>>().map_err(error)?,
            query: route
                .query
                .iter()
                .map(|(name, value)| (name.as_str().into(), ValueMatch::of(value)))
                .collect(),
            selection: Selection::new(number, route).map_err(error)?,
        })
    }

    /// The first condition that `asked` does not meet; the cheap ones come first.
    fn unmet(&self, asked: Asked<'_>) -> Option<Unmet<'_>> {
        let Asked { method, uri, headers } = asked;
        let method_fits =
            if self.methods.is_empty() { is_read(method) } else { self.methods.contains(method) };
        if !method_fits {
            return Some(Unmet::Method);
        }
        if !self.selection.path.matches(uri.path()) {
            return Some(Unmet::Path);
        }
        if !self.hosts.is_empty() {
            let host = host_of(headers);
            if !self.hosts.iter().any(|pattern| host_fits(pattern, host)) {
                return Some(Unmet::Host);
            }
        }
        for (name, value) in &self.headers {
            if !value.fits(headers.get_all(name).iter().map(http::HeaderValue::as_bytes)) {
                return Some(Unmet::Header(name, value));
            }
        }
        for (name, value) in &self.query {
            if !value.fits(parameters(uri.query(), name)) {
                return Some(Unmet::Query(name, value));
            }
        }
        None
    }
}

impl Selection {
    fn new(number: usize, route: &Route) -> Result<Self, String> {
        let mut labels =
            vec![LabelRule { name: "route".into(), value: LabelValue::Static(route.name.as_str().into()) }];
        for (name, source) in &route.labels {
            let value = match LabelSource::of(source) {
                LabelSource::Header(name) => LabelValue::Header(header_name(name)?),
                LabelSource::Path(name) => LabelValue::Path(name.into()),
                LabelSource::Static(text) => LabelValue::Static(text.into()),
            };
            labels.push(LabelRule { name: name.as_str().into(), value });
        }
        Ok(Self {
            number,
            sample_ppm: ppm(route.sample),
            sample_by: route.sample_by.clone(),
            minimum: route.minimum,
            edit: route.copy.as_ref().map(Edit::new).transpose()?.map(Arc::new),
            labels,
            path: Pattern::new(&route.path)?,
        })
    }

    /// What is said of reads where no route is configured.
    fn everything() -> Self {
        Self {
            number: 0,
            sample_ppm: ALL_PPM,
            sample_by: Vec::new(),
            minimum: 0.0,
            edit: None,
            labels: Vec::new(),
            path: Pattern::any(),
        }
    }

    /// The labels of an exchange that begins with this request.
    pub(crate) fn labels(&self, uri: &Uri, headers: &HeaderMap) -> Vec<Label> {
        let value = |rule: &LabelRule| match &rule.value {
            LabelValue::Static(text) => Some(Arc::clone(text)),
            LabelValue::Header(name) => {
                Some(bounded(&String::from_utf8_lossy(headers.get(name)?.as_bytes())).into())
            }
            LabelValue::Path(name) => self.path.capture(uri.path(), name).map(|text| bounded(text).into()),
        };
        let label = |rule: &LabelRule| Some(Label { name: Arc::clone(&rule.name), value: value(rule)? });
        self.labels.iter().filter_map(label).collect()
    }

    /// The target of the copies, where it is another than the live one's.
    pub(crate) fn copy_uri(&self, uri: &Uri) -> Option<Uri> {
        let edit = self.edit.as_ref()?;
        edit.uri(uri, |name| self.path.capture(uri.path(), name))
    }
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(LABEL_BYTES_MAX)]
}

pub(crate) fn header_name(text: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| format!("`{text}` is not the name of a header; write one such as x-tenant"))
}

/// Methods without side effects on the shadow: mirrored unless a route says otherwise.
fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the share was checked to lie in [0, 1]"
)]
fn ppm(share: f64) -> u32 {
    (share * f64::from(ALL_PPM)).round() as u32
}

#[cfg(test)]
mod tests;
