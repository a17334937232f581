//! `parallax.tally/1`: sealed windows as JSON, one object a line.
//!
//! Kinds of lines, told apart by what they carry: the run (`run`), a window (`exposure`), a row
//! (`check`), what a slice saw (`counts`, `latency`), and the run's end (`ended`). Fields that this build
//! does not know are left out. Lines of the same thing add up, so the tallies of several
//! partitions are read together by putting their files one after the other.

use super::{Exposure, Fault, Gap, RoleHistograms, Row, SealedWindow, SliceCounts};
use crate::run::Run;
use crate::slice::Slice;
use parallax_exchange::Admissions;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

/// The name of the document.
pub const TALLY_SCHEMA: &str = "parallax.tally/1";

/// Tallies that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TallyError {
    /// A line is not what it should be.
    #[error("line {line} is no line of parallax.tally/1")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A line contradicts the others.
    #[error("line {line}: {why}")]
    Contradiction {
        /// Counted from 1.
        line: u64,
        /// What it contradicts.
        why: String,
    },
    /// The source cannot be read.
    #[error("failed to read line {line}")]
    Io {
        /// Counted from 1.
        line: u64,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Everything that a file of tallies holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tallies {
    /// What was fixed for the run; absent in somebody else's counters.
    pub run: Option<Run>,
    /// Ascending, each with all its lines added up.
    pub windows: Vec<SealedWindow>,
    /// The run was ended after the newest window.
    pub ended: bool,
}

#[derive(Serialize)]
struct RunLine<'a> {
    schema: &'static str,
    run: &'a Run,
}

#[derive(Serialize)]
struct EndLine {
    schema: &'static str,
    ended: bool,
}

#[derive(Serialize)]
struct WindowLine<'a> {
    schema: &'static str,
    window: u64,
    /// A string: it is above 2^53.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_ns: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exposure: &'a Option<Exposure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admissions: &'a Option<Admissions>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    faults: &'a BTreeSet<Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<Gap>,
}

#[derive(Serialize)]
struct SliceLine<'a> {
    window: u64,
    slice: &'a Slice,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<&'a SliceCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<&'a RoleHistograms>,
}

/// Whatever a line may carry beside a row.
#[derive(Deserialize)]
struct AnyLine {
    schema: Option<String>,
    run: Option<Box<Run>>,
    #[serde(default)]
    ended: bool,
    window: Option<u64>,
    end_ns: Option<String>,
    exposure: Option<Exposure>,
    admissions: Option<Admissions>,
    #[serde(default)]
    faults: BTreeSet<Fault>,
    gap: Option<Gap>,
    slice: Option<Slice>,
    check: Option<serde::de::IgnoredAny>,
    counts: Option<SliceCounts>,
    latency: Option<RoleHistograms>,
}

impl SealedWindow {
    /// The window as lines of `parallax.tally/1`, each ended by a newline.
    #[must_use]
    pub fn to_lines(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push(
            &mut out,
            &WindowLine {
                schema: TALLY_SCHEMA,
                window: self.window,
                end_ns: (self.end_ns > 0).then(|| self.end_ns.to_string()),
                exposure: &self.exposure,
                admissions: &self.admissions,
                faults: &self.faults,
                gap: self.gap,
            },
        );
        self.rows.iter().for_each(|row| push(&mut out, row));
        let slices: BTreeSet<&Slice> = self.slices.keys().chain(self.latency.keys()).collect();
        for slice in slices {
            let (counts, latency) = (self.slices.get(slice), self.latency.get(slice));
            push(&mut out, &SliceLine { window: self.window, slice, counts, latency });
        }
        out
    }
}

/// Reads the windows of a file of tallies, ascending, each with all its lines added up.
///
/// # Errors
/// As [`Tallies::read`].
pub fn read_tallies(source: impl BufRead) -> Result<Vec<SealedWindow>, TallyError> {
    Ok(Tallies::read(source)?.windows)
}

impl Tallies {
    /// Reads `parallax.tally/1`; empty lines are stepped over.
    ///
    /// # Errors
    /// [`TallyError`] names the first line that cannot be used.
    pub fn read(source: impl BufRead) -> Result<Self, TallyError> {
        let mut tallies = Self::default();
        let mut windows = BTreeMap::<u64, SealedWindow>::new();
        for read in parts(source) {
            let Read { line, part, .. } = read?;
            let contradiction = |why| TallyError::Contradiction { line, why };
            match part {
                Part::Run(run) if tallies.run.as_ref().is_some_and(|known| *known != *run) => {
                    return Err(contradiction("it is the header of another run".to_owned()));
                }
                Part::Run(run) => tallies.run = Some(*run),
                Part::End => tallies.ended = true,
                Part::Window(part) => {
                    let new = || SealedWindow { window: part.window, ..SealedWindow::default() };
                    let window = windows.entry(part.window).or_insert_with(new);
                    window.merge(*part).map_err(contradiction)?;
                }
            }
        }
        tallies.windows = windows.into_values().collect();
        Ok(tallies)
    }

    /// All of it as lines of `parallax.tally/1`.
    #[must_use]
    pub fn to_lines(&self) -> Vec<u8> {
        let mut out = self.run.as_ref().map_or_else(Vec::new, Self::run_line);
        out.extend(self.windows.iter().flat_map(SealedWindow::to_lines));
        if self.ended {
            out.extend(Self::end_line());
        }
        out
    }

    /// The first line of a file of tallies: what was fixed for the run.
    #[must_use]
    pub fn run_line(run: &Run) -> Vec<u8> {
        let mut out = Vec::new();
        push(&mut out, &RunLine { schema: TALLY_SCHEMA, run });
        out
    }

    /// The last line: the run was ended here.
    #[must_use]
    pub fn end_line() -> Vec<u8> {
        let mut out = Vec::new();
        push(&mut out, &EndLine { schema: TALLY_SCHEMA, ended: true });
        out
    }
}

/// What one line adds.
pub(crate) enum Part {
    Run(Box<Run>),
    /// A window that holds nothing else.
    Window(Box<SealedWindow>),
    End,
}

/// One line that was read.
pub(crate) struct Read {
    /// Counted from 1.
    pub(crate) line: u64,
    /// Bytes of the source up to its end.
    pub(crate) bytes: u64,
    pub(crate) part: Part,
}

/// The lines of `source`, one after another; empty ones are stepped over.
pub(crate) fn parts(source: impl BufRead) -> impl Iterator<Item = Result<Read, TallyError>> {
    let mut bytes = 0;
    source.split(b'\n').enumerate().filter_map(move |(index, text)| {
        let line = index as u64 + 1;
        let text = match text {
            Ok(text) => text,
            Err(source) => return Some(Err(TallyError::Io { line, source })),
        };
        bytes += text.len() as u64 + 1;
        if text.trim_ascii().is_empty() {
            return None;
        }
        Some(read_line(&text, line).map(|part| Read { line, bytes, part }))
    })
}

fn read_line(text: &[u8], line: u64) -> Result<Part, TallyError> {
    let wrong = |source| TallyError::Line { line, source };
    let contradiction = |why: String| TallyError::Contradiction { line, why };
    let any: AnyLine = serde_json::from_slice(text).map_err(wrong)?;
    if let Some(other) = any.schema.filter(|schema| schema != TALLY_SCHEMA) {
        return Err(contradiction(format!("its schema is `{other}`; this build reads {TALLY_SCHEMA}")));
    }
    if let Some(run) = any.run {
        return Ok(Part::Run(run));
    }
    if any.ended {
        return Ok(Part::End);
    }
    let window = any.window.ok_or_else(|| contradiction("it has no `window`".to_owned()))?;
    if window == 0 {
        return Err(contradiction("windows are counted from 1".to_owned()));
    }
    let end_ns = any.end_ns.map(|text| text.parse().map_err(|_| text)).transpose();
    let mut part = SealedWindow {
        window,
        end_ns: end_ns.map_err(|text| contradiction(format!("end_ns `{text}` is no number")))?.unwrap_or(0),
        exposure: any.exposure,
        admissions: any.admissions,
        faults: any.faults,
        gap: any.gap,
        ..SealedWindow::default()
    };
    if let Some(exposure) = &mut part.exposure {
        exposure.absent = absent(text).map_err(wrong)?;
    }
    if any.check.is_some() {
        let row: Row = serde_json::from_slice(text).map_err(wrong)?;
        part.rows.push(row);
    } else if let Some(slice) = any.slice {
        part.slices.extend(any.counts.map(|counts| (slice.clone(), counts)));
        part.latency.extend(any.latency.map(|latency| (slice, latency)));
    }
    Ok(Part::Window(Box::new(part)))
}

/// Counters of an exposure that rules need and that the line does not give.
fn absent(text: &[u8]) -> Result<BTreeSet<&'static str>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Names {
        exposure: BTreeMap<String, serde::de::IgnoredAny>,
    }
    const NEEDED: [&str; 10] = [
        "mirrored",
        "compared",
        "shed",
        "late",
        "control_only_missing",
        "ordered",
        "candidate_first",
        "candidate_offered",
        "control_offered",
        "keys",
    ];
    let Names { exposure } = serde_json::from_slice(text)?;
    Ok(NEEDED.into_iter().filter(|name| !exposure.contains_key(*name)).collect())
}

fn push(out: &mut Vec<u8>, line: &impl Serialize) {
    serde_json::to_writer(&mut *out, line).expect("integers and text keys always serialise");
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Check, Quantile};
    use crate::latencies::Recorder;
    use crate::rows::{Badness, Signs};

    fn window(number: u64) -> SealedWindow {
        let row = Row {
            window: number,
            slice: Slice::all(),
            check: Check::Mismatch,
            units: 10,
            signs: Some(Signs { worse: 2, better: 1 }),
            reject: None,
            promote: None,
            threshold_ns: None,
            control_bad: Some(3),
            replicas: BTreeMap::from([("pod-1".to_owned(), Signs { worse: 1, better: 0 })]),
        };
        let latency_row = Row {
            check: Check::Latency(Quantile::P99),
            signs: None,
            reject: Some(Signs { worse: 1, better: 4 }),
            promote: Some(Signs::default()),
            threshold_ns: Some(41_222_144),
            control_bad: None,
            replicas: BTreeMap::new(),
            ..row.clone()
        };
        let mut recorder = Recorder::default();
        recorder.record(5_000_000);
        let latency = RoleHistograms { control: recorder.finish(), missing: [0, 1, 0], ..Default::default() };
        let bad = BTreeMap::from([(Check::Mismatch, Badness { candidate: 4, control: 2 })]);
        SealedWindow {
            window: number,
            end_ns: 1_763_000_010_000_000_000,
            admissions: Some(Admissions { offered: 12, mirrored: 11, ..Default::default() }),
            exposure: Some(Exposure {
                mirrored: 11,
                compared: 11,
                keys: vec![1, u64::MAX],
                ..Default::default()
            }),
            rows: vec![row, latency_row],
            slices: BTreeMap::from([(Slice::all(), SliceCounts { requests: 11, repeated: 1, bad })]),
            latency: BTreeMap::from([(Slice::all(), latency)]),
            faults: BTreeSet::from([Fault::KeySetFull]),
            gap: Some(Gap::new(1_763_000_000_000_000_000, 1_763_000_007_000_000_000, 10_000_000_000, 3)),
        }
    }

    #[test]
    fn windows_survive_writing_and_reading() {
        let windows = vec![window(1), window(4)];
        let text: Vec<u8> = windows.iter().flat_map(SealedWindow::to_lines).collect();
        assert_eq!(read_tallies(text.as_slice()).unwrap(), windows);
    }

    #[test]
    fn lines_of_the_same_window_add_up() {
        let text = [window(2).to_lines(), window(2).to_lines()].concat();
        let sum = read_tallies(text.as_slice()).unwrap().remove(0);
        assert_eq!(sum.rows[0].units, 20);
        assert_eq!(sum.rows[0].signs, Some(Signs { worse: 4, better: 2 }));
        assert_eq!(sum.rows[0].replicas["pod-1"].worse, 2);
        assert_eq!(sum.rows[1].reject, Some(Signs { worse: 2, better: 8 }));
        assert_eq!(sum.exposure.unwrap().mirrored, 22);
        assert_eq!(sum.gap.map(|gap| (gap.span_ns(), gap.windows, gap.lost)), Some((7_000_000_000, 1, 6)));
        assert_eq!(sum.latency[&Slice::all()].control.count(), 2);
        assert_eq!(sum.slices[&Slice::all()].bad[&Check::Mismatch].candidate, 8);
    }

    #[test]
    fn foreign_tallies_may_lack_everything_but_counts() {
        let text = br#"{"window": 3, "slice": {"route": "a"}, "check": "status", "units": 5, "worse": 1, "better": 0}

{"window": 1, "exposure": {"mirrored": 9, "compared": 9}}"#;
        let windows = read_tallies(text.as_slice()).unwrap();
        assert_eq!(windows.iter().map(|window| window.window).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(windows[1].rows[0].slice, Slice::of("route", "a"));
        assert_eq!(windows[1].exposure, None);
    }

    #[test]
    fn the_run_and_its_end_are_lines_too() {
        let run = crate::testing::run();
        let text = [Tallies::run_line(&run), window(1).to_lines(), Tallies::end_line()].concat();
        let tallies = Tallies::read([text.as_slice(), b"\n"].concat().as_slice()).unwrap();
        assert_eq!(tallies, Tallies { run: Some(run.clone()), windows: vec![window(1)], ended: true });
        let other = Run { run: "other".to_owned(), ..run };
        let error = Tallies::read([text, Tallies::run_line(&other)].concat().as_slice()).unwrap_err();
        assert!(error.to_string().ends_with("another run"), "{error}");
    }

    #[test]
    fn what_an_exposure_does_not_give_is_known() {
        let text = br#"{"window": 1, "exposure": {"mirrored": "9007199254740993", "keys": [3, "ff"]}}"#;
        let exposure = Tallies::read(text.as_slice()).unwrap().windows.remove(0).exposure.unwrap();
        assert_eq!((exposure.mirrored, exposure.keys), (9_007_199_254_740_993, vec![3, 255]));
        assert!(
            exposure.absent.contains("late")
                && exposure.absent.contains("shed")
                && !exposure.absent.contains("mirrored")
        );
    }

    #[test]
    fn the_first_line_that_cannot_be_used_is_named() {
        let error = |text: &str| read_tallies(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error("\n{}"), "line 2: it has no `window`");
        assert_eq!(error("[]"), "line 1 is no line of parallax.tally/1");
        assert!(error(r#"{"window":0}"#).contains("counted from 1"));
        assert!(error(r#"{"window":1,"schema":"parallax.tally/2"}"#).contains("parallax.tally/2"));
        let row = |threshold: u64| {
            format!(
                r#"{{"window":1,"slice":{{}},"check":"latency.p50","units":1,"threshold_ns":{threshold},"reject":{{"worse":0,"better":0}},"promote":{{"worse":0,"better":0}}}}"#
            )
        };
        let text = format!("{}\n{}", row(10), row(11));
        assert!(error(&text).starts_with("line 2: "), "{}", error(&text));
    }
}
