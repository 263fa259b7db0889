"""A FastMCP server with what profiles/kit.json of the client kit calls; it serves both eras.

    fast.py stdio            on standard input and output
    fast.py http --port N    Streamable HTTP at /mcp

FastMCP offers no resource subscriptions. It lets a tool ask in two ways: by a call of its own in the initialize era, and
by returning what it wants to know in 2026-07-28. The two asking tools do both.
"""

import argparse
import asyncio
import json

import mcp_types as types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from mcp_types import InputRequiredResult
from pydantic import BaseModel

server = FastMCP("interop-fastmcp", version="1.0.0")
calls: dict[str, str] = {}
PEOPLE = ["ada", "alan", "barbara", "grace"]
FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
SAY_SOMETHING = [types.SamplingMessage(role="user", content=types.TextContent(type="text", text="Say something"))]


class Total(BaseModel):
    total: float


class Name(BaseModel):
    name: str


def is_modern(ctx: Context) -> bool:
    return ctx.session.protocol_version == "2026-07-28"


@server.tool(output_schema=None)
def echo(message: str) -> str:
    return message


@server.tool
def sum(a: float, b: float) -> Total:
    return Total(total=a + b)


@server.tool(output_schema=None)
async def count(ctx: Context, steps: int = 5, delay_ms: int = 20) -> str:
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps)
        await asyncio.sleep(delay_ms / 1000)
    return f"counted {steps}"


@server.tool(output_schema=None)
async def ask_user(ctx: Context):
    if not is_modern(ctx):
        answer = await ctx.elicit("What is your name?", Name)
        return f"hello {answer.data.name}"
    if ctx.input_responses is None:
        params = types.ElicitRequestFormParams(message="What is your name?", requested_schema=FORM)
        return InputRequiredResult(input_requests={"who": types.ElicitRequest(params=params)})
    return f"hello {ctx.input_responses['who'].content['name']}"


@server.tool(output_schema=None)
async def ask_model(ctx: Context):
    if not is_modern(ctx):
        answer = await ctx.session.create_message(SAY_SOMETHING, max_tokens=100, related_request_id=ctx.request_id)
        return f"model said: {answer.content.text}"
    if ctx.input_responses is None:
        params = types.CreateMessageRequestParams(messages=SAY_SOMETHING, max_tokens=100)
        return InputRequiredResult(input_requests={"answer": types.CreateMessageRequest(params=params)})
    return f"model said: {ctx.input_responses['answer'].content.text}"


@server.tool(output_schema=None)
async def slow(key: str, seconds: float = 10) -> str:
    calls[key] = "running"
    try:
        await asyncio.sleep(seconds)
    except BaseException:
        calls[key] = "cancelled"
        raise
    calls[key] = "finished"
    return "slept"


@server.tool(output_schema=None)
def cancel_log() -> str:
    return json.dumps(calls)


@server.tool(output_schema=None)
async def touch_tools(ctx: Context) -> str:
    await ctx.send_notification(types.ToolListChangedNotification())
    return "changed"


@server.tool(output_schema=None)
async def log_it(ctx: Context) -> str:
    await ctx.warning("kit log line")
    return "logged"


@server.tool(output_schema=None)
def big(bytes: int) -> str:
    return "x" * bytes


@server.tool(output_schema=None)
def fail() -> str:
    raise ToolError("this tool always fails")  # any other exception is masked from the client


@server.resource("kit://text")
def kit_text() -> str:
    return "kit text"


@server.resource("kit://item/{id}")
def item(id: str) -> str:
    return f"item {id}"


@server.prompt
def greet(name: str) -> str:
    return f"Please greet {name}"


@server.completion
def complete(ref, argument, context):
    return [person for person in PEOPLE if person.startswith(argument.value)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("transport", choices=["stdio", "http"])
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    if given.transport == "stdio":
        server.run("stdio", show_banner=False)
    else:
        server.run("http", host="127.0.0.1", port=given.port, show_banner=False, log_level="error")
