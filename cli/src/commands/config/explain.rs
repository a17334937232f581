//! `parallax config explain`: what a key means, or which route a request takes.

use super::load;
use crate::args::Global;
use crate::exit::{Exit, OrExit as _, Outcome};
use crate::output::{self, Format};
use anyhow::{Context as _, bail};
use clap::Args;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use parallax_proxy::{Explanation, explain_route};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Explain a key, a table, everything, or which route a request takes.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The key, such as `policy.tau`; the whole commented reference when absent.
    #[arg(conflicts_with = "request")]
    key: Option<String>,
    /// A request, such as 'POST /v1/x -H x-tier:gold': says which route takes it, and why others do not.
    #[arg(long, value_name = "REQUEST", requires = "config")]
    request: Option<String>,
    /// A header of the request; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE", requires = "request")]
    headers: Vec<String>,
    /// The configuration whose routes are meant.
    #[arg(long, value_name = "FILE", requires = "request")]
    config: Option<PathBuf>,
    /// How to print what becomes of the request.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// `parallax.route/1`: what would become of a request.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    #[serde(flatten)]
    explanation: Explanation,
}

impl Explain {
    pub(super) fn run(self, global: &Global) -> Outcome {
        let (Some(text), Some(file)) = (&self.request, &self.config) else {
            let text = match &self.key {
                None => parallax_config::reference(),
                Some(key) => parallax_config::explain(key).or_exit(Exit::Usage)?,
            };
            return output::result(&text).map(|()| Exit::Ok);
        };
        let request = read(text, &self.headers).or_exit(Exit::Usage)?;
        let config = load(file, global)?;
        let explanation = explain_route(&config, &request).or_exit(Exit::Usage)?;
        match self.format {
            Format::Terminal => output::result(&terminal(&explanation))?,
            Format::Json => output::json(&Document { schema: "parallax.route/1", explanation })?,
        }
        Ok(Exit::Ok)
    }
}

/// Reads `METHOD TARGET` and headers behind it, each after `-H`.
fn read(text: &str, more: &[String]) -> anyhow::Result<Request<()>> {
    let mut parts = text.split(" -H ");
    let line = parts.next().unwrap_or_default().trim();
    let (method, target) = line.split_once(' ').with_context(|| {
        format!("`{line}` is not a request; write a method and a path, such as 'POST /v1/x?y=1'")
    })?;
    let method: Method = method.parse().with_context(|| format!("`{method}` is not a method"))?;
    let target = target.trim();
    let uri: Uri = target.parse().with_context(|| format!("`{target}` is not a path or a URL"))?;
    // A word alone would be read as a host.
    if !target.starts_with('/') && uri.scheme().is_none() {
        bail!("`{target}` is not a path; begin it with a slash");
    }
    let mut request = Request::new(());
    *request.method_mut() = method;
    for header in parts.map(str::trim).chain(more.iter().map(String::as_str)) {
        let header = header.trim_matches(['"', '\'']);
        let (name, value) =
            header.split_once(':').with_context(|| format!("`{header}` is no header; write name:value"))?;
        let name: HeaderName =
            name.trim().parse().with_context(|| format!("`{name}` is not the name of a header"))?;
        let value: HeaderValue =
            value.trim().parse().with_context(|| format!("`{name}` has no value that can be sent"))?;
        request.headers_mut().append(name, value);
    }
    if let Some(authority) = uri.authority() {
        request.headers_mut().insert(http::header::HOST, authority.as_str().parse()?);
    }
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    *request.uri_mut() = path.parse()?;
    Ok(request)
}

fn terminal(explanation: &Explanation) -> String {
    let Explanation { tried, route, mirrored, why, labels, copy_target } = explanation;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<10}{value}");
    };
    for tried in tried {
        if let Some(unmet) = &tried.unmet {
            line("not", &format!("{}: {unmet}", tried.route));
        }
    }
    line(
        "route",
        match route.as_deref() {
            None => "none",
            Some("") => "every GET and HEAD (no [[routes]])",
            Some(name) => name,
        },
    );
    let mirrored = match mirrored {
        Some(true) => "yes",
        Some(false) => "no",
        None => "depends",
    };
    line("mirrored", &format!("{mirrored}: {why}"));
    for (name, value) in labels {
        line("label", &format!("{name} = {value}"));
    }
    if let Some(target) = copy_target {
        line("copies to", target);
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_one_would_type_it() {
        let request =
            read("POST /v1/x?y=1 -H x-tier: gold -H 'host: shop.example'", &["a:b:c".to_owned()]).unwrap();
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::POST, "/v1/x?y=1"));
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        assert_eq!([header("x-tier"), header("host"), header("a")], ["gold", "shop.example", "b:c"]);
        let absolute = read("GET http://a.example/x", &[]).unwrap();
        assert_eq!(
            (absolute.uri().path(), &absolute.headers()["host"]),
            ("/x", &"a.example".parse().unwrap())
        );
    }

    #[test]
    fn what_is_no_request_says_what_to_write() {
        for (text, part) in
            [("/v1/x", "a method and a path"), ("GET /x -H x", "name:value"), ("GET x", "slash")]
        {
            let error = format!("{:#}", read(text, &[]).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}
