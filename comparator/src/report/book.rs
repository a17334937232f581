//! Counts by key in bounded memory, whatever the traffic and in whatever order it comes.
//!
//! Keeping "the largest counts so far" depends on the order of arrival, and so does any scheme that
//! lets a key lose its count and come back. Here every (exchange, key) pair has a draw: 64 even bits
//! that only the pair decides. Its level is the number of leading zeros. While the keys fit, all
//! pairs count. When they do not, the book's level goes up, and only pairs of that level or higher
//! count from then on: half of them with each level. Counts are kept by level, so what was counted
//! before the level went up is exactly what would have been counted had it been up from the start.
//!
//! So a book is a function of the set of its pairs: order, partition, merge and replay change
//! nothing. A key that occurs often stays; rare keys leave, and the rest is what no key accounts for.

use std::collections::{BTreeMap, HashMap};

/// Integers that are added up.
pub(crate) trait Counts: Clone + Default + PartialEq {
    /// Adds the other's to these.
    fn merge(&mut self, other: Self);

    /// `count << level`, for an estimate from the pairs that count at this level.
    #[must_use]
    fn scaled(self, level: u32) -> Self;

    /// What is left without `other`; never below zero.
    #[must_use]
    fn without(self, other: Self) -> Self;
}

/// Counts and examples by key.
#[derive(Debug)]
pub(crate) struct Book<K, C, E> {
    rows: HashMap<u64, Row<K, C, E>>,
    /// Leading zeros that the draw of a pair must have to count.
    level: u32,
    keys_max: usize,
    examples_max: usize,
    total: C,
}

/// One key.
#[derive(Debug)]
pub(crate) struct Row<K, C, E> {
    pub(crate) key: K,
    by_level: Vec<C>,
    /// The smallest draws: of the pairs that are better examples, and of the others.
    examples: [BTreeMap<u64, E>; 2],
}

/// One (exchange, key) pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<C> {
    /// A 64-bit digest of the key. Two keys that share it share a row: for a display, one chance in
    /// 2^50 among thousands of keys is small enough.
    pub(crate) key: u64,
    /// Digest of the exchange's id.
    pub(crate) exchange: u64,
    pub(crate) counts: C,
}

/// How good an example a pair is; the better ones are shown first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    Better = 0,
    Lesser = 1,
    /// No example.
    None = 2,
}

impl<K, C: Counts, E> Book<K, C, E> {
    /// An empty book of at most `keys_max` keys, with `examples_max` examples of either worth for each.
    pub(crate) fn new(keys_max: usize, examples_max: usize) -> Self {
        Self { rows: HashMap::new(), level: 0, keys_max, examples_max, total: C::default() }
    }

    /// Counts a pair, each once; `key` and `example` are called when they are kept. Returns whether
    /// the example was.
    pub(crate) fn count(
        &mut self,
        pair: Pair<C>,
        worth: Worth,
        key: impl FnOnce() -> K,
        example: impl FnOnce() -> E,
    ) -> bool {
        self.total.merge(pair.counts.clone());
        let draw = draw(pair.key, pair.exchange);
        if draw.leading_zeros() < self.level {
            return false;
        }
        let examples_max = self.examples_max;
        let row = self.rows.entry(pair.key).or_insert_with(|| Row::new(key()));
        row.add(draw.leading_zeros(), pair.counts);
        let kept = worth != Worth::None && row.wants(worth, draw, examples_max);
        if kept {
            row.keep(worth, draw, example(), examples_max);
        }
        self.fit();
        kept && draw.leading_zeros() >= self.level
    }

    /// Adds what another book counted of other pairs.
    pub(crate) fn merge(&mut self, other: Self) {
        self.total.merge(other.total);
        self.raise(self.level.max(other.level));
        for (id, theirs) in other.rows {
            let examples_max = self.examples_max;
            let row = self.rows.entry(id).or_insert_with(|| Row::new(theirs.key));
            for (level, counts) in (0..).zip(theirs.by_level) {
                row.add(level, counts);
            }
            for (worth, examples) in [Worth::Better, Worth::Lesser].into_iter().zip(theirs.examples) {
                for (draw, example) in examples {
                    row.keep(worth, draw, example, examples_max);
                }
            }
        }
        let level = self.level;
        self.thin(level);
        self.fit();
    }

    /// The level: one in `2^level` pairs counts. At 0 every count is exact, above it an estimate.
    pub(crate) fn level(&self) -> u32 {
        self.level
    }

    /// What all pairs add up to, exactly.
    pub(crate) fn total(&self) -> C {
        self.total.clone()
    }

    /// The keys that are kept, in no order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row<K, C, E>> {
        self.rows.values()
    }

    /// What a row's key occurred in; exact at level 0.
    pub(crate) fn counts(&self, row: &Row<K, C, E>) -> C {
        let mut sum = C::default();
        row.by_level.iter().for_each(|counts| sum.merge(counts.clone()));
        sum.scaled(self.level)
    }

    fn fit(&mut self) {
        while self.rows.len() > self.keys_max {
            self.raise(self.level + 1);
        }
    }

    fn raise(&mut self, level: u32) {
        if level > self.level {
            self.level = level;
            self.thin(level);
        }
    }

    /// Forgets every pair below `level`.
    fn thin(&mut self, level: u32) {
        self.rows.retain(|_, row| row.thin(level));
    }
}

impl<K, C: Counts, E> Row<K, C, E> {
    fn new(key: K) -> Self {
        Self { key, by_level: Vec::new(), examples: [BTreeMap::new(), BTreeMap::new()] }
    }

    fn add(&mut self, level: u32, counts: C) {
        let level = level as usize;
        if self.by_level.len() <= level {
            self.by_level.resize(level + 1, C::default());
        }
        self.by_level[level].merge(counts);
    }

    fn wants(&self, worth: Worth, draw: u64, most: usize) -> bool {
        let kept = &self.examples[worth as usize];
        // One that is here already is not made again.
        if kept.contains_key(&draw) {
            return false;
        }
        kept.len() < most || kept.last_key_value().is_some_and(|(worst, _)| draw < *worst)
    }

    fn keep(&mut self, worth: Worth, draw: u64, example: E, most: usize) {
        let kept = &mut self.examples[worth as usize];
        kept.insert(draw, example);
        while kept.len() > most {
            kept.pop_last();
        }
    }

    /// Forgets every pair below `level`; whether any is left.
    fn thin(&mut self, level: u32) -> bool {
        let below = self.by_level.len().min(level as usize);
        self.by_level[..below].fill(C::default());
        for examples in &mut self.examples {
            examples.retain(|draw, _| draw.leading_zeros() >= level);
        }
        self.by_level[below..].iter().any(|counts| *counts != C::default())
    }

    /// `most` examples, the better ones first, each kind by draw.
    pub(crate) fn examples(&self, most: usize) -> impl Iterator<Item = &E> {
        self.examples.iter().flat_map(BTreeMap::values).take(most)
    }
}

impl Counts for u64 {
    fn merge(&mut self, other: Self) {
        *self += other;
    }

    fn scaled(self, level: u32) -> Self {
        self.saturating_mul(1 << level.min(63))
    }

    fn without(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

/// 64 even bits for a pair: the finaliser of splitmix64 over both digests.
fn draw(key: u64, exchange: u64) -> u64 {
    let mut bits = exchange.wrapping_add(key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Plain = Book<u64, u64, u64>;

    fn count(book: &mut Plain, (key, exchange): (u64, u64)) {
        let worth = [Worth::Better, Worth::Lesser, Worth::None][exchange as usize % 3];
        book.count(Pair { key, exchange, counts: 1 }, worth, || key, || exchange);
    }

    /// Everything that can be seen of a book, in an order of its own.
    fn seen(book: &Plain) -> impl PartialEq + std::fmt::Debug + use<> {
        let row = |row: &Row<u64, u64, u64>| {
            (row.key, book.counts(row), row.examples(usize::MAX).copied().collect::<Vec<_>>())
        };
        let mut rows: Vec<_> = book.rows().map(row).collect();
        rows.sort_unstable();
        (book.level(), book.total(), rows)
    }

    fn filled(pairs: impl IntoIterator<Item = (u64, u64)>) -> Plain {
        let mut book = Plain::new(8, 2);
        pairs.into_iter().for_each(|pair| count(&mut book, pair));
        book
    }

    proptest! {
        #[test]
        fn order_partition_and_merge_change_nothing(
            pairs in prop::collection::btree_set((0_u64..40, any::<u64>()), 0..200),
            seed in any::<u64>(),
            parts in 1_usize..5,
        ) {
            let straight = filled(pairs.iter().copied());
            let mut shuffled: Vec<_> = pairs.iter().copied().collect();
            shuffled.sort_by_key(|(key, exchange)| draw(*key ^ seed, *exchange));
            prop_assert_eq!(seen(&filled(shuffled.iter().copied())), seen(&straight));
            let mut merged = Plain::new(8, 2);
            for part in (0..parts).rev() {
                merged.merge(filled(shuffled.iter().skip(part).step_by(parts).copied()));
            }
            prop_assert_eq!(seen(&merged), seen(&straight));
            prop_assert!(straight.rows.len() <= 8);
        }

        #[test]
        fn what_fits_is_counted_exactly(pairs in prop::collection::btree_set((0_u64..8, any::<u64>()), 0..200)) {
            let book = filled(pairs.iter().copied());
            prop_assert_eq!(book.level(), 0);
            for row in book.rows() {
                let expected = pairs.iter().filter(|(key, _)| *key == row.key).count() as u64;
                prop_assert_eq!(book.counts(row), expected);
            }
        }
    }

    #[test]
    fn a_frequent_key_stays_among_any_number_of_rare_ones() {
        let often = (0..20_000).map(|exchange| (7, draw(1, exchange)));
        let rare = (0..20_000).map(|exchange| (1000 + exchange, draw(2, exchange)));
        let mut book = Plain::new(256, 2);
        often.zip(rare).for_each(|(often, rare)| {
            count(&mut book, often);
            count(&mut book, rare);
        });
        let row = book.rows().find(|row| row.key == 7).unwrap();
        let share = book.counts(row) as f64 / 20_000.0;
        assert!((0.7..1.3).contains(&share), "{share} at level {}", book.level());
        assert_eq!(book.total(), 40_000);
        assert_eq!(row.examples(2).count(), 2);
    }
}
