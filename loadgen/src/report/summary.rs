//! The report for people.

use super::{LoadReport, Quantiles, plot};
use std::fmt::Write;

/// Some 30 lines; see [`LoadReport::summary`].
pub(super) fn render(report: &LoadReport) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = head(&mut out, report);
    let _ = outcomes(&mut out, report);
    let _ = times(&mut out, report);
    out.push('\n');
    out.push_str(&plot::render(&report.tally.whole_response()));
    let _ = thresholds(&mut out, report);
    let _ = trust(&mut out, report);
    out
}

fn head(out: &mut String, report: &LoadReport) -> std::fmt::Result {
    let document = &report.document;
    let plan = &document.plan;
    let rate = plan.rate.or(plan.recorded.as_ref().and_then(|recorded| recorded.rate));
    let rate = rate.map_or(String::new(), |rate| format!(", {}/s", number(rate)));
    let speed = plan.recorded.as_ref().and_then(|recorded| recorded.speed);
    let speed = speed.map_or(String::new(), |speed| format!(", {speed} x as recorded"));
    let seconds = document.elapsed_ns as f64 / 1e9;
    let partial = if document.partial { " (stopped early: a partial result)" } else { "" };
    writeln!(out, "{}: {}{rate}{speed}, {seconds:.1} s{partial}\n", document.target, plan.kind)
}

fn outcomes(out: &mut String, report: &LoadReport) -> std::fmt::Result {
    let document = &report.document;
    let failed: u64 = document.errors.values().sum();
    writeln!(
        out,
        "  planned {}  released {}  completed {}  failed {failed}  achieved {}/s",
        document.planned,
        document.released,
        document.completed,
        number(document.achieved_rate),
    )?;
    if document.partial {
        let (in_flight, unreleased, not_due) =
            (document.in_flight_at_end, document.unreleased, document.not_due);
        writeln!(out, "  in flight at the end {in_flight}  unreleased {unreleased}  not due yet {not_due}")?;
    }
    if document.coordinated_omission {
        let limit = document.connections.limit;
        writeln!(
            out,
            "  a closed loop of {limit} connections: while the target stalls nothing is sent, so these latencies\n  \
             leave out what users would have waited (coordinated omission); --rate measures it"
        )?;
    }
    let status: Vec<String> =
        document.status.iter().map(|(status, count)| format!("{status}: {count}")).collect();
    if !status.is_empty() {
        writeln!(out, "  status  {}", status.join("  "))?;
    }
    if !document.grpc_status.is_empty() {
        let status = document.grpc_status.iter().map(|(status, count)| format!("{status}: {count}"));
        writeln!(out, "  gRPC status  {}", status.collect::<Vec<_>>().join("  "))?;
    }
    for (name, count) in &document.errors {
        let first = document.first_errors.get(name);
        let first = first.map_or(String::new(), |message| format!(", the first: {message}"));
        writeln!(out, "  {name}: {count}{first}")?;
    }
    if let Some(remap) = document.remap {
        let (live, recorded) = (remap.live, remap.recorded);
        writeln!(
            out,
            "  {live} values of live answers were sent, and {recorded} recorded ones for want of such"
        )?;
    }
    let connections = document.connections;
    if connections.queued > 0 {
        let (queued, limit) = (connections.queued, connections.limit);
        writeln!(out, "  {queued} waited for a connection (limit {limit})")?;
    }
    Ok(())
}

fn times(out: &mut String, report: &LoadReport) -> std::fmt::Result {
    let document = &report.document;
    let columns = ["p50", "p90", "p99", "p99.9", "max", "mean"];
    write!(out, "\n  {:<14}", "")?;
    for column in columns {
        write!(out, " {column:>9}")?;
    }
    out.push('\n');
    let rows = [
        ("response", &document.latency_ns),
        ("  service", &document.service_ns),
        ("  send lag", &document.send_lag_ns),
        ("  session wait", &document.session_wait_ns.unwrap_or_default()),
        ("first byte", &document.first_byte_ns),
        ("connect", &document.connect_ns),
    ];
    for (name, quantiles) in rows.into_iter().filter(|(_, quantiles)| quantiles.count > 0) {
        let Quantiles { p50, p90, p99, p999, max, mean, .. } = *quantiles;
        write!(out, "  {name:<14}")?;
        for value in [p50, p90, p99, p999, max, mean] {
            write!(out, " {:>9}", time(value))?;
        }
        out.push('\n');
    }
    Ok(())
}

fn thresholds(out: &mut String, report: &LoadReport) -> std::fmt::Result {
    for (index, outcome) in report.document.thresholds.iter().enumerate() {
        if index == 0 {
            out.push('\n');
        }
        let held = if outcome.held { "held  " } else { "MISSED" };
        let why = if outcome.found.is_none() { " (nothing was measured)" } else { "" };
        writeln!(out, "  {held} {}{why}", outcome.threshold)?;
    }
    Ok(())
}

fn trust(out: &mut String, report: &LoadReport) -> std::fmt::Result {
    let integrity = &report.document.integrity;
    let (lag, windows) = (integrity.generator_lag_ns, integrity.windows);
    writeln!(
        out,
        "\n  {}: generator lag p99 {}, {} of {} windows in time, {} of processor time per request",
        integrity.verdict.name(),
        time(lag.p99),
        windows.count - windows.short,
        windows.count,
        time(integrity.processor.cpu_ns_per_request),
    )?;
    for reason in &integrity.reasons {
        writeln!(out, "    {reason}")?;
    }
    Ok(())
}

/// A time with three significant digits and its unit.
pub(super) fn time(ns: u64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns")];
    let value = ns as f64;
    // A value that rounds to 1000 of one unit is written as 1.00 of the next.
    let (unit, name) = units.into_iter().find(|(unit, _)| value >= 0.9995 * unit).unwrap_or((1.0, "ns"));
    let value = value / unit;
    match value {
        _ if unit == 1.0 => format!("{value:.0} {name}"),
        ..9.995 => format!("{value:.2} {name}"),
        ..99.95 => format!("{value:.1} {name}"),
        _ => format!("{value:.0} {name}"),
    }
}

/// A rate without needless digits.
pub(super) fn number(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let expected = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (12_345, "12.3 us"),
            (999_949, "1.00 ms"),
            (1_234_567, "1.23 ms"),
            (99_960_000, "100 ms"),
            (61_000_000_000, "61.0 s"),
        ];
        for (ns, text) in expected {
            assert_eq!(time(ns), text, "{ns}");
        }
    }
}
