//! What is compared, and the sinks behind it.

use crate::children::{Running, free, on_core, which};
use crate::nginx;
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tempfile::TempDir;

/// One way to stand between clients and the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) enum Subject {
    NoProxy,
    Nginx,
    NginxMirror,
    Relay,
    RelayMirror,
    ParallaxOff,
    ParallaxMirror,
    ParallaxCompare,
}

impl Subject {
    pub(crate) const ALL: [Self; 8] = [
        Self::NoProxy,
        Self::Nginx,
        Self::NginxMirror,
        Self::Relay,
        Self::RelayMirror,
        Self::ParallaxOff,
        Self::ParallaxMirror,
        Self::ParallaxCompare,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoProxy => "no proxy",
            Self::Nginx => "nginx",
            Self::NginxMirror => "nginx mirror",
            Self::Relay => "raw relay",
            Self::RelayMirror => "raw relay + mirror",
            Self::ParallaxOff => "Parallax, mirror off",
            Self::ParallaxMirror => "Parallax mirror + capture",
            Self::ParallaxCompare => "Parallax mirror + capture + compare",
        }
    }

    /// Whether each request is to reach the shadow.
    pub(crate) fn copies(self) -> bool {
        matches!(self, Self::NginxMirror | Self::RelayMirror | Self::ParallaxMirror | Self::ParallaxCompare)
    }
}

/// Sinks that run, and subjects that can be started before them.
pub(crate) struct Plan {
    pub(crate) folder: TempDir,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) primary: SocketAddr,
    shadow: SocketAddr,
    _sinks: [Running; 2],
}

impl Plan {
    /// Starts the sinks.
    pub(crate) fn prepare(only: Option<&str>) -> Result<Self> {
        for program in ["nginx", "wrk"] {
            if which(program).is_none() {
                bail!(
                    "{program} is not installed: skipped (apt-get install --no-install-recommends nginx-light wrk)"
                );
            }
        }
        let folder = TempDir::new()?;
        let (primary, shadow) = (free()?, free()?);
        let sinks = [nginx::sink(folder.path(), primary)?, nginx::sink(folder.path(), shadow)?];
        let chosen = |subject: &Subject| only.is_none_or(|part| subject.name().contains(part));
        let subjects = Subject::ALL.into_iter().filter(chosen).collect();
        Ok(Self { folder, subjects, primary, shadow, _sinks: sinks })
    }

    /// Starts a subject; nothing to start for none.
    pub(crate) fn start(&self, subject: Subject) -> Result<Option<(Running, SocketAddr)>> {
        let listen = free()?;
        let running = match subject {
            Subject::NoProxy => return Ok(None),
            Subject::Nginx => nginx::proxy(self.folder.path(), listen, self.primary, None)?,
            Subject::NginxMirror => {
                nginx::proxy(self.folder.path(), listen, self.primary, Some(self.shadow))?
            }
            Subject::Relay => self.own(listen, &["relay"], false)?,
            Subject::RelayMirror => self.own(listen, &["relay"], true)?,
            Subject::ParallaxOff => self.own(listen, &["parallax", "--mode", "off"], true)?,
            Subject::ParallaxMirror => self.own(listen, &["parallax", "--mode", "mirror"], true)?,
            Subject::ParallaxCompare => self.own(listen, &["parallax", "--mode", "compare"], true)?,
        };
        Ok(Some((running, listen)))
    }

    /// Requests that the shadow has answered so far, those of this question left out.
    pub(crate) fn copied(&self) -> Result<u64> {
        let mut stream = TcpStream::connect(self.shadow)?;
        stream.write_all(b"GET /count HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        // The third number of the line below the heading is the count of requests.
        let line =
            text.lines().skip_while(|line| !line.starts_with("server accepts")).nth(1).context("no count")?;
        Ok(line.split_whitespace().nth(2).context("no count")?.parse()?)
    }

    fn own(&self, listen: SocketAddr, arguments: &[&str], with_shadow: bool) -> Result<Running> {
        let program = std::env::current_exe()?;
        let mut command = on_core(0, &program.display().to_string());
        command.args(arguments).arg(format!("--listen={listen}")).arg(format!("--primary={}", self.primary));
        if with_shadow {
            command.arg(format!("--shadow={}", self.shadow));
        }
        Running::start(command, listen)
    }
}
