//! `parallax recording inspect --index`: what the index of a packed recording tells.

use super::unreadable;
use crate::exit::Failure;
use crate::output::{self, Format};
use parallax_loadgen::recording::Packed;
use serde::Serialize;

/// The document `parallax.index/1`; times in Unix nanoseconds as text, being above 2^53.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    format: &'static str,
    exchanges: u64,
    blocks: usize,
    bytes: u64,
    first_ns: Option<String>,
    last_ns: Option<String>,
    duration_ns: u64,
}

/// Opens a packed recording and prints what is in its index.
pub(super) fn show(file: &str, format: Format) -> Result<(), Failure> {
    let packed = Packed::open(file).map_err(unreadable)?;
    let (first, last) = packed.times().unzip();
    let document = Document {
        schema: "parallax.index/1",
        format: "packed",
        exchanges: packed.exchanges(),
        blocks: packed.blocks().len(),
        bytes: packed.bytes(),
        first_ns: first.map(|at: u64| at.to_string()),
        last_ns: last.map(|at: u64| at.to_string()),
        duration_ns: last.unwrap_or_default() - first.unwrap_or_default(),
    };
    match format {
        Format::Json => output::json(&document),
        Format::Terminal => output::result(&format!(
            "{file} (packed)\n  exchanges    {}\n  blocks       {}\n  bytes        {}\n  duration     {:?}\n",
            document.exchanges,
            document.blocks,
            document.bytes,
            std::time::Duration::from_nanos(document.duration_ns),
        )),
    }
}
