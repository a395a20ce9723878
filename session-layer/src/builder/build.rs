//! From options to a layer.

use super::check::{InvalidOption, check_form};
use super::{External, SessionLayerBuilder};
use crate::config::{Carrier, Config, CookieCarrier, Scope};
use crate::mode::{Mode, Source};
use crate::payload::Encoding;
use crate::profile::{Codec, Form, Purpose};
use crate::{Accept, Keys, SessionLayer};

/// What egg calls the partitioned twin of a cookie.
const TWIN: &str = "_CHIPS-";

impl SessionLayerBuilder {
    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`InvalidOption`] for a cookie no browser would keep, a prefix no store would take, keys that are
    /// missing or too short, and options that do not go together. It names the option.
    pub fn build(self) -> Result<SessionLayer, InvalidOption> {
        self.check()?;
        let carrier = match &self.external_key {
            Some(External(external)) => Carrier::External(external.clone()),
            None => Carrier::Cookie(Box::new(self.cookie_carrier()?)),
        };
        let per_request = matches!(self.store, Some(Source::PerRequest(_)));
        let keeps_head = per_request || self.external_key.is_some() || self.hooks.want_head();
        let scope = match (self.enable, self.only, self.ignore) {
            (false, _, _) => Scope::None,
            (true, Some(filter), _) => Scope::Only(filter),
            (true, None, Some(filter)) => Scope::Except(filter),
            (true, None, None) => Scope::All,
        };
        let mode = self.store.map_or(Mode::Cookie, Mode::Store);
        Ok(SessionLayer::from_config(Config {
            mode,
            carrier,
            max_age: self.max_age,
            rolling: self.rolling,
            renew: self.renew,
            auto_commit: self.auto_commit,
            prefix: self.prefix,
            trust_proxy: self.trust_proxy,
            oversize: self.oversize,
            on_store_error: self.on_store_error,
            log_value: self.log_value,
            shared_with_node: self.profile.is_shared(),
            scope,
            hooks: self.hooks,
            keeps_head,
        }))
    }

    /// The cookie's name.
    pub(super) fn name(&self) -> &str {
        self.key.as_deref().unwrap_or_else(|| self.profile.key())
    }

    fn cookie_carrier(&self) -> Result<CookieCarrier, InvalidOption> {
        let form = Form {
            profile: self.profile,
            encrypt: self.encrypt.unwrap_or_else(|| self.profile.encrypts()),
            signed: self.signed,
            purpose: self.purpose(),
        };
        let own = self.codec(form, &self.keys, self.name())?;
        let twin = format!("{TWIN}{}", self.name());
        let twin = self.auto_chips.then(|| self.codec(form, &self.keys, &twin));
        let accepted = self.accepted.iter().map(|accept| self.accepted(accept));
        Ok(CookieCarrier {
            attributes: self.attributes.clone(),
            overwrite: self.overwrite,
            own,
            twin: twin.transpose()?,
            accepted: accepted.collect::<Result<_, _>>()?,
        })
    }

    fn accepted(&self, accept: &Accept) -> Result<Codec, InvalidOption> {
        let form = Form {
            profile: accept.profile,
            encrypt: accept.encrypt,
            signed: accept.signed,
            purpose: self.purpose(),
        };
        let name = accept.key.as_deref().or(self.key.as_deref());
        let name = name.unwrap_or_else(|| accept.profile.key());
        self.codec(form, accept.keys.as_ref().unwrap_or(&self.keys), name)
    }

    fn codec(&self, form: Form, keys: &Keys, name: &str) -> Result<Codec, InvalidOption> {
        check_form(form, keys, name)?;
        let encoding = match (&self.hooks.encode, &self.hooks.decode) {
            (Some(encode), Some(decode)) => Encoding::Custom {
                encode: encode.clone(),
                decode: decode.clone(),
            },
            _ if form.profile.is_shared() => Encoding::Base64,
            _ => Encoding::Json,
        };
        Ok(Codec::new(form, keys, name, encoding))
    }

    fn purpose(&self) -> Purpose {
        if self.store.is_some() {
            Purpose::Id
        } else {
            Purpose::Session
        }
    }
}
