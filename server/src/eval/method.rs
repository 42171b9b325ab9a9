//! Rankings that are compared, by the words of the command line.

use clap::ValueEnum;
use cortexkg_engine::request::{Retrieve, Strategy};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// Cosine similarity alone.
    Dense,
    /// BM25 alone.
    Bm25,
    /// Lexical and vector similarity summed, without the graph.
    Hybrid,
    /// Spiking spread from lexical and vector seeds: the product's default.
    Spread,
    /// Personalised PageRank over the same graph and seeds.
    Ppr,
    /// Entities shared with the query.
    Structural,
    /// Drawn towards the times that the query names.
    Temporal,
    /// Spread from the few strongest seeds.
    Activation,
    /// Every one of them.
    All,
}

impl Method {
    /// What the product does unless told otherwise.
    pub const DEFAULT: Method = Method::Spread;
    /// What the product's default is compared with.
    pub const RIVALS: [Method; 4] = [Method::Bm25, Method::Dense, Method::Hybrid, Method::Ppr];
    const EACH: [Method; 8] = [
        Method::Dense,
        Method::Bm25,
        Method::Hybrid,
        Method::Spread,
        Method::Ppr,
        Method::Structural,
        Method::Temporal,
        Method::Activation,
    ];

    /// Those that the word stands for.
    pub fn each(self) -> Vec<Method> {
        if self == Method::All { Method::EACH.to_vec() } else { vec![self] }
    }

    /// A request that ranks this way, otherwise as a client makes it who says nothing.
    pub fn request(self, query: &str) -> Retrieve {
        Retrieve { query: query.to_owned(), strategy: self.strategy(), ..Retrieve::default() }
    }

    /// As it stands in reports.
    pub fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    fn strategy(self) -> Strategy {
        match self {
            Method::Dense => Strategy::SemanticSimilarity,
            Method::Bm25 => Strategy::Lexical,
            Method::Hybrid => Strategy::Fused,
            Method::Spread => Strategy::HybridApproach,
            Method::Ppr => Strategy::PageRank,
            Method::Structural => Strategy::StructuralMatching,
            Method::Temporal => Strategy::TemporalProximity,
            Method::Activation => Strategy::SpreadingActivation,
            Method::All => unreachable!("all is taken apart before; this is a bug"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_asks_as_a_client_does_who_says_nothing() {
        let standard = Retrieve { query: "q".into(), ..Retrieve::default() };
        assert_eq!(Method::DEFAULT.request("q"), standard);
        assert_eq!(Method::All.each().len(), 8);
    }
}
