#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plugwire_fuzz::targets::codec_rich(data));
