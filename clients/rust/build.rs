//! Makes the messages and stubs of the contract, in Rust alone: no protoc is needed.

use std::{env, path::PathBuf};

use prost::Message as _;

const PROTO: &str = "../../proto";
const FILES: [&str; 3] = ["error", "ingest_service", "query_service"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={PROTO}/agenttrace");
    let files = FILES.map(|name| format!("agenttrace/v1/{name}.proto"));
    let descriptors = protox::compile(files, [PROTO])?;
    // The conformance program reads ProtoJSON by the descriptors.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    std::fs::write(out.join("agenttrace.v1.binpb"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_server(false)
        .btree_map(".") // written in the order of the keys: the same message has the same bytes
        .compile_fds(descriptors)?;
    Ok(())
}
