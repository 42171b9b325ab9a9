//! Benches of kernels (`cargo bench -p cortexkg-benches`); dated figures of whole runs are kept in `record/`.
