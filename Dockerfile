# CortexKG without a GPU. `docker build -t cortexkg .`, then
#   docker run -d --network host -v cortexkg:/var/lib/cortexkg cortexkg           MCP on 127.0.0.1:8080/mcp, gRPC on :50051
#   docker run -i --rm -v cortexkg:/var/lib/cortexkg cortexkg mcp                 MCP over standard input and output
# The server listens on loopback alone, since it has no authentication yet: hence the host's network, or a pod that is shared
# with whoever calls. Publishing a port would reach nobody.

# The compiler of rust-toolchain.toml, on the release of Debian that the image is made of, so that both have one C library.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
# The image has this compiler; without this, rustup would fetch the components for linting that the file names beside it.
ENV RUSTUP_TOOLCHAIN=1.95.0
COPY . .
# Downloads and objects stay in the builder's cache, so the binary is copied out of it in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --package cortexkg \
    && install -D target/dist/cortexkg /out/cortexkg \
    && install -d /out/data

# What the binary links: glibc and libgcc, and nothing else; certificates of remote model servers are built in.
FROM debian:12.12-slim
LABEL org.opencontainers.image.title="CortexKG" \
      org.opencontainers.image.description="Associative long-term memory for AI agents" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /out/cortexkg /usr/local/bin/cortexkg
# A new volume takes its owner from the folder that it covers.
COPY --from=build --chown=65532:65532 /out/data /var/lib/cortexkg
COPY LICENSE-APACHE LICENSE-MIT /usr/share/doc/cortexkg/
# Nobody of the image. By number, so that orchestrators can see that it is not root.
USER 65532:65532
ENV CORTEXKG__DATABASE__KNOWLEDGE_GRAPH_PATH=/var/lib/cortexkg/data \
    CORTEXKG__LOGGING__FORMAT=json
VOLUME ["/var/lib/cortexkg"]
# A start reads the snapshot and the log behind it: half a minute is millions of memories.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/cortexkg", "health"]
# Drains what is in flight (10 s at most), syncs and writes a snapshot.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/cortexkg"]
CMD ["serve"]
