//! What the response tells the browser about the session.

use std::borrow::Cow;

use http::HeaderMap;

use super::Shared;
use crate::builder::check_domain;
use crate::commit::commit;
use crate::config::{Carrier, CookieCarrier};
use crate::cookie::line::{self, Attributes, Life, Line};
use crate::profile::Codec;
use crate::state::{Change, Token};
use crate::{Error, ErrorKind, ExternalKey, Result, hooks};

/// Writes what has changed, unless the handlers do that, and puts into `headers` what the browser is to know.
///
/// After an error there is nothing in `headers` but what makes the browser forget a cookie that would only
/// fail again.
pub(crate) async fn respond(shared: &Shared, headers: &mut HeaderMap) -> Result<()> {
    let responded = match &shared.config.carrier {
        Carrier::Cookie(carrier) => by_cookie(shared, carrier, headers).await,
        Carrier::External(external) => by_key(shared, &**external, headers).await,
    };
    if responded.is_err() {
        headers.clear();
        if let Carrier::Cookie(carrier) = &shared.config.carrier
            && shared.state().is_unreadable()
        {
            let lines = lines(shared, carrier, &carrier.attributes, &Change::Clear)?;
            line::add(headers, lines, true);
        }
    }
    responded
}

async fn by_cookie(
    shared: &Shared,
    carrier: &CookieCarrier,
    headers: &mut HeaderMap,
) -> Result<()> {
    let attributes = attributes(shared, carrier)?; // before anything is written
    if shared.config.auto_commit {
        commit(shared, false).await?;
    }
    let change = shared.state().change.clone();
    if let Some(change) = change {
        let lines = lines(shared, carrier, &attributes, &change)?;
        line::add(headers, lines, carrier.overwrite);
    }
    Ok(())
}

async fn by_key(
    shared: &Shared,
    external: &dyn ExternalKey,
    headers: &mut HeaderMap,
) -> Result<()> {
    if shared.config.auto_commit {
        commit(shared, false).await?;
    }
    let change = shared.state().change.clone();
    let carried = match change {
        Some(Change::Set {
            token: Token::Id(key),
            ..
        }) => external.set(&key, headers).await,
        Some(Change::Clear) => external.clear(headers).await,
        _ => Ok(()),
    };
    carried.map_err(|error| hooks::failed("external_key", error))
}

/// The attributes for this request: its domain may be one of its own.
fn attributes<'a>(shared: &Shared, carrier: &'a CookieCarrier) -> Result<Cow<'a, Attributes>> {
    let Some(domain_for) = &shared.config.hooks.domain_for else {
        return Ok(Cow::Borrowed(&carrier.attributes));
    };
    let domain = domain_for(&shared.kept_head()).filter(|domain| !domain.is_empty());
    if let Some(domain) = &domain {
        check_domain(domain).map_err(|e| {
            Error::new(ErrorKind::Hook, "the hook `domain_for` made no domain").with_source(e)
        })?;
    }
    Ok(Cow::Owned(Attributes {
        domain,
        ..carrier.attributes.clone()
    }))
}

/// The lines for the cookie, for its twin, and for those in other forms that the browser need not keep.
fn lines(
    shared: &Shared,
    carrier: &CookieCarrier,
    attributes: &Attributes,
    change: &Change,
) -> Result<Vec<Line>> {
    let client = &shared.client;
    let life = match change {
        Change::Set { max_age, .. } => Life::For(*max_age),
        Change::Clear => Life::Ended,
    };
    let close = |codec: &Codec| match change {
        Change::Set { token, .. } => codec.close(token.as_str()),
        Change::Clear => Ok(codec.cleared()),
    };
    let mut lines = Vec::new();
    if let Some(twin) = &carrier.twin {
        lines = attributes.twin_lines(twin, &close(twin)?, life, client)?;
    }
    let closed = close(&carrier.own)?;
    lines.extend(attributes.lines(&carrier.own, &closed, life, client)?);
    if matches!(change, Change::Clear) && !carrier.own.is_shared() {
        // A request that another site makes comes without the cookie, and must not end it.
        lines.retain(|line| line.is_of(&shared.cookies));
    }
    for codec in &carrier.accepted {
        for name in [codec.name(), codec.signature_name()] {
            let is_written = lines.iter().any(|line| line.sets(name));
            if !is_written && shared.cookies.has(name) {
                lines.push(attributes.ended(name, client)?);
            }
        }
    }
    Ok(lines)
}
