//! Networks of spiking neurons as a user runs them.

mod common;

use common::Place;

/// An example that ships with the project.
fn example(name: &str) -> String {
    format!("{}/../examples/networks/{name}.toml", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn det100_gives_every_spike_of_nest() {
    let place = Place::new();
    let det100 = example("det100");
    let args =
        ["simulate", &det100, "--seconds", "1", "--precision", "f64", "--spikes", "spikes.csv", "--json"];
    let told = place.run(&args).code(0).json();
    assert_eq!(
        (&told["network"], &told["spikes"], &told["synapses"]),
        (&"det100".into(), &2313.into(), &1580.into())
    );
    let expected = include_str!("../../engine/compute/src/network/tests/det100_spikes.csv");
    let found = std::fs::read_to_string(place.path("spikes.csv")).unwrap();
    assert!(found.lines().eq(expected.lines()));
}

#[test]
fn examples_run_and_tell_the_fields_that_scripts_rely_on() {
    let place = Place::new();
    for (name, neurons, replicas) in [
        ("va4k", 4_000, 1),
        ("brunel4k_dc", 4_000, 1),
        ("stdp4k", 4_000, 1),
        ("pd14", 7_717, 1),
        ("batch", 500, 8),
    ] {
        let told = place.run(&["simulate", &example(name), "--seconds", "0.1", "--json"]).code(0).json();
        assert_eq!((&told["neurons"], &told["replicas"]), (&neurons.into(), &replicas.into()), "{name}");
        assert!(told["spikes"].as_u64().unwrap() > 0, "{name} is silent");
        for field in [
            "seconds",
            "threads",
            "rate_hz",
            "cv_isi",
            "fano_3ms",
            "synaptic_events",
            "build_s",
            "wall_s",
            "cpu_s",
            "rtf",
            "bytes_per_synapse",
        ] {
            assert!(told[field].is_number(), "{name}: {field} is {}", told[field]);
        }
        assert!(told["device"].is_string() && told["precision"] == "f32");
    }
}

#[test]
fn a_thousand_million_synapses_take_no_memory() {
    let place = Place::new();
    let told = place.run(&["simulate", &example("million"), "--seconds", "0.02", "--json"]).code(0).json();
    assert_eq!(
        (&told["synapses"], &told["bytes_per_synapse"]),
        (&1_000_000_000_u64.into(), &0.0.into()),
        "{told}"
    );
    assert!(told["synaptic_events"].as_u64().unwrap() > 0, "{told}");
}

#[test]
fn a_replica_of_the_batch_is_told_by_its_number() {
    let place = Place::new();
    place.run(&["simulate", &example("batch"), "--seconds", "0.2", "--spikes", "all.csv"]).code(0);
    let found = std::fs::read_to_string(place.path("all.csv")).unwrap();
    let mut rows = found.lines();
    assert_eq!(rows.next(), Some("replica,step,neuron"));
    let cells = |row: &str| row.split(',').map(|cell| cell.parse::<u32>().unwrap()).collect::<Vec<_>>();
    let rows: Vec<_> = rows.map(cells).collect();
    assert!(rows.is_sorted());
    assert_eq!((rows[0][0], rows[rows.len() - 1][0]), (0, 7));
}

#[test]
fn pictures_and_the_report_are_well_formed() {
    let place = Place::new();
    let args = ["simulate", &example("va4k"), "--seconds", "0.2", "--raster", "r.svg", "--report", "r.html"];
    let told = place.run(&args).code(0).stdout();
    assert!(told.contains("rate_hz"), "{told}");
    let raster = std::fs::read_to_string(place.path("r.svg")).unwrap();
    assert!(raster.starts_with("<svg ") && raster.trim_end().ends_with("</svg>"));
    assert!(raster.contains("of 4000 neurons") && raster.matches("h1").count() > 1_000);
    let report = std::fs::read_to_string(place.path("r.html")).unwrap();
    assert_eq!((report.matches("<svg ").count(), report.matches("</svg>").count()), (4, 4));
    assert!(report.contains("cv_isi") && !report.contains("NaN"));
    // Neither tells an XML reader a name it does not know.
    for text in [&raster, &report] {
        let unknown = text
            .split('&')
            .skip(1)
            .find(|rest| !["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|name| rest.starts_with(name)));
        assert_eq!(unknown, None);
    }
}

#[test]
fn bench_spiking_runs_by_name() {
    let place = Place::new();
    for network in ["va4k", "brunel4k_dc", "brunel4k_poisson", "stdp4k"] {
        let args = ["bench", "spiking", "--network", network, "--seconds", "0.1", "--json"];
        let told = place.run(&args).code(0).json();
        assert_eq!(told["network"], network);
        assert!(told["first_spike_s"].as_f64().unwrap() > 0.0 && told["spikes"].as_u64().unwrap() > 0);
        assert_eq!(told["weights"].is_array(), network == "stdp4k");
    }
    let scaled =
        ["bench", "spiking", "--network", "pd14", "--scale", "0.02", "--seconds", "0.1", "--threads", "2"];
    let told = place.run(&[&scaled[..], &["--json"]].concat()).code(0).json();
    assert_eq!((&told["scale"], &told["threads"], &told["neurons"]), (&0.02.into(), &2.into(), &1544.into()));
    let refused = place.run(&["bench", "spiking", "--network", "va4k", "--scale", "0.5"]).code(1).stderr();
    assert!(refused.contains("--scale"), "{refused}");
}

#[test]
fn what_is_wrong_with_a_file_is_named_and_nothing_is_written() {
    let place = Place::new();
    let good = std::fs::read_to_string(example("va4k")).unwrap();
    for (from, to, named) in [
        ("step_ms = 0.1", "step_ms = -1.0", "step_ms: must"),
        ("size = 3200", "size = 4000000000", "populations: must"),
        ("size = 3200", "size = 60000000", "projections[0].hashed: must"),
        ("tau_m_ms = 20.0", "tau_m_ms = nan", "populations[0].tau_m_ms: must"),
        ("delay_ms = 1.5", "delay_ms = 0.0", "projections[0].delay_ms: must"),
        ("target = \"E\"", "target = \"X\"", "projections[0].target: must"),
        ("seed = 1", "seed = 1\nreplicas = 1000000", "network: takes about"),
        ("step_ms = 0.1", "step_ms = 0.1\ncolour = 1", "colour"),
    ] {
        place.write("bad.toml", &good.replacen(from, to, 1));
        let refused = place.run(&["simulate", "bad.toml", "--spikes", "out.csv"]).code(1).stderr();
        assert!(refused.contains(named), "{to}: {refused}");
        assert!(!place.path("out.csv").exists());
    }
    let refused = place.run(&["simulate", "none.toml"]).code(1).stderr();
    assert!(refused.contains("none.toml"), "{refused}");
    let refused = place.run(&["simulate", &example("va4k"), "--seconds", "0"]).code(1).stderr();
    assert!(refused.contains("--seconds"), "{refused}");
}
