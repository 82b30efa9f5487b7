//! Where Java producers put a key: murmur2, as Kafka's default partitioner has it.

/// The partition of a key, of so many.
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    // The sign bit is cut off, not the sign taken away: that is how Kafka's `toPositive` does it.
    let hash = i32::try_from(murmur2(key) & 0x7fff_ffff).unwrap_or(0);
    hash.checked_rem(partitions).unwrap_or(0)
}

/// murmur2 with Kafka's seed.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;

    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let (blocks, tail) = data.as_chunks::<4>();
    let mut hash = SEED ^ length;
    for block in blocks {
        let mut k = u32::from_le_bytes(*block).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (position, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * position);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own test (UtilsTest.testMurmur2).
    #[test]
    fn as_kafkas_own_test_has_it() {
        for (text, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()), hash.cast_unsigned(), "{text}");
        }
    }

    #[test]
    fn a_partition_is_one_of_those_that_are_there() {
        assert_eq!(partition_of(b"21", 1), 0);
        assert_eq!(partition_of(b"21", 8), (-973_932_308_i32 & 0x7fff_ffff) % 8);
        assert_eq!(partition_of(b"x", 0), 0, "no partitions: no panic");
    }
}
