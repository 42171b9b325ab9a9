//! One page about a run: figures and pictures in a file that needs nothing beside it.

use std::collections::HashMap;
use std::fmt::Write;

use cortexkg_engine::network::Spike;
use serde_json::Value;

use super::picture::{Scene, escaped, histogram, raster, rates};
use super::statistics::cvs;

/// The page as HTML. `fields` are those of the run.
pub fn page(scene: &Scene<'_>, fields: &Value) -> String {
    let name = escaped(scene.name);
    let mut html = format!(
        "<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>{name}</title>\n<style>\
         body{{font:15px/1.5 sans-serif;max-width:980px;margin:2em auto;padding:0 1em;color:#222}}\
         table{{border-collapse:collapse;margin:1em 0}}td,th{{padding:.15em .9em .15em 0;text-align:left;\
         vertical-align:top;border-bottom:1px solid #e4e4ea}}td{{font-variant-numeric:tabular-nums}}\
         svg{{max-width:100%;height:auto;margin:.4em 0}}</style>\n<h1>{name}</h1>\n"
    );
    html += &table(fields);
    // Pictures are of the first replica.
    let own: Vec<Spike> = scene.spikes.iter().filter(|spike| spike.replica == 0).copied().collect();
    if own.len() < scene.spikes.len() {
        html += "<p>Pictures: the first replica.</p>\n";
    }
    html += &raster(scene);
    html += &rates(scene);
    html += &histogram("rates of neurons", &neuron_rates(scene), "Hz");
    html += &histogram("variation of intervals, by neuron", &cvs(&own), "CV");
    html += &populations(scene, fields);
    html += "</html>\n";
    html
}

fn table(fields: &Value) -> String {
    let mut html = String::from("<table>");
    for (name, value) in fields.as_object().into_iter().flatten() {
        let told = match value {
            Value::Object(_) | Value::Array(_) => continue,
            Value::String(words) => escaped(words),
            other => other.to_string(),
        };
        let _ = write!(html, "<tr><th>{}</th><td>{told}</td></tr>", escaped(name));
    }
    html + "</table>\n"
}

fn populations(scene: &Scene<'_>, fields: &Value) -> String {
    let mut html = String::from("<table><tr><th>population</th><th>neurons</th><th>rate, Hz</th></tr>");
    for population in &scene.description.populations {
        let rate = &fields["rates_hz"][&population.name];
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{rate}</td></tr>",
            escaped(&population.name),
            population.size
        );
    }
    html + "</table>\n"
}

/// Rate of every neuron of the first replica, Hz, silent ones included.
fn neuron_rates(scene: &Scene<'_>) -> Vec<f64> {
    let neurons: u32 = scene.description.populations.iter().map(|population| population.size).sum();
    let seconds = f64::from(scene.steps) * scene.description.step_ms / 1e3;
    let mut counts: HashMap<u32, f64> = HashMap::new();
    scene.spikes.iter().filter(|s| s.replica == 0).for_each(|s| *counts.entry(s.neuron).or_default() += 1.0);
    (0..neurons).map(|neuron| counts.get(&neuron).copied().unwrap_or(0.0) / seconds).collect()
}
