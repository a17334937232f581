//! Laws of the JSON comparison, on generated values.

use crate::oracle;
use crate::tree::{Style, Tree, trees};
use parallax_comparator::diff::{Difference, Document, Kind, files};
use parallax_config::{Action, Place, Rule};
use proptest::prelude::*;

fn diff(left: &str, right: &str) -> Document {
    files(left.as_bytes(), right.as_bytes(), "application/json", &[]).unwrap()
}

fn found(document: &Document) -> Vec<(&str, Kind)> {
    document.differences.iter().map(|d| (d.path.as_str(), d.kind)).collect()
}

/// The difference as seen from the other side.
fn mirrored(difference: &Difference) -> Difference {
    let kind = match difference.kind {
        Kind::Missing => Kind::Extra,
        Kind::Extra => Kind::Missing,
        other => other,
    };
    Difference { kind, left: difference.right.clone(), right: difference.left.clone(), ..difference.clone() }
}

fn sorted(mut differences: Vec<Difference>) -> Vec<String> {
    differences.iter_mut().for_each(|d| d.note = None);
    let mut texts: Vec<_> = differences.iter().map(|d| format!("{d:?}")).collect();
    texts.sort();
    texts
}

/// A scalar that differs from whatever stands at the place.
fn other_than(tree: &Tree) -> (Tree, Kind) {
    match tree {
        Tree::Text(text) => (Tree::Text(format!("{text}!")), Kind::Value),
        Tree::Bool(value) => (Tree::Bool(!value), Kind::Value),
        Tree::Number(_) => (Tree::Number("123456".to_owned()), Kind::Value),
        Tree::Null => (Tree::Bool(true), Kind::Type),
        Tree::Array(_) | Tree::Object(_) => (Tree::Null, Kind::Type),
    }
}

/// A few rules that change how arrays are compared and what counts.
fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let rule = |(at, action): (&str, &str)| Rule {
        at: Place::try_from(at.to_owned()).unwrap(),
        action: Action::try_from(action.to_owned()).unwrap(),
        route: None,
        owner: None,
        expires: None,
    };
    let one = prop::sample::select(vec![
        ("body:/**/a", "ignore"),
        ("body:/*/*", "unordered"),
        ("body:/**/b", "unordered"),
        ("body:/0", "keyed_by:/a"),
        ("body:/**", "case_fold"),
    ]);
    prop::collection::vec(one.prop_map(rule), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn texts_are_equal_exactly_when_the_oracle_says_so(left in trees(), right in trees(), seed: u64) {
        for right in [&right, &left] {
            let (left, right) = (left.text(), right.write(Style::varied(seed)));
            let document = diff(&left, &right);
            prop_assert_eq!(Some(document.equal), oracle::equal(left.as_bytes(), right.as_bytes()));
            prop_assert_eq!(document.equal, document.differences.is_empty());
            prop_assert!(!document.truncated);
        }
    }

    #[test]
    fn small_trees_agree_with_the_oracle(pair in prop::collection::vec("[\\[\\]{}:,01\"a.e ]{1,9}", 2)) {
        let document = diff(&pair[0], &pair[1]);
        match oracle::equal(pair[0].as_bytes(), pair[1].as_bytes()) {
            Some(equal) => prop_assert_eq!(document.equal, equal),
            // Two texts that share a fault may be called equal, one without it never.
            None => {
                let read = |text: &String| oracle::equal(text.as_bytes(), text.as_bytes()).is_some();
                let shared = !read(&pair[0]) && !read(&pair[1]);
                prop_assert!(pair[0] == pair[1] || shared || found(&document) == [("", Kind::Unparsable)]);
            }
        }
    }

    #[test]
    fn white_space_key_order_and_spelling_mean_nothing(tree in trees(), seeds: (u64, u64)) {
        let document = diff(&tree.write(Style::varied(seeds.0)), &tree.write(Style::varied(seeds.1)));
        prop_assert!(document.equal, "{:?}", document.differences);
    }

    #[test]
    fn swapping_the_sides_mirrors_the_differences(left in trees(), right in trees(), seed: u64) {
        let (left, right) = (left.text(), right.write(Style::varied(seed)));
        let (forth, back) = (diff(&left, &right), diff(&right, &left));
        let back = back.differences.iter().map(mirrored).collect();
        prop_assert_eq!(sorted(forth.differences), sorted(back));
    }

    #[test]
    fn one_changed_value_is_found_where_it_is(tree in trees(), pick: prop::sample::Index, seed: u64) {
        let places = tree.places();
        let place = pick.get(&places);
        let mut changed = tree.clone();
        let here = changed.at(place);
        let (value, kind) = other_than(here);
        *here = value;
        let document = diff(&tree.text(), &changed.write(Style { respelled: false, ..Style::varied(seed) }));
        prop_assert_eq!(found(&document), [(place.as_str(), kind)]);
    }

    /// The fast way through almost equal texts finds what the plain walk finds: white space at the
    /// start of one text makes it give way to the walk.
    #[test]
    fn the_fast_way_and_the_plain_walk_agree(
        tree in trees(), other in trees(), picks in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..6),
        style: (bool, bool, u64), rules in rules(),
    ) {
        let mut changed = Tree::Array(vec![tree.clone(), other.clone(), tree.clone()]);
        let before = changed.clone();
        for (pick, how) in picks {
            let places = changed.places();
            let here = changed.at(&places[pick.index(places.len())]);
            match (how % 4, &mut *here) {
                (0, Tree::Array(elements)) => drop(elements.pop()),
                (0, Tree::Object(members)) => drop(members.pop()),
                (1, Tree::Array(elements)) => elements.reverse(),
                (1, Tree::Object(members)) => members.push(("new".to_owned(), Tree::Null)),
                (2, _) => *here = other.clone(),
                _ => *here = other_than(here).0,
            }
        }
        let style = Style { spaced: style.0, respelled: style.1, shuffled: false, seed: style.2 };
        let (left, right) = (before.text(), changed.write(style));
        let compare = |left: &str, right: &str| {
            files(left.as_bytes(), right.as_bytes(), "application/json", &rules).unwrap()
        };
        prop_assert_eq!(compare(&left, &right), compare(&format!(" {left}"), &right), "{}\n{}", left, right);
        prop_assert_eq!(compare(&left, &right), compare(&left, &format!("{right} ")));
    }

    #[test]
    fn one_added_member_is_found_where_it_is(tree in trees(), pick: prop::sample::Index, seed: u64) {
        let mut changed = tree.clone();
        let objects: Vec<_> =
            tree.places().into_iter().filter(|at| matches!(changed.at(at), Tree::Object(_))).collect();
        prop_assume!(!objects.is_empty());
        let place = pick.get(&objects);
        let Tree::Object(members) = changed.at(place) else { unreachable!() };
        members.insert(members.len() / 2, ("added".to_owned(), Tree::Null));
        let added = format!("{place}/added");
        let (before, after) = (tree.text(), changed.write(Style::varied(seed)));
        let (forth, back) = (diff(&before, &after), diff(&after, &before));
        prop_assert_eq!(found(&forth), [(added.as_str(), Kind::Extra)]);
        prop_assert_eq!(found(&back), [(added.as_str(), Kind::Missing)]);
    }

    #[test]
    fn one_removed_element_is_one_length_difference(
        tree in trees(), pick: prop::sample::Index, which: prop::sample::Index, seed: u64,
    ) {
        let mut changed = tree.clone();
        let arrays: Vec<_> = tree
            .places()
            .into_iter()
            .filter(|at| matches!(changed.at(at), Tree::Array(elements) if !elements.is_empty()))
            .collect();
        prop_assume!(!arrays.is_empty());
        let place = pick.get(&arrays);
        let Tree::Array(elements) = changed.at(place) else { unreachable!() };
        elements.remove(which.index(elements.len()));
        let document = diff(&tree.text(), &changed.write(Style::varied(seed)));
        prop_assert_eq!(found(&document), [(place.as_str(), Kind::Length)]);
    }

    #[test]
    fn any_bytes_equal_themselves_and_nothing_panics(bytes: Vec<u8>, tree in trees()) {
        for mime in ["application/json", "application/x-ndjson", "text/plain", ""] {
            prop_assert!(files(&bytes, &bytes, mime, &[]).unwrap().equal);
            let document = files(&bytes, tree.text().as_bytes(), mime, &[]).unwrap();
            prop_assert!(!document.equal || oracle::equal(&bytes, tree.text().as_bytes()) == Some(true));
        }
    }

    #[test]
    fn a_text_cut_short_is_unparsable(tree in trees(), pick: prop::sample::Index) {
        let text = tree.text();
        prop_assume!(matches!(tree, Tree::Array(_) | Tree::Object(_)) && text.len() > 2);
        let mut cut = 1 + pick.index(text.len() - 1);
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        prop_assume!(cut > 0);
        let document = diff(&text, &text[..cut]);
        prop_assert_eq!(found(&document), [("", Kind::Unparsable)]);
    }
}
