//! Milliseconds a text by each form of the product that this machine runs, one text at a time on one thread:
//!
//!     cargo run --release --example forms
//!
//! The best of many runs is shown beside the median: on a shared machine the best is what the form costs.

use std::time::Instant;

use cortexkg_embed::{Embedder, Encoder, Form};

const QUERY: &str = "which restaurant did my sister recommend in the old town"; // 12 tokens with the frame
const TEXT: &str = "The dentist appointment was moved from Tuesday to Friday at two, so somebody else has to pick up \
                    the children from school and bring them to the football practice today."; // 34 tokens
const RUNS: usize = 400;

fn main() -> Result<(), cortexkg_embed::Error> {
    println!("form          query ms (median)   text ms (median)");
    for form in Form::available() {
        let encoder = Encoder::embedded()?.with_form(form);
        print!("{:12}", form.name());
        for text in [QUERY, TEXT] {
            let mut times = Vec::with_capacity(RUNS);
            for _ in 0..RUNS {
                let start = Instant::now();
                std::hint::black_box(encoder.embed(&[text])?);
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            print!("  {:7.3} ({:7.3})", times[0], times[RUNS / 2]);
        }
        println!();
    }
    Ok(())
}
