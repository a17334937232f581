//! From counts to what deserves a look.

use super::document::{Finding, FindingKind, Overlap, PlaceEvidence, RuleReport};
use super::{Settings, sign};
use parallax_config::{Action, Place, Rule};
use std::collections::BTreeSet;

/// Chance below which an excess of the candidate over the control is not put down to noise.
const CHANCE: f64 = 0.001;
/// Places listed in one finding.
const PLACES_LISTED: usize = 10;

/// Everything found, most dangerous first.
pub(super) fn find(
    reports: &[RuleReport],
    rules: &[Rule],
    overlaps: &[Overlap],
    places: &[(usize, PlaceEvidence)],
    settings: &Settings,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (report, rule) in reports.iter().zip(rules) {
        let own: Vec<_> =
            places.iter().filter(|(index, _)| *index == report.index).map(|(_, place)| place).collect();
        let found = [
            hides_candidate(report, &own),
            swallows(report, rule, &own, settings.share),
            expired(report, settings),
            dead(report),
            ownerless(report),
        ];
        findings.extend(found.into_iter().flatten());
    }
    findings.extend(overlaps.iter().map(|overlap| overlapping(*overlap, reports)));
    findings.sort_by_key(|finding| finding.kind);
    findings
}

/// Whether the control does not account for what the candidate shows at a place.
pub(super) fn is_candidates_own(place: &PlaceEvidence) -> bool {
    let never = place.control == 0;
    place.candidate_only > 0 && (never || sign::chance(place.candidate_only, place.control_only) < CHANCE)
}

fn hides_candidate(report: &RuleReport, places: &[&PlaceEvidence]) -> Option<Finding> {
    let own: Vec<PlaceEvidence> =
        places.iter().filter(|place| is_candidates_own(place)).map(|place| (*place).clone()).collect();
    let first = own.first()?;
    let what = match first.control {
        0 => "the control never does".to_owned(),
        _ => format!("only the control in {}", first.control_only),
    };
    let message = format!(
        "hides what only the candidate shows: at {} only the candidate differs in {} exchanges, {what}{}",
        place_name(first),
        first.candidate_only,
        match own.len() {
            1 => String::new(),
            count => format!("; and at {} more places", count - 1),
        },
    );
    Some(Finding {
        kind: FindingKind::HidesCandidate,
        rules: vec![report.index],
        message,
        remedy: narrower(&report.action),
        places: own.into_iter().take(PLACES_LISTED).collect(),
    })
}

fn narrower(action: &Action) -> String {
    match action {
        Action::Ignore | Action::Present => {
            "look at the examples; then narrow its place, or use class or tolerate instead".to_owned()
        }
        _ => "look at the examples; then narrow its place or what it allows".to_owned(),
    }
}

/// One place that differs always is what a narrow rule is for; only a rule over several is too wide.
fn swallows(report: &RuleReport, rule: &Rule, places: &[&PlaceEvidence], limit: f64) -> Option<Finding> {
    let distinct: BTreeSet<_> = places.iter().map(|place| (place.part, &*place.pattern)).collect();
    let whole = matches!(&rule.at, Place::Body(pointer) if pointer.split('/').all(|step| step.is_empty() || step == "**"));
    let wide = distinct.len() > 1 || (whole && !distinct.is_empty());
    (wide && report.share > limit).then(|| Finding {
        kind: FindingKind::Swallows,
        rules: vec![report.index],
        message: format!(
            "hides {:.1} % of all differences (the limit is {:.1} %), at {} places",
            report.share * 100.0,
            limit * 100.0,
            distinct.len()
        ),
        remedy: "write a rule for each place that may vary; `parallax rules suggest` finds them".to_owned(),
        places: places.iter().take(PLACES_LISTED).map(|place| (*place).clone()).collect(),
    })
}

fn expired(report: &RuleReport, settings: &Settings) -> Option<Finding> {
    let expires = report.expires.filter(|expires| *expires <= settings.today)?;
    let owner = report.owner.as_deref().unwrap_or("whoever wrote it");
    Some(Finding {
        kind: FindingKind::Expired,
        rules: vec![report.index],
        message: format!("expired on {expires}"),
        remedy: format!("ask {owner} whether it still holds; then write a later day or remove it"),
        places: Vec::new(),
    })
}

fn dead(report: &RuleReport) -> Option<Finding> {
    (report.candidate + report.control + report.made == 0).then(|| Finding {
        kind: FindingKind::Dead,
        rules: vec![report.index],
        message: "hides nothing in this recording".to_owned(),
        remedy: "check its place for a typo; else remove it, or lint a longer recording".to_owned(),
        places: Vec::new(),
    })
}

fn ownerless(report: &RuleReport) -> Option<Finding> {
    let nobody = report.owner.as_deref().is_none_or(|owner| owner.trim().is_empty());
    nobody.then(|| Finding {
        kind: FindingKind::Ownerless,
        rules: vec![report.index],
        message: "nobody answers for it".to_owned(),
        remedy: "write owner = \"…\"".to_owned(),
        places: Vec::new(),
    })
}

fn overlapping(overlap: Overlap, reports: &[RuleReport]) -> Finding {
    let hid = |index: usize| reports[index].candidate + reports[index].control;
    let [one, other] = overlap.rules;
    // The later rule is the one to go where both hide the same.
    let covered = [other, one].into_iter().find(|index| hid(*index) == overlap.differences);
    let differences = overlap.differences;
    match covered {
        Some(index) => {
            let keeper = one + other - index;
            Finding {
                kind: FindingKind::Redundant,
                rules: vec![index, keeper],
                message: format!(
                    "all {differences} differences that it hides are hidden by rule {keeper} too"
                ),
                remedy: format!("remove it, or narrow rule {keeper}"),
                places: Vec::new(),
            }
        }
        None => Finding {
            kind: FindingKind::Overlaps,
            rules: vec![one, other],
            message: format!("hides {differences} differences that rule {other} hides too"),
            remedy: "let one place have one rule".to_owned(),
            places: Vec::new(),
        },
    }
}

/// `body:/a/* (value)` and the like.
pub(super) fn place_name(place: &PlaceEvidence) -> String {
    let (part, kind) = (place.part.name(), place.kind.name());
    match place.pattern.is_empty() {
        true => format!("{part} ({kind})"),
        false => format!("{part}:{} ({kind})", place.pattern),
    }
}
