// validate.mjs UNPACKED: a JSON array of Kubernetes objects on stdin -> a line for
// each thing that the schema of its kind has against it: its number, kind, path, why.
//
// The schemas are functions made from Kubernetes' own OpenAPI description, and
// take fields that they do not know. So each object is handed to them in a proxy
// that notes what they look at: a field that was looked at by none is unknown.
import { readFileSync } from "node:fs";
import { register } from "node:module";
import { pathToFileURL } from "node:url";

const unpacked = pathToFileURL(process.argv[2] + "/").href;

// Where the schemas find each other, and the three helpers that they call.
const helpers = `
const whole = (low, high) => ({ validate: n =>
	Number.isInteger(n) && n >= low && n <= high });
export const formats = {
	int32: whole(-(2 ** 31), 2 ** 31 - 1),
	int64: whole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
	double: { validate: Number.isFinite },
	quantity: { validate:
		/^[+-]?(\\d+\\.?\\d*|\\.\\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\\d+)?$/ },
	byte: { validate: s => /^([\\w+/]{4})*([\\w+/]{2}(==|[\\w+/]=))?$/.test(s) },
};
export default s => [...s].length;`;
const re2 = `
export default class extends RegExp {
	constructor(pattern, flags) {
		super(pattern.replace("(?i)", ""),
			flags + (pattern.includes("(?i)") ? "i" : ""));
	}
}`;
const hook = `
const folders = [
	["kubernetes-models/", "kubernetes/"],
	["@kubernetes-models/apimachinery/", "kubernetes-apimachinery/"],
];
export const resolve = (name, context, next) => {
	if (name === "@kubernetes-models/validate/runtime/re2")
		return { url: ${JSON.stringify("data:text/javascript," +
			encodeURIComponent(re2))}, shortCircuit: true };
	if (name.startsWith("@kubernetes-models/validate"))
		return { url: ${JSON.stringify("data:text/javascript," +
			encodeURIComponent(helpers))}, shortCircuit: true };
	const folder = folders.find(f => name.startsWith(f[0]));
	return folder ? next(${JSON.stringify(unpacked)} + folder[1] +
		name.slice(folder[0].length) + ".js", context) : next(name, context);
};
export const load = (url, context, next) =>
	next(url, url.startsWith("file:") && url.includes("/unpacked/") ?
		{ ...context, format: "module" } : context);`;
register("data:text/javascript," + encodeURIComponent(hook));

async function schemaOf(o) {
	const folder = o.apiVersion.startsWith("monitoring.coreos.com/") ?
		"kubernetes-prometheus" : "kubernetes";
	const kind = `${unpacked}${folder}/${o.apiVersion}/${o.kind}.js`;
	const name = /_schemas\/(\w+)\.js/.exec(readFileSync(new URL(kind)))[1];
	return import(`${unpacked}${folder}/_schemas/${name}.js`);
}

const unknown = new Map();
function watched(value, path) {
	if (value === null || typeof value !== "object")
		return value;
	for (const key of Object.keys(value))
		unknown.set(`${path}/${key}`, true);
	const inner = {};
	return new Proxy(value, {
		get(target, key) {
			if (typeof key === "symbol" || !Object.hasOwn(target, key))
				return target[key];
			unknown.delete(`${path}/${key}`);
			return inner[key] ??= watched(target[key], `${path}/${key}`);
		},
	});
}

const objects = JSON.parse(readFileSync(0, "utf8"));
for (const [i, o] of objects.entries()) {
	const where = `${i} ${o.kind} `;
	const { validate } = await schemaOf(o);
	unknown.clear();
	if (!validate(watched(o, "")))
		for (const e of validate.errors)
			console.log(where + `${e.instancePath || "/"}: ` +
				`${e.keyword} ${JSON.stringify(e.params)}`);
	for (const path of unknown.keys())
		console.log(where + `${path}: unknown`);
}
