//! Serves the console over canned publications, one run a state, to look at the page.
//!
//! `cargo run -p parallax-console --example preview -- 127.0.0.1:8090`, then `/?run=reject`. The run
//! `live` gains a window each second and rejects after a minute.

mod canned;
mod evidence;
mod traffic;

use parallax_comparator::report::Published;
use parallax_comparator::verdict::State;
use parallax_console::{Board, Console};
use std::net::SocketAddr;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8090").parse()?;
    let board = Board::new();
    board.publish(live(0));
    for (run, state) in [
        ("invalid", State::Invalid),
        ("inconclusive", State::Inconclusive),
        ("wait", State::Wait),
        ("promote", State::Promote),
        ("reject", State::Reject),
    ] {
        board.publish(publication(run, State::Wait));
        board.publish(publication(run, state));
    }
    let running = Console::start(address, board.clone())?;
    #[expect(clippy::print_stdout, reason = "the address is what this program is for")]
    {
        println!("http://{}/?run=reject", running.address());
    }
    for window in 1.. {
        std::thread::sleep(Duration::from_secs(1));
        board.publish(live(window));
    }
    Ok(())
}

fn publication(run: &str, state: State) -> Published {
    let mut verdict = canned::verdict(run, state, state != State::Wait);
    evidence::fill(&mut verdict);
    canned::publish(verdict, traffic::report(run, state == State::Reject))
}

fn live(window: u64) -> Published {
    let state = if window < 60 { State::Wait } else { State::Reject };
    let mut verdict = canned::verdict("live", state, state != State::Wait);
    evidence::fill(&mut verdict);
    verdict.sealed_windows = window;
    verdict.evidence.global_reject.log_e = window as f64 / 20.0;
    let mut report = traffic::report("live", true);
    for path in &mut report.differences {
        path.raw = path.raw * window / 60;
    }
    report.conservation.offered += 400 * window;
    report.conservation.mirrored += 400 * window;
    report.conservation.compared += 400 * window;
    canned::publish(verdict, report)
}
