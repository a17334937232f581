//! For a browser: one page that needs nothing else.

use super::text::{escaped, headline};
use crate::diff::{Difference, Document};
use std::fmt::Write;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%;table-layout:fixed}\
th,td{border:1px solid #8886;padding:.4rem .6rem;text-align:left;vertical-align:top}\
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.45 ui-monospace,monospace}\
.left{background:#d7393920}.right{background:#1a7f3720}\
.where{width:26%}.kind{width:7rem}.none,.note{opacity:.7}";

/// The document as a page of its own; `left` and `right` name the two sides.
#[must_use]
pub fn html(document: &Document, left: &str, right: &str) -> String {
    let title = escaped(&format!("{left} and {right}: {}", headline(document)));
    let mut out = String::new();
    let mut put = |text: &str| writeln!(out, "{text}").expect("a String takes any text");
    put("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">");
    put("<meta name=\"viewport\" content=\"width=device-width\">");
    put(&format!("<title>{title}</title>\n<style>{STYLE}</style>"));
    put(&format!("<h1>{}</h1>", escaped(&headline(document))));
    if !document.differences.is_empty() {
        put("<table>\n<thead><tr><th class=\"where\">where</th><th class=\"kind\">kind</th>");
        put(&format!("<th>{}</th><th>{}</th></tr></thead>\n<tbody>", escaped(left), escaped(right)));
        for difference in &document.differences {
            put(&row(difference));
        }
        put("</tbody>\n</table>");
    }
    put("</html>");
    out
}

fn row(difference: &Difference) -> String {
    let side = |class: &str, text: &Option<String>| match text {
        Some(text) => format!("<td class=\"{class}\"><pre>{}</pre></td>", escaped(text)),
        None => "<td class=\"none\">nothing</td>".to_owned(),
    };
    let note = difference.note.as_deref().map(|note| format!("<div class=\"note\">{}</div>", escaped(note)));
    format!(
        "<tr><td class=\"where\">{} <code>{}</code>{}</td><td>{}</td>{}{}</tr>",
        difference.part.name(),
        escaped(&difference.path),
        note.unwrap_or_default(),
        difference.kind.name(),
        side("left", &difference.left),
        side("right", &difference.right),
    )
}
