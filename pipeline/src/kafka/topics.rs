//! The topics of a log: made where they are missing, looked at where they are there.

use super::client::{self, ANSWER, refused};
use crate::{KafkaUrl, PipelineError};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::RDKafkaErrorCode;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Exchanges and marks, by hash of the cluster key.
pub(super) const EXCHANGES: &str = "exchanges";
/// What judges decide; one partition, whose order is the decision.
pub(super) const CUTS: &str = "cuts";
/// Sealed windows.
pub(super) const TALLIES: &str = "tallies";
/// The newest verdict of each run.
pub(super) const VERDICTS: &str = "verdicts";

/// Makes the topics that are missing, and returns the number of partitions of the exchanges.
pub(super) fn ensure(url: &KafkaUrl, reader: &BaseConsumer) -> Result<i32, PipelineError> {
    let names = [EXCHANGES, CUTS, TALLIES, VERDICTS].map(|part| url.part(part));
    let [exchanges, cuts, tallies, verdicts] = &names;
    let replicated = || TopicReplication::Fixed(url.replication);
    let new = [
        NewTopic::new(exchanges, url.partitions, replicated()),
        // A run cannot be resumed without its cuts, and they are few.
        NewTopic::new(cuts, 1, replicated()).set("retention.ms", "-1").set("retention.bytes", "-1"),
        NewTopic::new(tallies, 1, replicated()),
        NewTopic::new(verdicts, 1, replicated()).set("cleanup.policy", "compact"),
    ];
    let admin: AdminClient<DefaultClientContext> = client::config(url).create().map_err(refused)?;
    let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
    let made = wait(admin.create_topics(&new, &options)).map_err(|error| client::unreachable(url, &error))?;
    for result in made {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                let why =
                    format!("it is missing and cannot be made: {code}; make it, or give `replication=`");
                return Err(PipelineError::Topic { topic, why });
            }
        }
    }
    if client::partitions_settled(reader, url, cuts)? != 1 {
        let why = "it must have one partition, as its order decides; remove it or use another log".to_owned();
        return Err(PipelineError::Topic { topic: cuts.clone(), why });
    }
    client::partitions_settled(reader, url, exchanges)
}

/// Waits for a future on this thread; the client library completes it on one of its own.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
