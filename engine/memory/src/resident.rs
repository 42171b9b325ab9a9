//! The device's copy of what kernels read: codes of vectors, graph and columns. A cache, rebuilt from State whenever the device is
//! opened.
//!
//! Everything the domain computes in bulk goes through here, as recordings: nothing above knows a buffer.

mod compete;
mod graph;
mod rows;
mod spread;

use cortexkg_compute::analytics::Analytics;
use cortexkg_compute::index::{Checkpoint, IndexOptions};
use cortexkg_compute::kernels::shared::csr::Csr;
use cortexkg_compute::kernels::{
    activation_spread, column_compete, encode_rows, lateral_inhibit, similarity_topk, ttfs_encode,
};
use cortexkg_compute::{Buffer, Device, DeviceInfo, Kernel, Recording, Stored};

use crate::Error;
use crate::settings::RecallSettings;
use crate::state::State;
use crate::state::vectors::Vectors;
use compete::Grid;
use rows::Rows;

pub use compete::{Contest, Seat};
pub use graph::GraphCopy;
pub use spread::{Fired, SpreadLane, Spreading};

/// What every store plays. Whoever opens a device for one makes them ready, so that no call waits for a compiler, and a device that
/// cannot play one of them is found out at once.
pub static KERNELS: [&Kernel; 6] = [
    &encode_rows::KERNEL,
    &similarity_topk::KERNEL,
    &activation_spread::KERNEL,
    &ttfs_encode::KERNEL,
    &column_compete::KERNEL,
    &lateral_inhibit::KERNEL,
];

/// Bytes that an analysis takes beside arrays as large as the graph.
const ANALYSIS_BYTES: u64 = 128 << 20;

/// Device arrays of one state.
pub struct Resident {
    device: Device,
    rows: Rows,
    graph: GraphCopy,
    grid: Grid,
}

impl Resident {
    /// An empty copy on a device.
    pub fn new(device: Device, vectors: IndexOptions) -> Self {
        let rows = Rows::new(&device, vectors);
        Resident { device, rows, graph: GraphCopy::default(), grid: Grid::default() }
    }

    /// Tells the device what changed since the last call.
    pub fn sync(&mut self, state: &mut State) -> Result<(), Error> {
        self.rows.sync(&mut self.device, state)?;
        self.grid.sync(&mut self.device, state)?;
        let (graph, owners) = state.graph_and_owners();
        self.graph.sync(&mut self.device, graph, owners)
    }

    /// Spreads all lanes; for each, what fired, by time. The graph must be in step with the state.
    pub fn spread(
        &mut self,
        state: &State,
        settings: &RecallSettings,
        lanes: &[&SpreadLane],
        filtered: bool,
    ) -> Result<Vec<Vec<Fired>>, Error> {
        let spreading = Spreading { settings, memories: state.memories() as u32, filtered };
        self.graph.spread(&mut self.device, spreading, lanes)
    }

    /// Best rows for each query among those its mask allows: (row, inner product), best first, ties by row. All of them while they
    /// are few; in large stores most of them, found by walking a graph.
    pub fn nearest(
        &mut self,
        vectors: &Vectors,
        queries: &[Vec<f32>],
        masks: &[Vec<u64>],
        k: usize,
    ) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        let originals = vectors.originals();
        self.rows.nearest(&mut self.device, originals, queries, masks, k)
    }

    /// Work for idle moments, in step with the state: brings up to `rows_max` rows into the graph that searches of large stores walk.
    /// Gives how many are left; until then they are found by a scan. On a device without that graph, parts the rows of very large
    /// stores into cells.
    pub fn tend(&mut self, state: &State, rows_max: usize) -> Result<usize, Error> {
        self.rows.tend(&mut self.device, state.vectors.originals(), rows_max)
    }

    /// Vectors in that graph.
    pub fn linked(&self) -> usize {
        self.rows.linked()
    }

    /// How many of them came or went since it was last saved.
    pub fn unsaved(&self) -> usize {
        self.rows.unsaved()
    }

    /// The graph of vectors as it is, to be kept for the next start; none if there is none.
    pub fn checkpoint(&mut self) -> Result<Option<Checkpoint>, Error> {
        self.rows.checkpoint(&mut self.device)
    }

    /// Takes up a graph that was saved, for a state that was synced and not tended yet. Gives the vectors it holds; those that are not
    /// what they were are linked anew when there is time. A graph of another kind is refused, and nothing changes.
    pub fn restore(&mut self, saved: &Checkpoint) -> Result<usize, Error> {
        self.rows.restore(&mut self.device, saved)
    }

    /// For each new vector: live rows and earlier vectors of the batch that resemble it by at least `score_min`, best first. Earlier
    /// vectors are numbered from the end of the rows.
    pub fn nearest_to_batch(
        &mut self,
        vectors: &Vectors,
        batch: &[Vec<f32>],
        alive: &[u64],
        k: usize,
        score_min: f32,
    ) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        self.rows.nearest_to_batch(&mut self.device, vectors.originals(), batch, alive, k, score_min)
    }

    /// Brings a graph to the device for the time of an analysis. A graph for which the device has no room is refused, and the
    /// device stays as it is.
    pub fn analyze<'a>(&'a mut self, graph: &'a Csr) -> Result<Analytics<'a>, Error> {
        let largest = graph.ends().max(graph.nodes() + 1) as u64 * 4;
        let free = self.device.free_bytes().saturating_sub(ANALYSIS_BYTES);
        if largest > self.device.info().binding_bytes_max || 2 * largest + graph.nodes() as u64 * 32 > free {
            let why = format!(
                "analysis_type: the device has no room for {} links; name memory_ids with a small max_depth",
                graph.ends() / 2
            );
            return Err(Error::Refused { why });
        }
        Ok(Analytics::new(&mut self.device, graph)?)
    }

    /// Bytes of device buffers.
    pub fn bytes(&self) -> u64 {
        self.device.used_bytes()
    }

    /// What computes.
    pub fn device(&self) -> &DeviceInfo {
        self.device.info()
    }
}

impl From<cortexkg_compute::Error> for Error {
    fn from(error: cortexkg_compute::Error) -> Self {
        Error::Device(error.to_string())
    }
}

/// A buffer that holds `values` once the recording is played: one way to the device and back for all that a call sends.
fn sent<T: Stored>(
    device: &mut Device,
    recording: &mut Recording,
    label: &'static str,
    values: &[T],
) -> Result<Buffer<T>, Error> {
    let buffer = device.create(label, values.len())?;
    recording.write(&buffer, 0, values);
    Ok(buffer)
}

/// Makes a buffer at least as long as `len`, a sixteenth longer if it must move.
fn make_room<T: Stored>(
    device: &mut Device,
    buffer: &mut Option<Buffer<T>>,
    label: &'static str,
    len: usize,
) -> Result<(), Error> {
    match buffer {
        None => *buffer = Some(device.create(label, len.max(1))?),
        Some(buffer) if buffer.len() < len => {
            // No more than one binding holds, as long as that is enough.
            let most = device.info().binding_bytes_max as usize / T::ELEMENT.bytes();
            device.grow(buffer, (len + len / 16).min(most.max(len)))?;
        }
        Some(_) => {}
    }
    Ok(())
}
