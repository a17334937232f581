//! Exactness against brute force, and the laws of the comparison.

use super::*;
use crate::rows::{SealedWindow, Signs};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

/// A record as tests see it: id, second of event time, value.
type Plain = (u8, i64, u8);

const START: i64 = 1_764_000_000;

fn line(&(id, second, value): &Plain, style: usize) -> String {
    let time = START + second;
    match style % 4 {
        0 => format!(r#"{{"id":"e{id}","t":{time},"v":{value}}}"#),
        1 => format!(r#"{{ "v": {value}.0, "t": {time}, "id": "e{id}" }}"#),
        2 => format!("{{\"t\":{time}000,\"v\":{value}e0,\"id\":\"\\u0065{id}\"}}")
            .replace("000,\"v\"", ",\"v\""),
        _ => format!("\t{{\"id\":\"e{id}\",\t\"v\":{value}0e-1,\"t\":{time}}}\r"),
    }
}

/// Writes the records into `files` files of a directory.
fn write(directory: &Path, name: &str, records: &[Plain], files: usize, style: usize) -> PathBuf {
    let path = directory.join(name);
    std::fs::create_dir(&path).unwrap();
    for file in 0..files {
        let lines = records.iter().enumerate().filter(|(at, _)| at % files == file);
        let text: Vec<String> = lines.map(|(at, record)| line(record, at * style)).collect();
        std::fs::write(path.join(format!("{file}.ndjson")), text.join("\n")).unwrap();
    }
    path
}

fn settings() -> Settings {
    Settings { id: vec!["/id".parse().unwrap()], time: Some("/t".parse().unwrap()), ..Settings::default() }
}

fn run(settings: &Settings, sides: &[&[Plain]], files: usize, style: usize) -> (Outputs, Vec<SealedWindow>) {
    let directory = TempDir::new().unwrap();
    let names = ["primary", "candidate", "control"];
    let paths: Vec<PathBuf> = names
        .iter()
        .zip(sides)
        .enumerate()
        .map(|(at, (name, records))| write(directory.path(), name, records, files, style * at))
        .collect();
    let sources =
        Sources { primary: paths[0].clone(), candidate: paths[1].clone(), control: paths.get(2).cloned() };
    let (outputs, tallies) = compare(&sources, settings, &Progress::default()).unwrap();
    (outputs, tallies.map(|tallies| tallies.windows).unwrap_or_default())
}

/// The definition, by brute force.
fn oracle(primary: &[Plain], candidate: &[Plain]) -> Counts {
    let mut counts =
        Counts { primary: primary.len() as u64, candidate: candidate.len() as u64, ..Counts::default() };
    for id in 0..=u8::MAX {
        let of = |records: &[Plain]| -> Vec<Plain> {
            records.iter().filter(|record| record.0 == id).copied().collect()
        };
        let (mut left, mut right) = (of(primary), of(candidate));
        let (had_left, had_right) = (!left.is_empty(), !right.is_empty());
        counts.matched += take(&mut left, &mut right, |l, r| l == r);
        counts.different += take(&mut left, &mut right, |l, r| l.1.div_euclid(10) == r.1.div_euclid(10));
        counts.moved += take(&mut left, &mut right, |_, _| true);
        let (left, right) = (left.len() as u64, right.len() as u64);
        *(if had_right { &mut counts.duplicate } else { &mut counts.missing }) += left;
        *(if had_left { &mut counts.duplicate } else { &mut counts.extra }) += right;
        counts.duplicate_primary += if had_right { left } else { 0 };
    }
    counts
}

fn take(left: &mut Vec<Plain>, right: &mut Vec<Plain>, fits: impl Fn(&Plain, &Plain) -> bool) -> u64 {
    let before = left.len();
    left.retain(|l| match right.iter().position(|r| fits(l, r)) {
        Some(at) => {
            right.remove(at);
            false
        }
        None => true,
    });
    (before - left.len()) as u64
}

fn records(max: usize) -> impl Strategy<Value = Vec<Plain>> {
    prop::collection::vec((0_u8..12, 0_i64..25, 1_u8..4), 0..max)
}

/// What does not depend on how records are spread over files or passes.
fn essence(outputs: &Outputs) -> (Counts, Vec<Finding>, BTreeMap<String, u64>) {
    (outputs.counts, outputs.differences.clone(), outputs.by_path.clone())
}

fn total(windows: &[SealedWindow]) -> (u64, Signs) {
    let mut signs = Signs::default();
    let rows = || windows.iter().flat_map(|window| &window.rows);
    rows().for_each(|row| signs.merge(row.signs.unwrap()));
    (rows().map(|row| row.units).sum(), signs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn counts_are_those_of_brute_force(
        primary in records(40),
        candidate in records(40),
        files in 1_usize..4,
        style in 0_usize..4,
    ) {
        let (found, _) = run(&settings(), &[&primary, &candidate], files, style);
        let expected = oracle(&primary, &candidate);
        prop_assert_eq!(found.counts, expected);
        prop_assert_eq!(found.equal, expected.matched == expected.primary.max(expected.candidate));
        let Counts { matched, missing, extra, duplicate, duplicate_primary, different, moved, late, .. } = found.counts;
        prop_assert_eq!(primary.len() as u64, matched + different + moved + late + missing + duplicate_primary);
        prop_assert_eq!(candidate.len() as u64, matched + different + moved + late + extra + duplicate - duplicate_primary);
    }

    #[test]
    fn order_files_spelling_and_memory_change_nothing(
        (primary, shuffled) in records(40).prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        candidate in records(40),
        style in 0_usize..4,
    ) {
        let (plain, _) = run(&settings(), &[&primary, &candidate], 1, 0);
        let (other, _) = run(&settings(), &[&shuffled, &candidate], 3, style);
        prop_assert_eq!(essence(&plain), essence(&other));
        // Room for one range at a time: every range is a pass of its own.
        let most = (primary.len() + candidate.len()).max(1);
        let narrow = Settings { memory: most * size_of::<pass::Entry>(), ..settings() };
        prop_assert_eq!(essence(&plain), essence(&run(&narrow, &[&primary, &candidate], 2, style).0));
        let (same, _) = run(&settings(), &[&primary, &shuffled], 2, style);
        prop_assert!(same.equal);
    }

    #[test]
    fn units_are_what_candidate_and_control_do_not_share(
        primary in records(30),
        candidate in records(30),
        control in records(30),
    ) {
        let (found, windows) = run(&settings(), &[&primary, &candidate, &control], 1, 1);
        let (units, signs) = total(&windows);
        prop_assert!(units >= primary.len() as u64 && signs.worse + signs.better <= units);
        let (_, swapped) = run(&settings(), &[&primary, &control, &candidate], 1, 1);
        prop_assert_eq!(total(&swapped), (units, Signs { worse: signs.better, better: signs.worse }));
        let (_, same) = run(&settings(), &[&primary, &candidate, &candidate], 1, 1);
        prop_assert_eq!(total(&same).1, Signs::default());
        let (_, quiet) = run(&settings(), &[&primary, &candidate, &primary], 1, 1);
        let bad = found.counts.primary - found.counts.matched + found.counts.candidate - found.counts.matched
            - found.counts.different - found.counts.moved;
        prop_assert_eq!(total(&quiet).1, Signs { worse: bad, better: 0 });
    }

    #[test]
    fn the_sample_takes_the_same_ids_on_all_sides(primary in records(60)) {
        let half = Settings { sample: 0.5, ..settings() };
        let (found, _) = run(&half, &[&primary, &primary], 2, 1);
        prop_assert!(found.equal);
        let totals = found.sources["primary"];
        prop_assert_eq!(totals.records + totals.not_sampled, primary.len() as u64);
    }
}

fn compare_texts(settings: &Settings, primary: &str, candidate: &str) -> Outputs {
    let directory = TempDir::new().unwrap();
    let path = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let extension = if settings.format == Some(Format::Csv) { "csv" } else { "ndjson" };
    let sources = Sources {
        primary: path(&format!("a.{extension}"), primary),
        candidate: path(&format!("b.{extension}"), candidate),
        control: None,
    };
    compare(&sources, settings, &Progress::default()).unwrap().0
}

fn by_id(rules: &str) -> Settings {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), rules).unwrap();
    let rules = Rule::load(file.path(), parallax_config::Day::today()).unwrap();
    Settings { id: vec!["/id".parse().unwrap()], rules, ..Settings::default() }
}

#[test]
fn rules_hide_what_may_differ_and_nothing_else() {
    let primary = r#"{"id":1,"n":10.0,"at":"x","s":"a"}"#;
    let rules = "[[rules]]\nat = \"body:/at\"\naction = \"ignore\"\n\n\
                 [[rules]]\nat = \"body:/n\"\naction = \"tolerate:5%\"\n";
    let equal = compare_texts(&by_id(rules), primary, r#"{"id":1,"n":10.2,"s":"a"}"#);
    assert!(equal.equal, "{}", equal.to_text());
    assert_eq!(equal.ranges.unequal, 1, "a tolerance has no hash: the pair was looked at");
    let ignored = compare_texts(&by_id(rules), primary, r#"{"s":"a","n":1e1,"id":1,"at":7}"#);
    assert_eq!((ignored.equal, ignored.ranges.unequal), (true, 0), "an ignored place is not in the hash");
    let different = compare_texts(&by_id(rules), primary, r#"{"id":1,"n":12,"s":"b"}"#);
    assert_eq!(different.counts.different, 1);
    assert_eq!(different.differences[0].paths, ["/n", "/s"]);
    assert_eq!(different.differences[0].id.as_deref(), Some("1"));
}

#[test]
fn a_changed_type_of_the_id_is_a_difference_of_that_record() {
    let found = compare_texts(&by_id(""), r#"{"id":7}"#, r#"{"id":"7"}"#);
    assert_eq!((found.counts.different, found.differences[0].paths.as_slice()), (1, &["/id".to_owned()][..]));
    let spelled = compare_texts(&by_id(""), r#"{"id":100}"#, r#"{"id":1e2}"#);
    assert!(spelled.equal, "{}", spelled.to_text());
}

#[test]
fn records_without_an_id_are_compared_whole() {
    let found = compare_texts(
        &by_id(""),
        "{\"a\":1}\n{\"a\":1}\n{\"id\":null}\n",
        "{\"a\":1.0}\n{\"id\":null}\n{\"a\":2}\n",
    );
    let counts = found.counts;
    assert_eq!((counts.matched, counts.duplicate, counts.extra), (2, 1, 1), "{}", found.to_text());
    assert_eq!(found.sources["primary"].without_id, 3);
}

#[test]
fn a_cut_record_is_the_candidates_fault_or_a_damaged_source() {
    let (whole, cut) = ("{\"id\":1}\n{\"id\":2}\n", "{\"id\":1}\n{\"id\":");
    let found = compare_texts(&by_id(""), whole, cut);
    assert_eq!((found.counts.missing, found.counts.extra, found.is_damaged()), (1, 1, false));
    assert!(compare_texts(&by_id(""), cut, whole).is_damaged());
    assert!(compare_texts(&by_id(""), cut, cut).is_damaged(), "equal, and not what it claims to be");
}

#[test]
fn rows_of_csv_are_joined_by_a_column() {
    let settings = Settings { format: Some(Format::Csv), ..by_id("") };
    let found = compare_texts(
        &settings,
        "id,v\n1,\"a\n\"\"b\"\"\"\n2,x\n3,y\n",
        "v,id\r\n\"a\n\"\"b\"\"\",1\r\nz,2\r\n",
    );
    assert_eq!((found.counts.matched, found.counts.different, found.counts.missing), (1, 1, 1));
    assert_eq!(found.by_path, BTreeMap::from([("/v".to_owned(), 1)]));
}

#[test]
fn a_record_that_comes_after_the_allowed_lateness_is_late() {
    let settings = Settings { lateness: Some(Duration::from_secs(5)), ..settings() };
    let primary = [(1, 0, 1), (2, 3, 1), (3, 20, 1)];
    let candidate = [(1, 0, 1), (3, 20, 1), (2, 3, 1)];
    let (found, _) = run(&settings, &[&primary, &candidate], 1, 0);
    assert_eq!((found.counts.matched, found.counts.late), (2, 1));
    assert_eq!(found.differences[0].id.as_deref(), Some("e2"));
    let (other_way, _) = run(&settings, &[&candidate, &primary], 1, 0);
    assert!(other_way.equal, "the candidate may be in time where the primary was not");
}

#[test]
fn headers_of_a_line_count_and_can_be_ignored() {
    let lines = |header: &str| format!("{{{header}}} {{\"id\":1}}\n{{}} {{\"id\":2}}\n");
    let pattern = Some(r"^\{(?<headers>[^}]*)\} (?<value>.*)$".to_owned());
    let settings = Settings { line: pattern.clone(), ..by_id("") };
    let found = compare_texts(&settings, &lines(""), &lines("timestamp=17"));
    assert_eq!((found.counts.matched, found.counts.different), (1, 1));
    assert_eq!(found.differences[0].paths, ["header:headers"]);
    let rule = "[[rules]]\nat = \"header:headers\"\naction = \"ignore\"\n";
    let masked = Settings { line: pattern, ..by_id(rule) };
    assert!(compare_texts(&masked, &lines(""), &lines("timestamp=17")).equal);
}

#[test]
fn an_id_that_all_records_share_is_refused_before_it_fills_the_memory() {
    let directory = TempDir::new().unwrap();
    let all: Vec<Plain> = (0..100).map(|n| (1, n % 20, 1)).collect();
    let primary = write(directory.path(), "a", &all, 1, 0);
    let candidate = write(directory.path(), "b", &all[1..], 1, 0);
    let narrow = Settings { memory: 4_096, ..settings() };
    let sources = Sources { primary, candidate, control: None };
    let error = compare(&sources, &narrow, &Progress::default()).unwrap_err();
    assert!(matches!(error, OutputsError::Memory { records: 199, .. }), "{error}");
}

#[test]
fn a_stopped_comparison_is_partial_and_never_equal() {
    let directory = TempDir::new().unwrap();
    let all: Vec<Plain> = (0..100).map(|n| (1, n, 1)).collect();
    let primary = write(directory.path(), "a", &all, 2, 0);
    let sources = Sources { candidate: primary.clone(), control: Some(primary.clone()), primary };
    let progress = Progress::default();
    progress.stop.store(true, Ordering::Relaxed);
    let (found, tallies) = compare(&sources, &settings(), &progress).unwrap();
    assert!(found.partial && !found.equal && tallies.is_none(), "{}", found.to_text());
    assert!(found.to_text().starts_with("partial: "));
}

#[test]
fn unusable_sources_are_named() {
    let directory = TempDir::new().unwrap();
    let source = |path: &Path| Sources { primary: path.into(), candidate: path.into(), control: None };
    let fail =
        |path: &Path| compare(&source(path), &settings(), &Progress::default()).unwrap_err().to_string();
    assert!(fail(directory.path()).contains("holds no files"));
    let packed = directory.path().join("a.gz");
    std::fs::write(&packed, "x").unwrap();
    assert!(fail(&packed).contains("unpack"));
    let csv = directory.path().join("b.csv");
    std::fs::write(&csv, "\"a").unwrap();
    assert!(fail(&csv).contains("no CSV header"));
    assert!(fail(Path::new("/dev/null")).contains("no regular file"));
    assert!(fail(&directory.path().join("none")).contains("failed to read"));
}
