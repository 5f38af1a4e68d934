"""The gRPC face: knows the wire, limits and the taxonomy; knows no capability and no workflow."""
