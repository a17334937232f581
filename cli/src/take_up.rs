//! Whether a run goes on from its log: after a crash, or with an undecided trial under a new name.

use crate::embedded::Options;
use crate::exit::{Exit, Failure};
use parallax_comparator::resume::{self, ResumeError, Resumed};
use parallax_comparator::run::Run;
use parallax_exchange::log::{self, Writer};

/// What the log says about going on, and what to tell people of it.
#[derive(Debug, Default)]
pub(crate) struct TakenUp {
    /// The run that goes on; a new one begins where it is absent.
    pub(crate) resumed: Option<Resumed>,
    /// Lines for people.
    pub(crate) notes: Vec<String>,
}

/// Looks for a run to go on with in the log at `url`, to which `writer` writes.
///
/// A run that was cut off goes on by itself if it is the same trial and names its candidate's digest. What cannot go
/// on is left as it is, and a new run begins; unless going on was asked for, which is then refused.
pub(crate) fn take_up(
    url: &str,
    options: &Options,
    run: &Run,
    writer: &mut dyn Writer,
) -> Result<TakenUp, Failure> {
    let mut taken = TakenUp::default();
    let torn = writer.stats().torn_bytes;
    if torn > 0 {
        taken
            .notes
            .push(format!("log      {torn} bytes of a record that was cut off were removed from its end"));
    }
    match (&options.continues, options.fresh) {
        (Some(name), _) => taken.resumed = Some(carried(url, name, options, run, writer).map_err(refused)?),
        (None, true) => {}
        (None, false) => match resumed(url, options, run) {
            Ok(resumed) => taken.resumed = resumed,
            Err(error) if options.resume => return Err(refused(error)),
            Err(error) => taken.notes.push(format!("log      a new run begins: {}", chain(&error))),
        },
    }
    if let Some(resumed) = &taken.resumed {
        let what = if options.continues.is_some() { "continued" } else { "taken up where it was cut off" };
        let from = if options.continues.is_some() { options.continues.as_deref() } else { None };
        let name = from.unwrap_or(&resumed.run().run);
        taken.notes.push(format!(
            "log      run {name} is {what}: {} windows, {} exchanges counted again",
            resumed.windows(),
            resumed.exchanges()
        ));
        if options.capture && !resumed.is_captured() {
            taken.notes.push("log      --capture has no effect: the run began without it".to_owned());
        }
    }
    Ok(taken)
}

fn resumed(url: &str, options: &Options, run: &Run) -> Result<Option<Resumed>, ResumeError> {
    let mut reader = log::open_reader(url)?;
    let Some(found) = resume::find(&mut *reader, None)?.filter(|found| !found.is_ended) else {
        return Ok(None);
    };
    if found.header.run.candidate.digest.is_none() && !options.resume {
        return Err(ResumeError::NoDigest(found.header.run.run));
    }
    resume::resume(&mut *reader, &found, run, |_| {}).map(Some)
}

fn carried(
    url: &str,
    name: &str,
    options: &Options,
    run: &Run,
    writer: &mut dyn Writer,
) -> Result<Resumed, ResumeError> {
    let mut reader = log::open_reader(url)?;
    let found = resume::find(&mut *reader, Some(name))?;
    let found = found.ok_or_else(|| ResumeError::NoRun(name.to_owned()))?;
    resume::carry(&mut *reader, &found, run.clone(), options.capture, writer, |_| {})
}

fn refused(error: ResumeError) -> Failure {
    let exit = match error {
        ResumeError::Log(log::LogError::Io { .. }) => Exit::Io,
        ResumeError::Log(_) | ResumeError::Header(_) | ResumeError::Seal { .. } | ResumeError::Retake(_) => {
            Exit::Data
        }
        _ => Exit::Usage,
    };
    Failure { exit, error: error.into() }
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
