//! From unequal ranges of ids to single records.

use super::files::Files;
use super::findings::{self, Class, Finding, Findings, Units};
use super::pairs::{Fate, Pairs, pair};
use super::pass::{Entry, Survey};
use super::recipe::{Memory, Recipe};
use super::{Outputs, OutputsError, Settings, units};
use crate::compare::Comparison;
use crate::rows::Tallies;
use std::collections::BTreeMap;

/// Gathers what is found, round by round.
pub(super) struct Resolver<'r> {
    recipe: &'r Recipe,
    surveys: &'r [Survey],
    /// Of the candidate, and of the control where there is one.
    findings: Vec<Findings>,
    units: BTreeMap<i64, Units>,
    resolved: usize,
    rounds: u64,
    /// Examples kept of each class.
    examples: usize,
    memory: [Memory; 2],
    texts: [Vec<u8>; 2],
}

impl<'r> Resolver<'r> {
    /// `surveys` are those of primary, candidate and perhaps control.
    pub(super) fn new(recipe: &'r Recipe, surveys: &'r [Survey], examples: usize) -> Self {
        let findings = surveys[1..].iter().map(|_| Findings::default()).collect();
        Self {
            recipe,
            surveys,
            findings,
            units: BTreeMap::new(),
            resolved: 0,
            rounds: 0,
            examples,
            memory: Default::default(),
            texts: Default::default(),
        }
    }

    /// The ranges to resolve together, round by round; counts the records of the equal ones.
    ///
    /// # Errors
    /// One range alone needs more than `memory` bytes.
    pub(super) fn rounds(&mut self, memory: usize) -> Result<Vec<Vec<bool>>, OutputsError> {
        let room = (memory / size_of::<Entry>()) as u64;
        let total = self.surveys[0].cells.len();
        let mut rounds: Vec<Vec<bool>> = Vec::new();
        let mut held = room + 1;
        for cell in 0..total {
            let first = self.surveys[0].cells.cell(cell);
            if self.surveys.iter().all(|survey| survey.cells.cell(cell) == first) {
                self.findings.iter_mut().for_each(|findings| findings.counts.matched += first.records);
                continue;
            }
            let records = self.surveys.iter().map(|survey| survey.cells.cell(cell).records).sum();
            if records > room {
                return Err(OutputsError::Memory { records, bytes: records * size_of::<Entry>() as u64 });
            }
            if held + records > room {
                rounds.push(vec![false; total]);
                held = 0;
            }
            held += records;
            self.resolved += 1;
            if let Some(round) = rounds.last_mut() {
                round[cell] = true;
            }
        }
        self.rounds = rounds.len() as u64;
        Ok(rounds)
    }

    /// Pairs the gathered records of all sides, id by id.
    pub(super) fn round(&mut self, files: &mut [Files], entries: &[Vec<Entry>]) -> Result<(), OutputsError> {
        let mut rest: Vec<&[Entry]> = entries.iter().map(Vec::as_slice).collect();
        while let Some(id) = rest.iter().filter_map(|side| side.first()).map(Entry::id).min() {
            let copies: Vec<&[Entry]> = rest.iter_mut().map(|side| split_id(side, id)).collect();
            self.id(files, &copies)?;
        }
        Ok(())
    }

    /// Pairs the copies of one id.
    fn id(&mut self, files: &mut [Files], copies: &[&[Entry]]) -> Result<(), OutputsError> {
        let mut sides = Vec::with_capacity(2);
        for other in 1..copies.len() {
            let (recipe, memory, texts) = (self.recipe, &mut self.memory, &mut self.texts);
            let mut compare = |left: &Entry, right: &Entry| -> Result<Comparison, OutputsError> {
                files[0].fetch(left.spot, &mut texts[0])?;
                files[other].fetch(right.spot, &mut texts[1])?;
                let left = (files[0].decoder(left.spot), texts[0].as_slice());
                let right = (files[other].decoder(right.spot), texts[1].as_slice());
                Ok(recipe.compare(left, right, memory))
            };
            let pairs = pair(copies[0], copies[other], &mut compare)?;
            self.findings[other - 1].add(&pairs, !copies[0].is_empty());
            self.examples(files, other, copies, &pairs)?;
            sides.push(pairs);
        }
        if let [candidate, control] = sides.as_slice() {
            findings::add_units(copies[0], (copies[1], candidate), (copies[2], control), &mut self.units);
        }
        Ok(())
    }

    /// Keeps examples, as long as there is room for their class.
    fn examples(
        &mut self,
        files: &mut [Files],
        other: usize,
        copies: &[&[Entry]],
        pairs: &Pairs,
    ) -> Result<(), OutputsError> {
        let on_left = pairs.fates.iter().enumerate().filter_map(|(at, fate)| {
            let class = match fate {
                Fate::Matched => return None,
                Fate::Late => Class::Late,
                Fate::Moved => Class::Moved,
                Fate::Different => Class::Different,
                Fate::Missing => Class::Missing,
                Fate::Surplus => Class::Duplicate,
            };
            Some((class, 0, copies[0][at], pairs.differing.iter().find(|(left, _)| *left == at)))
        });
        let surplus = if copies[0].is_empty() { Class::Extra } else { Class::Duplicate };
        let on_right = pairs.surplus.iter().map(|at| (surplus, other, copies[other][*at], None));
        for (class, side, entry, differing) in on_left.chain(on_right) {
            let examples = &mut self.findings[other - 1].examples;
            if examples.iter().filter(|example| example.class == class).count() >= self.examples {
                continue;
            }
            let mut id = None;
            if entry.has_id {
                files[side].fetch(entry.spot, &mut self.texts[0])?;
                let decoder = files[side].decoder(entry.spot);
                id = self.recipe.id_text(decoder, &self.texts[0], &mut self.memory[0]);
            }
            let differences = differing.map(|(_, comparison)| comparison.differences.as_slice());
            let places = differences.unwrap_or_default().iter();
            let paths = places.map(|difference| findings::place(difference.part, &difference.path)).collect();
            self.findings[other - 1].examples.push(Finding { class, id, paths });
        }
        Ok(())
    }

    /// The document, and the tallies of the check `outputs` where there is a control.
    pub(super) fn finish(mut self, settings: &Settings, partial: bool) -> (Outputs, Option<Tallies>) {
        let totals: Vec<_> = self.surveys.iter().map(|survey| survey.totals).collect();
        for (findings, totals_of) in self.findings.iter_mut().zip(&totals[1..]) {
            findings.counts.primary = totals[0].records;
            findings.counts.candidate = totals_of.records;
            findings.examples.sort_by_key(|example| example.class);
        }
        let tallies = (self.findings.len() > 1 && !partial)
            .then(|| units::tallies(&self.surveys[0].windows, &self.units, settings));
        let ranges = (self.surveys[0].cells.len(), self.resolved);
        (Outputs::new(self.findings, totals, settings, ranges, self.rounds, partial), tallies)
    }
}

/// Takes the entries of `id` off the front.
fn split_id<'e>(side: &mut &'e [Entry], id: [u64; 2]) -> &'e [Entry] {
    let (copies, rest) = side.split_at(side.iter().take_while(|entry| entry.id() == id).count());
    *side = rest;
    copies
}
