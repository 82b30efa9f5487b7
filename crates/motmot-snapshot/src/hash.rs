//! SHA-256 of files: `sha256sum` of any machine can check an object against its name, and the hardware helps.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;

/// The hash of a file's content in hex, and its size.
pub(crate) fn of_file(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let (mut context, mut size, mut chunk) = (Context::new(&SHA256), 0, vec![0; CHUNK]);
    loop {
        let read = file.read(&mut chunk)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        context.update(bytes);
        size += bytes.len() as u64;
    }
    Ok((hex(context.finish().as_ref()), size))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap_or_default(); // writing to a String cannot fail
        text
    })
}

/// A number that no other process draws.
pub(crate) fn unique() -> u64 {
    let mut bytes = [0; 8];
    // The system's source of randomness does not fail once it has begun; should it, names collide with each other and are refused.
    if SystemRandom::new().fill(&mut bytes).is_err() {
        tracing::error!("the system gives no random numbers");
    }
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_what_sha256sum_says() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(super::of_file(file.path()).unwrap(), (expected.to_owned(), 3));
    }
}
