//! Stores that take one key for another.

use std::sync::OnceLock;

use async_trait::async_trait;
use session_store_api::{MaxAge, Result, SessionKey, SessionStore};
use session_store_conformance::Setup;

use super::mutant::{Deviation, Mutant};
use super::reference::{Reference, Server};

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("C04", "lower-cases keys", || Keys(str::to_ascii_lowercase)),
        Mutant::new("C04", "cuts keys at 64 bytes", || {
            Keys(|key| key[..key.len().min(64)].to_owned())
        }),
        Mutant::new("C04", "cuts keys at 128 bytes", || {
            Keys(|key| key[..key.len().min(128)].to_owned())
        }),
        Mutant::new("C04", "cuts keys at 199 bytes", || {
            Keys(|key| key[..key.len().min(199)].to_owned())
        }),
        Mutant::new("C04", "cuts the first byte of a 200-byte key", || {
            Keys(|key| key[key.len().saturating_sub(199)..].to_owned())
        }),
        Mutant::new("C04", "trims punctuation at the end of a key", || {
            Keys(|key| key.trim_end_matches(['.', '=', '/', '-', '_']).to_owned())
        }),
        Mutant::new("C04", "takes \\ and / in keys for the same", || {
            Keys(|key| key.replace('\\', "/"))
        }),
        Mutant::new("C04", "resolves .. in keys as in paths", || {
            Keys(|key| {
                let mut path: Vec<&str> = Vec::new();
                for part in key.split('/') {
                    match part {
                        ".." if !path.is_empty() => drop(path.pop()),
                        _ => path.push(part),
                    }
                }
                path.join("/")
            })
        }),
        Mutant::new("C04", "drops double slashes in keys", || {
            Keys(|key| key.replace("//", "/"))
        }),
        Mutant::new("C04", "decodes % in keys", || Keys(percent_decoded)),
        Mutant::new("C04", "takes + in keys for %20", || {
            Keys(|key| key.replace('+', "%20"))
        }),
        Mutant::new("C04", "loses quotes in keys", || {
            Keys(|key| key.replace(['\'', '"', '`'], ""))
        }),
        Mutant::new("C04", "looks only at the {tag} of a key", || {
            Keys(|key| {
                let tag = key
                    .split_once('{')
                    .and_then(|(_, rest)| rest.split_once('}'));
                tag.map_or(key, |(tag, _)| tag).to_owned()
            })
        }),
        Mutant::new("C04", "hashes keys by the sum of their bytes", || {
            Keys(|key| key.bytes().map(u32::from).sum::<u32>().to_string())
        }),
        Mutant::new("C04", "reads keys as LIKE patterns", || Patterns {
            any: '%',
            one: '_',
        }),
        Mutant::new("C04", "reads keys as glob patterns", || Patterns {
            any: '*',
            one: '?',
        }),
        Mutant::new("C04", "destroys keys that begin alike", || DestroysPrefix),
        Mutant::new("C17", "keeps all namespaces in one table", || {
            OneTable(|_, key| key.to_owned())
        }),
        Mutant::new("C17", "puts nothing between namespace and key", || {
            OneTable(|namespace, key| format!("{namespace}{key}"))
        }),
        Mutant::new(
            "C17",
            "destroys a key in all namespaces",
            DestroysEverywhere::default,
        ),
    ]
}

/// Works under another key than it was given, if that is one.
struct Keys(fn(&str) -> String);

impl Deviation for Keys {
    fn key(&self, _namespace: &str, key: &SessionKey) -> SessionKey {
        SessionKey::new(self.0(key.as_str())).unwrap_or_else(|_| key.clone())
    }
}

/// Reads the record whose key is like this one.
struct Patterns {
    any: char,
    one: char,
}

#[async_trait]
impl Deviation for Patterns {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let pattern: Vec<char> = key.as_str().chars().collect();
        store
            .ask(|records| {
                let like = |key: &SessionKey| {
                    let text: Vec<char> = key.as_str().chars().collect();
                    self.matches(&pattern, &text)
                };
                let mut found = records
                    .0
                    .iter()
                    .filter(|(key, record)| like(key) && record.is_live());
                found.next().map(|(_, record)| record.value.clone())
            })
            .await
    }
}

impl Patterns {
    fn matches(&self, pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            ([any, rest @ ..], _) if *any == self.any => {
                (0..=text.len()).any(|skipped| self.matches(rest, &text[skipped..]))
            }
            ([expected, rest @ ..], [seen, left @ ..]) => {
                (expected == seen || *expected == self.one) && self.matches(rest, left)
            }
            (_, []) => false,
        }
    }
}

struct DestroysPrefix;

#[async_trait]
impl Deviation for DestroysPrefix {
    async fn destroy(&self, store: &Reference, key: &SessionKey) -> Result<()> {
        let begins_alike = |other: &SessionKey| other.as_str().starts_with(key.as_str());
        store
            .ask(|records| records.0.retain(|other, _| !begins_alike(other)))
            .await
    }
}

/// Keeps every namespace in one table, under a name made of namespace and key.
struct OneTable(fn(&str, &str) -> String);

impl Deviation for OneTable {
    fn key(&self, namespace: &str, key: &SessionKey) -> SessionKey {
        SessionKey::new(self.0(namespace, key.as_str())).unwrap_or_else(|_| key.clone())
    }

    fn open(&self, server: &Server, setup: &Setup) -> Reference {
        Reference::over(server, server.table("sessions"), setup)
    }
}

/// Marks the places of destroyed records in a table that all namespaces share.
#[derive(Default)]
struct DestroysEverywhere(OnceLock<Reference>);

#[async_trait]
impl Deviation for DestroysEverywhere {
    fn open(&self, server: &Server, setup: &Setup) -> Reference {
        let graves = Reference::over(server, server.table("graves"), setup);
        self.0.get_or_init(|| graves);
        Reference::open(server, setup)
    }

    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        if self.0.get().unwrap().get(key).await?.is_some() {
            return Ok(None);
        }
        store.get(key).await
    }

    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        self.0.get().unwrap().destroy(key).await?;
        store.set(key, value, max_age).await
    }

    async fn destroy(&self, _store: &Reference, key: &SessionKey) -> Result<()> {
        self.0.get().unwrap().set(key, b"", MaxAge::Session).await
    }
}

fn percent_decoded(key: &str) -> String {
    let (first, rest) = key.split_once('%').unwrap_or((key, ""));
    let mut decoded = first.to_owned();
    for part in rest.split('%').filter(|part| !part.is_empty()) {
        match part.get(..2).map(|digits| u8::from_str_radix(digits, 16)) {
            Some(Ok(byte)) => {
                decoded.push(char::from(byte));
                decoded.push_str(&part[2..]);
            }
            _ => {
                decoded.push('%');
                decoded.push_str(part);
            }
        }
    }
    decoded
}
