//! Judging tallies while they are read: one window is in memory, however many there are.
//!
//! Only tallies that begin with their run and whose windows ascend can be judged so, as an export has them. Somebody
//! else's counters name their slices and checks by having rows of them, so all must be read before the first is judged.

use super::{Import, OfflineError};
use crate::judge::Judge;
use crate::rows::{Part, Read, SealedWindow, TallyError, parts};
use crate::run::Run;
use crate::verdict::Verdict;
use std::io::BufRead;

/// How far judging has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Windows judged.
    pub windows: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// A verdict, and whether all of the tallies are in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Streamed {
    /// The verdict; `partial` where judging was stopped before the end of an undecided run.
    pub verdict: Verdict,
    /// Whether judging was stopped.
    pub is_interrupted: bool,
}

/// Judges `parallax.tally/1` as it is read, with the result of [`super::judge_tallies`], byte for byte.
///
/// `go_on` is asked after each window; `false` stops there.
///
/// # Errors
/// As [`super::judge_tallies`]; [`OfflineError::Order`] where the tallies do not begin with a run or their windows do not
/// ascend.
pub fn judge_ordered_tallies(
    source: impl BufRead,
    import: Import,
    mut go_on: impl FnMut(Progress) -> bool,
) -> Result<Streamed, OfflineError> {
    let mut parts = parts(source);
    let run = first(parts.next())?;
    let mut policy = import.policy;
    let mut judge =
        Judge::new(&Run { policy: policy.take().unwrap_or_else(|| run.policy.clone()), ..run.clone() })?;
    let (mut open, mut ended, mut progress) = (None::<SealedWindow>, false, Progress::default());
    for read in parts {
        let Read { line, bytes, part } = read?;
        let contradiction = |why| TallyError::Contradiction { line, why };
        match part {
            Part::Run(other) if *other != run => {
                return Err(contradiction("it is the header of another run".to_owned()).into());
            }
            Part::Run(_) => {}
            Part::End => ended = true,
            Part::Window(part) => match &mut open {
                Some(window) if window.window == part.window => window.merge(*part).map_err(contradiction)?,
                Some(window) if part.window < window.window => {
                    return Err(OfflineError::Order { line, why: "its window was judged before" });
                }
                open => {
                    if let Some(window) = open.replace(*part) {
                        judge.step(&window)?;
                        progress.windows += 1;
                        if !go_on(progress) {
                            return Ok(Streamed { verdict: judge.finish(), is_interrupted: true });
                        }
                    }
                }
            },
        }
        progress.bytes = bytes;
    }
    if let Some(window) = &open {
        judge.step(window)?;
    }
    let verdict = if ended { judge.finish() } else { judge.verdict() };
    Ok(Streamed { verdict, is_interrupted: false })
}

/// The run that the tallies begin with.
fn first(read: Option<Result<Read, TallyError>>) -> Result<Run, OfflineError> {
    match read.transpose()? {
        Some(Read { part: Part::Run(run), .. }) => Ok(*run),
        Some(Read { line, .. }) => Err(OfflineError::Order { line, why: "no run comes before it" }),
        None => Err(OfflineError::Order { line: 1, why: "there is no run" }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge_tallies;
    use super::*;
    use crate::judge::testing::{everything, run, window};
    use crate::rows::Tallies;
    use crate::run::ControlMode;
    use crate::slice::Slice;

    const PAIRED: Import = Import { policy: None, control: ControlMode::Paired };

    fn text(windows: &[u64], ended: bool) -> Vec<u8> {
        let mut text = Tallies::run_line(&run(&[]));
        for index in windows {
            text.extend(window(*index, everything(*index, &Slice::all(), 100, index % 2)).to_lines());
        }
        if ended {
            text.extend(Tallies::end_line());
        }
        text
    }

    #[test]
    fn windows_judged_as_they_are_read_give_the_same_bytes() {
        for ended in [false, true] {
            let text = text(&[1, 2, 5, 6], ended);
            let mut seen = Vec::new();
            let ours = judge_ordered_tallies(text.as_slice(), PAIRED, |progress| {
                seen.push(progress);
                true
            });
            let ours = ours.unwrap();
            assert!(ours.verdict.to_json() == judge_tallies(text.as_slice(), PAIRED).unwrap().to_json());
            assert_eq!(seen.iter().map(|progress| progress.windows).collect::<Vec<_>>(), [1, 2, 3]);
            assert!(seen.is_sorted_by_key(|progress| progress.bytes) && seen[2].bytes < text.len() as u64);
            assert!(!ours.is_interrupted);
        }
    }

    #[test]
    fn an_interrupt_leaves_the_verdict_of_what_was_judged_marked_partial() {
        let stopped =
            judge_ordered_tallies(text(&[1, 2, 3, 4], true).as_slice(), PAIRED, |at| at.windows < 2);
        let stopped = stopped.unwrap();
        assert!(stopped.is_interrupted && stopped.verdict.partial && stopped.verdict.promote.is_none());
        assert_eq!(stopped.verdict.sealed_windows, 2);
    }

    #[test]
    fn what_must_be_read_whole_is_told_apart() {
        let mut twice = text(&[1, 2], false);
        twice.extend(window(1, everything(1, &Slice::all(), 100, 0)).to_lines());
        let no_run = window(1, everything(1, &Slice::all(), 100, 0)).to_lines();
        for text in [twice, no_run, Vec::new()] {
            let refused = judge_ordered_tallies(text.as_slice(), PAIRED, |_| true).unwrap_err();
            assert!(matches!(refused, OfflineError::Order { .. }), "{refused}");
        }
    }
}
