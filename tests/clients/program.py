"""What the programs of this folder share: each runs one of its functions against a server.

    python triton_http.py FUNCTION http://127.0.0.1:8000

A function that returns has passed; one that does not raises, with what it saw and what it expected.
"""

import asyncio
import inspect
import sys
from urllib.parse import urlsplit

import numpy as np


def run(functions):
    """Runs the function of a program that its command line names; `functions` are the program's globals()."""
    name, url = sys.argv[1:]
    function = functions[name]
    result = function(url)
    if inspect.iscoroutine(result):
        asyncio.run(result)


def host_and_port(url):
    """What clients want that take no scheme."""
    return urlsplit(url).netloc


def expect(what, seen, expected):
    """Fails where the two are not equal."""
    if seen != expected:
        raise AssertionError(f"{what}: {seen!r}, expected {expected!r}")


def expect_array(what, seen, expected):
    """Fails where the arrays differ in dtype, shape or any element."""
    if seen is None:
        raise AssertionError(f"{what}: there is no such output")
    expected = np.asarray(expected)
    expect(f"dtype of {what}", seen.dtype, expected.dtype)
    expect(f"shape of {what}", seen.shape, expected.shape)
    np.testing.assert_array_equal(seen, expected, err_msg=what)


def expect_words(what, text, *words):
    """Fails where a message lacks one of these words."""
    for word in words:
        if word not in str(text):
            raise AssertionError(f"{what}: {text!s}, expected {word!r} in it")


def rows(count, width=3):
    """`count` rows of different numbers."""
    return np.arange(count * width, dtype=np.float32).reshape(count, width)
