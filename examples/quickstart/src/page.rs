//! The one page, as HTML.

use std::fmt;
use std::time::Duration;

use crate::handlers::Note;

/// What the page shows.
pub(crate) struct Page<'a> {
    pub(crate) visits: u64,
    pub(crate) user: Option<&'a str>,
    pub(crate) notes: &'a [Note],
    /// The kind of store, such as `sqlite`.
    pub(crate) store: &'a str,
    /// How long the session lives if nobody comes back.
    pub(crate) remaining: Duration,
    /// Why the last form was refused.
    pub(crate) alert: Option<&'a str>,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = Text(self.store);
        write!(
            f,
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Session quickstart</title>
<link rel="icon" href="{ICON}">
<style>
{CSS}</style>
</head>
<body>
<header>
<h1>Session quickstart</h1>
<p class="pill">kept in {store}</p>
</header>
<main>
"#,
            CSS = include_str!("page.css"),
        )?;
        self.alert(f)?;
        self.visits(f)?;
        self.notes(f)?;
        f.write_str("<div class=\"side\">\n")?;
        self.account(f)?;
        self.session(f)?;
        f.write_str(
            r#"</div>
</main>
<footer class="quiet">
<p>Stop the server, start it again, reload: with a store on disk everything is still here.</p>
</footer>
</body>
</html>
"#,
        )
    }
}

impl Page<'_> {
    fn alert(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.alert {
            None => Ok(()),
            Some(alert) => writeln!(f, r#"<p class="alert" role="alert">{}</p>"#, Text(alert)),
        }
    }

    fn visits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let visits = self.visits;
        let (noun, greeting) = match visits {
            0 | 1 => ("visit", "Welcome. Reload the page and watch the number."),
            _ => ("visits", "Welcome back. The number lives in your session."),
        };
        write!(
            f,
            r#"<section class="visits" aria-label="Visits">
<p class="count" id="visits">{visits}</p>
<div>
<h2>{noun} in this session</h2>
<p class="quiet">{greeting}</p>
</div>
</section>
"#
        )
    }

    fn notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            r#"<section aria-labelledby="notes">
<h2 id="notes">Notes</h2>
<form class="field" method="post" action="/notes">
<label for="text">Something to remember</label>
<div class="row">
<input id="text" name="text" maxlength="200" required autocomplete="off">
<button>Add</button>
</div>
</form>
"#,
        )?;
        if self.notes.is_empty() {
            f.write_str("<p class=\"quiet field\">Nothing noted yet.</p>\n")?;
        } else {
            f.write_str("<ul>\n")?;
            for Note { id, text } in self.notes {
                let text = Text(text);
                write!(
                    f,
                    r#"<li><span>{text}</span>
<form method="post" action="/notes/remove">
<input type="hidden" name="id" value="{id}">
<button class="plain" aria-label="Remove {text}">Remove</button>
</form></li>
"#
                )?;
            }
            f.write_str("</ul>\n")?;
        }
        f.write_str("</section>\n")
    }

    fn account(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.user {
            Some(user) => write!(
                f,
                r#"<section aria-labelledby="account">
<h2 id="account">Hello, {user}</h2>
<p class="quiet">You are logged in. Logging out ends the session and forgets everything on this page.</p>
<form class="field" method="post" action="/logout">
<button class="plain">Log out</button>
</form>
</section>
"#,
                user = Text(user)
            ),
            None => f.write_str(
                r#"<section aria-labelledby="account">
<h2 id="account">Log in</h2>
<form class="field" method="post" action="/login">
<label for="name">Your name, any will do</label>
<div class="row">
<input id="name" name="name" maxlength="40" required autocomplete="username">
<button>Log in</button>
</div>
</form>
</section>
"#,
            ),
        }
    }

    fn session(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (store, remaining) = (Text(self.store), Lifetime(self.remaining));
        write!(
            f,
            r#"<section aria-labelledby="session">
<h2 id="session">Session</h2>
<dl>
<dt>Kept in</dt><dd>{store}</dd>
<dt>Ends in</dt><dd>{remaining}, unless you come back</dd>
</dl>
</section>
"#
        )
    }
}

/// Text as HTML: safe between tags and in quoted attributes.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// A duration for people: its two largest units, seconds rounded up.
struct Lifetime(Duration);

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_millis().div_ceil(1_000);
        let units = [
            (seconds / 86_400, "day"),
            (seconds / 3_600 % 24, "hour"),
            (seconds / 60 % 60, "minute"),
            (seconds % 60, "second"),
        ];
        let first = units.iter().position(|(n, _)| *n > 0).unwrap_or(3);
        for (at, (n, unit)) in units.iter().enumerate().skip(first).take(2) {
            if at == first || *n > 0 {
                let space = if at == first { "" } else { " " };
                let plural = if *n == 1 { "" } else { "s" };
                write!(f, "{space}{n} {unit}{plural}")?;
            }
        }
        Ok(())
    }
}

/// A blue disc, so that browsers ask for no other icon.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Ccircle cx='8' cy='8' r='7' fill='%232b50c8'/%3E%3C/svg%3E";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            Text(r#"<b onclick="x('ä')">&"#).to_string(),
            "&lt;b onclick=&quot;x(&#39;ä&#39;)&quot;&gt;&amp;"
        );
        assert_eq!(Text("plain").to_string(), "plain");
    }

    #[test]
    fn lifetimes_for_people() {
        let shown = |millis| Lifetime(Duration::from_millis(millis)).to_string();
        assert_eq!(shown(0), "0 seconds");
        assert_eq!(shown(1), "1 second");
        assert_eq!(shown(86_400_000), "1 day");
        assert_eq!(shown(86_399_999), "1 day");
        assert_eq!(shown(90_000), "1 minute 30 seconds");
        assert_eq!(shown(7_384_000), "2 hours 3 minutes");
    }
}
