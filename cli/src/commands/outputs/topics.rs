//! Sources that are topics: copied into files first, so that the comparison knows only files.

use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _};
use crate::interrupt::Interrupt;
use crate::output::note;
use anyhow::Context as _;
use parallax_comparator::outputs::Sources;
use parallax_pipeline::{KafkaUrl, PipelineError, is_kafka, spool};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Replaces each topic among the sources by a directory that holds a copy of it.
///
/// The directory lives as long as what is returned with the sources.
pub(super) fn fetch(
    global: &Global,
    mut sources: Sources,
    place: Option<&Path>,
) -> Result<(Sources, Option<TempDir>), Failure> {
    let sides = [Some(&mut sources.primary), Some(&mut sources.candidate), sources.control.as_mut()];
    let topics: Vec<(&str, &mut PathBuf, KafkaUrl)> = ["primary", "candidate", "control"]
        .into_iter()
        .zip(sides)
        .filter_map(|(name, side)| Some((name, side?)))
        .filter_map(|(name, side)| {
            let text = side.to_str().filter(|text| is_kafka(text))?.to_owned();
            Some(text.parse().map(|url| (name, side, url)))
        })
        .collect::<Result<_, _>>()
        .or_exit(Exit::Usage)?;
    if topics.is_empty() {
        return Ok((sources, None));
    }
    let directory = match place {
        Some(place) => tempfile::tempdir_in(place),
        None => tempfile::tempdir(),
    };
    let directory =
        directory.context("failed to make a directory for copies of topics (--spool)").or_exit(Exit::Io)?;
    let interrupt = Interrupt::listen()?;
    for (name, side, url) in topics {
        let into = directory.path().join(name);
        std::fs::create_dir(&into).or_exit(Exit::Io)?;
        let spooled = spool(&url, &into, &mut |_| !interrupt.is_set()).map_err(failure)?;
        if interrupt.is_set() {
            return Err(Failure::new(Exit::Interrupted, "interrupted before the topics were read"));
        }
        note!(global, "{name:<9} {} records of {} partitions", spooled.records, spooled.partitions);
        if spooled.without_value > 0 {
            note!(global, "{name:<9} {} records without a value are left out", spooled.without_value);
        }
        *side = into;
    }
    Ok((sources, Some(directory)))
}

/// A failure of the pipeline with its exit code.
pub(crate) fn failure(error: PipelineError) -> Failure {
    let exit = match &error {
        usage if usage.is_usage() => Exit::Usage,
        PipelineError::Topic { .. } => Exit::Usage,
        PipelineError::Record { .. } => Exit::Data,
        PipelineError::Io { .. } => Exit::Io,
        _ => Exit::Unavailable,
    };
    Failure { exit, error: error.into() }
}
