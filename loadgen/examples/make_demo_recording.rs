//! Writes the bundled recording anew: `cargo run -p parallax-loadgen --example make_demo_recording`.

use parallax_loadgen::{demo, recording};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/demo.plx");
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    recording::write(path, demo::make())?;
    Ok(())
}
