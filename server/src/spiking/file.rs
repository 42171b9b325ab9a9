//! Networks as files: TOML in the words of the library's description, in ms, mV, pA, pF, Hz.
//!
//! Whatever a file says, reading it takes memory in proportion to its length; the rules of networks are the library's.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use cortexkg_engine::network::{
    Description, Lif, Poisson, Population, Projection, Stdp, Values, Wiring, splitmix64,
};
use serde::Deserialize;

/// Most populations, and most projections.
const PARTS_MAX: usize = 10_000;
/// The longest file, bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// The most replicas.
const REPLICAS_MAX: u32 = 1 << 20;

/// A network and the seeds of its replicas.
#[derive(Debug)]
pub struct NetworkFile {
    /// The network.
    pub description: Description,
    /// One a replica.
    pub seeds: Vec<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    step_ms: f64,
    #[serde(default)]
    seed: u64,
    replicas: Option<u32>,
    seeds: Option<Vec<u64>>,
    populations: Vec<PopulationText>,
    #[serde(default)]
    projections: Vec<ProjectionText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PopulationText {
    name: String,
    size: u32,
    c_pf: f64,
    tau_m_ms: f64,
    tau_ex_ms: f64,
    tau_in_ms: f64,
    rest_mv: f64,
    threshold_mv: f64,
    reset_mv: f64,
    refractory_ms: f64,
    #[serde(default)]
    current_pa: ValuesText,
    potential_mv: Option<ValuesText>,
    poisson: Option<PoissonText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PoissonText {
    rate_hz: f64,
    weight_pa: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectionText {
    source: String,
    target: String,
    pairs: Option<Vec<[u32; 2]>>,
    in_degree: Option<u32>,
    out_degree: Option<u32>,
    probability: Option<f64>,
    hashed: Option<HashedText>,
    #[serde(default)]
    autapses: bool,
    #[serde(default)]
    procedural: bool,
    weight_pa: ValuesText,
    delay_ms: ValuesText,
    stdp: Option<StdpText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedText {
    in_degree: u32,
    #[serde(default)]
    first: u32,
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StdpText {
    tau_plus_ms: f64,
    tau_minus_ms: f64,
    lambda: f64,
    alpha: f64,
    weight_max_pa: f64,
}

/// A number, a list, or a distribution.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "must be a number, a list of numbers, { uniform = [low, high] } or { normal = [mean, sd] }"
)]
enum ValuesText {
    All(f64),
    Each(Vec<f64>),
    Drawn(DrawnText),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DrawnText {
    uniform: Option<[f64; 2]>,
    normal: Option<[f64; 2]>,
    seed: Option<u64>,
}

impl Default for ValuesText {
    fn default() -> Self {
        ValuesText::All(0.0)
    }
}

impl ValuesText {
    fn values(self, field: &str) -> anyhow::Result<Values> {
        Ok(match self {
            ValuesText::All(value) => Values::All(value),
            ValuesText::Each(values) => Values::Each(values),
            ValuesText::Drawn(DrawnText { uniform: Some([low, high]), normal: None, seed }) => {
                Values::Uniform { low, high, seed }
            }
            ValuesText::Drawn(DrawnText { uniform: None, normal: Some([mean, sd]), seed: None }) => {
                Values::Normal { mean, sd }
            }
            ValuesText::Drawn(_) => {
                bail!("{field}: must have either uniform, which may have a seed, or normal")
            }
        })
    }
}

/// Reads a network.
pub fn read(path: &Path) -> anyhow::Result<NetworkFile> {
    let name = path.display().to_string();
    let mut text = String::new();
    let file = File::open(path).with_context(|| name.clone())?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).with_context(|| name.clone())?;
    ensure!(text.len() as u64 <= FILE_BYTES_MAX, "{name}: must be at most 16 MiB");
    parse(&text).with_context(|| name)
}

/// A network from the text of a file.
pub fn parse(text: &str) -> anyhow::Result<NetworkFile> {
    let Text { step_ms, seed, replicas, seeds, populations, projections } = toml::from_str(text)?;
    let seeds = match (replicas, seeds) {
        (Some(_), Some(_)) => bail!("replicas: must not stand beside seeds, which are one a replica"),
        (_, Some(seeds)) => seeds,
        (replicas, None) => {
            let replicas = replicas.unwrap_or(1);
            ensure!(replicas <= REPLICAS_MAX, "replicas: must be at most 1,048,576");
            (0..replicas).map(|replica| splitmix64(seed ^ splitmix64(u64::from(replica)))).collect()
        }
    };
    let few = populations.len() <= PARTS_MAX && projections.len() <= PARTS_MAX;
    ensure!(few, "populations, projections: must be at most {PARTS_MAX} each");
    let place = |name: &str| populations.iter().position(|population| population.name == name);
    let mut wired = Vec::new();
    for (number, text) in projections.into_iter().enumerate() {
        let at = |field: &str| format!("projections[{number}].{field}");
        let known = |field: &str, name: &str| {
            place(name).with_context(|| {
                format!("{}: must be one of the populations, and {name:?} is not", at(field))
            })
        };
        let ProjectionText { autapses, procedural, .. } = text;
        let rules = (text.pairs, text.in_degree, text.out_degree, text.probability, text.hashed);
        let wiring = match rules {
            (Some(pairs), None, None, None, None) => Wiring::Pairs(pairs),
            (None, Some(count), None, None, None) => Wiring::InDegree { count, autapses },
            (None, None, Some(count), None, None) => Wiring::OutDegree { count, autapses, procedural },
            (None, None, None, Some(p), None) => Wiring::Probability { p, autapses },
            (None, None, None, None, Some(HashedText { in_degree, first, seed })) => {
                Wiring::Hashed { in_degree, first, seed }
            }
            _ => bail!(
                "projections[{number}]: must have one of pairs, in_degree, out_degree, probability, hashed"
            ),
        };
        let told = matches!(wiring, Wiring::Pairs(_) | Wiring::Hashed { .. });
        ensure!(!told || !autapses, "{}: must not stand beside pairs or hashed", at("autapses"));
        let fans_out = matches!(wiring, Wiring::OutDegree { .. });
        ensure!(fans_out || !procedural, "{}: must stand beside out_degree alone", at("procedural"));
        wired.push(Projection {
            source: known("source", &text.source)?,
            target: known("target", &text.target)?,
            wiring,
            weight_pa: text.weight_pa.values(&at("weight_pa"))?,
            delay_ms: text.delay_ms.values(&at("delay_ms"))?,
            stdp: text.stdp.map(|StdpText { tau_plus_ms, tau_minus_ms, lambda, alpha, weight_max_pa }| {
                Stdp { tau_plus_ms, tau_minus_ms, lambda, alpha, weight_max_pa }
            }),
        });
    }
    let populations = populations.into_iter().enumerate().map(|(number, text)| text.population(number));
    let populations = populations.collect::<anyhow::Result<_>>()?;
    Ok(NetworkFile { description: Description { step_ms, seed, populations, projections: wired }, seeds })
}

impl PopulationText {
    fn population(self, number: usize) -> anyhow::Result<Population> {
        let at = |field: &str| format!("populations[{number}].{field}");
        Ok(Population {
            name: self.name,
            size: self.size,
            neuron: Lif {
                c_pf: self.c_pf,
                tau_m_ms: self.tau_m_ms,
                tau_ex_ms: self.tau_ex_ms,
                tau_in_ms: self.tau_in_ms,
                rest_mv: self.rest_mv,
                threshold_mv: self.threshold_mv,
                reset_mv: self.reset_mv,
                refractory_ms: self.refractory_ms,
            },
            current_pa: self.current_pa.values(&at("current_pa"))?,
            potential_mv: match self.potential_mv {
                Some(values) => values.values(&at("potential_mv"))?,
                None => Values::All(self.reset_mv),
            },
            poisson: self.poisson.map(|PoissonText { rate_hz, weight_pa }| Poisson { rate_hz, weight_pa }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEURON: &str = "c_pf = 250.0\ntau_m_ms = 10.0\ntau_ex_ms = 0.5\ntau_in_ms = 0.5\nrest_mv = -65.0\n\
        threshold_mv = -50.0\nreset_mv = -65.0\nrefractory_ms = 2.0\n";

    fn refusal(text: &str) -> String {
        format!("{:#}", parse(&text.replace("NEURON", NEURON)).unwrap_err())
    }

    #[test]
    fn what_is_wrong_is_named() {
        let head = "step_ms = 0.1\n[[populations]]\nname = \"a\"\nsize = 3\nNEURON";
        let projection = "[[projections]]\nsource = \"a\"\ntarget = \"a\"\n";
        for (text, named) in [
            (String::new(), "step_ms"),
            ("step_ms = \"x\"".to_owned(), "step_ms"),
            (format!("{head}colour = 3"), "colour"),
            (format!("{head}current_pa = \"much\""), "must be a number, a list of numbers"),
            (
                format!("{head}current_pa = {{ uniform = [1, 2], normal = [1, 2] }}"),
                "populations[0].current_pa",
            ),
            (format!("replicas = 2\nseeds = [1]\n{head}"), "replicas"),
            (format!("replicas = 4000000000\n{head}"), "replicas"),
            (format!("{head}{projection}in_degree = 1\nweight_pa = 1\ndelay_ms = 1\nsource_ = 1"), "source_"),
            (format!("{head}{projection}weight_pa = 1\ndelay_ms = 1"), "projections[0]: must have one of"),
            (
                format!("{head}{projection}in_degree = 1\nprocedural = true\nweight_pa = 1\ndelay_ms = 1"),
                "projections[0].procedural: must stand beside out_degree",
            ),
            (
                format!("{head}{projection}pairs = []\nautapses = true\nweight_pa = 1\ndelay_ms = 1"),
                "projections[0].autapses",
            ),
            (
                format!("{head}{projection}in_degree = 1\nout_degree = 1\nweight_pa = 1\ndelay_ms = 1"),
                "projections[0]: must have one of",
            ),
            (
                format!(
                    "{head}{}in_degree = 1\nweight_pa = 1\ndelay_ms = 1",
                    projection.replace("\"a\"", "\"b\"")
                ),
                "projections[0].source",
            ),
            (format!("{head}x = {}", "[".repeat(100_000)), "recursion"),
        ] {
            let refusal = refusal(&text);
            assert!(refusal.contains(named), "{named}: {refusal}");
        }
    }

    #[test]
    fn rows_may_be_made_when_they_are_read() {
        let text = format!(
            "step_ms = 1\n[[populations]]\nname = \"a\"\nsize = 3\n{NEURON}[[projections]]\nsource = \"a\"\n\
             target = \"a\"\nout_degree = 2\nprocedural = true\nweight_pa = 1\ndelay_ms = 1"
        );
        let wiring = &parse(&text).unwrap().description.projections[0].wiring;
        assert_eq!(*wiring, Wiring::OutDegree { count: 2, autapses: false, procedural: true });
    }

    #[test]
    fn integers_do_where_numbers_are_asked_for() {
        let text = format!(
            "step_ms = 1\n[[populations]]\nname = \"a\"\nsize = 3\n{NEURON}current_pa = 400\npotential_mv = [1, 2.5, 3]"
        );
        let network = parse(&text).unwrap();
        assert_eq!(network.description.populations[0].current_pa, Values::All(400.0));
        assert_eq!(network.description.populations[0].potential_mv, Values::Each(vec![1.0, 2.5, 3.0]));
        assert_eq!(network.seeds.len(), 1);
    }
}
