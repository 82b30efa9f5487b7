//! What all stores of a process share: one block cache, one bound on what is not flushed.

use rocksdb::{BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, LogLevel, Options, WriteBufferManager};

/// The memory that all stores of a process share: one block cache, and one bound on what is not flushed yet.
#[derive(Clone)]
pub struct Resources {
    cache: Cache,
    write_buffers: WriteBufferManager,
}

impl Resources {
    /// A block cache of `cache_bytes`, and write buffers of `write_buffer_bytes` in all, which count against the cache.
    pub fn new(cache_bytes: usize, write_buffer_bytes: usize) -> Self {
        let cache = Cache::new_lru_cache(cache_bytes);
        let write_buffers = WriteBufferManager::new_write_buffer_manager_with_cache(write_buffer_bytes, false, cache.clone());
        Self { cache, write_buffers }
    }

    pub(crate) fn options(&self) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&self.cache);
        // Most look-ups are for a cycle that has just begun, so for a row that is not there: the filter answers them.
        table.set_bloom_filter(10.0, false);
        table.set_whole_key_filtering(true);
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        // In small parts: whole ones are as large as a shard of a small cache and push each other out of it. Measured with 300,000 customers and a
        // cache of 64 MiB: more than three times the cost of an event, all of it in reading blocks.
        table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        table.set_partition_filters(true);
        table.set_format_version(5);

        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_block_based_table_factory(&table);
        options.set_memtable_prefix_bloom_ratio(0.02);
        options.set_memtable_whole_key_filtering(true);
        options.set_write_buffer_manager(&self.write_buffers);
        options.set_write_buffer_size(32 << 20);
        options.set_compression_type(DBCompressionType::Lz4);
        // A process has as many stores as partitions: none of them may take all of the process' files or threads.
        options.set_max_open_files(256);
        options.set_max_background_jobs(2);
        options.set_keep_log_file_num(2);
        options.set_log_level(LogLevel::Warn);
        options
    }
}

impl std::fmt::Debug for Resources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resources")
            .field("cache_used", &self.cache.get_usage())
            .field("write_buffers_used", &self.write_buffers.get_usage())
            .finish()
    }
}
