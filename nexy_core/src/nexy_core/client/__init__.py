"""An async client for Nexy Server: typed events, the taxonomy's retry rules, deadlines.

async with Client("127.0.0.1:50051", hardware_id="…") as client:
    async for event in client.ask("What is the capital of France?"):
        …
"""

from nexy_core.client.connection import Client
from nexy_core.client.conversation import Conversation
from nexy_core.client.errors import ClientError, client_error
from nexy_core.client.events import ActionRequest, Audio, End, Event, Metadata, Text
from nexy_core.client.retry import RetryPolicy

__all__ = [
    "ActionRequest",
    "Audio",
    "Client",
    "ClientError",
    "Conversation",
    "End",
    "Event",
    "Metadata",
    "RetryPolicy",
    "Text",
    "client_error",
]
