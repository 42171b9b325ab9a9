//! One frame: header, payload, end mark. The layout is in the crate header.
//!
//! The header's checksum is bound to the place: it is seeded with the segment's salt and the frame's offset,
//! so bytes that look like a frame but stand elsewhere (a copy of a log stored as a payload, a stale block)
//! are no frame. Nothing here reads files or judges damage.

use crate::chain::Chain;
use crate::le::{Layout, u32_at, u64_at};
use crate::{Corruption, Seq};

pub(crate) const FRAME_MAGIC: [u8; 4] = *b"CKfr";
pub(crate) const FRAME_VERSION: u8 = 1;
pub(crate) const FRAME_HEADER_BYTES: usize = 38;
/// Where the header's checksum stands, its last field.
const CRC_AT: usize = 34;
/// Last two bytes of every frame. Several set bits in each, so that a lost last sector never differs in one
/// bit only.
pub(crate) const FRAME_END: [u8; 2] = [0xC5, 0x3A];
/// What a frame adds to its payload.
pub(crate) const FRAME_EXTRA_BYTES: usize = FRAME_HEADER_BYTES + FRAME_END.len();

/// The largest record: 256 MiB. A reader holds one record in memory at a time, so this bounds what it needs.
pub const PAYLOAD_BYTES_MAX: usize = 256 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A caller's record.
    Record = 1,
    /// Says that everything before it is durable; carries [`crate::control::Mark`].
    Mark = 2,
    /// The last frame of a segment; carries [`crate::control::Seal`].
    Seal = 3,
}

/// Where a frame stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The checksum of the segment's header.
    pub salt: u32,
    /// Of the frame's first byte in the file.
    pub offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub kind: Kind,
    pub payload_bytes: u32,
    pub payload_sum: u32,
    /// Of this record; for marks and seals, of the last record before them.
    pub seq: Seq,
    /// How many bytes of the segment were known durable when the frame was written.
    pub durable_before: u64,
    pub payload_crc: u32,
    pub header_crc: u32,
}

/// Why bytes are not a frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoHeader {
    Damaged,
    /// Intact, of a later version.
    Version(u8),
}

impl FrameHeader {
    pub(crate) fn decode(bytes: &[u8; FRAME_HEADER_BYTES], place: Place) -> Result<FrameHeader, NoHeader> {
        let header_crc = u32_at(bytes, CRC_AT);
        if bytes[..4] != FRAME_MAGIC || header_crc != crc_of_header(place, bytes) {
            return Err(NoHeader::Damaged);
        }
        if bytes[4] != FRAME_VERSION {
            return Err(NoHeader::Version(bytes[4]));
        }
        let kind = match bytes[5] {
            1 => Kind::Record,
            2 => Kind::Mark,
            3 => Kind::Seal,
            _ => return Err(NoHeader::Damaged),
        };
        let payload_bytes = u32_at(bytes, 6);
        if payload_bytes as usize > PAYLOAD_BYTES_MAX {
            return Err(NoHeader::Damaged);
        }
        Ok(FrameHeader {
            kind,
            payload_bytes,
            payload_sum: u32_at(bytes, 10),
            seq: Seq(u64_at(bytes, 14)),
            durable_before: u64_at(bytes, 22),
            payload_crc: u32_at(bytes, 30),
            header_crc,
        })
    }

    fn encode(&self, place: Place) -> [u8; FRAME_HEADER_BYTES] {
        let layout = Layout::<FRAME_HEADER_BYTES>::new()
            .put(&FRAME_MAGIC)
            .put(&[FRAME_VERSION, self.kind as u8])
            .put(&self.payload_bytes.to_le_bytes())
            .put(&self.payload_sum.to_le_bytes())
            .put(&self.seq.0.to_le_bytes())
            .put(&self.durable_before.to_le_bytes())
            .put(&self.payload_crc.to_le_bytes());
        let crc = crc_of_header(place, layout.so_far());
        layout.put(&crc.to_le_bytes()).done()
    }

    /// The whole frame in bytes.
    pub(crate) fn frame_bytes(&self) -> u64 {
        (FRAME_EXTRA_BYTES + self.payload_bytes as usize) as u64
    }

    /// Checks what follows the header: payload and end mark.
    pub(crate) fn check_body(&self, body: &[u8]) -> Result<(), Corruption> {
        let (payload, end) = body.split_at(self.payload_bytes as usize);
        if crc32c::crc32c(payload) != self.payload_crc || word_sum(payload) != self.payload_sum {
            return Err(Corruption::FramePayload);
        }
        if end != FRAME_END { Err(Corruption::FrameEnd) } else { Ok(()) }
    }

    pub(crate) fn link(&self, chain: Chain) -> Chain {
        chain.link(self.header_crc, self.payload_crc)
    }
}

/// Adds one frame to `out`, whose first byte will stand at `base` of the segment. Returns the chain after it.
pub(crate) fn push_frame(
    out: &mut Vec<u8>,
    base: Place,
    kind: Kind,
    seq: Seq,
    durable_before: u64,
    payload: &[u8],
    chain: Chain,
) -> Chain {
    assert!(payload.len() <= PAYLOAD_BYTES_MAX, "this is a bug: the log checks sizes before it writes");
    let place = Place { salt: base.salt, offset: base.offset + out.len() as u64 };
    let mut header = FrameHeader {
        kind,
        payload_bytes: payload.len() as u32,
        payload_sum: word_sum(payload),
        seq,
        durable_before,
        payload_crc: crc32c::crc32c(payload),
        header_crc: 0,
    };
    let bytes = header.encode(place);
    header.header_crc = u32_at(&bytes, CRC_AT);
    out.extend_from_slice(&bytes);
    out.extend_from_slice(payload);
    out.extend_from_slice(&FRAME_END);
    header.link(chain)
}

/// CRC32C over salt, offset, then the header up to its checksum. Laid out in one aligned piece: for so few bytes the
/// checksum's time goes to unaligned ends and calls.
fn crc_of_header(place: Place, header: &[u8]) -> u32 {
    #[repr(align(8))]
    struct Aligned([u8; 12 + CRC_AT]);
    let mut bound = Aligned([0; 12 + CRC_AT]);
    bound.0[..4].copy_from_slice(&place.salt.to_le_bytes());
    bound.0[4..12].copy_from_slice(&place.offset.to_le_bytes());
    bound.0[12..].copy_from_slice(&header[..CRC_AT]);
    crc32c::crc32c(&bound.0)
}

/// Wrapping sum of little-endian 32-bit words, the last one padded with zeros. Beside the CRC it is a second,
/// differently built witness: it confirms that one flipped bit, and not a torn write, explains a damaged
/// payload.
pub(crate) fn word_sum(payload: &[u8]) -> u32 {
    let (words, rest) = payload.as_chunks::<4>();
    let sum = words.iter().fold(0u32, |sum, word| sum.wrapping_add(u32::from_le_bytes(*word)));
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum.wrapping_add(u32::from_le_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLACE: Place = Place { salt: 0xABCD_1234, offset: 64 };

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_frame(&mut out, PLACE, Kind::Record, Seq(9), 64, payload, Chain::START);
        out
    }

    fn header(frame: &[u8]) -> [u8; FRAME_HEADER_BYTES] {
        frame[..FRAME_HEADER_BYTES].try_into().unwrap()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(payload in prop::collection::vec(any::<u8>(), 0..300)) {
            let frame = frame(&payload);
            let read = FrameHeader::decode(&header(&frame), PLACE).unwrap();
            prop_assert_eq!(read.frame_bytes(), frame.len() as u64);
            prop_assert_eq!((read.kind, read.seq, read.durable_before), (Kind::Record, Seq(9), 64));
            prop_assert_eq!(read.check_body(&frame[FRAME_HEADER_BYTES..]), Ok(()));
        }

        #[test]
        fn every_flipped_bit_is_seen(payload in prop::collection::vec(any::<u8>(), 0..40)) {
            let frame = frame(&payload);
            for bit in 0..frame.len() * 8 {
                let mut bad = frame.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                let whole = FrameHeader::decode(&header(&bad), PLACE)
                    .is_ok_and(|read| read.check_body(&bad[FRAME_HEADER_BYTES..]).is_ok());
                prop_assert!(!whole, "bit {} went unseen", bit);
            }
        }
    }

    #[test]
    fn a_frame_is_bound_to_its_place() {
        let bytes = header(&frame(b"payload"));
        for place in [Place { offset: 65, ..PLACE }, Place { salt: 1, ..PLACE }] {
            assert_eq!(FrameHeader::decode(&bytes, place), Err(NoHeader::Damaged));
        }
    }

    #[test]
    fn a_later_version_is_not_called_damage() {
        let mut bytes = header(&frame(b"payload"));
        bytes[4] = 7;
        let crc = crc_of_header(PLACE, &bytes);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(FrameHeader::decode(&bytes, PLACE), Err(NoHeader::Version(7)));
    }
}
