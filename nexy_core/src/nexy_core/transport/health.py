"""``grpc.health.v1`` and reflection, beside the service."""

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from nexy_core.transport.service import SERVICE

WHOLE_SERVER = ""


class HealthBoard:
    """What health checks see: the whole server and the service, ``Watch`` too."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._servicer = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def set_serving(self, serving: bool) -> None:
        """SERVING while every required plugin serves and nothing drains."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in (WHOLE_SERVER, SERVICE):
            await self._servicer.set(name, status)


def enable_reflection(server: grpc.aio.Server) -> None:
    """For grpcurl and the like; off in prod."""
    names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
