//! Files that were not made for motmot: rows that a mapping makes touchpoints of.

use super::{Reading, check_rows};
use crate::error::ArchiveError;
use crate::input::Input;
use crate::mapping::{BadHeader, Mapper, Mapping, RowAt, RowOutcome, header_names};
use crate::spool::Place;
use crate::table::Records;

/// Rows between two reports of progress.
const ROWS_A_REPORT: u64 = 4_096;

impl Reading<'_> {
    pub(super) fn map_file(
        &mut self,
        file: usize,
        input: Input,
        mapper: &mut Mapper,
        mapping: Option<&Mapping>,
        tell: &dyn Fn(),
    ) -> Result<(), ArchiveError> {
        let Some(mapping) = mapping else { return Ok(()) };
        let failed = |source| ArchiveError::Read { path: input.path.clone(), source };
        let bad_header = |source: BadHeader| ArchiveError::Header { path: input.path.clone(), source };
        let mut records = Records::new(input.bytes, mapping.format.delimiter, mapping.format.quote);
        let mut record = Vec::new();
        if mapping.format.header {
            if records.next(&mut record).map_err(failed)?.is_none() {
                return Ok(());
            }
            mapper.begin(Some(&header_names(&record, mapping))).map_err(bad_header)?;
        } else {
            mapper.begin(None).map_err(bad_header)?;
        }
        let mut row = 0;
        while let Some(at) = records.next(&mut record).map_err(failed)? {
            row += 1;
            check_rows(row)?;
            self.map_row(file, row, at.line, &record, mapper)?;
            if row % ROWS_A_REPORT == 0 {
                tell();
            }
        }
        Ok(())
    }

    fn map_row(&mut self, file: usize, row: u64, line: u64, record: &[u8], mapper: &mut Mapper) -> Result<(), ArchiveError> {
        self.read.counts.rows += 1;
        let at = RowAt { row: i64::try_from(row).unwrap_or(i64::MAX) };
        let mut pushed = Ok(());
        let outcome = mapper.map(record, at, |mapped| {
            let place = Place::new(mapped.arrived_at, file, row, mapped.slot);
            if pushed.is_ok() {
                pushed = self.push(mapped.key, &mapped.touchpoint, place);
            }
        });
        pushed?;
        match outcome {
            Ok(RowOutcome::Mapped(_)) => {}
            Ok(RowOutcome::Ignored) => self.read.counts.ignored_rows += 1,
            Err(bad) => {
                self.read.counts.dead_rows += 1;
                self.list(file, line, bad.to_string());
            }
        }
        Ok(())
    }
}
