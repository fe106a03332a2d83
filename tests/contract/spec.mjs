// SPDX-License-Identifier: Apache-2.0
// spec: schema/openapi.yaml as data: its operations, its schemas, and whether an answer keeps to it.
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const here = dirname(fileURLToPath(import.meta.url));
export const specFile = process.env.CONTRACT_OPENAPI ?? join(here, '..', '..', 'schema', 'openapi.yaml');
export const readSpec = () => parse(readFileSync(specFile, 'utf8'));

const methods = ['get', 'post', 'put', 'patch', 'delete'];

// Answers that mean a fault on our side, whoever declares them.
const faults = new Set([500, 501, 502, 503, 504, 507]);

export class Spec {
  constructor (doc = readSpec()) {
    this.doc = doc;
    this.ajv = new Ajv({ strict: false, allErrors: false, validateFormats: true });
    addFormats(this.ajv);
    this.ajv.addSchema(doc, 'openapi');
    this.validators = new Map();
    this.operations = Object.entries(doc.paths).flatMap(([path, item]) =>
      methods.filter((method) => item[method]).map((method) => this.#operation(path, item, method)));
  }

  resolve (value) {
    while (value?.$ref) value = value.$ref.slice(2).split('/').reduce((at, key) => at[key.replaceAll('~1', '/').replaceAll('~0', '~')], this.doc);
    return value;
  }

  #operation (path, item, method) {
    const op = item[method];
    const parameters = [...(item.parameters ?? []), ...(op.parameters ?? [])].map((one) => this.resolve(one));
    const responses = Object.fromEntries(Object.entries(op.responses).map(([status, one]) => [status, this.resolve(one)]));
    return {
      id: op.operationId,
      method: method.toUpperCase(),
      path,
      auth: op['x-auth'] ?? 'user',
      scope: op['x-scope'] ?? (op['x-auth'] === 'none' ? null : method === 'get' ? 'read' : 'write'),
      idempotent: op['x-idempotent'] ?? false,
      ifMatch: op['x-if-match'] ?? false,
      rest: op['x-rest'] ?? false,
      passes: op['x-passes'] ?? false,
      events: op['x-events'] ?? null,
      in: (place) => parameters.filter((one) => one.in === place),
      body: op.requestBody?.content?.['application/json']?.schema ?? null,
      bytes: Boolean(op.requestBody?.content?.['*/*']),
      responses,
      streams: (op['x-passes'] ?? false) || Object.values(responses).some((one) => one.content?.['text/event-stream']),
    };
  }

  operation (id) { return this.operations.find((op) => op.id === id); }

  /** Why VALUE does not fit SCHEMA, or null. */
  misfit (schema, value) {
    const key = schema.$ref ?? schema;
    let validate = this.validators.get(key);
    if (!validate) {
      validate = this.ajv.compile(JSON.parse(JSON.stringify(schema), (name, inner) => name === '$ref' ? `openapi${inner}` : inner));
      this.validators.set(key, validate);
    }
    return validate(value) ? null : this.ajv.errorsText(validate.errors, { dataVar: '' });
  }

  /** The response that OP declares for STATUS, else the one that any operation may give. */
  response (op, status) {
    return op.responses[status] ?? this.resolve(this.doc['x-statuses']?.[status]?.response) ?? null;
  }

  /** What is wrong with an answer to OP: a list of words. REPLY: {status, headers, text, json}. */
  complaints (op, reply) {
    const found = [];
    const declared = this.response(op, reply.status);
    const type = (reply.headers['content-type'] ?? '').split(';')[0].trim();
    if (faults.has(reply.status) && !op.responses[reply.status]) found.push(`status ${reply.status} is a fault`);
    if (!reply.headers['x-request-id']) found.push('no X-Request-Id');
    if (!declared) return [...found, `status ${reply.status} is not declared`];
    for (const [name, header] of Object.entries(declared.headers ?? {})) {
      const value = reply.headers[name.toLowerCase()];
      if (value === undefined) { if (this.resolve(header).required) found.push(`no ${name} with ${reply.status}`); continue; }
      const why = this.misfit(this.resolve(header).schema, Array.isArray(value) ? value[0] : value);
      if (why) found.push(`${name}: ${why}`);
    }
    if (!declared.content) {
      if (reply.text) found.push(`a body where ${reply.status} has none`);
      return found;
    }
    if (op.method === 'HEAD' || reply.cut) return found;
    const media = declared.content[type] ?? declared.content['*/*'];
    if (!media) return [...found, `media type "${type}" of ${reply.status} is not declared`];
    if (type.endsWith('json')) found.push(...this.#body(media.schema, reply, type));
    return found;
  }

  #body (schema, reply, type) {
    const found = [];
    const why = this.misfit(schema, reply.json);
    if (why) found.push(`body of ${reply.status}: ${why}`);
    if (type !== 'application/problem+json') return found;
    if (reply.json?.status !== reply.status) found.push(`the problem says ${reply.json?.status}, the answer ${reply.status}`);
    if (reply.json?.request_id !== reply.headers['x-request-id']) found.push('the problem names another request');
    return found;
  }

  /** What is wrong with an event of a stream of OP: {event, data, id}. */
  eventComplaints (op, { event, data, id }) {
    const schema = op.events?.[event];
    if (!schema) return [`event ${event} is not declared`];
    const why = this.misfit(schema, data);
    const found = why ? [`${event}: ${why}`] : [];
    if (op.id === 'streamConversation' && data.seq !== undefined && String(data.seq) !== id) found.push(`${event}: id ${id}, seq ${data.seq}`);
    if (op.id === 'streamCaller' && id !== null) found.push(`${event}: it has an id`);
    return found;
  }
}
