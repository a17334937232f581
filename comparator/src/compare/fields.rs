//! Configured field checks: which of the named fields differ.

use crate::diff::Part;
use crate::diff::json::{Broken, Cursor, Type};
use crate::diff::path::Step;
use crate::mask::pattern::Pattern;
use parallax_config::Place;
use std::sync::Arc;

/// The paths of the configured field checks, in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    body: Vec<(u16, Pattern)>,
    named: Vec<(u16, Part, Box<str>)>,
    count: u16,
}

impl Fields {
    /// Compiles field paths: a JSON pointer with `*` and `**`, or a place as rules write it.
    ///
    /// # Errors
    /// Position of the first path that is neither, and why.
    pub(crate) fn new(paths: &[Arc<str>]) -> Result<Self, (usize, String)> {
        let mut fields = Self::default();
        for (index, path) in paths.iter().enumerate() {
            fields.add(path).map_err(|why| (index, why))?;
        }
        Ok(fields)
    }

    fn add(&mut self, path: &str) -> Result<(), String> {
        let place = if path.is_empty() || path.starts_with('/') {
            Place::Body(path.to_owned())
        } else {
            Place::try_from(path.to_owned())?
        };
        let index = self.count;
        self.count = index.checked_add(1).ok_or("at most 65,535 fields can be checked")?;
        match place {
            Place::Body(pointer) => self.body.push((index, Pattern::parse(&pointer)?)),
            Place::Status => self.named.push((index, Part::Status, "".into())),
            Place::Header(name) => self.named.push((index, Part::Header, name.into())),
            Place::Trailer(name) => self.named.push((index, Part::Trailer, name.into())),
            Place::Cookie(name) => self.named.push((index, Part::Cookie, name.into())),
            Place::Query(_) => return Err("a query parameter is no part of a response".to_owned()),
        }
        Ok(())
    }

    /// Every position: what a missing response leaves out.
    pub(crate) fn all(&self) -> Vec<u16> {
        (0..self.count).collect()
    }

    /// Notes the fields that a difference at `path` of a JSON body changes. `sides` are the texts
    /// there: a difference above a field changes it only where one of them holds the field.
    pub(crate) fn touch_body(&self, path: &[Step<'_>], sides: [Option<&[u8]>; 2], touched: &mut Vec<u16>) {
        for (index, pattern) in &self.body {
            let meeting = pattern.meet(path);
            let holds = |side: &Option<&[u8]>| side.is_some_and(|text| holds(pattern, path, text));
            if !touched.contains(index) && (meeting.within || (meeting.above && sides.iter().any(holds))) {
                touched.push(*index);
            }
        }
    }

    /// Notes every field of the body: it could not be read as JSON on both sides.
    pub(crate) fn touch_whole_body(&self, touched: &mut Vec<u16>) {
        for (index, _) in &self.body {
            if !touched.contains(index) {
                touched.push(*index);
            }
        }
    }

    /// Notes the fields that are the header, trailer, cookie or status of this name.
    pub(crate) fn touch_name(&self, part: Part, name: &str, touched: &mut Vec<u16>) {
        // An attribute of a cookie, `name;attribute`, is part of the cookie.
        let base = name.split(';').next().unwrap_or_default();
        for (index, of, field) in &self.named {
            if *of == part && (**field == *name || **field == *base) && !touched.contains(index) {
                touched.push(*index);
            }
        }
    }
}

/// Whether the JSON value `text`, which stands at `path`, has a place of `pattern` in it.
fn holds(pattern: &Pattern, path: &[Step<'_>], text: &[u8]) -> bool {
    let mut search = Search { pattern, path: path.to_vec(), cursor: Cursor::new(text) };
    // What is not JSON is taken to hold the field: that is the cautious answer.
    search.value().unwrap_or(true)
}

struct Search<'p, 'a> {
    pattern: &'p Pattern,
    path: Vec<Step<'a>>,
    cursor: Cursor<'a>,
}

impl<'a> Search<'_, 'a> {
    fn value(&mut self) -> Result<bool, Broken> {
        let meeting = self.pattern.meet(&self.path);
        if meeting.at {
            return Ok(true);
        }
        let depth = self.path.len();
        let kind = self.cursor.peek_type()?;
        if !meeting.above || !matches!(kind, Type::Object | Type::Array) {
            self.cursor.skip(depth)?;
            return Ok(false);
        }
        self.cursor.bump();
        let mut first = true;
        let mut index = 0;
        while let Some(step) = self.next(kind, &mut first, index)? {
            self.path.push(step);
            let found = self.value()?;
            self.path.truncate(depth);
            if found {
                return Ok(true);
            }
            index += 1;
        }
        Ok(false)
    }

    fn next(&mut self, kind: Type, first: &mut bool, index: usize) -> Result<Option<Step<'a>>, Broken> {
        let depth = self.path.len();
        Ok(match kind {
            Type::Object if self.cursor.member(first, depth)? => Some(Step::Key(self.cursor.key()?)),
            Type::Object => None,
            _ => self.cursor.element(first, depth)?.then_some(Step::Index(index)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::json::RawStr;

    fn touched(fields: &[&str], path: &[&str], left: Option<&str>, right: Option<&str>) -> Vec<u16> {
        let paths: Vec<Arc<str>> = fields.iter().map(|field| (*field).into()).collect();
        let steps: Vec<_> = path.iter().map(|key| Step::Key(RawStr(key.as_bytes()))).collect();
        let mut touched = Vec::new();
        let sides = [left.map(str::as_bytes), right.map(str::as_bytes)];
        Fields::new(&paths).unwrap().touch_body(&steps, sides, &mut touched);
        touched
    }

    #[test]
    fn a_difference_at_or_below_a_field_changes_it() {
        assert_eq!(touched(&["/a", "/b", "/a/b"], &["a", "b"], Some("1"), Some("2")), [0, 2]);
    }

    #[test]
    fn a_difference_above_a_field_changes_it_only_where_the_field_was() {
        let fields = ["/a/b", "/a/*/c", "/a/d"];
        assert_eq!(touched(&fields, &["a"], Some(r#"{"b":1,"x":[{"c":2}]}"#), Some("null")), [0]);
        assert_eq!(touched(&fields, &["a"], None, Some(r#"{"x":{"c":2},"e":1}"#)), [1]);
        assert_eq!(touched(&fields, &["a"], Some("[]"), Some("null")), [0_u16; 0]);
    }

    #[test]
    fn a_path_that_names_no_place_is_refused() {
        let (index, why) = Fields::new(&["/a".into(), "a.b".into()]).unwrap_err();
        assert_eq!(index, 1);
        assert!(why.contains("header:<name>"), "{why}");
    }
}
