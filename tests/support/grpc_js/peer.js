// A service of grpc-js, and a caller: octets as messages.
//
//     node peer.js serve           writes its port, and serves until its input ends
//     node peer.js call PORT       calls in all shapes, and writes what came as JSON
"use strict";

const grpc = require("@grpc/grpc-js");

const asIs = (octets) => octets;
const SERVICE = "books.v1.Reviews";
const PATIENCE = 60_000;

function method(name, requestStream, responseStream) {
  return {
    path: `/${SERVICE}/${name}`,
    requestStream,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

const METHODS = {
  Get: method("Get", false, false),
  Fail: method("Fail", false, false),
  Wait: method("Wait", false, false),
  List: method("List", false, true),
  Sum: method("Sum", true, false),
  Chat: method("Chat", true, true),
};

const SERVED = {
  Get: (call, answer) => {
    const trailers = new grpc.Metadata();
    trailers.set("x-octets-bin", Buffer.from([0, 255, 128]));
    answer(null, call.request, trailers);
  },
  Fail: (_call, answer) => answer({ code: grpc.status.NOT_FOUND, details: "no review of «Ulysses», 100 %" }),
  Wait: () => {},
  List: (call) => {
    for (let number = 0; number < Number(call.request); number += 1) call.write(Buffer.from(String(number)));
    call.end();
  },
  Sum: (call, answer) => {
    let sum = 0;
    call.on("data", (message) => (sum += Number(message)));
    call.on("end", () => answer(null, Buffer.from(String(sum))));
  },
  Chat: (call) => {
    call.on("data", (message) => call.write(Buffer.from(message.toString().toUpperCase())));
    call.on("end", () => call.end());
  },
};

function serve() {
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
  server.addService(METHODS, SERVED);
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    process.stdout.write(`${port}\n`);
  });
  process.stdin.on("end", () => process.exit(0)).resume();
}

function unary(client, name, request, milliseconds = PATIENCE) {
  return new Promise((resolve) => {
    let came = Buffer.alloc(0);
    const call = client[name](request, { deadline: Date.now() + milliseconds }, (error, answer) => (came = answer || came));
    call.on("status", (status) => {
      const [octets] = status.metadata.get("x-octets-bin");
      const answer = came.length > 100 ? came.length : came.toString();
      resolve({ code: status.code, details: status.details, octets: octets ? octets.toString("hex") : "", answer });
    });
  });
}

function streamed(call, requests) {
  return new Promise((resolve) => {
    const answers = [];
    call.on("data", (message) => answers.push(message.toString()));
    call.on("error", () => {});
    call.on("status", (status) => resolve({ code: status.code, answers }));
    for (const request of requests) call.write(Buffer.from(request));
    if (call.end) call.end();
  });
}

async function call(port) {
  const Client = grpc.makeGenericClientConstructor(METHODS, SERVICE);
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.default_authority": "a.test",
  });
  const deadline = () => ({ deadline: Date.now() + PATIENCE });
  const found = {
    get: await unary(client, "Get", Buffer.from("hello")),
    large: await unary(client, "Get", Buffer.alloc(8 * 1024 * 1024, 7)),
    fail: await unary(client, "Fail", Buffer.from("x")),
    late: await unary(client, "Wait", Buffer.from("x"), 300),
    list: await streamed(client.List(Buffer.from("5"), deadline()), []),
    chat: await streamed(client.Chat(deadline()), ["a", "b"]),
    sum: await new Promise((resolve) => {
      const sum = client.Sum(deadline(), (error, answer) => resolve({ code: error ? error.code : 0, answer: answer && answer.toString() }));
      for (const number of ["1", "2", "39"]) sum.write(Buffer.from(number));
      sum.end();
    }),
  };
  process.stdout.write(JSON.stringify(found));
  client.close();
}

if (process.argv[2] === "serve") serve();
else call(Number(process.argv[3]));
