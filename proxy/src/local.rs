//! Tasks of this core for libraries that want an executor.

use hyper::rt::Executor;
use std::future::Future;

/// Runs what it is given on this thread's runtime.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local;

impl<F: Future<Output = ()> + 'static> Executor<F> for Local {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
