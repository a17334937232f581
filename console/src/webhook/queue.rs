//! Events that wait, and which changes have become one already.

use super::event::Event;
use super::{Counters, Webhook, count};
use crate::board::{Entry, Snapshot};
use crate::limits;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;

/// Events in order, the oldest first; bounded.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    events: VecDeque<Event>,
    /// The number of the newest change of each run on the board that has become an event.
    seen: BTreeMap<String, u64>,
}

impl Queue {
    /// Takes what is new on the board; the oldest events leave where there are too many.
    pub(crate) fn fill(&mut self, snapshot: &Snapshot, webhook: &Webhook, counters: &Counters) {
        self.seen.retain(|run, _| snapshot.run(run).is_some());
        // The board lists the newest run first; events go out in the order of time.
        for entry in snapshot.runs.iter().rev() {
            self.take(entry, webhook, counters);
        }
        while self.events.len() > limits::WEBHOOK_QUEUE {
            self.events.pop_front();
            count(&counters.dropped);
        }
        counters.queued.store(self.events.len() as u64, Ordering::Relaxed);
    }

    /// The oldest event, which stays until it is [done](Self::done).
    pub(crate) fn first(&self) -> Option<Event> {
        self.events.front().cloned()
    }

    /// Takes away an event, delivered or given up.
    pub(crate) fn done(&mut self, id: &str, counters: &Counters) {
        // It may have been pushed out while it was being sent.
        self.events.retain(|event| event.id != id);
        counters.queued.store(self.events.len() as u64, Ordering::Relaxed);
    }

    /// Gives up everything that waits.
    pub(crate) fn abandon(&mut self, counters: &Counters) -> usize {
        let left = self.events.len();
        counters.dropped.fetch_add(left as u64, Ordering::Relaxed);
        counters.queued.store(0, Ordering::Relaxed);
        self.events.clear();
        left
    }

    fn take(&mut self, entry: &Entry, webhook: &Webhook, counters: &Counters) {
        let seen = self.seen.entry(entry.verdict().run.clone()).or_default();
        let mut previous = None;
        for change in entry.changes.iter() {
            let before = previous.replace(change.verdict);
            if change.number <= *seen {
                continue;
            }
            // Changes that left the history before they were looked at.
            counters.dropped.fetch_add(change.number - *seen - 1, Ordering::Relaxed);
            *seen = change.number;
            if change.is_final || !webhook.only_final {
                self.events.push_back(Event::new(entry, change, before, jiff::Timestamp::now()));
            }
        }
    }
}
