//! What was probably meant.

use crate::keypath::KeyPath;
use crate::schema::{Kind, Shape};

/// The known word nearest to what was written, if it is near enough to be a slip.
///
/// A third of the letters may differ, by Damerau's distance: insertions, deletions, replacements
/// and swapped neighbours.
pub fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let limit = (written.chars().count() / 3).max(1);
    known
        .map(|word| (strsim::damerau_levenshtein(&written, word), word))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The key of this exact name in another table, if there is one: the right key in the wrong place.
pub(crate) fn elsewhere(key: &str) -> Option<KeyPath> {
    fn visit(shape: Shape, path: &KeyPath, key: &str) -> Option<KeyPath> {
        let keys = shape.keys();
        if keys.contains(&key) {
            return Some(path.key(key));
        }
        // Elements of lists and maps have no path of their own to point at.
        let tables = keys.into_iter().filter_map(|name| Some((name, shape.property(name)?)));
        tables
            .filter(|(_, shape)| shape.kind() == Kind::Table)
            .find_map(|(name, shape)| visit(shape, &path.key(name), key))
    }
    visit(Shape::root(), &KeyPath::default(), key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["alpha", "beta", "tau", "deadline"];
        assert_eq!(nearest("aplha", known.into_iter()), Some("alpha"));
        assert_eq!(nearest("tua", known.into_iter()), Some("tau"));
        assert_eq!(nearest("Deadline", known.into_iter()), Some("deadline"));
        assert_eq!(nearest("threshold", known.into_iter()), None);
    }

    #[test]
    fn a_key_in_the_wrong_table_is_found_in_the_right_one() {
        assert_eq!(elsewhere("shadow_timeout").unwrap().to_string(), "policy.shadow_timeout");
        assert_eq!(elsewhere("nonsense"), None);
    }
}
