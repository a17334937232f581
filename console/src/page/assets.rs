//! Style, script and the mark: embedded in the binary, served from it.

use axum::response::{IntoResponse, Response};
use http::header;
use maud::{Markup, html};

/// The icon of the tab: the mark, as a data URL.
pub(super) const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E\
    %3Ccircle cx='9' cy='12' r='7' fill='%23667'/%3E\
    %3Ccircle cx='15' cy='12' r='7' fill='%23d55e00' fill-opacity='.75'/%3E%3C/svg%3E";

/// One thing seen from two places.
pub(super) fn mark() -> Markup {
    html! {
        svg.brand viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" {
            circle.one cx="9" cy="12" r="7" {}
            circle.two cx="15" cy="12" r="7" {}
        }
    }
}

/// `GET /console.css`
pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("assets/console.css"))
}

/// `GET /console.js`
pub(crate) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("assets/console.js"))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}
