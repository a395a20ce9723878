//! What a visitor of an application does and sees.

use std::time::{Duration, SystemTime};

use interop::{Browser, Page};

use crate::pair::Pair;

pub(crate) async fn open(browser: &mut Browser, port: u16, path: &str) -> Page {
    let page = browser.get(port, path).await.unwrap();
    assert!((200..300).contains(&page.status), "{path}: {page:?}");
    page
}

pub(crate) async fn text(browser: &mut Browser, port: u16, path: &str) -> String {
    open(browser, port, path).await.body
}

/// The line that sets the session's cookie.
pub(crate) fn line<'a>(pair: &Pair, page: &'a Page) -> &'a str {
    let begin = format!("{}=", pair.cookie());
    let mut lines = page
        .set_cookies
        .iter()
        .filter(|line| line.starts_with(&begin));
    let line = lines.next().unwrap();
    assert!(lines.next().is_none(), "one line: {page:?}");
    line
}

/// How long the cookie lives from now, in seconds; none if it ends with the browser.
pub(crate) fn life(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("; expires=")?;
    let end = rest.split(';').next().unwrap();
    let end = httpdate::parse_http_date(end).unwrap();
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
    Some(u64::try_from(left.as_millis().div_ceil(1000)).unwrap())
}

/// What the application says of the session's life: `left`, give or take a minute on a busy machine.
pub(crate) fn is_about(said: &str, left: Duration) {
    let said = Duration::from_millis(said.parse().unwrap());
    assert!(
        said <= left && said + Duration::from_secs(60) > left,
        "{said:?} and not {left:?}"
    );
}
