//! Which options cannot work, and which do not go together.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use session_store_api::MaxAge;

use super::SessionLayerBuilder;
use crate::profile::Form;
use crate::{Keys, Profile, SameSite, Secure, id};

/// An option that cannot work, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOption {
    option: &'static str,
    reason: &'static str,
}

impl InvalidOption {
    /// The option's name, for instance `"same_site"`.
    #[must_use]
    pub fn option(&self) -> &'static str {
        self.option
    }
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session layer option `{}`: {}", self.option, self.reason)
    }
}

impl Error for InvalidOption {}

type Checked = Result<(), InvalidOption>;

impl SessionLayerBuilder {
    pub(super) fn check(&self) -> Checked {
        self.check_life()?;
        self.check_ids()?;
        self.check_hooks()?;
        if self.only.is_some() && self.ignore.is_some() {
            return refuse("ignore", "it does not go together with `only`");
        }
        self.check_attributes()?;
        self.check_partition()
    }

    fn check_life(&self) -> Checked {
        if self.max_age == MaxAge::After(Duration::ZERO) {
            return refuse("max_age", "a session has to live for some time");
        }
        Ok(())
    }

    fn check_ids(&self) -> Checked {
        if self.prefix.len() > id::MAX_PREFIX {
            return refuse("prefix", "a prefix has at most 164 bytes");
        }
        if !id::fits_a_cookie(&self.prefix) {
            return refuse(
                "prefix",
                "a prefix is visible ASCII without quotes, commas, semicolons and backslashes",
            );
        }
        let makes_ids = self.hooks.genid.is_some();
        if makes_ids && !self.prefix.is_empty() {
            return refuse("prefix", "`genid` makes whole ids");
        }
        if self.store.is_none() {
            let idle = [
                ("prefix", !self.prefix.is_empty()),
                ("genid", makes_ids),
                ("external_key", self.external_key.is_some()),
            ];
            if let Some((option, _)) = idle.into_iter().find(|(_, given)| *given) {
                return refuse(option, "a session without a store has no id");
            }
        }
        Ok(())
    }

    fn check_hooks(&self) -> Checked {
        match (&self.hooks.encode, &self.hooks.decode) {
            (None, None) => {}
            (Some(_), None) => return refuse("decode", "`encode` needs it"),
            (None, Some(_)) => return refuse("encode", "`decode` needs it"),
            (Some(_), Some(_)) if self.store.is_some() => {
                return refuse("encode", "records in a store are JSON");
            }
            (Some(_), Some(_)) => {}
        }
        if self.hooks.domain_for.is_some() && self.attributes.domain.is_some() {
            return refuse("domain", "it does not go together with `domain_for`");
        }
        Ok(())
    }

    fn check_attributes(&self) -> Checked {
        let attributes = &self.attributes;
        let in_attribute = |byte: u8| matches!(byte, b' '..=b'~') && byte != b';';
        if !attributes.path.starts_with('/') || !attributes.path.bytes().all(in_attribute) {
            return refuse(
                "path",
                "a path begins with / and is ASCII without semicolons and control characters",
            );
        }
        if let Some(domain) = &attributes.domain {
            check_domain(domain)?;
        }
        let name = self.name();
        let begins = |prefix: &str| {
            let start = name.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let bound_to_host = begins("__Host-");
        let has_domain = attributes.domain.is_some() || self.hooks.domain_for.is_some();
        if bound_to_host && has_domain {
            return refuse("domain", "a __Host- cookie has none");
        }
        if bound_to_host && attributes.path != "/" {
            return refuse("path", "a __Host- cookie has the path /");
        }
        if attributes.secure != Secure::Always && (bound_to_host || begins("__Secure-")) {
            return refuse(
                "secure",
                "browsers keep __Host- and __Secure- cookies with Secure::Always only",
            );
        }
        Ok(())
    }

    fn check_partition(&self) -> Checked {
        let attributes = &self.attributes;
        let from_everywhere = attributes.same_site == Some(SameSite::None);
        if from_everywhere && attributes.secure == Secure::Never {
            return refuse("secure", "browsers keep SameSite=None with Secure only");
        }
        if attributes.partitioned && !from_everywhere {
            return refuse("partitioned", "it needs SameSite::None");
        }
        if attributes.remove_unpartitioned && !attributes.partitioned {
            return refuse("remove_unpartitioned", "it needs `partitioned`");
        }
        if self.auto_chips && !from_everywhere {
            return refuse("auto_chips", "it needs SameSite::None");
        }
        if self.auto_chips && attributes.partitioned {
            return refuse("auto_chips", "with `partitioned` the cookie needs no twin");
        }
        Ok(())
    }
}

/// Whether cookies of this form can be called `name` and made with `keys`.
pub(super) fn check_form(form: Form, keys: &Keys, name: &str) -> Checked {
    if name.is_empty() {
        return refuse("key", "a cookie needs a name");
    }
    if !name.bytes().all(is_token) {
        return refuse(
            "key",
            "a cookie's name is made of letters, digits and !#$%&'*+-.^_`|~",
        );
    }
    if form.profile == Profile::Koa && form.encrypt {
        return refuse("encrypt", "koa cannot");
    }
    if form.profile == Profile::Sealed && !form.encrypt && !form.signed {
        return refuse("signed", "a cookie that is not encrypted has to be");
    }
    if keys.is_none() && (form.encrypt || form.signed) {
        return refuse("keys", "an encrypted or signed cookie needs some");
    }
    if form.profile == Profile::Sealed && !keys.are_long() {
        return refuse("keys", "`Profile::Sealed` needs at least 32 bytes each");
    }
    Ok(())
}

pub(crate) fn check_domain(domain: &str) -> Checked {
    let in_domain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    if domain.trim_matches('.').is_empty() || !domain.bytes().all(in_domain) {
        return refuse("domain", "a domain is made of letters, digits, - and .");
    }
    Ok(())
}

fn refuse(option: &'static str, reason: &'static str) -> Checked {
    Err(InvalidOption { option, reason })
}

/// What RFC 9110 lets a token, and so a cookie's name, be made of.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
