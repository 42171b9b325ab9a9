//! What a network is, in the units of the field: ms, mV, pA, pF, Hz.

/// A network. Neurons are numbered through the populations in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// Length of a step, ms.
    pub step_ms: f64,
    /// Seed of everything about synapses that is drawn.
    pub seed: u64,
    /// Neurons.
    pub populations: Vec<Population>,
    /// Synapses.
    pub projections: Vec<Projection>,
}

/// Neurons of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// Its name, for people.
    pub name: String,
    /// Neurons.
    pub size: u32,
    /// What they have in common.
    pub neuron: Lif,
    /// Constant current into each, pA.
    pub current_pa: Values,
    /// Potential of each at the start, mV.
    pub potential_mv: Values,
    /// Independent Poisson input of each.
    pub poisson: Option<Poisson>,
}

/// A leaky integrate-and-fire neuron with exponential synaptic currents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lif {
    /// Capacitance, pF.
    pub c_pf: f64,
    /// Time constant of the membrane, ms.
    pub tau_m_ms: f64,
    /// Time constant of excitatory currents, ms.
    pub tau_ex_ms: f64,
    /// Time constant of inhibitory currents, ms.
    pub tau_in_ms: f64,
    /// Potential at rest, mV.
    pub rest_mv: f64,
    /// Who reaches it fires, mV.
    pub threshold_mv: f64,
    /// Potential after a spike, mV, below the threshold.
    pub reset_mv: f64,
    /// For so long after a spike the potential stays at the reset, ms.
    pub refractory_ms: f64,
}

/// Poisson input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poisson {
    /// Events a second.
    pub rate_hz: f64,
    /// Weight of an event, pA; its sign tells the channel.
    pub weight_pa: f64,
}

/// One number for each of many things.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// The same for all.
    All(f64),
    /// Told one by one.
    Each(Vec<f64>),
    /// Drawn between two bounds. With a seed, thing `i` gets `low + (high - low) * u`, u from the upper 53 bits of
    /// splitmix64(seed << 40 | i), in every replica; without, each replica draws by its own seed.
    Uniform {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
        /// Below 2^24.
        seed: Option<u64>,
    },
    /// Drawn from a normal distribution. Weights keep the sign of the mean and delays are at least half a step: what is not is drawn
    /// again.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        sd: f64,
    },
}

/// Synapses from one population to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// Place of the source population.
    pub source: usize,
    /// Place of the target population.
    pub target: usize,
    /// Who is connected.
    pub wiring: Wiring,
    /// Weights, pA; the sign tells the channel.
    pub weight_pa: Values,
    /// Delays, ms, rounded to steps.
    pub delay_ms: Values,
    /// The rule by which weights learn.
    pub stdp: Option<Stdp>,
}

impl Projection {
    /// If its synapses are made when they are read.
    pub fn is_procedural(&self) -> bool {
        matches!(self.wiring, Wiring::OutDegree { procedural: true, .. })
    }
}

/// Who is connected.
#[derive(Clone, Debug, PartialEq)]
pub enum Wiring {
    /// Pairs of source and target, numbered within their populations.
    Pairs(Vec<[u32; 2]>),
    /// Each target has so many sources, drawn with replacement.
    InDegree {
        /// How many.
        count: u32,
        /// Whether a neuron may be its own source.
        autapses: bool,
    },
    /// Each pair is connected with a probability.
    Probability {
        /// From 0 to 1.
        p: f64,
        /// Whether a neuron may be its own source.
        autapses: bool,
    },
    /// Each source has so many targets, one in each stretch of the targets that is an equal part of them: see
    /// [`Fanout`](crate::simd::Fanout). Delays are not drawn; each source's are spread over the distribution.
    OutDegree {
        /// How many.
        count: u32,
        /// Whether a neuron may be its own target.
        autapses: bool,
        /// Whether rows are made when they are read, to the same bits as if they were stored: no memory, for more arithmetic.
        procedural: bool,
    },
    /// As `InDegree`, by a formula that other simulators can follow: source `k` of neuron `j` (numbered through all populations) is
    /// splitmix64(seed << 40 | j << 16 | first + k) mod size; who would be its own source takes the next.
    Hashed {
        /// How many.
        in_degree: u32,
        /// Number of the first.
        first: u32,
        /// Below 2^24.
        seed: u64,
    },
}

/// Pair rule of spike-timing-dependent plasticity: additive, all pairs, delay in the dendrite. A pair in the same step at the
/// synapse does not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stdp {
    /// Time constant of pairs with the source first, ms.
    pub tau_plus_ms: f64,
    /// Time constant of pairs with the target first, ms.
    pub tau_minus_ms: f64,
    /// What a pair adds at most, as a share of `weight_max_pa`.
    pub lambda: f64,
    /// How much more a pair takes than it adds.
    pub alpha: f64,
    /// No weight is above it, pA.
    pub weight_max_pa: f64,
}
