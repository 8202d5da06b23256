"""The other end of `peers.Peer`, run by a peer's own Python: needs NumPy and the standard library alone.

Reads one JSON line per request from standard input and answers with one JSON line each:
``{"source": text}`` defines functions, ``{"load": name, "file": path}`` reads an array, and
``{"call": name, "arguments": [names], "repeat": n, "save": path}`` times n calls. Numbers come back in
the line, arrays in the file.
"""

import json
import os
import sys
import time
import traceback

import numpy as np

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what a library prints does not come between the answers
space, arrays = {}, {}


def answer(request):
    if "source" in request:
        exec(request["source"], space)
        return {}
    if "load" in request:
        arrays[request["load"]] = np.load(request["file"])
        return {}
    function = space[request["call"]]
    arguments = [arrays[name] for name in request["arguments"]]
    start = time.perf_counter()
    for _ in range(request["repeat"]):
        value = function(*arguments)
    seconds = (time.perf_counter() - start) / request["repeat"]
    if isinstance(value, dict):
        return {"seconds": seconds, "value": {key: float(number) for key, number in value.items()}}
    np.save(request["save"], np.asarray(value))
    return {"seconds": seconds}


for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception:
        reply = {"error": traceback.format_exc()}
    print(json.dumps(reply), file=answers, flush=True)
