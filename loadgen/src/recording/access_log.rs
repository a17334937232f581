//! Access logs in the common and the combined format.
//!
//! `host ident user [dd/Mon/yyyy:HH:MM:SS ±hhmm] "request" status bytes ["referer" "agent"]`. Quoted
//! fields escape `\"`, `\\` and `\xHH`. A log holds no bodies, so only GET and HEAD can be sent again;
//! and its times are whole seconds, which, sent as they stand, would be a burst at every full second.
//! Lines are therefore spread over their second (see [`Spread`]). A server writes a line when it has
//! answered: neighbours out of order are the rule and no damage.

use super::exchange_of;
use super::facts::Facts;
use crate::random::mix;
use http::header::{HeaderMap, HeaderValue, REFERER, USER_AGENT};
use http::{Method, StatusCode};
use jiff::Timestamp;
use jiff::fmt::strtime;
use parallax_exchange::{Body, Exchange, Outcome, Request, Response};
use std::collections::HashMap;

/// Where in their second the lines of one second are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spread {
    /// Line `i` of `n` at `(i + 1/2)/n`.
    #[default]
    Even,
    /// Uniformly at random, drawn from the seed and the line's number; order within a second may change.
    Random {
        /// The same seed gives the same times.
        seed: u64,
    },
    /// All at its beginning, as the log says.
    Burst,
}

const SECOND_NS: u64 = 1_000_000_000;

/// Whether the first lines look like an access log: one of the first three is whole.
pub(super) fn is_access_log(bytes: &[u8]) -> bool {
    bytes.split(|&byte| byte == b'\n').take(3).any(|line| parse(line).is_ok())
}

/// Reads the lines that can be sent again; others are counted in `facts`, unreadable ones as damage.
pub(super) fn read(bytes: &[u8], spread: Spread, facts: &mut Facts) -> Vec<Exchange> {
    let mut lines = Vec::new();
    let mut offset = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let begin = offset;
        offset += line.len() as u64;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match parse(line) {
            Ok(Line { request: Some(request), at, status }) => lines.push((at, request, status)),
            Ok(Line { request: None, .. }) => facts.without_body += 1,
            Err(why) => facts.damage(begin, why),
        }
    }
    let mut in_second: HashMap<u64, Seen> = HashMap::new();
    lines.iter().for_each(|(at, ..)| in_second.entry(*at).or_default().lines += 1);
    let spread_out = lines.into_iter().enumerate().map(|(index, (at, request, status))| {
        let index = index as u64;
        let seen = in_second.entry(at).or_default();
        let within = match spread {
            Spread::Even => (2 * seen.placed + 1) * SECOND_NS / (2 * seen.lines.max(1)),
            Spread::Random { seed } => mix(seed, index) % SECOND_NS,
            Spread::Burst => 0,
        };
        seen.placed += 1;
        let mut exchange = exchange_of(index, at * SECOND_NS + within, request, None);
        let response = Response { status, ..Response::default() };
        exchange.outcomes.primary = Some(Outcome::Response(Box::new(response)));
        exchange
    });
    spread_out.collect()
}

/// Lines of one second.
#[derive(Default)]
struct Seen {
    lines: u64,
    placed: u64,
}

struct Line {
    /// Unix seconds.
    at: u64,
    /// `None` where it cannot be sent again because its body is not in the log.
    request: Option<Request>,
    status: StatusCode,
}

fn parse(line: &[u8]) -> Result<Line, String> {
    let text = std::str::from_utf8(line.trim_ascii_end()).map_err(|_| "not UTF-8".to_owned())?;
    let (before, rest) = text.split_once(" [").ok_or("no `[time]`")?;
    if before.split(' ').count() < 3 {
        return Err("fewer than three fields before the time".to_owned());
    }
    let (time, rest) = rest.split_once("] ").ok_or("the time has no end")?;
    let at = unix_seconds(time)?;
    let (request, rest) = quoted(rest)?;
    let mut rest = rest.trim_start().splitn(3, ' ');
    let status = rest.next().and_then(|status| status.parse().ok()).ok_or("no status")?;
    let _bytes = rest.next().filter(|bytes| is_count(bytes)).ok_or("no number of bytes")?;
    let mut headers = HeaderMap::new();
    if let Some(rest) = rest.next() {
        let (referer, rest) = quoted(rest)?;
        let (agent, _) = quoted(rest.trim_start())?;
        for (name, text) in [(REFERER, referer), (USER_AGENT, agent)] {
            // `-` stands for a header that was not sent.
            if let (false, Ok(value)) = (text == "-", HeaderValue::from_str(&text)) {
                headers.insert(name, value);
            }
        }
    }
    Ok(Line { at, request: request_of(&request, headers)?, status })
}

fn is_count(text: &str) -> bool {
    text == "-" || text.bytes().all(|byte| byte.is_ascii_digit())
}

fn unix_seconds(time: &str) -> Result<u64, String> {
    let parsed = strtime::parse("%d/%b/%Y:%H:%M:%S %z", time).and_then(|parsed| parsed.to_timestamp());
    let at = parsed.map(Timestamp::as_second).map_err(|error| format!("`{time}` is no time: {error}"))?;
    u64::try_from(at).map_err(|_| format!("`{time}` is before 1970"))
}

fn request_of(line: &str, headers: HeaderMap) -> Result<Option<Request>, String> {
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(format!("`{}` is no request line", line.escape_debug()));
    };
    let method = method.parse::<Method>().map_err(|_| format!("`{method}` is not a method"))?;
    if !target.starts_with('/') || !version.starts_with("HTTP/") {
        return Err(format!("`{}` is no request line", line.escape_debug()));
    }
    let has_no_body = method == Method::GET || method == Method::HEAD;
    let target = target.to_owned();
    Ok(has_no_body.then(|| Request {
        method,
        target,
        authority: String::new(),
        headers,
        body: Body::default(),
    }))
}

/// A quoted field without its quotes and escapes, and what follows it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let inner = text.strip_prefix('"').ok_or("a field that should be quoted is not")?;
    let mut field = String::new();
    let mut characters = inner.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((field, &inner[at + 1..])),
            '\\' => match characters.next() {
                Some((at, 'x')) => {
                    let digits = inner.get(at + 1..at + 3).unwrap_or_default();
                    let byte = u8::from_str_radix(digits, 16).map_err(|_| "a cut `\\x` escape")?;
                    field.push(char::from(byte));
                    characters.nth(1);
                }
                Some((_, 'n')) => field.push('\n'),
                Some((_, 't')) => field.push('\t'),
                Some((_, other)) => field.push(other),
                None => break,
            },
            other => field.push(other),
        }
    }
    Err("a quoted field has no end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &str = r#"203.0.113.9 - frank [10/Oct/2026:13:55:36 -0700] "GET /a?b=c HTTP/1.1" 200 2326 "-" "Agent \"x\" \xe4""#;

    fn read_all(text: &str, spread: Spread) -> (Vec<Exchange>, Facts) {
        let mut facts = Facts::default();
        (read(text.as_bytes(), spread, &mut facts), facts)
    }

    #[test]
    fn a_combined_line_becomes_a_request_with_its_answer() {
        let (exchanges, _) = read_all(GET, Spread::Even);
        let [exchange] = &exchanges[..] else { panic!("{exchanges:?}") };
        assert_eq!(exchange.admitted_ns, 1_791_665_736_500_000_000);
        assert_eq!(exchange.request.target, "/a?b=c");
        assert_eq!(exchange.request.headers.len(), 1, "a referer of - was not sent");
        let agent = exchange.request.headers[USER_AGENT].as_bytes();
        assert_eq!(agent, "Agent \"x\" ä".as_bytes());
        assert_eq!(exchange.outcomes.primary.as_ref().unwrap().response().unwrap().status, 200);
    }

    #[test]
    fn a_common_line_of_an_ipv6_host_is_read_too() {
        let (exchanges, _) = read_all(
            "2001:db8::1 - - [01/Jan/2026:00:00:00 +0000] \"HEAD / HTTP/1.0\" 304 -\n",
            Spread::Even,
        );
        assert_eq!(exchanges[0].request.method, Method::HEAD);
    }

    #[test]
    fn lines_of_one_second_are_spread_over_it() {
        let lines = [GET, GET, GET, GET].join("\n");
        let within = |spread| {
            let (exchanges, _) = read_all(&lines, spread);
            exchanges.iter().map(|exchange| exchange.admitted_ns % SECOND_NS).collect::<Vec<_>>()
        };
        assert_eq!(within(Spread::Even), [125_000_000, 375_000_000, 625_000_000, 875_000_000]);
        assert_eq!(within(Spread::Burst), [0; 4]);
        let random = within(Spread::Random { seed: 7 });
        assert_eq!(random, within(Spread::Random { seed: 7 }));
        assert_ne!(random, within(Spread::Random { seed: 8 }));
    }

    #[test]
    fn what_cannot_be_sent_again_is_counted_and_what_cannot_be_read_is_damage() {
        let post = GET.replace("GET", "POST");
        let cut = &GET[..GET.len() - 3];
        let dash = GET.replace("GET /a?b=c HTTP/1.1", "-");
        let (exchanges, facts) = read_all(&[&post, GET, cut, &dash].join("\n"), Spread::Even);
        assert_eq!((exchanges.len(), facts.without_body, facts.damaged_count()), (1, 1, 2));
    }
}
