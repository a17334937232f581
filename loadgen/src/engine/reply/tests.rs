//! Replies end where their framing says, however they are cut into pieces.

use super::*;

/// Feeds `bytes` in pieces of `size`; the reply and how many bytes it took.
fn read(bytes: &[u8], size: usize, is_bodiless: bool) -> Result<Option<(Complete, usize)>, Malformed> {
    let mut reader = Reader::default();
    reader.start(is_bodiless);
    let mut before = 0;
    for piece in bytes.chunks(size) {
        if let Some(complete) = reader.feed(piece)? {
            return Ok(Some((complete, before + complete.used)));
        }
        before += piece.len();
    }
    Ok(None)
}

#[test]
fn every_framing_ends_at_its_last_byte_in_pieces_of_any_size() {
    let replies = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, true),
        ("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 202, false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", 200, false),
        ("HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx", 200, true),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n", 304, true),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nno",
            500,
            true,
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00A;x=\"y\"\r\n0123456789\r\n1 \r\nz\r\n0\r\nDigest: a\r\nB: c\r\n\r\n",
            200,
            true,
        ),
    ];
    for (text, status, keep_alive) in replies {
        let followed = format!("{text}HTTP/1.1 999 Surplus\r\n\r\n");
        for size in 1..=followed.len() {
            let (complete, used) = read(followed.as_bytes(), size, false).unwrap().expect(text);
            assert_eq!((complete.status, complete.keep_alive), (status, keep_alive), "{text}");
            assert_eq!(used, text.len(), "{text} in pieces of {size}");
        }
        for cut in 0..text.len() {
            assert_eq!(read(&text.as_bytes()[..cut], 7, false), Ok(None), "{text} cut at {cut}");
        }
    }
}

#[test]
fn a_reply_to_head_has_no_body_whatever_it_says() {
    let text = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    assert_eq!(read(text, 9, true).unwrap().map(|(_, used)| used), Some(text.len()));
    assert_eq!(read(text, 9, false), Ok(None));
}

#[test]
fn a_reply_without_a_length_ends_with_the_connection() {
    let mut reader = Reader::default();
    reader.start(false);
    assert_eq!(reader.end(), None);
    assert_eq!(reader.feed(b"HTTP/1.1 200 OK\r\n\r\nany"), Ok(None));
    assert_eq!(reader.end(), Some(200));
    reader.start(false);
    assert_eq!(reader.end(), None);
}

#[test]
fn what_is_not_http_is_named() {
    let bad = [
        ("SSH-2.0-OpenSSH_9.6\r\n", "does not begin with HTTP/1"),
        ("HTTP/1.1 099 Low\r\n\r\n", "below 100"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "switches protocols"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", "two different"),
        ("HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n", "not a number"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", "has both"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "not hexadecimal"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n", "not hexadecimal"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n", "longer than its size"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11111111111111111\r\n", "above 2^64"),
    ];
    for (text, expected) in bad {
        for size in [1, text.len()] {
            let error = read(text.as_bytes(), size, false).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

#[test]
fn an_endless_head_is_given_up() {
    let mut reader = Reader::default();
    reader.start(false);
    let mut fed = reader.feed(b"HTTP/1.1 200 OK\r\nx: ");
    for _ in 0..70 {
        fed = fed.and_then(|_| reader.feed(&[b'a'; 1024]));
    }
    assert!(fed.unwrap_err().to_string().contains("64 KiB"));
}
