//! The worker: a member of a group of judges, and the judge where it leads.
//!
//! It keeps nothing on disk. A worker that is killed is replaced by one that reads the run again from
//! its beginning, cut by cut, and goes on where the last cut ends.

use super::cuts::Cuts;
use super::inlet::Inlet;
use super::member::Member;
use super::publisher::now_ns;
use super::topics::{self, EXCHANGES, TALLIES, VERDICTS};
use super::{client, range};
use crate::decision::Decision;
use crate::judge::Judge;
use crate::{KafkaUrl, PipelineError, Work, Worked};
use parallax_comparator::report::Published;
use parallax_comparator::run::Run;
use std::time::Duration;

/// How long a worker waits for news before it looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(50);

/// How often the verdict is published where no cut was made.
const PUBLISH_NS: u64 = 500_000_000;

/// How long results may take to be acknowledged at the end.
const DRAIN: Duration = Duration::from_secs(10);

/// Why a leader ended.
enum Ended {
    /// The run is over, or the worker is to stop.
    Done(Worked),
    /// Another leads now, or decided otherwise: what was counted is worth nothing.
    Replaced,
}

/// Works as a member of a group of judges until the run is over or `stop` says so.
///
/// `begin` fixes a new run where none goes on; `publish` hears verdicts on this thread.
///
/// # Errors
/// The cluster, its topics, or a run that cannot be judged.
pub fn work(
    work: &Work,
    begin: &mut dyn FnMut() -> Run,
    stop: &dyn Fn() -> bool,
    publish: &mut dyn FnMut(&Published),
) -> Result<Worked, PipelineError> {
    topics::ensure(&work.url, &client::consumer(&work.url)?)?;
    let mut member = Member::join(&work.url, &work.group, work.member.as_deref())?;
    while !stop() {
        if member.leads(LOOK)?
            && let Ended::Done(worked) = lead(work, &mut member, begin, stop, publish)?
        {
            return Ok(worked);
        }
    }
    Ok(Worked { published: None, counts: Default::default(), is_over: false })
}

fn lead(
    work: &Work,
    member: &mut Member,
    begin: &mut dyn FnMut() -> Run,
    stop: &dyn Fn() -> bool,
    publish: &mut dyn FnMut(&Published),
) -> Result<Ended, PipelineError> {
    let mut cuts = Cuts::open(&work.url, &work.group)?;
    if cuts.decisions.begin().is_none() || cuts.decisions.is_over() {
        let offsets = first_offsets(work, cuts.decisions.last())?;
        let header = Box::new(Judge::header(begin()));
        if !cuts.propose(&Decision::Begin { header, offsets }, stop)? {
            return Ok(Ended::Done(Worked { published: None, counts: Default::default(), is_over: false }));
        }
    }
    let Some((header, offsets)) = cuts.decisions.begin() else { return Ok(Ended::Replaced) };
    let mut judge = Judge::new(header.run.clone(), offsets)?;
    let mut inlet = Inlet::open(&work.url, offsets)?;
    let idle_ns = u64::try_from(work.idle.as_nanos()).unwrap_or(u64::MAX);
    let mut published_ns = 0;
    while !judge.is_over() {
        if stop() {
            break;
        }
        if !member.leads(Duration::ZERO)? {
            tracing::warn!("another worker leads now");
            return Ok(Ended::Replaced);
        }
        inlet.fill(LOOK)?;
        let now = now_ns();
        let number = judge.next_number();
        if cuts.decisions.get(number).is_none() {
            inlet.feed(&mut judge, None, now);
            if let Some(cut) = judge.propose(now, idle_ns, work.until_end)
                && !cuts.propose(&cut, stop)?
            {
                break;
            }
        }
        if let Some(cut) = cuts.decisions.get(number).cloned() {
            inlet.feed(&mut judge, Some(cut.offsets()), now);
            if judge.offsets().iter().zip(cut.offsets()).any(|(ours, cut)| ours > cut) {
                tracing::warn!("another worker made this cut before; beginning again from its records");
                return Ok(Ended::Replaced);
            }
            if judge.offsets() == cut.offsets() {
                for (index, record) in judge.apply(&cut).iter().enumerate() {
                    cuts.publish(TALLIES, &format!("{} {number} {index}", judge.run()), record);
                }
                let verdict = judge.verdict_json();
                cuts.publish(VERDICTS, judge.run(), &verdict);
                published_ns = 0;
            }
        }
        if now >= published_ns {
            published_ns = now + PUBLISH_NS;
            publish(&judge.published(now));
        }
    }
    // A verdict that stands ends the run for whoever comes next.
    if judge.is_over() && !cuts.decisions.is_over() {
        let (run, number, offsets) = (judge.run().to_owned(), judge.next_number(), judge.offsets());
        cuts.propose(&Decision::End { run, number, offsets }, stop)?;
    }
    cuts.flush(DRAIN);
    let published = judge.published(now_ns());
    publish(&published);
    Ok(Ended::Done(Worked { published: Some(published), counts: judge.counts(), is_over: judge.is_over() }))
}

/// Where a new run begins: where the one before ended, or where the address says.
fn first_offsets(work: &Work, last: Option<&Decision>) -> Result<Vec<i64>, PipelineError> {
    let url = KafkaUrl { topic: work.url.part(EXCHANGES), ..work.url.clone() };
    let bounds = range::bounds(&client::consumer(&url)?, &url)?;
    let ended = last.map(Decision::offsets).unwrap_or_default();
    let first = |(partition, (low, _)): (usize, &(i64, i64))| {
        if work.url.from.is_some() { *low } else { ended.get(partition).copied().unwrap_or(*low).max(*low) }
    };
    Ok(bounds.iter().enumerate().map(first).collect())
}
