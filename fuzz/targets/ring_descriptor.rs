#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| forge_ipc::fuzzing::run("ring_descriptor", bytes));
