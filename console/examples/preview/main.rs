//! Serves the console over canned publications, one run a state, to look at the page.
//!
//! `cargo run -p parallax-console --example preview -- 127.0.0.1:8090`, then `/?run=reject`.

mod canned;
mod traffic;

use parallax_comparator::verdict::State;
use parallax_console::{Board, Console};
use std::net::SocketAddr;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8090").parse()?;
    let board = Board::new();
    for (run, state) in [
        ("invalid", State::Invalid),
        ("inconclusive", State::Inconclusive),
        ("wait", State::Wait),
        ("promote", State::Promote),
        ("reject", State::Reject),
    ] {
        for state in [State::Wait, state] {
            let verdict = canned::verdict(run, state, state != State::Wait);
            board.publish(canned::publish(verdict, traffic::report(run, state == State::Reject)));
        }
    }
    let running = Console::start(address, board)?;
    #[expect(clippy::print_stdout, reason = "the address is what this program is for")]
    {
        println!("http://{}/?run=reject", running.address());
    }
    loop {
        std::thread::park();
    }
}
