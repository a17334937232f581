//! The floor: a relay that copies bytes between connections, one upstream (and one shadow) per client.
//!
//! It parses nothing and pools nothing, so it is no proxy; what it costs is what the kernel costs.
//! It does not isolate either: the shadow gets every byte before the next is read from the client.

use anyhow::Result;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpStream};

/// What to relay.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    primary: SocketAddr,
    #[arg(long)]
    shadow: Option<SocketAddr>,
}

/// Relays until the process is ended.
pub(crate) fn serve(options: &Options) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.listen).await?;
        loop {
            let (client, _) = listener.accept().await?;
            let options = options.clone();
            tokio::task::spawn_local(async move {
                // The end of a connection is the only thing that can go wrong here.
                let _ = relay(client, &options).await;
            });
        }
    })
}

async fn relay(client: TcpStream, options: &Options) -> io::Result<()> {
    let primary = TcpStream::connect(options.primary).await?;
    let shadow = match options.shadow {
        Some(address) => Some(TcpStream::connect(address).await?),
        None => None,
    };
    [Some(&client), Some(&primary), shadow.as_ref()]
        .into_iter()
        .flatten()
        .try_for_each(|stream| stream.set_nodelay(true))?;
    let sinks: Vec<_> = std::iter::once(&primary).chain(&shadow).collect();
    let (mut up, mut down, mut ignored) = (Pump::default(), Pump::default(), Pump::default());
    poll_fn(|cx| {
        let mut ended = up.poll(cx, &client, &sinks)?.is_ready();
        ended |= down.poll(cx, &primary, &[&client])?.is_ready();
        if let Some(shadow) = &shadow {
            ended |= ignored.poll(cx, shadow, &[])?.is_ready();
        }
        if ended { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

/// Bytes on their way from one connection to others.
#[derive(Default)]
struct Pump {
    buffer: Vec<u8>,
    filled: usize,
    /// How much of what is filled each sink has taken.
    sent: [usize; 2],
}

impl Pump {
    /// Moves what can be moved now; ready when the source has ended.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &TcpStream,
        sinks: &[&TcpStream],
    ) -> io::Result<Poll<()>> {
        self.buffer.resize(16 << 10, 0);
        loop {
            for (sink, sent) in sinks.iter().zip(&mut self.sent) {
                if write(cx, sink, &self.buffer[..self.filled], sent)?.is_pending() {
                    return Ok(Poll::Pending);
                }
            }
            match source.try_read(&mut self.buffer) {
                Ok(0) => return Ok(Poll::Ready(())),
                Ok(count) => (self.filled, self.sent) = (count, [0; 2]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match source.poll_read_ready(cx) {
                    Poll::Pending => return Ok(Poll::Pending),
                    Poll::Ready(ready) => ready?,
                },
                Err(error) => return Err(error),
            }
        }
    }
}

/// Writes the rest of `bytes` after `sent`; ready when all of it is written.
fn write(cx: &mut Context<'_>, sink: &TcpStream, bytes: &[u8], sent: &mut usize) -> io::Result<Poll<()>> {
    while *sent < bytes.len() {
        match sink.try_write(&bytes[*sent..]) {
            Ok(count) => *sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => match sink.poll_write_ready(cx) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(ready) => ready?,
            },
            Err(error) => return Err(error),
        }
    }
    Ok(Poll::Ready(()))
}
