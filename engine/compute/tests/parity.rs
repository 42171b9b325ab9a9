//! The forms of a kernel in step, checked without any GPU: folder listings equal `KERNELS` but for absences that say why,
//! and descriptors are consistent in themselves.

use std::collections::BTreeSet;
use std::path::Path;

use cortexkg_compute::{Element, Extent, KERNELS, Target, Tolerance};

/// Folder, file extension and target of the device texts.
const TEXTS: [(&str, &str, Target); 2] = [("shaders", "wgsl", Target::Wgsl), ("kernels", "cu", Target::Cuda)];

/// Stems of the files with an extension in a top folder of the repository; `shared/`, and `host/`, which plays texts without a card,
/// are not looked into.
fn stems(folder: &str, extension: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let entries = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut stems = BTreeSet::new();
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            let name = path.file_name().and_then(|name| name.to_str());
            assert!(matches!(name, Some("shared" | "host")), "{} does not belong here", path.display());
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let fits = path.extension().and_then(|found| found.to_str()) == Some(extension);
        // Hidden files keep an empty folder in version control.
        if !stem.starts_with('.') {
            assert!(fits, "{} does not belong in {folder}/", path.display());
            stems.insert(stem);
        }
    }
    stems
}

#[test]
fn every_kernel_has_each_text_or_says_why_not() {
    for (folder, extension, target) in TEXTS {
        let files = stems(folder, extension);
        for kernel in KERNELS {
            let source = kernel.sources.iter().any(|source| source.target == target);
            let absent = kernel.absent.iter().find(|(of, _)| *of == target);
            let file = files.contains(kernel.name);
            let name = kernel.name;
            assert_eq!(source, file, "{folder}/{name}.{extension}: the file and `sources` disagree");
            assert_ne!(
                source,
                absent.is_some(),
                "{name} {target:?}: either a text or a reason for its absence"
            );
            assert!(
                absent.is_none_or(|(_, reason)| reason.len() > 10),
                "{name} {target:?}: a reason in words"
            );
        }
        let known: BTreeSet<String> = KERNELS.iter().map(|kernel| kernel.name.to_owned()).collect();
        let orphans: Vec<_> = files.difference(&known).collect();
        assert!(orphans.is_empty(), "{folder}/ has texts of no kernel: {orphans:?}");
    }
}

#[test]
fn every_kernel_has_a_file_of_its_name() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernels");
    let files: BTreeSet<String> = std::fs::read_dir(path)
        .expect("src/kernels")
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| path.file_stem()?.to_str().map(str::to_owned))
        .filter(|stem| stem != "shared")
        .collect();
    let names: BTreeSet<String> = KERNELS.iter().map(|kernel| kernel.name.to_owned()).collect();
    assert_eq!(files, names);
    assert_eq!(names.len(), KERNELS.len(), "a name is used twice");
}

#[test]
fn descriptors_are_consistent() {
    for kernel in KERNELS {
        let name = kernel.name;
        let fields: BTreeSet<&str> = kernel.params.iter().map(|field| field.name).collect();
        assert_eq!(fields.len(), kernel.params.len(), "{name}: a field twice");
        for field in kernel.params {
            let fits = matches!(field.element, Element::U32 | Element::I32 | Element::F32);
            assert!(fits, "{name}: parameter {} is {:?}", field.name, field.element);
        }
        let bindings: BTreeSet<&str> = kernel.bindings.iter().map(|binding| binding.name).collect();
        assert_eq!(bindings.len(), kernel.bindings.len(), "{name}: a binding twice");
        assert!(kernel.bindings.iter().any(|binding| binding.access.writes()), "{name} writes nothing");
        for extent in [kernel.grid.x, kernel.grid.y] {
            if let Extent::Per { field, items } = extent {
                assert!(fields.contains(field) && items > 0, "{name}: grid over {field}");
            }
        }
        // WebGPU promises 256 invocations a workgroup and nothing beyond.
        let invocations: u32 = kernel.workgroup.iter().product();
        assert!((1..=256).contains(&invocations), "{name}: {invocations} invocations a workgroup");
        if let Tolerance::TopK { min_recall, .. } = kernel.tolerance {
            let outputs: Vec<Element> =
                kernel.bindings.iter().filter(|b| b.access.writes()).map(|b| b.element).collect();
            assert_eq!(outputs[..2], [Element::U32, Element::F32], "{name}: TopK wants ids, then scores");
            assert!(fields.contains("k") && min_recall > 0.0 && min_recall <= 1.0, "{name}");
        }
    }
}
