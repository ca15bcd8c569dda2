// The service's JavaScript client: calls the service that this module was loaded from. Types: digits.d.ts.

import { connect as connectTo } from "./client/client.js";

export { Problem } from "./client/problem.js";

const service = new URL("..", import.meta.url); // this module is <service>/static/digits.js, also behind a path prefix

export const connect = (defaults) => connectTo({ service, ...defaults });
export const { predict, read, readDocument, readAll, explain, correct, ready, models, health } = connect();
