//! The plan as a table and a plot of bars.

use super::{Answer, Plan, spoken};
use crate::verdict::State;
use crate::verdict::render::short_count;
use std::fmt::Write as _;

/// Width of the longest bar, which stands for the deadline.
const BAR: f64 = 40.0;

impl Plan {
    /// The plan as text of at most 100 columns.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let (rate, check, noise) = (self.units_per_second, &self.check, self.noise * 100.0);
        let _ = writeln!(
            out,
            "{rate} units a second, a candidate worse at {check}, noise {noise}% of units each way\n"
        );
        self.write_floors(&mut out);
        let deadline = spoken(self.deadline_seconds);
        let _ = writeln!(
            out,
            "\n  {:>9}  {:<12} {:>8} {:>10}  until the deadline of {deadline}",
            "excess", "verdict", "units", "after"
        );
        for answer in &self.answers {
            self.write_answer(&mut out, answer);
        }
        out.push_str("\n  Half of the runs take longer than this; held back last by:\n");
        for answer in &self.answers {
            let _ = writeln!(out, "  {:>9}  {}", percent(answer.excess), answer.held_by);
        }
        for problem in &self.problems {
            let _ = writeln!(out, "\n  cannot promote: {problem}");
        }
        out
    }

    fn write_floors(&self, out: &mut String) {
        let _ = writeln!(out, "  {:<20} {:>8} {:>10}", "required check", "units", "after");
        for floor in &self.floors {
            let (name, units) = (floor.check.to_string(), short_count(floor.units));
            let _ = writeln!(out, "  {name:<20} {units:>8} {:>10}", spoken(floor.seconds));
        }
    }

    fn write_answer(&self, out: &mut String, answer: &Answer) {
        let mark = match answer.verdict {
            State::Promote => '+',
            State::Reject => '#',
            State::Wait | State::Inconclusive | State::Invalid => '.',
        };
        let share = (answer.seconds / self.deadline_seconds).min(1.0);
        let bar: String = std::iter::repeat_n(mark, (share * BAR).ceil() as usize).collect();
        let _ = writeln!(
            out,
            "  {:>9}  {:<12} {:>8} {:>10}  |{bar}",
            percent(answer.excess),
            answer.verdict.name(),
            short_count(answer.units),
            spoken(answer.seconds),
        );
    }
}

fn percent(share: f64) -> String {
    format!("{}%", (share * 1e8).round() / 1e6)
}
