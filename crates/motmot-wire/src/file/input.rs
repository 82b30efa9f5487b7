//! Reading primitives from a file, with the position at hand.

use std::io::{self, BufRead, Read as _};

/// What was wrong, in words; the caller knows whether it was in the header or in a block.
#[derive(Debug)]
pub(super) enum InputError {
    /// The system's error.
    Io(io::Error),
    /// The file's fault.
    Damaged(String),
}

/// A file that is read from its begin to its end.
#[derive(Debug)]
pub(super) struct Input<R> {
    inner: R,
    pub(super) position: u64,
}

impl<R: BufRead> Input<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, position: 0 }
    }

    /// Whether nothing follows.
    pub(super) fn is_at_end(&mut self) -> Result<bool, InputError> {
        self.inner.fill_buf().map(<[u8]>::is_empty).map_err(InputError::Io)
    }

    /// A variable-length number, zigzag.
    pub(super) fn number(&mut self) -> Result<i64, InputError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        Err(InputError::Damaged("a number has more than ten bytes".to_owned()))
    }

    /// A number that counts something, `limit` at most.
    pub(super) fn count(&mut self, what: &str, limit: u64) -> Result<u64, InputError> {
        let number = self.number()?;
        let count = u64::try_from(number).ok().filter(|count| *count <= limit);
        count.ok_or_else(|| InputError::Damaged(format!("{what} is {number}, outside 0 to {limit}")))
    }

    /// So many bytes, or those that are left. Memory is taken as they come, not by what the file claims.
    pub(super) fn up_to(&mut self, count: u64) -> Result<Vec<u8>, InputError> {
        let mut bytes = Vec::new();
        (&mut self.inner).take(count).read_to_end(&mut bytes).map_err(InputError::Io)?;
        self.position += bytes.len() as u64;
        Ok(bytes)
    }

    /// So many bytes.
    pub(super) fn bytes(&mut self, count: u64) -> Result<Vec<u8>, InputError> {
        let bytes = self.up_to(count)?;
        if bytes.len() as u64 == count {
            Ok(bytes)
        } else {
            Err(InputError::Damaged(format!("the file ends after {} of {count} bytes", bytes.len())))
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], InputError> {
        let mut array = [0; N];
        match self.inner.read_exact(&mut array) {
            Ok(()) => {
                self.position += N as u64;
                Ok(array)
            }
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(InputError::Damaged("the file ends here".to_owned())),
            Err(e) => Err(InputError::Io(e)),
        }
    }
}
