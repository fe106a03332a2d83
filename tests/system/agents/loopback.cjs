// SPDX-License-Identifier: Apache-2.0
// loopback: `node -r loopback.cjs server.js` makes a server that listens on all addresses listen on
// 127.0.0.1 alone.
const net = require('node:net');

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
  if (typeof args[0] === 'number' || /^\d+$/.test(args[0])) {
    const rest = args.slice(1).filter((arg) => typeof arg === 'function');
    return listen.call(this, Number(args[0]), '127.0.0.1', ...rest);
  }
  if (args[0] && typeof args[0] === 'object' && 'port' in args[0]) args[0] = { ...args[0], host: '127.0.0.1' };
  return listen.apply(this, args);
};
