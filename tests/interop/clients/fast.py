"""The FastMCP client. The address may also be sse:http://... or stdio:["command","argument",...].

It has no call for `subscriptions/listen`, so in mode modern it watches nothing.
"""

import json
import os
import sys
from contextlib import asynccontextmanager

import mcp_types as types
from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport

sys.path.insert(0, f"{os.environ['PORTCULLIS_KIT']}/lib")
from cases import Failed, fill_form, main  # noqa: E402


def transport_to(address):
    scheme, _, rest = address.partition(":")
    if scheme == "sse":
        return SSETransport(rest)
    if scheme == "stdio":
        command, *args = json.loads(rest)
        return StdioTransport(command, args, env=dict(os.environ), keep_alive=False)
    return StreamableHttpTransport(address)


class Adapter:
    def __init__(self, client, logs, heard):
        self.client, self.logs, self.heard = client, logs, heard
        self.version = client.protocol_version
        self.server = client.server_info.name if client.server_info else None
        self.modern = self.version == "2026-07-28"

    async def tool_names(self):
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, name, args, progress=None):
        return await self.client.call_tool_mcp(name, args, progress_handler=progress, meta=self.log_level())

    def log_level(self):
        return {"io.modelcontextprotocol/logLevel": "debug"} if self.modern else None

    async def set_level(self, level):
        if not self.modern:
            await self.client.set_logging_level(level)

    async def read(self, uri):
        return await self.client.session.read_resource(uri)

    async def prompt(self, name, args):
        return await self.client.get_prompt(name, args)

    async def complete(self, prompt, argument, value):
        result = await self.client.complete(types.PromptReference(type="ref/prompt", name=prompt), {"name": argument, "value": value})
        return result.values

    @asynccontextmanager
    async def watching(self, changed, tools=False, uri=None):
        if self.modern:
            raise Failed("this client cannot listen")
        self.heard.append(changed)
        if uri:
            await self.client.session.subscribe_resource(uri)
        yield
        if uri:
            await self.client.session.unsubscribe_resource(uri)
        self.heard.remove(changed)


@asynccontextmanager
async def connect(address, mode):
    logs, heard = [], []

    async def elicit(message, response_type, params, context):
        return fill_form(getattr(params, "requested_schema", None))

    async def sample(messages, params, context):
        return "forty-two"

    async def log(line):
        logs.append(line.data)

    async def message(received):
        for changed in list(heard):
            if isinstance(received, types.ToolListChangedNotification):
                changed("tools")
            if isinstance(received, types.ResourceUpdatedNotification):
                changed(str(received.params.uri))

    client = Client(transport_to(address), mode={"default": "auto", "modern": "2026-07-28"}.get(mode, mode), roots=["file:///kit"],
                    elicitation_handler=elicit, sampling_handler=sample, log_handler=log, message_handler=message, cache=False)
    async with client:
        yield Adapter(client, logs, heard)


if __name__ == "__main__":
    main(connect)
