//! Where requests went: the conservation law with this run's numbers in it.

use super::format::{count, share};
use maud::{Markup, html};
use parallax_comparator::report::Conservation;

pub(super) fn section(numbers: &Conservation) -> Markup {
    let dropped = reasons(numbers.dropped.iter().map(|(reason, count)| (word(reason), *count)));
    let shed = reasons(numbers.shed.iter().map(|(reason, count)| (word(reason), *count)));
    let law = Law::of(numbers);
    html! {
        section.card data-part="conservation" {
            h2 { "Where requests went" }
            p.law {
                (term("offered", numbers.offered, None)) span.op { "=" }
                (term("not selected", numbers.not_selected, None)) span.op { "+" }
                (term("dropped", law.dropped, dropped)) span.op { "+" }
                (term("mirrored", numbers.mirrored, None))
                (holds(numbers.offered == law.offered))
            }
            p.law {
                (term("mirrored", numbers.mirrored, None)) span.op { "=" }
                (term("compared", numbers.compared, None)) span.op { "+" }
                (term("shed", law.shed, shed)) span.op { "+" }
                (term("lost", numbers.lost, None)) span.op { "+" }
                (term("late", numbers.late, None)) span.op { "+" }
                (term("open", numbers.open, None))
                (holds(numbers.mirrored == law.accounted))
            }
            p.note {
                "Compared: " (share(numbers.compared, numbers.mirrored)) " of what was mirrored. "
                "Open exchanges are in flight, or in windows that are not sealed yet."
            }
        }
    }
}

/// The sums of both right-hand sides.
#[derive(Debug, PartialEq, Eq)]
struct Law {
    dropped: u64,
    shed: u64,
    offered: u64,
    accounted: u64,
}

impl Law {
    fn of(numbers: &Conservation) -> Self {
        let dropped: u64 = numbers.dropped.values().sum();
        let shed: u64 = numbers.shed.values().sum();
        Self {
            dropped,
            shed,
            offered: numbers.not_selected + dropped + numbers.mirrored,
            accounted: numbers.compared + shed + numbers.lost + numbers.late + numbers.open,
        }
    }
}

fn term(name: &str, number: u64, detail: Option<String>) -> Markup {
    html! {
        span.term {
            b { (count(number)) } " " span.name { (name) }
            @if let Some(detail) = detail { " " span.detail { "(" (detail) ")" } }
        }
    }
}

fn holds(holds: bool) -> Markup {
    html! {
        @if holds { span.ok { "✓ holds" } } @else { span.bad { "✕ does not hold: please report it" } }
    }
}

/// The reasons that occurred, the most frequent first.
fn reasons(reasons: impl Iterator<Item = (String, u64)>) -> Option<String> {
    let mut occurred: Vec<_> = reasons.filter(|(_, count)| *count > 0).collect();
    occurred.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let texts: Vec<_> =
        occurred.into_iter().map(|(reason, number)| format!("{reason} {}", count(number))).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// A reason as the documents spell it, with spaces.
fn word(reason: &impl serde::Serialize) -> String {
    match serde_json::to_value(reason) {
        Ok(serde_json::Value::String(text)) => text.replace('_', " "),
        _ => "other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parallax_exchange::{DropReason, ShedReason};

    fn numbers() -> Conservation {
        Conservation {
            offered: 100,
            not_selected: 10,
            dropped: [(DropReason::Loop, 2), (DropReason::RequestCut, 3)].into(),
            mirrored: 85,
            compared: 70,
            shed: [(ShedReason::InFlight, 4)].into(),
            lost: 1,
            late: 0,
            open: 10,
        }
    }

    #[test]
    fn both_equations_are_shown_with_their_reasons() {
        let page = section(&numbers()).into_string();
        assert!(page.contains("(request cut 3, loop 2)") && page.contains("(in flight 4)"), "{page}");
        assert_eq!(page.matches("✓ holds").count(), 2);
    }

    #[test]
    fn a_broken_law_is_said() {
        let page = section(&Conservation { offered: 99, compared: 90, ..numbers() }).into_string();
        assert_eq!(page.matches("does not hold").count(), 2, "{page}");
    }
}
