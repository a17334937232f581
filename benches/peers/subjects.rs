//! What is compared, and the sinks behind it.

use crate::children::{Running, free, on_core, which};
use crate::front::{Certificate, Front};
use crate::load::Shape;
use crate::{envoy, haproxy, nginx};
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use tempfile::TempDir;

/// One way to stand between clients and the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) enum Subject {
    NoProxy,
    Nginx,
    Haproxy,
    Envoy,
    NginxMirror,
    EnvoyMirror,
    Relay,
    RelayMirror,
    ParallaxOff,
    ParallaxMirror,
    ParallaxCompare,
    ParallaxCompareH2,
}

impl Subject {
    pub(crate) const ALL: [Self; 12] = [
        Self::NoProxy,
        Self::Nginx,
        Self::Haproxy,
        Self::Envoy,
        Self::NginxMirror,
        Self::EnvoyMirror,
        Self::Relay,
        Self::RelayMirror,
        Self::ParallaxOff,
        Self::ParallaxMirror,
        Self::ParallaxCompare,
        Self::ParallaxCompareH2,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoProxy => "no proxy",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy",
            Self::NginxMirror => "nginx mirror",
            Self::EnvoyMirror => "Envoy mirror",
            Self::Relay => "raw relay",
            Self::RelayMirror => "raw relay + mirror",
            Self::ParallaxOff => "Parallax, mirror off",
            Self::ParallaxMirror => "Parallax mirror + capture",
            Self::ParallaxCompare => "Parallax mirror + capture + compare",
            Self::ParallaxCompareH2 => "the same, copies over HTTP/2",
        }
    }

    /// Whether each request is to reach the shadow.
    pub(crate) fn copies(self) -> bool {
        matches!(
            self,
            Self::NginxMirror
                | Self::EnvoyMirror
                | Self::RelayMirror
                | Self::ParallaxMirror
                | Self::ParallaxCompare
                | Self::ParallaxCompareH2
        )
    }

    /// Whether it can speak with clients this way; what parses nothing terminates nothing.
    fn speaks(self, front: Front) -> bool {
        front == Front::Plain || !matches!(self, Self::NoProxy | Self::Relay | Self::RelayMirror)
    }

    /// The program that has to be installed for it.
    fn program(self) -> Option<&'static str> {
        match self {
            Self::Haproxy => Some("haproxy"),
            Self::Envoy | Self::EnvoyMirror => Some("envoy"),
            _ => None,
        }
    }
}

/// Sinks that run, and subjects that can be started before them.
pub(crate) struct Plan {
    pub(crate) folder: TempDir,
    subjects: Vec<Subject>,
    shapes: Vec<Shape>,
    pub(crate) primary: SocketAddr,
    pub(crate) shadow: SocketAddr,
    shadow_h2: SocketAddr,
    certificate: Certificate,
    _sinks: [Running; 2],
}

impl Plan {
    /// Starts the sinks; leaves out what is not installed, and says so.
    pub(crate) fn prepare(subject: Option<&str>, shape: Option<&str>) -> Result<Self> {
        for program in ["nginx", "wrk"] {
            if which(program).is_none() {
                bail!(
                    "{program} is not installed: skipped (apt-get install --no-install-recommends nginx-light wrk)"
                );
            }
        }
        let folder = TempDir::new()?;
        let (primary, shadow, shadow_h2) = (free()?, free()?, free()?);
        let sinks = [
            nginx::sink(folder.path(), primary, None)?,
            nginx::sink(folder.path(), shadow, Some(shadow_h2))?,
        ];
        let subjects =
            Subject::ALL.into_iter().filter(|it| subject.is_none_or(|part| it.name().contains(part)));
        let shapes = Shape::ALL.into_iter().filter(|it| shape.is_none_or(|part| it.name().contains(part)));
        Ok(Self {
            subjects: subjects.filter(|it| is_installed(it.name(), it.program())).collect(),
            shapes: shapes.filter(|it| is_installed(it.name(), Some(it.program()))).collect(),
            primary,
            shadow,
            shadow_h2,
            certificate: Certificate::make(folder.path())?,
            folder,
            _sinks: sinks,
        })
    }

    /// Every subject under every shape that it can serve.
    pub(crate) fn cells(&self) -> Vec<(Subject, Shape)> {
        let all =
            self.subjects.iter().flat_map(|&subject| self.shapes.iter().map(move |&shape| (subject, shape)));
        all.filter(|(subject, shape)| subject.speaks(shape.front())).collect()
    }

    /// Starts a subject; nothing to start for none.
    pub(crate) fn start(&self, subject: Subject, front: Front) -> Result<Option<(Running, SocketAddr)>> {
        self.start_before(subject, front, self.shadow)
    }

    /// The same with another shadow.
    pub(crate) fn start_before(
        &self,
        subject: Subject,
        front: Front,
        shadow: SocketAddr,
    ) -> Result<Option<(Running, SocketAddr)>> {
        let listen = free()?;
        let (folder, primary, certificate) = (self.folder.path(), self.primary, &self.certificate);
        let nginx = |shadow| nginx::proxy(folder, listen, primary, shadow, front, certificate);
        let envoy = |shadow| envoy::proxy(folder, listen, primary, shadow, front, certificate);
        let parallax = |mode: &str| self.parallax(listen, mode, shadow, front);
        let running = match subject {
            Subject::NoProxy => return Ok(None),
            Subject::Nginx => nginx(None)?,
            Subject::NginxMirror => nginx(Some(shadow))?,
            Subject::Haproxy => haproxy::proxy(folder, listen, primary, front, certificate)?,
            Subject::Envoy => envoy(None)?,
            Subject::EnvoyMirror => envoy(Some(shadow))?,
            Subject::Relay => Running::start(self.own("relay", listen)?, listen)?,
            Subject::RelayMirror => {
                let mut command = self.own("relay", listen)?;
                command.arg(format!("--shadow={shadow}"));
                Running::start(command, listen)?
            }
            Subject::ParallaxOff => parallax("off")?,
            Subject::ParallaxMirror => parallax("mirror")?,
            Subject::ParallaxCompare => parallax("compare")?,
            Subject::ParallaxCompareH2 => self.parallax(listen, "compare-h2", self.shadow_h2, front)?,
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

    fn parallax(&self, listen: SocketAddr, mode: &str, shadow: SocketAddr, front: Front) -> Result<Running> {
        let mut command = self.own("parallax", listen)?;
        command.arg(format!("--shadow={shadow}"));
        match mode.strip_suffix("-h2") {
            Some(mode) => command.args(["--shadow-h2", "--mode", mode]),
            None => command.args(["--mode", mode]),
        };
        if front == Front::Tls {
            command.arg("--tls").args([&self.certificate.chain, &self.certificate.key]);
        }
        Running::start(command, listen)
    }

    /// This program, as a subject.
    fn own(&self, kind: &str, listen: SocketAddr) -> Result<Command> {
        let program = std::env::current_exe()?;
        let mut command = on_core(0, &program.display().to_string());
        command.arg(kind).arg(format!("--listen={listen}")).arg(format!("--primary={}", self.primary));
        Ok(command)
    }
}

fn is_installed(name: &str, program: Option<&str>) -> bool {
    let missing = program.filter(|program| which(program).is_none());
    if let Some(program) = missing {
        eprintln!("{name}: skipped, {program} is not installed");
    }
    missing.is_none()
}
