//! Rules of descriptions. All is checked before anything is built, in time and memory no larger than the description's own.

use super::description::{Description, Population, Projection, Values, Wiring};
use crate::{Error, Result};

/// Most populations, and most projections.
const PARTS_MAX: usize = 10_000;
/// Most neurons.
pub const NEURONS_MAX: u64 = 1 << 26;
/// Most synapses: positions are 32-bit numbers.
pub const SYNAPSES_MAX: f64 = 4e9;
/// The longest delay, steps.
pub const DELAY_STEPS_MAX: u32 = 10_000;
/// The most Poisson events a step that a neuron may expect.
pub const EVENTS_MAX: f64 = 32.0;
/// Seeds of formulas are shifted by 40 bits.
const SEED_END: u64 = 1 << 24;

/// An error that names a field and its rule.
pub fn refused(field: impl Into<String>, rule: impl Into<String>) -> Error {
    Error::Network { field: field.into(), rule: rule.into() }
}

fn ensure(holds: bool, field: impl FnOnce() -> String, rule: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(refused(field(), rule)) }
}

/// The first rule that is broken.
pub fn check(description: &Description) -> Result<()> {
    let Description { step_ms, seed: _, populations, projections } = description;
    let whole = step_ms.is_finite() && (1e-6..=1e3).contains(step_ms);
    ensure(whole, || "step_ms".into(), "must be a number from 0.000001 to 1000")?;
    ensure(!populations.is_empty(), || "populations".into(), "must name at least one")?;
    ensure(populations.len() <= PARTS_MAX, || "populations".into(), "must be at most 10,000")?;
    ensure(projections.len() <= PARTS_MAX, || "projections".into(), "must be at most 10,000")?;
    for (place, population) in populations.iter().enumerate() {
        check_population(population, *step_ms, &format!("populations[{place}]"))?;
        let again = populations[..place].iter().any(|other| other.name == population.name);
        ensure(!again, || format!("populations[{place}].name"), "must differ from the others")?;
    }
    let neurons: u64 = populations.iter().map(|population| u64::from(population.size)).sum();
    ensure(neurons <= NEURONS_MAX, || "populations".into(), "must have at most 67,108,864 neurons together")?;
    for (place, projection) in projections.iter().enumerate() {
        check_projection(projection, description, &format!("projections[{place}]"))?;
    }
    let mut made = vec![0; populations.len()];
    for (place, projection) in projections.iter().enumerate() {
        if let Wiring::OutDegree { count, procedural: true, .. } = projection.wiring {
            made[projection.source] += u64::from(count);
            let rule = "must be at most 67,108,864 together with that of other procedural ones of its source";
            let few = made[projection.source] <= NEURONS_MAX;
            ensure(few, || format!("projections[{place}].out_degree"), rule)?;
        }
    }
    let stored = projections.iter().filter(|projection| !projection.is_procedural());
    let synapses: f64 = stored.map(|projection| expected(projection, populations)).sum();
    ensure(
        synapses <= SYNAPSES_MAX,
        || "projections".into(),
        "must have at most 4,000,000,000 stored synapses together",
    )
}

/// How many synapses a projection will have, or about how many if that is drawn.
pub fn expected(projection: &Projection, populations: &[Population]) -> f64 {
    let size = |population: usize| f64::from(populations[population].size);
    match &projection.wiring {
        Wiring::Pairs(pairs) => pairs.len() as f64,
        Wiring::InDegree { count, .. } => f64::from(*count) * size(projection.target),
        Wiring::Hashed { in_degree, .. } => f64::from(*in_degree) * size(projection.target),
        Wiring::OutDegree { count, .. } => f64::from(*count) * size(projection.source),
        Wiring::Probability { p, .. } => p * size(projection.source) * size(projection.target),
    }
}

fn check_population(population: &Population, step_ms: f64, path: &str) -> Result<()> {
    let Population { name, size, neuron, current_pa, potential_mv, poisson } = population;
    let at = |field: &str| format!("{path}.{field}");
    ensure(!name.is_empty() && name.len() <= 200, || at("name"), "must have 1 to 200 bytes")?;
    ensure(*size > 0, || at("size"), "must be at least 1")?;
    let positive = [
        ("c_pf", neuron.c_pf),
        ("tau_m_ms", neuron.tau_m_ms),
        ("tau_ex_ms", neuron.tau_ex_ms),
        ("tau_in_ms", neuron.tau_in_ms),
    ];
    for (field, value) in positive {
        ensure(value > 0.0 && value <= 1e9, || at(field), "must be over 0 and at most 1,000,000,000")?;
        let heavy = field != "c_pf" || value >= 1e-6;
        ensure(heavy, || at(field), "must be at least 0.000001")?;
        let slow = !field.starts_with("tau") || value >= step_ms / 10.0;
        ensure(slow, || at(field), "must be at least a tenth of step_ms")?;
    }
    for (field, value) in
        [("rest_mv", neuron.rest_mv), ("threshold_mv", neuron.threshold_mv), ("reset_mv", neuron.reset_mv)]
    {
        ensure(value.abs() <= 1e6, || at(field), "must be within 1,000,000 of 0")?;
    }
    ensure(neuron.reset_mv < neuron.threshold_mv, || at("reset_mv"), "must be below threshold_mv")?;
    let steps = neuron.refractory_ms / step_ms;
    ensure((0.0..=1e6).contains(&steps), || at("refractory_ms"), "must be from 0 to 1,000,000 steps")?;
    check_values(current_pa, u64::from(*size), 1e9, &at("current_pa"))?;
    check_values(potential_mv, u64::from(*size), 1e6, &at("potential_mv"))?;
    if let Some(poisson) = poisson {
        let events = poisson.rate_hz * step_ms / 1_000.0;
        let rule = "must be at least 0 and come to at most 32 events a step";
        ensure((0.0..=EVENTS_MAX).contains(&events), || at("poisson.rate_hz"), rule)?;
        let small = poisson.weight_pa.abs() <= 1e9;
        ensure(small, || at("poisson.weight_pa"), "must be within 1,000,000,000 of 0")?;
    }
    Ok(())
}

fn check_values(values: &Values, count: u64, limit: f64, field: &str) -> Result<()> {
    let within = |value: f64| value.abs() <= limit;
    let rule = format!("must be numbers within {limit} of 0");
    match values {
        Values::All(value) => ensure(within(*value), || field.into(), &rule),
        Values::Each(values) => {
            let rule_of_count = format!("must have {count} numbers, one each");
            ensure(values.len() as u64 == count, || field.into(), &rule_of_count)?;
            match values.iter().position(|value| !within(*value)) {
                Some(place) => Err(refused(format!("{field}[{place}]"), rule)),
                None => Ok(()),
            }
        }
        Values::Uniform { low, high, seed } => {
            ensure(within(*low) && within(*high), || field.into(), &rule)?;
            ensure(low <= high, || format!("{field}.low"), "must not be above high")?;
            let small = seed.is_none_or(|seed| seed < SEED_END);
            ensure(small, || format!("{field}.seed"), "must be below 16,777,216")
        }
        Values::Normal { mean, sd } => {
            ensure(within(*mean) && within(*sd), || field.into(), &rule)?;
            ensure(*sd >= 0.0, || format!("{field}.sd"), "must not be negative")
        }
    }
}

fn check_projection(projection: &Projection, description: &Description, path: &str) -> Result<()> {
    let Projection { source, target, wiring, weight_pa, delay_ms, stdp } = projection;
    let (populations, step_ms) = (&description.populations, description.step_ms);
    let at = |field: &str| format!("{path}.{field}");
    for (field, place) in [("source", *source), ("target", *target)] {
        ensure(place < populations.len(), || at(field), "must be one of the populations")?;
    }
    let sizes = [populations[*source].size, populations[*target].size];
    let lonely = source == target && sizes[0] == 1;
    let lonely_rule = "must be allowed where a single neuron can only be its own source";
    let mut count = u64::MAX;
    match wiring {
        Wiring::Pairs(pairs) => {
            count = pairs.len() as u64;
            let known = |pair: &[u32; 2]| pair[0] < sizes[0] && pair[1] < sizes[1];
            if let Some(place) = pairs.iter().position(|pair| !known(pair)) {
                let rule = format!("must be a source below {} and a target below {}", sizes[0], sizes[1]);
                return Err(refused(format!("{path}.pairs[{place}]"), rule));
            }
        }
        Wiring::InDegree { count, autapses } => {
            ensure(*autapses || !lonely || *count == 0, || at("autapses"), lonely_rule)?;
        }
        Wiring::OutDegree { count, autapses, .. } => {
            ensure(*autapses || !lonely || *count == 0, || at("autapses"), lonely_rule)?;
            ensure(u64::from(*count) <= NEURONS_MAX, || at("out_degree"), "must be at most 67,108,864")?;
            let stored = stdp.is_none() || !projection.is_procedural();
            ensure(stored, || at("procedural"), "must not be told where weights learn: these are stored")?;
        }
        Wiring::Probability { p, .. } => {
            ensure((0.0..=1.0).contains(p), || at("probability"), "must be from 0 to 1")?;
        }
        Wiring::Hashed { in_degree, first, seed } => {
            let draws = u64::from(*in_degree) + u64::from(*first);
            ensure(draws <= 1 << 16, || at("in_degree"), "must be, together with first, at most 65,536")?;
            ensure(*seed < SEED_END, || at("seed"), "must be below 16,777,216")?;
            ensure(!lonely || *in_degree == 0, || at("in_degree"), lonely_rule)?;
            let neurons: u64 = populations.iter().map(|population| u64::from(population.size)).sum();
            ensure(
                neurons <= 1 << 24,
                || at("hashed"),
                "must be of a network of at most 16,777,216 neurons",
            )?;
        }
    }
    for (field, values, limit) in [("weight_pa", weight_pa, 1e9), ("delay_ms", delay_ms, 1e9)] {
        let listed = matches!(values, Values::Each(_));
        ensure(!listed || count != u64::MAX, || at(field), "must not be a list where there are no pairs")?;
        check_values(values, count, limit, &at(field))?;
        let seeded = matches!(values, Values::Uniform { seed: Some(_), .. });
        ensure(!seeded, || format!("{path}.{field}.seed"), "must be given for neurons only")?;
    }
    if let Values::Uniform { low, high, .. } = weight_pa {
        let rule = "must not be on the two sides of 0: the sign tells the channel";
        ensure(*low >= 0.0 || *high <= 0.0, || at("weight_pa"), rule)?;
    }
    let steps = |delay: f64| (delay / step_ms).round();
    let longest = match delay_ms {
        Values::All(delay) => *delay,
        Values::Each(delays) => delays.iter().copied().fold(0.0, f64::max),
        Values::Uniform { high, .. } => *high,
        Values::Normal { mean, sd } => mean + 5.0 * sd,
    };
    let shortest = match delay_ms {
        Values::All(delay) => *delay,
        Values::Each(delays) => delays.iter().copied().fold(f64::INFINITY, f64::min),
        Values::Uniform { low, .. } => *low,
        // Shorter ones are drawn again, of which there must not be too many.
        Values::Normal { mean, .. } => *mean,
    };
    ensure(steps(shortest) >= 1.0, || at("delay_ms"), "must be at least one step")?;
    ensure(steps(longest) <= f64::from(DELAY_STEPS_MAX), || at("delay_ms"), "must be at most 10,000 steps")?;
    if let Some(stdp) = stdp {
        let one = matches!(delay_ms, Values::All(_));
        ensure(one, || at("delay_ms"), "must be one number where weights learn")?;
        for (field, value) in [("tau_plus_ms", stdp.tau_plus_ms), ("tau_minus_ms", stdp.tau_minus_ms)] {
            // Within a turn, f32 tells the fades of any two steps apart.
            let rule = "must be at least a tenth of step_ms and at most 1,000 of them";
            let within = (0.1..=1e3).contains(&(value / step_ms));
            ensure(within, || at(&format!("stdp.{field}")), rule)?;
        }
        for (field, value) in [("lambda", stdp.lambda), ("alpha", stdp.alpha)] {
            let rule = "must be from 0 to 1,000,000";
            ensure((0.0..=1e6).contains(&value), || at(&format!("stdp.{field}")), rule)?;
        }
        let max = stdp.weight_max_pa;
        ensure(
            max > 0.0 && max <= 1e9,
            || at("stdp.weight_max_pa"),
            "must be over 0 and at most 1,000,000,000",
        )?;
        let within = match weight_pa {
            Values::All(weight) => (0.0..=max).contains(weight),
            Values::Each(weights) => weights.iter().all(|weight| (0.0..=max).contains(weight)),
            Values::Uniform { low, high, .. } => *low >= 0.0 && *high <= max,
            Values::Normal { mean, .. } => (0.0..=max).contains(mean),
        };
        ensure(within, || at("weight_pa"), "must be from 0 to stdp.weight_max_pa where weights learn")?;
    }
    Ok(())
}
