//! Where random choices come from, so that a failure can be repeated.

use std::env;

use crate::random::Random;

/// The variable that repeats a run.
pub(crate) const VARIABLE: &str = "SESSION_STORE_SEED";

/// The seed of the environment, or a new one.
pub(crate) fn choose() -> u64 {
    match env::var_os(VARIABLE) {
        Some(text) if !text.is_empty() => parse(&text.to_string_lossy()),
        _ => getrandom::u64().expect("the operating system gives random numbers"),
    }
}

/// The seed of one case: other cases, or leaving some out, do not change it.
pub(crate) fn derive(seed: u64, case: &str) -> u64 {
    Random::new(seed ^ hash(case)).number()
}

/// A number is itself; any other text is a seed too.
fn parse(text: &str) -> u64 {
    text.trim().parse().unwrap_or_else(|_| hash(text))
}

/// FNV-1a: short, and the same on every machine and in every release.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_itself_and_any_text_is_a_seed() {
        assert_eq!(parse("42"), 42);
        assert_eq!(parse(" 42\n"), 42);
        assert_eq!(parse("18446744073709551615"), u64::MAX);
        assert_eq!(parse("a"), 0xAF63_DC4C_8601_EC8C, "as FNV publishes it");
        assert_ne!(parse("18446744073709551616"), parse("-1"));
    }

    #[test]
    fn each_case_has_its_own_seed_and_keeps_it() {
        assert_eq!(derive(7, "c01_a"), derive(7, "c01_a"));
        assert_ne!(derive(7, "c01_a"), derive(7, "c01_b"));
        assert_ne!(derive(7, "c01_a"), derive(8, "c01_a"));
    }
}
