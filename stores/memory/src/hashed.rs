//! Keys that are hashed once: choosing the shard and every look-up inside it share one hash.

use std::hash::{BuildHasher, Hash, Hasher};

use moka::Equivalent;
use session_store_api::SessionKey;
use smallvec::SmallVec;

/// A key of up to so many bytes stands beside its hash; a longer one has an allocation of its own, which a look-up has
/// to wait for. 32 random bytes are 43 characters of base64.
pub(crate) const SHORT: usize = 48;

/// A borrowed key and its hash.
#[derive(Clone, Copy)]
pub(crate) struct Hashed<'a> {
    key: &'a SessionKey,
    hash: u64,
}

impl<'a> Hashed<'a> {
    /// The hash must resist chosen keys, so `hasher` is a keyed one.
    pub(crate) fn new(key: &'a SessionKey, hasher: &impl BuildHasher) -> Self {
        Self {
            key,
            hash: hasher.hash_one(key),
        }
    }

    pub(crate) fn key(&self) -> &'a SessionKey {
        self.key
    }

    /// The index of this key's shard among `shards`. It takes bits from the middle of the hash: moka finds
    /// its way inside a shard by the lowest and the highest.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the bits beyond a usize are not needed"
    )]
    pub(crate) fn index(&self, shards: usize) -> usize {
        (self.hash >> 32) as u16 as usize % shards
    }

    pub(crate) fn to_owned(self) -> OwnedHashed {
        OwnedHashed {
            key: SmallVec::from_slice(self.key.as_bytes()),
            hash: self.hash,
        }
    }
}

impl Hash for Hashed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Equivalent<OwnedHashed> for Hashed<'_> {
    fn equivalent(&self, other: &OwnedHashed) -> bool {
        self.hash == other.hash && self.key.as_bytes() == other.key.as_slice()
    }
}

/// An owned key and its hash: what a record is kept under.
#[derive(PartialEq, Eq)]
pub(crate) struct OwnedHashed {
    key: SmallVec<[u8; SHORT]>,
    hash: u64,
}

impl OwnedHashed {
    pub(crate) fn len(&self) -> usize {
        self.key.len()
    }
}

impl Hash for OwnedHashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Takes the hash that a key brings along.
#[derive(Clone, Copy, Default)]
pub(crate) struct Brought(u64);

impl BuildHasher for Brought {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self::default()
    }
}

impl Hasher for Brought {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 ^= hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}
