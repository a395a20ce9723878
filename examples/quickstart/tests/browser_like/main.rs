//! Drives the built binary over HTTP, as browsers, operators and thieves would.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

mod browser;
mod server;

use std::fs;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::browser::Browser;
use crate::server::Server;

#[test]
fn visits_are_counted_for_each_browser() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ada = Browser::new(server.origin());

    let first = ada.open();
    assert_eq!((first.status, first.visits()), (200, 1));
    let [cookie] = &first.set_cookies[..] else {
        panic!("one session, one cookie");
    };
    let cookie = cookie.to_ascii_lowercase();
    for attribute in ["httponly", "samesite=lax", "path=/"] {
        assert!(cookie.contains(attribute), "{attribute} is missing");
    }
    assert_eq!(first.headers["cache-control"], "no-store");
    assert!(first.html.contains("sqlite"));
    assert!(first.html.contains("1 day"));

    assert_eq!(ada.open().visits(), 2);
    assert_eq!(ada.open().visits(), 3);
    assert_eq!(Browser::new(server.origin()).open().visits(), 1);
}

#[test]
fn notes_are_kept_escaped_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ada = Browser::new(server.origin());

    ada.submit("/notes", &[("text", "first & foremost")]);
    let page = ada.submit("/notes", &[("text", r#"<script>alert("x")</script>"#)]);
    assert!(page.html.contains("first &amp; foremost"));
    assert!(
        page.html
            .contains("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;")
    );
    assert!(!page.html.contains("<script"));
    let ids = page.note_ids();
    assert_eq!(ids.len(), 2);

    let page = ada.submit("/notes/remove", &[("id", &ids[0])]);
    assert_eq!(page.note_ids(), ids[1..]);
    assert!(!page.html.contains("foremost"));

    let page = ada.submit("/notes/remove", &[("id", &ids[0])]);
    assert_eq!(page.note_ids(), ids[1..], "removing again removes nothing");
    let page = ada.submit("/notes", &[("text", "third")]);
    assert!(!page.note_ids().contains(&ids[0]), "no id is used twice");
}

#[test]
fn a_refused_form_says_why_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ada = Browser::new(server.origin());
    let longest = "ö".repeat(200);
    assert!(
        ada.submit("/notes", &[("text", &longest)])
            .html
            .contains(&longest)
    );

    let too_long = "ö".repeat(201);
    for (path, fields) in [
        ("/notes", [("text", " ")]),
        ("/notes", [("text", &too_long)]),
        ("/login", [("name", "\t")]),
        ("/login", [("name", &too_long)]),
    ] {
        let page = ada.submit(path, &fields);
        assert_eq!(page.status, 422, "{path}");
        assert!(page.html.contains(r#"role="alert""#));
        assert!(!page.html.contains(&too_long));
    }
    assert_eq!(ada.submit("/notes", &[]).status, 422);
    assert_eq!(ada.submit("/notes/remove", &[("id", "first")]).status, 422);

    let page = ada.open();
    assert_eq!(page.note_ids().len(), 1);
    assert!(page.html.contains("action=\"/login\""));
    assert!(!page.html.contains(r#"role="alert""#));
}

#[test]
fn there_is_an_end_to_notes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--store", "memory:"]);
    let mut ada = Browser::new(server.origin());
    for number in 0..20 {
        assert_eq!(
            ada.submit("/notes", &[("text", &number.to_string())])
                .status,
            200
        );
    }
    let page = ada.submit("/notes", &[("text", "one more")]);
    assert_eq!(page.status, 422);
    assert_eq!(page.note_ids().len(), 20);
}

#[test]
fn login_leaves_the_old_cookie_behind() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ada = Browser::new(server.origin());
    ada.submit("/notes", &[("text", "mine")]);
    let mut thief = ada.clone();

    let page = ada.submit("/login", &[("name", "Ada <Countess>")]);
    assert!(page.html.contains("Hello, Ada &lt;Countess&gt;"));
    assert!(page.html.contains("mine"), "what was noted before stays");
    assert!(!page.set_cookies.is_empty());

    let stolen = thief.open();
    assert!(!stolen.html.contains("Ada"));
    assert!(!stolen.html.contains("mine"));
    assert_eq!(stolen.visits(), 1, "the old id leads nowhere");
    assert!(ada.open().html.contains("Hello, Ada"));
}

#[test]
fn logout_ends_the_session_for_every_copy_of_the_cookie() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ada = Browser::new(server.origin());
    ada.submit("/login", &[("name", "Ada")]);
    let mut replay = ada.clone();

    let page = ada.submit("/logout", &[]);
    assert!(!page.html.contains("Hello"));
    assert_eq!(page.visits(), 1);

    let page = replay.open();
    assert!(!page.html.contains("Hello"));
    assert_eq!(page.visits(), 1);
}

#[test]
fn sessions_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ada = Browser::new(server.origin());
    ada.submit("/login", &[("name", "Ada")]);
    ada.submit("/notes", &[("text", "still here")]);
    let visits = ada.open().visits();
    let (status, rest) = server.terminate();
    assert!(status.success(), "{status}");
    assert_eq!(rest, "", "one line on the standard output, no more");

    let server = Server::start(folder.path(), &[]);
    ada.move_to(server.origin());
    let page = ada.open();
    assert_eq!(page.visits(), visits + 1);
    assert!(page.html.contains("Hello, Ada"));
    assert!(page.html.contains("still here"));
}

#[test]
fn it_ends_when_asked_although_connections_are_open() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--store", "memory:"]);
    let _silent = TcpStream::connect(("127.0.0.1", server.port().parse().unwrap())).unwrap();
    let mut ada = Browser::new(server.origin());
    assert_eq!(ada.open().visits(), 1); // and the connection is kept alive
    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
}

#[test]
fn sessions_survive_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ada = Browser::new(server.origin());
    assert_eq!(ada.open().visits(), 1);
    drop(server); // killed

    let server = Server::start(folder.path(), &[]);
    ada.move_to(server.origin());
    assert_eq!(ada.open().visits(), 2);
}

#[test]
fn two_servers_with_one_secret_and_one_file_serve_the_same_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "0123456789abcdef0123456789abcdef";
    let start = |secret: &str| {
        Server::spawn(server::command(folder.path(), &[]).env("SESSION_SECRET", secret))
    };
    let (here, there) = (start(secret), start(secret));
    let mut ada = Browser::new(here.origin());
    assert_eq!(ada.open().visits(), 1);
    ada.move_to(there.origin());
    assert_eq!(ada.open().visits(), 2);

    let stranger = start("another secret of thirty-two bytes");
    ada.move_to(stranger.origin());
    assert_eq!(
        ada.open().visits(),
        1,
        "a cookie sealed by others opens nothing"
    );
    assert!(
        !folder.path().join("sessions.key").exists(),
        "a secret was given"
    );
}

#[cfg(unix)]
#[test]
fn the_key_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start(folder.path(), &[]);
    let key = fs::metadata(folder.path().join("sessions.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_session_ends_when_nobody_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--max-age", "1500ms"]);
    let mut ada = Browser::new(server.origin());
    let page = ada.open();
    assert_eq!(page.visits(), 1);
    assert!(page.html.contains("2 seconds"), "rounded up");
    thread::sleep(Duration::from_millis(1_600));
    assert_eq!(ada.open().visits(), 1);
}

#[test]
fn the_store_is_a_url() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = server::command(folder.path(), &[]);
    let server = Server::spawn(command.env("SESSION_STORE_URL", "memory:?max_bytes=1MiB"));
    let mut ada = Browser::new(server.origin());
    let page = ada.open();
    assert!(page.html.contains("memory"));
    assert!(
        !page.html.contains("1MiB"),
        "the scheme is shown, no more of the URL"
    );
    assert_eq!(ada.open().visits(), 2);
    assert!(!folder.path().join("sessions.db").exists());

    let server = Server::start(folder.path(), &["--store", "memory:"]);
    ada.move_to(server.origin());
    assert_eq!(ada.open().visits(), 1, "another process, another memory");
}

#[test]
fn what_cannot_start_says_what_to_change() {
    let folder = tempfile::tempdir().unwrap();
    for (args, named) in [
        (&["--listen", "nowhere"][..], "--listen"),
        (&["--port", "65536"], "--port"),
        (&["--max-age", "soon"], "--max-age"),
        (&["--max-age", "0s"], "--max-age"),
        (&["--secret", "hunter2"], "--secret"),
        (&["--store", ""], "the URL is empty"),
        (&["--store", "mysterydb://user:hunter2@host"], "mysterydb"),
        (&["--store", "sqlite:no/such/folder/sessions.db"], "sqlite"),
        (&["--key-file", "no/such/folder/key"], "--key-file"),
        (&["--surprise"], "--surprise"),
    ] {
        let exit = server::run(&mut server::command(folder.path(), args));
        assert!(!exit.status.success(), "{args:?}");
        assert_eq!(exit.stdout, "", "{args:?}");
        assert!(exit.stderr.contains(named), "{args:?}: {}", exit.stderr);
        assert!(!exit.stderr.contains("hunter2"), "{}", exit.stderr);
        assert!(!exit.stderr.contains("panicked"), "{}", exit.stderr);
    }
}

#[test]
fn a_port_in_use_names_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--store", "memory:"]);
    let args = ["--store", "memory:", "--port", server.port()];
    let exit = server::run(&mut server::command(folder.path(), &args));
    assert!(!exit.status.success());
    assert!(exit.stderr.contains("--listen"), "{}", exit.stderr);
    assert!(exit.stderr.contains(server.port()), "{}", exit.stderr);
}

#[test]
fn help_lists_every_flag() {
    let folder = tempfile::tempdir().unwrap();
    let exit = server::run(&mut server::command(folder.path(), &["--help"]));
    assert!(exit.status.success());
    for flag in [
        "--listen",
        "--port",
        "--store",
        "--max-age",
        "--secret",
        "--key-file",
    ] {
        assert!(exit.stdout.contains(flag), "{flag}");
    }
}

#[test]
fn what_is_not_there_is_not_found_and_begins_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ada = Browser::new(server.origin());
    let page = ada.submit("/nothing", &[]);
    assert_eq!(page.status, 404);
    assert!(page.set_cookies.is_empty());
    assert_eq!(ada.submit("/", &[]).status, 405);
}

#[test]
fn a_form_of_another_site_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--store", "memory:"]);
    let origin = server.origin();
    let mut ada = Browser::new(origin);
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://elsewhere.test"),
        ("origin", "null"),
    ] {
        let page = ada.submit_from(Some((name, value)), "/login", &[("name", "Mallory")]);
        assert_eq!(page.status, 403, "{name}: {value}");
        assert!(page.set_cookies.is_empty());
    }
    for ours in [("sec-fetch-site", "same-origin"), ("origin", origin)] {
        let page = ada.submit_from(Some(ours), "/login", &[("name", "Ada")]);
        assert_eq!(page.status, 200, "{ours:?}");
    }
}
