"""The kit's Python server (package mcp) on standard input and output instead of HTTP. It serves both eras."""

import os
import sys

sys.path.insert(0, f"{os.environ['PORTCULLIS_KIT']}/servers")
from py_server import server  # noqa: E402

server.run("stdio")
