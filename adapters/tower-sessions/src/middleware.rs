//! The traits of each version of tower-sessions.

use async_trait::async_trait;
use session_store_api::AtomicSessionStore;

use crate::fault::Fault;
use crate::store::TowerSessionsStore;

/// How often an id is drawn that is taken before that is called an error. One in 2¹²⁸ is.
const DRAWS: usize = 8;

/// The traits of the versions read alike and have no type in common, so no function can serve both.
macro_rules! serve {
    ($core:ident, $feature:literal) => {
        #[cfg(feature = $feature)]
        #[cfg_attr(docsrs, doc(cfg(feature = $feature)))]
        #[async_trait]
        impl<S: AtomicSessionStore + 'static> $core::SessionStore for TowerSessionsStore<S> {
            async fn create(
                &self,
                record: &mut $core::session::Record,
            ) -> $core::session_store::Result<()> {
                for _ in 0..DRAWS {
                    let id = record.id.to_string();
                    if self.insert(&id, &record.data, record.expiry_date).await? {
                        return Ok(());
                    }
                    record.id = $core::session::Id::default();
                }
                let taken = format!("{DRAWS} new session ids were all taken");
                Err($core::session_store::Error::Backend(taken))
            }

            async fn save(
                &self,
                record: &$core::session::Record,
            ) -> $core::session_store::Result<()> {
                let id = record.id.to_string();
                Ok(self.replace(&id, &record.data, record.expiry_date).await?)
            }

            async fn load(
                &self,
                id: &$core::session::Id,
            ) -> $core::session_store::Result<Option<$core::session::Record>> {
                let found = self.find(&id.to_string()).await?;
                Ok(found.map(|found| $core::session::Record {
                    id: *id,
                    data: found.data,
                    expiry_date: found.expiry_date,
                }))
            }

            async fn delete(&self, id: &$core::session::Id) -> $core::session_store::Result<()> {
                Ok(self.remove(&id.to_string()).await?)
            }
        }

        #[cfg(feature = $feature)]
        #[cfg_attr(docsrs, doc(cfg(feature = $feature)))]
        #[async_trait]
        impl<S: AtomicSessionStore + 'static> $core::ExpiredDeletion for TowerSessionsStore<S> {
            async fn delete_expired(&self) -> $core::session_store::Result<()> {
                Ok(self.remove_expired().await?)
            }
        }

        #[cfg(feature = $feature)]
        impl From<Fault> for $core::session_store::Error {
            fn from(fault: Fault) -> Self {
                match fault {
                    Fault::Encode(text) => Self::Encode(text),
                    Fault::Backend(text) => Self::Backend(text),
                }
            }
        }
    };
}

serve!(tower_sessions_core_0_14, "v0_14");
serve!(tower_sessions_core_0_15, "v0_15");
