//! The route table: which requests are mirrored, and at what rate.
//!
//! The first route in file order that matches path and method decides, also where a later one is
//! more specific. A merged radix tree would pick the most specific pattern instead, so each route
//! keeps a matcher of its own, and its literal prefix is compared before the matcher is asked.

use crate::StartError;
use http::Method;
use parallax_config::Route;
use parallax_exchange::Label;

/// Parts per million: the whole.
pub(crate) const ALL_PPM: u32 = 1_000_000;

/// The compiled `[[routes]]`.
#[derive(Debug)]
pub(crate) struct RouteTable {
    entries: Vec<Entry>,
    /// Without a table every GET and HEAD is mirrored.
    default: Option<Selection>,
}

/// What a matching route says about a request.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Share of the cluster keys that is mirrored, in parts per million.
    pub(crate) sample_ppm: u32,
    /// Labels that every exchange of the route carries.
    pub(crate) labels: Vec<Label>,
}

#[derive(Debug)]
struct Entry {
    path: Pattern,
    methods: Vec<Method>,
    selection: Selection,
}

#[derive(Debug)]
enum Pattern {
    Literal(Box<str>),
    Template { prefix: Box<str>, matcher: matchit::Router<()> },
}

impl RouteTable {
    /// Compiles `routes`.
    ///
    /// # Errors
    /// [`StartError::Route`] for a pattern, a method or a share that cannot be used.
    pub(crate) fn new(routes: &[Route]) -> Result<Self, StartError> {
        let entries = routes.iter().map(Entry::new).collect::<Result<Vec<_>, _>>()?;
        let default = entries.is_empty().then(|| Selection { sample_ppm: ALL_PPM, labels: Vec::new() });
        Ok(Self { entries, default })
    }

    /// The first route that takes this request.
    pub(crate) fn select(&self, method: &Method, path: &str) -> Option<&Selection> {
        let listed =
            self.entries.iter().find(|entry| entry.takes(method, path)).map(|entry| &entry.selection);
        listed.or_else(|| self.default.as_ref().filter(|_| is_read(method)))
    }
}

impl Entry {
    fn new(route: &Route) -> Result<Self, StartError> {
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
        let label = Label { name: "route".into(), value: route.name.as_str().into() };
        Ok(Self {
            path: Pattern::new(&route.path).map_err(error)?,
            methods,
            selection: Selection { sample_ppm: ppm(route.sample), labels: vec![label] },
        })
    }

    fn takes(&self, method: &Method, path: &str) -> bool {
        let method_fits =
            if self.methods.is_empty() { is_read(method) } else { self.methods.contains(method) };
        method_fits && self.path.matches(path)
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err(format!("path = `{text}` must start with `/`"));
        }
        let Some(brace) = text.find(['{', '}']) else {
            return Ok(Self::Literal(text.into()));
        };
        let mut matcher = matchit::Router::new();
        matcher.insert(text, ()).map_err(|error| {
            format!("path = `{text}`: {error}; write {{name}} for one segment, {{*rest}} for the tail")
        })?;
        Ok(Self::Template { prefix: text[..brace].into(), matcher })
    }

    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Literal(text) => **text == *path,
            Self::Template { prefix, matcher } => path.starts_with(&**prefix) && matcher.at(path).is_ok(),
        }
    }
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
mod tests {
    use super::*;

    fn route(name: &str, path: &str, methods: &[&str]) -> Route {
        Route {
            name: name.to_owned(),
            path: path.to_owned(),
            methods: methods.iter().map(|&method| method.to_owned()).collect(),
            sample: 1.0,
            profile: None,
        }
    }

    fn chosen(table: &RouteTable, method: Method, path: &str) -> Option<String> {
        table.select(&method, path).map(|selection| selection.labels[0].value.to_string())
    }

    #[test]
    fn the_first_matching_route_wins_even_when_a_later_one_is_more_specific() {
        let table =
            RouteTable::new(&[route("any", "/v1/{*rest}", &[]), route("one", "/v1/users", &[])]).unwrap();
        assert_eq!(chosen(&table, Method::GET, "/v1/users").as_deref(), Some("any"));
        assert_eq!(chosen(&table, Method::GET, "/v2/users"), None);
    }

    #[test]
    fn a_method_with_side_effects_is_taken_only_where_a_route_names_it() {
        let table =
            RouteTable::new(&[route("read", "/a", &[]), route("write", "/{name}", &["POST"])]).unwrap();
        assert_eq!(chosen(&table, Method::GET, "/a").as_deref(), Some("read"));
        assert_eq!(chosen(&table, Method::POST, "/a").as_deref(), Some("write"));
        assert_eq!(chosen(&table, Method::DELETE, "/a"), None);
        assert_eq!(chosen(&table, Method::GET, "/b"), None);
    }

    #[test]
    fn without_a_table_reads_are_mirrored_and_carry_no_label() {
        let table = RouteTable::new(&[]).unwrap();
        assert!(table.select(&Method::HEAD, "/x").is_some_and(|selection| selection.labels.is_empty()));
        assert!(table.select(&Method::POST, "/x").is_none());
    }

    #[test]
    fn a_tail_needs_a_segment_and_a_name_takes_exactly_one() {
        let table =
            RouteTable::new(&[route("tail", "/t/{*rest}", &[]), route("one", "/o/{id}/end", &[])]).unwrap();
        assert_eq!(chosen(&table, Method::GET, "/t/"), None);
        assert_eq!(chosen(&table, Method::GET, "/t/a/b").as_deref(), Some("tail"));
        assert_eq!(chosen(&table, Method::GET, "/o/7/end").as_deref(), Some("one"));
        assert_eq!(chosen(&table, Method::GET, "/o/7/8/end"), None);
    }

    #[test]
    fn errors_name_the_route_and_the_remedy() {
        let message = |route| RouteTable::new(&[route]).unwrap_err().to_string();
        assert!(message(route("r", "v1", &[])).contains("routes.r: path = `v1` must start with `/`"));
        assert!(message(route("r", "/{a", &[])).contains("{*rest}"));
        assert!(message(route("r", "/a", &["PO ST"])).contains("`PO ST` is not a method"));
        assert!(message(Route { sample: 1.5, ..route("r", "/a", &[]) }).contains("from 0 to 1"));
    }
}
