//! Moving between forms of cookie: nobody is logged out, and nothing stale is left.

use session_layer::{Accept, Keys, Profile, SessionLayer, SessionLayerBuilder};

use crate::app::app;
use crate::client::Client;
use crate::probe::Probe;

fn nodes() -> Keys {
    Keys::keygrip(["eggs and koas"]).unwrap()
}

fn ours() -> Keys {
    Keys::new([3; 32]).unwrap()
}

/// Each form, as a fleet writes it and as another accepts it.
fn forms() -> Vec<(Profile, bool, Keys)> {
    vec![
        (Profile::Egg, true, nodes()),
        (Profile::Egg, false, nodes()),
        (Profile::Koa, false, nodes()),
        (Profile::Sealed, true, ours()),
        (Profile::Sealed, false, ours()),
    ]
}

fn write(store: Option<&Probe>, form: &(Profile, bool, Keys)) -> SessionLayerBuilder {
    let (profile, encrypt, keys) = form.clone();
    let layer = match store {
        Some(store) => SessionLayer::atomic(store.clone(), keys),
        None => SessionLayer::cookie(keys),
    };
    layer.profile(profile).encrypt(encrypt)
}

fn accept(form: &(Profile, bool, Keys)) -> Accept {
    let (profile, encrypt, keys) = form.clone();
    Accept::new(profile).encrypt(encrypt).keys(keys)
}

#[tokio::test]
async fn a_session_of_every_form_goes_on_in_every_other() {
    let probe = Probe::new();
    for store in [None, Some(&probe)] {
        for old in forms() {
            for new in forms() {
                let mut before = Client::new(&app(write(store, &old)));
                before.get("/count").await;
                let strict = before.at(&app(write(store, &new)));
                let same = old.0 == new.0 && old.1 == new.1;
                assert_eq!(strict.peek("/is_new").await.body == "false", same);

                let layer = write(store, &new).accept(accept(&old));
                let mut client = before.at(&app(layer));
                let reply = client.get("/is_new").await;
                assert_eq!(reply.body, "false", "{old:?} {new:?}");
                assert_eq!(reply.set_cookies().is_empty(), same, "{old:?} {new:?}");
                assert!(
                    client.get("/is_new").await.set_cookies().is_empty(),
                    "moved once"
                );
                assert_eq!(client.get("/count").await.body, "2");
                let mut after = client.at(&app(write(store, &new)));
                assert_eq!(
                    after.get("/count").await.body,
                    "3",
                    "what is accepted is no longer needed"
                );
                let mut fresh = Client::new(&app(write(store, &new)));
                fresh.get("/count").await;
                assert!(
                    after.cookies.keys().eq(fresh.cookies.keys()),
                    "nothing stale"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_form_that_is_not_used_is_left_alone() {
    let (old, new) = (&forms()[2], &forms()[3]);
    let mut client = Client::new(&app(write(None, old)));
    client.get("/count").await;
    let mut client = client.at(&app(write(None, new).accept(accept(old))));
    assert!(client.get("/idle").await.set_cookies().is_empty());
}

#[tokio::test]
async fn destroying_an_accepted_session_ends_its_own_cookies() {
    let probe = Probe::new();
    for store in [None, Some(&probe)] {
        let (old, new) = (&forms()[2], &forms()[3]);
        let mut client = Client::new(&app(write(store, old)));
        client.get("/count").await;
        assert_eq!(client.cookies.len(), 2, "koa.sess and its signature");
        let mut client = client.at(&app(write(store, new).accept(accept(old))));
        client.get("/destroy").await;
        assert!(client.cookies.is_empty(), "{:?}", client.cookies);
        assert!(probe.live().await.is_empty());
    }
}

#[tokio::test]
async fn our_own_form_comes_first() {
    let (old, new) = (&forms()[2], &forms()[3]);
    let mut koa = Client::new(&app(write(None, old)));
    koa.get("/insert/a/koas").await;
    let both = app(write(None, new).accept(accept(old)));
    let mut client = Client::new(&both);
    client.get("/insert/a/ours").await;
    client.cookies.extend(koa.cookies);
    assert_eq!(client.get("/get/a").await.body, "ours");
}

#[tokio::test]
async fn a_name_is_the_layers_the_profiles_or_its_own() {
    let koa = |key: &str| {
        let mut builder = SessionLayer::cookie(nodes()).profile(Profile::Koa);
        if !key.is_empty() {
            builder = builder.key(key);
        }
        Client::new(&app(builder))
    };
    let form = || Accept::new(Profile::Koa).keys(nodes());
    for (theirs, layer) in [
        ("", SessionLayer::cookie(ours()).accept(form())),
        (
            "sid",
            SessionLayer::cookie(ours()).key("sid").accept(form()),
        ),
        (
            "old",
            SessionLayer::cookie(ours())
                .key("sid")
                .accept(form().key("old")),
        ),
    ] {
        let mut client = koa(theirs);
        client.get("/insert/a/1").await;
        assert_eq!(
            client.at(&app(layer)).get("/get/a").await.body,
            "1",
            "{theirs}"
        );
    }
}

#[tokio::test]
async fn what_is_accepted_is_checked_too() {
    let layer = |form: Accept| SessionLayer::cookie(ours()).accept(form).build();
    for (form, option) in [
        (Accept::new(Profile::Koa).encrypt(true), "encrypt"),
        (
            Accept::new(Profile::Sealed).encrypt(false).signed(false),
            "signed",
        ),
        (Accept::new(Profile::Sealed).keys(nodes()), "keys"),
        (Accept::new(Profile::Egg).keys(Keys::none()), "keys"),
        (Accept::new(Profile::Egg).key("a b"), "key"),
    ] {
        assert_eq!(layer(form).unwrap_err().option(), option);
    }
    assert!(layer(Accept::from(Profile::Egg)).is_ok());
}
