//! TLS on both sides, with clients and a server that are not ours: curl and openssl.

use crate::client::PATIENCE;
use crate::rig::{Rig, config};
use crate::server::{Server, ok};
use parallax_config::{Config, ListenTls, NamedCertificate, Protocol, Role, RoleTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// An authority and the files that it has signed.
struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { folder: TempDir::new().unwrap(), issuer };
        std::fs::write(authority.path("roots.pem"), authority.issuer.pem()).unwrap();
        authority
    }

    /// Signs a certificate for `names`; writes `FILE.pem` and `FILE.key`.
    fn sign(&self, file: &str, names: &[&str]) {
        let names = names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, file);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{file}.key")), key.serialize_pem()).unwrap();
        std::fs::write(self.path(&format!("{file}.pem")), certificate.pem()).unwrap();
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn text(&self, file: &str) -> String {
        self.path(file).display().to_string()
    }

    fn listen(&self) -> Option<ListenTls> {
        Some(ListenTls {
            certificate: self.text("main.pem"),
            key: self.text("main.key"),
            client_roots: None,
            names: Vec::new(),
        })
    }

    /// curl with this authority's roots.
    fn curl(&self, address: SocketAddr, host: &str, options: &[&str]) -> Output {
        let url = format!("https://{host}:{}/a", address.port());
        let resolve = format!("{host}:{}:{}", address.port(), address.ip());
        Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "20", "--cacert"])
            .arg(self.path("roots.pem"))
            .args(["--resolve", &resolve, &url])
            .args(options)
            .output()
            .expect("curl runs")
    }
}

/// Says loudly that a program is missing; a failure where CI is.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stderr(Stdio::null()).output().is_ok();
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
        assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "CI installs {program}");
    }
    found
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn secured(authority: &Authority, primary: &Server) -> Config {
    let mut config = config(primary);
    config.listen.tls = authority.listen();
    config
}

#[test]
fn alpn_decides_the_version_and_the_primary_learns_the_scheme() {
    if !installed("curl") {
        return;
    }
    let authority = Authority::new();
    authority.sign("main", &["shop.example"]);
    let primary = Server::start(|request| ok(request.header("x-forwarded-proto").unwrap_or("none")));
    let rig = Rig::start(&secured(&authority, &primary));
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let output = authority.curl(rig.proxy.address(), "shop.example", &[option, "-w", " %{http_version}"]);
        assert_eq!(said(&output), format!("https {version}"));
    }
    // A client that does not speak TLS is turned away, and counted.
    let mut plain = rig.client();
    assert!(plain.try_send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").is_ok());
    rig.eventually(|stats| stats.tls_failures == 1);
    let rest = rig.drain();
    assert_eq!(rest.stats.requests, 2);
    rest.assert_conserved(0);
}

#[test]
fn each_server_name_gets_its_certificate() {
    if !installed("curl") {
        return;
    }
    let authority = Authority::new();
    authority.sign("main", &["shop.example"]);
    authority.sign("other", &["eu.other.example"]);
    let primary = Server::start(|_| ok("x"));
    let mut config = secured(&authority, &primary);
    config.listen.tls.as_mut().unwrap().names = vec![NamedCertificate {
        names: vec!["*.other.example".to_owned()],
        certificate: authority.text("other.pem"),
        key: authority.text("other.key"),
    }];
    let rig = Rig::start(&config);
    for host in ["shop.example", "eu.other.example"] {
        assert_eq!(said(&authority.curl(rig.proxy.address(), host, &[])), "x", "{host}");
    }
    let wrong = authority.curl(rig.proxy.address(), "third.example", &[]);
    assert_eq!(wrong.status.code(), Some(60), "curl refuses the certificate: {}", said(&wrong));
}

#[test]
fn a_client_without_the_certificate_that_is_asked_for_gets_nothing() {
    if !installed("curl") {
        return;
    }
    let authority = Authority::new();
    authority.sign("main", &["shop.example"]);
    authority.sign("client", &["client"]);
    let stranger = Authority::new();
    stranger.sign("client", &["client"]);
    let primary = Server::start(|_| ok("x"));
    let mut config = secured(&authority, &primary);
    config.listen.tls.as_mut().unwrap().client_roots = Some(authority.text("roots.pem"));
    let rig = Rig::start(&config);
    let get = |of: Option<&Authority>| {
        let (certificate, key) =
            of.map(|of| (of.text("client.pem"), of.text("client.key"))).unwrap_or_default();
        let options = ["--cert", &certificate, "--key", &key];
        authority.curl(rig.proxy.address(), "shop.example", if of.is_some() { &options } else { &[] })
    };
    assert_eq!(said(&get(Some(&authority))), "x");
    assert!(!get(None).status.success());
    assert!(!get(Some(&stranger)).status.success());
    let stats = rig.eventually(|stats| stats.tls_failures == 2);
    assert_eq!(stats.requests, 1);
}

#[test]
fn new_certificates_are_used_without_a_restart_and_bad_ones_are_not() {
    if !installed("curl") {
        return;
    }
    let authority = Authority::new();
    authority.sign("main", &["old.example"]);
    let primary = Server::start(|_| ok("x"));
    let rig = Rig::start(&secured(&authority, &primary));
    let works = |host: &str| authority.curl(rig.proxy.address(), host, &[]).status.success();
    assert!(works("old.example"));
    // Half a change: the key does not belong to the certificate. Nothing breaks.
    std::fs::write(authority.path("main.pem"), "not a certificate").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    assert!(works("old.example"));
    authority.sign("main", &["new.example"]);
    let start = Instant::now();
    while !works("new.example") {
        assert!(start.elapsed() < PATIENCE, "the new certificate is never used");
    }
    assert!(!works("old.example"));
}

/// `openssl s_server -www` with a certificate; asks for one of its client where `asks` says so.
struct OpenSsl {
    process: Child,
    address: SocketAddr,
}

impl OpenSsl {
    fn start(authority: &Authority, asks: bool) -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("openssl");
        command
            .args(["s_server", "-www", "-quiet", "-accept", &address.to_string()])
            .args(["-cert", &authority.text("role.pem"), "-key", &authority.text("role.key")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if asks {
            command.args(["-Verify", "1", "-verify_return_error", "-CAfile", &authority.text("roots.pem")]);
        }
        let process = command.spawn().unwrap();
        let start = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < PATIENCE, "openssl does not listen");
        }
        Self { process, address }
    }

    fn role(&self, tls: RoleTls) -> Role {
        Role { tls: Some(tls), ..Role::at(format!("https://{}", self.address)) }
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_role_is_reached_over_tls_with_its_own_roots_name_and_client_certificate() {
    if !installed("openssl") {
        return;
    }
    let authority = Authority::new();
    authority.sign("role", &["orders.internal"]);
    authority.sign("proxy", &["proxy"]);
    let (primary, asking) = (OpenSsl::start(&authority, false), OpenSsl::start(&authority, true));
    let plain = Server::start(|_| ok("x"));
    let tls = RoleTls {
        roots: Some(authority.text("roots.pem")),
        server_name: Some("orders.internal".to_owned()),
        ..RoleTls::default()
    };
    let known = RoleTls {
        certificate: Some(authority.text("proxy.pem")),
        key: Some(authority.text("proxy.key")),
        ..tls.clone()
    };
    let mut config = config(&plain);
    config.roles.primary = primary.role(tls.clone());
    config.roles.candidate = Some(asking.role(known));
    // Without a certificate the same server does not answer.
    config.roles.control = Some(asking.role(tls));
    let rig = Rig::start(&config);
    let page = rig.get("/a");
    assert!(page.status == 200 && page.text().contains("TLS"), "{page:?}");
    let stats = rig.eventually(|stats| stats.exchanges == 1);
    assert_eq!((stats.roles["primary"].responses, stats.roles["candidate"].responses), (1, 1), "{stats:#?}");
    assert_eq!(stats.roles["control"].responses, 0, "{stats:#?}");
}

#[test]
fn a_role_that_is_not_who_it_should_be_is_not_spoken_to() {
    if !installed("openssl") {
        return;
    }
    let authority = Authority::new();
    authority.sign("role", &["orders.internal"]);
    let server = OpenSsl::start(&authority, false);
    let plain = Server::start(|_| ok("x"));
    let trusting = RoleTls { roots: Some(authority.text("roots.pem")), ..RoleTls::default() };
    let wrong_name = RoleTls { server_name: Some("other.internal".to_owned()), ..trusting };
    let system_roots = RoleTls { server_name: Some("orders.internal".to_owned()), ..RoleTls::default() };
    let mut config = config(&plain);
    config.roles.candidate = Some(server.role(wrong_name));
    config.roles.control = Some(server.role(system_roots));
    let rig = Rig::start(&config);
    assert_eq!(rig.get("/a").text(), "x", "the client gets its answer");
    let stats = rig.eventually(|stats| stats.exchanges == 1);
    for role in ["candidate", "control"] {
        assert_eq!(stats.roles[role].missing["connect"], 1, "{role}");
    }
}

#[test]
fn http2_to_a_role_is_agreed_on_by_alpn_or_not_at_all() {
    let authority = Authority::new();
    authority.sign("main", &["127.0.0.1"]);
    // The proxy is its own server of HTTP/2 over TLS here.
    let echo = Server::start(|request| {
        let lines = request.headers.iter().filter(|(name, _)| name == "via").map(|(_, value)| value.as_str());
        ok(lines.collect::<Vec<_>>().join(", "))
    });
    let secured = Rig::start(&secured(&authority, &echo));
    let url = format!("https://{}", secured.proxy.address());
    let tls = RoleTls { roots: Some(authority.text("roots.pem")), ..RoleTls::default() };
    let mut config = config(&echo);
    for (protocol, spoken) in [(Protocol::H2, "2.0"), (Protocol::H1, "1.1")] {
        config.roles.primary = Role { protocol, tls: Some(tls.clone()), ..Role::at(&url) };
        let rig = Rig::start(&config);
        // Each proxy says how it was spoken to: first this test's client, then the proxy in front.
        assert_eq!(rig.get("/a").text(), format!("1.1 parallax, {spoken} parallax"));
    }
    // openssl's server knows no ALPN, so it cannot agree on HTTP/2.
    if installed("openssl") {
        authority.sign("role", &["127.0.0.1"]);
        let server = OpenSsl::start(&authority, false);
        config.roles.primary = Role { protocol: Protocol::H2, ..server.role(tls) };
        assert_eq!(Rig::start(&config).get("/a").status, 502);
    }
}

#[test]
fn files_that_cannot_be_used_are_named_with_the_key_of_the_configuration() {
    let authority = Authority::new();
    authority.sign("main", &["a"]);
    authority.sign("other", &["b"]);
    let primary = Server::start(|_| ok("x"));
    let refused = |change: &dyn Fn(&mut Config)| {
        let mut config = secured(&authority, &primary);
        change(&mut config);
        let (sender, _receiver) =
            parallax_exchange::queue(parallax_exchange::QueueLimits { count: 1, bytes: 1 });
        let ledger = parallax_exchange::Ledger::new(1);
        parallax_proxy::Proxy::start(&config, ledger, sender).unwrap_err().to_string()
    };
    let mut garbage = std::fs::File::create(authority.path("garbage")).unwrap();
    garbage.write_all(b"nothing").unwrap();
    let tls =
        |config: &mut Config, change: &dyn Fn(&mut ListenTls)| change(config.listen.tls.as_mut().unwrap());
    let missing = refused(&|config| tls(config, &|tls| tls.key = "/no/such.key".to_owned()));
    assert!(missing.starts_with("listen.tls.key = `/no/such.key`: "), "{missing}");
    let mixed = refused(&|config| tls(config, &|tls| tls.key = authority.text("other.key")));
    assert!(mixed.contains("is it the key of"), "{mixed}");
    let empty = refused(&|config| tls(config, &|tls| tls.certificate = authority.text("garbage")));
    assert!(empty.contains("there is no certificate in it"), "{empty}");
    let half = refused(&|config| {
        let tls = RoleTls { certificate: Some(authority.text("main.pem")), ..RoleTls::default() };
        config.roles.candidate = Some(Role { tls: Some(tls), ..Role::at("https://127.0.0.1:9") });
    });
    assert!(half.starts_with("roles.candidate.tls.certificate"), "{half}");
}
