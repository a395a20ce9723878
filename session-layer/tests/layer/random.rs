//! Numbers for randomised tests, from a seed that is printed and can be given back.

pub(crate) struct Random(u64);

impl Random {
    /// The seed is `SESSION_LAYER_SEED`, or new each time.
    pub(crate) fn new() -> Self {
        let seed = match std::env::var("SESSION_LAYER_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => getrandom::u64().unwrap(),
        };
        println!("SESSION_LAYER_SEED={seed}");
        Self(seed)
    }

    /// SplitMix64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}
