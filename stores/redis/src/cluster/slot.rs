//! Which slot a name belongs to.

use crate::command::Name;

/// How many slots a cluster has.
pub(crate) const SLOTS: u16 = 16_384;

/// The slot of a name: of what is between its first `{` and the next `}`, if that is something, and else of
/// all of it, <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags>.
pub(crate) fn slot(name: Name<'_>) -> u16 {
    let open = name.bytes().position(|byte| byte == b'{').map(|at| at + 1);
    let tag = open.and_then(|begin| {
        let len = name.bytes().skip(begin).position(|byte| byte == b'}')?;
        (len > 0).then_some((begin, len))
    });
    let (begin, len) = tag.unwrap_or((0, usize::MAX));
    crc16(name.bytes().skip(begin).take(len)) % SLOTS
}

/// CRC16 as XMODEM has it.
fn crc16(bytes: impl Iterator<Item = u8>) -> u16 {
    bytes.fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use session_store_api::SessionKey;

    use super::*;

    fn of(prefix: &str, key: &str) -> u16 {
        let key = SessionKey::new(key).unwrap();
        slot(Name { prefix, key: &key })
    }

    #[test]
    fn as_redis_has_them() {
        // What `CLUSTER KEYSLOT` answers.
        assert_eq!(crc16(b"123456789".iter().copied()), 0x31C3);
        assert_eq!(of("", "foo"), 12_182);
        assert_eq!(of("f", "oo"), 12_182);
        assert_eq!(of("", "bar"), 5_061);
    }

    #[test]
    fn a_tag_decides() {
        assert_eq!(of("", "{foo}bar"), of("", "foo"));
        assert_eq!(of("x{fo", "o}bar{bar}"), of("", "foo"));
        assert_eq!(of("{", "{foo}"), of("", "{foo"));
        for whole in ["foo{}{bar}", "{}", "foo{bar", "foo}bar{"] {
            assert_eq!(of("", whole), crc16(whole.bytes()) % SLOTS, "{whole}");
        }
    }
}
