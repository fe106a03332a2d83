#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# socket-holder.py ADDRESS[=NAME] ...: opens sockets as a service manager does, keeps them, and passes them by
# sd_listen_fds(3) to each program that a line of standard input names: {"argv": [...], "log": FILE}.
# Says what it opened, then {"pid"} and {"status"} of each program. ADDRESS is PORT, a path, or "datagram".
import json, os, socket, sys

names, sockets, addresses = [], [], []
for word in sys.argv[1:]:
    address, _, name = word.partition('=')
    if address == 'datagram':
        one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    elif address.startswith('/'):
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        one.bind(address)
    else:
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(('127.0.0.1', int(address)))
    if address != 'datagram':
        one.listen(4096)
    sockets.append(one)
    names.append(name or 'unknown')
    addresses.append(one.getsockname())
print(json.dumps({'addresses': addresses}), flush=True)

for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        # beyond those that will be passed, so that none is overwritten before its turn
        kept = [os.dup2(one.fileno(), 100 + i) for i, one in enumerate(sockets)]
        for i, fd in enumerate(kept):
            os.dup2(fd, 3 + i, inheritable=True)
        os.closerange(3 + len(kept), 256)
        log = os.open(order['log'], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=':'.join(names))
        os.execv(order['argv'][0], order['argv'])
    print(json.dumps({'pid': pid}), flush=True)
    _, status = os.waitpid(pid, 0)
    print(json.dumps({'status': os.waitstatus_to_exitcode(status)}), flush=True)
