#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plugwire_fuzz::targets::yamux_frames(data));
