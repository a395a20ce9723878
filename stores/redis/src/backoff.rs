//! How long to wait before trying again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The first pause is up to this.
const SHORTEST: Duration = Duration::from_millis(20);
/// And no pause is over this.
const LONGEST: Duration = Duration::from_millis(500);

/// A pause after so many failures: the half of it is chance, so that the many clients of a server that
/// was away do not all come back in the same instant.
pub(crate) fn pause(failures: u32) -> Duration {
    let most = SHORTEST.saturating_mul(1 << failures.min(8)).min(LONGEST);
    most / 2 + (most / 2).mul_f64(chance())
}

/// Any number, another in each process and each time.
pub(crate) fn random() -> u64 {
    // Each state hashes by keys of its own, which the system made up.
    RandomState::new().hash_one(())
}

/// Anything from 0 to 1.
fn chance() -> f64 {
    let bits = u32::try_from(random() >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_differ_and_end() {
        let after = |failures| (0..100).map(move |_| pause(failures));
        for failures in [0, 1, 3, 8, 9, u32::MAX] {
            let (least, most) = (
                after(failures).min().unwrap(),
                after(failures).max().unwrap(),
            );
            assert!(least < most, "{least:?} after {failures} failures, always");
            assert!(SHORTEST / 2 <= least && most <= LONGEST);
        }
        assert!(after(0).max().unwrap() <= SHORTEST);
        assert!(after(9).min().unwrap() >= LONGEST / 2);
    }
}
