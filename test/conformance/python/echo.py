"""The echo service of test/support/echo-service.ts on C-core (grpcio), as raw bytes: a server, and a client with cases.

echo.py server            prints `port N` and serves until its standard input ends
echo.py client PORT CASE  exit code 0, or 1 and what went wrong on standard error
"""

import concurrent.futures
import sys
import time

import grpc

SIZES = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
FAILURE = "asked to fail: 100 % ünïcode"


def begin(context):
    metadata = context.invocation_metadata()
    echoed = tuple((key, value) for key, value in metadata if key.endswith("-bin"))
    context.send_initial_metadata((("x-endpoint", "c-core"),) + echoed)
    context.set_trailing_metadata((("x-trailer", "c-core"), ("x-trailer-bin", b"\0\1\xfe\xff")))
    asked = dict((key, value) for key, value in metadata if not key.endswith("-bin"))
    if "x-fail" in asked:
        code = next(code for code in grpc.StatusCode if code.value[0] == int(asked["x-fail"]))
        context.abort(code, FAILURE)
    while "x-hang" in asked and context.is_active():
        time.sleep(0.02)
    return asked


def unary(request, context):
    begin(context)
    return request


def client_stream(requests, context):
    begin(context)
    return b"".join(requests)


def server_stream(request, context):
    for _ in range(int(begin(context).get("x-count", "3"))):
        yield request


def bidi(requests, context):
    begin(context)
    yield from requests


def serve():
    workers = concurrent.futures.ThreadPoolExecutor(max_workers=8)
    server = grpc.server(workers, options=SIZES, compression=grpc.Compression.Gzip)
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"port {port}", flush=True)
    sys.stdin.read()
    server.stop(0)


def want(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what} is {str(got)[:80]} instead of {str(wanted)[:80]}")


def want_failure(code, call):
    try:
        call()
    except grpc.RpcError as error:
        want(error.code(), code, "the status")
        return error
    raise AssertionError("the call did not fail")


def empty_unary(channel):
    want(channel.unary_unary("/test.Echo/Unary")(b"", timeout=8), b"", "the reply")


def large_unary(channel):
    message = bytes(range(256)) * 16384
    want(channel.unary_unary("/test.Echo/Unary")(message, timeout=8), message, "the reply")


def client_streaming(channel):
    messages = [bytes([i % 256]) * (i * 7) for i in range(200)]
    want(channel.stream_unary("/test.Echo/ClientStream")(iter(messages), timeout=8), b"".join(messages), "the reply")


def server_streaming(channel):
    replies = channel.unary_stream("/test.Echo/ServerStream")(b"s" * 1000, timeout=8, metadata=(("x-count", "500"),))
    want(list(replies), [b"s" * 1000] * 500, "the stream")


def ping_pong(channel):
    waiting = [b"message %d" % i for i in range(50)]
    want(list(channel.stream_stream("/test.Echo/Bidi")(iter(waiting), timeout=8)), waiting, "the stream")


def empty_stream(channel):
    want(list(channel.stream_stream("/test.Echo/Bidi")(iter(()), timeout=8)), [], "the stream")


def client_compressed_unary(channel):
    call = channel.unary_unary("/test.Echo/Unary")
    want(call(b"z" * 100_000, timeout=8, compression=grpc.Compression.Gzip), b"z" * 100_000, "the reply")


def client_compressed_streaming(channel):
    call = channel.stream_unary("/test.Echo/ClientStream")
    messages = [b"z" * 50_000, b"y" * 50_000]
    reply = call(iter(messages), timeout=8, compression=grpc.Compression.Gzip)
    want(reply, b"".join(messages), "the reply")


def custom_metadata(channel):
    sent = (("x-raw-bin", bytes(range(256))), ("x-text", "value"))
    reply, call = channel.unary_unary("/test.Echo/Unary").with_call(b"hello", timeout=8, metadata=sent)
    want(reply, b"hello", "the reply")
    want(dict(call.initial_metadata())["x-raw-bin"], bytes(range(256)), "x-raw-bin")
    want(dict(call.trailing_metadata())["x-trailer-bin"], b"\0\1\xfe\xff", "x-trailer-bin")


def status_code_and_message(channel):
    call = channel.unary_unary("/test.Echo/Unary")
    error = want_failure(
        grpc.StatusCode.FAILED_PRECONDITION, lambda: call(b"", timeout=8, metadata=(("x-fail", "9"),))
    )
    want(error.details(), FAILURE, "the message")


def unimplemented_method(channel):
    want_failure(grpc.StatusCode.UNIMPLEMENTED, lambda: channel.unary_unary("/test.Echo/No")(b"", timeout=8))


def unimplemented_service(channel):
    want_failure(grpc.StatusCode.UNIMPLEMENTED, lambda: channel.unary_unary("/test.No/No")(b"", timeout=8))


def cancel_after_begin(channel):
    call = channel.unary_unary("/test.Echo/Unary").future(b"", timeout=8, metadata=(("x-hang", "1"),))
    call.cancel()
    want(call.cancelled(), True, "the call's cancellation")


def timeout_on_sleeping_server(channel):
    call = channel.unary_unary("/test.Echo/Unary")
    want_failure(
        grpc.StatusCode.DEADLINE_EXCEEDED, lambda: call(b"", timeout=0.2, metadata=(("x-hang", "1"),))
    )


CASES = [
    empty_unary,
    large_unary,
    client_streaming,
    server_streaming,
    ping_pong,
    empty_stream,
    client_compressed_unary,
    client_compressed_streaming,
    custom_metadata,
    status_code_and_message,
    unimplemented_method,
    unimplemented_service,
    cancel_after_begin,
    timeout_on_sleeping_server,
]

if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve()
    elif sys.argv[1] == "cases":
        print("\n".join(case.__name__ for case in CASES))
    else:
        case = next(case for case in CASES if case.__name__ == sys.argv[3])
        options = SIZES + [("grpc.default_authority", "echo"), ("grpc.enable_retries", 0)]
        with grpc.insecure_channel(f"127.0.0.1:{sys.argv[2]}", options=options) as channel:
            try:
                case(channel)
            except Exception as error:
                sys.exit(str(error))
