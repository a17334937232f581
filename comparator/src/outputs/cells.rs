//! Order-free fingerprints: one small sum for each range of ids.
//!
//! A record adds a 128-bit hash of {id, content, window, late} to the cell of its id. Addition forgets
//! the order, so two sides have equal cells where they wrote the same records, in whatever order
//! and into however many files; the memory does not grow with their number. That unequal records
//! make an equal cell has a probability of about 2^-128.
//!
//! A cell holds a range of ids and not a window: a record that moved to another window stays in its
//! cell, with all its copies, so each unequal cell can be resolved alone.

use super::recipe::Reading;
use xxhash_rust::xxh3::xxh3_128;

/// The fingerprints of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cells {
    cells: Vec<Cell>,
    bits: u32,
}

/// The fingerprint of the records of one range of ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// Two halves: a `u128` would be padded from 24 to 32 bytes.
    sum: [u64; 2],
    pub(super) records: u64,
}

/// Smallest and largest number of cells, as powers of two: 6 KiB and 24 MiB a side.
const BITS: std::ops::RangeInclusive<u32> = 8..=20;
/// So many records a cell are meant, where the bounds allow.
const RECORDS_A_CELL: u64 = 256;

impl Cells {
    /// Cells for about `records` records.
    pub(super) fn for_records(records: u64) -> Self {
        let wanted = (records / RECORDS_A_CELL).max(1).ilog2();
        let bits = wanted.clamp(*BITS.start(), *BITS.end());
        Self { cells: vec![Cell::default(); 1 << bits], bits }
    }

    /// Empty cells of the same ranges.
    pub(super) fn emptied(&self) -> Self {
        Self { cells: vec![Cell::default(); self.cells.len()], bits: self.bits }
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn cell(&self, index: usize) -> &Cell {
        &self.cells[index]
    }

    /// The cell of an id. Ids ascend with their cells.
    #[inline]
    pub(super) fn of(&self, id: u128) -> usize {
        (id >> (128 - self.bits)) as usize
    }

    #[inline]
    pub(super) fn add(&mut self, reading: &Reading, window: i64, late: bool) {
        let mut bytes = [0; 48];
        bytes[..16].copy_from_slice(&reading.id.to_le_bytes());
        bytes[16..32].copy_from_slice(&reading.content.to_le_bytes());
        bytes[32..40].copy_from_slice(&window.to_le_bytes());
        bytes[40] = u8::from(late);
        let hash = xxh3_128(&bytes);
        let index = self.of(reading.id);
        let cell = &mut self.cells[index];
        let sum = (u128::from(cell.sum[0]) | u128::from(cell.sum[1]) << 64).wrapping_add(hash);
        cell.sum = [sum as u64, (sum >> 64) as u64];
        cell.records += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reading(id: u64, content: u64) -> Reading {
        let wide = |n: u64| xxh3_128(&n.to_le_bytes());
        Reading { id: wide(id), content: wide(content), time: None, has_id: true, is_readable: true }
    }

    fn sum(records: &[(u64, u64, i64)]) -> Cells {
        let mut cells = Cells::for_records(0);
        records.iter().for_each(|(id, content, window)| cells.add(&reading(*id, *content), *window, false));
        cells
    }

    proptest! {
        #[test]
        fn cells_are_equal_exactly_where_the_multisets_are(
            left in prop::collection::vec((0_u64..4, 0_u64..3, 0_i64..2), 0..8),
            right in prop::collection::vec((0_u64..4, 0_u64..3, 0_i64..2), 0..8),
        ) {
            let sorted = |records: &[_]| { let mut all = records.to_vec(); all.sort_unstable(); all };
            prop_assert_eq!(sum(&left) == sum(&right), sorted(&left) == sorted(&right));
            prop_assert_eq!(sum(&left), sum(&sorted(&left)));
        }
    }

    #[test]
    fn ids_ascend_with_their_cells_and_memory_is_bounded() {
        let cells = Cells::for_records(u64::MAX);
        assert_eq!((cells.len(), cells.of(u128::MAX), cells.of(0)), (1 << 20, (1 << 20) - 1, 0));
        assert_eq!(size_of::<Cell>(), 24);
    }
}
