//! Avro files of touchpoints.

use apache_avro::from_value;
use motmot_core::Touchpoint;
use motmot_wire::Arrived;
use motmot_wire::file::{Blocks, Codec, FileError, FileWriter};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::samples::{arrived, plain};

pub(crate) fn written(touchpoints: &[Arrived<'_>], codec: Codec) -> Vec<u8> {
    let mut writer = FileWriter::new(Vec::new(), codec);
    for touchpoint in touchpoints {
        writer.push(touchpoint).unwrap();
    }
    writer.finish().unwrap()
}

/// Many different ones: several blocks.
fn many(count: usize) -> Vec<Arrived<'static>> {
    let touchpoint = |n: usize| Touchpoint { seq: i64::try_from(n).ok(), event_id: format!("e{n}").into(), ..plain("") };
    (0..count).map(|n| Arrived { arrived_at: None, touchpoint: touchpoint(n) }).collect()
}

proptest! {
    #[test]
    fn a_file_is_read_back_and_means_the_same_to_the_reference(
        touchpoints in vec(arrived(), 0..6),
        codec in prop_oneof![Just(Codec::Null), Just(Codec::Deflate)],
    ) {
        let bytes = written(&touchpoints, codec);
        let mut read = 0;
        for block in Blocks::open(bytes.as_slice()).unwrap() {
            for arrived in block.unwrap().touchpoints().unwrap() {
                prop_assert_eq!(&arrived.unwrap(), &touchpoints[read]);
                read += 1;
            }
        }
        prop_assert_eq!(read, touchpoints.len());
        let theirs: Vec<_> = apache_avro::Reader::new(bytes.as_slice()).unwrap().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(theirs.len(), touchpoints.len());
        for (theirs, ours) in theirs.iter().zip(&touchpoints) {
            prop_assert_eq!(&from_value::<Arrived<'_>>(theirs).unwrap(), ours);
        }
    }
}

#[test]
fn blocks_may_be_decoded_on_other_threads() {
    let touchpoints = many(20_000);
    let bytes = written(&touchpoints, Codec::Deflate);
    let blocks: Vec<_> = Blocks::open(bytes.as_slice()).unwrap().map(Result::unwrap).collect();
    assert!(blocks.len() > 2, "{} blocks", blocks.len());
    let ids: Vec<Vec<String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = blocks
            .into_iter()
            .map(|mut block| {
                scope.spawn(move || {
                    let (first, count) = (block.first_record(), block.count());
                    let ids: Vec<_> = block.touchpoints().unwrap().map(|t| t.unwrap().touchpoint.event_id.to_string()).collect();
                    assert_eq!((ids[0].clone(), ids.len() as u64), (format!("e{first}"), count));
                    ids
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let expected: Vec<_> = touchpoints.iter().map(|arrived| arrived.touchpoint.event_id.to_string()).collect();
    assert_eq!(ids.concat(), expected);
}

#[test]
fn the_same_touchpoints_make_the_same_bytes() {
    assert_eq!(written(&many(3), Codec::Null), written(&many(3), Codec::Null));
    assert_ne!(written(&many(3), Codec::Null), written(&many(4), Codec::Null));
}

/// Everything that is wrong with a file, in words, and how many records could be read.
fn read(bytes: &[u8]) -> (u64, Vec<String>) {
    let (mut whole, mut errors) = (0, Vec::new());
    match Blocks::open(bytes) {
        Err(e) => errors.push(e.to_string()),
        Ok(blocks) => {
            for block in blocks {
                match block.and_then(|mut block| Ok(block.touchpoints()?.map(|read| read.map(|_| ())).collect::<Vec<_>>())) {
                    Err(e) => errors.push(e.to_string()),
                    Ok(records) => {
                        for record in records {
                            record.map_or_else(|e| errors.push(e.to_string()), |()| whole += 1);
                        }
                    }
                }
            }
        }
    }
    (whole, errors)
}

#[track_caller]
fn check(bytes: &[u8], whole: u64, words: &str) {
    let (read, errors) = read(bytes);
    assert_eq!(read, whole, "{errors:?}");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains(words), "{errors:?}");
}

#[test]
fn a_damaged_file_says_where() {
    let bytes = written(&many(20_000), Codec::Null);
    let (whole, _) = read(&bytes);
    assert_eq!(whole, 20_000);
    check(b"PK\x03\x04 and more", 0, "begins with [50, 4B, 03, 04]");
    check(b"", 0, "begins with []");
    check(&bytes[..2_000], 0, "header is damaged at byte 2000");
    let sync = bytes[bytes.len() - 16..].to_vec();
    let first = bytes.windows(16).position(|window| window == sync).unwrap() + 16;
    check(&bytes[..first + 9], 0, &format!("block 0 (from byte {first}, first record 0) is damaged: the file ends after"));
    let cut = bytes.len() - 10;
    let (whole, errors) = read(&bytes[..cut]);
    assert!(whole > 0 && errors[0].contains(&format!("the {whole} records before it are whole")), "{errors:?}");
    let mut other_sync = bytes.clone();
    *other_sync.last_mut().unwrap() ^= 1;
    let (_, errors) = read(&other_sync);
    assert!(errors[0].contains("sync marker"), "{errors:?}");
}

#[test]
fn a_block_that_cannot_be_decompressed_says_so() {
    let mut bytes = written(&many(10), Codec::Deflate);
    let end = bytes.len() - 16;
    bytes[end - 40..end].fill(0xff);
    check(&bytes, 0, "it cannot be decompressed");
}

#[test]
fn one_unusable_record_leaves_the_others_and_damage_ends_the_block() {
    let mut touchpoints = many(5);
    touchpoints[1].touchpoint.rating = Some(9);
    let bytes = written(&touchpoints, Codec::Null);
    check(&bytes, 4, "record 1 (block 0): the touchpoint cannot be: rating is 9");
    let broken = |id: &[u8], by: &[u8]| {
        let mut bytes = written(&many(5), Codec::Null);
        let at = bytes.windows(id.len()).position(|window| window == id).unwrap();
        bytes[at..at + by.len()].copy_from_slice(by);
        bytes
    };
    check(&broken(b"e3", b"\xff"), 4, "record 3 (block 0): the touchpoint is whole, but");
    check(&broken(b"\x04e3", b"\x05"), 3, "with it 1 more records of its block are lost");
}

/// A list is read no further than it takes to know that it is too long, and yet the next record is found.
#[test]
fn a_list_that_is_too_long_is_passed_over() {
    let mut touchpoints = many(3);
    touchpoints[1].touchpoint.kept_promises = vec!["".into(); 100_000];
    for codec in [Codec::Null, Codec::Deflate] {
        check(
            &written(&touchpoints, codec),
            2,
            "record 1 (block 0): the touchpoint cannot be: kept_promises has more than 64 entries",
        );
    }
}

#[test]
fn a_file_of_something_else_is_refused() {
    let moments = apache_avro::Schema::parse_str(motmot_wire::RecordType::Moment.json()).unwrap();
    let bytes = apache_avro::Writer::new(&moments, Vec::new()).into_inner().unwrap();
    check(&bytes, 0, "moment");
    let mut snappy = written(&many(1), Codec::Null);
    let at = snappy.windows(4).position(|window| window == b"null" && window.len() == 4);
    let codec = snappy.windows(14).position(|window| window == b"avro.codec\x08nul").unwrap() + 11;
    assert!(at.is_some());
    snappy[codec..codec + 4].copy_from_slice(b"zstd");
    let error = Blocks::open(snappy.as_slice()).unwrap_err();
    assert!(matches!(&error, FileError::Codec { name } if name == "zstd"), "{error}");
}
