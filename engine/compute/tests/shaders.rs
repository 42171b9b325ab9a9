//! WGSL forms held to their descriptors without any device: naga reads and validates every text, and bindings, parameters, entry
//! points and workgroups are compared with what the kernel says of itself.

use std::collections::BTreeSet;

use cortexkg_compute::{Element, KERNELS, Kernel, Scratch, Source, Target};
use naga::front::wgsl;
use naga::valid::{
    Capabilities, ShaderStages as NagaStages, SubgroupOperationSet, ValidationFlags, Validator,
};
use naga::{AddressSpace, Module, Scalar, ScalarKind, ShaderStage, StorageAccess, TypeInner, VectorSize};

/// Kernels with a WGSL form, and what naga makes of it; of two forms if there is one for subgroups.
fn parsed() -> Vec<(&'static Kernel, &'static Source, Module)> {
    let mut parsed = Vec::new();
    for &kernel in KERNELS {
        let Ok(source) = kernel.source(Target::Wgsl) else { continue };
        let by_subgroups = source.subgroup_parts.map(|_| source.text_with_subgroups(kernel));
        for text in [source.text(kernel)].into_iter().chain(by_subgroups) {
            let module = wgsl::parse_str(&text)
                .unwrap_or_else(|error| panic!("{}: {}", kernel.name, error.emit_to_string(&text)));
            parsed.push((kernel, source, module));
        }
    }
    parsed
}

#[test]
fn naga_validates_every_text() {
    let mut by_subgroups = 0;
    for (kernel, source, module) in parsed() {
        // No capability beyond what every adapter has, but for the texts that say so.
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
        if validator.validate(&module).is_ok() {
            continue;
        }
        by_subgroups += 1;
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::SUBGROUP);
        validator.subgroup_stages(NagaStages::COMPUTE).subgroup_operations(SubgroupOperationSet::all());
        if let Err(error) = validator.validate(&module) {
            panic!("{}: {}", kernel.name, error.emit_to_string(&source.text_with_subgroups(kernel)));
        }
    }
    let said = KERNELS.iter().filter_map(|kernel| kernel.source(Target::Wgsl).ok()?.subgroup_parts);
    assert_eq!(by_subgroups, said.count());
}

/// If a scalar is that of an element.
fn fits(element: Element, scalar: Scalar) -> bool {
    let kind = match element {
        Element::F32 => ScalarKind::Float,
        Element::I32 => ScalarKind::Sint,
        // Packed pairs and halves of what WGSL has no type for.
        Element::U32 | Element::U64 | Element::F16 => ScalarKind::Uint,
        Element::F64 => return false,
    };
    scalar == Scalar { kind, width: 4 }
}

/// If an array's elements are such scalars, alone, as vectors or in structs of nothing else.
fn holds(module: &Module, inner: &TypeInner, element: Element) -> bool {
    match inner {
        TypeInner::Scalar(scalar) | TypeInner::Atomic(scalar) => fits(element, *scalar),
        TypeInner::Vector { scalar, size } => *size != VectorSize::Tri && fits(element, *scalar),
        TypeInner::Array { base, .. } => holds(module, &module.types[*base].inner, element),
        TypeInner::Struct { members, .. } => {
            members.iter().all(|member| holds(module, &module.types[member.ty].inner, element))
        }
        _ => false,
    }
}

#[test]
fn bindings_are_those_of_the_descriptor() {
    for (kernel, source, module) in parsed() {
        let name = kernel.name;
        let mut arrays = BTreeSet::new();
        for (_, variable) in module.global_variables.iter() {
            let Some(place) = variable.binding.as_ref().filter(|place| place.group == 0) else { continue };
            let AddressSpace::Storage { access } = variable.space else {
                panic!("{name}: {place:?} is no storage")
            };
            let inner = &module.types[variable.ty].inner;
            assert!(matches!(inner, TypeInner::Array { .. }), "{name}: {place:?} is no array");
            assert!(arrays.insert(place.binding), "{name}: {place:?} twice");
            let called = variable.name.as_deref();
            match kernel.bindings.get(place.binding as usize) {
                Some(binding) => {
                    assert_eq!(called, Some(binding.name), "{name}: {place:?}");
                    assert_eq!(
                        access.contains(StorageAccess::STORE),
                        binding.access.writes(),
                        "{name}: {called:?}"
                    );
                    assert!(holds(&module, inner, binding.element), "{name}: {called:?} holds {inner:?}");
                }
                None => {
                    assert_eq!(called, Some("scratch"), "{name}: {place:?}");
                    let words = [Element::U32, Element::I32, Element::F32];
                    assert!(words.iter().any(|&word| holds(&module, inner, word)), "{name}: {inner:?}");
                }
            }
        }
        let scratch = usize::from(!matches!(source.scratch, Scratch::None));
        assert_eq!(arrays.len(), kernel.bindings.len() + scratch, "{name}: bindings {arrays:?}");
        assert!(arrays.into_iter().eq(0..(kernel.bindings.len() + scratch) as u32), "{name}: a gap");
    }
}

#[test]
fn parameters_lie_where_the_descriptor_has_them() {
    for (kernel, source, module) in parsed() {
        let name = kernel.name;
        let mut found = module
            .global_variables
            .iter()
            .filter(|(_, variable)| variable.binding.as_ref().is_some_and(|place| place.group > 0));
        let (_, variable) = found.next().unwrap_or_else(|| panic!("{name}: no parameters"));
        let place = variable.binding.as_ref().expect("filtered");
        assert_eq!((place.group, place.binding, variable.space), (1, 0, AddressSpace::Uniform), "{name}");
        assert!(found.next().is_none(), "{name}: a second variable beside the arrays");
        let TypeInner::Struct { members, span } = &module.types[variable.ty].inner else {
            panic!("{name}: parameters are no struct")
        };
        assert_eq!(*span as usize, kernel.params_bytes(), "{name}");
        // A slot of the back end, see its staging.
        assert!(kernel.params_bytes() <= 256, "{name}: parameters over 256 bytes");
        assert_eq!(members.len(), kernel.params.len(), "{name}");
        for (place, (member, field)) in members.iter().zip(kernel.params).enumerate() {
            assert_eq!(member.name.as_deref(), Some(field.name), "{name}");
            assert_eq!(member.offset as usize, place * 4, "{name}: {}", field.name);
            let inner = &module.types[member.ty].inner;
            assert!(
                matches!(inner, TypeInner::Scalar(scalar) if fits(field.element, *scalar)),
                "{name}: {}",
                field.name
            );
        }
        let scheduled = kernel.field("step").is_some() && kernel.field("steps").is_some();
        assert!(source.schedule.is_none() || scheduled, "{name}: what is scheduled has steps");
    }
}

#[test]
fn entry_points_have_the_workgroup_of_the_descriptor() {
    for (kernel, source, module) in parsed() {
        let found: BTreeSet<&str> = module.entry_points.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(found, source.entries.iter().copied().collect(), "{}", kernel.name);
        for entry in &module.entry_points {
            assert_eq!(entry.stage, ShaderStage::Compute, "{}", kernel.name);
            assert_eq!(entry.workgroup_size, kernel.workgroup, "{}: {}", kernel.name, entry.name);
        }
    }
}
