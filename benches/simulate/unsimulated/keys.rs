//! Cluster keys that do not name what fails together.

use crate::bursts::Bursts;
use crate::case::{Case, one_if, share};
use crate::draw::Random;
use crate::judged::{Guarding, play_mismatch, run_of};
use parallax_comparator::check::Check;
use parallax_comparator::judge::mixture::Counts;
use parallax_comparator::verdict::State;

pub(crate) fn cases() -> Vec<Case> {
    let burst = Bursts { noise: 0.001, burst: 0.005, height: 0.5, excess: 0.0 };
    vec![
        split("request-ids,burst=.005", burst),
        split("request-ids,burst=.05", Bursts { burst: 0.05, height: 0.9, ..burst }),
        returning(),
    ]
}

const STATES: [(Guarding, &str); 2] = [(Guarding::Off, "no guard: reject"), (Guarding::On, "guard: reject")];

/// The key is the request's own id, so that the requests of a session count singly.
fn split(name: &str, truth: Bursts) -> Case {
    let judges = STATES.map(|(guard, _)| run_of(180, &[Check::Mismatch], &[], |run| guard.set(run)));
    let by_session = run_of(180, &[Check::Mismatch], &[], |_| {});
    let mut columns: Vec<_> = STATES.iter().map(|(_, name)| share(name)).collect();
    columns.push(share("keyed by session, guard: reject").at_most(0.05));
    Case {
        name: format!("N/{name}"),
        truth: format!(
            "equal builds, 24 sessions of 50 requests a window, keyed by request; {} of sessions burst at {}",
            truth.burst, truth.height
        ),
        replications: 2_000,
        published_replications: 0,
        columns,
        trial: Box::new(move |random| {
            let mut window = || {
                let (mut requests, mut sessions) = (Counts::default(), Counts::default());
                for _ in 0..24 {
                    let seen = truth.unit(random, 50);
                    requests.add(seen);
                    let [worse, better] = [seen.worse > seen.better, seen.worse < seen.better].map(u64::from);
                    sessions.add(Counts::new(1, worse, better));
                }
                [requests, sessions]
            };
            let drawn: Vec<[Counts; 2]> = (0..180).map(|_| window()).collect();
            let rejects = |judge, of: usize| {
                one_if(play_mismatch(judge, |at| drawn[at as usize - 1][of]).state == State::Reject)
            };
            vec![rejects(&judges[0], 0), rejects(&judges[1], 0), rejects(&by_session, 1)]
        }),
    }
}

/// A user who is served stale by one arm stays so for ten minutes: counted in each window, and once in each block.
fn returning() -> Case {
    const BLOCK: usize = 60;
    const USERS: usize = 120;
    let judges = STATES.map(|(guard, _)| run_of(720, &[Check::Mismatch], &[], |run| guard.set(run)));
    let block = run_of(720, &[Check::Mismatch], &[], |_| {});
    Case {
        name: "N/returning-users".to_owned(),
        truth:
            "equal builds, 120 users active in every window; for ten minutes 2% of them are stale in one arm"
                .to_owned(),
        replications: 1_000,
        published_replications: 0,
        columns: vec![
            share("counted in each window, no guard: reject"),
            share("counted in each window, guard: reject"),
            share("counted once in ten minutes, guard: reject").at_most(0.05),
        ],
        trial: Box::new(move |random| {
            let mut each = Vec::new();
            let mut once = Vec::new();
            for _ in 0..720 / BLOCK {
                let stale = stale_users(random, USERS as u64);
                let noise: Vec<Counts> =
                    (0..BLOCK).map(|_| random.units(USERS as u64, 0.001, 0.001)).collect();
                for (window, noise) in noise.into_iter().enumerate() {
                    let free = noise.alike();
                    let [worse, better] =
                        [stale.worse.min(free), stale.better.min(free - stale.worse.min(free))];
                    each.push(Counts::new(noise.n, noise.worse + worse, noise.better + better));
                    // Two users of the 120 come for the first time in each of the 60 windows of a block.
                    let mut first = Counts::new(2, 0, 0);
                    for user in 2 * window..2 * window + 2 {
                        first.worse += u64::from((user as u64) < stale.worse);
                        first.better += u64::from((user as u64) >= USERS as u64 - stale.better);
                    }
                    once.push(first);
                }
            }
            let rejects = |judge, drawn: &[Counts]| {
                one_if(play_mismatch(judge, |at| drawn[at as usize - 1]).state == State::Reject)
            };
            vec![rejects(&judges[0], &each), rejects(&judges[1], &each), rejects(&block, &once)]
        }),
    }
}

/// Users who are stale in the candidate, and in the control.
fn stale_users(random: &mut Random, users: u64) -> Counts {
    random.units(users, 0.01, 0.01)
}
