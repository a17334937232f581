//! Passes over one side: first for the fingerprints, then for the records of unequal cells.

use super::OutputsError;
use super::cells::Cells;
use super::files::{Files, Spot};
use super::recipe::{Memory, Reading, Recipe};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a side holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Files read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records compared.
    pub records: u64,
    /// Records left out by the sample.
    pub not_sampled: u64,
    /// Records compared whole, since they have no id.
    pub without_id: u64,
    /// Records without an event time, where one was asked for.
    pub without_time: u64,
    /// Records that are not what their source claims; compared byte for byte.
    pub unreadable: u64,
    /// Records that came after the allowed lateness.
    pub late: u64,
}

/// The first pass over a side.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) cells: Cells,
    pub(super) totals: Totals,
    /// Records by event-time window.
    pub(super) windows: BTreeMap<i64, u64>,
}

/// Windows that are told apart: 115 days of 10 seconds.
const WINDOWS_MAX: usize = 1_000_000;

/// One record of an unequal cell.
///
/// Ordered so that nothing but the records themselves decides how copies of one id are paired: not the
/// order in which they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    id: [u64; 2],
    pub(super) window: i64,
    content: [u64; 2],
    pub(super) is_late: bool,
    pub(super) has_id: bool,
    pub(super) spot: Spot,
}

impl Entry {
    pub(super) fn new(reading: &Reading, window: i64, is_late: bool, spot: Spot) -> Self {
        let halves = |wide: u128| [(wide >> 64) as u64, wide as u64];
        let (id, content) = (halves(reading.id), halves(reading.content));
        Self { id, window, content, is_late, has_id: reading.has_id, spot }
    }

    pub(super) fn id(&self) -> [u64; 2] {
        self.id
    }

    /// What equal records have in common.
    pub(super) fn meaning(&self) -> (i64, [u64; 2]) {
        (self.window, self.content)
    }
}

/// Called with bytes read since the last call; says whether to go on.
pub(super) type Going<'g> = &'g mut dyn FnMut(u64) -> bool;

/// Reads every record once; `cells` are empty ones.
pub(super) fn survey(
    files: &Files,
    recipe: &Recipe,
    cells: Cells,
    going: Going<'_>,
) -> Result<Survey, OutputsError> {
    let totals = Totals { files: files.count() as u64, bytes: files.bytes(), ..Totals::default() };
    let mut survey = Survey { cells, totals, windows: BTreeMap::new() };
    // Most records are in the window of the one before.
    let mut recent = (0, 0);
    let mut too_many = false;
    each(files, recipe, going, |reading, late, _| {
        let totals = &mut survey.totals;
        if !recipe.is_sampled(reading.id) {
            totals.not_sampled += 1;
            return;
        }
        totals.records += 1;
        totals.without_id += u64::from(!reading.has_id);
        totals.without_time += u64::from(recipe.has_time() && reading.time.is_none());
        totals.unreadable += u64::from(!reading.is_readable);
        totals.late += u64::from(late);
        let window = recipe.window(reading.time);
        survey.cells.add(reading, window, late);
        if window == recent.0 {
            recent.1 += 1;
        } else {
            *survey.windows.entry(recent.0).or_default() += recent.1;
            recent = (window, 1);
            too_many |= survey.windows.len() > WINDOWS_MAX;
        }
    })?;
    *survey.windows.entry(recent.0).or_default() += recent.1;
    survey.windows.retain(|_, records| *records > 0);
    if too_many {
        return Err(OutputsError::Setting(format!(
            "the event times fall into more than {WINDOWS_MAX} windows: use a longer --window, or another --time"
        )));
    }
    Ok(survey)
}

/// The records of the cells that `wanted` names, sorted.
///
/// # Errors
/// They are not those of the first pass: a file was written to in between.
pub(super) fn gather(
    files: &Files,
    recipe: &Recipe,
    surveyed: &Cells,
    wanted: &[bool],
    going: Going<'_>,
) -> Result<Vec<Entry>, OutputsError> {
    let wanted_cells = (0..wanted.len()).filter(|cell| wanted[*cell]);
    let room: u64 = wanted_cells.map(|cell| surveyed.cell(cell).records).sum();
    let room = usize::try_from(room).unwrap_or_default();
    let mut entries = Vec::with_capacity(room);
    let mut cells = surveyed.emptied();
    let mut stopped = false;
    let mut watched = |bytes| {
        stopped = !going(bytes);
        !stopped
    };
    each(files, recipe, &mut watched, |reading, late, spot| {
        if wanted[cells.of(reading.id)] && recipe.is_sampled(reading.id) && entries.len() < room {
            let window = recipe.window(reading.time);
            cells.add(reading, window, late);
            entries.push(Entry::new(reading, window, late, spot));
        }
    })?;
    let same = |cell: usize| !wanted[cell] || cells.cell(cell) == surveyed.cell(cell);
    if !stopped && !(0..wanted.len()).all(same) {
        return Err(OutputsError::Unstable);
    }
    entries.sort_unstable();
    Ok(entries)
}

fn each(
    files: &Files,
    recipe: &Recipe,
    going: Going<'_>,
    mut each: impl FnMut(&Reading, bool, Spot),
) -> Result<(), OutputsError> {
    let mut memory = Memory::default();
    let mut newest = (u32::MAX, i64::MIN);
    files.scan(going, |decoder, spot, raw| {
        let reading = recipe.read(decoder, raw, &mut memory);
        // The order of records means something within a file only.
        if newest.0 != spot.file {
            newest = (spot.file, i64::MIN);
        }
        let late = recipe.is_late(reading.time, &mut newest.1);
        each(&reading, late, spot);
    })
}
