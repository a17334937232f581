//! Clients that leave or crawl, and operators who reload and stop, all while others are served.

use super::front::{Front, Place, SOON};
use super::shadow::{self, Server};
use super::wire::{Answer, Client, read_answer};
use super::{LOAD, count, load, unaccounted, url};
use crate::harness::{alone, wait_for};
use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The pause of a slow client between two pieces of its request.
const CRAWL: Duration = Duration::from_millis(15);

fn place(primary: &Server, candidate: &Server) -> Place {
    Place { primary: url(primary), candidate: Some(url(candidate)), ..Place::default() }
}

#[test]
fn clients_that_leave_or_crawl_do_not_touch_the_others() {
    let _alone = alone();
    let [primary, candidate] = [shadow::primary, shadow::healthy].map(Server::start);
    let place = place(&primary, &candidate);
    let plain = Front::start(&Place { candidate: None, ..place.clone() });
    let front = Front::start(&place);
    let done = AtomicBool::new(false);
    let (mut seen, aborted, crawled) = std::thread::scope(|scope| {
        let aborting = scope.spawn(|| abort_uploads(front.address(), &done));
        let crawling = scope.spawn(|| crawl(front.address()));
        let seen = load::drive(plain.address(), &[front.address()], LOAD);
        done.store(true, Ordering::Relaxed);
        (seen, aborting.join().expect("no panic"), crawling.join().expect("no panic"))
    });
    let (mut seen, reference) = (seen.remove(1), seen.remove(0));
    seen.compare(&reference);
    assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
    assert_eq!(crawled, Client::new(plain.address()).ask(&load::request(1)).expect("an answer"));
    let state = wait_for("the uploads that were cut to be counted", SOON, || {
        let state = front.settled();
        (count(&state, "/stats/dropped/request_cut") == aborted).then_some(state)
    });
    assert!(aborted > 10, "{aborted}");
    assert_eq!(
        count(&state, "/stats/roles/candidate/responses"),
        seen.answers + 1,
        "copies of whole requests only"
    );
    let outcome = front.end().expect_code(130);
    assert_eq!(unaccounted(&outcome, seen.answers + 1 + aborted), Vec::<String>::new());
}

/// Leaves in the middle of one upload after the other; how many there were.
fn abort_uploads(address: SocketAddr, done: &AtomicBool) -> u64 {
    let client = Client::new(address);
    let mut aborted = 0;
    while !done.load(Ordering::Relaxed) {
        let request = load::request(3);
        let mut stream = client.connect().expect("a connection");
        stream.write_all(&request[..request.len() / 2]).expect("it is read");
        drop(stream);
        aborted += 1;
        std::thread::sleep(CRAWL);
    }
    aborted
}

/// Sends a request piece by piece, and reads the answer.
fn crawl(address: SocketAddr) -> Answer {
    let mut stream = Client::new(address).connect().expect("a connection");
    for piece in load::request(1).chunks(100) {
        stream.write_all(piece).expect("it is read");
        std::thread::sleep(CRAWL);
    }
    read_answer(&mut stream, false).expect("an answer")
}

#[test]
fn clients_that_never_read_their_answers_stop_nobody_else() {
    let _alone = alone();
    let [primary, candidate] = [shadow::primary, shadow::healthy].map(Server::start);
    let place = place(&primary, &candidate);
    let plain = Front::start(&Place { candidate: None, ..place.clone() });
    let front = Front::start(&place);
    let deaf: Vec<_> = (0..4).map(|_| fill(front.address())).collect();
    let mut seen = load::drive(plain.address(), &[front.address()], LOAD);
    let (mut seen, reference) = (seen.remove(1), seen.remove(0));
    seen.compare(&reference);
    assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
    assert!(front.memory() < super::MEMORY + super::BUDGETS, "{} bytes", front.memory());
    assert!(count(&front.state(), "/stats/connections") >= 4, "they are still there");
    drop(deaf);
    front.end().expect_code(130);
}

/// Asks for one large answer after the other and reads none, until nothing more can be sent.
fn fill(address: SocketAddr) -> TcpStream {
    let mut stream = Client::new(address).connect().expect("a connection");
    stream.set_write_timeout(Some(Duration::from_millis(100))).expect("a socket has one");
    let request = load::request(3);
    let sent = (0..1000).take_while(|_| stream.write_all(&request).is_ok()).count();
    assert!(sent < 1000, "the proxy reads on though nobody takes its answers");
    stream
}

#[test]
fn reloads_under_load_change_no_answer_and_close_no_connection() {
    let _alone = alone();
    let [primary, healthy, silent] = [shadow::primary, shadow::healthy, shadow::silent].map(Server::start);
    let first = place(&primary, &healthy);
    let plain = Front::start(&Place { candidate: None, ..first.clone() });
    let front = Front::start(&first);
    let places = [
        place(&primary, &silent),
        Place { limits: "copies_in_flight = 1".to_owned(), ..first.clone() },
        Place { candidate: Some(format!("http://{}", shadow::refused())), ..first.clone() },
        Place { limits: "this is = no configuration".to_owned(), ..first.clone() },
        Place { tables: "[mirror]\ndry = true\n".to_owned(), ..first.clone() },
        first,
    ];
    let done = AtomicBool::new(false);
    let (mut seen, reloads) = std::thread::scope(|scope| {
        let reloading = scope.spawn(|| {
            let mut reloads = 0;
            while !done.load(Ordering::Relaxed) {
                front.reload(&places[reloads % places.len()]);
                reloads += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            reloads
        });
        let seen = load::drive(plain.address(), &[front.address()], LOAD);
        done.store(true, Ordering::Relaxed);
        (seen, reloading.join().expect("no panic"))
    });
    let (mut seen, reference) = (seen.remove(1), seen.remove(0));
    seen.compare(&reference);
    // A connection that is closed would be an error here: the client makes each of them once.
    assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
    assert!(reloads > 5, "{reloads}");
    front.settled();
    let outcome = front.end();
    assert_eq!(unaccounted(&outcome, seen.answers), Vec::<String>::new());
}

#[test]
fn a_shutdown_under_load_cuts_no_answer() {
    let [primary, candidate] = [shadow::primary, shadow::slow].map(Server::start);
    let front = Front::start(&place(&primary, &candidate));
    let address = front.address();
    let served = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|first| scope.spawn(move || until_closed(address, first))).collect();
        wait_for("traffic", SOON, || (count(&front.state(), "/stats/requests") > 100).then_some(()));
        front.interrupt();
        clients.into_iter().map(|client| client.join().expect("no answer is cut or wrong")).sum::<u64>()
    });
    assert!(served > 100);
    let outcome = front.ended().expect_code(130);
    assert_eq!(unaccounted(&outcome, served), Vec::<String>::new());
}

/// Asks until the proxy closes the connection between two answers; how many answers there were.
fn until_closed(address: SocketAddr, first: u64) -> u64 {
    let mut client = Client::new(address);
    let mut served = 0;
    for number in (first..).step_by(4) {
        let request = load::request(number);
        match client.ask(&request) {
            Ok(answer) => {
                let is_echo = request.starts_with(b"HEAD") || answer.head.contains(" 204 ") || {
                    let sent =
                        request.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
                    answer.body.ends_with(&request[sent..])
                };
                assert!(is_echo, "request {number} was answered {:?}", answer.head);
                served += 1;
            }
            Err(error) => {
                // Never in the middle of an answer: that would be an `UnexpectedEof`.
                let closed =
                    [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
                assert!(closed.contains(&error.kind()), "request {number}: {error}");
                return served;
            }
        }
    }
    served
}
