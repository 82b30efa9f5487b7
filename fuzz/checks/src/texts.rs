//! Files and headers that are text: the strategy, the mapping, a snapshot's manifest, what travels beside a commit or a row.

use std::sync::{Arc, LazyLock};

use motmot_core::Strategy;
use motmot_core::yaml::Problems;
use motmot_wire::{DeadLetter, Evidence};

use crate::borrowed::manifest::{Manifest, Name};
use crate::borrowed::mapping::{Mapper, Mapping, RowAt, header_names};
use crate::borrowed::metadata::CommitMetadata;
use crate::borrowed::swap_record::SwapRecord;
use crate::borrowed::table::Records;
use crate::halves;
use crate::memory::Allowance;

/// A node of YAML takes two bytes at least; a problem is told in two sentences, which quote the file.
const YAML: Allowance = Allowance { a_byte: 8_192, base: 1 << 20 };

/// A refusal says where and how to mend it.
fn refused(text: &str, problems: &Problems) {
    let lines = text.matches(['\n', '\r']).count() + 2; // YAML ends a line at either, and its own end is a line more
    assert!(!problems.is_empty());
    for problem in problems.sorted() {
        assert!(problem.place.line <= lines && !problem.mend.is_empty(), "{problem:?}");
    }
    assert!(!problems.to_string().contains("bug of motmot"), "{problems}");
}

/// A strategy: loaded, told in words, and compared with itself and with another.
pub fn strategy(bytes: &[u8]) -> bool {
    static EXAMPLE: LazyLock<Option<Strategy>> = LazyLock::new(|| Strategy::load("example", crate::seeds::STRATEGY).ok());
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let strategy = match YAML.hold(text.len(), || Strategy::load("strategy.yaml", text)) {
        Ok(strategy) => strategy,
        Err(problems) => {
            refused(text, &problems);
            return false;
        }
    };
    strategy.rules.iter().for_each(|rule| assert!(!rule.words(&strategy.segments).is_empty()));
    assert!(strategy.diff(&strategy).is_empty());
    if let Some(example) = EXAMPLE.as_ref() {
        let _ = (strategy.diff(example), example.diff(&strategy));
    }
    true
}

/// A mapping, and behind it a file.
pub fn mapping(bytes: &[u8]) -> bool {
    let (mapping, file) = halves(bytes);
    let Ok(text) = std::str::from_utf8(mapping) else { return false };
    match YAML.hold(text.len(), || Mapping::load("mapping.yaml", text)) {
        Ok(mapping) => is_mapped(mapping, file),
        Err(problems) => {
            refused(text, &problems);
            false
        }
    }
}

/// Maps the rows of a file as an import does; says whether there was a touchpoint.
fn is_mapped(mapping: Mapping, file: &[u8]) -> bool {
    const ROWS: Allowance = Allowance { a_byte: 4_096, base: 1 << 20 };
    let mapping = Arc::new(mapping);
    let mut is_mapped = false;
    ROWS.hold(file.len(), || {
        let mut mapper = Mapper::new(Arc::clone(&mapping));
        let mut records = Records::new(file, mapping.format.delimiter, mapping.format.quote);
        let mut record = Vec::new();
        let has_header = mapping.format.header && records.next(&mut record).is_ok_and(|header| header.is_some());
        let names = header_names(&record, &mapping);
        if let Err(bad) = mapper.begin(has_header.then_some(names.as_slice())) {
            assert!(!bad.to_string().is_empty());
            return;
        }
        let mut row = 0;
        while let Ok(Some(_)) = records.next(&mut record) {
            row += 1;
            let outcome = mapper.map(&record, RowAt { row }, |mapped| {
                is_mapped = true;
                assert_eq!(mapped.touchpoint.validate(), Ok(()));
            });
            assert!(outcome.is_ok() || outcome.is_err_and(|bad| !bad.to_string().is_empty()));
        }
    });
    is_mapped
}

/// A snapshot's name and its manifest. What is read leads to no other folder.
pub fn manifest(bytes: &[u8]) -> bool {
    const MANIFEST: Allowance = Allowance { a_byte: 64, base: 64 << 10 };
    let name = std::str::from_utf8(bytes).ok().and_then(Name::parse);
    if let Some((name, is_set_aside)) = name {
        assert!(bytes.starts_with(name.to_string().as_bytes()) && Name::parse(&name.to_string()) == Some((name, false)));
        assert_eq!(is_set_aside, bytes.len() > name.to_string().len());
    }
    let read = match MANIFEST.hold(bytes.len(), || Manifest::decode("fuzzed.json", bytes)) {
        Ok(read) => read,
        Err(refused) => {
            assert!(refused.to_string().contains("fuzzed.json"), "{refused}");
            return name.is_some();
        }
    };
    let Ok(written) = serde_json::to_vec(&read) else { panic!("{read:?}") };
    assert!(Manifest::decode("again", &written).is_ok_and(|again| again == read));
    assert!(read.meta().is_some_and(|meta| meta.offset == read.offset));
    let _ = read.bytes();
    for file in &read.files {
        for name in [&file.name, &file.object] {
            assert_eq!(std::path::Path::new(name).file_name(), Some(name.as_ref()), "{name} is not one folder's");
        }
    }
    true
}

/// The text beside a committed offset.
pub fn commit_metadata(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some(read) = CommitMetadata::parse(text) else { return false };
    assert_eq!(CommitMetadata::parse(&read.encode()), Some(read));
    true
}

/// The record of a swap in the topic of strategies.
pub fn swap_record(bytes: &[u8]) -> bool {
    const SWAP: Allowance = Allowance { a_byte: 16, base: 4_096 };
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some(read) = SWAP.hold(text.len(), || SwapRecord::parse(text)) else { return false };
    assert!(SwapRecord::is_key(&read.key()));
    assert_eq!(SwapRecord::parse(&read.value()), Some(read));
    true
}

/// The headers of a row (its evidence) and of a dead letter.
pub fn headers(bytes: &[u8]) -> bool {
    const HEADERS: Allowance = Allowance { a_byte: 64, base: 4_096 };
    const NAMES: [&str; 8] = ["reason", "detail", "topic", "partition", "offset", "timestamp", "version", "other"];
    let evidence = HEADERS.hold(bytes.len(), || Evidence::parse(bytes));
    if let Some(Evidence { partition, offsets, .. }) = &evidence {
        let mut written = String::new();
        Evidence::write(*partition, offsets, &mut written);
        let read = Evidence::parse(written.as_bytes());
        let kept = read.map(|read| (read.partition, read.offsets.len() + read.more));
        assert_eq!(kept, Some((*partition, offsets.len())), "{written}");
    }
    let named: Vec<(String, &[u8])> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split_first())
        .filter_map(|(name, value)| Some((format!("motmot.dead.{}", NAMES.get(usize::from(name % 8))?), value)))
        .collect();
    let parsed = HEADERS.hold(bytes.len(), || DeadLetter::parse(named.iter().map(|(name, value)| (name.as_str(), *value))));
    let Some(mut letter) = parsed else { return evidence.is_some() };
    letter.detail.truncate(letter.detail.floor_char_boundary(DeadLetter::MAX_DETAIL));
    let written = letter.headers();
    assert_eq!(DeadLetter::parse(written.iter().map(|(name, value)| (*name, value.as_slice()))), Some(letter));
    true
}
