//! Recordings: what replaying one costs for each record, and how long opening a large one takes.

use crate::{nginx::Nginx, run, words};
use anyhow::Result;
use parallax_exchange::{Body, CopyOrder, Exchange, ExchangeId, Outcomes, Request};
use parallax_loadgen::recording::{Packed, PackedWriter};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Records of the replay that is measured, 50 us apart.
const RECORDS: u64 = 100_000;

fn exchange(number: u64, body: Body) -> Exchange {
    Exchange {
        id: ExchangeId { proxy: 0, epoch: 0, sequence: number },
        admitted_ns: number * 50_000,
        cluster_key: number / 20,
        labels: Vec::new(),
        order: CopyOrder::default(),
        sample_ppm: 1_000_000,
        request: Request { target: format!("/v1/events/{number}"), body, ..Request::default() },
        outcomes: Outcomes::default(),
    }
}

/// A recording as it came, and twenty times as fast, which is more than a core can send.
pub(crate) fn replays(parallax: &str, folder: &Path, nginx: &Nginx) -> Result<()> {
    let path = folder.join("records.plr");
    let mut writer = PackedWriter::create(&path)?;
    (0..RECORDS).try_for_each(|number| writer.push(&exchange(number, Body::default())))?;
    writer.finish()?;
    let (packed, start) = (Packed::open(&path)?, Instant::now());
    let read: usize =
        (0..packed.blocks().len()).map(|block| packed.read(block).map_or(0, |all| all.len())).sum();
    println!(
        "\nReading {read} records of a packed recording: {:.0} records/s.\n",
        read as f64 / start.elapsed().as_secs_f64()
    );
    println!("| replay | records | per second | CPU us per record, opening included | peak KiB |");
    println!("| --- | --- | --- | --- | --- |");
    for (name, more) in [
        ("as recorded", ""),
        ("twenty times as fast", " --speed 20"),
        ("in session order", " --order session"),
    ] {
        let text = format!(
            "{parallax} replay {} --target {} --connections 64 --format json{more}",
            path.display(),
            nginx.url()
        );
        let cost = run(&words(text), "", nginx)?;
        println!(
            "| {name} | {} | {:.0} | {:.1} | {} |",
            cost.requests,
            cost.requests as f64 / cost.seconds,
            cost.cpu_us / cost.requests as f64,
            cost.peak_kib
        );
    }
    Ok(())
}

/// Writes a recording that does not compress, opens it, and looks for a second and for a session in it.
pub(crate) fn giant(parallax: &str, folder: &Path, gigabytes: u64) -> Result<()> {
    let path = folder.join("giant.plr");
    let mut noise = vec![0; 300_000];
    let mut random = fastrand::Rng::with_seed(1);
    noise.iter_mut().for_each(|byte| *byte = random.u8(..));
    let mut writer = PackedWriter::create(&path)?;
    for number in 0..gigabytes * 1_000_000_000 / noise.len() as u64 {
        writer.push(&exchange(number, Body::whole(noise.clone())))?;
    }
    writer.finish()?;
    let start = Instant::now();
    let packed = Packed::open(&path)?;
    let opened = start.elapsed();
    let start = Instant::now();
    let block = packed.blocks_between(1_000_000_000..1_000_050_000).next().unwrap_or_default();
    let found = packed.read(block)?.len();
    let by_time = start.elapsed();
    let start = Instant::now();
    let of_session = packed.blocks_of(500)?.len();
    println!(
        "\nA recording of {} bytes in {} blocks: opened in {opened:?}; an instant of it read ({found} exchanges) in \
         {by_time:?}; the {of_session} blocks of a session found in {:?}.",
        packed.bytes(),
        packed.blocks().len(),
        start.elapsed()
    );
    let start = Instant::now();
    let mut inspect = Command::new(parallax);
    inspect.args(["recording", "inspect", "--index"]).arg(&path).stdout(Stdio::null());
    anyhow::ensure!(inspect.status()?.success(), "inspect failed");
    println!("`parallax recording inspect --index` of it, the process included: {:?}.", start.elapsed());
    Ok(())
}
