"""A gRPC client without generated code: messages and methods come from the server's own reflection."""
import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICE = "cortexkg.v1.Memory"


class Reflected:
    """Methods of one service. Descriptors are asked for once and outlive the server that gave them."""

    def __init__(self, address, service=SERVICE):
        with grpc.insecure_channel(address) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            self.services = sorted(database.get_services())
            self.pool = descriptor_pool.DescriptorPool(database)
            # The pool asks the server only when it meets a type for the first time.
            self.methods = dict(self.pool.FindServiceByName(service).methods_by_name)
            self.types = {name: (message_factory.GetMessageClass(method.input_type),
                                 message_factory.GetMessageClass(method.output_type))
                          for name, method in self.methods.items()}
        self.service = service

    def request(self, method, **fields):
        """Request of a method; nested messages are given as dictionaries."""
        return self.types[method][0](**fields)

    def callable(self, channel, method):
        """The method on a channel, unary or streaming as the server declares it."""
        request, response = self.types[method]
        declared = self.methods[method]
        kind = f"{'stream' if declared.client_streaming else 'unary'}_{'stream' if declared.server_streaming else 'unary'}"
        return getattr(channel, kind)(f"/{self.service}/{method}", request_serializer=request.SerializeToString,
                                      response_deserializer=response.FromString)
