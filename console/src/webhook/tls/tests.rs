//! Against a real TLS server with a certificate of its own.

use crate::board::Entry;
use crate::canned;
use crate::webhook::event::Event;
use crate::webhook::post::post;
use crate::webhook::{Secret, Webhook, WebhookError};
use http::StatusCode;
use parallax_comparator::verdict::State;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A receiver that takes one event and gives what it read; and the file with its certificate.
async fn receiver(directory: &tempfile::TempDir) -> (u16, tokio::task::JoinHandle<String>, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = directory.path().join("roots.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else {
            return "no handshake".to_owned();
        };
        let (mut read, mut buffer) = (String::new(), [0; 4096]);
        while !read.contains("\r\n\r\n") || !read.ends_with("}}") {
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the request ended early: {read}");
            read.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
        read
    });
    (port, served, file)
}

fn webhook(url: &str) -> Webhook {
    let secret = Secret::read("correct horse battery staple").unwrap();
    Webhook::new(url, Duration::from_secs(5), 1).unwrap().signed_with(secret)
}

fn event() -> Event {
    let board = crate::Board::new();
    let verdict = canned::verdict("r1", State::Promote, true);
    board.publish(canned::publish(verdict, parallax_comparator::report::Report::default()));
    let snapshot = board.snapshot();
    let entry: &Entry = snapshot.latest().unwrap();
    Event::new(entry, &entry.changes[0], None, jiff::Timestamp::UNIX_EPOCH)
}

#[tokio::test]
async fn an_event_reaches_a_receiver_whose_root_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (port, served, roots) = receiver(&directory).await;
    let webhook = webhook(&format!("https://localhost:{port}/hook")).trusting(&roots).unwrap();
    assert_eq!(post(&webhook, &event()).await.unwrap().status, StatusCode::ACCEPTED);
    let read = served.await.unwrap();
    assert!(read.starts_with("POST /hook HTTP/1.1\r\n"), "{read}");
    assert!(read.contains("webhook-signature: v1,") && read.contains("\"verdict\":\"promote\""), "{read}");
}

#[tokio::test]
async fn a_receiver_that_nobody_vouches_for_gets_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (port, served, _) = receiver(&directory).await;
    let error = post(&webhook(&format!("https://localhost:{port}/hook")), &event()).await.unwrap_err();
    assert!(error.to_string().starts_with("it cannot be reached"), "{error}");
    assert_eq!(served.await.unwrap(), "no handshake");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (port, served, roots) = receiver(&directory).await;
    let webhook = webhook(&format!("https://127.0.0.1:{port}/hook")).trusting(&roots).unwrap();
    let error = post(&webhook, &event()).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(served.await.unwrap(), "no handshake");
}

#[test]
fn unusable_roots_are_named_with_their_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("empty.pem");
    std::fs::write(&file, "nothing").unwrap();
    for file in [file, directory.path().join("absent.pem")] {
        let error = webhook("https://a.example/hook").trusting(&file).unwrap_err();
        assert!(matches!(error, WebhookError::Roots { .. }));
        assert!(error.to_string().contains(".pem"), "{error}");
    }
}
