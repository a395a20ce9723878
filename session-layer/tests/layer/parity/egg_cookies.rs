//! `@eggjs/cookies`, keygrip and `cookies`, as far as a session's cookie goes. Their vectors stand beside the code,
//! in `src/profile` and `src/cookie`.

use http::StatusCode;
use session_layer::{
    Keys, Oversize, Priority, Profile, SameSite, SessionLayer, SessionLayerBuilder,
};

use super::{EGG, client, content, is_silent};
use crate::app::app;
use crate::client::{Client, Reply};
use crate::events::Events;

const SIG: &str = "EGG_SESS.sig";
const CHROME_118: &str =
    "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.0.0 Safari/537.36";
const CHROME_117: &str =
    "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/117.0.0.0 Safari/537.36";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0";

fn with_keys(keys: &[&str]) -> SessionLayerBuilder {
    SessionLayer::cookie(Keys::keygrip(keys).unwrap())
        .profile(Profile::Egg)
        .trust_proxy(true)
}

fn encrypted() -> SessionLayerBuilder {
    with_keys(&["key"])
}

fn signed() -> SessionLayerBuilder {
    encrypted().encrypt(false)
}

/// For a cookie that other sites' pages may send.
fn cross_site(layer: SessionLayerBuilder) -> SessionLayerBuilder {
    layer
        .same_site(SameSite::None)
        .max_age(session_layer::MaxAge::Session)
}

async fn https(layer: SessionLayerBuilder, agent: &str) -> Reply {
    let headers = [("x-forwarded-proto", "https"), ("user-agent", agent)];
    client(layer).with("/insert/a/1", &headers).await
}

fn attributes<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.line(name).unwrap().split_once("; ").unwrap().1
}

/// The names of the cookies that are set, those that end in brackets, with `!` if partitioned.
fn shape(reply: &Reply) -> Vec<String> {
    let lines = reply.set_cookies().into_iter().map(|line| {
        let name = line.split('=').next().unwrap();
        let partitioned = if line.ends_with("; partitioned") {
            "!"
        } else {
            ""
        };
        if line.contains("01 Jan 1970") {
            format!("({name}){partitioned}")
        } else {
            format!("{name}{partitioned}")
        }
    });
    lines.collect()
}

#[tokio::test]
async fn encryption_hides_the_text_and_needs_no_signature() {
    let mut client = client(encrypted());
    let reply = client.get("/insert/name/topsecret").await;
    assert_eq!(shape(&reply), [EGG]);
    assert!(!client.cookies[EGG].contains("topsecret"));
    assert_eq!(client.get("/get/name").await.body, "topsecret");
}

#[tokio::test]
async fn another_key_does_not_decrypt() {
    let mut client = client(encrypted());
    client.get("/insert/a/1").await;
    let mut other = client.at(&app(with_keys(&["other"])));
    let reply = other.get("/is_new").await;
    assert_eq!(reply.body, "true");
    is_silent(&reply);
}

#[tokio::test]
async fn a_signature_goes_round_and_a_tampered_value_is_refused() {
    let mut client = client(signed());
    assert_eq!(shape(&client.get("/insert/a/1").await), [EGG, SIG]);
    assert_eq!(client.get("/get/a").await.body, "1");
    assert_eq!(content(&client, EGG)["a"], "1");
    for (name, value) in [(EGG, "eyJhIjoyfQ=="), (SIG, "AAAA"), (SIG, "")] {
        let mut tampered = client.clone();
        tampered.cookies.insert(name.to_owned(), value.to_owned());
        let reply = tampered.get("/is_new").await;
        assert_eq!(reply.body, "true", "{name}");
        is_silent(&reply);
    }
    client.cookies.remove(SIG);
    assert_eq!(client.get("/is_new").await.body, "true", "no signature");
}

#[tokio::test]
async fn an_old_keys_cookie_is_read_and_renewed_once_with_its_attributes() {
    for encrypt in [false, true] {
        let rotated = with_keys(&["new", "old"]).encrypt(encrypt).domain("a.test");
        let mut client = client(with_keys(&["old"]).encrypt(encrypt).domain("a.test"));
        client.get("/insert/a/1").await;
        let mut client = client.at(&app(rotated));
        let reply = client.get("/get/a").await;
        assert_eq!(reply.body, "1");
        assert_eq!(reply.set_cookies().len(), if encrypt { 1 } else { 2 });
        for line in reply.set_cookies() {
            assert!(
                line.contains("; max-age=") && line.contains("; domain=a.test; "),
                "{line}"
            );
        }
        is_silent(&client.get("/get/a").await);
        let mut retired = client.at(&app(with_keys(&["new"]).encrypt(encrypt)));
        assert_eq!(retired.get("/get/a").await.body, "1");
    }
}

#[tokio::test]
async fn deletion_of_each_kind() {
    let end = "path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly";
    for (layer, names) in [(encrypted(), &[EGG][..]), (signed(), &[EGG, SIG])] {
        let mut client = client(layer);
        client.get("/insert/a/1").await;
        let lines: Vec<_> = names.iter().map(|name| format!("{name}=; {end}")).collect();
        assert_eq!(client.get("/destroy").await.set_cookies(), lines);
    }
}

#[tokio::test]
async fn the_full_header_in_eggs_order() {
    let layer = signed()
        .path("/app")
        .domain("a.test")
        .priority(Priority::High)
        .same_site(SameSite::Lax)
        .secure(true);
    let reply = client(layer).get("/insert/a/1").await;
    for name in [EGG, SIG] {
        let (begin, rest) = attributes(&reply, name).split_once("; expires=").unwrap();
        assert_eq!(begin, "path=/app; max-age=86400");
        let (_, end) = rest.split_once(" GMT; ").unwrap();
        assert_eq!(
            end,
            "domain=a.test; priority=high; samesite=lax; secure; httponly"
        );
    }
}

#[tokio::test]
async fn each_priority_and_each_same_site_in_lower_case() {
    let reply = client(signed()).get("/insert/a/1").await;
    let left_out = attributes(&reply, EGG);
    assert!(!left_out.contains("priority") && !left_out.contains("samesite"));
    for (priority, spelt) in [
        (Priority::Low, "; priority=low; "),
        (Priority::Medium, "; priority=medium; "),
        (Priority::High, "; priority=high; "),
    ] {
        let reply = client(signed().priority(priority)).get("/insert/a/1").await;
        for name in [EGG, SIG] {
            assert!(attributes(&reply, name).contains(spelt), "{spelt}");
        }
    }
    for (same_site, spelt) in [
        (SameSite::Lax, "; samesite=lax; "),
        (SameSite::Strict, "; samesite=strict; "),
    ] {
        let reply = client(signed().same_site(same_site))
            .get("/insert/a/1")
            .await;
        for name in [EGG, SIG] {
            assert!(attributes(&reply, name).contains(spelt), "{spelt}");
        }
    }
}

#[tokio::test]
async fn secure_follows_the_request() {
    assert!(attributes(&https(encrypted(), "").await, EGG).contains("; secure"));
    let reply = client(encrypted()).get("/insert/a/1").await;
    assert!(!attributes(&reply, EGG).contains("secure"));
    let reply = https(encrypted().secure(false), "").await;
    assert!(!attributes(&reply, EGG).contains("secure"), "false wins");
}

#[tokio::test]
async fn a_domain_for_each_request() {
    let host = |request: &http::request::Parts| {
        let host = request.headers.get("host")?.to_str().ok()?;
        host.split_once('.').map(|(_, domain)| domain.to_owned())
    };
    let mut client = client(encrypted().domain_for(host));
    let reply = client.with("/insert/a/1", &[("host", "www.a.test")]).await;
    assert!(attributes(&reply, EGG).contains("; domain=a.test; "));
    let reply = client.with("/destroy", &[("host", "www.b.test")]).await;
    assert!(attributes(&reply, EGG).contains("; domain=b.test; "));
    let reply = client.with("/insert/a/1", &[("host", "localhost")]).await;
    assert!(!attributes(&reply, EGG).contains("domain"));
    let reply = client.with("/insert/a/2", &[("host", "www.a b")]).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

/// A session whose cookie's value has exactly so many bytes.
fn of_size(value: usize) -> String {
    let empty = r#"{"a":"","_expire":1700000000000,"_maxAge":86400000}"#.len();
    "x".repeat(value / 4 * 3 - empty)
}

#[tokio::test]
async fn too_large_a_session_is_refused_or_told() {
    // Name and value have to fit into 4096 bytes.
    for (size, fits) in [(4088, true), (4092, false)] {
        let events = Events::record();
        let path = format!("/insert/a/{}", of_size(size));
        let mut refuses = client(signed());
        let reply = refuses.get(&path).await;
        assert_eq!(reply.status.is_success(), fits);
        assert_eq!(reply.set_cookies().len(), if fits { 2 } else { 0 });
        let mut warns = client(signed().oversize(Oversize::Warn));
        assert!(warns.get(&path).await.status.is_success());
        assert_eq!(warns.cookies[EGG].len(), size);
        let told = if fits {
            &[][..]
        } else {
            &["oversize", "oversize"]
        };
        assert_eq!(events.take(), told);
    }
}

#[tokio::test]
async fn the_size_that_is_checked_is_that_of_the_cookie() {
    let forms = [
        SessionLayer::cookie(Keys::new([1; 32]).unwrap()),
        SessionLayer::cookie(Keys::new([1; 32]).unwrap()).encrypt(false),
        encrypted(),
        signed(),
    ];
    for layer in forms {
        let fits = async |len: usize| {
            let mut client = client(layer.clone());
            let reply = client.get(&format!("/insert/a/{}", "x".repeat(len))).await;
            let size = client.cookies.get(EGG).map(String::len);
            assert_eq!(size.is_some(), reply.status.is_success());
            size
        };
        let (mut low, mut high) = (100_usize, 4096);
        while low + 1 < high {
            let middle = low.midpoint(high);
            match fits(middle).await {
                Some(_) => low = middle,
                None => high = middle,
            }
        }
        let largest = fits(low).await.unwrap();
        assert!((4045..=4088).contains(&largest), "{largest}");
    }
}

#[tokio::test]
async fn same_site_none_is_left_out_where_it_would_harm() {
    for (agent, kept) in [
        ("Mozilla/5.0 Chrome/51.0.2704.103 Safari/537.36", false),
        ("Mozilla/5.0 Chrome/79.0.3945.117 Safari/537.36", false),
        ("Mozilla/5.0 Chrome/80.0.3987.42 Safari/537.36", true),
        (FIREFOX, true),
        ("", true),
    ] {
        for layer in [encrypted(), signed()] {
            let reply = https(cross_site(layer), agent).await;
            assert_eq!(
                attributes(&reply, EGG).contains("samesite=none"),
                kept,
                "{agent}"
            );
        }
    }
    let reply = client(cross_site(encrypted())).get("/insert/a/1").await;
    assert_eq!(attributes(&reply, EGG), "path=/; httponly", "http");
}

#[tokio::test]
async fn partitioned_where_it_is_known() {
    let layer = || cross_site(signed()).partitioned(true);
    for (agent, partitioned) in [
        ("", true),
        (CHROME_118, true),
        (CHROME_117, false),
        (FIREFOX, false),
    ] {
        let reply = https(layer(), agent).await;
        for name in [EGG, SIG] {
            assert_eq!(
                attributes(&reply, name).contains("partitioned"),
                partitioned,
                "{agent}"
            );
        }
    }
    let reply = client(layer()).get("/insert/a/1").await;
    assert_eq!(attributes(&reply, EGG), "path=/; httponly", "http");
}

#[tokio::test]
async fn remove_unpartitioned_ends_the_other_first() {
    let layer = |layer| {
        cross_site(layer)
            .partitioned(true)
            .remove_unpartitioned(true)
    };
    let reply = https(layer(signed()), CHROME_118).await;
    assert_eq!(
        shape(&reply),
        ["(EGG_SESS)", "(EGG_SESS.sig)", "EGG_SESS!", "EGG_SESS.sig!"]
    );
    let reply = https(layer(encrypted()), CHROME_118).await;
    assert_eq!(shape(&reply), ["(EGG_SESS)", "EGG_SESS!"]);
    let reply = https(layer(encrypted()), CHROME_117).await;
    assert_eq!(shape(&reply), [EGG]);
}

#[tokio::test]
async fn auto_chips_sends_a_twin_and_reads_it() {
    let layer = |layer| cross_site(layer).auto_chips(true);
    let reply = https(layer(signed()), CHROME_118).await;
    assert_eq!(
        shape(&reply),
        ["_CHIPS-EGG_SESS!", "_CHIPS-EGG_SESS.sig!", EGG, SIG]
    );
    assert_eq!(shape(&https(layer(signed()), CHROME_117).await), [EGG, SIG]);
    let reply = https(layer(encrypted()), CHROME_118).await;
    assert_eq!(shape(&reply), ["_CHIPS-EGG_SESS!", EGG]);

    for builder in [layer(signed()), layer(encrypted()), layer(sealed())] {
        let headers = [("x-forwarded-proto", "https")];
        let mut client = client(builder);
        client.with("/insert/a/1", &headers).await;
        let all = client.cookies.clone();
        client.cookies.retain(|name, _| name.starts_with("_CHIPS-"));
        assert_eq!(client.peek("/get/a").await.body, "1", "the twin alone");
        for (name, value) in client.cookies.clone() {
            client.cookies.insert(name.clone(), "AAAA".to_owned());
            assert_eq!(client.peek("/get/a").await.body, "-", "a tampered twin");
            client.cookies.remove(&name);
            assert_eq!(
                client.peek("/get/a").await.body,
                "-",
                "half a twin, or none"
            );
            client.cookies.insert(name, value);
        }
        for plain in ["", "AAAA"] {
            client.cookies.insert(EGG.to_owned(), plain.to_owned());
            assert_eq!(
                client.peek("/get/a").await.body,
                "1",
                "the twin alone opens"
            );
        }
        client.cookies = all;
        let reply = client.with("/destroy", &headers).await;
        assert_eq!(reply.set_cookies().len(), client_lines(&reply));
        assert!(client.cookies.is_empty(), "both ended");
    }
}

fn sealed() -> SessionLayerBuilder {
    SessionLayer::cookie(Keys::new([1; 32]).unwrap()).trust_proxy(true)
}

/// How many of the lines end a cookie.
fn client_lines(reply: &Reply) -> usize {
    shape(reply)
        .iter()
        .filter(|name| name.starts_with('('))
        .count()
}

#[tokio::test]
async fn overwrite_takes_out_the_handlers_lines_and_no_others() {
    use axum::response::AppendHeaders;
    use axum::routing::get;

    let handler = |session: session_layer::Session| async move {
        session.insert("a", 1).await.unwrap();
        AppendHeaders([("set-cookie", "EGG_SESS=old"), ("set-cookie", "other=1")])
    };
    let partitioned = cross_site(signed()).partitioned(true);
    for (layer, ours) in [
        (signed(), &[EGG, SIG][..]),
        (
            partitioned.remove_unpartitioned(true),
            &["(EGG_SESS)", "(EGG_SESS.sig)", "EGG_SESS!", "EGG_SESS.sig!"],
        ),
        (
            cross_site(signed()).auto_chips(true),
            &["_CHIPS-EGG_SESS!", "_CHIPS-EGG_SESS.sig!", EGG, SIG],
        ),
    ] {
        for (overwrite, theirs) in [(true, &["other"][..]), (false, &[EGG, "other"])] {
            let layer = layer.clone().overwrite(overwrite).build().unwrap();
            let router = axum::Router::new().route("/", get(handler)).layer(layer);
            let https = [("x-forwarded-proto", "https"), ("user-agent", CHROME_118)];
            let reply = Client::new(&router).with("/", &https).await;
            assert_eq!(shape(&reply), [theirs, ours].concat());
        }
    }
}

#[tokio::test]
async fn koa_unquotes_a_value_and_egg_does_not() {
    for (profile, body) in [(Profile::Koa, "false"), (Profile::Egg, "true")] {
        let layer = SessionLayer::cookie(Keys::keygrip(["key"]).unwrap()).profile(profile);
        let mut client = client(layer.encrypt(false).key("sid"));
        client.get("/insert/a/1").await;
        let quoted = format!("\"{}\"", client.cookies["sid"]);
        client.cookies.insert("sid".to_owned(), quoted);
        assert_eq!(client.get("/is_new").await.body, body);
    }
}

#[tokio::test]
async fn of_two_cookies_node_takes_the_first() {
    let mut client = client(encrypted());
    client.get("/insert/a/1").await;
    let value = client.cookies[EGG].clone();
    let pair = |one: &str, two: &str| format!("EGG_SESS={one}; EGG_SESS={two}");
    let first = client
        .raw("/get/a", pair(&value, "junk").as_bytes())
        .await
        .unwrap();
    assert_eq!(first.body, "1");
    let second = client
        .raw("/get/a", pair("junk", &value).as_bytes())
        .await
        .unwrap();
    assert_eq!(second.body, "-");
}

#[tokio::test]
async fn attributes_in_the_cookie_header_do_no_harm() {
    let mut client = client(encrypted());
    client.get("/insert/a/1").await;
    let header = format!(
        "EGG_SESS={}; path=/; max-age=1; httponly",
        client.cookies[EGG]
    );
    assert_eq!(
        client.raw("/get/a", header.as_bytes()).await.unwrap().body,
        "1"
    );
}
