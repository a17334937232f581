//! What load and replay cost, beside other generators, in one run.
//!
//! nginx answers on one core; the generators run one after the other on the other. What a generator sent is what
//! nginx counted, and what it cost is what the kernel counted of its processor time (in steps of 10 ms), so no
//! generator's own claim is used. Rated generators get the same rate; the others run as fast as they can, and only
//! their cost per request compares. What is not installed is named and left out.
//!
//! When requests arrive is looked at by `parallax load selftest`, whose server stamps them.

#![expect(clippy::print_stdout, reason = "the tables go to stdout")]

mod files;
mod nginx;

use anyhow::{Context as _, Result};
use clap::Parser;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Measures processor time per request and memory of load generators.
#[derive(Debug, Parser)]
struct Args {
    /// The binary that is measured.
    #[arg(long, default_value = "target/release/parallax")]
    parallax: PathBuf,
    /// Requests per second of rated generators.
    #[arg(long, default_value_t = 10_000)]
    rate: u64,
    /// Seconds of each generator.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Rounds; each runs every generator once.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Lengths of the runs whose memory is compared, in requests.
    #[arg(long, value_delimiter = ',', default_value = "100000,300000")]
    lengths: Vec<u64>,
    /// Also writes a recording of this many GB, and opens it.
    #[arg(long, default_value_t = 0)]
    gigabytes: u64,
}

/// What a program cost.
struct Cost {
    requests: u64,
    seconds: f64,
    cpu_us: f64,
    peak_kib: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let folder = tempfile::tempdir()?;
    let nginx = nginx::Nginx::start(folder.path())?;
    let parallax = args.parallax.display().to_string();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("Load average at the start: {}\n", load.trim());
    println!("| generator | round | requests | per second | CPU us per request | peak KiB |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for round in 1..=args.rounds {
        for (name, words) in subjects(&parallax, &nginx.url(), args.rate, args.seconds) {
            let input = input(name, &nginx.url(), args.rate, args.seconds);
            let found = run(&words, &input, &nginx);
            print(name, round, found);
        }
    }
    println!("\nMemory of one generator over the length of a run:\n");
    println!("| requests | per second | CPU us per request | peak KiB |");
    println!("| --- | --- | --- | --- |");
    for length in &args.lengths {
        let seconds = length.div_ceil(2 * args.rate);
        let words = rated(&parallax, &nginx.url(), 2 * args.rate, seconds);
        let Cost { requests, seconds, cpu_us, peak_kib } = run(&words, "", &nginx)?;
        println!(
            "| {requests} | {:.0} | {:.1} | {peak_kib} |",
            requests as f64 / seconds,
            cpu_us / requests as f64
        );
    }
    files::replays(&parallax, folder.path(), &nginx)?;
    if args.gigabytes > 0 {
        files::giant(&parallax, folder.path(), args.gigabytes)?;
    }
    Ok(())
}

fn print(name: &str, round: usize, found: Result<Cost>) {
    match found {
        Ok(Cost { requests, seconds, cpu_us, peak_kib }) => println!(
            "| {name} | {round} | {requests} | {:.0} | {:.1} | {peak_kib} |",
            requests as f64 / seconds,
            cpu_us / requests.max(1) as f64
        ),
        Err(error) => println!("| {name} | {round} | {error:#} | | | |"),
    }
}

type Subject = (&'static str, Vec<String>);

fn words(text: String) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn rated(parallax: &str, url: &str, rate: u64, seconds: u64) -> Vec<String> {
    words(format!(
        "{parallax} load run --target {url} --rate {rate}/s --duration {seconds}s --connections 64 --format json"
    ))
}

fn subjects(parallax: &str, url: &str, rate: u64, seconds: u64) -> Vec<Subject> {
    vec![
        ("parallax, rated", rated(parallax, url, rate, seconds)),
        (
            "parallax, closed loop",
            words(format!(
                "{parallax} load run --target {url} --closed --duration {seconds}s --connections 64 --format json"
            )),
        ),
        ("wrk, closed loop", words(format!("wrk -t1 -c64 -d{seconds}s {url}"))),
        (
            "oha, rated",
            words(format!("oha --no-tui -q {rate} -c 64 -z {seconds}s --latency-correction {url}")),
        ),
        ("wrk2, rated", words(format!("wrk2 -t1 -c64 -d{seconds}s -R{rate} {url}"))),
        ("hey, rated", words(format!("hey -q {} -c 64 -z {seconds}s {url}", rate.div_ceil(64)))),
        (
            "vegeta, rated",
            words(format!("vegeta attack -rate={rate}/s -duration={seconds}s -workers=64 -output=/dev/null")),
        ),
        ("k6, rated", words("k6 run --quiet -".to_owned())),
    ]
}

/// What a generator reads from its standard input.
fn input(name: &str, url: &str, rate: u64, seconds: u64) -> String {
    match name {
        "vegeta, rated" => format!("GET {url}\n"),
        "k6, rated" => format!(
            "import http from 'k6/http';\n\
             export const options = {{scenarios: {{s: {{executor: 'constant-arrival-rate', rate: {rate}, timeUnit: '1s', \
             duration: '{seconds}s', preAllocatedVUs: 64}}}}}};\n\
             export default () => {{ http.get('{url}'); }};\n"
        ),
        _ => String::new(),
    }
}

/// Runs a program to its end; requests are those that nginx counted meanwhile.
fn run(words: &[String], input: &str, nginx: &nginx::Nginx) -> Result<Cost> {
    let (before, cpu, start) = (nginx.count()?, children_cpu_us()?, Instant::now());
    let mut child = on_core(0, &words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("does not start")?;
    if let Some(mut sink) = child.stdin.take() {
        let _ = sink.write_all(input.as_bytes()); // One that reads nothing may have closed it.
    }
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(peak(child.id()));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let seconds = start.elapsed().as_secs_f64();
    // Of ours, 30 says that the machine was too busy for its times; the requests were sent.
    anyhow::ensure!(matches!(status.code(), Some(0 | 30)), "not installed, or failed: {status}");
    let requests = nginx.count()?.saturating_sub(before + 1);
    Ok(Cost { requests, seconds, cpu_us: (children_cpu_us()? - cpu) as f64, peak_kib })
}

/// A program on one core, where there are several.
fn on_core(core: usize, program: &str) -> Command {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// Most resident memory of a process so far, in KiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Processor time of children that have ended, in microseconds.
fn children_cpu_us() -> Result<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the command's name, which may hold anything: fields 16 and 17 of proc(5), in ticks of 10 ms.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok());
    Ok(ticks.sum::<u64>() * 10_000)
}

/// Where a program is installed.
fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.push(Path::new("/usr/sbin").to_owned()); // Where Debian keeps servers.
    folders.into_iter().map(|folder| folder.join(program)).find(|file| file.is_file())
}
