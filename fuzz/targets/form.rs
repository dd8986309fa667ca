#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| forge_router::fuzzing::run("form", bytes));
