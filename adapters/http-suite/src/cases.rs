//! What is tried.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use session_store_api::{MaxAge, SessionStore};
use test_servers::TestServer;
use tokio::runtime::Runtime;

use crate::browser::Browser;
use crate::ground::{Ground, Obstacle, Opened};
use crate::keys::Remembering;
use crate::site::Site;
use crate::suite::Serve;

/// Long enough for a case, short enough for a store.
const HOUR: Duration = Duration::from_secs(3600);

/// One behaviour that users of a middleware rely on.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Stage<'_>) -> Result<(), Obstacle>,
    /// It needs a server that it can break, which not every store has.
    pub(crate) breaks: bool,
}

pub(crate) const ALL: &[Case] = &[
    case(
        "a_session_lives_from_request_to_request",
        a_session_lives_from_request_to_request,
    ),
    case("browsers_do_not_share", browsers_do_not_share),
    case(
        "login_moves_the_session_to_a_new_id",
        login_moves_the_session_to_a_new_id,
    ),
    case("logout_ends_the_session", logout_ends_the_session),
    case(
        "a_save_after_logout_revives_nothing",
        a_save_after_logout_revives_nothing,
    ),
    case(
        "a_save_after_login_leaves_the_old_id_dead",
        a_save_after_login_leaves_the_old_id_dead,
    ),
    case(
        "two_servers_share_their_sessions",
        two_servers_share_their_sessions,
    ),
    case(
        "a_save_after_logout_elsewhere_revives_nothing",
        a_save_after_logout_elsewhere_revives_nothing,
    ),
    case(
        "a_save_after_login_elsewhere_leaves_the_old_id_dead",
        a_save_after_login_elsewhere_leaves_the_old_id_dead,
    ),
    case(
        "parallel_requests_are_all_answered",
        parallel_requests_are_all_answered,
    ),
    case(
        "a_session_ends_with_its_max_age",
        a_session_ends_with_its_max_age,
    ),
    case(
        "an_id_that_we_did_not_give_is_not_taken",
        an_id_that_we_did_not_give_is_not_taken,
    ),
    case(
        "a_cookie_that_is_no_id_opens_nothing",
        a_cookie_that_is_no_id_opens_nothing,
    ),
    case(
        "a_record_of_something_else_is_no_session",
        a_record_of_something_else_is_no_session,
    ),
    case(
        "too_large_a_session_leaves_the_old_one",
        too_large_a_session_leaves_the_old_one,
    ),
    Case {
        name: "a_store_that_is_down_is_an_error_and_loses_nothing",
        run: a_store_that_is_down_is_an_error_and_loses_nothing,
        breaks: true,
    },
];

const fn case(name: &'static str, run: fn(&Stage<'_>) -> Result<(), Obstacle>) -> Case {
    Case {
        name,
        run,
        breaks: false,
    }
}

/// Where a case takes place.
pub(crate) struct Stage<'a> {
    ground: Ground,
    serve: Serve,
    runtime: &'a Runtime,
}

/// An app that serves.
struct App {
    address: SocketAddr,
    store: Remembering,
    site: Site,
    server: Option<TestServer>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(ground: Ground, serve: Serve, runtime: &'a Runtime) -> Self {
        Self {
            ground,
            serve,
            runtime,
        }
    }

    fn app(&self, max_age: Duration) -> Result<App, Obstacle> {
        self.runtime
            .block_on(async { Ok(self.start(self.ground.open().await?, max_age).await) })
    }

    fn breakable_app(&self) -> Result<App, Obstacle> {
        self.runtime
            .block_on(async { Ok(self.start(self.ground.open_breakable().await?, HOUR).await) })
    }

    /// Another server of the same site.
    fn another(&self, app: &App) -> SocketAddr {
        self.runtime.block_on((self.serve)(app.site.clone()))
    }

    async fn start(&self, opened: Opened, max_age: Duration) -> App {
        let store = Remembering::new(opened.store);
        let site = Site::new(std::sync::Arc::new(store.clone()), max_age);
        App {
            address: (self.serve)(site.clone()).await,
            store,
            site,
            server: opened.server,
        }
    }
}

impl App {
    fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// A browser with a session that holds `name`.
    fn visitor(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.put("name", name), 200);
        assert!(!browser.cookies().is_empty(), "the app sets a cookie");
        browser
    }
}

fn a_session_lives_from_request_to_request(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    let mut browser = app.browser();
    assert_eq!(browser.get("name"), Ok(None));
    let mut browser = app.visitor("Ada");
    assert_eq!(browser.put("place", "a \"quoted\" \u{e9}\n\u{1f980}"), 200);
    assert_eq!(browser.get("name"), Ok(Some("Ada".to_owned())));
    let place = "a \"quoted\" \u{e9}\n\u{1f980}".to_owned();
    assert_eq!(browser.get("place"), Ok(Some(place)));
    assert_eq!(browser.put("place", ""), 200);
    assert_eq!(browser.get("place"), Ok(Some(String::new())));
    Ok(())
}

fn browsers_do_not_share(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    let (mut ada, mut grace) = (app.visitor("Ada"), app.visitor("Grace"));
    assert_ne!(ada.cookies(), grace.cookies());
    assert_eq!(ada.get("name"), Ok(Some("Ada".to_owned())));
    assert_eq!(grace.get("name"), Ok(Some("Grace".to_owned())));
    assert_eq!(app.browser().get("name"), Ok(None));
    Ok(())
}

fn login_moves_the_session_to_a_new_id(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    let mut browser = app.visitor("Ada");
    let mut thief = browser.clone();
    assert_eq!(browser.login(), 200);
    assert_ne!(browser.cookies(), thief.cookies());
    assert_eq!(browser.get("name"), Ok(Some("Ada".to_owned())));
    assert_eq!(
        thief.get("name"),
        Ok(None),
        "the id from before the login opens nothing"
    );
    Ok(())
}

fn logout_ends_the_session(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    let mut browser = app.visitor("Ada");
    let mut thief = browser.clone();
    assert_eq!(browser.logout(), 200);
    assert_eq!(browser.get("name"), Ok(None));
    assert_eq!(thief.get("name"), Ok(None), "its id opens nothing any more");
    assert_eq!(browser.put("name", "Grace"), 200);
    assert_eq!(browser.get("name"), Ok(Some("Grace".to_owned())));
    assert_eq!(browser.logout(), 200);
    assert_eq!(browser.logout(), 200, "twice is no error");
    Ok(())
}

fn a_save_after_logout_revives_nothing(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    save_after_logout(stage, &app, app.address);
    Ok(())
}

fn a_save_after_login_leaves_the_old_id_dead(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    save_after_login(stage, &app, app.address);
    Ok(())
}

fn two_servers_share_their_sessions(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    let mut here = app.visitor("Ada");
    let mut there = here.at(stage.another(&app));
    assert_eq!(there.get("name"), Ok(Some("Ada".to_owned())));
    assert_eq!(there.put("place", "there"), 200);
    assert_eq!(here.get("place"), Ok(Some("there".to_owned())));
    assert_eq!(there.logout(), 200);
    assert_eq!(here.get("name"), Ok(None), "it was ended there");
    Ok(())
}

fn a_save_after_logout_elsewhere_revives_nothing(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    save_after_logout(stage, &app, stage.another(&app));
    Ok(())
}

fn a_save_after_login_elsewhere_leaves_the_old_id_dead(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    save_after_login(stage, &app, stage.another(&app));
    Ok(())
}

/// The request that read the session before the logout, at that server, ends after it.
fn save_after_logout(stage: &Stage<'_>, app: &App, server: SocketAddr) {
    let browser = app.visitor("Ada");
    let (mut slow, mut thief) = (browser.clone(), browser.clone());
    let slow = thread::spawn(move || (slow.put_slowly("late", "yes"), slow));
    stage.runtime.block_on(app.site.gate().arrival());
    assert_eq!(browser.at(server).logout(), 200);
    app.site.gate().open();
    let (_, mut slow) = slow.join().expect("the slow request is answered");
    assert_eq!(thief.get("name"), Ok(None), "the session is back");
    assert_eq!(thief.get("late"), Ok(None), "the session is back");
    assert_eq!(
        slow.get("name"),
        Ok(None),
        "the session is back under another id"
    );
}

/// The request that read the session before the login, at that server, ends after it.
fn save_after_login(stage: &Stage<'_>, app: &App, server: SocketAddr) {
    let browser = app.visitor("Ada");
    let (mut slow, mut thief) = (browser.clone(), browser.clone());
    let mut browser = browser.at(server);
    let slow = thread::spawn(move || slow.put_slowly("late", "yes"));
    stage.runtime.block_on(app.site.gate().arrival());
    assert_eq!(browser.login(), 200);
    app.site.gate().open();
    slow.join().expect("the slow request is answered");
    assert_eq!(browser.get("name"), Ok(Some("Ada".to_owned())));
    assert_eq!(
        thief.get("name"),
        Ok(None),
        "the id from before the login is back"
    );
}

/// Of what they write at the same time the middleware may lose some; the session it must not lose.
fn parallel_requests_are_all_answered(stage: &Stage<'_>) -> Result<(), Obstacle> {
    const REQUESTS: usize = 32;
    let app = stage.app(HOUR)?;
    let (mut browser, mut other) = (app.visitor("Ada"), app.visitor("Grace"));
    let requests: Vec<_> = (0..REQUESTS)
        .map(|number| {
            let mut tab = browser.clone();
            thread::spawn(move || tab.put("number", &number.to_string()))
        })
        .collect();
    for request in requests {
        assert_eq!(request.join().expect("it is answered"), 200);
    }
    let number = browser.get("number").expect("the session can be read");
    let number: usize = number.expect("it was written").parse().expect("whole");
    assert!(number < REQUESTS);
    assert_eq!(browser.get("name"), Ok(Some("Ada".to_owned())));
    assert_eq!(other.get("name"), Ok(Some("Grace".to_owned())));
    assert_eq!(other.get("number"), Ok(None));
    Ok(())
}

fn a_session_ends_with_its_max_age(stage: &Stage<'_>) -> Result<(), Obstacle> {
    // Cookies count in seconds, and so do some middlewares.
    const LIFE: Duration = Duration::from_secs(3);
    let app = stage.app(LIFE)?;
    let began = Instant::now();
    let mut browser = app.visitor("Ada");
    let thief = browser.clone();
    let found = browser.get("name");
    if began.elapsed() < LIFE {
        assert_eq!(found, Ok(Some("Ada".to_owned())));
    }
    // Whoever reads it may renew it, so it is asked for once, when it must have ended.
    thread::sleep(LIFE + Duration::from_millis(1500));
    assert_eq!(thief.clone().get("name"), Ok(None));
    Ok(())
}

fn an_id_that_we_did_not_give_is_not_taken(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    let mut forger = app.visitor("Ada");
    forger.forge();
    let forged = forger.cookies().clone();
    assert_eq!(forger.get("name"), Ok(None));
    assert_eq!(forger.put("name", "Eve"), 200);
    assert_ne!(
        forger.cookies(),
        &forged,
        "the session got an id of its own"
    );
    assert_eq!(forger.get("name"), Ok(Some("Eve".to_owned())));
    Ok(())
}

fn a_cookie_that_is_no_id_opens_nothing(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    let long = "a".repeat(3000);
    for cookie in [
        "",
        "x",
        "../../etc/passwd",
        "%00%ff%0d%0a",
        "*",
        "{}",
        &long,
    ] {
        let mut browser = app.visitor("Ada");
        browser.spoil(cookie);
        assert_eq!(browser.get("name"), Ok(None), "{cookie}");
        assert_eq!(browser.put("name", "Grace"), 200, "{cookie}");
        let name = browser.get("name");
        assert_eq!(name, Ok(Some("Grace".to_owned())), "{cookie}");
    }
    Ok(())
}

/// Bytes that the middleware's old store may have left there: never a panic, never another's session.
fn a_record_of_something_else_is_no_session(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    for record in [
        b"\x00\x01\xffnot text".as_slice(),
        b"",
        b"[1,2,3]",
        b"null",
        b"{\"id\":",
        b"\x93\xc4\x10id-of-some-record\x80\xcd\x07\xe9",
    ] {
        let mut browser = app.visitor("Ada");
        let key = app.store.last().expect("a session was written");
        let written = app.store.set(&key, record, MaxAge::After(HOUR));
        stage.runtime.block_on(written)?;
        assert_eq!(browser.get("name"), Ok(None));
        assert_eq!(browser.put("name", "Grace"), 200);
        assert_eq!(browser.get("name"), Ok(Some("Grace".to_owned())));
    }
    Ok(())
}

fn too_large_a_session_leaves_the_old_one(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.app(HOUR)?;
    let mut browser = app.visitor("Ada");
    let status = browser.put("essay", &"x".repeat(2 << 20));
    assert!((500..600).contains(&status), "answered {status}");
    assert_eq!(browser.get("name"), Ok(Some("Ada".to_owned())));
    assert_eq!(browser.get("essay"), Ok(None));
    Ok(())
}

fn a_store_that_is_down_is_an_error_and_loses_nothing(stage: &Stage<'_>) -> Result<(), Obstacle> {
    let app = stage.breakable_app()?;
    let Some(server) = &app.server else {
        return Err("the store has no server".into());
    };
    let mut browser = app.visitor("Ada");
    let before = browser.cookies().clone();
    stage.runtime.block_on(server.kill())?;
    let read = browser.get("name");
    assert!(
        matches!(read, Err(500..600)),
        "a session that cannot be read was read: {read:?}"
    );
    let written = browser.put("name", "Grace");
    assert!((500..600).contains(&written), "answered {written}");
    assert_eq!(browser.cookies(), &before, "nobody is logged out");
    stage.runtime.block_on(server.restart())?;
    let until = Instant::now() + Duration::from_secs(30);
    while browser.get("name").is_err() && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(browser.get("name"), Ok(Some("Ada".to_owned())));
    Ok(())
}
