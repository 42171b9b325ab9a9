//! Files of NumPy, files of every type, and files of people who mean harm.

use super::*;
use proptest::prelude::*;

type Encode<T> = fn(T) -> Vec<u8>;

// Written by numpy 2.4.6, byte for byte: 2 x 3 of 0, -1.5, 65504, 6e-8, 1/3, 2.
const F2: &[u8] = b"\x93NUMPY\x01\x00v\x00{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3), }\
    \x20                                                         \n\
    \x00\x00\x00\xbe\xff{\x01\x00U5\x00@";
const F4: &[u8] = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\
    \x20                                                         \n\
    \x00\x00\x00\x00\x00\x00\xc0\xbf\x00\xe0\x7fGY\xd9\x803\xab\xaa\xaa>\x00\x00\x00@";
const F8_BIG: &[u8] = b"\x93NUMPY\x01\x00v\x00{'descr': '>f8', 'fortran_order': False, 'shape': (2, 3), }\
    \x20                                                         \n\
    \x00\x00\x00\x00\x00\x00\x00\x00\xbf\xf8\x00\x00\x00\x00\x00\x00@\xef\xfc\x00\x00\x00\x00\x00\
    >p\x1b+)\xa4i+?\xd5UUUUUU@\x00\x00\x00\x00\x00\x00\x00";
const F4_FORTRAN: &[u8] = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\
    \x20                                                          \n\
    \x00\x00\x00\x00Y\xd9\x803\x00\x00\xc0\xbf\xab\xaa\xaa>\x00\xe0\x7fG\x00\x00\x00@";
const F4_VERSION_3: &[u8] =
    b"\x93NUMPY\x03\x00t\x00\x00\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }\
    \x20                                                       \n\x00\x00\x00?";
// 2 x 2 of 0, 1, 4294967294, 7.
const I8: &[u8] = b"\x93NUMPY\x01\x00v\x00{'descr': '<i8', 'fortran_order': False, 'shape': (2, 2), }\
    \x20                                                         \n\
    \x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\
    \xfe\xff\xff\xff\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00";
const U8_VERSION_2: &[u8] =
    b"\x93NUMPY\x02\x00t\x00\x00\x00{'descr': '<u8', 'fortran_order': False, 'shape': (2, 2), }\
    \x20                                                       \n\
    \x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\
    \xfe\xff\xff\xff\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00";
const I4_BIG: &[u8] = b"\x93NUMPY\x01\x00v\x00{'descr': '>i4', 'fortran_order': False, 'shape': (1, 2), }\
    \x20                                                         \n\x00\x00\x00\x03\x7f\xff\xff\xff";
const STRUCTURED: &[u8] =
    b"\x93NUMPY\x01\x00v\x00{'descr': [('a', '<i4'), ('b', '<f4')], 'fortran_order': False, 'shape': (1,), }\
    \x20                                    \n\x01\x00\x00\x00\x00\x00\x00@";
const NUMPYS: [&[u8]; 9] = [F2, F4, F8_BIG, F4_FORTRAN, F4_VERSION_3, I8, U8_VERSION_2, I4_BIG, STRUCTURED];

/// A file of version 1.0 with this header.
fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [MAGIC, &[1, 0], &length, header.as_bytes(), data].concat()
}

fn array(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    with_header(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"), data)
}

fn f4_with_shape(shape: &str) -> Result<Matrix<f32>, Fault> {
    parse_vectors(&array("<f4", shape, &[0; 24]))
}

#[test]
fn vectors_of_numpy_are_read() {
    let exact = [0.0, -1.5, 65504.0, 6e-8, 1.0 / 3.0, 2.0];
    let vectors = |values| Ok(Matrix { rows: 2, cols: 3, values });
    let halves = exact.map(|value| f16::from_f64(value).to_f32()).to_vec();
    assert_eq!(parse_vectors(F2), vectors(halves));
    assert_eq!(parse_vectors(F4), vectors(exact.map(|value| value as f32).to_vec()));
    assert_eq!(parse_vectors(F8_BIG), vectors(exact.map(|value| value as f32).to_vec()));
    assert_eq!(parse_vectors(F4_VERSION_3), Ok(Matrix { rows: 1, cols: 1, values: vec![0.5] }));
}

#[test]
fn ids_of_numpy_are_read() {
    let ids = Ok(Matrix { rows: 2, cols: 2, values: vec![0, 1, u32::MAX - 1, 7] });
    assert_eq!(parse_ids(I8), ids);
    assert_eq!(parse_ids(U8_VERSION_2), ids);
    assert_eq!(parse_ids(I4_BIG), Ok(Matrix { rows: 1, cols: 2, values: vec![3, 0x7fff_ffff] }));
}

#[test]
fn every_float_type_reads_alike() {
    let values = [0.0, -1.5, 65504.0, 0.25, 2.0, -0.125];
    let types: [(&str, Encode<f64>); 6] = [
        ("<f2", |value| f16::from_f64(value).to_le_bytes().into()),
        (">f2", |value| f16::from_f64(value).to_be_bytes().into()),
        ("<f4", |value| (value as f32).to_le_bytes().into()),
        (">f4", |value| (value as f32).to_be_bytes().into()),
        ("<f8", |value| value.to_le_bytes().into()),
        (">f8", |value| value.to_be_bytes().into()),
    ];
    for (descr, encode) in types {
        let file = array(descr, "(3, 2)", &values.map(encode).concat());
        let matrix = parse_vectors(&file).unwrap();
        assert_eq!((matrix.rows, matrix.cols), (3, 2), "{descr}");
        assert_eq!([matrix.row(0), matrix.row(1), matrix.row(2)].concat(), values.map(|value| value as f32));
        assert!(matches!(parse_ids(&file), Err(Fault::Type { found, .. }) if found == descr));
    }
}

#[test]
fn every_integer_type_reads_alike() {
    let values = [0u32, 1, 0x7fff_ffff, 258];
    let types: [(&str, Encode<u32>); 8] = [
        ("<i4", |value| value.to_le_bytes().into()),
        (">i4", |value| value.to_be_bytes().into()),
        ("<i8", |value| u64::from(value).to_le_bytes().into()),
        (">i8", |value| u64::from(value).to_be_bytes().into()),
        ("<u4", |value| value.to_le_bytes().into()),
        (">u4", |value| value.to_be_bytes().into()),
        ("<u8", |value| u64::from(value).to_le_bytes().into()),
        (">u8", |value| u64::from(value).to_be_bytes().into()),
    ];
    for (descr, encode) in types {
        let file = array(descr, "(2, 2)", &values.map(encode).concat());
        assert_eq!(parse_ids(&file), Ok(Matrix { rows: 2, cols: 2, values: values.into() }), "{descr}");
        assert!(matches!(parse_vectors(&file), Err(Fault::Type { found, .. }) if found == descr));
    }
}

#[test]
fn a_value_that_is_no_f32_is_named_by_its_place() {
    let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300];
    for value in bad {
        let data = [0.0, 0.0, 0.0, 0.0, 0.0, value].map(f64::to_le_bytes).concat();
        let fault = parse_vectors(&array("<f8", "(2, 3)", &data)).unwrap_err();
        assert!(matches!(fault, Fault::NotFinite { row: 1, column: 2, .. }), "{fault}");
    }
    let halves = parse_vectors(&array(">f2", "(1, 2)", &[0, 0, 0x7e, 0]));
    let doubles = parse_vectors(&array("<f8", "(1, 1)", &f64::MAX.to_le_bytes()));
    let rule = "every value must be finite as an f32 (counted from 0)";
    assert_eq!(halves.unwrap_err().to_string(), format!("row 0, column 1 is NaN; {rule}"));
    // Found by the fuzzer: three hundred digits of it.
    let found = "1.7976931348623157e308";
    assert_eq!(doubles.unwrap_err().to_string(), format!("row 0, column 0 is {found}; {rule}"));
}

#[test]
fn a_value_that_is_no_id_is_named_by_its_place() {
    for value in [-1, i64::MIN, i64::from(u32::MAX), 1 << 32] {
        let data = [0, 0, 0, value].map(i64::to_le_bytes).concat();
        let found = value.into();
        let fault = parse_ids(&array("<i8", "(2, 2)", &data));
        assert_eq!(fault, Err(Fault::NotAnId { row: 1, column: 1, found }));
    }
    let data = [u64::MAX].map(u64::to_be_bytes).concat();
    let found = u64::MAX.into();
    assert_eq!(parse_ids(&array(">u8", "(1, 1)", &data)), Err(Fault::NotAnId { row: 0, column: 0, found }));
}

#[test]
fn only_plain_matrices_in_c_order_are_read() {
    assert_eq!(parse_vectors(F4_FORTRAN), Err(Fault::FortranOrder));
    assert_eq!(parse_vectors(STRUCTURED), Err(Fault::Structured));
    assert_eq!(f4_with_shape("()"), Err(Fault::Dimensions { found: 0 }));
    assert_eq!(f4_with_shape("(6,)"), Err(Fault::Dimensions { found: 1 }));
    assert_eq!(f4_with_shape("(1, 2, 3)"), Err(Fault::Dimensions { found: 3 }));
    assert_eq!(f4_with_shape("(0, 6)"), Err(Fault::Empty { rows: 0, cols: 6 }));
    for descr in ["|u1", "<c8", "|O", "f4", "=f4", "<f44", "<F4", "", "é"] {
        let fault = parse_vectors(&array(descr, "(2, 3)", &[0; 24]));
        assert!(matches!(fault, Err(Fault::Type { found, .. }) if found == descr));
    }
}

#[test]
fn a_shape_that_lies_is_refused_before_anything_is_allocated() {
    const ROWS: usize = 1_000_000_000_000_000;
    let fault = |rows, cols, wanted| Err(Fault::Length { rows, cols, wanted, found: 24 });
    assert_eq!(f4_with_shape("(2, 4)"), fault(2, 4, 32));
    assert_eq!(f4_with_shape("(2, 2)"), fault(2, 2, 16));
    assert_eq!(f4_with_shape("(1000000000000000, 100)"), fault(ROWS, 100, ROWS as u128 * 400));
    assert_eq!(f4_with_shape("(1000000000000000, 0)"), Err(Fault::Empty { rows: ROWS, cols: 0 }));
    // 2^32 x 2^32 is 0 in 64 bits.
    assert_eq!(f4_with_shape("(4294967296, 4294967296)"), fault(1 << 32, 1 << 32, 1 << 66));
    let most = "(18446744073709551615, 18446744073709551615)";
    assert_eq!(f4_with_shape(most), fault(usize::MAX, usize::MAX, u128::MAX));
}

#[test]
fn cut_and_lengthened_files_are_refused() {
    for file in NUMPYS {
        for length in 0..file.len() {
            let (vectors, ids) = (parse_vectors(&file[..length]), parse_ids(&file[..length]));
            assert!(vectors.is_err() && ids.is_err(), "{length} bytes");
        }
        let longer = [file, &[0]].concat();
        assert!(parse_vectors(&longer).is_err() && parse_ids(&longer).is_err());
    }
}

#[test]
fn other_files_and_versions_are_refused() {
    assert_eq!(parse_vectors(b""), Err(Fault::Magic));
    assert_eq!(parse_vectors(b"PK\x03\x04 and the rest of an .npz"), Err(Fault::Magic));
    assert_eq!(parse_vectors(b"\x93NUMPY\x04\x00"), Err(Fault::Version { major: 4, minor: 0 }));
    assert_eq!(parse_vectors(b"\x93NUMPY\x01\x01"), Err(Fault::Version { major: 1, minor: 1 }));
    assert_eq!(parse_vectors(b"\x93NUMPY\x01\x00v"), Err(Fault::HeaderCut { wanted: 10, found: 9 }));
    assert_eq!(parse_vectors(b"\x93NUMPY\x01\x00v\x00{"), Err(Fault::HeaderCut { wanted: 128, found: 11 }));
    let longest = b"\x93NUMPY\x02\x00\xff\xff\xff\xff{";
    assert_eq!(parse_vectors(longest), Err(Fault::HeaderTooLong { found: u32::MAX as usize }));
}

#[test]
fn headers_as_others_write_them_are_read() {
    for header in [
        "{'descr':'<f4','fortran_order':False,'shape':(1,1)}",
        "{\"shape\": (1, 1,), \"fortran_order\": False, \"descr\": \"<f4\"}",
        " { 'fortran_order' : False , 'descr' : '<f4' ,\n 'shape' : ( 1 , 1 ) , } \n ",
    ] {
        let matrix = parse_vectors(&with_header(header, &[0; 4]));
        assert_eq!(matrix, Ok(Matrix { rows: 1, cols: 1, values: vec![0.0] }), "{header}");
    }
}

#[test]
fn malformed_headers_are_refused() {
    for header in [
        "",
        "{",
        "{}",
        "[]",
        "{'descr': '<f4', 'shape': (1, 1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1)} {",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), 'more': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<f4\", 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': None, 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 1)}",
        "{'descr': '<f4', 'fortran_order': Falsehood, 'shape': (1, 1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [1, 1]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, -1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, +1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1.0)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,, 1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 18446744073709551616)}",
    ] {
        let fault = parse_vectors(&with_header(header, &[0; 4])).unwrap_err();
        assert!(matches!(fault, Fault::Header { .. } | Fault::NoKey { .. }), "{header}: {fault}");
    }
    // What makes a parser of Python literals recurse, or take exponential time.
    assert!(parse_vectors(&with_header(&"[".repeat(HEADER_BYTES_MAX), &[])).is_err());
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.npy");
    let error = read_vectors(&path).unwrap_err();
    assert!(matches!(&error, NpyError::Read { path: at, .. } if *at == path));
    fs::write(&path, I8).unwrap();
    assert_eq!(read_ids(&path).unwrap().row(1), [u32::MAX - 1, 7]);
    let error = read_vectors(&path).unwrap_err();
    let wanted = "the values are of type \"<i8\"; f2, f4 and f8 are read, of either byte order";
    assert_eq!(error.to_string(), format!("{}: {wanted}", path.display()));
}

/// Whatever the bytes are: values that keep the rules and take no more room than the file lets expect, or a
/// message of decent length.
fn is_sound<T>(bytes: &[u8], parsed: Result<Matrix<T>, Fault>, fits: impl Fn(&T) -> bool) -> bool {
    match parsed {
        Ok(matrix) => {
            let values = matrix.values;
            let filled = matrix.rows.checked_mul(matrix.cols) == Some(values.len()) && !values.is_empty();
            filled && values.capacity() <= bytes.len() / 2 && values.iter().all(fits)
        }
        Err(fault) => fault.to_string().len() < 300,
    }
}

fn both_are_sound(bytes: &[u8]) -> bool {
    is_sound(bytes, parse_vectors(bytes), |value| value.is_finite())
        && is_sound(bytes, parse_ids(bytes), |id| *id < u32::MAX)
}

proptest! {
    #[test]
    fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(both_are_sound(&bytes));
        let after_magic = [MAGIC, &bytes].concat();
        prop_assert!(both_are_sound(&after_magic));
    }

    #[test]
    fn any_header_is_borne(
        header in "[{}()\\[\\]:,'\" \\\\\n0-9<>f-i]{0,200}",
        shape in "\\([0-9]{0,21}[, ]{1,2}[0-9]{0,21},?\\)",
        data in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        prop_assert!(both_are_sound(&with_header(&header, &data)));
        prop_assert!(both_are_sound(&array("<f2", &shape, &data)));
        prop_assert!(both_are_sound(&array(">i4", &shape, &data)));
    }

    #[test]
    fn changed_files_are_borne(
        file in prop::sample::select(NUMPYS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in 0..8usize,
        appended in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut bytes = file.to_vec();
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        bytes.truncate(file.len() - cut);
        bytes.extend(appended);
        prop_assert!(both_are_sound(&bytes));
    }

    #[test]
    fn finite_values_come_back_bit_for_bit(values in prop::collection::vec(any::<f32>(), 1..40)) {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let parsed = parse_vectors(&array("<f4", &format!("(1, {})", values.len()), &data));
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        if values.iter().all(|value| value.is_finite()) {
            prop_assert_eq!(bits(parsed.unwrap().row(0)), bits(&values));
        } else {
            let is_not_finite = matches!(parsed, Err(Fault::NotFinite { .. }));
            prop_assert!(is_not_finite);
        }
    }
}
