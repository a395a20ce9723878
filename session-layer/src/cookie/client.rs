//! Which attributes a client can be given, as far as its request tells.

use http::HeaderValue;

/// What a request tells about its client.
pub(crate) struct Client {
    pub(crate) https: bool,
    /// Kept only where it decides something.
    pub(crate) user_agent: Option<HeaderValue>,
}

impl Client {
    fn user_agent(&self) -> &str {
        let agent = self.user_agent.as_ref();
        agent
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether it keeps a cookie with `SameSite=None`. Some older ones read it as `Strict`, or drop it.
    pub(crate) fn knows_same_site_none(&self) -> bool {
        let agent = self.user_agent();
        match chromium(agent) {
            Some(version) => version >= 80,
            None => !is_ios_12(agent) && !is_macos_10_14(agent) && !is_old_uc_browser(agent),
        }
    }

    /// Whether egg would give it `Partitioned`: Chromium from 118 on, and whoever does not say its name.
    pub(crate) fn knows_partitioned(&self) -> bool {
        let agent = self.user_agent();
        agent.is_empty() || chromium(agent).is_some_and(|version| version >= 118)
    }
}

/// The major version of Chrome, Chromium, Edge, Opera and other kin.
fn chromium(agent: &str) -> Option<u32> {
    let (_, rest) = agent.split_once("Chrom")?;
    let (name, version) = rest.split_once('/')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !is_name {
        return None;
    }
    version.split_once('.')?.0.parse().ok()
}

/// Every browser of iOS 12 is Safari inside.
fn is_ios_12(agent: &str) -> bool {
    agent.contains("(iP")
        && agent
            .split_once(" OS ")
            .is_some_and(|(_, version)| begins_with_number(version, 12))
}

/// Safari and embedded views of macOS 10.14; other browsers there bring their own engine.
fn is_macos_10_14(agent: &str) -> bool {
    let Some((_, version)) = agent
        .split_once("(Macintosh;")
        .and_then(|(_, system)| system.split_once("Mac OS X 10_"))
    else {
        return false;
    };
    let safari = agent.contains("Version/") && agent.contains(" Safari/");
    let embedded = agent.ends_with("(KHTML, like Gecko)");
    begins_with_number(version, 14) && (safari || embedded)
}

/// UCBrowser before 12.13.2.
fn is_old_uc_browser(agent: &str) -> bool {
    let Some((_, version)) = agent.split_once("UCBrowser/") else {
        return false;
    };
    let version: Vec<u32> = version
        .split(|char: char| !char.is_ascii_digit())
        .map_while(|part| part.parse().ok())
        .take(3)
        .collect();
    version.len() == 3 && version[..] < [12, 13, 2][..]
}

fn begins_with_number(text: &str, number: u32) -> bool {
    let end = text.find(|char: char| !char.is_ascii_digit());
    text[..end.unwrap_or(text.len())].parse() == Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str =
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/605.1.15 (KHTML, like Gecko)";

    fn client(agent: &str) -> Client {
        Client {
            https: true,
            user_agent: HeaderValue::from_str(agent).ok(),
        }
    }

    #[test]
    fn who_knows_same_site_none() {
        let chrome = |version: &str| {
            format!(
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) {version} Safari/537.36"
            )
        };
        let ios = |version: &str| {
            format!(
                "Mozilla/5.0 (iPhone; CPU iPhone OS {version} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Mobile/15E148 Safari/604.1"
            )
        };
        let uc = |version: &str| {
            format!("Mozilla/5.0 (Linux; U; Android 7.1.1) UCBrowser/{version} U3/0.8.0 Mobile")
        };
        for (agent, knows) in [
            (String::new(), true),
            (ios("12_4_1"), false),
            (ios("13_1"), true),
            (ios("112_1"), true),
            (format!("{MAC} Version/12.1 Safari/605.1.15"), false),
            (MAC.to_owned(), false),
            (format!("{MAC} Chrome/81.0.4044.92 Safari/537.36"), true),
            (
                MAC.replace("10_14", "10_15") + " Version/13.0 Safari/605.1.15",
                true,
            ),
            (uc("12.13.1.1189"), false),
            (uc("12.13.2.1189"), true),
            (uc("13.0.0"), true),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:72.0) Gecko/20100101 Firefox/72.0".to_owned(),
                true,
            ),
            (chrome("Chrome/51.0.2704.103"), false),
            (chrome("Chrome/66.0.3359.181"), false),
            (chrome("Chrome/79.0.3945.117"), false),
            (chrome("Chromium/79.0.3945.117"), false),
            (chrome("Chrome/80.0.3987.42"), true),
            (chrome("HeadlessChrome/80.0.3987.42"), true),
            (chrome("Chrome/79.0.3945.117 Edg/79.0.309.65"), false),
            (chrome("Chrome/136.0.0.0"), true),
        ] {
            assert_eq!(client(&agent).knows_same_site_none(), knows, "{agent}");
        }
    }

    #[test]
    fn who_is_given_partitioned_by_egg() {
        for (agent, knows) in [
            ("", true),
            ("Mozilla/5.0 Chrome/117.0.1.2 Safari/537.36", false),
            ("Mozilla/5.0 Chrome/118.0.1.2 Safari/537.36", true),
            ("Mozilla/5.0 Chrome/119.0.1.2 Safari/537.36", true),
            ("Mozilla/5.0 Gecko/20100101 Firefox/140.0", false),
            (MAC, false),
        ] {
            assert_eq!(client(agent).knows_partitioned(), knows, "{agent}");
        }
    }

    #[test]
    fn no_user_agent_breaks_it() {
        for agent in [
            "Chrom",
            "Chrome/",
            "Chrome/x.",
            "Chrome/99999999999.0",
            "(iP OS ",
            "UCBrowser/1",
            "(Macintosh;Mac OS X 10_",
        ] {
            let _ = (
                client(agent).knows_same_site_none(),
                client(agent).knows_partitioned(),
            );
        }
        assert!(
            Client {
                https: true,
                user_agent: None
            }
            .knows_same_site_none()
        );
    }
}
