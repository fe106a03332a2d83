// SPDX-License-Identifier: Apache-2.0
// What the suite's scenarios ask of a server: tools, resources, prompts and completions by the names and words that it
// expects. How they travel is in upstream.mjs.
//
// A tool's run gets a call: args, params, isModern, capabilities, token (of progress), tell (a notification), log (a
// line), ask (a request to the client; older revisions), stream (an event stream from now on), leave (ends the stream
// before the answer), announce (a list has changed).
import { createHmac, randomBytes } from 'node:crypto';

export class Refusal extends Error {
  constructor (code, message, { data, status = 200 } = {}) {
    super(message);
    Object.assign(this, { code, data, status });
  }
}

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

// ---- contents

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

/** A WAV file without a sample. */
function silence () {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(8000, 24);
  head.writeUInt32LE(8000, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write('data', 36);
  return head.toString('base64');
}

const text = (words) => ({ type: 'text', text: words });
const image = { type: 'image', data: PIXEL, mimeType: 'image/png' };
const resource = (uri, words, mimeType = 'text/plain') => ({ type: 'resource', resource: { uri, mimeType, text: words } });
const said = (...content) => ({ content });
const object = (properties = {}, required = []) => ({ type: 'object', properties, ...required.length > 0 ? { required } : {} });
const string = { type: 'string' };

// ---- what is wanted of the client, within a result (2026-07-28)

const secret = randomBytes(32);
const mac = (words) => createHmac('sha256', secret).update(words).digest('base64url');

function sealState (state) {
  const words = Buffer.from(JSON.stringify(state)).toString('base64url');
  return `${words}.${mac(words)}`;
}

/** The state that was sealed, or null: not one of ours. */
function openState (sealed) {
  const [words, seal] = String(sealed ?? '').split('.');
  return seal !== undefined && seal === mac(words) ? JSON.parse(Buffer.from(words, 'base64url')) : null;
}

const form = (message, schema) => ({ method: 'elicitation/create', params: { mode: 'form', message, requestedSchema: schema } });
const sampling = (words, maxTokens) => ({ method: 'sampling/createMessage', params: { messages: [{ role: 'user', content: text(words) }], maxTokens } });
const roots = { method: 'roots/list', params: {} };
const nameForm = form('What is your name?', object({ name: string }, ['name']));
const confirmForm = form('Please confirm', object({ ok: { type: 'boolean' } }, ['ok']));

const wanted = (inputRequests, state) =>
  ({ resultType: 'input_required', inputRequests, ...state !== undefined ? { requestState: sealState(state) } : {} });

const demand = (call, name) => {
  if (!call.capabilities?.[name])
    throw new Refusal(-32021, 'Missing required client capability', { data: { requiredCapabilities: { [name]: {} } }, status: 400 });
};

// ---- forms of older revisions

const defaults = object({
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
});

const options = ['option1', 'option2', 'option3'];
const titled = (kind) => ['First', 'Second', 'Third'].map((word, i) => ({ const: `value${i + 1}`, title: `${word} ${kind}` }));
const enums = object({
  untitledSingle: { type: 'string', enum: options },
  titledSingle: { type: 'string', oneOf: titled('Option') },
  legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
  untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
  titledMulti: { type: 'array', items: { anyOf: titled('Choice') } },
});

const fillIn = async (call, message, requestedSchema, word) => {
  const { action, content } = await call.ask('elicitation/create', { message, requestedSchema });
  return said(text(`${word}: action=${action}, content=${JSON.stringify(content ?? {})}`));
};

// ---- tools

/** name -> {description, inputSchema, run} */
export const tools = new Map();
const tool = (name, description, run, inputSchema = object()) => tools.set(name, { description, inputSchema, run });

tool('test_simple_text', 'Says a text', () => said(text('This is a simple text response for testing.')));
tool('test_image_content', 'Shows an image', () => said(image));
tool('test_audio_content', 'Plays a sound', () => said({ type: 'audio', data: silence(), mimeType: 'audio/wav' }));
tool('test_embedded_resource', 'Embeds a resource', () => said(resource('test://embedded-resource', 'This is an embedded resource content.')));
tool('test_multiple_content_types', 'Says, shows and embeds', () => said(text('Multiple content types test:'), image,
  resource('test://mixed-content-resource', '{"test":"data","value":123}', 'application/json')));
tool('test_tool_with_logging', 'Logs what it does', async (call) => {
  for (const line of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    call.log(line);
    await pause(50);
  }
  return said(text('It is done, and logged.'));
});
tool('test_error_handling', 'Fails', () => ({ ...said(text('This tool intentionally returns an error for testing')), isError: true }));
tool('test_tool_with_progress', 'Tells how far it is', async (call) => {
  for (const progress of [0, 50, 100]) {
    if (call.token !== undefined) call.tell('notifications/progress', { progressToken: call.token, progress, total: 100 });
    await pause(50);
  }
  return said(text('It is done.'));
});
tool('test_sampling', 'Lets the client ask its model', async (call) => {
  const { content } = await call.ask('sampling/createMessage', { messages: [{ role: 'user', content: text(call.args.prompt) }], maxTokens: 100 });
  return said(text(`LLM response: ${content?.text}`));
}, object({ prompt: string }, ['prompt']));
tool('test_elicitation', 'Asks the person', (call) =>
  fillIn(call, call.args.message, object({ username: { ...string, description: 'Their name here' }, email: { ...string, description: 'Their address' } }, ['username', 'email']), 'User response'),
object({ message: string }, ['message']));
tool('test_elicitation_sep1034_defaults', 'Asks with defaults', (call) => fillIn(call, 'Is this right?', { ...defaults, required: [] }, 'Elicitation completed'));
tool('test_elicitation_sep1330_enums', 'Asks for choices', (call) => fillIn(call, 'Which ones?', { ...enums, required: [] }, 'Elicitation completed'));
tool('json_schema_2020_12_tool', 'Has a schema of draft 2020-12', () => said(text('The arguments fit.')), {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: string, city: string } } },
  properties: { name: string, address: { $ref: '#/$defs/address' }, contactMethod: { type: 'string', enum: ['phone', 'email'] }, phone: string, email: string },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
});
tool('test_reconnection', 'Ends its stream before it answers', async (call) => {
  call.leave();
  await pause(100);
  return said(text('The answer came after the stream.'));
});
tool('test_header_tool', 'Has an argument that is a header too', (call) => said(text(`The region is ${call.args.region}.`)),
  object({ region: { ...string, 'x-mcp-header': 'Region' }, query: string }, ['region']));
tool('test_missing_capability', 'Needs a client that samples', (call) => {
  demand(call, 'sampling');
  return said(text('The client samples.'));
});
tool('test_logging_tool', 'Logs a line', (call) => {
  call.log('A line of the tool');
  return said(text('It was logged.'));
});
tool('test_streaming_elicitation', 'Streams before it asks', (call) => {
  call.log('It will ask');
  demand(call, 'elicitation');
  call.stream();
  return call.params.inputResponses ? said(text('Thank you.')) : wanted({ user_name: nameForm });
});
tool('test_trigger_tool_change', 'Announces other tools', (call) => {
  call.announce('tools');
  return said(text('It is announced.'));
});
tool('test_trigger_prompt_change', 'Announces other prompts', (call) => {
  call.announce('prompts');
  return said(text('It is announced.'));
});

const answers = (call) => call.params.inputResponses;
tool('test_input_required_result_elicitation', 'Wants a name', (call) => {
  const reply = answers(call)?.user_name;
  return reply?.action === 'accept' && typeof reply.content?.name === 'string' ? said(text(`Hello, ${reply.content.name}!`)) : wanted({ user_name: nameForm });
});
tool('test_input_required_result_sampling', 'Wants a completion', (call) => {
  const content = answers(call)?.capital_question?.content;
  return content ? said(text(`It answered: ${content.text}`)) : wanted({ capital_question: sampling('What is the capital of France?', 100) });
});
tool('test_input_required_result_list_roots', 'Wants the roots', (call) => {
  const list = answers(call)?.client_roots?.roots;
  return Array.isArray(list) ? said(text(`The roots are ${list.map(({ uri }) => uri).join(', ')}.`)) : wanted({ client_roots: roots });
});
tool('test_input_required_result_request_state', 'Leaves its state with the client', (call) =>
  answers(call) && openState(call.params.requestState)?.of === 'confirm' ? said(text('state-ok')) : wanted({ confirm: confirmForm }, { of: 'confirm' }));
tool('test_input_required_result_multiple_inputs', 'Wants three things at once', (call) => {
  const { user_name: name, greeting, client_roots: list } = answers(call) ?? {};
  return name && greeting && list && openState(call.params.requestState) ? said(text('All three have come.'))
    : wanted({ user_name: nameForm, greeting: sampling('Generate a greeting', 50), client_roots: roots }, { of: 'three' });
});
tool('test_input_required_result_multi_round', 'Wants two things, one after the other', (call) => {
  const state = openState(call.params.requestState), { step1, step2 } = answers(call) ?? {};
  if (state?.round === 2 && step2) return said(text(`${state.name} likes ${step2.content?.color}.`));
  if (state?.round === 1 && step1)
    return wanted({ step2: form('Step 2: What is your favorite color?', object({ color: string }, ['color'])) }, { round: 2, name: step1.content?.name });
  return wanted({ step1: form('Step 1: What is your name?', object({ name: string }, ['name'])) }, { round: 1 });
});
tool('test_input_required_result_tampered_state', 'Refuses a state that was changed', (call) => {
  if (call.params.requestState === undefined) return wanted({ confirm: confirmForm }, { of: 'intact' });
  if (openState(call.params.requestState) === null) throw new Refusal(-32602, 'requestState is not what this server gave');
  return said(text('The state is intact.'));
});
tool('test_input_required_result_capabilities', 'Wants only what the client can do', (call) => {
  const all = { sampling: ['greeting', sampling('Say hello', 20)], elicitation: ['user_name', nameForm], roots: ['client_roots', roots] };
  const can = Object.entries(all).filter(([name]) => call.capabilities?.[name]).map(([, entry]) => entry);
  return answers(call) || can.length === 0 ? said(text('That is enough.')) : wanted(Object.fromEntries(can));
});

// ---- resources, prompts, completions

const contents = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: PIXEL },
  'test://watched-resource': { mimeType: 'text/plain', text: 'Somebody watches this.' },
};

export const resources = Object.entries(contents).map(([uri, { mimeType }]) => ({ uri, name: uri.slice('test://'.length), description: `The resource ${uri}`, mimeType }));
export const templates = [{ uriTemplate: 'test://template/{id}/data', name: 'template', description: 'The data of an id', mimeType: 'application/json' }];

/** The contents at URI, or null. */
export function readResource (uri) {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri ?? '')?.[1];
  if (id !== undefined) return [{ uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }];
  return contents[uri] ? [{ uri, ...contents[uri] }] : null;
}

const user = (...all) => ({ messages: all.map((content) => ({ role: 'user', content })) });

/** name -> {description, arguments, get} */
export const prompts = new Map();
const prompt = (name, description, names, get) =>
  prompts.set(name, { description, arguments: names.map((one) => ({ name: one, description: `The argument ${one}`, required: true })), get });

prompt('test_simple_prompt', 'Words', [], () => user(text('This is a simple prompt for testing.')));
prompt('test_prompt_with_arguments', 'Words with two arguments', ['arg1', 'arg2'], ({ arg1, arg2 }) => user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)));
prompt('test_prompt_with_embedded_resource', 'A resource', ['resourceUri'], ({ resourceUri }) =>
  user(resource(resourceUri, 'Embedded resource content for testing.'), text('Please process the embedded resource above.')));
prompt('test_prompt_with_image', 'An image', [], () => user(image, text('Please analyze the image above.')));
prompt('test_input_required_result_prompt', 'Wants to know more first', [], (args, params) => {
  const context = params.inputResponses?.user_context?.content?.context;
  return context !== undefined ? user(text(`The context is ${context}.`))
    : wanted({ user_context: form('What context should the prompt use?', object({ context: string }, ['context'])) });
});

export function complete (begun) {
  const values = ['paris', 'park', 'party'].filter((word) => word.startsWith(begun ?? ''));
  return { completion: { values, total: values.length, hasMore: false } };
}
