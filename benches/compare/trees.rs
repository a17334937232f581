//! The baseline: parse both texts into trees, then walk the trees.

use serde_json::Value;

/// Where two texts differ, as JSON pointers; none where a text is not JSON.
pub(crate) fn diff(left: &[u8], right: &[u8]) -> Vec<String> {
    let (Ok(left), Ok(right)) = (serde_json::from_slice(left), serde_json::from_slice(right)) else {
        return Vec::new();
    };
    let mut differences = Vec::new();
    walk(&left, &right, &mut String::new(), &mut differences);
    differences
}

fn walk(left: &Value, right: &Value, path: &mut String, differences: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(l), Value::Object(r)) => {
            for (key, value) in l {
                below(path, key, |path| match r.get(key) {
                    Some(other) => walk(value, other, path, differences),
                    None => differences.push(path.clone()),
                });
            }
            for key in r.keys().filter(|key| !l.contains_key(*key)) {
                below(path, key, |path| differences.push(path.clone()));
            }
        }
        (Value::Array(l), Value::Array(r)) => {
            for (index, (left, right)) in l.iter().zip(r).enumerate() {
                below(path, &index.to_string(), |path| walk(left, right, path, differences));
            }
            if l.len() != r.len() {
                differences.push(path.clone());
            }
        }
        _ if left == right => {}
        _ => differences.push(path.clone()),
    }
}

fn below(path: &mut String, step: &str, inside: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(step);
    inside(path);
    path.truncate(length);
}
