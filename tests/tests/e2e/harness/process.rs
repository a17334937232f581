//! A child process that cannot outlive its test, with everything it printed.

use super::{local, wait_for};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running process; dropping it ends it.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

/// What a process printed.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    /// Starts a command with its output captured and no input.
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} did not start: {error}"));
        let stdout = Captured::new(child.stdout.take().expect("it is piped"));
        let stderr = Captured::new(child.stderr.take().expect("it is piped"));
        Self { name: name.to_owned(), child, stdout, stderr }
    }

    /// Waits until something accepts connections on a loopback port.
    pub(crate) fn listening(mut self, port: u16, limit: Duration) -> Self {
        let what = format!("{} to listen on port {port}", self.name);
        wait_for(&what, limit, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                let (stdout, stderr) = (self.stdout.so_far(), self.stderr.so_far());
                panic!("{} ended ({status}) before it listened:\n{stdout}\n{stderr}", self.name);
            }
            TcpStream::connect(local(port)).ok()
        });
        self
    }

    /// Its number, as the system knows it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Asks it to end, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends a signal, named without its SIG.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "{} cannot be sent {name}", self.name);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// With everything it printed, when it does not end in time.
    pub(crate) fn wait(&mut self, limit: Duration) -> Ended {
        let deadline = std::time::Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "{} did not end within {limit:?}; it printed:\n{}\n{}",
                self.name,
                self.stdout.so_far(),
                self.stderr.so_far()
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        Ended { status, stdout: self.stdout.all(), stderr: self.stderr.all() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pipe read by a thread of its own, so that the child never blocks on a full pipe.
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Captured {
    fn new(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let sink = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        self.so_far()
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(local(0)).expect("a loopback port can be bound");
    listener.local_addr().expect("it has an address").port()
}
