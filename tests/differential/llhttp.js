// llhttp.js - tells how Node's HTTP server (llhttp) takes connections apart, for
// tests/differential: reads cases as frame.c does, and writes a line of JSON for
// each: the requests it found, and an error or null. An answer that the server
// gives by itself counts as one.
"use strict";
const http = require("http");
const { Duplex } = require("stream");

class Wire extends Duplex {
	constructor() {
		super();
		this.said = "";
	}
	_read() {}
	_write(chunk, encoding, done) {
		this.said += chunk.toString("latin1");
		done();
	}
	setTimeout() {}
	setKeepAlive() {}
	setNoDelay() {}
	ref() {}
	unref() {}
}

let seen, activity;

function take(request, answer) {
	const r = {
		method: request.method,
		target: request.url,
		body: "",
		whole: false,
	};
	const parts = [];
	seen.requests.push(r);
	activity++;
	request.on("data", (d) => {
		parts.push(d);
		activity++;
	});
	request.on("error", () => {});
	request.on("end", () => {
		r.body = Buffer.concat(parts).toString("hex");
		r.whole = true;
		activity++;
		answer.end();
	});
}

const server = http.createServer(take);
server.on("checkContinue", take);
server.on("checkExpectation", take);
server.on("connect", (request, socket) => {
	seen.requests.push({ method: "CONNECT", target: request.url, body: "",
		whole: true });
	seen.error = "CONNECT";
	socket.destroy();
});
server.on("clientError", (error) => {
	// the connection stays, so that what came before is told of
	seen.error = seen.error || error.code || String(error);
	activity++;
});

const tick = () => new Promise(setImmediate);

async function run(bytes) {
	const wire = new Wire();
	seen = { requests: [], error: null };
	wire.on("error", () => {});
	server.emit("connection", wire);
	wire.push(bytes);
	for (let quiet = 0, last = -1; quiet < 4; quiet++) {
		await tick();
		if (last !== activity)
			quiet = 0;
		last = activity;
	}
	// such as for a missing Host, which no event tells of
	const own = wire.said.match(/HTTP\/1\.1 (4\d\d)/);
	if (own && !seen.error)
		seen.error = "answered " + own[1];
	const result = JSON.stringify(seen);
	wire.destroy();
	return result;
}

async function main() {
	const chunks = [];
	for await (const c of process.stdin)
		chunks.push(c);
	const all = Buffer.concat(chunks);
	activity = 0;
	for (let at = 0; at + 4 <= all.length;) {
		const n = all.readUInt32LE(at);
		console.log(await run(all.subarray(at + 4, at + 4 + n)));
		at += 4 + n;
	}
	process.exit(0);
}

main();
