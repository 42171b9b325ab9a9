//! CUDA forms on a machine without a card: every text is compiled by a C++ compiler with `kernels/host/cuda_host.h` in front, and
//! plays every case of its kernel, with threads in ascending and in descending order. See that header for what this shows and what
//! it cannot. Floats are compiled as they are for a card, so results are those of a card but for the order of sums.
//!
//! Where there is no `g++` this is printed as skipped; `CORTEXKG_REQUIRE_CUDA_HOST=1` turns the skip into a failure.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Finished, Stdio};

use cortexkg_compute::{
    Case, Device, DeviceChoice, DeviceOptions, KERNELS, Kernel, Limits, Output, Scratch, Source, Target,
    compare,
};

/// A folder of this test run, removed when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("cortexkg-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for programs");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// If there is a compiler; says so if there is none.
fn compiler_is_there() -> bool {
    let there = Command::new("g++").arg("--version").stdout(Stdio::null()).status().is_ok();
    let required = std::env::var("CORTEXKG_REQUIRE_CUDA_HOST").is_ok_and(|value| value == "1");
    assert!(there || !required, "CORTEXKG_REQUIRE_CUDA_HOST asks for g++, and there is none");
    if !there {
        println!("SKIPPED: no g++, so no CUDA form was played");
    }
    there
}

/// Makes a program of a text.
fn compile(folder: &Path, name: &str, text: &str) -> PathBuf {
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernels/host");
    let (source, program) = (folder.join(format!("{name}.cpp")), folder.join(name));
    // Lines that the shim tells are those of the text.
    let whole = format!("#include \"cuda_host.h\"\n#line 1\n{text}\n#include \"cuda_main.h\"\n");
    std::fs::write(&source, whole).expect("a source file");
    let mut command = Command::new("g++");
    command.args(["-std=c++17", "-O1", "-g1", "-ffp-contract=off", "-fno-strict-aliasing"]);
    command.args(["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unknown-pragmas"]);
    command.args(["-fsanitize=undefined", "-fno-sanitize-recover=all"]);
    command.arg("-I").arg(host).arg("-o").arg(&program).arg(&source);
    let made = command.output().expect("g++");
    assert!(made.status.success(), "{name}:\n{}", String::from_utf8_lossy(&made.stderr));
    program
}

/// Order in which threads of a block run.
#[derive(Clone, Copy, Debug)]
enum Order {
    Ascending,
    Descending,
}

/// Runs a program on a case; the bytes of all buffers, or what it complains of.
fn play(
    program: &Path,
    source: &Source,
    kernel: &Kernel,
    case: &Case,
    limits: &Limits,
    order: Order,
) -> Result<Vec<Vec<u8>>, String> {
    let (groups, scratch_words) = source.workgroups(kernel, &case.params, limits);
    let mut input = Vec::new();
    let word = |input: &mut Vec<u8>, word: u64| input.extend(word.to_le_bytes());
    word(&mut input, source.entries.len() as u64);
    for entry in source.entries {
        word(&mut input, entry.len() as u64);
        input.extend(entry.as_bytes());
    }
    let descending = matches!(order, Order::Descending);
    groups.iter().for_each(|&groups| word(&mut input, groups.into()));
    for number in [descending.into(), source.resident.into(), case.buffers.len() as u64] {
        word(&mut input, number);
    }
    word(&mut input, scratch_words * 4);
    word(&mut input, matches!(source.scratch, Scratch::Zeros(_)).into());
    // As devices have it: whole words, and nothing empty.
    let room = |bytes: &Vec<u8>| bytes.len().next_multiple_of(4).max(4);
    case.buffers.iter().for_each(|bytes| word(&mut input, room(bytes) as u64));
    for bytes in &case.buffers {
        input.extend(bytes);
        input.resize(input.len() + room(bytes) - bytes.len(), 0);
    }
    case.params.iter().for_each(|word| input.extend(word.to_le_bytes()));
    let finished = feed(program, input);
    if !finished.status.success() {
        return Err(format!("{}: {}", finished.status, String::from_utf8_lossy(&finished.stderr).trim()));
    }
    let mut rest = finished.stdout.as_slice();
    let mut played = Vec::new();
    for bytes in &case.buffers {
        let (own, after) = rest.split_at(room(bytes));
        played.push(own[..bytes.len()].to_vec());
        rest = after;
    }
    Ok(played)
}

fn feed(program: &Path, input: Vec<u8>) -> Finished {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program");
    let mut stdin = child.stdin.take().expect("piped");
    // A program that fails early leaves its input unread: its status tells.
    let writer = std::thread::spawn(move || _ = stdin.write_all(&input));
    let finished = child.wait_with_output().expect("a program");
    writer.join().expect("a writer that ignores errors");
    finished
}

/// A card that has room for every block, and one that is much too small, so that blocks stride.
const DEVICES: [Limits; 2] = [
    Limits { groups: [u32::MAX, 65_535], resident: 64, scratch_words: 64 << 20 },
    Limits { groups: [3, 2], resident: 5, scratch_words: 1 << 14 },
];

fn differs(kernel: &Kernel, case: &Case, law: &[Vec<u8>], played: &[Vec<u8>]) -> Option<String> {
    let (written, read): (Vec<usize>, Vec<usize>) =
        (0..kernel.bindings.len()).partition(|&slot| kernel.bindings[slot].access.writes());
    if let Some(slot) = read.into_iter().find(|&slot| played[slot] != case.buffers[slot]) {
        return Some(format!("{} is read-only and has changed", kernel.bindings[slot].name));
    }
    let output = |binding: usize| Output { binding, left: &law[binding], right: &played[binding] };
    let outputs: Vec<Output<'_>> = written.into_iter().map(output).collect();
    compare(kernel, &case.params, &outputs).map(|difference| difference.to_string())
}

#[test]
fn every_cuda_form_agrees_with_its_reference_on_every_case() {
    if !compiler_is_there() {
        return;
    }
    let folder = Folder::new("cuda-host");
    let law = DeviceOptions { choice: DeviceChoice::CpuReference, ..Default::default() };
    let mut law = Device::open(&law).expect("the reference device");
    let mut failures = Vec::new();
    for &kernel in KERNELS {
        let Ok(source) = kernel.source(Target::Cuda) else { continue };
        let program = compile(&folder.0, kernel.name, &source.text(kernel));
        let cases = (kernel.cases)(20_261_121);
        let mut played = 0;
        for case in &cases {
            let expected = case.play(kernel, &mut law).expect("the reference device");
            for (limits, order) in DEVICES.iter().zip([Order::Ascending, Order::Descending]) {
                let found = match play(&program, source, kernel, case, limits, order) {
                    Ok(played) => differs(kernel, case, &expected, &played),
                    Err(complaint) => Some(complaint),
                };
                failures
                    .extend(found.map(|found| format!("{}::{}::{order:?}: {found}", kernel.name, case.name)));
                played += 1;
            }
        }
        println!("{}: {} cases, {played} runs", kernel.name, cases.len());
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// A text with the arguments of `weight_decay` and an entry of its own, on 64 words from 0: what it leaves, in both orders.
fn try_body(folder: &Path, name: &str, body: &str) -> Vec<Result<Vec<u32>, String>> {
    let kernel = &cortexkg_compute::kernels::weight_decay::KERNEL;
    let source = kernel.source(Target::Cuda).expect("a form");
    let text = source.text(kernel);
    let (before, _) = text.split_once("KERNEL(main)").expect("an entry");
    let program = compile(folder, name, &format!("{before}\n{body}"));
    let case = Case { name: name.into(), params: vec![64, 0, 0], buffers: vec![vec![0; 256]] };
    let run = |order| {
        let played = play(&program, source, kernel, &case, &DEVICES[0], order)?;
        Ok(played[0]
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes(word.try_into().expect("4 bytes")))
            .collect())
    };
    [Order::Ascending, Order::Descending].map(run).into()
}

#[test]
fn the_shim_finds_what_is_wrong() {
    if !compiler_is_there() {
        return;
    }
    let folder = Folder::new("cuda-host-wrong");
    let complaint = |name: &str, body: &str, expected: &str| {
        for played in try_body(&folder.0, name, body) {
            let complaint = played.expect_err(name);
            assert!(complaint.contains(expected), "{name}: {complaint}");
        }
    };
    let turned = |barrier: &str| {
        format!(
            "__shared__ u32 words[WORKGROUP_SIZE];\n\
             KERNEL(main) {{\nwords[threadIdx.x] = threadIdx.x;\n{barrier}\n\
             arguments.weights[threadIdx.x] = words[63u - threadIdx.x];\n}}\n"
        )
    };
    let right: Vec<u32> = (0..64).rev().collect();
    for played in try_body(&folder.0, "turned", &turned("__syncthreads();")) {
        assert_eq!(played.expect("nothing wrong"), right);
    }
    let unordered = try_body(&folder.0, "no_barrier", &turned(""));
    assert!(
        unordered.iter().any(|played| played.as_ref().is_ok_and(|words| *words != right)),
        "{unordered:?}"
    );
    complaint(
        "barrier_of_some",
        "KERNEL(main) { if (threadIdx.x < 40u) { __syncthreads(); } }",
        "done, not at",
    );
    complaint(
        "two_barriers",
        "KERNEL(main) { if (threadIdx.x < 32u) {\n__syncthreads();\n} else {\n__syncthreads();\n} }",
        "waits at line",
    );
    complaint(
        "half_a_warp",
        "KERNEL(main) { if (threadIdx.x % 2u == 0u) { arguments.weights[0] = __shfl_xor_sync(EVERY_LANE, 1u, 1u); } }",
        "at the exchange of",
    );
    complaint(
        "meeting_of_some",
        "KERNEL(main) { Meeting meeting(arguments.weights); meeting.wait(); }",
        "waits for others, which may not be under way",
    );
    complaint("past_the_end", "KERNEL(main) { arguments.weights[64u + threadIdx.x] = 1u; }", "signal");
    complaint(
        "wide_shift",
        "KERNEL(main) { arguments.weights[0] = 1u << (32u + threadIdx.x); }",
        "shift exponent",
    );
}
