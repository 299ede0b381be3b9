"""The Lambda Runtime API client that runs a Python handler.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
"""
import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback

API = "/2018-06-01/runtime"


class Context:
    """What a handler gets as its second argument."""

    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        client = headers.get("Lambda-Runtime-Client-Context")
        self.client_context = json.loads(client) if client else None
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stderr.write(str(message))


class RequestID(logging.Filter):
    """Adds the current request's ID to log records."""

    current = ""

    def filter(self, record):
        record.aws_request_id = RequestID.current
        return True


class Runtime:
    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address)

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, API + path, body, headers or {})
        response = self.connection.getresponse()
        return response.headers, response.read()

    def report(self, path, error):
        body = json.dumps(error).encode()
        self.call("POST", path, body, {
            "Content-Type": "application/json",
            "Lambda-Runtime-Function-Error-Type": error["errorType"],
        })


def fault(kind, message, trace=(), request_id=""):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": list(trace)}


def load(spec):
    """Returns the handler, or None and the error of its loading."""
    name, function = spec.rsplit(".", 1)
    try:
        module = importlib.import_module(name.replace("/", "."))
    except ImportError as e:
        return None, fault("Runtime.ImportModuleError", f"Unable to import module '{name}': {e}")
    except SyntaxError as e:
        return None, fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{name}': {e}",
                           [f'  File "{e.filename}" Line {e.lineno}\n    {e.text}\n'])
    except Exception as e:
        return None, fault(type(e).__name__, str(e), traceback.format_tb(e.__traceback__))
    handler = getattr(module, function, None)
    if handler is None:
        return None, fault("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{name}'")
    return handler, None


def serve(runtime, handler):
    """Serves one invocation."""
    headers, body = runtime.call("GET", "/invocation/next")
    context = Context(headers)
    request_id = RequestID.current = context.aws_request_id
    os.environ["_X_AMZN_TRACE_ID"] = headers["Lambda-Runtime-Trace-Id"]
    error = None
    try:
        event = json.loads(body)
    except ValueError as e:
        error = fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {e}", (), request_id)
    if error is None:
        try:
            result = handler(event, context)
        except Exception as e:
            traceback.print_exc()
            trace = traceback.format_list(traceback.extract_tb(e.__traceback__)[1:])
            error = fault(type(e).__name__, str(e), trace, request_id)
    if error is None:
        try:
            payload = json.dumps(result, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as e:
            error = fault("Runtime.MarshalError", f"Unable to marshal response: {e}", (), request_id)
    if error is not None:
        runtime.report(f"/invocation/{request_id}/error", error)
        return
    runtime.call("POST", f"/invocation/{request_id}/response", payload, {"Content-Type": "application/json"})


def main():
    log = logging.StreamHandler(sys.stderr)
    log.addFilter(RequestID())
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    log.setFormatter(formatter)
    logging.getLogger().addHandler(log)
    sys.path.insert(0, os.getcwd())
    runtime = Runtime(os.environ["AWS_LAMBDA_RUNTIME_API"])
    handler, error = load(os.environ["_HANDLER"])
    if error is not None:
        runtime.report("/init/error", error)
        sys.exit(1)
    while True:
        serve(runtime, handler)


main()
