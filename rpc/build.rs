//! Compiles the .proto in pure Rust, so that building needs no protoc, and keeps its descriptors for reflection.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let descriptors = protox::compile(["cortexkg/v1/memory.proto"], ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("memory_descriptors.bin"), descriptors.encode_to_vec())?;
    // The codec bounds what decoding may allocate; see src/grpc/codec.rs.
    tonic_prost_build::configure()
        .codec_path("crate::grpc::codec::BoundedCodec")
        .disable_comments(["."])
        .compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=proto");
    Ok(())
}
