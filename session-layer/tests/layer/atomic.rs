//! Requests that run at once: nothing is lost and nothing comes back.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use session_layer::{ErrorKind, MaxAge, Result, Session, SessionLayerBuilder};
use tokio::task::JoinSet;

use crate::app::{atomic, routes};
use crate::client::{Client, Reply};
use crate::events::Events;
use crate::gate::Gate;
use crate::probe::Probe;
use crate::random::Random;

/// A client with a session that holds `a`, of an application that also has slow routes: they read the
/// session, wait at the gate, and then do what their fast twins do.
async fn start(builder: SessionLayerBuilder) -> (Client, Gate) {
    let gate = Gate::new();
    let slow = |what: fn(Session) -> Work| {
        let gate = gate.clone();
        get(move |session: Session| async move {
            session.len().await?;
            gate.pass().await;
            what(session).await
        })
    };
    let router = routes()
        .route("/slow/read", slow(|_| Box::pin(async { Ok(()) })))
        .route(
            "/slow/insert",
            slow(|s| Box::pin(async move { s.insert("slow", 1).await })),
        )
        .route(
            "/slow/remove",
            slow(|s| Box::pin(async move { s.remove("a").await.map(drop) })),
        )
        .route(
            "/slow/clear",
            slow(|s| Box::pin(async move { s.clear().await })),
        )
        .route(
            "/slow/login",
            slow(|s| {
                Box::pin(async move {
                    s.insert("user", "slow").await?;
                    s.regenerate();
                    Ok(())
                })
            }),
        )
        .route(
            "/slow/logout",
            slow(|s| {
                Box::pin(async move {
                    s.destroy();
                    Ok(())
                })
            }),
        )
        .route(
            "/slow/save",
            slow(|s| {
                Box::pin(async move {
                    s.insert("slow", 1).await?;
                    let error = s.save().await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Destroyed);
                    Err(error)
                })
            }),
        );
    let mut client = Client::new(&router.layer(builder.build().unwrap()));
    client.get("/insert/a/1").await;
    (client, gate)
}

type Work = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Runs `fast` while the request for `slow` waits; answers what became of `slow`.
async fn during<F: Future>(client: &Client, gate: &Gate, slow: &str, fast: F) -> Reply {
    let (reply, ()) = tokio::join!(client.peek(slow), async {
        gate.reached().await;
        fast.await;
        gate.open();
    });
    reply
}

async fn lose_none(keys: usize) {
    let store = Probe::new();
    let (mut client, _) = start(atomic(&store)).await;
    let mut requests = JoinSet::new();
    for i in 0..keys {
        let client = client.clone();
        requests.spawn(async move { client.peek(&format!("/insert/key{i}/{i}")).await.status });
    }
    assert!(requests.join_all().await.iter().all(StatusCode::is_success));
    assert_eq!(client.get("/len").await.body, (keys + 1).to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_requests_each_add_a_value_and_none_is_lost() {
    lose_none(64).await;
}

#[tokio::test]
async fn the_same_on_one_thread() {
    lose_none(64).await;
}

#[tokio::test]
async fn changes_meet_by_name() {
    let store = Probe::new();
    let (mut client, gate) = start(atomic(&store)).await;
    let fast = client.clone();
    let reply = during(&client, &gate, "/slow/remove", fast.peek("/insert/b/2")).await;
    assert_eq!(
        (reply.status, reply.set_cookies().len()),
        (StatusCode::OK, 1)
    );
    let record = store.only().await;
    assert_eq!((record.get("a"), &record["b"]), (None, &"2".into()));

    let reply = during(&client, &gate, "/slow/clear", fast.peek("/insert/c/3")).await;
    assert_eq!(reply.set_cookies().len(), 1);
    let record = store.only().await;
    assert_eq!((record.get("b"), &record["c"]), (None, &"3".into()));
    assert_eq!(client.get("/len").await.body, "1");
}

#[tokio::test]
async fn a_logout_wins_against_every_slow_request() {
    for slow in ["insert", "remove", "clear", "login"] {
        let (store, events) = (Probe::new(), Events::record());
        let (mut client, gate) = start(atomic(&store)).await;
        let mut fast = client.clone();
        let reply = during(
            &client,
            &gate,
            &format!("/slow/{slow}"),
            fast.get("/destroy"),
        )
        .await;
        assert!(
            reply.set_cookies().is_empty(),
            "{slow}: {:?}",
            reply.set_cookies()
        );
        assert_eq!(events.take(), ["conflict"], "{slow}");
        assert!(store.live().await.is_empty(), "{slow}");
        assert_eq!(client.get("/is_new").await.body, "true");
    }
}

#[tokio::test]
async fn a_logout_wins_against_a_renewal() {
    let store = Probe::new();
    let (client, gate) = start(atomic(&store).rolling(true)).await;
    let mut fast = client.clone();
    let reply = during(&client, &gate, "/slow/read", fast.get("/destroy")).await;
    assert!(reply.set_cookies().is_empty());
    assert!(store.live().await.is_empty());
}

#[tokio::test]
async fn a_handler_that_saves_is_told_of_the_logout() {
    let store = Probe::new();
    let (client, gate) = start(atomic(&store)).await;
    let mut fast = client.clone();
    let reply = during(&client, &gate, "/slow/save", fast.get("/destroy")).await;
    assert_eq!(reply.status, StatusCode::CONFLICT);
    assert!(reply.set_cookies().is_empty());
    assert!(store.live().await.is_empty());
}

#[tokio::test]
async fn a_session_that_expired_from_the_store_is_not_brought_back() {
    let store = Probe::new();
    let (client, gate) = start(atomic(&store)).await;
    let (key, record) = store.live().await.remove(0);
    let expire = async {
        store.put(&key, &record, Duration::from_millis(1)).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let reply = during(&client, &gate, "/slow/insert", expire).await;
    assert!(reply.set_cookies().is_empty());
    assert!(store.live().await.is_empty());
}

#[tokio::test]
async fn a_renewal_never_undoes_a_change() {
    let store = Probe::new();
    let (client, gate) = start(atomic(&store).rolling(true)).await;
    let fast = client.clone();
    let reply = during(&client, &gate, "/slow/read", fast.peek("/insert/a/2")).await;
    assert_eq!(reply.set_cookies().len(), 1);
    assert_eq!(store.only().await["a"], "2");
    assert_eq!(
        store.calls().split_off(4),
        ["set_if", "get"],
        "theirs renewed it"
    );
}

#[tokio::test]
async fn a_renewal_never_shortens_a_life_that_was_just_given() {
    let store = Probe::new();
    let builder = atomic(&store).rolling(true).max_age(MaxAge::Session);
    let (client, gate) = start(builder).await;
    let fast = client.clone();
    let month = "/max_age/2592000000";
    let reply = during(&client, &gate, "/slow/read", fast.peek(month)).await;
    assert_eq!(store.only().await["_maxAge"], 2_592_000_000_u64);
    assert!(reply.set_cookies()[0].contains("; Max-Age=2592000;"));
    assert!(!store.calls().contains(&"touch"));
}

#[tokio::test]
async fn a_logout_during_a_write_of_the_same_request_wins() {
    let store = Probe::new();
    let watched = store.clone();
    let handler = move |session: Session| async move {
        session.insert("a", "late").await.unwrap();
        session.regenerate();
        watched.calls();
        let ends_it_during_the_write = async move {
            while watched.calls().is_empty() {
                tokio::task::yield_now().await;
            }
            session.destroy();
        };
        drop(tokio::spawn(ends_it_during_the_write));
    };
    let router = routes().route("/late", get(handler));
    let mut client = Client::new(&router.layer(atomic(&store).build().unwrap()));
    client.get("/insert/a/1").await;
    assert!(client.get("/late").await.clears());
    assert!(store.live().await.is_empty());
}

#[tokio::test]
async fn a_slow_write_does_not_follow_the_session_to_its_new_id() {
    let store = Probe::new();
    let (client, gate) = start(atomic(&store)).await;
    let mut fast = client.clone();
    during(&client, &gate, "/slow/insert", fast.get("/login/Ada")).await;
    let record = store.only().await;
    assert_eq!((&record["user"], record.get("slow")), (&"Ada".into(), None));
    assert_eq!(fast.get("/get/a").await.body, "1");
}

#[tokio::test]
async fn a_login_takes_along_what_others_changed_meanwhile() {
    let store = Probe::new();
    let (mut client, gate) = start(atomic(&store)).await;
    let fast = client.clone();
    let old = client.id();
    let reply = during(&client, &gate, "/slow/login", fast.peek("/insert/b/2")).await;
    client.keep(&reply);
    assert_ne!(client.id(), old);
    let record = store.only().await;
    assert_eq!(
        [&record["a"], &record["b"], &record["user"]],
        ["1", "2", "slow"]
    );
}

#[tokio::test]
async fn of_two_that_move_a_session_one_does() {
    let store = Probe::new();
    let (client, gate) = start(atomic(&store)).await;
    let mut fast = client.clone();
    let reply = during(&client, &gate, "/slow/login", fast.get("/login/fast")).await;
    assert!(reply.set_cookies().is_empty());
    assert_eq!(store.only().await["user"], "fast");
    assert_eq!(fast.get("/get/user").await.body, "fast");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_move_a_session_at_once_one_does() {
    for _ in 0..20 {
        let store = Probe::new();
        let (client, _) = start(atomic(&store)).await;
        let mut requests = JoinSet::new();
        let old = client.id();
        for _ in 0..8 {
            let mut client = client.clone();
            requests.spawn(async move {
                client.get("/regenerate").await;
                client.cookies.get("EGG_SESS").map(|_| client.id())
            });
        }
        let ids = requests.join_all().await.into_iter().flatten();
        let ids: Vec<_> = ids.filter(|id| *id != old).collect();
        let live = store.live().await;
        assert_eq!(live.len(), 1);
        assert_eq!(ids, [live[0].0.clone()], "the winner has the only live id");
    }
}

#[tokio::test]
async fn a_logout_leaves_nothing_of_a_login_that_began_before() {
    // The logout read the session too; whichever is written first, the old id is dead.
    let store = Probe::new();
    let (client, gate) = start(atomic(&store)).await;
    let mut fast = client.clone();
    during(&client, &gate, "/slow/login", fast.get("/destroy")).await;
    assert!(store.live().await.is_empty());

    let (client, gate) = start(atomic(&store)).await;
    let mut fast = client.clone();
    let reply = during(&client, &gate, "/slow/logout", fast.get("/login/Ada")).await;
    assert!(reply.clears());
    assert_eq!(client.peek("/is_new").await.body, "true");
    assert_eq!(store.live().await.len(), 1, "the new id is another session");
}

#[tokio::test]
async fn a_crowd_is_given_up_on() {
    let store = Probe::new();
    let (client, _) = start(atomic(&store)).await;
    store.meddle();
    for path in ["/insert/a/2", "/login/Ada"] {
        store.calls();
        let reply = client.peek(path).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reply.set_cookies().is_empty());
        assert!(store.calls().len() <= 500, "bounded");
    }
    let record = store.only().await;
    assert_eq!((&record["a"], record.get("user")), (&"1".into(), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_runs_at_once_no_session_is_doubled_or_revived() {
    let mut random = Random::new();
    for round in 0..100 {
        let store = Probe::new();
        let known = |what: fn(Session) -> Work| {
            get(move |session: Session| async move {
                if !session.is_new().await? {
                    what(session).await?;
                }
                Ok::<_, session_layer::Error>(())
            })
        };
        let router = Router::new()
            .route(
                "/begin",
                get(|s: Session| async move { s.insert("a", 0).await }),
            )
            .route(
                "/insert",
                known(|s| Box::pin(async move { s.insert("a", 1).await })),
            )
            .route(
                "/clear",
                known(|s| Box::pin(async move { s.clear().await })),
            )
            .route(
                "/move",
                known(|s| {
                    Box::pin(async move {
                        s.regenerate();
                        Ok(())
                    })
                }),
            )
            .route(
                "/end",
                known(|s| {
                    Box::pin(async move {
                        s.destroy();
                        Ok(())
                    })
                }),
            );
        let router = router.layer(atomic(&store).build().unwrap());
        let mut client = Client::new(&router);
        client.get("/begin").await;
        let mut requests = JoinSet::new();
        let mut ends = false;
        let mut moves = false;
        for _ in 0..12 {
            let path = ["/insert", "/clear", "/move", "/end"][random.below(4)];
            ends |= path == "/end";
            moves |= path == "/move";
            let client = client.clone();
            requests.spawn(async move { client.peek(path).await.status });
        }
        assert!(requests.join_all().await.iter().all(StatusCode::is_success));
        let live = store.live().await;
        assert!(live.len() <= 1, "round {round}");
        if ends && !moves {
            assert!(live.is_empty(), "round {round}");
        }
        if ends || moves {
            assert!(
                live.iter().all(|(key, _)| *key != client.id()),
                "round {round}"
            );
        }
    }
}
