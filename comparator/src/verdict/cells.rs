//! One build in many cells: region by region, shard by shard, each with a verdict of its own.
//!
//! A cell's evidence is never pooled with another's: a fault that shows in one region only would drown.
//! What is combined are the verdicts, by a rule that can only be stricter than each of them: one reject
//! rejects, one invalid rig makes all of it invalid, and a cell that says nothing never counts as a pass.

use super::{State, Verdict};
use serde::Serialize;
use std::collections::BTreeSet;

/// How many cells must promote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// All of them.
    All,
    /// So many; the others may be undecided or unheard, and none may reject or be invalid.
    AtLeast(usize),
    /// All of them, wave by wave: a wave begins when every cell of the waves before it promotes.
    Waves,
}

/// A cell and what is known of it.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Its name.
    pub name: String,
    /// Its wave; the lowest goes first.
    pub wave: u32,
    /// Its verdict, or why there is none.
    pub seen: Result<Box<Verdict>, String>,
    /// The verdict is undecided and has seen nothing new for longer than is allowed.
    pub is_stale: bool,
}

/// The document `parallax.cells/1`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cells {
    /// `parallax.cells/1`.
    pub schema: &'static str,
    /// What a gate should do.
    pub verdict: State,
    /// Whether it stands for good.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// `true`, `false` (reject or invalid) or `null` (undecided).
    pub promote: Option<bool>,
    /// The exit code: 0 promote, 10 reject, 20 wait or inconclusive, 30 invalid.
    pub code: u8,
    /// One line for people.
    pub reason: String,
    /// The rule.
    pub rule: Rule,
    /// Only cells of waves before this one were asked.
    pub before_wave: Option<u32>,
    /// The first wave in which not every cell promotes.
    pub open_wave: Option<u32>,
    /// Every cell that was asked, in the order of the file.
    pub cells: Vec<CellLine>,
}

/// One cell of the document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellLine {
    /// Its name.
    pub name: String,
    /// Its wave.
    pub wave: u32,
    /// Its verdict; absent where there is none.
    pub verdict: Option<State>,
    /// Whether that stands for good.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Whether it has seen nothing new for too long.
    pub stale: bool,
    /// Its run.
    pub run: Option<String>,
    /// The digest that it speaks of.
    pub digest: Option<String>,
    /// The verdict's reason, or why there is none.
    pub reason: String,
}

impl CellLine {
    fn of(cell: &Cell) -> Self {
        let (name, wave) = (cell.name.clone(), cell.wave);
        match &cell.seen {
            Ok(verdict) => Self {
                name,
                wave,
                verdict: Some(verdict.verdict),
                is_final: verdict.is_final,
                stale: cell.is_stale,
                run: Some(verdict.run.clone()),
                digest: verdict.candidate.digest.clone(),
                reason: verdict.reason.clone(),
            },
            Err(why) => Self {
                name,
                wave,
                verdict: None,
                is_final: false,
                stale: false,
                run: None,
                digest: None,
                reason: why.clone(),
            },
        }
    }

    fn is(&self, state: State) -> bool {
        self.is_final && self.verdict == Some(state)
    }
}

/// What all cells together say; with `before_wave`, all cells of the waves before that one.
///
/// Cells of which none comes before the wave promote: the first wave waits for nobody.
#[must_use]
pub fn aggregate(rule: Rule, before_wave: Option<u32>, cells: &[Cell]) -> Cells {
    let asked = cells.iter().filter(|cell| before_wave.is_none_or(|wave| cell.wave < wave));
    let lines: Vec<CellLine> = asked.map(CellLine::of).collect();
    let (verdict, reason) = decide(rule, before_wave, &lines);
    let is_final = !matches!(verdict, State::Wait);
    let open_wave = lines.iter().filter(|line| !line.is(State::Promote)).map(|line| line.wave).min();
    Cells {
        schema: "parallax.cells/1",
        verdict,
        is_final,
        promote: match verdict {
            State::Promote => Some(true),
            State::Reject | State::Invalid => Some(false),
            State::Wait | State::Inconclusive => None,
        },
        code: verdict.code(),
        reason,
        rule,
        before_wave,
        open_wave,
        cells: lines,
    }
}

fn decide(rule: Rule, before_wave: Option<u32>, lines: &[CellLine]) -> (State, String) {
    let names = |is: &dyn Fn(&&CellLine) -> bool| {
        let names: Vec<&str> = lines.iter().filter(is).map(|line| line.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(names) = names(&|line| line.is(State::Reject)) {
        return (State::Reject, format!("rejected in {names}"));
    }
    let digests: BTreeSet<&str> = lines.iter().filter_map(|line| line.digest.as_deref()).collect();
    if digests.len() > 1 {
        let digests: Vec<&str> = digests.into_iter().collect();
        return (State::Invalid, format!("the cells speak of different builds: {}", digests.join(", ")));
    }
    if let Some(names) = names(&|line| line.is(State::Invalid)) {
        return (State::Invalid, format!("the rig is invalid in {names}"));
    }
    let count = |state| lines.iter().filter(|line| line.is(state)).count();
    let (promoted, given_up) = (count(State::Promote), count(State::Inconclusive));
    let needed = match rule {
        Rule::All | Rule::Waves => lines.len(),
        // Before a wave every cell must promote, whatever suffices in the end.
        Rule::AtLeast(_) if before_wave.is_some() => lines.len(),
        Rule::AtLeast(needed) => needed,
    };
    let so_far = format!("{promoted} of {} cells promote, {needed} are needed", lines.len());
    if promoted >= needed {
        let nobody = before_wave.filter(|_| lines.is_empty());
        let reason = nobody.map_or(so_far, |wave| format!("no cell comes before wave {wave}"));
        return (State::Promote, reason);
    }
    if lines.len() - given_up < needed {
        let names = names(&|line| line.is(State::Inconclusive)).unwrap_or_default();
        return (State::Inconclusive, format!("{so_far}; undecided for good: {names}"));
    }
    let waiting = names(&|line| !line.is_final).unwrap_or_default();
    (State::Wait, format!("{so_far}; waiting for {waiting}"))
}

#[cfg(test)]
mod tests;
