//! Writing into the cookie: the response carries the session.

use crate::config::CookieCarrier;
use crate::event::{self, SessionEventKind};
use crate::session::Shared;
use crate::state::{Outcome, Plan, Stored};
use crate::{Error, ErrorKind, Oversize, Result};

/// egg complains of a longer value.
const MAX_VALUE: usize = 4093;
/// Browsers keep no cookie whose name and value are longer together.
const MAX_COOKIE: usize = 4096;

pub(crate) async fn write(
    carrier: &CookieCarrier,
    shared: &Shared,
    plan: &Plan,
) -> Result<Outcome> {
    let record = plan.record(shared.config.max_age);
    let text = carrier
        .own
        .encoding()
        .encode(shared.head.as_ref(), &record)
        .await?;
    let longest = carrier.twin.as_ref().unwrap_or(&carrier.own).name().len();
    let max = MAX_VALUE.min(MAX_COOKIE.saturating_sub(longest));
    if carrier.own.closed_len(&text) > max {
        event::tell(shared, SessionEventKind::Oversize, None, None);
        if shared.config.oversize == Oversize::Refuse {
            let message = format!("the session takes more than {max} bytes of cookie");
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
    }
    Ok(Outcome::Saved(Stored {
        key: None,
        bytes: text.into_bytes(),
        record,
    }))
}
