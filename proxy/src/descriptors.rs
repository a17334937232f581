//! The limit of open files: each client, each upstream connection and each copy in flight takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to what the system allows this process. The soft limit is often 1024 for the
/// sake of programs that use `select`, which this one does not.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => tracing::debug!(?current, ?maximum, "raised the limit of open files"),
        Err(error) => {
            tracing::warn!(%error, ?current, "cannot raise the limit of open files; see `ulimit -n`");
        }
    }
}
