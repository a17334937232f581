//! The display beside the verdict, as JSON: the same numbers that the page shows.

use super::problem::Problem;
use super::select::Selection;
use super::{Context, document, segment};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::StatusCode;
use parallax_comparator::report::{Conservation, Example, PathCount, Report};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `?run=ID`; without it the newest run.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    run: Option<String>,
}

/// `GET /v1/report`: everything shown beside the verdict.
pub(crate) async fn whole(
    State(context): State<Context>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let report = find(&context, parameters)?;
    Ok(document(&Document { schema: "parallax.report/1", content: &*report }))
}

/// `GET /v1/differences`: where the candidate differs, most excess over noise first.
pub(crate) async fn differences(
    State(context): State<Context>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let report = find(&context, parameters)?;
    let content = Differences {
        run: &report.run,
        conservation: &report.conservation,
        differences: &report.differences,
    };
    Ok(document(&Document { schema: "parallax.differences/1", content: &content }))
}

/// `GET /v1/examples/{id}`: one differing exchange.
pub(crate) async fn example(
    State(context): State<Context>,
    id: Result<Path<String>, PathRejection>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let (id, report) = (segment(id)?, find(&context, parameters)?);
    let example = report.examples.iter().find(|example| example.id == id).ok_or_else(|| {
        let error = format!("run `{}` keeps no example `{id}`", report.run);
        Problem::new(StatusCode::NOT_FOUND, error).remedy(
            "examples are bounded and may have been replaced; GET /v1/differences names those that are kept",
        )
    })?;
    Ok(document(&Document::<Example> { schema: "parallax.example/1", content: example }))
}

/// A document: its schema beside its content.
#[derive(Serialize)]
struct Document<'a, T> {
    schema: &'static str,
    #[serde(flatten)]
    content: &'a T,
}

#[derive(Serialize)]
struct Differences<'a> {
    run: &'a str,
    conservation: &'a Conservation,
    differences: &'a [PathCount],
}

fn find(
    context: &Context,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Arc<Report>, Problem> {
    let Query(Parameters { run }) = parameters.map_err(|rejection| {
        Problem::new(StatusCode::BAD_REQUEST, rejection.body_text()).remedy("the one parameter is `run`")
    })?;
    let snapshot = context.board.snapshot();
    let entry = Selection { run, ..Selection::default() }.find(&snapshot)?;
    Ok(entry.published.report.clone())
}
