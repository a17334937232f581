//! What values mean together: the rules that no single key can show.
//!
//! Ranges, types and spellings of single keys are the schema's; these modules compare keys with each
//! other, with the address book and with the calendar. They work on the built types, so that a
//! configuration made in code is held to the same rules as one from a file.

mod copies;
mod network;
mod policy;
mod routes;
mod rules;

use crate::error::Problem;
use crate::keypath::KeyPath;
use crate::{Config, ConfigError, Day, Policy, reach};

pub(crate) use rules::check as rules;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The configuration cannot be used.
    pub problems: Vec<Problem>,
    /// It can, but somebody should look.
    pub warnings: Vec<Problem>,
}

impl Findings {
    fn problem(&mut self, at: KeyPath, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::new(at, what, remedy));
    }

    fn warning(&mut self, at: KeyPath, what: impl Into<String>, remedy: impl Into<String>) {
        self.warnings.push(Problem::new(at, what, remedy));
    }

    fn add(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.warnings.extend(other.warnings);
    }
}

impl Config {
    /// Everything that the values mean together; [`Config::load`] has called it already.
    ///
    /// `today` decides which rules have expired.
    #[must_use]
    pub fn check(&self, today: Day) -> Findings {
        let mut findings = network::check(self);
        findings.add(routes::check(self));
        findings.add(copies::check(self, today));
        let names: Vec<&str> = self.routes.iter().map(|route| route.name.as_str()).collect();
        findings.add(rules::check(&self.rules, Some(&names), today));
        findings.add(self.policy.check());
        findings.add(routes::check_slices(self));
        findings.warnings.extend(reach::key_warning(self));
        findings
    }

    /// [`Config::check`] for a configuration made in code: its warnings, or an error that names it.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with every problem found.
    pub fn validated(self, name: &str, today: Day) -> Result<(Self, Vec<Problem>), ConfigError> {
        let Findings { problems, warnings } = self.check(today);
        if problems.is_empty() {
            return Ok((self, warnings));
        }
        Err(ConfigError::Invalid { path: name.into(), problems })
    }
}

impl Policy {
    /// Everything that the values of the policy mean together.
    #[must_use]
    pub fn check(&self) -> Findings {
        let mut findings = policy::check(self);
        if findings.problems.is_empty() {
            findings.warnings.extend(reach::policy_warnings(self));
        }
        findings
    }
}
