//! The code that is generated of the protocol's files is committed, so that building Forge takes no
//! compiler for them. Here it is generated anew and compared.
//!
//! After a change of `forge-proto/proto`:
//! `FORGE_GENERATE=1 cargo nextest run -p forge-tests --test generated_grpc`

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

use std::fs;
use std::path::Path;

use forge_tests::{TempDir, checkout};
use prost::Message;
use tonic_prost_build::Builder;

/// Where code is committed, and which of the generated files are.
struct Committed {
    folder: &'static str,
    files: &'static [&'static str],
}

/// The messages and the client.
const PROTOCOL: Committed =
    Committed { folder: "forge-proto/src/generated", files: &["inference.rs", "descriptors.bin"] };

const SERVER: Committed =
    Committed { folder: "forge-router/src/grpc/generated", files: &["inference.rs"] };

#[test]
fn the_messages_and_the_client_are_what_is_generated() {
    let generated = TempDir::new();
    generate(generated.path(), |builder| {
        builder
            .build_server(false)
            .client_mod_attribute("inference", r#"#[cfg(feature = "client")]"#)
    });
    compare(&PROTOCOL, generated.path());
}

#[test]
fn the_server_is_what_is_generated() {
    let generated = TempDir::new();
    generate(generated.path(), |builder| {
        builder
            .build_client(false)
            .extern_path(".inference", "::forge_proto")
            .extern_path(".inference.ModelInferRequest", "crate::grpc::Kept")
    });
    compare(&SERVER, generated.path());
}

/// Writes the code and the descriptors for reflection into a directory.
fn generate(into: &Path, half: impl FnOnce(Builder) -> Builder) {
    let protocol = checkout().join("forge-proto/proto");
    let mut descriptors = protox::compile(["grpc_service.proto"], [protocol]).unwrap();
    // Comments and where things stand: reflection tells neither, and the code needs none.
    descriptors.file.iter_mut().for_each(|file| file.source_code_info = None);
    fs::write(into.join("descriptors.bin"), descriptors.encode_to_vec()).unwrap();
    let contents = [
        ".inference.ModelInferRequest.raw_input_contents",
        ".inference.ModelInferResponse.raw_output_contents",
    ];
    let builder = contents.into_iter().fold(tonic_prost_build::configure(), Builder::bytes);
    let builder = builder.build_transport(false).emit_rerun_if_changed(false).out_dir(into);
    half(builder).compile_fds(descriptors).unwrap();
}

fn compare(committed: &Committed, generated: &Path) {
    for name in committed.files {
        let path = checkout().join(committed.folder).join(name);
        let new = fs::read(generated.join(name)).unwrap();
        if std::env::var_os("FORGE_GENERATE").is_some() {
            fs::write(&path, &new).unwrap();
        }
        let is_same = fs::read(&path).is_ok_and(|old| old == new);
        assert!(is_same, "{} is not what is generated now", path.display());
    }
}
