//! What a person does with a browser, and what a developer sees in it.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, thread};

use fantoccini::cookies::Cookie;
use fantoccini::elements::Element;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, Locator};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tokio::time::timeout;

/// A browser with one window. While a test panics, it keeps a picture of what it shows.
pub(crate) struct Browser {
    client: Client,
    profile: String,
}

/// How long something may take to appear.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where pictures go.
const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/browser");

impl Browser {
    pub(crate) fn new(client: Client, profile: &str) -> Self {
        let profile = profile.to_owned();
        Self { client, profile }
    }

    /// Goes to an address, as if it was typed in.
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Clicks on what leads to another page, and waits for that.
    pub(crate) async fn follow(&self, css: &str) {
        let link = self.element(css).await;
        self.script("document.documentElement.dataset.left = ''")
            .await;
        link.click().await.unwrap();
        self.element("html:not([data-left])").await;
    }

    /// Writes into a field.
    pub(crate) async fn write(&self, css: &str, text: &str) {
        self.element(css).await.send_keys(text).await.unwrap();
    }

    /// The text of what is on the page, or will be soon.
    pub(crate) async fn text(&self, css: &str) -> String {
        self.element(css).await.text().await.unwrap()
    }

    /// The number of visits that a page shows.
    pub(crate) async fn visits(&self) -> u64 {
        self.text("#visits").await.parse().unwrap()
    }

    /// The number of visits that a page in a frame of this page shows.
    pub(crate) async fn visits_in_frame(&self) -> u64 {
        let frame = self.element("iframe").await;
        frame.enter_frame().await.unwrap();
        let visits = self.visits().await;
        self.client.enter_parent_frame().await.unwrap();
        visits
    }

    /// The status that the page came with.
    pub(crate) async fn status(&self) -> u64 {
        let script = "return performance.getEntriesByType('navigation')[0].responseStatus";
        self.script(script).await.as_u64().unwrap()
    }

    /// What a script of the page finds out.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// The cookies that the browser would send for the page that it shows.
    pub(crate) async fn cookies(&self) -> Vec<Cookie<'static>> {
        self.client.get_all_cookies().await.unwrap()
    }

    /// Opens another tab and goes there; answers the one that was left.
    pub(crate) async fn new_tab(&self) -> WindowHandle {
        let left = self.client.window().await.unwrap();
        let tab = self.client.new_window(true).await.unwrap();
        self.client.switch_to_window(tab.handle).await.unwrap();
        left
    }

    /// Goes to a tab, and answers the one that was left.
    pub(crate) async fn switch(&self, tab: WindowHandle) -> WindowHandle {
        let left = self.client.window().await.unwrap();
        self.client.switch_to_window(tab).await.unwrap();
        left
    }

    /// Keeps a picture of the page under this name, and says where.
    pub(crate) async fn picture(&self, name: &str) {
        let picture = self.client.screenshot().await.unwrap();
        let file = keep(&picture, name).unwrap();
        eprintln!("picture: {}", file.display());
    }

    /// Ends the browser as a person does, so that it keeps what it is to keep.
    pub(crate) async fn close(self) {
        self.client.clone().close().await.unwrap();
    }

    async fn element(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(DEADLINE);
        let found = wait.every(Duration::from_millis(20));
        let found = found.for_element(Locator::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{css}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if thread::panicking() {
            let picture = timeout(DEADLINE, self.client.screenshot());
            let picture = block_in_place(|| Handle::current().block_on(picture));
            // The test has failed already, and a second panic would end all of them.
            if let Ok(Ok(picture)) = picture
                && let Ok(file) = keep(&picture, &format!("failed-{}", self.profile))
            {
                eprintln!("what it showed: {}", file.display());
            }
        }
    }
}

fn keep(picture: &[u8], name: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(PICTURES)?;
    let folder = Path::new(PICTURES).canonicalize()?;
    let file = folder.join(name).with_extension("png");
    fs::write(&file, picture)?;
    Ok(file)
}
