//! A row of a table: one truth, simulated many times.

use crate::draw::Random;

/// One truth and what is asked about it.
pub(crate) struct Case {
    /// Table and truth, such as `A1/noise=.001`; the seed is made of it.
    pub(crate) name: String,
    /// The truth in words.
    pub(crate) truth: String,
    pub(crate) replications: u32,
    /// Replications behind the published figures.
    pub(crate) published_replications: u32,
    pub(crate) columns: Vec<Column>,
    /// One run; a value for each column.
    pub(crate) trial: Trial,
}

/// One run of a case.
pub(crate) type Trial = Box<dyn Fn(&mut Random) -> Vec<f64> + Send + Sync>;

/// One figure of a row.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// What the specification prints.
    pub(crate) published: Option<f64>,
    /// What the guarantee allows.
    pub(crate) limit: Option<f64>,
    /// How far apart a median's possible values lie: one look.
    pub(crate) step: f64,
}

/// How runs become a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The mean of noughts and ones.
    Share,
    /// The median of numbers that may be infinite.
    Median,
    /// The mean of finite numbers.
    Mean,
}

/// The share of runs in which something happened.
pub(crate) fn share(name: &str) -> Column {
    Column { name: name.to_owned(), kind: Kind::Share, published: None, limit: None, step: 0.0 }
}

/// The median of a number.
pub(crate) fn median(name: &str) -> Column {
    Column { kind: Kind::Median, ..share(name) }
}

/// The mean of a number.
pub(crate) fn mean(name: &str) -> Column {
    Column { kind: Kind::Mean, ..share(name) }
}

impl Column {
    /// With the figure that the specification prints, where it prints one.
    pub(crate) fn maybe(self, value: f64) -> Self {
        if value.is_nan() { self } else { self.published(value) }
    }

    /// With the figure that the specification prints.
    pub(crate) fn published(mut self, value: f64) -> Self {
        self.published = Some(value);
        self
    }

    /// Read off at looks so far apart: a median whose error is below one look may lie one look away by chance.
    pub(crate) fn in_steps_of(mut self, step: f64) -> Self {
        self.step = step;
        self
    }

    /// With the share that a guarantee allows.
    pub(crate) fn at_most(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// 1 for yes.
pub(crate) fn one_if(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}
