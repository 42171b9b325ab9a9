//! Protobuf with two differences from tonic's own codec.
//!
//! A message that does not decode is the caller's fault (INVALID_ARGUMENT, not INTERNAL), and it is looked through before
//! anything is allocated for it: an empty item takes two bytes on the wire and a hundred times that in memory, so the size
//! limit alone would let one request of 4 MiB take half a gigabyte.

use std::marker::PhantomData;

use prost::Message;
use prost::bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, decode_key, skip_field};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

/// Most fields at the top level of one message; an item of a list counts as one.
const FIELDS_MAX: usize = 10_000;

/// The codec of the Memory service; see the module.
#[derive(Clone, Debug)]
pub struct BoundedCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        BoundedCodec(PhantomData)
    }
}

impl<T, U> Codec for BoundedCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder(PhantomData)
    }
}

/// The decoding half.
#[derive(Clone, Debug)]
pub struct BoundedDecoder<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        decode(source.copy_to_bytes(source.remaining())).map(Some)
    }
}

fn decode<U: Message + Default>(message: Bytes) -> Result<U, Status> {
    if has_too_many_fields(message.clone()) {
        return Err(Status::invalid_argument(format!("message: must have at most {FIELDS_MAX} items")));
    }
    U::decode(message).map_err(|error| Status::invalid_argument(format!("message: {error}")))
}

/// Counts without allocating. What is malformed is left to the decoder to name.
fn has_too_many_fields(mut message: Bytes) -> bool {
    let mut fields = 0;
    while message.has_remaining() {
        let Ok((tag, wire_type)) = decode_key(&mut message) else { return false };
        if skip_field(wire_type, tag, &mut message, DecodeContext::default()).is_err() {
            return false;
        }
        fields += 1;
        if fields > FIELDS_MAX {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::proto::{StoreBatchRequest, StoreRequest};
    use proptest::prelude::*;

    #[test]
    fn a_swarm_of_empty_items_is_refused_before_it_is_built() {
        let swarm = Bytes::from([0x0a, 0x00].repeat(2 << 20));
        let refused = decode::<StoreBatchRequest>(swarm).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        assert!(refused.message().contains("at most 10000 items"), "{}", refused.message());
    }

    #[test]
    fn as_many_items_as_allowed_pass() {
        let items = Bytes::from([0x0a, 0x00].repeat(FIELDS_MAX));
        assert_eq!(decode::<StoreBatchRequest>(items).unwrap().items.len(), FIELDS_MAX);
    }

    #[test]
    fn text_that_is_not_utf8_is_the_callers_fault_and_named() {
        let refused = decode::<StoreRequest>(Bytes::from_static(&[0x0a, 0x02, 0xff, 0xfe])).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        assert!(refused.message().contains("content"), "{}", refused.message());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            if let Err(refused) = decode::<StoreBatchRequest>(Bytes::from(bytes)) {
                prop_assert_eq!(refused.code(), tonic::Code::InvalidArgument);
            }
        }
    }
}
