// The Lambda Runtime API client that runs a Node.js handler.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";

const env = process.env;
const [host, port] = env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, route, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host, port, agent, method, path: "/2018-06-01/runtime" + route, headers },
      (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
        response.on("error", reject);
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

function fault(error, kind) {
  if (error instanceof Error) {
    return { errorType: kind ?? error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
  }
  return { errorType: kind ?? typeof error, errorMessage: String(error), trace: [] };
}

function report(route, body) {
  return call("POST", route, JSON.stringify(body), {
    "Content-Type": "application/json",
    "Lambda-Runtime-Function-Error-Type": body.errorType,
  });
}

// An error with a name of the runtime's own.
function named(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

async function load(spec) {
  const dot = spec.lastIndexOf(".");
  const [name, key] = [spec.slice(0, dot), spec.slice(dot + 1)];
  const file = [".mjs", ".cjs", ".js"].map((ending) => path.resolve(name + ending)).find((f) => fs.existsSync(f));
  if (file === undefined) {
    throw named("Runtime.ImportModuleError", `Error: Cannot find module '${name}'`);
  }
  let module;
  try {
    module = await import(pathToFileURL(file));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw named("Runtime.UserCodeSyntaxError", `SyntaxError: ${error.message}`);
    }
    if (error?.code === "ERR_MODULE_NOT_FOUND" || error?.code === "MODULE_NOT_FOUND") {
      throw named("Runtime.ImportModuleError", `Error: ${error.message}`);
    }
    throw error;
  }
  const handler = module[key] ?? module.default?.[key];
  if (handler === undefined) {
    throw named("Runtime.HandlerNotFound", `${spec} is undefined or not exported`);
  }
  if (typeof handler !== "function") {
    throw named("Runtime.HandlerNotFound", `${spec} is not a function`);
  }
  return handler;
}

// The invocation that is being served: its ID, and what to do when nothing is
// left for the event loop.
let current = null;

function makeContext(headers, settle) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const client = headers["lambda-runtime-client-context"];
  return {
    callbackWaitsForEmptyEventLoop: true,
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: client ? JSON.parse(client) : undefined,
    identity: undefined,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done: (error, result) => settle(error, result, false),
    succeed: (result) => settle(null, result, false),
    fail: (error) => settle(error ?? "handled", undefined, false),
  };
}

// Runs the handler: a promise it returns counts, else its callback, else the end
// of its work.
function run(handler, event, headers) {
  return new Promise((resolve, reject) => {
    let ended = null;
    const finish = () => {
      const [error, result] = ended ?? [null, null];
      error === null || error === undefined ? resolve(result) : reject(error);
    };
    const settle = (error, result, wait) => {
      ended ??= [error, result];
      if (!wait) finish();
    };
    current = { id: headers["lambda-runtime-aws-request-id"], idle: finish };
    const context = makeContext(headers, settle);
    const callback = (error, result) => settle(error, result, context.callbackWaitsForEmptyEventLoop);
    const returned = handler(event, context, callback);
    if (typeof returned?.then === "function") {
      current.idle = null;
      returned.then(resolve, reject);
    }
  });
}

async function serve(handler) {
  const { headers, body } = await call("GET", "/invocation/next");
  const route = "/invocation/" + headers["lambda-runtime-aws-request-id"];
  env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
  let answer;
  try {
    const result = await run(handler, JSON.parse(body), headers);
    answer = JSON.stringify(result === undefined ? null : result);
    if (answer === undefined) throw named("Runtime.MarshalError", "Unable to stringify response body");
  } catch (error) {
    console.error(error);
    await report(route + "/error", fault(error));
    return;
  } finally {
    current = null;
  }
  await call("POST", route + "/response", answer, { "Content-Type": "application/json" });
}

async function die(error, kind) {
  console.error(error);
  const route = current ? `/invocation/${current.id}/error` : "/init/error";
  try {
    await report(route, fault(error, kind));
  } finally {
    process.exit(1);
  }
}

process.on("beforeExit", () => current?.idle?.());
process.on("uncaughtException", (error) => die(error));
process.on("unhandledRejection", (error) => die(error, "Runtime.UnhandledPromiseRejection"));

let handler;
try {
  handler = await load(env._HANDLER);
} catch (error) {
  await die(error);
}
for (;;) await serve(handler);
