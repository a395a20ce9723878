//! Each program is started and visited.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use test_servers::{Kind, TestServer};
use tokio::runtime::Runtime;
use ureq::http::Response;
use ureq::{Agent, Body};

/// A running program, ended when dropped, and a browser that visits it.
struct Program {
    process: Child,
    address: String,
    agent: Agent,
    cookies: BTreeMap<String, String>,
}

impl Program {
    fn start(binary: &str, more: &[&str]) -> Self {
        let mut process = Command::new(binary)
            .arg("127.0.0.1:0")
            .args(more)
            .env_remove("EGG_KEYS")
            .env("SESSION_SECRET", "as long as a secret has to be, or longer")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self {
            process,
            address: line.trim().strip_prefix("http://").unwrap().to_owned(),
            agent: agent.new_agent(),
            cookies: BTreeMap::new(),
        }
    }

    fn get(&mut self, path: &str) -> (u16, String) {
        let request = self
            .agent
            .get(self.url(path))
            .header("cookie", self.pairs());
        let response = request.call().unwrap();
        self.read(response)
    }

    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> u16 {
        let request = self
            .agent
            .post(self.url(path))
            .header("cookie", self.pairs());
        let response = request.send_form(fields.iter().copied()).unwrap();
        self.read(response).0
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn pairs(&self) -> String {
        let pair = |(name, value): (&String, &String)| format!("{name}={value}");
        let pairs: Vec<_> = self.cookies.iter().map(pair).collect();
        pairs.join("; ")
    }

    fn read(&mut self, mut response: Response<Body>) -> (u16, String) {
        for line in response.headers().get_all("set-cookie") {
            self.keep(line.to_str().unwrap());
        }
        let body = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), body)
    }

    fn keep(&mut self, line: &str) {
        let (pair, attributes) = line.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        if attributes.contains("01 Jan 1970") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    fn counts_visits(&mut self) {
        assert_eq!(self.get("/"), (200, "visit number 1".to_owned()));
        assert_eq!(self.get("/"), (200, "visit number 2".to_owned()));
        self.cookies.clear();
        assert_eq!(self.get("/"), (200, "visit number 1".to_owned()));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn cookie_only() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_cookie-only"), &[]);
    program.counts_visits();
    assert!(
        program.cookies["EGG_SESS"].len() > 100,
        "it holds the session"
    );
}

#[test]
fn hyper() {
    Program::start(env!("CARGO_BIN_EXE_hyper"), &[]).counts_visits();
}

#[test]
fn warp() {
    Program::start(env!("CARGO_BIN_EXE_warp"), &[]).counts_visits();
}

#[test]
fn login() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_login"), &[]);
    let wrong = [("name", "ada"), ("password", "guess")];
    assert_eq!(program.post("/login", &wrong), 401);
    assert_eq!(program.get("/").1, "nobody is logged in");
    let right = [
        ("name", "ada"),
        ("password", "countess"),
        ("remember_me", "true"),
    ];
    assert_eq!(program.post("/login", &right), 303);
    assert_eq!(program.get("/").1, "hello, ada");
    let first = program.cookies.clone();
    assert_eq!(program.post("/login", &right), 303);
    assert_ne!(program.cookies, first);
    let second = std::mem::replace(&mut program.cookies, first);
    assert_eq!(
        program.get("/").1,
        "nobody is logged in",
        "the old id is dead"
    );
    program.cookies = second.clone();
    assert_eq!(program.post("/logout", &[]), 303);
    assert!(program.cookies.is_empty());
    program.cookies = second;
    assert_eq!(
        program.get("/").1,
        "nobody is logged in",
        "nor does a kept cookie help"
    );
}

#[test]
fn flash() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_flash"), &[]);
    assert_eq!(program.get("/").1, "");
    assert!(program.cookies.is_empty());
    assert_eq!(program.post("/order", &[]), 303);
    assert_eq!(program.get("/").1, "Your order is on its way.");
    assert_eq!(program.get("/").1, "");
}

#[test]
fn from_egg() {
    let binary = env!("CARGO_BIN_EXE_from-egg");
    let mut beside = Program::start(binary, &["shared"]);
    beside.counts_visits();
    let mut after = Program::start(binary, &[]);
    after.cookies.clone_from(&beside.cookies);
    assert_eq!(after.get("/").1, "visit number 2", "the session goes on");
    assert_ne!(after.cookies, beside.cookies);
    assert_eq!(after.get("/").1, "visit number 3", "under our own cookie");
}

#[test]
fn redis() {
    let binary = env!("CARGO_BIN_EXE_redis");
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::start(Kind::Redis)).unwrap();
    let mut one = Program::start(binary, &[server.url()]);
    one.counts_visits();
    let mut other = Program::start(binary, &[server.url()]);
    other.cookies.clone_from(&one.cookies);
    assert_eq!(
        other.get("/").1,
        "visit number 2",
        "the other serves it too"
    );
    drop(one);
    let mut again = Program::start(binary, &[server.url()]);
    again.cookies.clone_from(&other.cookies);
    assert_eq!(
        again.get("/").1,
        "visit number 3",
        "a restart loses nothing"
    );
    let kept = again.cookies.clone();
    assert_eq!(again.post("/logout", &[]), 200);
    other.cookies = kept;
    assert_eq!(other.get("/").1, "visit number 1", "logged out everywhere");
}

#[test]
fn several() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_several"), &[]);
    assert_eq!(program.get("/static/logo.txt").1, "a logo");
    assert!(program.cookies.is_empty());
    assert_eq!(program.get("/").1, "visit number 1 of nobody");
    assert_eq!(program.post("/login", &[]), 200);
    assert_eq!(program.get("/").1, "visit number 2 of ada");
    assert_eq!(program.post("/logout", &[]), 200);
    assert_eq!(program.get("/").1, "visit number 3 of nobody");
    assert!(program.cookies.keys().eq(["visitor"]));
}

#[test]
fn websocket() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_websocket"), &[]);
    let (mut socket, head) = open_socket(&program);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    program.keep(line);
    for answer in ["1: hello", "2: hello"] {
        assert_eq!(say(&mut socket, "hello"), answer);
    }
    assert_eq!(program.get("/").1, "2 messages");
    let (mut socket, _) = open_socket(&program);
    assert_eq!(say(&mut socket, "again"), "3: again");
}

/// A WebSocket, and the head of the response that opened it.
fn open_socket(program: &Program) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(&program.address).unwrap();
    let request = format!(
        "GET /socket HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\ncookie: {}\r\n\r\n",
        program.pairs()
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    (socket, String::from_utf8(head).unwrap())
}

/// Sends a text frame, with a mask of zeros, and reads one.
fn say(socket: &mut TcpStream, text: &str) -> String {
    let len = u8::try_from(text.len()).unwrap();
    let mut frame = vec![0x81, 0x80 | len, 0, 0, 0, 0];
    frame.extend(text.as_bytes());
    socket.write_all(&frame).unwrap();
    let mut head = [0; 2];
    socket.read_exact(&mut head).unwrap();
    let mut answer = vec![0; head[1].into()];
    socket.read_exact(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}
