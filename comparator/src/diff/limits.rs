//! Bounds of one comparison. All are counts, none is a clock: the same input gives the same result
//! on every machine.

/// Bounds of one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Differences kept; more only set `truncated`.
    pub differences: usize,
    /// Bytes kept of each side of a difference.
    pub side_bytes: usize,
    /// Bytes that may be read again where one pass is not enough: unordered arrays, moved elements.
    /// The first pass over both texts is always made; it is linear in their length.
    pub reread_bytes: u64,
    /// Bytes that a body may decode to.
    pub decoded_bytes: usize,
    /// Lines of a text that are aligned.
    pub lines: usize,
}

impl Limits {
    /// For comparing traffic: about 50 ms at worst for one pair.
    pub const TRAFFIC: Self = Self {
        differences: 256,
        side_bytes: 256,
        reread_bytes: 64 << 20,
        decoded_bytes: 16 << 20,
        lines: 4_000,
    };

    /// For two files that somebody waits for.
    pub const FILES: Self = Self {
        differences: 10_000,
        side_bytes: 4_096,
        reread_bytes: 8 << 30,
        decoded_bytes: 1 << 30,
        lines: 200_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::TRAFFIC
    }
}
