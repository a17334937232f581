//! A `curl` command that sends an exchange's request again, quoted for any POSIX shell.
//!
//! Bytes are kept exactly, with two exceptions that are meant: credentials are replaced, and the
//! address is `$BASE_URL` where that is set, so that one command serves every role. What curl would
//! add by itself is switched off.

use super::redact;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderName, Method};
use parallax_exchange::Request;

/// Bytes of a command that is worth showing.
const COMMAND_MAX: usize = 32 << 10;

/// A command: its arguments after `curl`, and what it reads.
#[derive(Debug, PartialEq, Eq)]
struct Command {
    /// Of the URL, where it is an authority that can stand in a shell's default.
    base: String,
    target: Vec<u8>,
    options: Vec<Vec<u8>>,
    stdin: Option<Vec<u8>>,
}

/// The command; `None` where the captured body is not whole, or too long to paste.
pub(super) fn curl(request: &Request) -> Option<String> {
    if request.body.is_cut() || request.body.bytes().len() > COMMAND_MAX {
        return None;
    }
    let text = command(request).to_shell();
    (text.len() <= COMMAND_MAX).then_some(text)
}

fn command(request: &Request) -> Command {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:-_[]".contains(&byte);
    let authority = &request.authority;
    let is_plain = !authority.is_empty() && authority.bytes().all(plain);
    let body = body(request);
    let mut options: Vec<Vec<u8>> = Vec::new();
    let mut option = |name: &str, value: Vec<u8>| options.extend([name.into(), value]);
    match (&request.method, body.is_empty()) {
        (&Method::GET, true) | (&Method::POST, false) => {}
        // With `--request HEAD` curl would wait for a body.
        (&Method::HEAD, true) => option("--request", b"HEAD".to_vec()),
        (method, _) => option("--request", method.as_str().into()),
    }
    headers(request, &body, &mut option);
    let binary = !body.is_empty() && (body.contains(&0) || std::str::from_utf8(&body).is_err());
    match (body.is_empty(), binary) {
        (true, _) => {
            if request.headers.contains_key(CONTENT_LENGTH) {
                option("--data-raw", Vec::new());
            }
        }
        (_, true) => option("--data-binary", b"@-".to_vec()),
        // Unlike `--data`, this one knows no file names.
        (_, false) => option("--data-raw", body.clone()),
    }
    if request.method == Method::HEAD {
        options.push(b"--head".to_vec());
    }
    Command {
        base: format!("http://{}", if is_plain { authority } else { "localhost" }),
        target: redact::text(&request.target).into_owned().into(),
        options,
        stdin: binary.then_some(body),
    }
}

/// The body without credentials; one with a content coding is kept as it is.
fn body(request: &Request) -> Vec<u8> {
    match std::str::from_utf8(request.body.bytes()) {
        Ok(text) => redact::text(text).into_owned().into(),
        Err(_) => request.body.bytes().to_vec(),
    }
}

fn headers(request: &Request, body: &[u8], option: &mut impl FnMut(&str, Vec<u8>)) {
    /// What curl counts, frames or negotiates by itself.
    const OWN: [HeaderName; 3] = [CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT];
    for (name, value) in request.headers.iter().filter(|(name, _)| !OWN.contains(name)) {
        let value = redact::header(name, value);
        let line = match value.is_empty() {
            // A colon with nothing behind it would remove the header.
            true => format!("{name};").into_bytes(),
            false => [name.as_str().as_bytes(), b": ", &value].concat(),
        };
        option("--header", line);
    }
    if !request.authority.is_empty() && !request.headers.contains_key(HOST) {
        option("--header", format!("host: {}", request.authority).into_bytes());
    }
    for added in [USER_AGENT, ACCEPT] {
        if !request.headers.contains_key(&added) {
            option("--header", format!("{added}:").into_bytes());
        }
    }
    let sends = !body.is_empty() || request.headers.contains_key(CONTENT_LENGTH);
    if sends && !request.headers.contains_key(CONTENT_TYPE) {
        option("--header", format!("{CONTENT_TYPE}:").into_bytes());
    }
}

impl Command {
    fn to_shell(&self) -> String {
        let mut text = String::new();
        if let Some(stdin) = &self.stdin {
            text.push_str(&format!("printf {} | ", quoted(&printf_format(stdin))));
        }
        // The target goes as it is: no globs, no removal of dots.
        text.push_str("curl --globoff --path-as-is");
        text.push_str(&format!(" --url \"${{BASE_URL:-{}}}\"{}", self.base, word(&self.target)));
        for option in &self.options {
            text.push(' ');
            text.push_str(&word(option));
        }
        text
    }
}

/// One word of the shell that means exactly `bytes`.
fn word(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.contains(&0) => quoted(text),
        // Only header values get here: they end in no line break, which a substitution would remove.
        _ => format!("\"$(printf {})\"", quoted(&printf_format(bytes))),
    }
}

fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A format of `printf` that gives exactly `bytes`.
fn printf_format(bytes: &[u8]) -> String {
    let mut format = String::new();
    for byte in bytes {
        match byte {
            b'%' => format.push_str("%%"),
            b'\\' => format.push_str(r"\\"),
            b' '..=b'~' => format.push(char::from(*byte)),
            other => format.push_str(&format!("\\{other:03o}")),
        }
    }
    // What begins with a hyphen would be an option.
    match format.strip_prefix('-') {
        Some(rest) => format!("\\055{rest}"),
        None => format,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};
    use parallax_exchange::Body;
    use proptest::prelude::*;

    fn request(method: Method, target: &str, headers: HeaderMap, body: Vec<u8>) -> Request {
        let authority = "events.example:8080".to_owned();
        Request { method, target: target.to_owned(), authority, headers, body: Body::whole(body) }
    }

    /// What a real shell makes of the command: curl's arguments, then what it reads.
    fn run(shell: &str, base: Option<&str>) -> Vec<Vec<u8>> {
        let script = format!("curl() {{ printf '%s\\0' \"$@\"; cat; }}\n{shell}");
        let mut sh = std::process::Command::new("sh");
        sh.arg("-c").arg(script).env_remove("BASE_URL").stdin(std::process::Stdio::null());
        base.map(|base| sh.env("BASE_URL", base));
        let output = sh.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}\n{output:?}");
        output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
    }

    fn expected(command: &Command, base: &str) -> Vec<Vec<u8>> {
        let url = [base.as_bytes(), &command.target].concat();
        let first = [&b"--globoff"[..], b"--path-as-is", b"--url"].map(<[u8]>::to_vec);
        let mut all: Vec<Vec<u8>> = first.into_iter().chain([url]).chain(command.options.clone()).collect();
        // What it reads has its own zeros.
        all.extend(command.stdin.clone().unwrap_or_default().split(|byte| *byte == 0).map(<[u8]>::to_vec));
        all
    }

    #[test]
    fn a_command_is_what_a_person_would_write() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("content-length", HeaderValue::from_static("9"));
        headers.insert("authorization", HeaderValue::from_static("Bearer s3cr3t"));
        headers.insert("user-agent", HeaderValue::from_static("sdk/1"));
        headers.insert("accept", HeaderValue::from_static("*/*"));
        let request = request(Method::POST, "/v1/e?a=[1]", headers, br#"{"a":"'"}"#.to_vec());
        let expected = r#"curl --globoff --path-as-is --url "${BASE_URL:-http://events.example:8080}"'/v1/e?a=[1]' --header 'content-type: application/json' --header 'authorization: [redacted]' --header 'user-agent: sdk/1' --header 'accept: */*' --header 'host: events.example:8080' --data-raw '{"a":"'\''"}'"#;
        assert_eq!(curl(&request).unwrap(), expected);
    }

    #[test]
    fn bodies_that_are_not_whole_or_too_long_have_no_command() {
        let mut one = request(Method::POST, "/", HeaderMap::new(), vec![b'x'; COMMAND_MAX + 1]);
        assert_eq!(curl(&one), None);
        one.body = Body::cut("abc", 9, 0);
        assert_eq!(curl(&one), None);
        one.body = Body::whole(vec![0xff; COMMAND_MAX / 2]);
        assert_eq!(curl(&one), None, "four characters for a byte");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever the request holds, a real shell gives curl exactly those bytes.
        #[test]
        fn a_shell_reads_exactly_the_request(
            method in prop::sample::select(vec![Method::GET, Method::HEAD, Method::POST, Method::DELETE]),
            target in "/[ -~äé$`\"'\\\\!*?&;|<>(){}\\[\\]#~-]{0,30}",
            values in prop::collection::vec(prop::collection::vec(prop_oneof![9 => 32_u8..127, 1 => 128_u8..=255], 0..20), 0..4),
            body in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                "[ -~\n\r\tä'\"\\\\$`%@-]{0,40}".prop_map(String::into_bytes),
            ],
            base in prop::option::of(Just("http://127.0.0.1:9 9/x y")),
        ) {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append("x-v", HeaderValue::from_bytes(value).unwrap());
            }
            let request = request(method, &target, headers, body);
            let command = command(&request);
            let read = run(&command.to_shell(), base);
            prop_assert_eq!(read, expected(&command, base.unwrap_or("http://events.example:8080")));
        }
    }
}
