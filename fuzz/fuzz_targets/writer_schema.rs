#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    motmot_fuzz_checks::writer_schema(bytes);
});
