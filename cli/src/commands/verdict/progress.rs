//! Bars on stderr while many windows are judged again; nothing where nobody looks at a terminal.

use crate::args::Global;
use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over a file of so many bytes; its message is what was done with them.
pub(super) fn of_bytes(global: &Global, bytes: u64) -> ProgressBar {
    let template = "{elapsed:>4} {bar:30} {bytes}/{total_bytes}, {msg}, {eta} to go";
    shown(global, ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden()), template)
}

/// A count of windows, whose number is not known before.
pub(super) fn of_windows(global: &Global) -> ProgressBar {
    let template = "{elapsed:>4} {spinner} {pos} windows judged again, {per_sec}";
    shown(global, ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()), template)
}

fn shown(global: &Global, bar: ProgressBar, template: &str) -> ProgressBar {
    if output::is_live(global.quiet) {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    bar.with_style(ProgressStyle::with_template(template).expect("the template is a constant"))
}
