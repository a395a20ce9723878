//! The stores of session crates that come for several databases, through the traits of their middleware.

pub use self::axum_session::AxumSession;
pub use self::tower_sessions::TowerSessions;

mod axum_session;
mod tower_sessions;
