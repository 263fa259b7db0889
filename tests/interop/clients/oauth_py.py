"""The authorization code of the Python SDK, run by nobody but it: an application adds a place to keep things, and a browser.

    oauth_py.py legacy|auto|2026-07-28        OAUTH has the addresses
"""

import asyncio
import json
import os
import sys
import traceback
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

PLACES = json.loads(os.environ["OAUTH"])
MODE = sys.argv[1]
REDIRECT = "http://127.0.0.1:7777/callback"


class Wallet:
    """A `TokenStorage` in memory, and the person at the browser."""

    def __init__(self):
        self.tokens = self.client = None
        self.asked = []

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info

    async def send_person(self, url):
        self.asked.append(url)

    async def await_person(self):
        """Follows redirects, with cookies, until the client's own address comes: nothing listens there."""
        url = self.asked[-1]
        async with httpx2.AsyncClient() as browser:
            for _ in range(20):
                response = await browser.get(url)
                if "location" not in response.headers:
                    raise OAuthFlowError(f"the provider shows {response.status_code} {response.text[:300]}")
                url = str(response.url.join(response.headers["location"]))
                if url.startswith(REDIRECT):
                    back = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
                    if "code" not in back:
                        raise OAuthFlowError(f"the provider says {url}")
                    return AuthorizationCodeResult(code=back["code"], state=back.get("state"), iss=back.get("iss"))
        raise OAuthFlowError("the provider redirects without end")


class Watched(httpx2.AsyncHTTPTransport):
    """Notes what is asked for and how it ends, with what the SDK asks on the way."""

    def __init__(self, visited):
        super().__init__()
        self.visited = visited

    async def handle_async_request(self, request):
        response = await super().handle_async_request(request)
        self.visited.append(f"{request.method} {request.url.path} {response.status_code}")
        return response


class App:
    """An application with one connection."""

    def __init__(self, address, refresh=True, metadata_url=None, wallet=None):
        self.wallet, self.visited = wallet or Wallet(), []
        grants = ["authorization_code", "refresh_token"] if refresh else ["authorization_code"]
        metadata = OAuthClientMetadata(client_name="interop", redirect_uris=[REDIRECT], grant_types=grants, token_endpoint_auth_method="none")
        provider = OAuthClientProvider(address, metadata, self.wallet, self.wallet.send_person, self.wallet.await_person, client_metadata_url=metadata_url)
        self.http = httpx2.AsyncClient(auth=provider, timeout=30, transport=Watched(self.visited))
        self.client = Client(streamable_http_client(address, http_client=self.http), mode=MODE)

    async def __aenter__(self):
        await self.http.__aenter__()
        await self.client.__aenter__()
        return self

    async def __aexit__(self, *failure):
        await self.client.__aexit__(*failure)
        await self.http.__aexit__(None, None, None)

    async def call(self, name, args, text):
        result = await self.client.call_tool(name, args)
        answer = "".join(block.text for block in result.content)
        assert answer == text, f"another answer: {answer}"

    async def plain(self):
        await self.call("count", {"steps": 1, "delay_ms": 0}, "counted 1")

    def question(self):
        return {name: values[0] for name, values in parse_qs(urlsplit(self.wallet.asked[-1]).query).items()}


def must_have_gone(app, steps):
    rest = iter(app.visited)
    for method, part, status in steps:
        assert any(line.startswith(method) and part in line and line.endswith(status) for line in rest), f"no {method} {part} {status} among {app.visited}"


async def call():
    """Discovery, registration, PKCE, the token, the call."""
    async with App(PLACES["a"], refresh=False) as app:
        await app.plain()
        must_have_gone(app, [("POST", "/", "401"), ("GET", "oauth-protected-resource", "200"), ("GET", "oauth-authorization-server", "200"), ("POST", "/reg", "201"), ("POST", "/token", "200"), ("POST", "/", "200")])
        asked = app.question()
        assert asked["resource"] == PLACES["a"] and asked["code_challenge_method"] == "S256" and "mcp" in asked["scope"].split(), asked
        return f"asked a person {len(app.wallet.asked)} times, for {asked['scope']}"


async def metadata_url():
    """A client that names itself by a URL does not register."""
    async with App(PLACES["a"], metadata_url=PLACES["metadataUrl"]) as app:
        await app.plain()
        assert app.question()["client_id"] == PLACES["metadataUrl"], app.question()
        assert not any("/reg " in line for line in app.visited), app.visited


async def step_up(refresh=False):
    """The token does for one tool and not for another: the SDK gets one that does."""
    async with App(PLACES["a"], refresh=refresh) as app:
        await app.plain()
        await app.call("echo", {"message": "more"}, "more")
        await app.plain()
        assert any(line.endswith(" 403") for line in app.visited), app.visited
        return f"asked for {app.question()['scope']}"


async def expiry():
    """A token that is over is not used again: it is refreshed, without a person."""
    async with App(PLACES["short"]) as app:
        await app.plain()
        first = app.wallet.tokens.access_token
        await asyncio.sleep(PLACES["seconds"] + 0.2)
        await app.plain()
        assert app.wallet.tokens.access_token != first, "the same token"
        assert len(app.wallet.asked) == 1, "a person was asked again"


async def other():
    """What is issued for one portal opens no other: the SDK is refused, and gets a token of the other's."""
    async with App(PLACES["a"], refresh=False) as app:
        await app.plain()
        stolen = app.wallet.tokens.access_token
        async with App(PLACES["b"], refresh=False, wallet=app.wallet) as thief:
            await thief.plain()
            assert thief.visited[0].endswith(" 401"), thief.visited
            assert thief.wallet.tokens.access_token != stolen, "the same token"
            assert thief.question()["resource"] == PLACES["b"], thief.question()


async def main():
    cases = {"call": call, "metadata_url": metadata_url, "step_up": step_up, "step_up_with_refresh": lambda: step_up(refresh=True), "expiry": expiry, "other": other}
    for name, run in cases.items():
        try:
            line = {"case": name, "status": "pass", "detail": await run() or ""}
        except Exception as error:
            line = {"case": name, "status": "fail", "detail": "".join(traceback.format_exception(error))[-600:]}
        print(json.dumps(line), flush=True)


asyncio.run(main())
