//! The code that is generated of the protocol's files is committed, so that building Forge takes no
//! compiler for them. Here it is generated anew and compared.
//!
//! After a change of `forge-router/proto`:
//! `FORGE_GENERATE=1 cargo nextest run -p forge-tests --test generated_grpc`

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

use std::fs;
use std::path::Path;

use forge_tests::{TempDir, checkout};
use prost::Message;
use tonic_prost_build::Builder;

/// What of the protocol a side needs, and where it is committed.
struct Side {
    folder: &'static str,
    files: &'static [&'static str],
}

const SERVER: Side =
    Side { folder: "forge-router/src/grpc/generated", files: &["inference.rs", "descriptors.bin"] };

const CLIENT: Side = Side { folder: "tests/tests/end_to_end/generated", files: &["inference.rs"] };

#[test]
fn what_is_committed_is_what_is_generated() {
    let server = TempDir::new();
    let message = "crate::grpc::Kept";
    generate(server.path(), |builder| {
        builder.build_client(false).extern_path(".inference.ModelInferRequest", message)
    });
    compare(&SERVER, server.path());
    let client = TempDir::new();
    generate(client.path(), |builder| builder.build_server(false));
    compare(&CLIENT, client.path());
}

/// Writes the code and the descriptors for reflection into a directory.
fn generate(into: &Path, side: impl FnOnce(Builder) -> Builder) {
    let protocol = checkout().join("forge-router/proto");
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
    side(builder).compile_fds(descriptors).unwrap();
}

fn compare(side: &Side, generated: &Path) {
    for name in side.files {
        let committed = checkout().join(side.folder).join(name);
        let new = fs::read(generated.join(name)).unwrap();
        if std::env::var_os("FORGE_GENERATE").is_some() {
            fs::write(&committed, &new).unwrap();
        }
        let is_same = fs::read(&committed).is_ok_and(|old| old == new);
        assert!(is_same, "{} is not what is generated now", committed.display());
    }
}
