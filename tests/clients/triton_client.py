"""What the programs of tritonclient share. Its modules, one for each protocol and for asyncio, have the same names."""

from tritonclient.utils import InferenceServerException

from program import host_and_port


def client_of(triton, server, **options):
    """A client of a module of tritonclient."""
    return triton.InferenceServerClient(host_and_port(server), **options)


def given(triton, name, datatype, array, **options):
    """An input that holds an array."""
    tensor = triton.InferInput(name, array.shape, datatype)
    tensor.set_data_from_numpy(array, **options)
    return tensor


def refusal_of(call):
    """The exception that a call ends in."""
    try:
        call()
    except InferenceServerException as refusal:
        return refusal
    raise AssertionError("it was not refused")


async def refusal_awaited(call):
    """The exception that an awaitable ends in."""
    try:
        await call
    except InferenceServerException as refusal:
        return refusal
    raise AssertionError("it was not refused")
