//! An egg application's sessions go on under Rust.
//!
//! As long as egg serves too, both write egg's cookie. When its last process is gone, Rust writes its own
//! and reads egg's for as long as an old one may come back. Nobody is logged out on the way.
//!
//! `from-egg ADDRESS shared` is the first stage, `from-egg ADDRESS` the second. `EGG_KEYS` is what stands in
//! egg's `config.keys`.

use std::error::Error;

use axum::Router;
use axum::routing::get;
use session_layer::{
    Accept, Keys, Profile, Result, SameSite, Session, SessionLayer, SessionLayerBuilder,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let eggs = std::env::var("EGG_KEYS").unwrap_or_else(|_| "my-egg_1490000000000".to_owned());
    let eggs = Keys::keygrip(eggs.split(',').map(str::trim))?;
    let shared = std::env::args()
        .nth(2)
        .is_some_and(|stage| stage == "shared");
    let sessions = if shared {
        beside_egg(eggs)
    } else {
        after_egg(eggs)?
    };
    let app = Router::new()
        .route("/", get(visit))
        .layer(sessions.same_site(SameSite::Lax).build()?);
    Ok(sessions::serve(app).await?)
}

/// What egg 2 and 3 write, and egg 4 where its `config.session.encrypt` is true. Otherwise `encrypt(false)`.
fn beside_egg(eggs: Keys) -> SessionLayerBuilder {
    SessionLayer::cookie(eggs).profile(Profile::Egg)
}

/// Our own cookie, and both of egg's forms on reading.
fn after_egg(eggs: Keys) -> Result<SessionLayerBuilder, Box<dyn Error>> {
    let encrypted = Accept::new(Profile::Egg).keys(eggs);
    let signed = encrypted.clone().encrypt(false);
    Ok(
        SessionLayer::cookie(Keys::generate()?) // Keys::new(secret)?
            .accept(encrypted)
            .accept(signed),
    )
}

/// egg's `ctx.session.visits = (ctx.session.visits || 0) + 1`.
async fn visit(session: Session) -> Result<String> {
    let visits = session.get("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", visits).await?;
    Ok(format!("visit number {visits}"))
}
