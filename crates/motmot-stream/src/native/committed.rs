//! What lies beside a committed offset, whatever its bytes are.
//!
//! Why: rdkafka's `TopicPartitionListElem::metadata` panics when it is not UTF-8, and anybody may have written it.
#![allow(unsafe_code, reason = "rdkafka's reader of commit metadata panics on foreign bytes")]

use rdkafka::TopicPartitionList;

/// The metadata of a list's entry as text; none where there is none, or it is no text.
pub(crate) fn metadata(list: &TopicPartitionList, entry: usize) -> Option<String> {
    // SAFETY: the list is valid while it is borrowed; the entry is within its count; a metadata pointer that is not null has the
    // given size. The bytes are copied out.
    unsafe {
        let list = list.ptr().as_ref()?;
        if entry >= usize::try_from(list.cnt).ok()? || list.elems.is_null() {
            return None;
        }
        let element = list.elems.add(entry).as_ref()?;
        if element.metadata.is_null() {
            return None;
        }
        let bytes = std::slice::from_raw_parts(element.metadata.cast::<u8>().cast_const(), element.metadata_size);
        String::from_utf8(bytes.to_vec()).ok()
    }
}
