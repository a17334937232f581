//! The server: one nginx process that answers and counts.

use crate::{on_core, which};
use anyhow::{Context as _, Result, bail};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Nginx {
    address: SocketAddr,
    child: Child,
}

impl Nginx {
    /// Starts it on the second core.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let program = which("nginx").context("nginx is not installed")?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let at = folder.display();
        let config = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log crit; events {{ worker_connections 4096; }}
             http {{ access_log off; client_body_temp_path {at}/a; proxy_temp_path {at}/b; fastcgi_temp_path {at}/c;
             uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;
             server {{ listen {address} backlog=4096; keepalive_requests 1000000000;
               location = /count {{ stub_status; }} location / {{ return 200 'ok'; }} }} }}"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, config)?;
        let mut command = on_core(1, &program.display().to_string());
        command.arg("-c").arg(&file).arg("-p").arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let nginx = Self { address, child: command.spawn()? };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                bail!("nginx does not listen on {address}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(nginx)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Requests so far, this one included.
    pub(crate) fn count(&self) -> Result<u64> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(b"GET /count HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let line = text.lines().find(|line| line.starts_with(' ')).context("stub_status")?;
        Ok(line.split_whitespace().nth(2).context("stub_status")?.parse()?)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
