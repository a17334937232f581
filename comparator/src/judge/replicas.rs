//! The replica rule: a noisy node is a permanent difference between the arms, which no sample size
//! removes, so a reject that one replica explains condemns the node and not the build.
//! `verdict.md` 2.8.

use crate::rows::Signs;
use std::collections::{BTreeMap, BTreeSet};

/// Replicas below which none can be singled out.
const ENOUGH_REPLICAS: usize = 3;

/// Discordant requests by cell and candidate replica.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replicas {
    known: BTreeSet<String>,
    by_cell: BTreeMap<usize, BTreeMap<String, Signs>>,
}

impl Replicas {
    pub(crate) fn new(known: &[String]) -> Self {
        Self { known: known.iter().cloned().collect(), by_cell: BTreeMap::new() }
    }

    /// Adds the discordant requests of one row.
    pub(crate) fn add(&mut self, cell: usize, row: &BTreeMap<String, Signs>) {
        for (replica, signs) in row {
            if !self.known.contains(replica) {
                self.known.insert(replica.clone());
            }
            let sum = self.by_cell.entry(cell).or_default().entry(replica.clone()).or_default();
            sum.worse = sum.worse.saturating_add(signs.worse);
            sum.better = sum.better.saturating_add(signs.better);
        }
    }

    /// Whether there are enough replicas to tell one of them from the build.
    pub(crate) fn is_possible(&self) -> bool {
        self.known.len() >= ENOUGH_REPLICAS
    }

    /// The replica that alone explains more than `share` of the excess in `cell`; the largest excess counts, the
    /// first name among equals.
    ///
    /// A few worse units may lie on one replica by chance. Blaming it then only delays the reject until the
    /// excess shows elsewhere too; not blaming it would condemn the build for its node, and for good.
    pub(crate) fn culprit(&self, cell: usize, share: f64) -> Option<&str> {
        if !self.is_possible() {
            return None;
        }
        let excess = |signs: &Signs| i128::from(signs.worse) - i128::from(signs.better);
        let replicas = self.by_cell.get(&cell)?;
        let total: i128 = replicas.values().map(excess).sum();
        let (name, most) = replicas
            .iter()
            .map(|(name, signs)| (name, excess(signs)))
            .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        (total > 0 && most as f64 > share * total as f64).then_some(name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicas(counts: &[(&str, u64, u64)]) -> Replicas {
        let mut replicas = Replicas::default();
        let signs = |&(name, worse, better): &(&str, u64, u64)| (name.to_owned(), Signs { worse, better });
        replicas.add(7, &counts.iter().map(signs).collect());
        replicas
    }

    #[test]
    fn one_bad_node_is_named_and_an_even_excess_is_not() {
        let bad_node = replicas(&[("a", 2, 1), ("b", 40, 3), ("c", 3, 2)]);
        assert_eq!(bad_node.culprit(7, 0.6), Some("b"));
        assert_eq!(
            replicas(&[("a", 0, 0), ("b", 3, 0), ("c", 1, 0)]).culprit(7, 0.6),
            Some("b"),
            "early, too"
        );
        assert_eq!(bad_node.culprit(8, 0.6), None, "another cell");
        assert_eq!(replicas(&[("a", 15, 1), ("b", 14, 1), ("c", 16, 2)]).culprit(7, 0.6), None);
    }

    #[test]
    fn two_replicas_cannot_be_told_from_the_build() {
        let two = replicas(&[("a", 0, 0), ("b", 40, 3)]);
        assert!(!two.is_possible());
        assert_eq!(two.culprit(7, 0.6), None);
    }
}
