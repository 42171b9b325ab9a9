//! Weights that the product ships with: what `cortexkg eval fit --weights` found on the development sets.
//!
//! Notes and turns, pairs and belief: on the everyday worlds, LoCoMo and REALTALK with the default encoder. Passages: on MuSiQue and HotpotQA
//! (beside worlds and LoCoMo) with the static table, since embedding them with the encoder takes long.

use crate::retrieve::scorer::Scorer;

/// As fitted; each figure told of them is of weights fitted without what they were judged on.
#[rustfmt::skip]
pub const SHIPPED: Scorer = Scorer {
    evidence: [
        [-0.5931, -5.9286, 5.4413, -1.5836, 0.9013, 3.3994, 1.0559, -0.9335, -1.4208, -0.9335, 1.5130, 5.9524, 0.4111, 0.5614, 2.1489, 0.1880, -0.5918, -0.3831, 0.5084, 0.4505, 0.1072, 1.7072, 8.0535],
        [-5.0701, 3.5546, -0.3607, 3.2339, 1.1914, 2.4969, -0.1165, 1.7689, -1.2723, 2.0752, 1.4343, -0.0668, 0.9953, 0.2314, 10.0546, 8.5428, -1.0542, 0.8357, 0.0000, 0.6616, -0.1525, -5.5274, -0.9803],
        [-0.0613, 0.5609, 5.8947, -1.9159, -0.4199, -2.0223, 2.1117, -0.8881, 3.2727, -0.8881, -1.3238, -1.3405, 0.8223, 1.1229, -1.0509, -1.0476, 0.1190, -0.1915, 0.0000, 0.9010, 0.4910, 5.1365, 1.6947],
    ],
    bias: [0.0000, 0.0447, 0.0000],
    pair: [1.3649, 1.9436, 3.7384, 6.2450, 0.4305, 2.5958, 0.1438, -3.0255, -0.5116, -8.0605],
    belief: [0.0277, 0.3527, 0.2071, 1.0819, 0.0678, -2.0107, 0.2505, 0.4491, -0.3594, 1.3929, 0.3274, 7.6266, 0.0000, -3.8025],
    falloff: 0.5,
};
