//! The gRPC door: the Memory service, health, and reflection in both versions clients ask for.

pub(crate) mod codec;
mod deadline;
mod decode;
mod encode;
mod memory;
mod refusal;
mod stream;

use std::time::Duration;

use cortexkg_engine::EngineHandle;
use futures::FutureExt;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::{Settings, call::Caller};
use memory::MemoryService;

/// Messages, client and server of `cortexkg.v1`, generated from `proto/cortexkg/v1/memory.proto`.
#[allow(missing_docs, clippy::all, unused_qualifications)]
pub mod proto {
    tonic::include_proto!("cortexkg.v1");
}

const MEMORY_DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/memory_descriptors.bin"));
const SERVICE_NAME: &str = "cortexkg.v1.Memory";

/// Largest answer: 100 memories of the longest content, in the widest characters, fit three times over.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Calls in flight on one connection.
const STREAMS_MAX: u32 = 1_024;
/// What a client may send ahead on one stream and on one connection. The default of 64 KiB caps a stream at 1 MB/s when
/// the way there and back takes 64 ms.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// Tells health checks whether the door serves.
#[derive(Clone)]
pub struct Serving(HealthReporter);

impl Serving {
    /// Sets the health of the server and of the Memory service; watchers are told at once.
    pub async fn set(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.0.set_service_status("", status).await;
        self.0.set_service_status(SERVICE_NAME, status).await;
    }
}

/// A server with limits set: flow control windows, streams a connection, keepalive, resets.
pub fn server() -> Server {
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_MAX)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .http2_max_pending_accept_reset_streams(Some(64))
        .tcp_nodelay(true)
}

/// The services of this door, serving from the start, and the switch that tells health checks otherwise.
pub fn routes(engine: EngineHandle, settings: &Settings) -> (Routes, Serving) {
    let service = MemoryService::new(Caller::new(engine, settings), settings.stream_in_flight_max);
    let memory = proto::memory_server::MemoryServer::new(service)
        .max_decoding_message_size(settings.message_bytes_max)
        .max_encoding_message_size(ANSWER_BYTES_MAX);

    let serving = Serving(HealthReporter::new());
    serving.set(true).now_or_never().expect("nothing else holds the reporter yet; this is a bug");
    let health = tonic_health::pb::health_server::HealthServer::new(
        tonic_health::server::HealthService::from_health_reporter(serving.0.clone()),
    );
    let describe = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(MEMORY_DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = Routes::new(memory)
        .add_service(health)
        .add_service(describe().build_v1().expect("descriptors come from the build script; this is a bug"))
        .add_service(
            describe().build_v1alpha().expect("descriptors come from the build script; this is a bug"),
        );
    (routes, serving)
}

#[cfg(test)]
mod tests {
    use super::MEMORY_DESCRIPTORS;
    use prost::Message;

    #[test]
    fn every_enum_starts_unspecified() {
        let descriptors = prost_types::FileDescriptorSet::decode(MEMORY_DESCRIPTORS).unwrap();
        let file = descriptors.file.iter().find(|file| file.package() == "cortexkg.v1").unwrap();
        assert_eq!(file.service[0].method.len(), 11);
        assert!(!file.enum_type.is_empty());
        for kind in &file.enum_type {
            assert_eq!(kind.value[0].number(), 0);
            assert!(kind.value[0].name().ends_with("_UNSPECIFIED"), "{}", kind.name());
        }
    }
}
