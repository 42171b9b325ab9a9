//! Weights that the product ships with: what `cortexkg eval fit --weights` found on the development sets.
//!
//! Notes and turns, pairs and belief: on the everyday worlds, LoCoMo and REALTALK with the default encoder. Passages: on MuSiQue and HotpotQA
//! (beside worlds and LoCoMo) with the static table, since embedding them with the encoder takes long.

use crate::retrieve::scorer::Scorer;

/// As fitted; each figure told of them is of weights fitted without what they were judged on.
#[rustfmt::skip]
pub const SHIPPED: Scorer = Scorer {
    evidence: [
        [-0.5930, -5.9286, 5.4411, -1.5836, 0.9013, 3.3995, 1.0559, -0.9336, -1.4207, -0.9336, 1.5130, 5.9524, 0.4111, 0.5613, 2.1489, 0.1880, -0.5918, -0.3830, 0.5084, 0.4506, 0.1072, 1.7073, 8.0536],
        [-5.0701, 3.5546, -0.3607, 3.2339, 1.1914, 2.4969, -0.1165, 1.7689, -1.2723, 2.0752, 1.4343, -0.0668, 0.9953, 0.2314, 10.0546, 8.5428, -1.0542, 0.8357, 0.0000, 0.6616, -0.1525, -5.5274, -0.9803],
        [-0.0606, 0.5600, 5.8929, -1.9178, -0.4186, -2.0202, 2.1117, -0.8894, 3.2737, -0.8894, -1.3241, -1.3408, 0.8222, 1.1226, -1.0503, -1.0475, 0.1191, -0.1915, 0.2543, 0.9012, 0.4911, 5.1357, 1.6958],
    ],
    bias: [0.0000, 0.0447, 0.0000],
    pair: [1.3649, 1.9436, 3.7384, 6.2450, 0.4305, 2.5958, 0.1438, -3.0255, -0.5116, -8.0605],
    belief: [0.0845, 0.3535, 0.1463, 0.9353, -0.3935, -1.7285, 1.2255, 0.2805, -0.2692, 0.9468, 0.0327, 0.0000, -0.2646],
    falloff: 0.5,
};
