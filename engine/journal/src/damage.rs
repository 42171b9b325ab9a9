//! Judges a damaged frame in the last segment: torn write or corruption?
//!
//! A torn write is what a power cut leaves of a batch nobody was told was stored; cutting it is right.
//! Corruption is damage to bytes that were durable; cutting it would lose acknowledged records in silence.
//! Two witnesses:
//!
//! 1. A later frame whose `durable_before` lies past the damage (after every batch there is one, once
//!    anything else is written: the next batch, a seal, or the mark of a clean close or of the next open).
//! 2. For the very last batch, which nothing later vouches for: the frame is whole but for one flipped bit.
//!    The CRC gives the bit, the word sum and the end mark confirm it. A torn write loses or garbles sectors
//!    and does not flip one bit. (One exception is possible and errs on the side of stopping: a 512-byte
//!    sector wholly inside a payload, with a single set bit in it, lost from an otherwise complete frame.)
//!
//! What is left: damage of more than one bit in the last batch before a power cut, with no mark after it,
//! looks like a torn write, and is cut. `tests/limits.rs` shows that limit.

use crate::error::{Corruption, Error, Result};
use crate::frame::{
    FRAME_END, FRAME_HEADER_BYTES, FRAME_MAGIC, FRAME_VERSION, FrameHeader, NoHeader, Place, word_sum,
};
use crate::storage::StorageFile;
use crate::window::Window;

/// How far the search for a vouching frame looks at once.
const SEARCH_BYTES: usize = 64 << 10;

/// Judges the flaw `why` found at `place`. `None`: a torn write, to be cut there.
pub(crate) fn judge<F: StorageFile>(
    window: &mut Window<F>,
    name: &str,
    place: Place,
    why: Corruption,
) -> Result<Option<Corruption>> {
    match why {
        Corruption::FrameHeader | Corruption::FramePayload | Corruption::FrameEnd | Corruption::FrameCut => {}
        // The frame is as written and yet wrong: no torn write does that.
        _ => return Ok(Some(why)),
    }
    if let Some(by) = vouching_frame(window, name, place)? {
        return Ok(Some(Corruption::VouchedFor { by }));
    }
    Ok(flipped_bit(window, place)?.map(|bit| Corruption::FlippedBit { bit }))
}

/// Searches behind `place`, at every byte since lengths cannot be trusted, for a frame that says `place` was
/// durable.
fn vouching_frame<F: StorageFile>(window: &mut Window<F>, name: &str, place: Place) -> Result<Option<u64>> {
    let mut offset = place.offset + 1;
    loop {
        let bytes = window.at(offset, SEARCH_BYTES + FRAME_HEADER_BYTES - 1)?;
        for (index, header) in bytes.windows(FRAME_HEADER_BYTES).enumerate() {
            if header[..4] != FRAME_MAGIC {
                continue;
            }
            let at = offset + index as u64;
            let header = header.try_into().expect("this is a bug: windows have the length asked for");
            match FrameHeader::decode(header, Place { offset: at, ..place }) {
                Ok(frame) if frame.durable_before > place.offset && frame.durable_before <= at => {
                    return Ok(Some(at));
                }
                Ok(_) | Err(NoHeader::Damaged) => {}
                // What a later release wrote must not be cut by one that cannot read it.
                Err(NoHeader::Version(found)) => {
                    let (found, known) = (found.into(), FRAME_VERSION.into());
                    return Err(Error::UnsupportedVersion { file: name.to_owned(), found, known });
                }
            }
        }
        if bytes.len() < SEARCH_BYTES + FRAME_HEADER_BYTES - 1 {
            return Ok(None);
        }
        offset += SEARCH_BYTES as u64;
    }
}

/// The single bit whose flip makes the whole frame good, if there is one.
fn flipped_bit<F: StorageFile>(window: &mut Window<F>, place: Place) -> Result<Option<u64>> {
    let bytes = window.at(place.offset, FRAME_HEADER_BYTES)?;
    let Ok(mut bytes) = <[u8; FRAME_HEADER_BYTES]>::try_from(bytes) else {
        return Ok(None);
    };
    let mut body_of = |frame: &FrameHeader| -> Result<Option<Vec<u8>>> {
        let body_bytes = frame.frame_bytes() as usize - FRAME_HEADER_BYTES;
        let body = window.at(place.offset + FRAME_HEADER_BYTES as u64, body_bytes)?;
        Ok((body.len() == body_bytes).then(|| body.to_vec()))
    };
    if let Ok(frame) = FrameHeader::decode(&bytes, place) {
        let bit = body_of(&frame)?.and_then(|body| flipped_body_bit(&frame, &body));
        return Ok(bit.map(|bit| bit + FRAME_HEADER_BYTES as u64 * 8));
    }
    for bit in 0..FRAME_HEADER_BYTES * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(frame) = FrameHeader::decode(&bytes, place)
            && body_of(&frame)?.is_some_and(|body| frame.check_body(&body).is_ok())
        {
            return Ok(Some(bit as u64));
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    Ok(None)
}

/// The flipped bit in payload and end mark, counted from the payload's first byte.
fn flipped_body_bit(frame: &FrameHeader, body: &[u8]) -> Option<u64> {
    let (payload, end) = body.split_at(frame.payload_bytes as usize);
    let syndrome = crc32c::crc32c(payload) ^ frame.payload_crc;
    let end_difference = u16::from_le_bytes(FRAME_END) ^ u16::from_le_bytes([end[0], end[1]]);
    if syndrome == 0 && end_difference.count_ones() == 1 {
        return Some(payload.len() as u64 * 8 + u64::from(end_difference.trailing_zeros()));
    }
    if end_difference != 0 {
        return None;
    }
    let bit = bit_of_syndrome(syndrome, payload.len() as u64 * 8)?;
    let is_set = payload[(bit / 8) as usize] >> (bit % 8) & 1 == 1;
    let worth = 1u32 << (bit % 32);
    let sum = word_sum(payload);
    let mended = if is_set { sum.wrapping_sub(worth) } else { sum.wrapping_add(worth) };
    (mended == frame.payload_sum).then_some(bit)
}

/// The one bit among `bits` whose flip changes a CRC32C by `syndrome`.
///
/// The CRC is linear, so a flip changes it by an amount that depends only on how far the bit is from the end:
/// the polynomial for the last bit, and one more shift of the register for each bit before it. Different bits
/// give different amounts (the polynomial's period is 2^31 - 1).
fn bit_of_syndrome(syndrome: u32, bits: u64) -> Option<u64> {
    /// Castagnoli, lowest bit first.
    const POLYNOMIAL: u32 = 0x82F6_3B78;
    let mut change = POLYNOMIAL;
    for from_end in 0..bits {
        if change == syndrome {
            return Some(bits - 1 - from_end);
        }
        change = change >> 1 ^ if change & 1 == 1 { POLYNOMIAL } else { 0 };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seq;
    use crate::chain::Chain;
    use crate::frame::{Kind, push_frame};
    use crate::sim::{Random, SimStorage};
    use crate::storage::Storage;

    const PLACE: Place = Place { salt: 77, offset: 0 };

    fn two_frames(payload: &[u8], durable_before: impl Fn(u64) -> u64) -> Vec<u8> {
        let mut out = Vec::new();
        let chain = push_frame(&mut out, PLACE, Kind::Record, Seq(1), 0, payload, Chain::START);
        let durable_before = durable_before(out.len() as u64);
        push_frame(&mut out, PLACE, Kind::Record, Seq(2), durable_before, b"next", chain);
        out
    }

    fn judged(bytes: &[u8]) -> Option<Corruption> {
        let storage = SimStorage::with_files(&[("x", bytes)]);
        judge(&mut Window::new(storage.open("x").unwrap()).unwrap(), "x", PLACE, Corruption::FrameHeader)
            .unwrap()
    }

    #[test]
    fn names_the_flipped_bit_of_an_unvouched_frame() {
        let mut random = Random::new(2);
        for payload_bytes in [0, 1, 3, 64, 700] {
            let mut payload = vec![0; payload_bytes];
            random.fill(&mut payload);
            let good = two_frames(&payload, |_| 0);
            for bit in 0..(payload_bytes + crate::frame::FRAME_EXTRA_BYTES) as u64 * 8 {
                let mut bad = good.clone();
                bad[(bit / 8) as usize] ^= 1 << (bit % 8);
                assert_eq!(judged(&bad), Some(Corruption::FlippedBit { bit }));
            }
        }
    }

    #[test]
    fn a_lost_sector_is_torn_unless_a_later_frame_vouches_for_it() {
        let payload: Vec<u8> = (0..2000u32).map(|n| (n % 251) as u8).collect();
        for sector in 0..4 {
            let mut torn = two_frames(&payload, |_| 0);
            torn[sector * 512..][..512].fill(0);
            assert_eq!(judged(&torn), None);
        }
        // The fourth sector holds the start of the second frame, so without it there is no later frame.
        for sector in 0..3 {
            let mut rotten = two_frames(&payload, |end| end);
            rotten[sector * 512..][..512].fill(0);
            assert_eq!(judged(&rotten), Some(Corruption::VouchedFor { by: 2040 }));
        }
    }

    #[test]
    fn the_word_sum_overrules_a_checksum_that_points_at_one_bit_by_chance() {
        let good = two_frames(&[0x55; 100], |_| 0);
        let mut torn = good.clone();
        torn[60] ^= 1;
        assert!(matches!(judged(&torn), Some(Corruption::FlippedBit { .. })));
        // The generator polynomial itself, added somewhere, leaves the CRC as it is.
        let polynomial = (1 | 0x82F6_3B78_u64 << 1).to_le_bytes();
        for (byte, term) in torn[80..88].iter_mut().zip(polynomial) {
            *byte ^= term;
        }
        let payload = FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + 100;
        assert_eq!(crc32c::crc32c(&torn[payload.clone()]) ^ crc32c::crc32c(&good[payload]), {
            let mut one_bit = vec![0u8; 100];
            one_bit[60 - FRAME_HEADER_BYTES] = 1;
            crc32c::crc32c(&one_bit) ^ crc32c::crc32c(&[0; 100])
        });
        assert_eq!(judged(&torn), None);
    }

    #[test]
    fn a_frame_inside_a_payload_vouches_for_nothing() {
        let inner = two_frames(b"a log stored in a log", |end| end);
        let mut outer = two_frames(&inner, |_| 0);
        outer[..20].fill(0);
        assert_eq!(judged(&outer), None);
    }

    #[test]
    fn every_length_cut_is_torn() {
        let whole = two_frames(&[7; 100], |_| 0);
        for len in 0..140 {
            assert_eq!(judged(&whole[..len]), None, "cut to {len}");
        }
    }

    #[test]
    fn a_frame_of_a_later_release_stops_the_judgement() {
        let mut bytes = two_frames(b"", |_| 0);
        bytes[0] = 0;
        let second = &mut bytes[40..];
        second[4] = 2;
        let bound = [&PLACE.salt.to_le_bytes()[..], &40u64.to_le_bytes(), &second[..34]].concat();
        second[34..38].copy_from_slice(&crc32c::crc32c(&bound).to_le_bytes());
        let storage = SimStorage::with_files(&[("x", &bytes)]);
        let judged =
            judge(&mut Window::new(storage.open("x").unwrap()).unwrap(), "x", PLACE, Corruption::FrameHeader);
        assert!(matches!(judged, Err(Error::UnsupportedVersion { found: 2, .. })));
    }
}
