"""The echo service of test/support/echo-service.ts on C-core (grpcio), as raw bytes: a server, and a client with cases.

echo.py server MAX_STREAMS [HOST:PORT NAME]  prints `port N` and serves until its standard input ends, or SIGTERM
echo.py client PORT CASE    exit code 0, or 1 and what went wrong on standard error
echo.py load HOST:PORT,HOST:PORT N AUTHORITY [wait]  N unary calls at once to both in turn until its standard input ends; prints
                            `calls N ENDPOINTS` now and then: how many there were, and who answered those since the line
                            before; `wait`: calls wait where nothing can be reached
"""

import concurrent.futures
import queue
import signal
import sys
import threading
import time

import grpc

SIZES = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
FAILURE = "asked to fail: 100 % ünïcode"
SPECIAL_FAILURE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
COMPRESSIBLE = [b"z" * 100_000, b"y" * 100_000]
NAME = sys.argv[4] if len(sys.argv) > 4 and sys.argv[1] == "server" else "c-core"


def begin(context):
    metadata = context.invocation_metadata()
    echoed = tuple((key, value) for key, value in metadata if key.endswith("-bin"))
    context.send_initial_metadata((("x-endpoint", NAME),) + echoed)
    context.set_trailing_metadata((("x-trailer", NAME), ("x-trailer-bin", b"\0\1\xfe\xff")))
    asked = dict((key, value) for key, value in metadata if not key.endswith("-bin"))
    if "x-fail" in asked:
        code = next(code for code in grpc.StatusCode if code.value[0] == int(asked["x-fail"]))
        context.abort(code, dict(metadata).get("x-message-bin", FAILURE.encode()).decode())
    while "x-hang" in asked and context.is_active():
        time.sleep(0.02)
    return asked


def unary(request, context):
    begin(context)
    return request


def client_stream(requests, context):
    if "x-early" in begin(context):
        return next(requests)
    return b"".join(requests)


def server_stream(request, context):
    for _ in range(int(begin(context).get("x-count", "3"))):
        yield request


def bidi(requests, context):
    begin(context)
    yield from requests


def serve(max_streams, address):
    workers = concurrent.futures.ThreadPoolExecutor(max_workers=64)
    options = SIZES + [("grpc.max_concurrent_streams", max_streams)]
    server = grpc.server(workers, options=options, compression=grpc.Compression.Gzip)
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    port = server.add_insecure_port(address)
    server.start()
    signal.signal(signal.SIGTERM, lambda *_: server.stop(10).wait() and sys.exit(0))
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


def echoes(channel, message, **options):
    want(channel.unary_unary("/test.Echo/Unary")(message, timeout=15, **options), message, "the reply")


def empty_unary(channel):
    echoes(channel, b"")


def large_unary(channel):
    echoes(channel, bytes(range(256)) * 16384)


def joins(channel, messages, **options):
    reply = channel.stream_unary("/test.Echo/ClientStream")(iter(messages), timeout=8, **options)
    want(reply, b"".join(messages), "the reply")


def client_streaming(channel):
    joins(channel, [bytes([i % 256]) * (i * 7) for i in range(200)])


def server_streaming(channel):
    replies = channel.unary_stream("/test.Echo/ServerStream")(b"s" * 1000, timeout=8, metadata=(("x-count", "500"),))
    want(list(replies), [b"s" * 1000] * 500, "the stream")


def ping_pongs(channel, messages):
    """Sends each message when the one before it has come back."""
    waiting = queue.SimpleQueue()
    replies = channel.stream_stream("/test.Echo/Bidi")(iter(waiting.get, None), timeout=8)
    for message in messages:
        waiting.put(message)
        want(next(replies), message, "the reply")
    waiting.put(None)
    want(list(replies), [], "the rest")


def ping_pong(channel):
    ping_pongs(channel, [b"message %d" % i for i in range(50)])


def empty_stream(channel):
    ping_pongs(channel, [])


def client_compressed_unary(channel):
    echoes(channel, COMPRESSIBLE[0], compression=grpc.Compression.Gzip)


def client_compressed_streaming(channel):
    joins(channel, COMPRESSIBLE, compression=grpc.Compression.Gzip)


def server_compressed_unary(channel):
    echoes(channel, COMPRESSIBLE[0])


def server_compressed_streaming(channel):
    ping_pongs(channel, COMPRESSIBLE)


def very_large_request(channel):
    echoes(channel, bytes(range(256)) * (10 << 12))


def cacheable_unary(channel):
    for _ in range(2):
        echoes(channel, b"cache me", metadata=(("x-user-ip", "1.2.3.4"), ("cache-control", "max-age=60")))


def rpc_soak(channel):
    for i in range(10):
        echoes(channel, bytes([i]) * 271_828)


def channel_soak(_):
    for i in range(10):
        with connect() as channel:
            echoes(channel, bytes([i]) * 271_828)


def max_concurrent_streams_connection_scaling(channel):
    """Has more calls open at once than one connection to the server takes, each of them served."""
    is_over = threading.Event()

    def requests(name):
        yield name
        is_over.wait(10)

    calls = [channel.stream_stream("/test.Echo/Bidi")(requests(b"%d" % i), timeout=15) for i in range(30)]
    for i, call in enumerate(calls):
        want(next(call), b"%d" % i, f"reply {i}")
    is_over.set()
    for call in calls:
        want(list(call), [], "the rest")


def early_end(channel):
    """Goes on sending until the reply is there."""
    is_over = threading.Event()
    call = channel.stream_unary("/test.Echo/ClientStream")
    requests = iter(lambda: None if is_over.is_set() else b"e" * 10_000, None)
    reply = call(requests, timeout=8, metadata=(("x-early", "1"),))
    is_over.set()
    want(reply, b"e" * 10_000, "the reply")


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


def special_status_message(channel):
    call = channel.unary_unary("/test.Echo/Unary")
    asked = (("x-fail", "2"), ("x-message-bin", SPECIAL_FAILURE.encode()))
    error = want_failure(grpc.StatusCode.UNKNOWN, lambda: call(b"", timeout=8, metadata=asked))
    want(error.details(), SPECIAL_FAILURE, "the message")


def unimplemented_method(channel):
    want_failure(grpc.StatusCode.UNIMPLEMENTED, lambda: channel.unary_unary("/test.Echo/No")(b"", timeout=8))


def unimplemented_service(channel):
    want_failure(grpc.StatusCode.UNIMPLEMENTED, lambda: channel.unary_unary("/test.No/No")(b"", timeout=8))


def cancel_after_begin(channel):
    call = channel.stream_unary("/test.Echo/ClientStream").future(iter(lambda: time.sleep(8), None), timeout=8)
    call.cancel()
    want(call.code(), grpc.StatusCode.CANCELLED, "the status")


def cancel_after_first_response(channel):
    waiting = queue.SimpleQueue()
    waiting.put(b"hello")
    call = channel.stream_stream("/test.Echo/Bidi")(iter(waiting.get, None), timeout=8)
    want(next(call), b"hello", "the reply")
    call.cancel()
    waiting.put(None)
    want_failure(grpc.StatusCode.CANCELLED, lambda: next(call))


def timeout_on_sleeping_server(channel):
    call = channel.unary_unary("/test.Echo/Unary")
    want_failure(
        grpc.StatusCode.DEADLINE_EXCEEDED, lambda: call(b"", timeout=0.2, metadata=(("x-hang", "1"),))
    )


class Load:
    """Calls of several threads, counted."""

    def __init__(self, channel, waits):
        self.waits = waits
        self.call = channel.unary_unary("/test.Echo/Unary")
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.calls, self.endpoints, self.failures = 0, set(), []

    def run(self):
        while not self.is_over.is_set():
            try:
                _, call = self.call.with_call(b"1" * 500, wait_for_ready=self.waits)
                self.add(dict(call.initial_metadata())["x-endpoint"], None)
            except grpc.RpcError as error:
                self.add(None, error)

    def add(self, endpoint, error):
        with self.lock:
            self.calls += 1
            if error is None:
                self.endpoints.add(endpoint)
            else:
                self.failures.append(f"call {self.calls}: {error.code()} {error.details()}")
            if self.calls % 100 == 0:
                self.tell()

    def tell(self):
        print(f"calls {self.calls} {','.join(self.endpoints)}", flush=True)
        self.endpoints.clear()


def load(addresses, at_once, authority, waits):
    options = SIZES + [("grpc.default_authority", authority), ("grpc.lb_policy_name", "round_robin")]
    family = "ipv6" if addresses.startswith("[") else "ipv4"
    with grpc.insecure_channel(f"{family}:{addresses}", options=options) as channel:
        made = Load(channel, waits)
        threads = [threading.Thread(target=made.run) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        made.is_over.set()
        for thread in threads:
            thread.join()
        made.tell()
        if made.failures:
            sys.exit("\n".join(made.failures))


def connect():
    options = SIZES + [("grpc.default_authority", "echo"), ("grpc.enable_retries", 0)]
    # Each channel has a connection of its own.
    options.append(("grpc.use_local_subchannel_pool", 1))
    return grpc.insecure_channel(f"127.0.0.1:{sys.argv[2]}", options=options)


CASES = [
    empty_unary,
    large_unary,
    client_streaming,
    server_streaming,
    ping_pong,
    empty_stream,
    client_compressed_unary,
    client_compressed_streaming,
    server_compressed_unary,
    server_compressed_streaming,
    custom_metadata,
    status_code_and_message,
    special_status_message,
    unimplemented_method,
    unimplemented_service,
    cancel_after_begin,
    cancel_after_first_response,
    timeout_on_sleeping_server,
    very_large_request,
    cacheable_unary,
    rpc_soak,
    channel_soak,
    max_concurrent_streams_connection_scaling,
    early_end,
]

if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve(int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1:0")
    elif sys.argv[1] == "load":
        load(sys.argv[2], int(sys.argv[3]), sys.argv[4], "wait" in sys.argv[5:])
    else:
        case = next((case for case in CASES if case.__name__ == sys.argv[3]), None)
        if case is None:
            sys.exit(f"no case is called {sys.argv[3]}")
        with connect() as channel:
            try:
                case(channel)
            except Exception as error:
                sys.exit(str(error))
